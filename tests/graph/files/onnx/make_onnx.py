#!/usr/bin/env python3
"""make_onnx.py: writes the small ONNX files beside it with the exporters of PyTorch.

Run by Debian's Python with PyTorch 1.13 it writes NAME.torch1.onnx (the exporter that traces TorchScript), by one with PyTorch 2.5 or
later, onnx and onnxscript NAME.torch2.onnx (the exporter called dynamo) and NAME.safetensors: `input`, and what PyTorch makes of it in
float64 as `output`. Weights come from Python's own generator, so that both export the same model. Of the dynamo exporter's
files what it noted of Python's stack is taken out: it is most of them, and names the folders of who ran it."""
import json
import math
import pathlib
import random
import struct
import sys

import numpy
import torch
from torch import nn
from torch.nn import functional as F

HERE = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
HERE = HERE if HERE.is_dir() else HERE.parent
OLD = torch.__version__.startswith("1.")


def conv_norm(ic, oc, kernel=3, stride=1, padding=None, groups=1, dilation=1):
    padding = kernel // 2 if padding is None else padding
    return nn.Sequential(nn.Conv2d(ic, oc, kernel, stride, padding, dilation, groups, bias=False), nn.BatchNorm2d(oc))


class Plain(nn.Module):
    """Convolutions, batch norms, ReLU, a pool, a residual, a linear layer behind a flattened map."""

    def __init__(self):
        super().__init__()
        self.stem = conv_norm(3, 8, 5, 2)
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.one, self.two = conv_norm(8, 8), conv_norm(8, 8)
        self.fc1, self.fc2 = nn.Linear(8 * 3 * 4, 10), nn.Linear(10, 5)
        self.dropout = nn.Dropout()

    def forward(self, x):
        x = self.pool(F.relu(self.stem(x)))
        x = F.relu(self.two(F.relu(self.one(x))) + x)
        return self.fc2(self.dropout(F.relu(self.fc1(torch.flatten(x, 1)))))


class Mobile(nn.Module):
    """Depthwise convolutions, hard swish, squeeze and excite, ReLU6."""

    def __init__(self):
        super().__init__()
        self.stem, self.expand = conv_norm(3, 8, 3, 2), conv_norm(8, 16, 1)
        self.depthwise, self.project = conv_norm(16, 16, 5, 1, None, 16), conv_norm(16, 8, 1)
        self.squeeze, self.excite = nn.Conv2d(16, 4, 1), nn.Conv2d(4, 16, 1)
        self.strided, self.last = conv_norm(8, 8, 3, 2, None, 8), conv_norm(8, 12, 1)
        self.classifier = nn.Linear(12, 4)

    def forward(self, x):
        x = F.hardswish(self.stem(x))
        y = F.hardswish(self.depthwise(F.relu6(self.expand(x))))
        gate = self.excite(F.relu(self.squeeze(F.adaptive_avg_pool2d(y, 1))))
        x = x + self.project(y * F.hardsigmoid(gate))
        x = F.relu6(self.last(F.silu(self.strided(x))))
        return self.classifier(x.mean([2, 3]))


class Shuffle(nn.Module):
    """Channel splits, shuffles and concatenations of ShuffleNetV2."""

    def __init__(self):
        super().__init__()
        self.stem = conv_norm(3, 16, 3, 2)
        self.one, self.two, self.three = conv_norm(8, 8, 1), conv_norm(8, 8, 3, 1, None, 8), conv_norm(8, 8, 1)
        self.grouped = conv_norm(16, 12, 3, 1, None, 4)
        self.classifier = nn.Linear(12, 4)

    def shuffle(self, x):
        n, c, h, w = x.shape
        return x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, -1, h, w)

    def forward(self, x):
        x = F.relu(self.stem(x))
        left, right = x.chunk(2, dim=1)
        right = F.relu(self.three(self.two(F.relu(self.one(right)))))
        x = self.shuffle(torch.cat((left, right), 1))
        return self.classifier(F.relu(self.grouped(x)).mean((2, 3)))


class Dense(nn.Module):
    """Two dense layers and a transition: batch norms in front of convolutions, concatenations."""

    def __init__(self):
        super().__init__()
        self.stem = conv_norm(3, 8, 3, 2)
        self.norm1, self.conv1 = nn.BatchNorm2d(8), nn.Conv2d(8, 4, 3, 1, 1, bias=False)
        self.norm2, self.conv2 = nn.BatchNorm2d(12), nn.Conv2d(12, 4, 3, 1, 1, bias=False)
        self.norm3, self.conv3 = nn.BatchNorm2d(16), nn.Conv2d(16, 8, 1, bias=False)
        self.norm4, self.classifier = nn.BatchNorm2d(8), nn.Linear(8, 4)

    def forward(self, x):
        x = F.relu(self.stem(x))
        x = torch.cat([x, self.conv1(F.relu(self.norm1(x)))], 1)
        x = torch.cat([x, self.conv2(F.relu(self.norm2(x)))], 1)
        x = F.avg_pool2d(self.conv3(F.relu(self.norm3(x))), 2, 2)
        return self.classifier(torch.flatten(F.adaptive_avg_pool2d(F.relu(self.norm4(x)), (1, 1)), 1))


