#!/usr/bin/env python3
"""Forward passes of convolutional networks beside ONNX Runtime on one thread: our time, theirs, the ratio.

    cargo build --release -p netinverse-benches
    python3 benches/convolutions.py [--batch 64] [--seconds 0.1] [--rounds 15] [FILE.onnx …]

Measures the small conv net (1 → 16 → 32 channels of 3 × 3, each with relu and a 2 × 2 max pool, and a dense map to 10)
and the files named. A figure is the best of interleaved rounds on the same machine, and the results are compared.
Needs numpy, onnx and onnxruntime.
"""

import argparse
import os
import pathlib
import subprocess
import tempfile
import time

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper


def numbers(count, seed, scale):
    """As in src/engine.rs."""
    i = np.arange(count, dtype=np.int64)
    return (scale * np.sin((7 * i * i % 10_000) / 10.0 + seed)).astype(np.float32)


def small_net():
    shapes = [("w1", (16, 1, 3, 3)), ("b1", (16,)), ("w2", (32, 16, 3, 3)), ("b2", (32,)), ("w3", (10, 1568)), ("b3", (10,))]
    weights = [
        numpy_helper.from_array(numbers(int(np.prod(shape)), seed, 0.1).reshape(shape), name)
        for seed, (name, shape) in enumerate(shapes)
    ]
    conv = dict(kernel_shape=[3, 3], pads=[1] * 4)
    pool = dict(kernel_shape=[2, 2], strides=[2, 2])
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["z1"], **conv), helper.make_node("Relu", ["z1"], ["a1"]),
        helper.make_node("MaxPool", ["a1"], ["p1"], **pool),
        helper.make_node("Conv", ["p1", "w2", "b2"], ["z2"], **conv), helper.make_node("Relu", ["z2"], ["a2"]),
        helper.make_node("MaxPool", ["a2"], ["p2"], **pool),
        helper.make_node("Flatten", ["p2"], ["f"]), helper.make_node("Gemm", ["f", "w3", "b3"], ["y"], transB=1),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 1, 28, 28])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 10])
    graph = helper.make_graph(nodes, "small", [x], [y], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def session(model):
    """One thread; any batch, where the file fixes it at 1."""
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    for value in [*model.graph.output, *model.graph.value_info]:
        if value.type.tensor_type.shape.dim:
            value.type.tensor_type.shape.dim[0].dim_param = "batch"
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def best(call, seconds):
    least, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        call()
        least = min(least, time.perf_counter() - start)
    return least


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=0.1, help="of each side in each round")
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()

    root = pathlib.Path(__file__).resolve().parent.parent
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", root / "target"))
    engine = subprocess.Popen([target / "release" / "engine"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    print(f"ONNX Runtime {onnxruntime.__version__}, batch {arguments.batch}, one thread; microseconds a call, f32\n")
    print("| network | netinverse | ONNX Runtime | ours / theirs |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        small = pathlib.Path(folder) / "small.onnx"
        onnx.save(small_net(), small)
        for path in [small, *map(pathlib.Path, arguments.files)]:
            runtime = session(onnx.load(path))
            port = runtime.get_inputs()[0]
            x = numbers(arguments.batch * int(np.prod(port.shape[1:])), 1, 1.0).reshape(arguments.batch, *port.shape[1:])
            feed = {port.name: x}
            mine, theirs = float("inf"), float("inf")
            for _ in range(arguments.rounds):
                theirs = min(theirs, best(lambda: runtime.run(None, feed), arguments.seconds))
                print(path, "forward", arguments.batch, 1, arguments.seconds, file=engine.stdin, flush=True)
                seconds, total = map(float, engine.stdout.readline().split())
                mine = min(mine, seconds)
            expected = np.abs(runtime.run(None, feed)[0].astype(np.float64)).sum()
            assert abs(total - expected) <= 1e-4 * expected, f"{path.name}: {total} is not {expected}"
            print(f"| {path.stem} | {mine * 1e6:.0f} | {theirs * 1e6:.0f} | {mine / theirs:.2f} |", flush=True)
    engine.stdin.close()


if __name__ == "__main__":
    main()
