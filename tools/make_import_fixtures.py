#!/usr/bin/env python3
"""Makes crates/network/tests/fixtures/import: small ONNX models in every operator form and opset variant
that netinverse reads, and graphs as PyTorch's two exporters write them, with what ONNX Runtime computes.

    python tools/make_import_fixtures.py            # needs onnx, onnxruntime, numpy, torch, onnxscript

Seeded: the same versions write the same files. `cases.json` holds, for each model, points (the elements of
all inputs one after the other, one sample) and values (likewise the outputs), from a run sample by sample.
"""

import json
import pathlib
import tempfile

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

ROOT = pathlib.Path(__file__).resolve().parent.parent / "crates/network/tests/fixtures/import"
SAMPLES = 3
ort.set_default_logger_severity(4)
cases = []


def rng(name):
    return np.random.default_rng(list(name.encode()))


def point(name, shape, positive=False):
    values = rng(name).normal(size=shape).astype(np.float32)
    return np.abs(values) + np.float32(0.1) if positive else values


def batchless(shape):
    """The shape of one sample: a leading symbolic axis is 1."""
    return [1 if axis == 0 and not isinstance(size, int) else size for axis, size in enumerate(shape)]


def record(name, model, shapes=None, positive=False, outputs=None):
    """Runs the model on a few samples and writes model and values."""
    path = ROOT / f"{name}.onnx"
    if isinstance(model, onnx.ModelProto):
        path.write_bytes(model.SerializeToString())
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    if outputs:
        # An intermediate tensor as the output: the same graph with other outputs.
        extended = onnx.load(path)
        del extended.graph.output[:]
        extended.graph.output.extend(helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in outputs)
        session = ort.InferenceSession(extended.SerializeToString(), providers=["CPUExecutionProvider"])
    points, values = [], []
    for sample in range(SAMPLES):
        feed = {}
        for i in session.get_inputs():
            shape = (shapes or {}).get(i.name) or batchless(i.shape)
            values_in = point(f"{name}{i.name}{sample}", shape, positive)
            feed[i.name] = values_in.astype(np.float64 if "double" in i.type else np.float32)
        result = session.run(None, feed)
        flat = lambda arrays: [float(v) for a in arrays for v in np.asarray(a, dtype=np.float64).ravel()]
        # One sample's shapes: what a leading axis of 1 means is up to the reader.
        shapes_out = [list(np.asarray(a).shape) for a in result]
        points.append([float(np.float32(v)) for v in flat(feed.values())])
        values.append([float(f"{v:.9g}") for v in flat(result)])
    cases.append({"name": name, "outputs": outputs or [], "shapes": shapes_out, "points": points, "values": values})


def tensor(name, array):
    return numpy_helper.from_array(np.asarray(array), name)


def weights(name, *shape):
    return tensor(name, (rng("w" + name).normal(size=shape) * 0.7).astype(np.float32))


def ints(name, *values):
    return tensor(name, np.array(values, dtype=np.int64))


