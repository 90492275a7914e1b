#!/usr/bin/env python3
"""Writes tests/embed/weights/names.zip: names and dims of the tensors that other libraries' classes save, a text each: make_names.py FILE.zip.

The first line of a text is what Keel is to find: architecture, channels and classes. Wants torch, torchvision, timm, monai, torchxrayvision and
transformers; what was used is in the member VERSIONS.
"""
import sys
import zipfile

import monai
import timm
import torch
import torchvision
import torchxrayvision
import transformers


def chexnet():
    """The layout of the published CheXNet checkpoints: DataParallel around a module around torchvision's DenseNet, with its oldest names."""
    model = torchvision.models.densenet121()
    model.classifier = torch.nn.Sequential(torch.nn.Linear(1024, 14), torch.nn.Sigmoid())
    named = {}
    for name, tensor in model.state_dict().items():
        if "denselayer" in name:
            for layer in ("norm1", "norm2", "conv1", "conv2"):
                name = name.replace(f".{layer}.", f".{layer[:-1]}.{layer[-1]}.")
        if not name.endswith("num_batches_tracked"):  # PyTorch 0.4 and after have it
            named["module.densenet121." + name] = tensor
    return named


def xrv_densenet():
    model = torchxrayvision.models.DenseNet(num_classes=18, in_channels=1)
    return {**model.state_dict(), "op_threshs": torch.zeros(18)}


def xrv_resnet():
    model = torchvision.models.resnet50(num_classes=18)  # what torchxrayvision.models.ResNet makes before it downloads weights
    model.conv1 = torch.nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3, bias=False)
    return {**{"model." + name: tensor for name, tensor in model.state_dict().items()}, "op_threshs": torch.zeros(18)}


def huggingface(kind, depths, widths):
    config = transformers.ResNetConfig(layer_type=kind, depths=depths, hidden_sizes=widths, num_labels=7)
    return transformers.ResNetForImageClassification(config).state_dict()


def lightning():
    named = {"model." + name: tensor for name, tensor in torchvision.models.resnet34(num_classes=14).state_dict().items()}
    return {"ema_model.module.0": torch.zeros(1), **named, "criterion.pos_weight": torch.zeros(14), "train_acc.tp": torch.zeros(14)}


NETS = monai.networks.nets
STATES = {
    "torchvision densenet169": ("densenet169 3 20", lambda: torchvision.models.densenet169(num_classes=20).state_dict()),
    "torchvision vgg16_bn": ("vgg16_bn 3 20", lambda: torchvision.models.vgg16_bn(num_classes=20).state_dict()),
    "timm resnet152": ("resnet152 3 20", lambda: timm.create_model("resnet152", num_classes=20).state_dict()),
    "timm densenet161": ("densenet161 3 20", lambda: timm.create_model("densenet161", num_classes=20).state_dict()),
    "timm vgg16": ("vgg16 3 20", lambda: timm.create_model("vgg16", num_classes=20).state_dict()),
    "timm vgg16_bn": ("vgg16_bn 3 20", lambda: timm.create_model("vgg16_bn", num_classes=20).state_dict()),
    "MONAI DenseNet121": ("densenet121 1 5", lambda: NETS.DenseNet121(spatial_dims=2, in_channels=1, out_channels=5).state_dict()),
    "MONAI DenseNet201": ("densenet201 3 5", lambda: NETS.DenseNet201(spatial_dims=2, in_channels=3, out_channels=5).state_dict()),
    "torchxrayvision DenseNet": ("densenet121 1 18", xrv_densenet),
    "torchxrayvision ResNet": ("resnet50 1 18", xrv_resnet),
    "transformers resnet18": ("resnet18 3 7", lambda: huggingface("basic", [2, 2, 2, 2], [64, 128, 256, 512])),
    "transformers resnet50": ("resnet50 3 7", lambda: huggingface("bottleneck", [3, 4, 6, 3], [256, 512, 1024, 2048])),
    "CheXNet": ("densenet121 3 14", chexnet),
    "Lightning resnet34": ("resnet34 3 14", lightning),
}


def main():
    with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        def add(name, text):
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), text, zipfile.ZIP_DEFLATED, 9)
        versions = {each.__name__: each.__version__ for each in (torch, torchvision, timm, monai, torchxrayvision, transformers)}
        add("VERSIONS", "".join(f"{name} {version}\n" for name, version in versions.items()))
        for title, (found, make) in STATES.items():
            lines = [f"{name} {' '.join(map(str, tensor.shape))}".strip() for name, tensor in make().items()]
            add(title, "\n".join([found, *lines]) + "\n")


if __name__ == "__main__":
    main()
