"""A model of a moment, images and data sets for the tests."""

import atexit
import functools
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from typing import Any, Callable, Optional

import keel
import numpy as np

SIDE = 16  # of the models' images
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@functools.lru_cache(None)
def folder() -> str:
    """Returns a folder that is removed in the end, by the process that made it."""
    made, owner = tempfile.mkdtemp(prefix="keel-python-"), os.getpid()
    atexit.register(lambda: os.getpid() == owner and shutil.rmtree(made, ignore_errors=True))
    return made


def path(*names: str) -> str:
    return os.path.join(folder(), *names)


def png(pixels: np.ndarray) -> bytes:
    """Returns a PNG file of uint8 {h, w} or {h, w, 3}."""
    h, w = pixels.shape[:2]
    rows = b"".join(b"\0" + row.tobytes() for row in np.ascontiguousarray(pixels))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", w, h, 8, 0 if pixels.ndim == 2 else 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def pixels(seed: int, h: int = 24, w: int = 20, channels: int = 3) -> np.ndarray:
    """Returns drawn uint8 {h, w, channels}, or {h, w} of none."""
    shape = (h, w, channels) if channels else (h, w)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def write(name: str, data: bytes) -> str:
    with open(path(name), "wb") as file:
        file.write(data)
    return path(name)


def image_file(seed: int, channels: int = 3) -> str:
    name = path(f"image{seed}-{channels}.png")
    return name if os.path.exists(name) else write(os.path.basename(name), png(pixels(seed, channels=channels)))


@functools.lru_cache(None)
def class_data() -> str:
    """Returns folder:DIR of two classes that differ in brightness."""
    for split, count in (("train", 12), ("val", 6), ("test", 8)):
        for name, shade in (("dark", 40), ("light", 200)):
            os.makedirs(path("classes", split, name), exist_ok=True)
            for i in range(count):
                image = np.clip(pixels(i, SIDE, SIDE).astype(int) // 4 + shade - 30, 0, 255).astype(np.uint8)
                write(os.path.join("classes", split, name, f"{name}{i}.png"), png(image))
    return "folder:" + path("classes")


@functools.lru_cache(None)
def label_data() -> str:
    """Returns csv:FILE of labels that are present or not, or not known, of patients of two sexes."""
    os.makedirs(path("labels"), exist_ok=True)
    rows = ["path,split,patient,sex,Mass,Edema"]
    draws = np.random.default_rng(5)
    for i in range(48):
        mass, edema = int(draws.integers(2)), int(draws.integers(2))
        write(f"labels/{i}.png", png(pixels(i, SIDE, SIDE, 0) // 2 + np.uint8(100 * mass)))
        split = ("train", "val", "test")[i % 3]
        rows.append(f"{i}.png,{split},p{i},{'FM'[i % 2]},{mass},{'' if i % 11 == 0 else edema}")
    write("labels/table.csv", ("\n".join(rows) + "\n").encode())
    return "csv:" + path("labels", "table.csv")


def small_run(name: str, data: str, **options: Any) -> "keel.TrainResult":
    """Trains ResNet20 for a moment into a folder of the name."""
    given = dict(
        model="resnet20", data=data, out=path(name), image_size=SIDE, batch_size=8, epochs=1, seed=1, workers=1
    )
    return keel.train(**{**given, **options})


@functools.lru_cache(None)
def checkpoint() -> str:
    """Returns a checkpoint of two classes, of RGB images of SIDE pixels."""
    return small_run("class-run", class_data(), max_steps=3).last


@functools.lru_cache(None)
def label_checkpoint() -> str:
    """Returns a checkpoint of two labels, of grey images."""
    return small_run("label-run", label_data(), max_steps=2).last


@functools.lru_cache(None)
def model(file: Optional[str] = None) -> "keel.Predictor":
    return keel.Predictor(checkpoint() if file is None else file, batch=4)


def batch(n: int = 5, seed: int = 0, side: int = SIDE, channels: int = 3) -> np.ndarray:
    """Returns float32 {n, side, side, channels} as a model sees them."""
    return np.random.default_rng(seed).standard_normal((n, side, side, channels), dtype=np.float32)


def program(*arguments: str) -> Any:
    """Returns what the program keel says as JSON."""
    done = subprocess.run([os.environ["KEEL_BINARY"], *arguments, "--json"], capture_output=True, check=False)
    if done.returncode != 0:
        raise AssertionError(done.stderr.decode(errors="replace"))
    return json.loads(done.stdout)


def run_guide(wanted: Callable[[str], bool]) -> None:
    """Runs the blocks of docs/python.md that are wanted, one after the other, beside the files that they name."""
    with open(os.path.join(ROOT, "docs", "python.md"), encoding="utf-8") as file:
        blocks = re.findall(r"^```python\n(.*?)^```$", file.read(), re.M | re.S)
    code = "\n".join(block for block in blocks if wanted(block))
    assert len(blocks) > 5 and code
    guide = tempfile.mkdtemp(dir=folder())
    shutil.copy(checkpoint(), os.path.join(guide, "best.safetensors"))
    shutil.copytree(class_data().split(":", 1)[1], os.path.join(guide, "xrays"))
    for number in (0, 1):
        shutil.copy(image_file(number), os.path.join(guide, f"0000000{number}_000.png"))
    environment = {**os.environ, "PYTHONPATH": os.environ["KEEL_PACKAGE"]}
    command = [sys.executable, "-B", "-c", code]
    done = subprocess.run(command, cwd=guide, env=environment, capture_output=True, check=False)
    if done.returncode != 0:
        raise AssertionError(done.stderr.decode(errors="replace"))