def graph(name, opset, nodes, inputs, initializers=(), outputs=("y",), positive=False, **options):
    """A model from node tuples (op, inputs, outputs, attributes); inputs as name → shape."""
    nodes = [
        helper.make_node(n[0], n[1].split(), n[2].split(), **(n[3] if len(n) > 3 else {}))
        if isinstance(n, tuple) else n
        for n in nodes
    ]
    for index, node in enumerate(nodes):
        node.name = f"{node.op_type.lower()}_{index}"
        # A dash stands for an optional input left out.
        for i, text in enumerate(node.input):
            if text == "-":
                node.input[i] = ""
    element = options.pop("element", TensorProto.FLOAT)
    values = [helper.make_tensor_value_info(n, element, s) for n, s in inputs.items()]
    made = helper.make_graph(
        nodes, name, values,
        [helper.make_tensor_value_info(n, element, None) for n in options.pop("declared", outputs)],
        list(initializers),
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = 8 if opset < 19 else 10
    requested = options.pop("requested", None)
    record(name, model, options.pop("shapes", None), positive, requested)


def elementwise():
    for op, attributes, positive in [
        ("Abs", {}, False), ("Relu", {}, False), ("Sigmoid", {}, False), ("Tanh", {}, False), ("Exp", {}, False),
        ("Log", {}, True), ("Neg", {}, False), ("Softplus", {}, False), ("Elu", {"alpha": 0.7}, False),
        ("LeakyRelu", {"alpha": 0.2}, False), ("Reciprocal", {}, True), ("HardSigmoid", {}, False),
        ("HardSwish", {}, False),
    ]:
        graph(op.lower(), 17, [(op, "x", "y", attributes)], {"x": ["N", 3, 2]}, positive=positive)
    graph("elu_default", 9, [("Elu", "x", "y")], {"x": ["N", 4]})
    graph("leakyrelu_default", 22, [("LeakyRelu", "x", "y")], {"x": ["N", 4]})
    graph("hardsigmoid_attributes", 7, [("HardSigmoid", "x", "y", {"alpha": 0.3, "beta": 0.1})], {"x": [1, 4]})
    graph("prelu_channels", 16, [("PRelu", "x s", "y")], {"x": ["N", 3, 2]}, [weights("s", 3, 1)])
    graph("prelu_one", 9, [("PRelu", "x s", "y")], {"x": ["N", 3]}, [tensor("s", np.float32([0.25]))])
    graph("clip_attributes", 10, [("Clip", "x", "y", {"min": -0.5, "max": 0.25})], {"x": [1, 6]})
    graph("clip_min_only", 7, [("Clip", "x", "y", {"min": -0.5})], {"x": [1, 6]})
    limit = lambda n, v: tensor(n, np.float32(v))
    graph("clip_inputs", 13, [("Clip", "x lo hi", "y")], {"x": [1, 6]}, [limit("lo", -0.5), limit("hi", 0.5)])
    graph("clip_max_only", 12, [("Clip", "x - hi", "y")], {"x": [1, 6]}, [limit("hi", 0.5)])
    graph("clip_infinite", 17, [("Clip", "x lo hi", "y")], {"x": [1, 6]}, [limit("lo", 0.0), limit("hi", np.inf)])
    graph("clip_none", 17, [("Clip", "x", "z"), ("Relu", "z", "y")], {"x": [1, 6]})
    graph("cast_double", 17, [("Cast", "x", "a", {"to": TensorProto.DOUBLE}), ("Tanh", "a", "b"),
                              ("Cast", "b", "y", {"to": TensorProto.FLOAT})], {"x": ["N", 3]})
    graph("double_model", 17, [("MatMul", "x w", "a"), ("Relu", "a", "y")], {"x": ["N", 3]},
          [tensor("w", rng("dw").normal(size=(3, 2)))], element=TensorProto.DOUBLE)
    graph("castlike", 19, [("CastLike", "x w", "a"), ("Mul", "a w", "y")], {"x": ["N", 3]}, [weights("w", 3)])


def arithmetic():
    for op in ["Add", "Sub", "Mul", "Div"]:
        for form, shape, constant in [("vector", ["N", 3], (3,)), ("scalar", ["N", 3], ()),
                                      ("wider", ["N", 1, 3], (1, 4, 3)), ("rank", ["N", 3], (2, 1, 3))]:
            c = np.abs(rng(op + form).normal(size=constant)).astype(np.float32) + np.float32(0.5)
            graph(f"{op.lower()}_constant_{form}", 13, [(op, "x c", "y")], {"x": shape}, [tensor("c", c)])
            graph(f"{op.lower()}_from_constant_{form}", 14, [(op, "c x", "y")], {"x": shape}, [tensor("c", c)],
                  positive=op == "Div")
        graph(f"{op.lower()}_values", 7, [(op, "a b", "y")], {"a": ["N", 3], "b": ["N", 3]}, positive=op == "Div")
        graph(f"{op.lower()}_values_broadcast", 13, [(op, "a b", "y")], {"a": ["N", 3, 1], "b": ["N", 1, 2]},
              positive=op == "Div")
    graph("add_self", 13, [("Add", "x x", "a"), ("Mul", "a x", "y")], {"x": ["N", 3]})
    graph("sum_three", 13, [("Relu", "x", "a"), ("Sum", "x a x", "y")], {"x": ["N", 3]})
    graph("sum_one", 8, [("Sum", "x", "y")], {"x": ["N", 3]})
    graph("sum_mixed", 8, [("Relu", "x", "a"), ("Sum", "x c a", "y")], {"x": ["N", 3]}, [weights("c", 3)])
    graph("mean_two", 13, [("Relu", "x", "a"), ("Mean", "x a", "y")], {"x": ["N", 3]})
    graph("max_values", 13, [("Max", "a b c", "y")], {"a": ["N", 3], "b": ["N", 3]}, [weights("c", 3)])
    graph("min_values", 13, [("Min", "a b", "y")], {"a": ["N", 3], "b": ["N", 3]})
    graph("max_number", 12, [("Max", "a c", "y")], {"a": ["N", 3]}, [tensor("c", np.float32(0.2))])
    graph("min_number", 8, [("Min", "c a", "y")], {"a": ["N", 3]}, [tensor("c", np.float32([0.2]))])
    for exponent in [-1.0, 1.0, 2.0, 3.0, 4.0]:
        graph(f"pow_{int(exponent)}".replace("-", "minus_"), 15, [("Pow", "x p", "y")], {"x": ["N", 3]},
              [tensor("p", np.float32(exponent))])
    graph("where_mask", 16, [("Where", "m x c", "a"), ("Where", "m c x", "b"), ("Add", "a b", "y")], {"x": ["N", 3]},
          [tensor("m", np.array([True, False, True])), weights("c", 3)])
    graph("where_values", 9, [("Relu", "x", "a"), ("Where", "m x a", "y")], {"x": ["N", 3]},
          [tensor("m", np.array([True, False, True]))])


def matrices():
    for index, attributes in enumerate([{}, {"transB": 1}, {"alpha": 0.3, "beta": -0.7},
                                        {"transB": 1, "alpha": 2.0, "beta": 0.0}]):
        w = weights("w", *((4, 3) if attributes.get("transB") else (3, 4)))
        for form, c in [("vector", (4,)), ("row", (1, 4)), ("scalar", ()), ("one", (1,))]:
            if form != "vector" and index > 1:
                continue
            graph(f"gemm_{index}_{form}", 13, [("Gemm", "x w c", "y", attributes)], {"x": ["N", 3]},
                  [w, weights("c", *c)])
    graph("gemm_no_bias", 11, [("Gemm", "x w", "a"), ("Relu", "a", "y")], {"x": ["N", 3]}, [weights("w", 3, 4)])
    graph("gemm_no_bias_add", 11, [("Gemm", "x w", "a"), ("Add", "a c", "y")], {"x": ["N", 3]},
          [weights("w", 3, 4), weights("c", 4)])
    graph("gemm_transposed_value", 9, [("Gemm", "x w c", "y", {"transA": 1})], {"x": [3, 2]},
          [weights("w", 3, 4), weights("c", 4)])
    graph("gemm_rows", 9, [("Gemm", "x w c", "y")], {"x": [2, 3]}, [weights("w", 3, 4), weights("c", 2, 4)])
    graph("gemm_rows_column_bias", 9, [("Gemm", "x w c", "y")], {"x": [2, 3]}, [weights("w", 3, 4), weights("c", 2, 1)])
    for a in (0, 1):
        for b in (0, 1):
            graph(f"gemm_weight_first_{a}{b}", 13, [("Gemm", "w x c", "y", {"transA": a, "transB": b})],
                  {"x": [2, 3] if b else [3, 2]}, [weights("w", *((3, 4) if a else (4, 3))), weights("c", 4, 1)])
    graph("gemm_value_bias", 13, [("Gemm", "x w b", "y", {"beta": 0.5})], {"x": ["N", 3], "b": ["N", 4]},
          [weights("w", 3, 4)])
    graph("gemm_folded", 13, [("Gemm", "u w c", "v", {"alpha": 0.3}), ("Add", "x v", "y")], {"x": [1, 4]},
          [weights("u", 1, 3), weights("w", 3, 4), weights("c", 4)])
    w34 = [weights("w", 3, 4)]
    graph("matmul", 13, [("MatMul", "x w", "y")], {"x": ["N", 3]}, w34)
    graph("matmul_add", 9, [("MatMul", "x w", "a"), ("Add", "a c", "y")], {"x": ["N", 3]}, [*w34, weights("c", 4)])
    graph("matmul_add_first", 9, [("MatMul", "x w", "a"), ("Add", "c a", "y")], {"x": ["N", 3]}, [*w34, weights("c", 4)])
    graph("matmul_add_scalar", 9, [("MatMul", "x w", "a"), ("Add", "a c", "y")], {"x": ["N", 3]}, [*w34, weights("c")])
    graph("matmul_add_shared", 9, [("MatMul", "x w", "a"), ("Add", "a c", "b"), ("Mul", "a b", "y")], {"x": ["N", 3]},
          [*w34, weights("c", 4)])
    graph("matmul_add_alias", 13, [("MatMul", "x w", "a"), ("Identity", "a", "i"), ("Add", "i c", "b"),
                                   ("Sub", "b a", "d"), ("Add", "d a", "y")], {"x": ["N", 3]}, [*w34, weights("c", 4)])
    graph("matmul_add_wider", 9, [("MatMul", "x w", "a"), ("Add", "a c", "y")], {"x": ["N", 3]},
          [*w34, weights("c", 2, 1, 4)])
    graph("matmul_add_output", 9, [("MatMul", "x w", "a"), ("Add", "a c", "y")], {"x": ["N", 3]},
          [*w34, weights("c", 4)], requested=["a"])
    graph("matmul_add_both_outputs", 9, [("MatMul", "x w", "a"), ("Add", "a c", "y")], {"x": ["N", 3]},
          [*w34, weights("c", 4)], outputs=("y", "a"))
    graph("matmul_vector", 13, [("MatMul", "w x", "a"), ("Add", "a c", "y")], {"x": [3]}, [weights("w", 4, 3), weights("c", 4)])
    graph("matmul_vector_right", 13, [("MatMul", "x w", "y")], {"x": [3]}, w34)
    graph("matmul_to_number", 13, [("MatMul", "x w", "y")], {"x": ["N", 3]}, [weights("w", 3)])
    graph("matmul_number", 13, [("MatMul", "w x", "y")], {"x": [3]}, [weights("w", 3)])
    graph("matmul_row_first", 13, [("MatMul", "w x", "y")], {"x": [3, 2]}, [weights("w", 3)])
    graph("matmul_weight_first", 13, [("MatMul", "w x", "y")], {"x": [1, 3, 2]}, [weights("w", 4, 3)])
    graph("matmul_tokens", 13, [("MatMul", "x w", "a"), ("Add", "a c", "y")], {"x": ["N", 5, 3]}, [*w34, weights("c", 4)])
    graph("matmul_rank4", 13, [("MatMul", "x w", "y")], {"x": [1, 2, 5, 3]}, w34)
    graph("matmul_weight_rank3", 13, [("MatMul", "x w", "y")], {"x": [2, 3]}, [weights("w", 1, 3, 4)])
    graph("matmul_folded", 13, [("MatMul", "u w", "v"), ("Mul", "x v", "y")], {"x": [1, 4]}, [weights("u", 3), *w34])


def windows():
    for name, opset, shape, w, attributes in [
        ("plain", 11, [1, 2, 5, 6], (3, 2, 3, 2), {}),
        ("strided", 1 + 6, [1, 2, 7, 6], (3, 2, 3, 3), {"strides": [2, 1], "pads": [1, 0, 2, 1]}),
        ("dilated", 11, [1, 2, 8, 8], (3, 2, 3, 2), {"dilations": [2, 3], "kernel_shape": [3, 2]}),
        ("groups", 11, [1, 4, 5, 5], (6, 2, 3, 3), {"group": 2, "pads": [1, 1, 1, 1]}),
        ("depthwise", 22, [1, 3, 5, 5], (3, 1, 3, 3), {"group": 3}),
        ("same_upper", 11, [1, 2, 6, 5], (3, 2, 3, 2), {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
        ("same_lower", 11, [1, 2, 6, 5], (3, 2, 3, 2), {"auto_pad": "SAME_LOWER", "strides": [2, 2]}),
        ("valid", 11, [1, 2, 6, 5], (3, 2, 3, 2), {"auto_pad": "VALID", "strides": [2, 1]}),
        ("one_dimension", 11, [1, 2, 9], (3, 2, 4), {"strides": [2], "pads": [1, 2], "dilations": [2]}),
        ("one_dimension_same", 11, ["N", 2, 9], (3, 2, 4), {"auto_pad": "SAME_LOWER", "strides": [2]}),
    ]:
        graph(f"conv_{name}", opset, [("Conv", "x w", "y", attributes)], {"x": shape}, [weights("w", *w)])
    graph("conv_bias", 11, [("Conv", "x w b", "y")], {"x": ["N", 1, 4, 4]}, [weights("w", 2, 1, 2, 2), weights("b", 2)])
    # A literal leading size above 1 is part of the point.
    graph("conv_two_images", 11, [("Conv", "x w b", "y")], {"x": [2, 1, 4, 4]}, [weights("w", 2, 1, 2, 2), weights("b", 2)])
    graph("pools_two_images", 11, [("MaxPool", "x", "a", {"kernel_shape": [2]}), ("AveragePool", "a", "y", {"kernel_shape": [2]})],
          {"x": [2, 1, 4]})
    pools = [
        ("plain", 12, [1, 2, 6, 6], {"kernel_shape": [2, 2], "strides": [2, 2]}),
        ("unit_stride", 8, [1, 2, 4, 5], {"kernel_shape": [3, 2]}),
        ("padded", 12, [1, 2, 6, 6], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 0, 1, 1]}),
        ("ceil", 12, [1, 1, 6, 7], {"kernel_shape": [3, 2], "strides": [2, 3], "ceil_mode": 1}),
        ("ceil_padded", 11, [1, 1, 6, 7], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1], "ceil_mode": 1}),
        # The last window would start in the padding after the input, and is dropped.
        ("ceil_dropped", 22, [1, 1, 5, 5], {"kernel_shape": [2, 2], "strides": [3, 3], "pads": [1, 1, 1, 1], "ceil_mode": 1}),
        ("same_upper", 12, [1, 2, 5, 6], {"kernel_shape": [3, 2], "strides": [2, 2], "auto_pad": "SAME_UPPER"}),
        ("same_lower", 12, [1, 2, 5, 6], {"kernel_shape": [3, 2], "strides": [2, 2], "auto_pad": "SAME_LOWER"}),
        ("valid", 12, [1, 2, 5, 6], {"kernel_shape": [3, 2], "strides": [2, 2], "auto_pad": "VALID"}),
        ("one_dimension", 12, [1, 2, 9], {"kernel_shape": [3], "strides": [2], "pads": [1, 1]}),
    ]
    for name, opset, shape, attributes in pools:
        graph(f"maxpool_{name}", opset, [("MaxPool", "x", "y", attributes)], {"x": shape})
        graph(f"averagepool_{name}", max(opset, 10), [("AveragePool", "x", "y", attributes)], {"x": shape})
        graph(f"averagepool_{name}_counted", max(opset, 11),
              [("AveragePool", "x", "y", {**attributes, "count_include_pad": 1})], {"x": shape})
    graph("maxpool_dilated", 12, [("MaxPool", "x", "y", {"kernel_shape": [2, 2], "dilations": [2, 3], "pads": [1, 1, 0, 0]})],
          {"x": [1, 1, 6, 7]})
    graph("maxpool_unused_indices", 12, [("MaxPool", "x", "y i", {"kernel_shape": [2], "storage_order": 0})],
          {"x": [1, 1, 6]})
    graph("averagepool_dilated", 19, [("AveragePool", "x", "y", {"kernel_shape": [2, 2], "dilations": [2, 1]})],
          {"x": [1, 1, 6, 5]})
    graph("globalaveragepool", 9, [("GlobalAveragePool", "x", "y")], {"x": ["N", 3, 4, 5]})
    graph("globalaveragepool_1d", 22, [("GlobalAveragePool", "x", "y")], {"x": ["N", 3, 4]})


