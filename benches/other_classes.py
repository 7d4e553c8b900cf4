#!/usr/bin/env python3
"""The nearest input of every other class on the mixed networks, replayed in ONNX Runtime.

    cargo build --release -p netinverse-benches
    NETINVERSE_DATA=… python3 benches/other_classes.py [--inputs 20]

An average-pool convolution, a 6×200 sigmoid network and a ResNet: 20 inputs each (MNIST test digits where the input has
784 elements, seeded uniform points elsewhere) and, for each, the nearest input of all nine other classes in [0, 1]. An
answer counts if ONNX Runtime gives it the class that was asked for.
"""

import argparse
import pathlib
import subprocess
import tempfile

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--inputs", type=int, default=20)
parser.add_argument("--data-rows", type=int, default=500)
arguments = parser.parse_args()

import gzip

import numpy as np
import onnxruntime

from inverse_nets import data, target

pixels = {
    part: np.frombuffer(gzip.open(data / "mnist" / f"{part}-images-idx3-ubyte.gz").read()[16:], np.uint8).reshape(-1, 784)
    for part in ("t10k", "train")
}
for name in ("Convnet_avgpool", "ffnnSIGMOID__Point_6x200", "resnet_2b"):
    path = data / "vnncomp-misc" / f"{name}.onnx"
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    declared = session.get_inputs()[0]
    shape = [size if isinstance(size, int) else 1 for size in declared.shape]
    n = int(np.prod(shape))
    if n == 784:
        x0, starts = pixels["t10k"][: arguments.inputs] / 255.0, pixels["train"][: arguments.data_rows] / 255.0
    else:
        generator = np.random.default_rng(0)
        x0 = generator.random((arguments.inputs, n))
        starts = generator.random((arguments.data_rows, n))

    def classes(x):
        run = lambda row: session.run(None, {declared.name: row.reshape(shape).astype(np.float32)})[0].ravel()
        return np.array([run(row) for row in x])

    own = classes(x0).argmax(axis=1)
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        np.save(scratch / "x.npy", x0)
        np.save(scratch / "data.npy", starts)
        command = [target / "release" / "points", "classes", path, scratch / "x.npy", scratch / "data.npy", "each"]
        subprocess.run([*command, scratch / "out.npz"], check=True)
        answers = dict(np.load(scratch / "out.npz"))
    asked = np.array([[k for k in range(10) if k != c] for c in own]).ravel()
    x, row = answers["x"], answers["row"]
    confirmed = classes(x).argmax(axis=1) == asked[row]
    distance = np.linalg.norm(x - x0[row // 9], axis=1)
    print(
        f"{name:26} {len(x0)} inputs: {len(row)} of {len(asked)} found, {confirmed.sum()} confirmed by ONNX Runtime;"
        f" median distance {np.median(distance):.3f}, {answers['evaluations'].mean():.0f} evaluations"
        f" and {1e3 * float(answers['seconds'][0]) / len(asked):.1f} ms a question"
    )
