"""Files of weights through `keel import --verify`, and what weights.py makes them with."""
import contextlib
import importlib
import io
import json
import os
import shutil
import subprocess
from pathlib import Path

import torch

# Rounding of 2^-24 each, of a few thousand summands and up to 200 layers one after the other, in other orders: what PyTorch itself
# loses is between 1e-7 and 1e-5 by the model. A swapped or missing tensor changes the largest logit by 1e-2 and more, an epsilon of 1e-3 in
# place of 1e-5 by 5e-4.
MOST = 5e-5


def library(name):
    """A library and what it needs, or None: some print and some fail while they are imported."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            return importlib.import_module(name)
    except Exception:
        return None


def save_safetensors(tensors, path):
    """The format is 8 bytes of length, JSON, the data."""
    types = {torch.float32: "F32", torch.float64: "F64", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64", torch.uint8: "U8"}
    header, data, at = {}, [], 0
    for name, tensor in sorted(tensors.items(), key=lambda each: (-each[1].element_size(), each[0])):
        plain = tensor.detach().contiguous().reshape(-1)
        raw = plain.view(torch.int16).numpy().tobytes() if plain.dtype == torch.bfloat16 else plain.numpy().tobytes()
        header[name] = {"dtype": types[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [at, at + len(raw)]}
        data.append(raw)
        at += len(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for raw in data:
            file.write(raw)


def seasoned(model, channels=3, side=64):
    """A model whose batch norms have weights, biases and statistics of data; in evaluation mode."""
    torch.manual_seed(len(list(model.parameters())))
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0, 0.2)
    model.train()
    with torch.no_grad():
        for _ in range(3):
            model(torch.randn(4, channels, side, side) * 1.3 + 0.2)
    return model.eval()


def logits(model, x):
    with torch.no_grad():
        output = model(x)
    return output.logits if hasattr(output, "logits") else output


class Checker:
    def __init__(self, keel, folder, only):
        self.keel, self.folder, self.only = keel, Path(folder), only
        self.rows, self.failed = [], 0

    def wants(self, title):
        return self.only in title

    def run(self, words):
        return subprocess.run([self.keel, *map(str, words)], capture_output=True, text=True, check=False)

    def check(self, title, write, model, expected, channels=3, side=64, options=(), says=()):
        """`write(folder)` writes the file of `model` and returns its path or paths; `expected` is Keel's name of the model."""
        if not self.wants(title):
            return
        folder = self.folder / "file"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        files = write(folder)
        files = files if isinstance(files, list) else [files]
        torch.manual_seed(7)
        x = torch.randn(2, channels, side, side)
        single = logits(model.float(), x)
        exact = logits(model.double(), x.double())
        model.float()
        save_safetensors({"input": x, "output": exact}, folder / "check.safetensors")
        own = float((single - exact).abs().max() / exact.abs().max())
        done = self.run(["import", *files, "--out", folder / "keel.safetensors", "--force", "--verify", folder / "check.safetensors", "--json",
                         *options])
        problem, difference, size = "", float("nan"), sum(os.path.getsize(each) for each in files)
        if done.returncode != 0:
            problem = done.stderr.strip()
        else:
            found = json.loads(done.stdout)
            difference = found["verify"]["largest_difference"] / found["verify"]["largest_output"]
            notes = "\n".join(found["notes"])
            if found["model"] != expected:
                problem = f"it is {expected}, Keel says {found['model']}"
            elif not difference <= MOST:
                problem = f"the difference is more than {MOST}"
            for text in says:
                if text not in notes:
                    problem = f"the notes do not say '{text}': {notes}"
        self.rows.append((title, expected, size / 1e6, difference, own))
        self.failed += bool(problem)
        print(f"{'FAILED' if problem else 'ok':7}{title}: {difference:.1e}, PyTorch {own:.1e}{'; ' if problem else ''}{problem}", flush=True)

    def refuse(self, title, write, says):
        """What `write` writes is an error whose message holds all of `says`."""
        if not self.wants(title):
            return
        folder = self.folder / "file"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        done = self.run(["import", write(folder), "--out", folder / "keel.safetensors"])
        missing = [text for text in says if text not in done.stderr]
        good = done.returncode == 3 and not missing
        self.failed += not good
        print(f"{'ok' if good else 'FAILED':7}{title}: code {done.returncode}, {done.stderr.strip()}", flush=True)