def normalisers():
    statistics = [weights("s", 3), weights("b", 3), weights("m", 3), tensor("v", np.float32([0.3, 1.7, 0.01]))]
    for opset, attributes, shape in [(7, {}, ["N", 3, 4, 2]), (9, {"epsilon": 1e-3, "momentum": 0.8}, ["N", 3]),
                                     (15, {"training_mode": 0}, ["N", 3, 4])]:
        graph(f"batchnormalization_{opset}", opset, [("BatchNormalization", "x s b m v", "y", attributes)],
              {"x": shape}, statistics)
    for opset, axis, shape in [(11, None, ["N", 2, 3]), (11, 2, ["N", 2, 3]), (7, 1, ["N", 5]), (11, -1, ["N", 2, 3]),
                               (13, None, ["N", 2, 3]), (13, 1, ["N", 2, 3])]:
        attributes = {} if axis is None else {"axis": axis}
        graph(f"softmax_{opset}_{axis}".replace("-", "minus_"), opset, [("Softmax", "x", "y", attributes)], {"x": shape})


def shapes():
    for axis in [0, 1, 2, 3, -1]:
        graph(f"flatten_{axis}".replace("-", "minus_"), 13, [("Flatten", "x", "y", {"axis": axis})], {"x": ["N", 2, 3]})
    for name, target in [("free", (1, -1)), ("keep", (0, 3, 2)), ("batch_free", (-1, 6)), ("split", (0, 2, -1, 1))]:
        graph(f"reshape_{name}", 14, [("Reshape", "x s", "y")], {"x": ["N", 6]}, [ints("s", *target)])
    graph("reshape_allowzero", 14, [("Reshape", "x s", "y", {"allowzero": 1})], {"x": [1, 6]}, [ints("s", 2, 3)])
    graph("squeeze_11", 11, [("Squeeze", "x", "y", {"axes": [1, -1]})], {"x": ["N", 1, 3, 1]})
    graph("squeeze_13", 13, [("Squeeze", "x a", "y")], {"x": ["N", 1, 3, 1]}, [ints("a", 1)])
    graph("squeeze_all", 13, [("Squeeze", "x", "y")], {"x": [1, 1, 3, 1]})
    graph("unsqueeze_11", 11, [("Unsqueeze", "x", "y", {"axes": [1, -1]})], {"x": ["N", 3]})
    graph("unsqueeze_13", 13, [("Unsqueeze", "x a", "y")], {"x": ["N", 3]}, [ints("a", 0, 2)])
    graph("transpose_default", 13, [("Transpose", "x", "y")], {"x": [1, 2, 3]})
    graph("transpose", 13, [("Transpose", "x", "y", {"perm": [0, 3, 1, 2]})], {"x": ["N", 2, 3, 4]})
    graph("concat", 13, [("Relu", "x", "a"), ("Concat", "x a x", "y", {"axis": -1})], {"x": ["N", 2, 3]})
    graph("concat_constant", 13, [("Concat", "c x d", "y", {"axis": 1})], {"x": [1, 2, 3]},
          [weights("c", 1, 1, 3), weights("d", 1, 2, 3)])
    graph("split_attribute", 11, [("Split", "x", "a b", {"axis": 1, "split": [1, 3]}), ("Concat", "b a", "y", {"axis": 1})],
          {"x": ["N", 4]})
    graph("split_equal", 11, [("Split", "x", "a b", {"axis": 1}), ("Sub", "b a", "y")], {"x": ["N", 4]})
    graph("split_input", 13, [("Split", "x s", "a b", {"axis": -1}), ("Concat", "b a", "y", {"axis": 1})], {"x": ["N", 4]},
          [ints("s", 3, 1)])
    graph("split_uneven", 18, [("Split", "x", "a b c", {"axis": 1, "num_outputs": 3}), ("Concat", "c a b", "y", {"axis": 1})],
          {"x": ["N", 7]})
    graph("slice_9", 9, [("Slice", "x", "y", {"starts": [1, -2], "ends": [4, 2**31 - 1], "axes": [1, 2]})], {"x": ["N", 5, 3]})
    for name, limits in [("plain", [(1,), (3,), (1,), (1,)]), ("backwards", [(-1,), (-(2**63),), (1,), (-2,)]),
                         ("clamped", [(-100, 0), (2**63 - 1, 2), (-2, 2), (2, 1)]),
                         ("single", [(2,), (2**63 - 1,), (1,), (2**62,)])]:
        graph(f"slice_{name}", 13, [("Slice", "x s e a t", "y")], {"x": ["N", 5, 3]},
              [ints(n, *v) for n, v in zip("seat", limits)])
    graph("slice_no_axes", 10, [("Slice", "x s e", "y")], {"x": ["N", 5, 3]}, [ints("s", 0, 1), ints("e", 1, 4)])
    for name, indices, axis in [("scalar", np.int64(-1), 1), ("list", np.int64([2, 0, 2]), 1),
                                ("matrix", np.int32([[0, 1], [1, -1]]), 2)]:
        graph(f"gather_{name}", 13, [("Gather", "x i", "y", {"axis": axis})], {"x": ["N", 3, 4]}, [tensor("i", indices)])
    graph("expand", 13, [("Expand", "x s", "y")], {"x": ["N", 1, 3]}, [ints("s", 2, 1)])
    graph("tile", 13, [("Tile", "x s", "y")], {"x": ["N", 2, 3]}, [ints("s", 1, 2, 3)])
    number = tensor("c", np.float32(0.75))
    for mode in ["constant", "reflect", "edge"]:
        graph(f"pad_{mode}_attributes", 10, [("Pad", "x", "y", {"pads": [0, 1, 0, 2], "mode": mode})], {"x": ["N", 4]})
        graph(f"pad_{mode}_inputs", 13, [("Pad", "x p c", "y", {"mode": mode})], {"x": ["N", 2, 4]},
              [ints("p", 0, 1, 2, 0, 0, 1), number])
    graph("pad_axes", 19, [("Pad", "x p c a", "y")], {"x": ["N", 2, 4]}, [ints("p", 1, 2), number, ints("a", -1)])
    graph("pad_value", 10, [("Pad", "x", "y", {"pads": [0, 1, 0, 2], "value": -0.5})], {"x": ["N", 4]})
    graph("pad_crop", 13, [("Pad", "x p", "y")], {"x": ["N", 5]}, [ints("p", 0, -1, 0, 2)])
    for op in ["ReduceSum", "ReduceMean"]:
        for keep in (0, 1):
            graph(f"{op.lower()}_attribute_{keep}", 12, [(op, "x", "y", {"axes": [-1, 1], "keepdims": keep})], {"x": ["N", 2, 3, 4]})
            graph(f"{op.lower()}_input_{keep}", 18, [(op, "x a", "y", {"keepdims": keep})], {"x": ["N", 2, 3]}, [ints("a", 2)])
        graph(f"{op.lower()}_all", 18, [(op, "x", "y", {"keepdims": 0})], {"x": [1, 2, 3]})
        graph(f"{op.lower()}_nothing", 18, [(op, "x", "a", {"noop_with_empty_axes": 1}), ("Relu", "a", "y")], {"x": [1, 2, 3]})
    graph("reducesum_13", 13, [("ReduceSum", "x a", "y")], {"x": ["N", 2, 3]}, [ints("a", 1, 2)])


