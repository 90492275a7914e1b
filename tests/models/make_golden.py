#!/usr/bin/python3
"""Makes tests/models/golden/*.json: what PyTorch computes with torchvision's models in float64, from weights and images that both
sides draw from the same counter-based formula (golden/draws.h is its twin in C++), so that no weights need to be stored.

Needs Debian's python3-torch, python3-torchvision and python3-numpy. Run it from anywhere: tests/models/make_golden.py [CASE...]
"""

import json
import pathlib
import sys

import numpy
import torch
import torchvision

GOLDEN = pathlib.Path(__file__).parent / "golden"

MODELS = ["densenet121", "densenet161", "densenet169", "densenet201", "resnet20", "resnet56", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152",
          "vgg16", "vgg16_bn"]

# Residual blocks of each of the three stages of He et al.'s networks for images of 32 pixels, which torchvision has no function for.
SMALL_RESNETS = {"resnet20": 3, "resnet56": 9}

# model, batch, image size, channels, classes, small_stem, loss
CASES = {
    "resnet20": ("resnet20", 4, 33, 3, 10, False, "cross_entropy"),
    "resnet18": ("resnet18", 4, 64, 3, 10, False, "cross_entropy"),
    "resnet18_stem": ("resnet18", 4, 28, 1, 2, True, "cross_entropy"),
    "resnet50": ("resnet50", 4, 64, 3, 10, False, "cross_entropy"),
    "resnet50_odd": ("resnet50", 3, 77, 1, 14, False, "bce"),
    "densenet121": ("densenet121", 4, 64, 3, 10, False, "cross_entropy"),
    "densenet121_odd": ("densenet121", 3, 77, 1, 14, False, "bce"),
    "densenet121_stem": ("densenet121", 4, 28, 1, 2, True, "cross_entropy"),
    "vgg16_bn": ("vgg16_bn", 2, 45, 3, 10, False, "cross_entropy"),
}


def fnv1a(text):
    """FNV-1a, 64 bits."""
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def draws(name, count):
    """Element i of the stream `name`: the top 24 bits of splitmix64's output i, as an exact float32 in [-1, 1)."""
    out = numpy.empty(count, numpy.float32)
    step = 1 << 22
    for begin in range(0, count, step):
        z = numpy.arange(begin + 1, min(begin + step, count) + 1, dtype=numpy.uint64)
        z *= numpy.uint64(0x9E3779B97F4A7C15)
        z += numpy.uint64(fnv1a(name))
        z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
        z = (z ^ (z >> numpy.uint64(31))) >> numpy.uint64(40)
        out[begin:begin + step] = (z.astype(numpy.float32) - numpy.float32(1 << 23)) * numpy.float32(2.0**-23)
    return out


def state_values(name, shape):
    """float32 values of a parameter or buffer, uniform around a centre. Of weights, the variance is 2 / fan_in (He) for a convolution,
    1 / in for a linear layer. Batch norms get a bias of five times their weight, so that ReLU passes some channels whole and blocks
    others whole: where its input is within rounding of zero, two right computations may differ on whether it passes, and one such
    flip moves the gradients of a small map by 1 %. Every operation rounds once, so the values are the same bits everywhere."""
    u = draws(name, int(numpy.prod(shape))).reshape(shape)
    f32 = numpy.float32
    if len(shape) > 1:
        return u * f32(numpy.sqrt((6.0 if len(shape) == 4 else 3.0) / numpy.prod(shape[1:])))
    if name.endswith("running_var"):
        return u * f32(0.5) + f32(1)
    if name.endswith("running_mean"):
        return u * f32(0.25)
    if name.endswith("weight"):
        return u * f32(0.125) + f32(0.5)
    return u * f32(0.25) + numpy.where(u < f32(-0.75), f32(-2.5), f32(2.5))


def small_resnet(blocks, channels, classes):
    """torchvision's ResNet of basic blocks with a 3x3 stem of 16 channels and three stages."""
    model = torchvision.models.ResNet(torchvision.models.resnet.BasicBlock, [blocks] * 4, num_classes=classes)
    model.inplanes = 16
    model.conv1 = torch.nn.Conv2d(channels, 16, 3, 1, 1, bias=False)
    model.bn1 = torch.nn.BatchNorm2d(16)
    model.maxpool = model.layer4 = torch.nn.Identity()
    for stage in range(3):
        layer = model._make_layer(torchvision.models.resnet.BasicBlock, 16 << stage, blocks, stride=1 if stage == 0 else 2)
        setattr(model, f"layer{stage + 1}", layer)
    model.fc = torch.nn.Linear(64, classes)
    return model


def make_model(name, channels=3, classes=1000, small_stem=False):
    """torchvision's, without dropout; `small_stem` as Keel defines it."""
    if name in SMALL_RESNETS:
        return small_resnet(SMALL_RESNETS[name], channels, classes)
    options = {"init_weights": False} if name.startswith("vgg") else {}
    model = getattr(torchvision.models, name)(num_classes=classes, **options)
    family = name.rstrip("0123456789")
    where, first = (model, "conv1") if family == "resnet" else (model.features, "conv0" if family == "densenet" else "0")
    old = getattr(where, first)
    kernel, stride, pad = (3, 1, 1) if small_stem else (old.kernel_size, old.stride, old.padding)
    setattr(where, first, torch.nn.Conv2d(channels, old.out_channels, kernel, stride, pad, bias=old.bias is not None))
    if small_stem:
        setattr(where, "maxpool" if family == "resnet" else "pool0", torch.nn.Identity())
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return model