class Inception(nn.Module):
    """Asymmetric kernels and paddings, dilation, pools as branches, a concatenation of four."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 6, (1, 3), padding=(0, 1)), nn.Conv2d(6, 6, (3, 1), (2, 1), (1, 0))
        self.c, self.d = nn.Conv2d(3, 5, (3, 5), 2, (1, 2)), nn.Conv2d(3, 4, 3, (2, 1), (2, 1), (2, 1))
        self.e, self.classifier = nn.Conv2d(17, 8, 1), nn.Linear(8, 4)

    def forward(self, x):
        one = F.relu(self.b(F.relu(self.a(x))))[:, :, :, ::2]
        two, three = F.relu(self.c(x)), self.d(x)[..., ::2]
        four = F.max_pool2d(x[:, 1:], 3, 2, 1)
        x = torch.cat([one, two, three, four], 1)
        return self.classifier(F.relu(self.e(x)).mean(-1).mean(-1))


class LayerNorm2d(nn.LayerNorm):
    def forward(self, x):
        return F.layer_norm(x.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.bias, self.eps).permute(0, 3, 1, 2)


class Convnext(nn.Module):
    """ConvNeXt: layer norms over channels, permutations, linear layers on maps, GELU, a scale of each channel."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm1 = nn.Conv2d(3, 8, 4, 4), LayerNorm2d(8, eps=1e-6)
        self.depthwise, self.norm2 = nn.Conv2d(8, 8, 7, padding=3, groups=8), nn.LayerNorm(8, eps=1e-6)
        self.fc1, self.fc2 = nn.Linear(8, 16), nn.Linear(16, 8)
        self.scale = nn.Parameter(torch.ones(8, 1, 1))
        self.norm3, self.classifier = LayerNorm2d(8, eps=1e-6), nn.Linear(8, 4)

    def forward(self, x):
        x = self.norm1(self.stem(x))
        y = self.norm2(self.depthwise(x).permute(0, 2, 3, 1))
        y = self.fc2(F.gelu(self.fc1(y))).permute(0, 3, 1, 2)
        x = x + self.scale * y
        return self.classifier(torch.flatten(self.norm3(F.adaptive_avg_pool2d(x, 1)), 1))


class Resize(nn.Module):
    """Nearest and linear resizing, by factors and to extents, and skip connections."""

    def __init__(self):
        super().__init__()
        self.down, self.mid, self.up = nn.Conv2d(3, 6, 3, 2, 1), nn.Conv2d(6, 6, 3, 2, 1), nn.Conv2d(12, 4, 3, 1, 1)

    def forward(self, x):
        a = F.relu(self.down(x))
        b = F.relu(self.mid(a))
        near = F.interpolate(b, scale_factor=2, mode="nearest")
        linear = F.interpolate(a, size=(9, 11), mode="bilinear", align_corners=False)
        corners = F.interpolate(self.up(torch.cat([near, a], 1)), size=(9, 11), mode="bilinear", align_corners=True)
        return torch.cat([linear, corners], 1)


class Norms(nn.Module):
    """Group and instance norms."""

    def __init__(self):
        super().__init__()
        self.stem, self.group = nn.Conv2d(3, 8, 3, 2, 1), nn.GroupNorm(2, 8)
        self.conv, self.instance = nn.Conv2d(8, 6, 3, 1, 1), nn.InstanceNorm2d(6, affine=True)
        self.last, self.plain = nn.Conv2d(6, 4, 1), nn.InstanceNorm2d(4)

    def forward(self, x):
        x = F.relu(self.group(self.stem(x)))
        x = F.relu(self.instance(self.conv(x)))
        return self.plain(self.last(x)).amax((2, 3))


class Activations(nn.Module):
    """One of each activation."""

    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(3 if i == 0 else 4, 4, 1) for i in range(10))
        self.prelu, self.prelu1 = nn.PReLU(4), nn.PReLU(1)

    def forward(self, x):
        functions = [lambda v: F.leaky_relu(v, 0.1), self.prelu, F.elu, lambda v: torch.clamp(v, -0.5, 0.75), F.silu, torch.tanh,
                     self.prelu1, torch.sigmoid, lambda v: torch.clamp(v, min=-0.25), lambda v: F.elu(v, 0.5)]
        for conv, function in zip(self.convs, functions):
            x = function(conv(x) * 1.5)
        return torch.sqrt(x.pow(2).mean((2, 3)) + 1e-3) / (x.mean((2, 3)).abs() + 1)


