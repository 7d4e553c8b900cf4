"""Evaluations of `netinverse invert` from a learned inverse, and from the centre of the bounds under the same rules.

    cargo build --release -p netinverse
    python3 benches/learned_start.py --model M.onnx --targets T.csv --bounds B.csv [--netinverse target/release/netinverse]
        [--train "--hidden 128,128 --rate 0.003"]

`--start` takes the first answer that is found. So that what is compared stops alike, the centre of the bounds is given as an inverse
too (a network that gives it for every y): same count, same tolerance, same stop, same search where the start leads nowhere. The
usual search, which goes on for the nearest answer, is beside them.
"""

import argparse
import json
import pathlib
import shlex
import statistics
import subprocess
import tempfile

import numpy
import onnx
from onnx import helper, numpy_helper


def centre(path, model, bounds):
    graph = onnx.load(model).graph
    m = int(numpy.prod([d.dim_value for d in graph.output[0].type.tensor_type.shape.dim][1:]))
    middle = bounds.mean(1).astype(numpy.float32)
    constants = [numpy.zeros((m, len(middle)), numpy.float32), middle]
    port = lambda name, size: helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, size])
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["y", "W"], ["z"]), helper.make_node("Add", ["z", "b"], ["x"])],
        "centre",
        [port("y", m)],
        [port("x", len(middle))],
        [numpy_helper.from_array(value, name) for value, name in zip(constants, "Wb")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--model", "--targets", "--bounds"):
        parser.add_argument(name, required=True)
    parser.add_argument("--netinverse", default="target/release/netinverse")
    parser.add_argument("--train", default="--hidden 128,128 --rate 0.003")
    options = parser.parse_args()
    bounds = numpy.loadtxt(options.bounds, delimiter=",", ndmin=2)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        command = [options.netinverse, "--quiet", "train", "inverse", options.model, "--bounds", options.bounds]
        subprocess.run([*command, *shlex.split(options.train), "-o", folder / "g.onnx"], check=True)
        centre(folder / "centre.onnx", options.model, bounds)
        print("| start | solved | evaluations: median | mean | distance from the centre, median |\n|---|---|---|---|---|")
        starts = [("the usual search, for the nearest answer", None), ("the centre of the bounds", "centre.onnx")]
        for name, start in [*starts, ("the learned inverse", "g.onnx")]:
            command = [options.netinverse, "--quiet", "invert", options.model, "--target", options.targets]
            command += ["--bounds", options.bounds, "--format", "json"]
            command += ["--start", folder / start] if start else []
            answer = json.loads(subprocess.run(command, capture_output=True, text=True).stdout)
            queries = answer["queries"]
            solved = [query for query in queries if query["status"] == "solved"]
            evaluations = [sum(query["evaluations"][kind] for kind in ("forward", "vjp", "jvp")) for query in queries]
            middle = bounds.mean(1)
            away = [numpy.linalg.norm(numpy.array(query["answers"][0]["x"]).ravel() - middle) for query in solved]
            print(
                f"| {name} | {len(solved)} of {len(queries)} | {statistics.median(evaluations):.0f} | "
                f"{statistics.mean(evaluations):.0f} | {statistics.median(away):.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
