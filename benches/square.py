"""Square maps with an inverse by construction, in ONNX Runtime: the round trip beside its limit, and inputs far from the data.

    cargo build --release -p netinverse
    python3 benches/square.py --data DIR [--netinverse target/release/netinverse]

DIR holds the four MNIST files. `train bijective`: a density of ten numbers (five times x1 normal and x2 normal around 0.6 x1²), additive,
affine and, for comparison, unbounded couplings; `train bilipschitz`: digits averaged to 7 by 7. Proved and measured factors of distances
come from netinverse (100 000 pairs, float64); the round trips are those of the two files in float32.
"""

import argparse
import gzip
import json
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


def small_digits(data, part, count):
    pixels = read(data, f"{part}-images-idx3-ubyte", 16).reshape(-1, 7, 4, 7, 4)[:count]
    labels = read(data, f"{part}-labels-idx1-ubyte", 8)[:count]
    return pixels.mean((2, 4)).reshape(-1, 49).astype(numpy.float32) / 255, labels.astype(numpy.float32)


def bananas(count, seed):
    rng = numpy.random.default_rng(seed)
    first, noise = rng.normal(size=(2, count, 5))
    return numpy.concatenate([first, 0.6 * first**2 + 0.4 * noise], 1).astype(numpy.float32)


class Network:
    def __init__(self, path):
        self.session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        self.name = self.session.get_inputs()[0].name

    def __call__(self, x):
        with numpy.errstate(all="ignore"):
            return self.session.run(None, {self.name: x})[0]


def round_trip(f, g, x):
    """Of the worst row, relative to the root mean square of the rows' lengths; and |f(x)| likewise."""
    y = f(x)
    with numpy.errstate(all="ignore"):
        miss = numpy.linalg.norm(g(y).astype(float) - x, axis=1).max()
        size = numpy.sqrt((x.astype(float) ** 2).sum(1).mean())
        return miss / size, numpy.linalg.norm(y.astype(float), axis=1).max() / size


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--netinverse", default="target/release/netinverse")
    options = parser.parse_args()
    data = pathlib.Path(options.data)
    density = ["bijective", "--blocks", "6", "--slope", "0.5", "--rate", "0.005", "--epochs", "20"]
    digits = ["bilipschitz", "--layers", "4", "--width", "98", "--rate", "0.005", "--epochs", "3"]
    runs = [
        ("additive", [*density, "--coupling", "additive"], 6, False),
        ("affine, clamp 0.5", [*density, "--coupling", "affine", "--clamp", "0.5"], 6, False),
        ("unbounded", [*density, "--coupling", "unbounded"], 6, False),
        ("bi-Lipschitz, 0.2 to 20", [*digits, "--mu", "0.2", "--nu", "20"], 4, True),
    ]
    print("| map | reached | factors proved | measured | round trip | limit | far: \\|f(x)\\|/\\|x\\| | round trip |\n|---|---|---|---|---|---|---|---|")
    for name, arguments, depth, classes in runs:
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            if classes:
                (x, labels), (test, test_labels) = small_digits(data, "train", 20_000), small_digits(data, "t10k", 10_000)
                numpy.save(folder / "labels.npy", labels[:, None])
                numpy.save(folder / "test_labels.npy", test_labels[:, None])
                own = ["--labels", folder / "labels.npy", "--test-labels", folder / "test_labels.npy"]
            else:
                x, test, own = bananas(10_000, 1), bananas(10_000, 2), []
            numpy.save(folder / "x.npy", x)
            numpy.save(folder / "t.npy", test)
            command = [options.netinverse, "--quiet", "train", *arguments, "--data", folder / "x.npy"]
            command += ["--test", folder / "t.npy", *own, "-o", folder / "f.onnx", "--format", "json"]
            answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            value = {measure["name"]: measure["value"] for measure in answer["measures"]}
            f, g = Network(folder / "f.onnx"), Network(folder / "f.inverse.onnx")
            near, _ = round_trip(f, g, test)
            far, growth = round_trip(f, g, (1e6 * test).astype(numpy.float32))
            number = lambda name: float("inf") if value.get(name) is None else value[name]
            limit = 8 * depth * number("condition_measured") * 2.0**-24
            factors = [
                "–"
                if f"factor_least_{how}" not in value
                else f"{number(f'factor_least_{how}'):.2g} to {number(f'factor_most_{how}'):.2g}"
                for how in ("proved", "measured")
            ]
            reached = f"accuracy {value['accuracy']:.4f}" if classes else (
                f"log p {value['log_density']:.2f} (normal law {value['normal_log_density']:.2f})"
            )
            print(
                f"| {name} | {reached} | {' | '.join(factors)} | {near:.1e} | {limit:.1e} | {growth:.2g} | {far:.1e} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