def float_state(model):
    """Parameters and buffers by name, without the counters of batches."""
    return {name: tensor for name, tensor in model.state_dict().items() if tensor.is_floating_point()}


def compute_loss(kind, logits):
    n, classes = logits.shape
    row, column = torch.arange(n)[:, None], torch.arange(classes)[None, :]
    if kind == "cross_entropy":
        return torch.nn.functional.cross_entropy(logits, (7 * row[:, 0] + 3) % classes)
    present = (row + 2 * column) % 7 != 3
    targets = ((row + column) % 3 == 0).to(logits.dtype)
    return torch.nn.functional.binary_cross_entropy_with_logits(logits[present], targets[present])


def summary(tensor, name):
    """What is stored of a large tensor: its L2 norm and its dot product with a fixed vector."""
    values = tensor.detach().double().contiguous().numpy().ravel()
    return [float(numpy.sqrt(values @ values)), float(values @ draws("probe/" + name, values.size).astype(numpy.float64))]


def run(case, dtype, channels_last=False, noise=0.0):
    name, batch, size, channels, classes, small_stem, loss_kind = case
    model = make_model(name, channels, classes, small_stem)
    with torch.no_grad():
        for key, tensor in float_state(model).items():
            tensor.copy_(torch.from_numpy(state_values(key, tuple(tensor.shape))))
    image = draws("image", batch * channels * size * size).reshape(batch, channels, size, size)
    image = image * (1 + numpy.float32(noise) * draws("noise", image.size).reshape(image.shape))
    layout = torch.channels_last if channels_last else torch.contiguous_format
    model = model.to(dtype=dtype, memory_format=layout)
    src = torch.from_numpy(image).to(dtype).contiguous(memory_format=layout)
    with torch.no_grad():
        eval_logits = model.eval()(src)
    logits = model.train()(src)
    loss = compute_loss(loss_kind, logits)
    loss.backward()
    return {
        "eval_logits": eval_logits.double().flatten().tolist(),
        "train_logits": logits.detach().double().flatten().tolist(),
        "loss": loss.item(),
        "gradients": {key: summary(p.grad, key) for key, p in model.named_parameters()},
        "statistics": {key: summary(b, key) for key, b in model.named_buffers() if b.is_floating_point()},
    }


def vector_error(got, truth):
    """Largest error, relative to the largest magnitude."""
    got, truth = numpy.atleast_1d(got), numpy.atleast_1d(truth)
    return float(numpy.max(numpy.abs(got - truth)) / numpy.max(numpy.abs(truth)))


def summaries_error(got, truth):
    """Largest error of a norm or dot product, relative to the true norm, or to a thousandth of the norm of all tensors together where
    that is larger: some gradients are 0 in exact arithmetic (of a shift that the next batch norm takes away again)."""
    whole = numpy.sqrt(sum(norm**2 for norm, _ in truth.values()))
    worst = 0.0
    for name, (norm, dot) in truth.items():
        scale = max(norm, 1e-3 * whole)
        worst = max(worst, abs(got[name][0] - norm) / scale, abs(got[name][1] - dot) / scale)
    return float(worst)


def errors(got, truth):
    return {
        "eval_logits": vector_error(got["eval_logits"], truth["eval_logits"]),
        "train_logits": vector_error(got["train_logits"], truth["train_logits"]),
        "loss": vector_error(got["loss"], truth["loss"]),
        "gradients": summaries_error(got["gradients"], truth["gradients"]),
        "statistics": summaries_error(got["statistics"], truth["statistics"]),
    }


def rounded(value):
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return float(f"{value:.9g}")


def write(path, fields):
    """JSON with a line for each entry."""
    def lines(value, indent):
        if not isinstance(value, dict):
            return json.dumps(value)
        inner = ",\n".join(f"{indent}  {json.dumps(key)}: {lines(item, indent + '  ')}" for key, item in value.items())
        return "{\n" + inner + "\n" + indent + "}"
    path.write_text(lines(fields, "") + "\n")


def golden(case):
    truth = run(case, torch.float64)
    # PyTorch's own error in float32: the worst of four runs, whose roundings differ by the order of sums and by noise of one ulp of the image.
    worst = {}
    for channels_last in (False, True):
        for noise in (0.0, 2.0**-22):
            for key, error in errors(run(case, torch.float32, channels_last, noise), truth).items():
                worst[key] = max(worst.get(key, 0.0), error)
    keys = ["model", "batch", "image_size", "channels", "classes", "small_stem", "loss_kind"]
    return {**dict(zip(keys, case)), "torch_fp32_error": {key: float(f"{error:.3g}") for key, error in worst.items()}, **rounded(truth)}


def state_line(model):
    """FNV-1a of the sorted lines "name[dims]", and the number of tensors and of values."""
    state = float_state(model)
    text = "".join(sorted(f"{name}[{', '.join(map(str, tensor.shape))}]\n" for name, tensor in state.items()))
    return {"tensors": len(state), "values": sum(t.numel() for t in state.values()), "fnv1a": f"{fnv1a(text):016x}"}


def main():
    torch.manual_seed(0)
    torch.set_num_threads(2)
    write(GOLDEN / "states.json", {name: state_line(make_model(name)) for name in MODELS})
    for name in sys.argv[1:] or CASES:
        fields = golden(CASES[name])
        write(GOLDEN / f"{name}.case.json", fields)
        print(name, fields["torch_fp32_error"], max(map(abs, fields["eval_logits"])), max(map(abs, fields["train_logits"])), flush=True)


if __name__ == "__main__":
    main()
