#!/usr/bin/env python3
"""Files of weights as other libraries' own classes write them, through `keel import --verify`: tests/interop/weights.py KEEL [--only TEXT]
[--keep DIR] [--markdown].

Runs under the Python that the environment variable KEEL_PEERS_PYTHON names, else one with PyTorch (peers.py); libraries that it lacks are left
out by name, and without PyTorch the exit code is 77. Weights are random, with batch norms whose weights, biases and statistics are of data. A file's
difference is that of Keel's logits from the library's in float64, of the numbers that the file holds (of half precision the rounded ones), as a
part of the largest logit. PyTorch's own difference in float32 is beside it.
"""
import argparse
import contextlib
import importlib
import io
import json
import os
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")
import peers  # noqa: E402

peers.run_among_peers()
import torch  # noqa: E402
from weights_check import Checker, library, save_safetensors, seasoned  # noqa: E402

os.environ.update({"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error", "HF_HUB_DISABLE_PROGRESS_BARS": "1"})


def saved(what, name="model.pth", **options):
    """A writer of one file of torch.save."""
    def write(folder):
        torch.save(what() if callable(what) and not isinstance(what, torch.nn.Module) else what, folder / name, **options)
        return folder / name
    return write


def torchvision_files(checker):
    models = importlib.import_module("torchvision").models
    names = ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "densenet121", "densenet161", "densenet169", "densenet201", "vgg16",
             "vgg16_bn"]
    for name in names:
        title = f"torchvision {name}"
        if not any(checker.wants(title + form) for form in (", state dict", ", module", ", stream", ", half", ", bfloat16", ", double")):
            continue
        model = seasoned(getattr(models, name)(num_classes=20 if "vgg" in name else 1000))
        checker.check(f"{title}, state dict", saved(model.state_dict), model, name)
        if name not in ("resnet18", "resnet50", "densenet121", "vgg16_bn"):
            continue
        checker.check(f"{title}, module", saved(model), model, name)
        checker.check(f"{title}, stream", saved(model.state_dict, _use_new_zipfile_serialization=False), model, name)
        checker.check(f"{title}, module, stream", saved(model, _use_new_zipfile_serialization=False), model, name)
        for form, dtype in (("double", torch.float64), ("bfloat16", torch.bfloat16), ("half", torch.float16)):
            def rounded(dtype=dtype):
                return {key: value.to(dtype) if value.is_floating_point() else value for key, value in model.state_dict().items()}
            whole = model.state_dict() if dtype == torch.float64 else rounded()
            model.load_state_dict({key: value.float() if value.is_floating_point() else value for key, value in whole.items()})
            checker.check(f"{title}, {form}", saved(rounded), model, name)

            def tensors(folder, rounded=rounded):
                save_safetensors(rounded(), folder / "model.safetensors")
                return folder / "model.safetensors"
            checker.check(f"{title}, {form}, safetensors", tensors, model, name)


def timm_files(checker):
    timm = importlib.import_module("timm")
    for name in ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "densenet121", "densenet161", "densenet169", "densenet201", "vgg16",
                 "vgg16_bn"]:
        title = f"timm {name}"
        if not any(checker.wants(title + form) for form in (", model.safetensors", ", pytorch_model.bin", ", checkpoint of train.py")):
            continue
        try:
            model = timm.create_model(name, pretrained=False, num_classes=20)
        except RuntimeError as error:
            print("       no", title, error)
            continue
        side = 224 if "vgg" in name else 64
        seasoned(model, side=side)
        hub = importlib.import_module("timm.models._hub")

        def pretrained(folder, form):
            hub.save_for_hf(model, folder, safe_serialization=form)
            return folder / ("model.safetensors" if form is True else "pytorch_model.bin")
        checker.check(f"{title}, model.safetensors", lambda folder: pretrained(folder, True), model, name, side=side)
        if name in ("resnet50", "vgg16_bn", "densenet121"):
            checker.check(f"{title}, pytorch_model.bin", lambda folder: pretrained(folder, False), model, name, side=side)
        if name == "resnet18":
            def of_train(folder):
                averages = importlib.import_module("timm.utils").ModelEmaV3(model)
                saver = importlib.import_module("timm.utils").CheckpointSaver(
                    model, torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9), args=argparse.Namespace(model=name, lr=0.1), model_ema=averages,
                    checkpoint_dir=str(folder), recovery_dir=str(folder))
                saver.save_checkpoint(0, metric=0.5)
                return folder / "last.pth.tar"
            checker.check(f"{title}, checkpoint of train.py", of_train, model, name, says=["of the key state_dict and not state_dict_ema"])


