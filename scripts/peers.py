#!/usr/bin/env python3
"""What people use in place of Keel, timed on the same work: what compare_peers.py and compare_onnx.py share.

peers.py PEER SOURCE MODE BATCH [--precision f32|bf16] [--threads N] [--steps N] prints one peer's JSON: images a second of the median step, peak MB
and the version. PEER is torch or torch-compile, whose SOURCE is the name of a network of torchvision's, or ort or openvino, whose SOURCE is an ONNX
file. It runs in a Python that has them: KEEL_PEERS_PYTHON names one, else this one is it.
"""
import argparse
import glob
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
KEEL = ROOT / "build/release/cli/keel"
PYTHON = os.environ.get("KEEL_PEERS_PYTHON", sys.executable)
SIZE = 224
WARMUP = 3


def torch_step(o):
    import torch
    import torchvision
    torch.set_num_threads(o.threads)
    train = o.mode == "train"
    model = getattr(torchvision.models, o.source)(weights=None).to(memory_format=torch.channels_last).train(train)
    x = torch.randn(o.batch, 3, SIZE, SIZE).contiguous(memory_format=torch.channels_last)
    y = torch.randint(0, 1000, (o.batch,))
    run = model
    if o.peer == "torch-compile":
        run = torch.compile(model, **({} if train else {"options": {"freezing": True}}))
    cast = torch.autocast("cpu", torch.bfloat16, enabled=o.precision == "bf16")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    loss_of = torch.nn.CrossEntropyLoss()

    def infer():
        with torch.inference_mode(), cast:
            run(x)

    def step():
        optimizer.zero_grad(set_to_none=True)
        with cast:
            loss = loss_of(run(x), y)
        loss.backward()
        optimizer.step()

    return step if train else infer, torch.__version__


def ort_step(o):
    import numpy
    import onnxruntime
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads, settings.inter_op_num_threads = o.threads, 1
    session = onnxruntime.InferenceSession(o.source, settings, providers=["CPUExecutionProvider"])
    x = {session.get_inputs()[0].name: numpy.random.randn(o.batch, 3, SIZE, SIZE).astype(numpy.float32)}
    return lambda: session.run(None, x), onnxruntime.__version__


def openvino_step(o):
    import numpy
    import openvino
    core = openvino.Core()
    model = core.read_model(o.source)
    model.reshape([o.batch, 3, SIZE, SIZE])
    hints = {"INFERENCE_NUM_THREADS": o.threads, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": o.precision}
    request = core.compile_model(model, "CPU", hints).create_infer_request()
    x = numpy.random.randn(o.batch, 3, SIZE, SIZE).astype(numpy.float32)
    return lambda: request.infer({0: x}), openvino.__version__


PEERS = {"torch": torch_step, "torch-compile": torch_step, "ort": ort_step, "openvino": openvino_step}


def output_of(command, environment=None):
    """The JSON of a program's last line of output."""
    command = list(map(str, command))
    done = subprocess.run(command, env={**os.environ, **(environment or {})}, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed with {done.returncode}: {done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def time_keel(program, what, mode, batch, steps, threads, precision="f32"):
    """`what`: --model NAME or --checkpoint FILE."""
    result = output_of([program, "bench", *what, "--mode", mode, "--batch", batch, "--steps", steps, "--warmup", WARMUP, "--threads", threads,
                        "--precision", precision, "--json", "--quiet"])
    return {"rate": result["images_per_second"], "mb": result["peak_rss_mb"]}


def time_peer(peer, source, mode, batch, steps, threads, precision="f32"):
    """In a process of its own; PyTorch with jemalloc and huge pages where libjemalloc.so.2 is installed, which is its best."""
    environment = {"OMP_NUM_THREADS": str(threads)}
    jemalloc = glob.glob("/usr/lib/*/libjemalloc.so.2")
    if peer.startswith("torch") and jemalloc:
        environment.update(THP_MEM_ALLOC_ENABLE="1", LD_PRELOAD=jemalloc[0], MALLOC_CONF="thp:always,dirty_decay_ms:-1,muzzy_decay_ms:-1")
    return output_of([PYTHON, __file__, peer, source, mode, batch, "--steps", steps, "--threads", threads, "--precision", precision], environment)


def in_turn(programs, rounds, name=""):
    """Results by program, one a round; every other round runs in reverse, so that a drift of the machine cancels out."""
    results = {program: [] for program in programs}
    for turn in range(rounds):
        for program in list(programs)[:: 1 if turn % 2 == 0 else -1]:
            results[program].append(programs[program]())
            print(f"{name} round {turn + 1}: {program} {results[program][-1]['rate']:.2f} images/s", file=sys.stderr, flush=True)
    return results


def ratios(ours, theirs):
    """The median of ratios within a round, and their range."""
    each = [a["rate"] / b["rate"] for a, b in zip(ours, theirs)]
    return f"{median(each):.2f} ({min(each):.2f}-{max(each):.2f})"


def write_networks(folder, names, int8=False):
    """Writes torchvision's networks with seeded weights and plausible statistics as MODEL.onnx, whose batch is free; with `int8` also as
    MODEL.int8.onnx by NNCF (QDQ, activations of 8 bits without a sign, weights per channel)."""
    import torch
    import torchvision
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name in names:
        torch.manual_seed(0)
        model = getattr(torchvision.models, name)(weights=None).eval()
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
                module.weight.data.uniform_(0.5, 1.5)
                module.bias.data.normal_(0, 0.1)
        files.append(folder / f"{name}.onnx")
        older = {"dynamo": False} if torch.__version__ >= "2.5" else {}
        torch.onnx.export(model, torch.randn(1, 3, SIZE, SIZE), files[-1], opset_version=17, input_names=["input"], output_names=["output"],
                          dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}}, **older)
        if int8:
            import nncf
            import onnx
            images = nncf.Dataset([torch.randn(1, 3, SIZE, SIZE).numpy() for _ in range(64)], lambda image: {"input": image})
            onnx.save(nncf.quantize(onnx.load(files[-1]), images), folder / f"{name}.int8.onnx")
    return files


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("source", help="a network's name, or an ONNX file")
    parser.add_argument("mode", choices=["train", "infer", "int8"])
    parser.add_argument("batch", type=int)
    parser.add_argument("--precision", choices=["f32", "bf16"], default="f32")
    parser.add_argument("--threads", type=int, default=2, help="[default: %(default)s]")
    parser.add_argument("--steps", type=int, default=6, help="[default: %(default)s]")
    o = parser.parse_args()
    step, version = PEERS[o.peer](o)
    seconds = []
    for _ in range(WARMUP + o.steps):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    import resource
    print(json.dumps({"rate": o.batch / median(seconds[WARMUP:]), "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
                      "version": version}))


if __name__ == "__main__":
    main()
