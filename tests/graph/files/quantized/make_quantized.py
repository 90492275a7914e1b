#!/usr/bin/env python3
"""make_quantized.py: writes the small quantized ONNX files beside it, of the networks of ../onnx/make_onnx.py.

Wants PyTorch 2.5 or later, onnx and onnxruntime, whose static quantization writes NETWORK.TYPE.onnx (QuantizeLinear and
DequantizeLinear, weights of a scale for each channel, maps of u8 or s8) and whose runtime, with its optimization turned off, says what
NETWORK makes of `input` as `output` in NETWORK.TYPE.safetensors: floats between roundings, which no integer kernel has touched."""
import pathlib
import random
import sys
import tempfile

import numpy
import onnxruntime
import torch
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from torch import nn

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "onnx"))
from make_onnx import Dense, Mobile, fill, write_safetensors


class Images(CalibrationDataReader):
    def __init__(self, shape):
        self.left, self.shape = 6, shape

    def get_next(self):
        self.left -= 1
        return {"input": numpy.random.default_rng(self.left).standard_normal(self.shape, numpy.float32)} if self.left >= 0 else None


class Residual(nn.Module):
    """Sums of two convolutions and of a convolution and a map, a pool of maxima, a mean."""

    def __init__(self):
        super().__init__()
        self.stem, self.one, self.two = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, 1, 1), nn.Conv2d(8, 8, 1)
        self.branch, self.side = nn.Conv2d(8, 16, 3, 2, 1), nn.Conv2d(8, 16, 1, 2)
        self.pool, self.fc = nn.MaxPool2d(3, 2, 1), nn.Linear(16, 5)

    def forward(self, x):
        x = self.pool(torch.relu(self.stem(x)))
        x = torch.relu(self.two(torch.relu(self.one(x))) + x)
        return self.fc(torch.relu(self.branch(x) + self.side(x)).mean((2, 3)))


# Name: module, extents of the input, type of the maps.
MODELS = {
    "residual.u8": (Residual, (16, 16), QuantType.QUInt8),
    "residual.s8": (Residual, (16, 16), QuantType.QInt8),
    "dense.u8": (Dense, (12, 12), QuantType.QUInt8),
    "mobile.s8": (Mobile, (10, 12), QuantType.QInt8),
}


def main():
    torch.set_grad_enabled(False)
    for name, (kind, extents, maps) in MODELS.items():
        module = kind().eval()
        fill(module, random.Random(name))
        shape = (2, 3, *extents)
        path = HERE / f"{name}.onnx"
        with tempfile.TemporaryDirectory() as folder:
            floats = pathlib.Path(folder) / "floats.onnx"
            torch.onnx.export(module, torch.zeros(shape), str(floats), dynamo=False, opset_version=17, input_names=["input"],
                              output_names=["output"], dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}})
            quantize_static(floats, path, Images(shape), quant_format=QuantFormat.QDQ, per_channel=True, weight_type=QuantType.QInt8,
                            activation_type=maps)
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        image = numpy.random.default_rng(99).standard_normal(shape, numpy.float32)
        output = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"]).run(None, {"input": image})[0]
        write_safetensors(HERE / f"{name}.safetensors", {"output": output.astype(numpy.float64), "input": image})
        print(name, output.shape, abs(output).max(), path.stat().st_size)


if __name__ == "__main__":
    main()