def monai_files(checker):
    nets = importlib.import_module("monai.networks.nets")
    for name in ["DenseNet121", "DenseNet169", "DenseNet201"]:
        for channels in (1, 3):
            title = f"MONAI {name}, {channels} channel{'s' if channels > 1 else ''}"
            if not checker.wants(title):
                continue
            model = seasoned(getattr(nets, name)(spatial_dims=2, in_channels=channels, out_channels=5), channels)
            checker.check(title, saved(model.state_dict, "model.pt"), model, name.lower(), channels)


def torchxrayvision_files(checker):
    xrv = importlib.import_module("torchxrayvision")
    title = "torchxrayvision DenseNet"
    if checker.wants(title):
        model = xrv.models.DenseNet(num_classes=18, in_channels=1)
        seasoned(model, 1)
        thresholds = torch.rand(18)
        thresholds[3] = float("nan")  # of a label that the data had not, as in its published weights

        def whole(folder):
            model.register_buffer("op_threshs", thresholds)
            torch.save(model, folder / "model.pt")
            torch.save(model.state_dict(), folder / "state.pt")
            model.register_buffer("op_threshs", None)
            return folder / "model.pt"

        def state(folder):
            whole(folder)
            return folder / "state.pt"
        checker.check(f"{title}, module", whole, model, "densenet121", 1, says=["op_threshs", "torchxrayvision"])
        checker.check(f"{title}, state dict", state, model, "densenet121", 1, says=["op_threshs"])
    title = "torchxrayvision ResNet"
    if checker.wants(title):
        import torchvision
        model = xrv.models.ResNet.__new__(xrv.models.ResNet)
        torch.nn.Module.__init__(model)
        # Its constructor downloads the weights: what it makes before it loads them.
        model.weights, model.targets, model.pathologies, model.apply_sigmoid = None, [], [], False
        model.model = torchvision.models.resnet50(num_classes=18)
        model.model.conv1 = torch.nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3, bias=False)
        model.register_buffer("op_threshs", torch.rand(18))
        seasoned(model.model, 1)
        checker.check(f"{title}, state dict", saved(model.state_dict, "model.pt"), model.model, "resnet50", 1, says=["op_threshs"])