def folding():
    """Arithmetic on shapes and constants."""
    graph("view_by_shape", 11, [
        ("Shape", "x", "s"), ("Constant", "", "zero", {"value": tensor("", np.int64(0))}),
        ("Gather", "s zero", "n", {"axis": 0}), ("Unsqueeze", "n", "n1", {"axes": [0]}),
        ("Constant", "", "free", {"value": tensor("", np.int64([-1]))}),
        ("Concat", "n1 free", "t", {"axis": 0}), ("Reshape", "x t", "y"),
    ], {"x": ["N", 2, 3]})
    graph("shape_slice", 15, [("Shape", "x", "s", {"start": 1, "end": -1}), ("Concat", "one s free", "t", {"axis": 0}),
                              ("Reshape", "x t", "y")], {"x": ["N", 2, 6]}, [ints("one", 1), ints("free", -1)])
    graph("shape_arithmetic", 13, [
        ("Shape", "x", "s"), ("Slice", "s b e", "tail"), ("ReduceProd", "tail", "p", {"keepdims": 1}),
        ("Div", "p two", "h"), ("Mul", "h one", "h2"), ("Concat", "one h2 two", "t", {"axis": 0}), ("Reshape", "x t", "y"),
    ], {"x": ["N", 3, 4]}, [ints("b", 1), ints("e", 9), ints("two", 2), ints("one", 1)])
    graph("expand_by_where", 13, [
        ("Shape", "c", "s"), ("ConstantOfShape", "r", "ones", {"value": tensor("", np.int64([1]))}),
        ("Equal", "want minus", "m"), ("Where", "m ones want", "t"), ("Expand", "x t", "y"),
    ], {"x": ["N", 1, 3]}, [ints("r", 3), ints("want", -1, 2, 3), tensor("minus", np.int64(-1)), weights("c", 2)])
    graph("positions", 13, [
        ("Size", "x", "n"), ("Range", "zero n one", "r"), ("Cast", "r", "f", {"to": TensorProto.FLOAT}),
        ("Reshape", "f t", "g"), ("Add", "x g", "y"),
    ], {"x": [1, 2, 3]}, [tensor("zero", np.int64(0)), tensor("one", np.int64(1)), ints("t", 1, 2, 3)])
    graph("range_float", 11, [("Range", "a b d", "r"), ("Mul", "x r", "y")], {"x": [1, 4]},
          [tensor(n, np.float32(v)) for n, v in [("a", 0.1), ("b", 0.9), ("d", 0.2)]])
    graph("size_from_logic", 13, [
        ("Less", "a b", "l"), ("Greater", "a b", "g"), ("Or", "l g", "o"), ("Not", "g", "n"), ("And", "o n", "m"),
        ("Xor", "m g", "z"), ("Cast", "z", "f", {"to": TensorProto.FLOAT}), ("Mul", "x f", "y"),
    ], {"x": [1, 3]}, [ints("a", 1, 2, 3), ints("b", 3, 2, 1)])
    graph("constants", 13, [
        ("Constant", "", "a", {"value_float": 0.3}), ("Constant", "", "b", {"value_floats": [0.1, 0.2, 0.3]}),
        ("Constant", "", "i", {"value_int": 3}), ("Constant", "", "j", {"value_ints": [1, 3]}),
        ("Mul", "x a", "c"), ("Add", "c b", "d"), ("Reshape", "d j", "e"),
        ("Cast", "i", "f", {"to": TensorProto.FLOAT}), ("Div", "e f", "y"),
    ], {"x": ["N", 3]})
    graph("float_folds", 13, [
        ("Sqrt", "c", "s"), ("Pow", "c p", "q"), ("Exp", "s", "e"), ("Div", "e q", "d"), ("Neg", "d", "n"), ("Floor", "e", "fl"),
        ("Ceil", "q", "ce"), ("Sub", "fl ce", "fc"), ("Max", "n fc", "mx"), ("Softmax", "mx", "sm"), ("ReduceMean", "sm", "mean"),
        ("Tanh", "mx", "t"), ("Add", "t mean", "k"), ("Mul", "x k", "y"),
    ], {"x": ["N", 3]}, [tensor("c", np.float32([0.3, 1.7, 2.9])), tensor("p", np.float32(1.5))])
    graph("batch_norm_of_constant_variance", 15, [
        ("Add", "v eps", "a"), ("Sqrt", "a", "r"), ("Reciprocal", "r", "i"), ("Mul", "i g", "s"), ("Mul", "x s", "y"),
    ], {"x": ["N", 3]}, [tensor("v", np.float32([0.3, 1.7, 0.01])), tensor("eps", np.float32(1e-5)), weights("g", 3)])
    graph("identity_output", 13, [("Relu", "x", "a"), ("Identity", "a", "y"), ("Identity", "a", "z")], {"x": ["N", 3]},
          outputs=("y", "z", "a"))
    graph("input_is_output", 13, [("Identity", "x", "y")], {"x": ["N", 3]})
    graph("constant_output", 13, [("Relu", "x", "y"), ("Add", "c c", "k")], {"x": ["N", 3]}, [weights("c", 2)],
          outputs=("y", "k"))
    graph("two_inputs", 13, [("MatMul", "a w", "h"), ("Concat", "h b", "k", {"axis": 1}), ("Relu", "k", "y"), ("Tanh", "h", "z")],
          {"a": ["N", 3], "b": ["N", 2]}, [weights("w", 3, 2)], outputs=("z", "y"))
    graph("dropout_10", 10, [("Dropout", "x", "a mask", {"ratio": 0.4}), ("Relu", "a", "y")], {"x": ["N", 3]})
    graph("dropout_13", 13, [("Dropout", "x r t", "a"), ("Relu", "a", "y")], {"x": ["N", 3]},
          [tensor("r", np.float32(0.4)), tensor("t", np.array(False))])
    half = tensor("w", rng("half").normal(size=(3, 4)).astype(np.float16))
    graph("half_weights", 13, [("Cast", "w", "v", {"to": TensorProto.FLOAT}), ("MatMul", "x v", "y")], {"x": ["N", 3]}, [half])
    graph("dead_code", 13, [("Relu", "x", "y"), ("Erf", "x", "dead"), ("TopK", "x k", "v i")], {"x": ["N", 3]}, [ints("k", 1)],
          declared=("y",))


