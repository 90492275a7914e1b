#!/usr/bin/python3
"""Compares Keel with PyTorch on the same weights and images (docs/parity.md).

PyTorch's float64 run is the truth. For the logits in train and eval mode, every parameter's gradient, the batch norms' running
statistics and the losses of 20 SGD steps, Keel's float32 error may be at most twice that of PyTorch's float32 run, or 1e-6 where that
is larger. With several seeds and runs, the error of each tensor is the root mean square over them: a single run's errors are chance.
With --precision bf16 both sides compute so, PyTorch by autocast, and Keel's error may be at most one and a half times PyTorch's.
Prints a table; exits with 1 if Keel's error is larger anywhere.

Needs Debian's python3-torch, python3-torchvision and python3-numpy (or PyPI's), and the program keel_parity of the build folder.
"""

import argparse
import itertools
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

import numpy
import torch
import torchvision

LIMIT_RATIO, LIMIT_ERROR = {"f32": 2.0, "bf16": 1.5}, 1e-6
STEPS, LR, MOMENTUM = 20, 0.01, 0.9
NUMPY_TYPES = {"F32": numpy.float32, "I32": numpy.int32}


def write_safetensors(path, tensors):
    names = {numpy.dtype(t): name for name, t in NUMPY_TYPES.items()}
    header, offset = {}, 0
    for name, array in tensors.items():
        header[name] = {"dtype": names[array.dtype], "shape": array.shape, "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for array in tensors.values():
            file.write(numpy.ascontiguousarray(array).tobytes())


def read_safetensors(path):
    data = pathlib.Path(path).read_bytes()
    length = struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    return {name: numpy.frombuffer(data, NUMPY_TYPES[entry["dtype"]], (entry["data_offsets"][1] - entry["data_offsets"][0]) // 4,
                                   8 + length + entry["data_offsets"][0]).reshape(entry["shape"]) for name, entry in header.items()}


def float_state(model):
    return {name: tensor for name, tensor in model.state_dict().items() if tensor.is_floating_point()}


def make_problem(name, batch, size, steps, seed, precision):
    """Weights as torchvision draws them, a batch of standard normal images (`steps` of them, in turn) and labels. Running
    statistics are drawn for bf16, too: those of a new model scale by a hair less than 1, so that what would be ties of rounding are
    all rounded down where a norm is not rounded by itself."""
    torch.manual_seed(seed)
    state = float_state(getattr(torchvision.models, name)())
    for key, tensor in state.items() if precision == "bf16" else ():
        if key.endswith("running_mean"):
            tensor.normal_(0, 0.1)
        elif key.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
    count = max(steps, 1) * batch
    return {**{"state." + key: tensor.numpy() for key, tensor in state.items()}, "images": torch.randn(count, 3, size, size).numpy(),
            "labels": torch.randint(0, 1000, (count,), dtype=torch.int32).numpy()}


def variants(count, batch, seed, runs):
    """What leaves the problem the same and rounds it otherwise: another order of every batch's images and of their channels (and of
    the first convolution's), rows and columns of images and kernels swapped. The first is the problem as it is; 12 differ in more than
    the order of the images."""
    draw = numpy.random.default_rng(seed)
    images, channels = numpy.arange(count).reshape(-1, batch), list(itertools.permutations(range(3)))
    for run in range(runs):
        yield (draw.permuted(images, axis=1) if run else images).ravel(), channels[run // 2 % 6], run % 2 == 1


def as_variant(tensors, order, channels, swapped):
    """The problem's tensors, or those of its result."""
    out = {}
    for key, value in tensors.items():
        if key in ("images", "labels", "eval_logits", "inferred_logits", "train_logits"):
            value = value[order]
        if value.ndim == 4 and value.shape[1] == len(channels):
            value = value[:, channels]
        out[key] = value.swapaxes(2, 3) if value.ndim == 4 and swapped else value
    return out


def run_torch(name, problem, batch, steps, dtype, layout=torch.contiguous_format, bf16=False):
    """The same quantities, under the same names, as keel_parity writes; with bf16 by autocast."""
    model = getattr(torchvision.models, name)()
    with torch.no_grad():
        for key, tensor in float_state(model).items():
            tensor.copy_(torch.from_numpy(problem["state." + key]))
    model = model.to(dtype=dtype, memory_format=layout)
    images = torch.from_numpy(problem["images"]).to(dtype).contiguous(memory_format=layout)
    labels = torch.from_numpy(problem["labels"]).long()
    plain = lambda tensor: tensor.detach().contiguous().numpy()

    def logits_of(batch_images):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            logits = model(batch_images)
        return logits.to(dtype)  # losses are computed in f32

    if steps:
        optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=MOMENTUM)
        losses = []
        for step in range(steps):
            rows = slice(step * batch, (step + 1) * batch)
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(logits_of(images[rows]), labels[rows])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return {"losses": numpy.array(losses)}
    with torch.no_grad():
        model.eval()
        out = {"eval_logits": plain(logits_of(images))}
    out["inferred_logits"] = out["eval_logits"]
    model.train()
    logits = logits_of(images)
    torch.nn.functional.cross_entropy(logits, labels).backward()
    out["train_logits"] = plain(logits)
    out.update({"gradient." + key: plain(p.grad) for key, p in model.named_parameters()})
    out.update({"statistic." + key: plain(b) for key, b in model.named_buffers() if b.is_floating_point()})
    return out


def run_keel(args, name, problem, batch, steps, isa):
    with tempfile.TemporaryDirectory() as folder:
        source, result = os.path.join(folder, "problem.safetensors"), os.path.join(folder, "result.safetensors")
        write_safetensors(source, problem)
        subprocess.run([args.program, name, source, result, str(batch), str(steps), str(LR), str(MOMENTUM), str(args.threads),
                        args.precision], check=True, env={**os.environ, **({"KEEL_ISA": isa} if isa else {})})
        return read_safetensors(result)


def relative_error(got, truth):
    """Relative L2 error."""
    got, truth = got.astype(numpy.float64).ravel(), truth.astype(numpy.float64).ravel()
    return float(numpy.linalg.norm(got - truth) / numpy.linalg.norm(truth))


def errors_of(result, truth):
    """By name; losses are compared one by one."""
    if result.keys() != truth.keys():
        sys.exit(f"parity: the two sides name different tensors: {sorted(result.keys() ^ truth.keys())}")
    out = {}
    for key, value in truth.items():
        if key == "losses":
            out.update({f"loss.{i + 1:02d}": abs(float(result[key][i]) / float(value[i]) - 1) for i in range(len(value))})
        else:
            out[key] = relative_error(result[key], value)
    return out


def rms(values):
    return float(numpy.sqrt(numpy.mean(numpy.square(list(values)))))


def report(title, keel, others, ratio, verbose):
    """One line for each kind of quantity; returns the names of those beyond the limit. The first of others sets the limit."""
    torch_errors = next(iter(others.values()))
    beyond = [key for key in keel if not keel[key] <= max(ratio * torch_errors[key], LIMIT_ERROR)]
    print(f"\n{title}")
    print(f"{'quantity':<15}{'tensors':>8}{'Keel worst':>12}{'Keel rms':>11}" +
          "".join(f"{name + ' worst':>20}{name + ' rms':>18}" for name in others) + f"{'rms ratio':>11}{'worst ratio':>13}{'beyond':>8}")
    for kind in dict.fromkeys(key.split(".")[0] for key in keel):
        keys = [key for key in keel if key.split(".")[0] == kind]
        worst = lambda errors: max(errors[key] for key in keys)
        mean = lambda errors: rms(errors[key] for key in keys)
        counted = [keel[key] / torch_errors[key] for key in keys if keel[key] > LIMIT_ERROR]
        print(f"{kind:<15}{len(keys):>8}{worst(keel):>12.2e}{mean(keel):>11.2e}" +
              "".join(f"{worst(errors):>20.2e}{mean(errors):>18.2e}" for errors in others.values()) +
              f"{mean(keel) / mean(torch_errors):>11.2f}" + (f"{max(counted):>13.2f}" if counted else f"{'-':>13}") +
              f"{sum(key in beyond for key in keys):>8}")
    for key in keel if verbose else beyond:
        print(f"  {key:<50}{keel[key]:>11.2e}" + "".join(f"{errors[key]:>11.2e}" for errors in others.values()) +
              f"{keel[key] / torch_errors[key]:>8.2f}" + ("  beyond" if key in beyond else ""))
    return beyond


def compare(args, name, batch, size, steps):
    layouts = {"PyTorch": torch.contiguous_format, **({"nhwc": torch.channels_last} if args.channels_last else {})}
    keel, others = {isa: [] for isa in args.isas}, {side: [] for side in layouts}
    for seed in range(args.seed, args.seed + args.seeds):
        problem = make_problem(name, batch, size, steps, seed, args.precision)
        truth = run_torch(name, problem, batch, steps, torch.float64)
        for variant in variants(len(problem["labels"]), batch, seed, args.runs):
            same, same_truth = as_variant(problem, *variant), as_variant(truth, *variant)
            for isa, errors in keel.items():
                errors.append(errors_of(run_keel(args, name, same, batch, steps, isa), same_truth))
            for side, errors in others.items():
                result = run_torch(name, same, batch, steps, torch.float32, layouts[side], args.precision == "bf16")
                errors.append(errors_of(result, same_truth))
        print(f"{name}: seed {seed} done", file=sys.stderr)
    over_runs = lambda runs: {key: rms(run[key] for run in runs) for key in runs[0]}
    others = {side: over_runs(runs) for side, runs in others.items()}
    title = f"{name} in {args.precision}, batch {batch}, {size}x{size}, seed {args.seed}"
    title += f" to {args.seed + args.seeds - 1}, {args.runs} runs each" if args.seeds * args.runs > 1 else ""
    title += f", {steps} SGD steps, losses" if steps else ", one step"
    return [key for isa, runs in keel.items()
            for key in report(title + (f", KEEL_ISA={isa}" if isa else ""), over_runs(runs), others, LIMIT_RATIO[args.precision],
                              args.verbose)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="path of keel_parity, e.g. build/release/tests/keel_parity")
    parser.add_argument("--models", nargs="*", default=["resnet50", "densenet121"], help="models for one step (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=8, help="images in a batch (default: %(default)s)")
    parser.add_argument("--size", type=int, default=224, help="image size in pixels (default: %(default)s)")
    parser.add_argument("--steps-size", type=int, default=64, help="image size of the SGD steps, 0: skip them (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of weights and images, the first one (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds in turn (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=1, help="runs of each, rounding otherwise (default: %(default)s)")
    parser.add_argument("--isas", nargs="*", default=[""], help="values of KEEL_ISA in turn (default: as the environment has it)")
    parser.add_argument("--threads", type=int, default=2, help="of both sides (default: %(default)s)")
    parser.add_argument("--precision", choices=LIMIT_RATIO, default="f32", help="of both sides (default: %(default)s)")
    parser.add_argument("--channels-last", action="store_true", help="also run PyTorch in channels_last, for comparison")
    parser.add_argument("--verbose", action="store_true", help="a line for every tensor")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    beyond = [key for name in args.models for key in compare(args, name, args.batch, args.size, 0)]
    if args.steps_size:
        beyond += compare(args, "resnet18", args.batch, args.steps_size, STEPS)
    print(f"\n{len(beyond)} beyond the limit of max({LIMIT_RATIO[args.precision]:g} x PyTorch's error, {LIMIT_ERROR:g})")
    return 1 if beyond else 0


if __name__ == "__main__":
    sys.exit(main())
