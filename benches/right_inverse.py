"""The right inverse of a surjective classifier in ONNX Runtime, and whether another classifier accepts what it gives.

    cargo build --release -p netinverse
    python3 benches/right_inverse.py --data DIR [--netinverse target/release/netinverse] [--keep DIR] [--output-size W]

DIR holds the four MNIST files. Trains `netinverse train surjective` and, from another seed, the plain 784-256-10 that judges;
with --keep, networks that are there already are used. y is drawn from the normal law with the mean and covariance of the
training outputs. Ten preimages a class: for the outputs of the first 20 test digits of each class, ten training digits of the class as
the free part; those that the judge gives another class are counted, and the distances between the ten.
"""

import argparse
import gzip
import pathlib
import subprocess
import tempfile

import numpy
import onnxruntime


def read(folder, name, skip):
    for path in (folder / name, folder / (name + ".gz")):
        if path.exists():
            raw = gzip.open(path).read() if path.suffix == ".gz" else path.read_bytes()
            return numpy.frombuffer(raw[skip:], dtype=numpy.uint8)
    raise SystemExit(f"{folder}: there is no {name}")


def digits(folder, part):
    x = read(folder, f"{part}-images-idx3-ubyte", 16).reshape(-1, 784).astype(numpy.float32) / 255
    return x, read(folder, f"{part}-labels-idx1-ubyte", 8)


class Network:
    def __init__(self, path):
        self.session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        self.names = [port.name for port in self.session.get_inputs()]

    def __call__(self, *inputs):
        return self.session.run(None, dict(zip(self.names, inputs)))[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--netinverse", default="target/release/netinverse")
    parser.add_argument("--keep")
    parser.add_argument("--output-size")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(options.keep or temporary)
        measure(options, folder)


def measure(options, folder):
    command = [options.netinverse, "--quiet", "train"]
    if not (folder / "f.onnx").exists():
        size = ["--output-size", options.output_size] if options.output_size else []
        own = ["surjective", "--data", options.data, *size, "-o", str(folder / "f.onnx")]
        subprocess.run([*command, *own], check=True)
    if not (folder / "judge.onnx").exists():
        judge = ["mlp", "--layers", "784,256,10", "--activation", "identity", "--seed", "7"]
        subprocess.run([*command, *judge, "--data", options.data, "-o", str(folder / "judge.onnx")], check=True)
    f, inverse, fibre = (Network(folder / f"f{part}.onnx") for part in ("", ".inverse", ".fibre"))
    judge = Network(folder / "judge.onnx")
    data = pathlib.Path(options.data)
    (x, labels), (x_test, labels_test) = digits(data, "train"), digits(data, "t10k")
    y, y_test = f(x), f(x_test)
    print(f"accuracy {(y_test.argmax(1) == labels_test).mean():.4f}, the judge's {(judge(x_test).argmax(1) == labels_test).mean():.4f}")
    rng = numpy.random.default_rng(0)
    drawn = rng.multivariate_normal(y.mean(0), numpy.cov(y.T), 10_000).astype(numpy.float32)
    print(f"root mean square of the outputs {numpy.sqrt((y.astype(float) ** 2).mean()):.2f}")
    for name, back in [("decoder", inverse(drawn)), ("training digits", fibre(drawn, x[:10_000]))]:
        miss = numpy.abs(f(back) - drawn).max(1)
        print(f"|f(g(y)) - y|, free part from {name}: most {miss.max():.2e}, median {numpy.median(miss):.2e}")
    accepted, apart, outputs = [], [], []
    for number in range(10):
        own = y_test[(labels_test == number) & (y_test.argmax(1) == number)][:20]
        parts = x[labels == number][:200]
        for row, target in enumerate(own):
            ten = parts[10 * row : 10 * row + 10]
            back = fibre(numpy.repeat(target[None], 10, 0), ten)
            accepted.append((judge(back).argmax(1) == number).mean())
            outputs.append(numpy.abs(f(back) - target).max())
            gaps = numpy.linalg.norm(back[:, None] - back[None], axis=2)[numpy.triu_indices(10, 1)]
            apart.append(gaps)
    print(
        f"ten preimages of each of {len(accepted)} outputs: {100 * numpy.mean(accepted):.2f} % accepted, "
        f"{numpy.mean(apart):.1f} apart on average and {numpy.min(apart):.1f} at least, |f(x) - y| at most {max(outputs):.1e}"
    )


if __name__ == "__main__":
    main()
