#!/usr/bin/env python3
"""The nearest input of another class beside DDN, FMN, FAB and ALMA (adversarial-library), paired per digit.

    pip install adv-lib
    cargo build --release -p netinverse-benches
    NETINVERSE_DATA=… python3 benches/min_norm.py [--digits 500] [--peer-digits 100] [--only 256x2] [--norms l2 linf]

The first correctly classified test digits of MNIST, in [0, 1]^784. Every peer runs 1000 steps with its library's
defaults (`levels=None`: distances are not quantised); its evaluations are counted by the module itself: a sample through
one forward pass is one, through one backward pass another. Distances are measured on the inputs returned, in f64; an
answer of ours counts only if another class wins strictly in f64 (here) and in f32 (PyTorch), a peer's if it does in one.
"""

import argparse
import gzip
import math
import pathlib
import subprocess
import sys
import tempfile
import time
import types

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--digits", type=int, default=500)
parser.add_argument("--peer-digits", type=int, default=500)
parser.add_argument("--skip", type=int, default=0, help="test digits left out first: other digits to tune on")
parser.add_argument("--data-rows", type=int, default=2000, help="training digits that ours may start from")
parser.add_argument("--steps", type=int, default=1000)
parser.add_argument("--race", default="", help="evaluations that ours may spend on a digit; the default is the command line's")
parser.add_argument("--only", nargs="+", default=["256x2", "256x4", "256x6"])
parser.add_argument("--norms", nargs="+", default=["l2", "linf"])
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--peers", nargs="+", default=["DDN", "FMN", "FAB", "ALMA"], help="which of them run")
parser.add_argument("--peers-only", action="store_true", help="fill --keep and stop")
parser.add_argument("--keep", default="", help="a folder for the peers' answers, read again when they are there")
arguments = parser.parse_args()

import numpy as np
import torch

from inverse_nets import data, forward, layers, module, target

# adversarial-library imports torchvision and visdom for attacks and plots that are not used here.
for name in ("torchvision", "torchvision.models", "visdom"):
    try:
        __import__(name)
    except ImportError:
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__getattr__ = lambda attribute: None
from adv_lib.attacks import alma, ddn, fab, fmn

torch.set_num_threads(arguments.threads)


def digits(part="t10k", count=10_000):
    images = gzip.open(data / "mnist" / f"{part}-images-idx3-ubyte.gz").read()[16 : 16 + 784 * count]
    labels = gzip.open(data / "mnist" / f"{part}-labels-idx1-ubyte.gz").read()[8 : 8 + count]
    images = np.frombuffer(images, np.uint8).reshape(-1, 784) / 255.0
    return images.astype(np.float32).astype(np.float64), np.frombuffer(labels, np.uint8).astype(np.int64)


class Counted(torch.nn.Module):
    """A network that counts samples forward and backward."""

    def __init__(self, net):
        super().__init__()
        self.net, self.evaluations = net, 0

    def forward(self, x):
        self.evaluations += len(x)
        y = self.net(x)
        if y.requires_grad:
            y.register_hook(self.count)
        return y

    def count(self, gradient):
        self.evaluations += len(gradient)


def distance(x, near, norm):
    return np.abs(x - near).max(axis=1) if norm == "linf" else np.linalg.norm(x - near, axis=1)


def wins(stack, net, x, label, both):
    """Another class wins strictly, in f64 and in f32; or in either, which is all that a peer is asked."""
    y = forward(stack, x)
    z = net(torch.tensor(x, dtype=torch.float32)).numpy().astype(np.float64)
    row = np.arange(len(x))
    result = []
    for scores in (y, z):
        own = scores[row, label]
        scores = scores.copy()
        scores[row, label] = -np.inf
        result.append(scores.max(axis=1) > own)
    return result[0] & result[1] if both else result[0] | result[1]


def measure(name, stack, net, x, near, label, norm, evaluations, seconds):
    found = np.isfinite(x).all(axis=1) & wins(stack, net, np.nan_to_num(x), label, name == "netinverse")
    found &= ((x >= 0) & (x <= 1)).all(axis=1)
    lengths = np.where(found, distance(x, near, norm), np.inf)
    print(
        f"  {name:10} success {100 * found.mean():5.1f} %  median {np.median(lengths):.5f}"
        f"  evaluations {evaluations:7.0f}  {1e3 * seconds:8.2f} ms a digit",
        flush=True,
    )
    return lengths