def settled_sizes():
    """Sizes that are not declared; ONNX Runtime needs them in the feed."""
    graph("size_by_gemm", 13, [("Relu", "x", "a"), ("Gemm", "a w", "y", {"transB": 1})], {"x": ["N", "K"]}, [weights("w", 4, 3)],
          shapes={"x": [1, 3]})
    graph("size_by_flatten", 13, [("Flatten", "x", "a"), ("MatMul", "a w", "y")], {"x": ["N", 2, "K"]}, [weights("w", 6, 4)],
          shapes={"x": [1, 2, 3]})
    graph("size_by_conv", 13, [("Conv", "x w", "y")], {"x": ["N", "C", 4, 4]}, [weights("w", 2, 3, 2, 2)], shapes={"x": [1, 3, 4, 4]})
    graph("size_by_addition", 13, [("Sub", "x c", "a"), ("Tanh", "a", "y")], {"x": [None, None]}, [weights("c", 5)],
          shapes={"x": [1, 5]})
    graph("size_by_view", 13, [("Reshape", "x s", "a"), ("Tanh", "a", "y")], {"x": ["N", "K"]}, [ints("s", 1, 2, 3)],
          shapes={"x": [1, 6]})
    graph("size_of_vector", 13, [("MatMul", "w x", "a"), ("Relu", "a", "y")], {"x": ["K"]}, [weights("w", 4, 3)], shapes={"x": [3]})
    graph("size_of_batch", 13, [("Mul", "x x", "a"), ("Tanh", "a", "y")], {"x": ["N"]})
    graph("shape_missing", 13, [("Relu", "x", "a"), ("Gemm", "a w", "y")], {"x": None}, [weights("w", 3, 4)], shapes={"x": [1, 3]})


