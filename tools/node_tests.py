#!/usr/bin/env python3
"""Writes the node tests of the onnx package where `acceptance node-tests` reads them.

    python tools/node_tests.py DIR

For each test: DIR/NAME.onnx, the model, and DIR/NAME.data.onnx, a model whose initialisers are the inputs `in0`, `in1`, …
in the order of the model's and the expected outputs `out0`, …; DIR/manifest.json lists the tests, and why one was left
out: what is no tensor of numbers cannot be written so. Needs onnx and numpy.
"""

import contextlib
import io
import json
import pathlib
import sys
import warnings

import numpy as np
import onnx
from onnx import numpy_helper

NUMBERS = {
    onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.INT8, onnx.TensorProto.INT16,
    onnx.TensorProto.INT32, onnx.TensorProto.INT64, onnx.TensorProto.UINT8, onnx.TensorProto.UINT16,
    onnx.TensorProto.UINT32, onnx.TensorProto.UINT64, onnx.TensorProto.BOOL,
}
FLOATS = {onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE}


def element_types(infos):
    """The element types, None for what is no tensor."""
    return [i.type.tensor_type.elem_type if i.type.HasField("tensor_type") else None for i in infos]


def tensor(array, name):
    """A test's array, which may be a tensor already, under a name."""
    if isinstance(array, onnx.TensorProto):
        array = numpy_helper.to_array(array)
    return numpy_helper.from_array(np.asarray(array), name)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        cases = collect_testcases(None)
    manifest, endless, empty = [], 0, 0
    for case in cases:
        graph = case.model.graph
        types = element_types(graph.input) + element_types(graph.output)
        inputs, outputs = case.data_sets[0]
        if not all(t in NUMBERS for t in types) or not any(t in FLOATS for t in element_types(graph.input)):
            continue  # not a test of float numbers
        arrays = [(f"in{i}", x) for i, x in enumerate(inputs)] + [(f"out{i}", y) for i, y in enumerate(outputs)]
        tensors = [tensor(array, name) for name, array in arrays]
        plain = [numpy_helper.to_array(own) for own in tensors]
        if not all(np.isfinite(own).all() for own in plain):
            endless += 1  # a network is a function of finite numbers
            continue
        if any(own.size == 0 for own in plain[len(inputs):]):
            empty += 1  # nothing to compare
            continue
        data = onnx.helper.make_graph([], "data", [], [], tensors)
        data = onnx.helper.make_model(data, opset_imports=[onnx.helper.make_opsetid("", 17)])
        onnx.save(case.model, folder / f"{case.name}.onnx")
        onnx.save(data, folder / f"{case.name}.data.onnx")
        manifest.append({"name": case.name, "rtol": case.rtol, "atol": case.atol})
    (folder / "manifest.json").write_text(json.dumps({"onnx": onnx.__version__, "tests": manifest}))
    print(
        f"{len(manifest)} of {len(cases)} node tests of onnx {onnx.__version__} compute with float numbers, "
        f"{endless} more with infinities or NaN, {empty} give nothing"
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    main()
