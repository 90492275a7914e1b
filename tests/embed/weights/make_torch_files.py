#!/usr/bin/python3
"""Makes tests/embed/weights/files/*.pth: small files of torch.save of each form, whose numbers test_torch_file.cpp knows.

Needs Debian's python3-torch. Run it from anywhere.
"""

import collections
import pathlib

import torch

FILES = pathlib.Path(__file__).parent / "files"


def tensors():
    """Element i of each is i in the order of its dims, but for what its type cannot hold."""
    base = torch.arange(24, dtype=torch.float32)
    return collections.OrderedDict([
        ("plain", base.reshape(2, 3, 4).clone()),
        ("half", torch.arange(6, dtype=torch.float16).reshape(2, 3)),
        ("bfloat", torch.arange(6, dtype=torch.bfloat16).reshape(3, 2)),
        ("double", torch.arange(5, dtype=torch.float64)),
        ("long", torch.tensor(7)),
        ("int", torch.arange(4, dtype=torch.int32)),
        ("short", torch.arange(-2, 2, dtype=torch.int16)),
        ("signed", torch.arange(-2, 2, dtype=torch.int8)),
        ("bytes", torch.arange(4, dtype=torch.uint8)),
        ("flags", torch.tensor([True, False, True])),
        ("transposed", base.reshape(4, 6).clone().t()),
        ("first_half", base[:12]),
        ("second_half", base[12:]),
        ("channels_last", base.reshape(1, 2, 3, 4).clone().contiguous(memory_format=torch.channels_last)),
    ])


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(1, 2, 3)
        self.bn = torch.nn.BatchNorm2d(2)


class Net(torch.nn.Module):
    """What the reader takes apart without this class."""

    def __init__(self):
        super().__init__()
        self.block = Block()
        self.fc = torch.nn.Linear(2, 3)
        self.note = {"author": "nobody"}


def main():
    FILES.mkdir(exist_ok=True)
    # The stream holds the source of modules, and where it lies.
    torch.serialization.get_source_lines_and_file = lambda cls: ([f"class {cls.__name__}: ...\n"], 1, "net.py")
    torch.manual_seed(0)
    state = tensors()
    torch.save(state, FILES / "state.pth")
    torch.save(state, FILES / "stream.pth", _use_new_zipfile_serialization=False)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(3))], lr=0.1, momentum=0.9)
    training = {"epoch": 3, "arch": "net", "best": 0.5, "state_dict": {"module." + k: v for k, v in state.items()},
                "optimizer": optimizer.state_dict(), "ema": {"plain": state["plain"] + 1}}
    torch.save(training, FILES / "training.pth")
    torch.save(training, FILES / "training_stream.pth", _use_new_zipfile_serialization=False)
    net = Net()
    for i, value in enumerate(net.state_dict().values()):
        value.copy_(torch.full_like(value, i))
    torch.save(net, FILES / "module.pth")
    torch.save(net, FILES / "module_stream.pth", _use_new_zipfile_serialization=False)
    for protocol in (3, 4):
        torch.save(state, FILES / f"protocol{protocol}.pth", pickle_protocol=protocol)


if __name__ == "__main__":
    main()
