"""Seconds an epoch of training, beside PyTorch on the same networks, batch and data.

    cargo build --release -p netinverse
    python3 benches/training.py --data DIR [--threads 2] [--epochs 3] [--netinverse target/release/netinverse]

DIR holds the four MNIST files. The two take turns; of each the mean epoch is shown, and of PyTorch the fastest too (netinverse does
not print single ones).
"""

import argparse
import gzip
import json
import pathlib
import subprocess
import tempfile
import time

import numpy
import torch

HIDDEN, CODE, BATCH, RATE = 256, 10, 128, 2e-3


def read(folder, name, skip):
    for path in (folder / name, folder / (name + ".gz")):
        if path.exists():
            raw = gzip.open(path).read() if path.suffix == ".gz" else path.read_bytes()
            return numpy.frombuffer(raw[skip:], dtype=numpy.uint8)
    raise SystemExit(f"{folder}: there is no {name}")


def torch_epochs(x, labels, weight, epochs):
    layer = torch.nn.Linear
    encoder = torch.nn.Sequential(layer(784, HIDDEN), torch.nn.ReLU(), layer(HIDDEN, CODE))
    decoder = torch.nn.Sequential(
        layer(CODE, HIDDEN), torch.nn.ReLU(), layer(HIDDEN, 784), torch.nn.Sigmoid()
    )
    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimizer = torch.optim.Adam(parameters, RATE, fused=True)
    seconds = []
    for _ in range(epochs):
        start = time.perf_counter()
        order = torch.randperm(len(x))
        for first in range(0, len(x), BATCH):
            rows = order[first : first + BATCH]
            image = x[rows]
            code = encoder(image)
            loss = torch.nn.functional.mse_loss(decoder(code), image)
            if weight is not None:
                loss = weight * loss + torch.nn.functional.cross_entropy(code, labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        seconds.append(time.perf_counter() - start)
    return sum(seconds) / len(seconds), min(seconds)


def own_epochs(options, weight):
    family = ["autoencoder"] if weight is None else ["classifier", "--invertible", str(weight)]
    with tempfile.TemporaryDirectory() as folder:
        command = [options.netinverse, "--quiet", "train", *family, "--data", options.data, "--format", "json"]
        command += ["--hidden", str(HIDDEN), "--batch", str(BATCH), "--rate", str(RATE)]
        command += ["--epochs", str(options.epochs), "--threads", str(options.threads)]
        command += ["-o", f"{folder}/f.onnx"]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(answer)["seconds_per_epoch"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--netinverse", default="target/release/netinverse")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    folder = pathlib.Path(options.data)
    pixels = read(folder, "train-images-idx3-ubyte", 16).reshape(-1, 784)
    x = torch.from_numpy(pixels.astype(numpy.float32) / 255)
    labels = torch.from_numpy(read(folder, "train-labels-idx1-ubyte", 8).astype(numpy.int64))
    print("| network | netinverse | PyTorch | its fastest | PyTorch / ours | its fastest / our mean |\n|---|---|---|---|---|---|")
    for name, weight in [("autoencoder", None), ("classifier with a decoder", 10)]:
        own, (mean, fastest) = own_epochs(options, weight), torch_epochs(x, labels, weight, options.epochs)
        print(f"| {name} | {own:.2f} | {mean:.2f} | {fastest:.2f} | {mean / own:.2f} | {fastest / own:.2f} |", flush=True)


if __name__ == "__main__":
    main()