def pytorch():
    import torch
    from torch import nn

    class View(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3)
            self.linear = nn.Linear(32, 3)

        def forward(self, x):
            x = torch.relu(self.conv(x))
            return self.linear(x.view(x.size(0), -1))

    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Conv2d(2, 2, 3, padding=1), nn.BatchNorm2d(2), nn.ReLU())
            self.net[1].running_mean.normal_()
            self.net[1].running_var.uniform_(0.5, 2)

        def forward(self, x):
            y = x + self.net(x)
            return y.mean(dim=(2, 3))

    class Pieces(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 6)

        def forward(self, x):
            a, b, c = self.linear(x).chunk(3, dim=-1)
            d = nn.functional.pad(a * torch.sigmoid(b), (1, 2), value=0.5)
            e = torch.cat([d, c.flip(-1), x[:, 1:3], x[:, -1:]], dim=1)
            return nn.functional.leaky_relu(e, 0.1).reshape(x.shape[0], 2, -1).permute(0, 2, 1)

    class Pooled(nn.Module):
        def forward(self, x):
            a = nn.functional.max_pool2d(x, 3, stride=2, padding=1, ceil_mode=True)
            b = nn.functional.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
            return torch.softmax((a[:, :, :2, :2] - b[:, :, :2, :2]).flatten(1), dim=1)

    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.ELU(), nn.Dropout(0.3), nn.Linear(5, 2), nn.Sigmoid())
            self.register_buffer("mean", torch.tensor([0.1, -0.2, 0.3]))
            self.net[1].running_mean.normal_()
            self.net[1].running_var.uniform_(0.5, 2)

        def forward(self, x):
            x = ((x - self.mean) / 0.3081).clamp(-1, 1)
            return torch.log(self.net(x)) ** 2

    class Attended(nn.Module):
        """Gates and a constant mask, tokens as rows."""

        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 4, bias=False)
            self.register_buffer("mask", torch.tril(torch.ones(2, 4)))

        def forward(self, x):
            y = self.linear(x)
            return (y * self.mask).sum(dim=1, keepdim=True).squeeze(1) / 2.0

    for name, module, shape in [("view", View, (1, 1, 6, 6)), ("residual", Residual, (1, 2, 4, 4)), ("pieces", Pieces, (1, 4)),
                                ("pooled", Pooled, (1, 2, 5, 5)), ("mixed", Mixed, (1, 3)), ("mask", Attended, (1, 2, 3))]:
        torch.manual_seed(len(name))
        model = module().eval()
        x = torch.zeros(shape)
        for exporter in ["trace", "dynamo"]:
            path = ROOT / f"torch_{name}_{exporter}.onnx"
            if exporter == "trace":
                torch.onnx.export(model, (x,), str(path), dynamo=False, opset_version=13, dynamic_axes={"x": {0: "batch"}},
                                  input_names=["x"], output_names=["y"])
            else:
                batch = torch.export.Dim("batch", min=1, max=64)
                torch.onnx.export(model, (torch.zeros(2, *shape[1:]),), str(path), dynamo=True, opset_version=18,
                                  dynamic_shapes=({0: batch},), input_names=["x"], output_names=["y"], external_data=False, verbose=False)
                # Where the exporter keeps the source: file names of the machine do not belong here.
                made = onnx.load(path)
                for node in made.graph.node:
                    del node.metadata_props[:]
                for value in [*made.graph.value_info, *made.graph.input, *made.graph.output, *made.graph.initializer]:
                    if hasattr(value, "metadata_props"):
                        del value.metadata_props[:]
                del made.metadata_props[:]
                path.write_bytes(made.SerializeToString())
            record(f"torch_{name}_{exporter}", None)


def external():
    w = rng("external").normal(size=(4, 3)).astype(np.float32)
    made = helper.make_graph([helper.make_node("Gemm", ["x", "w"], ["y"], transB=1)], "external",
                             [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])],
                             [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], [tensor("w", w)])
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, str(ROOT / "external.onnx"), save_as_external_data=True, location="external.bin", size_threshold=0)
    record("external", None)


def main():
    ROOT.mkdir(parents=True, exist_ok=True)
    for old in ROOT.iterdir():
        old.unlink()
    for make in [elementwise, arithmetic, matrices, windows, normalisers, shapes, folding, settled_sizes, external, pytorch]:
        make()
    text = ",\n".join(json.dumps(case) for case in cases)
    (ROOT / "cases.json").write_text(f"[\n{text}\n]\n")
    size = sum(file.stat().st_size for file in ROOT.iterdir())
    print(f"{len(cases)} models, {size / 1e6:.2f} MB, onnx {onnx.__version__}, onnxruntime {ort.__version__}")


if __name__ == "__main__":
    main()
