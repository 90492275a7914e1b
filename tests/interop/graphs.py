"""ONNX models of torchvision's families, as PyTorch's exporters write them, read by Keel and run beside PyTorch's float64.

    graphs.py KEEL [--only TEXT] [--side 96] [--markdown]

Weights are random, with batch norms that have seen data. Keel's largest difference to float64 may be twice that of PyTorch's float32. Ends
with 77 where there is no PyTorch; KEEL_PEERS_PYTHON names the Python that has one."""
import argparse
import contextlib
import io
import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

from peers import run_among_peers

if __name__ == "__main__":
    run_among_peers()

from weights import library, save_safetensors, seasoned

torch = library("torch")
FAMILIES = [
    "resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d", "wide_resnet50_2", "densenet121", "densenet161",
    "densenet169", "densenet201", "vgg11", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn", "squeezenet1_0", "squeezenet1_1",
    "mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large", "shufflenet_v2_x0_5", "shufflenet_v2_x1_0", "googlenet", "efficientnet_b0",
    "efficientnet_b1", "efficientnet_b2", "efficientnet_b3", "mnasnet0_5", "mnasnet1_0", "regnet_x_400mf", "regnet_y_400mf", "convnext_tiny", "alexnet"]


def make(name):
    models = library("torchvision").models
    extra = {"init_weights": False, "aux_logits": False} if name == "googlenet" else {}
    torch.manual_seed(3)
    model = getattr(models, name)(weights=None, num_classes=10, **extra)
    if not any(isinstance(module, torch.nn.BatchNorm2d) for module in model.modules()):
        return model.eval()
    for module in model.modules():  # of one image a batch norm of 1 x 1 maps has no statistics
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return seasoned(model)


def exporters():
    """Name, and the function that writes a file."""
    def older(model, x, path):
        extra = {"dynamo": False} if torch.__version__ >= "2.5" else {}
        torch.onnx.export(model, x, path, opset_version=13, input_names=["input"], output_names=["output"],
                          dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}}, **extra)

    def plain(model, x, path):
        """Batch norms stay: nothing is folded, names are the parameters'."""
        extra = {"dynamo": False} if torch.__version__ >= "2.5" else {}
        torch.onnx.export(model, x, path, opset_version=13, do_constant_folding=False, training=torch.onnx.TrainingMode.PRESERVE, **extra)

    def dynamo(model, x, path):
        torch.onnx.export(model, (x,), path, dynamo=True, external_data=False, dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=64)},))

    version = torch.__version__.split("+")[0]
    found = [(f"{version} TorchScript", older), (f"{version} TorchScript, nothing folded", plain)]
    if torch.__version__ >= "2.5":
        found.append((f"{version} dynamo", dynamo))
    return found


def quietly(function, *args):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args)


def side_of(o, name):
    """Exporters know adaptive pools whose windows are alike alone: those in front of fixed classifiers want the images that they were made for."""
    return 224 if name.startswith(("vgg", "alexnet")) else o.side


def check(o, folder, name, rows):
    model, side = make(name), side_of(o, name)
    torch.manual_seed(7)
    x = torch.randn(8, 3, side, side)  # the largest of many differences, for that of a few is chance
    with torch.no_grad():
        single = model(x)
        exact = model.double()(x.double())
    model.float()
    own = float((single - exact).abs().max() / exact.abs().max())
    save_safetensors({"input": x, "output": exact}, folder / "check.safetensors")
    failed = 0
    for title, export in exporters():
        if o.exporter not in title:
            continue
        path = folder / f"{name}.onnx"
        try:
            quietly(export, model, x[:2], path)
        except Exception as error:  # what an exporter cannot write is none of Keel's
            print(f"       {name}, {title}: not exported: {str(error)[:100]}")
            continue
        done = subprocess.run([o.keel, "import", path, "--out", folder / "out.safetensors", "--force", "--verify",
                               folder / "check.safetensors", "--json", "--image-size", str(side)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            failed += 1
            print(f"FAILED {name}, {title}: {done.stderr.strip()}", flush=True)
            continue
        found = json.loads(done.stdout)
        difference = found["verify"]["largest_difference"] / found["verify"]["largest_output"]
        good = difference <= 2 * own
        failed += not good
        kind = "a graph" if any("none of Keel's" in note for note in found["notes"]) else found["model"]
        rows.append((name, title, kind, difference, own))
        print(f"{'ok' if good else 'FAILED':7}{name}, {title}: as {kind}, {difference:.1e}, PyTorch's float32 {own:.1e}, "
              f"{difference / own:.2f} of it", flush=True)
        if o.keep is None:
            path.unlink()
    return failed


def tensors_of(path):
    """Name to bytes of a safetensors file."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + length])
    return {name: (entry["dtype"], tuple(entry["shape"]), data[8 + length + entry["data_offsets"][0]:8 + length + entry["data_offsets"][1]])
            for name, entry in header.items() if name != "__metadata__"}


def check_equal(o, folder, name):
    """The same weights as .pth, as .safetensors and as .onnx whose batch norms are not folded: checkpoints equal to the bit."""
    model = make(name)
    torch.save(model.state_dict(), folder / "weights.pth")
    save_safetensors(model.state_dict(), folder / "weights.safetensors")
    side = side_of(o, name)
    quietly(exporters()[1][1], model, torch.randn(2, 3, side, side), folder / "weights.onnx")
    found = []
    for kind in ("pth", "safetensors", "onnx"):
        done = subprocess.run([o.keel, "import", folder / f"weights.{kind}", "--out", folder / f"{kind}.imported", "--force"],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print(f"FAILED {name}: {done.stderr.strip()}")
            return 1
        found.append(tensors_of(folder / f"{kind}.imported"))
    good = found[0] == found[1] == found[2]
    print(f"{'ok' if good else 'FAILED':7}{name}: {len(found[0])} tensors of .pth, .safetensors and .onnx {'are' if good else 'are not'} "
          "equal to the bit", flush=True)
    return 0 if good else 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("keel")
    parser.add_argument("--only", default="", help="models whose name holds this text")
    parser.add_argument("--exporter", default="", help="exporters whose name holds this text")
    parser.add_argument("--side", type=int, default=96)
    parser.add_argument("--keep", help="folder for the files, which stay")
    parser.add_argument("--markdown", action="store_true", help="print the table of docs/interop.md")
    o = parser.parse_args()
    if library("torchvision") is None:
        print("skipped: no torchvision")
        sys.exit(77)
    failed, rows = 0, []
    with tempfile.TemporaryDirectory() as temporary:
        for name in FAMILIES:
            if o.only in name:
                failed += check(o, Path(o.keep or temporary), name, rows)
        for name in ["densenet121", "resnet50", "vgg16"]:
            if o.only in name:
                failed += check_equal(o, Path(temporary), name)
    if o.markdown:
        print("| model | exporter | read as | Keel's difference | PyTorch's own |\n|---|---|---|---|---|")
        for name, title, model, difference, own in rows:
            print(f"| {name} | {title} | {model} | {difference:.1e} | {own:.1e} |")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