def transformers_files(checker):
    transformers = importlib.import_module("transformers")
    kinds = {"resnet18": ("basic", [2, 2, 2, 2], [64, 128, 256, 512]), "resnet34": ("basic", [3, 4, 6, 3], [64, 128, 256, 512]),
             "resnet50": ("bottleneck", [3, 4, 6, 3], [256, 512, 1024, 2048]),
             "resnet101": ("bottleneck", [3, 4, 23, 3], [256, 512, 1024, 2048])}
    for name, (kind, depths, widths) in kinds.items():
        title = f"transformers {name}"
        if not any(checker.wants(title + form) for form in (", model.safetensors", ", pytorch_model.bin", ", sharded", ", files")):
            continue
        config = transformers.ResNetConfig(layer_type=kind, depths=depths, hidden_sizes=widths, num_labels=7)
        model = seasoned(transformers.ResNetForImageClassification(config))

        def pretrained(folder, form, most="50GB"):
            model.save_pretrained(folder, safe_serialization=form, max_shard_size=most)
            index = sorted(folder.glob("*.index.json"))
            return index[0] if index else folder / ("model.safetensors" if form else "pytorch_model.bin")

        def parts(folder):
            pretrained(folder, True, "20MB")
            return sorted(folder.glob("*.safetensors"))

        def sharded_pickles(folder):
            """What save_pretrained() writes where safetensors are not wanted, which newer ones no longer do."""
            names = {}
            state = list(model.state_dict().items())
            for i in range(3):
                file = f"pytorch_model-{i + 1:05}-of-00003.bin"
                torch.save(dict(state[i::3]), folder / file)
                names.update({key: file for key, _ in state[i::3]})
            (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": names}))
            return folder / "pytorch_model.bin.index.json"
        checker.check(f"{title}, model.safetensors", lambda folder: pretrained(folder, True), model, name)
        if name != "resnet50":
            continue
        checker.check(f"{title}, pytorch_model.bin", saved(model.state_dict, "pytorch_model.bin"), model, name)
        checker.check(f"{title}, sharded model.safetensors.index.json", lambda folder: pretrained(folder, True, "20MB"), model, name)
        checker.check(f"{title}, files of shards", parts, model, name)
        checker.check(f"{title}, sharded pytorch_model.bin.index.json", sharded_pickles, model, name)


def chexnet_files(checker):
    title = "CheXNet reproduction"
    if not checker.wants(title):
        return
    import torchvision

    class DenseNet121(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.densenet121 = torchvision.models.densenet121()
            self.densenet121.classifier = torch.nn.Sequential(torch.nn.Linear(1024, 14), torch.nn.Sigmoid())

        def forward(self, x):
            return self.densenet121(x)

    model = torch.nn.DataParallel(DenseNet121())
    inner = model.module.densenet121
    seasoned(inner)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    inner(torch.randn(1, 3, 64, 64)).sum().backward()
    optimizer.step()

    def old(name):
        for layer in ("norm1", "norm2", "conv1", "conv2"):
            if "denselayer" in name:
                name = name.replace(f".{layer}.", f".{layer[:-1]}.{layer[-1]}.")
        return name
    plain = torchvision.models.densenet121(num_classes=14)
    plain.load_state_dict({key.replace("classifier.0.", "classifier."): value for key, value in inner.state_dict().items()})
    plain.eval()

    def checkpoint(names):
        return {"epoch": 7, "state_dict": {names(key): value for key, value in model.state_dict().items()}, "best_loss": 0.1,
                "optimizer": optimizer.state_dict()}
    checker.check(f"{title}, names of today", saved(lambda: checkpoint(str), "m.pth.tar"), plain, "densenet121")
    checker.check(f"{title}, names before 0.3, stream",
                  saved(lambda: checkpoint(old), "model.pth.tar", _use_new_zipfile_serialization=False), plain, "densenet121")


def lightning_files(checker):
    title = "Lightning"
    if not checker.wants(title):
        return
    import torchvision
    lightning = library("lightning") or library("pytorch_lightning")

    class Metric(torch.nn.Module):
        def __init__(self):
            super().__init__()
            for name in ("tp", "fp"):
                self.register_buffer(name, torch.arange(14))
            self.register_buffer("confusion", torch.ones(14, 2, 2))

    class Task(lightning.LightningModule):
        def __init__(self, name="resnet18", classes=14, rate=0.01):
            super().__init__()
            self.save_hyperparameters()
            self.model = getattr(torchvision.models, name)(num_classes=classes)
            self.criterion = torch.nn.BCEWithLogitsLoss(pos_weight=torch.full((classes,), 2.0))
            self.train_acc = Metric()

        def training_step(self, batch, _):
            return self.criterion(self.model(batch[0]), batch[1])

        def configure_optimizers(self):
            optimizer = torch.optim.AdamW(self.parameters(), lr=self.hparams.rate)
            return {"optimizer": optimizer, "lr_scheduler": torch.optim.lr_scheduler.StepLR(optimizer, 1)}

    for name in ("resnet18", "densenet121"):
        task = Task(name)
        seasoned(task.model)

        def trained(folder, task=task):
            data = torch.utils.data.TensorDataset(torch.randn(8, 3, 64, 64), torch.randint(0, 2, (8, 14)).float())
            trainer = lightning.Trainer(max_steps=2, accelerator="cpu", logger=False, enable_progress_bar=False, default_root_dir=str(folder),
                                        callbacks=[lightning.pytorch.callbacks.ModelCheckpoint(dirpath=str(folder), save_last=True)
                                                   if hasattr(lightning, "pytorch") else lightning.callbacks.ModelCheckpoint(dirpath=str(folder))],
                                        enable_model_summary=False)
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                trainer.fit(task, torch.utils.data.DataLoader(data, batch_size=4))
                trainer.save_checkpoint(folder / "best.ckpt")
            task.eval()
            return folder / "best.ckpt"
        checker.check(f"{title}, {name}, Trainer's checkpoint", trained, task.model, name,
                      says=["of the key state_dict", "prefix model.", "criterion.pos_weight", "train_acc.tp"])

    task = Task("resnet18")
    seasoned(task.model)
    averages = {f"ema_model.module.{key}": value * 2 for key, value in task.model.state_dict().items()}
    checker.check(f"{title}, averages beside", saved(lambda: {"state_dict": {**averages, **task.state_dict()}}, "m.ckpt"), task.model, "resnet18",
                  says=["and not ema_model., which is as whole", "prefix model."])

    def broken(change):
        state = task.state_dict()
        change(state)
        return saved({"state_dict": state}, "m.ckpt")
    checker.refuse(f"{title}, a layer is missing", broken(lambda state: state.pop("model.layer3.1.conv2.weight")),
                   ["layer3.1.conv2.weight", "nearest to those of resnet18"])
    checker.refuse(f"{title}, a layer too much", broken(lambda state: state.update({"model.layer3.1.conv3.weight": torch.zeros(256, 256, 1, 1)})),
                   ["layer3.1.conv3.weight"])
    checker.refuse(f"{title}, a head beside", broken(lambda state: state.update({"head.weight": torch.zeros(3, 14)})), ["head.weight"])


def equal_files(checker):
    """The same weights give the same checkpoint to the bit, whatever they come in."""
    import torchvision
    for name in ("resnet50", "densenet121", "vgg16"):
        title = f"equal checkpoints {name}"
        if not checker.wants(title):
            continue
        model = seasoned(getattr(torchvision.models, name)(num_classes=20))
        folder = checker.folder / "equal"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        torch.save(model.state_dict(), folder / "zip.pth")
        torch.save(model.state_dict(), folder / "stream.pth", _use_new_zipfile_serialization=False)
        torch.save(model, folder / "module.pth")
        save_safetensors(model.state_dict(), folder / "plain.safetensors")
        made = []
        for file in ("zip.pth", "stream.pth", "module.pth", "plain.safetensors"):
            out = folder / f"{file}.keel.safetensors"
            done = checker.run(["import", folder / file, "--out", out])
            made.append(out.read_bytes() if done.returncode == 0 else done.stderr.encode())
        good = all(each == made[0] for each in made) and len(made[0]) > 1e6
        checker.failed += not good
        print(f"{'ok' if good else 'FAILED':7}{title}: {len(made)} files of {len(made[0])} bytes", flush=True)


def commands(checker):
    """Every command that takes a checkpoint takes these files, too."""
    import torchvision
    title = "commands"
    if not checker.wants(title):
        return
    folder = checker.folder / "commands"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    data = folder / "phantom"
    made = checker.run(["data", "synth", data, "--count", 60, "--size", 64, "--quiet"])
    state = seasoned(torchvision.models.resnet18(num_classes=14)).state_dict()
    torch.save(state, folder / "model.pth")
    names = {}
    for i in range(2):
        torch.save(dict(list(state.items())[i::2]), folder / f"part{i}.bin")
        names.update({key: f"part{i}.bin" for key in list(state)[i::2]})
    (folder / "model.bin.index.json").write_text(json.dumps({"weight_map": names}))
    for file in ("model.pth", "model.bin.index.json"):
        path, image = folder / file, next((data / "images").iterdir())
        for words in (["predict", "--checkpoint", path, image], ["predict", "--checkpoint", path, "--heatmaps", folder / "maps", image],
                      ["eval", "--checkpoint", path, "--data", f"phantom:{data}"],
                      ["quantize", "--checkpoint", path, "--data", f"phantom:{data}", "--out", folder / "int8.safetensors", "--force"],
                      ["export", "--checkpoint", path, "--out", folder / "out.safetensors", "--force"], ["models", path],
                      ["bench", "--checkpoint", path, "--mode", "infer", "--steps", 1, "--warmup", 0, "--batch", 1],
                      ["train", "--model", "resnet18", "--init", path, "--channels", 3, "--data", f"phantom:{data}", "--out", folder / "run", "--force",
                       "--image-size", 64, "--max-steps", 1]):
            done = checker.run([*words, "--quiet"])
            good = made.returncode == 0 and done.returncode == 0
            checker.failed += not good
            print(f"{'ok' if good else 'FAILED':7}{title}: {words[0]} of {file}{'' if good else ': ' + made.stderr + done.stderr}", flush=True)


LIBRARIES = [("torchvision", torchvision_files), ("torchvision", equal_files), ("torchvision", commands), ("torchvision", chexnet_files), ("timm", timm_files),
             ("monai", monai_files), ("torchxrayvision", torchxrayvision_files), ("transformers", transformers_files),
             ("lightning", lightning_files)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("keel")
    parser.add_argument("--only", default="", help="cases whose title holds this text")
    parser.add_argument("--keep", help="folder for the files, which stay")
    parser.add_argument("--markdown", action="store_true", help="print the table of docs/interop.md")
    o = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        checker = Checker(o.keel, o.keep or temporary, o.only)
        seen = {"torch": torch.__version__}
        for name, files in LIBRARIES:
            found = library(name)
            if found is None:
                print(f"       no {name} in {sys.executable}: its files are left out")
                continue
            seen[name] = getattr(found, "__version__", "")
            files(checker)
        print(", ".join(f"{name} {version}" for name, version in seen.items()))
        if o.markdown:
            print("| file | read as | MB | Keel's difference | PyTorch's own |\n|---|---|---|---|---|")
            for title, model, size, difference, own in checker.rows:
                print(f"| {title} | {model} | {size:.0f} | {difference:.1e} | {own:.1e} |")
        sys.exit(1 if checker.failed else 77 if len(seen) == 1 else 0)


if __name__ == "__main__":
    main()
