#!/usr/bin/env python3
"""Values and derivatives beside PyTorch and ONNX Runtime: our time, theirs, the ratio.

    cargo build --release -p netinverse-benches
    python3 benches/engine.py [--threads 1 2] [--seconds 0.2] [--rounds 3]

Each figure is the best of interleaved rounds (theirs, ours, theirs, ours, …) on the same machine. Both sides
build the same networks from a formula, and the results are compared. Needs torch, onnx and onnxruntime.
"""

import argparse
import io
import os
import pathlib
import subprocess
import time

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
parser.add_argument("--seconds", type=float, default=0.2, help="of each side in each round")
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--only", default="", help="measure networks of this name only")
arguments = parser.parse_args()

import numpy as np
import onnxruntime
import torch
from torch import nn

root = pathlib.Path(__file__).resolve().parent.parent
target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", root / "target"))
ours = subprocess.Popen([target / "release" / "engine"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def numbers(count, seed, scale):
    """As in src/engine.rs."""
    i = np.arange(count, dtype=np.int64)
    return (scale * np.sin((7 * i * i % 10_000) / 10.0 + seed)).astype(np.float32)


class Constants:
    def __init__(self):
        self.count = 1

    def fill(self, tensor, scale):
        self.count += 1
        values = numbers(tensor.numel(), self.count, scale).reshape(tensor.shape)
        with torch.no_grad():
            tensor.copy_(torch.from_numpy(values))


def mlp(sizes):
    constants, layers = Constants(), []
    for k, n in zip(sizes, sizes[1:]):
        layer = nn.Linear(k, n)
        constants.fill(layer.weight, (2 / k) ** 0.5)
        constants.fill(layer.bias, 0.1)
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def conv(side, stride, pool):
    constants, layers = Constants(), []
    for k, n in [(1, 16), (16, 32)]:
        layer = nn.Conv2d(k, n, side, stride=stride, padding=1)
        constants.fill(layer.weight, (2 / (side * side * k)) ** 0.5)
        constants.fill(layer.bias, 0.1)
        layers += [layer, nn.ReLU()] + ([nn.MaxPool2d(2)] if pool else [])
    layer = nn.Linear(32 * 7 * 7, 10)
    constants.fill(layer.weight, (2 / (32 * 7 * 7)) ** 0.5)
    constants.fill(layer.bias, 0.1)
    return nn.Sequential(*layers, nn.Flatten(), layer)


NETWORKS = {
    "mlp": (mlp([784, 256, 256, 10]), [784]),
    "acas": (mlp([5, 50, 50, 50, 50, 50, 50, 5]), [5]),
    "conv": (conv(3, 1, True), [1, 28, 28]),
    "strided": (conv(4, 2, False), [1, 28, 28]),
}
CASES = [
    ("mlp", "forward", 1), ("mlp", "forward", 64), ("mlp", "forward", 1024),
    ("mlp", "vjp", 1), ("mlp", "vjp", 64), ("mlp", "vjp", 1024), ("mlp", "jacobian", 64),
    ("acas", "forward", 1), ("acas", "forward", 64), ("acas", "forward", 4096),
    ("acas", "vjp", 1), ("acas", "vjp", 64), ("acas", "vjp", 4096),
    ("acas", "jacobian", 64), ("acas", "jacobian", 4096),
    ("conv", "forward", 1), ("conv", "forward", 64), ("conv", "forward", 1024),
    ("conv", "vjp", 1), ("conv", "vjp", 64), ("conv", "vjp", 1024),
    ("strided", "forward", 64), ("strided", "vjp", 64),
]
for net, _ in NETWORKS.values():
    for parameter in net.parameters():
        parameter.requires_grad_(False)


def best(call, seconds):
    least, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        call()
        least = min(least, time.perf_counter() - start)
    return least


def torch_pass(net, x, what):
    """The quickest way that PyTorch has: no graph for values; one graph for all rows of a Jacobian."""
    if what == "forward":
        def call():
            with torch.inference_mode():
                return net(x)
        return call
    x = x.clone().requires_grad_(True)
    if what == "vjp":
        def call():
            y = net(x)
            return torch.autograd.grad(y, x, torch.ones_like(y))[0]
        return call

    def call():
        y = net(x)
        rows = []
        for j in range(y.shape[1]):
            seed = torch.zeros_like(y)
            seed[:, j] = 1
            rows.append(torch.autograd.grad(y, x, seed, retain_graph=True)[0])
        return torch.stack(rows, 1)
    return call


def runtime(net, shape, threads):
    data = io.BytesIO()
    torch.onnx.export(net, (torch.zeros(2, *shape),), data, input_names=["x"], output_names=["y"],
                      dynamic_axes={"x": {0: "batch"}, "y": {0: "batch"}}, dynamo=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(data.getvalue(), options, providers=["CPUExecutionProvider"])


def measure_ours(name, what, batch, threads):
    print(name, what, batch, threads, arguments.seconds, file=ours.stdin, flush=True)
    seconds, total = ours.stdout.readline().split()
    return float(seconds), float(total)


def show(seconds):
    return "–" if seconds is None else f"{seconds * 1e6:.1f}" if seconds < 1e-3 else f"{seconds * 1e6:.0f}"


print(f"PyTorch {torch.__version__}, ONNX Runtime {onnxruntime.__version__}; microseconds a call, f32\n")
print("| network | pass | batch | threads | netinverse | PyTorch | PyTorch / ours | ONNX Runtime | ORT / ours |")
print("|---|---|---|---|---|---|---|---|---|")
for threads in arguments.threads:
    torch.set_num_threads(threads)
    for name, what, batch in CASES:
        if arguments.only and arguments.only != name:
            continue
        net, shape = NETWORKS[name]
        size = int(np.prod(shape))
        x = torch.from_numpy(numbers(batch * size, 1, 1.0).reshape(batch, *shape))
        call = torch_pass(net, x, what)
        session = runtime(net, shape, threads) if what == "forward" else None
        own, peer, ort = [], [], []
        for _ in range(arguments.rounds):
            peer.append(best(call, arguments.seconds))
            seconds, total = measure_ours(name, what, batch, threads)
            own.append(seconds)
            if session:
                feed = {"x": x.numpy()}
                ort.append(best(lambda: session.run(None, feed), arguments.seconds))
        expected = call().detach().abs().double().sum().item()
        assert abs(total - expected) <= 1e-3 * expected, f"{name} {what} {batch}: {total} is not {expected}"
        mine, theirs, third = min(own), min(peer), min(ort, default=None)
        ratio = f"{third / mine:.2f}" if third else "–"
        print(f"| {name} | {what} | {batch} | {threads} | {show(mine)} | {show(theirs)} | {theirs / mine:.2f} "
              f"| {show(third)} | {ratio} |", flush=True)
ours.stdin.close()