def peers(norm):
    p = 2.0 if norm == "l2" else math.inf
    steps = arguments.steps
    result = {
        "FMN": lambda net, x, y: fmn(net, x, y, norm=p, steps=steps),
        "FAB": lambda net, x, y: fab(net, x, y, norm=p, n_iter=steps),
        "ALMA": lambda net, x, y: alma(net, x, y, num_steps=steps, distance="l2" if norm == "l2" else "linf"),
    }
    if norm == "l2":
        # DDN is an attack in L2 only.
        result = {"DDN": lambda net, x, y: ddn(net, x, y, steps=steps, levels=None)} | result
    else:
        del result["ALMA"]  # the library has ALMA for L2, L1, SSIM, CIEDE2000 and LPIPS
    return {name: attack for name, attack in result.items() if name in arguments.peers}


def answers_of(name, attack, net, x0, label, size, norm):
    """A peer's answers, evaluations and seconds a digit; from the folder of --keep when they are there."""
    kept = pathlib.Path(arguments.keep, f"{name}-{size}-{norm}-{arguments.skip}-{len(x0)}.npz") if arguments.keep else None
    if kept is not None and kept.exists():
        saved = np.load(kept)
        return saved["x"], float(saved["evaluations"]), float(saved["seconds"])
    counted = Counted(net)
    torch.manual_seed(0)
    start = time.perf_counter()
    x = attack(counted, torch.tensor(x0, dtype=torch.float32), torch.tensor(label)).detach().double().numpy()
    seconds = (time.perf_counter() - start) / len(x0)
    evaluations = counted.evaluations / len(x0)
    if kept is not None:
        np.savez(kept, x=x, evaluations=evaluations, seconds=seconds)
    return x, evaluations, seconds


def ours(path, x0, starts, norm):
    """Our answers (NaN where there is none), evaluations of each digit and seconds a digit."""
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        np.save(scratch / "x.npy", x0)
        np.save(scratch / "data.npy", starts)
        command = [target / "release" / "points", "classes", path, scratch / "x.npy", scratch / "data.npy", norm]
        command.append(scratch / "out.npz")
        command += [arguments.race] if arguments.race else []
        subprocess.run(command, check=True, env={"RAYON_NUM_THREADS": str(arguments.threads)})
        answers = dict(np.load(scratch / "out.npz"))
    x = np.full_like(x0, np.nan)
    x[answers["row"]] = answers["x"]
    return x, answers["evaluations"], float(answers["seconds"][0]) / len(x0)


images, labels = digits()
starts, _ = digits("train", arguments.data_rows)
for size in arguments.only:
    path = data / "mnistfc" / f"mnist-net_{size}.onnx"
    stack, net = layers(path), module(path)
    some = slice(arguments.skip, arguments.skip + 2 * arguments.digits + 200)
    right = np.flatnonzero(forward(stack, images[some]).argmax(axis=1) == labels[some])[: arguments.digits]
    right += arguments.skip
    x0, label = images[right], labels[right]
    for norm in arguments.norms:
        count = min(arguments.peer_digits, len(x0))
        print(f"mnist-net_{size}, {norm}: {len(x0)} digits from {arguments.skip} on, peers on the first {count}", flush=True)
        best, cheapest = np.full(count, np.inf), np.inf
        for name, attack in peers(norm).items() if count else ():
            x, evaluations, seconds = answers_of(name, attack, net, x0[:count], label[:count], size, norm)
            lengths = measure(name, stack, net, x, x0[:count], label[:count], norm, evaluations, seconds)
            best, cheapest = np.minimum(best, lengths), min(cheapest, evaluations)
        if arguments.peers_only:
            continue
        x, spent, seconds = ours(path, x0, starts, norm)
        mine = measure("netinverse", stack, net, x, x0, label, norm, spent.mean(), seconds)
        if count == 0:
            continue
        ratio = mine[:count] / best
        print(
            f"  ours against the best of them: within 1 % on {100 * (ratio <= 1.01).mean():.1f} % of the digits,"
            f" nearer on {100 * (ratio < 0.999).mean():.1f} %, median ratio {np.median(ratio):.4f}, worst {ratio.max():.3f};"
            f" evaluations 1/{cheapest / spent.mean():.1f} of the cheapest, at most {spent.max()}",
            flush=True,
        )