class Pools(nn.Module):
    """Pools with ceil_mode, count_include_pad, dilation, windows that are not square."""

    def __init__(self):
        super().__init__()
        self.stem, self.classifier = nn.Conv2d(3, 6, 3, 1, 1), nn.Linear(12, 4)

    def forward(self, x):
        x = self.stem(x)
        a = F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=True)
        b = F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False)
        c = F.max_pool2d(x, 3, 2, 1, ceil_mode=True)
        d = F.avg_pool2d(F.max_pool2d(x, (3, 2), (2, 3), (1, 0), ceil_mode=True), (2, 1), 1, 0)
        x = a + b * c
        return self.classifier(torch.cat([x.mean((2, 3)), F.adaptive_max_pool2d(d, 1).flatten(1)], 1))


class LrnFunction(torch.autograd.Function):
    """A local response norm that the old exporter writes as ONNX's operator; of PyTorch's own it makes a branch (If)."""

    @staticmethod
    def forward(_, x):
        return F.local_response_norm(x, 5, alpha=0.5, beta=0.75, k=2.0)

    @staticmethod
    def symbolic(g, x):
        return g.op("LRN", x, size_i=5, alpha_f=0.5, beta_f=0.75, bias_f=2.0)


class Lrn(nn.Module):
    """AlexNet's local response norm."""

    def __init__(self):
        super().__init__()
        self.conv, self.last = nn.Conv2d(3, 8, 5, 2, 2), nn.Conv2d(8, 4, 3)

    def forward(self, x):
        x = F.relu(self.conv(x))
        x = LrnFunction.apply(x) if OLD else LrnFunction.forward(None, x)
        return self.last(F.max_pool2d(x, 3, 2)).mean((2, 3))


class Head(nn.Module):
    """Heads of segmentation and classification: softmax over channels, log-softmax of the end."""

    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 6, 3, 2, 1), nn.Linear(6, 4)

    def forward(self, x):
        x = F.softmax(self.conv(x), 1)
        return F.log_softmax(self.fc(x.mean((2, 3)) * 8), 1)


# Name: module, extents of the input, opset of the old exporter and of the new.
MODELS = {
    "plain": (Plain, (12, 14), 9, 18),
    "mobile": (Mobile, (10, 12), 14, 18),
    "shuffle": (Shuffle, (10, 8), 13, 18),
    "dense": (Dense, (12, 12), 11, 18),
    "inception": (Inception, (9, 10), 13, 18),
    "convnext": (Convnext, (12, 12), 17, 20),
    "resize": (Resize, (8, 12), 13, 18),
    "norms": (Norms, (8, 8), 16, 21),
    "activations": (Activations, (5, 6), 15, 18),
    "pools": (Pools, (9, 10), 10, 19),
    "lrn": (Lrn, (13, 14), 12, 18),
    "head": (Head, (6, 8), 13, 18),
}


def fill(module, draw):
    """Weights that keep values near 1, statistics and scales of batch norms that are no 0 and 1."""
    for name, tensor in sorted(module.state_dict().items()):
        if not tensor.is_floating_point():
            continue
        values = [draw.gauss(0, 1) for _ in range(tensor.numel())]
        if name.endswith("running_var") or (tensor.dim() == 1 and name.endswith("weight")) or name == "scale":
            values = [0.5 + abs(v) for v in values]
        elif tensor.dim() > 1:
            values = [v * math.sqrt(2 / (tensor.numel() / tensor.shape[0])) for v in values]
        tensor.copy_(torch.tensor(values).reshape(tensor.shape))


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, array in tensors.items():
        kind = {"float32": "F32", "float64": "F64"}[str(array.dtype)]
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [len(data), len(data) + array.nbytes]}
        data += array.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def strip(path):
    """Takes notes for people out of the dynamo exporter's file."""
    import onnx

    model = onnx.load(str(path))
    graph = model.graph
    for item in [model, graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer]:
        del item.metadata_props[:]
        item.ClearField("doc_string")
    del graph.value_info[:]
    onnx.save(model, str(path))


def export(name, module, image, opset):
    path = str(HERE / f"{name}.torch{1 if OLD else 2}.onnx")
    names = {"input_names": ["input"], "output_names": ["output"], "opset_version": opset}
    if OLD:
        axes = {"input": {0: "batch"}, "output": {0: "batch"}}
        torch.onnx.export(module, image, path, dynamic_axes=axes, **names)
    else:
        batch = torch.export.Dim("batch")
        torch.onnx.export(module, (image,), path, dynamo=True, dynamic_shapes=({0: batch},), external_data=False, **names)
        strip(pathlib.Path(path))


def main():
    torch.set_grad_enabled(False)
    for name, (kind, extents, old, new) in MODELS.items():
        module = kind().eval()
        draw = random.Random(name)
        fill(module, draw)
        image = torch.tensor([draw.gauss(0, 1) for _ in range(2 * 3 * extents[0] * extents[1])]).reshape(2, 3, *extents)
        export(name, module, image, old if OLD else new)
        output = module.double()(image.double())
        if not OLD:
            write_safetensors(HERE / f"{name}.safetensors", {"output": output.numpy(), "input": image.numpy()})
        print(name, tuple(output.shape), float(output.abs().max()), numpy.isfinite(output.numpy()).all())


if __name__ == "__main__":
    main()
