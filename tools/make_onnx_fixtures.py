"""Writes the models that crates/onnx/tests/fixtures holds, with the onnx package, and what it reads from them.

    python tools/make_onnx_fixtures.py crates/onnx/tests/fixtures

Made with onnx 1.23. `expected.txt` has a line for each initialiser of the models that can be read:

    FILE NAME TYPE SIZES ELEMENTS

SIZES as `2x3`, `scalar` for none; elements separated by commas: floats as the hexadecimal bits of the float64,
integers and booleans in decimal, strings in hexadecimal; `-` for no elements.
"""

import pathlib
import struct
import sys

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

out = pathlib.Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)

TYPES = {
    "float32": (TensorProto.FLOAT, np.float32, [0.1, -2.5, 3e38, -0.0, 1e-45, 7]),
    "float64": (TensorProto.DOUBLE, np.float64, [0.1, -2.5, 1e308, -0.0, 5e-324, 7]),
    "float16": (TensorProto.FLOAT16, np.float16, [0.1, -2.5, 65504, -0.0, 6e-8, 7]),
    "bfloat16": (TensorProto.BFLOAT16, ml_dtypes.bfloat16, [0.1, -2.5, 3e38, -0.0, 1e-40, 7]),
    "int8": (TensorProto.INT8, np.int8, [-128, 127, 0, -1, 5, 6]),
    "int16": (TensorProto.INT16, np.int16, [-(2**15), 2**15 - 1, 0, -1, 5, 6]),
    "int32": (TensorProto.INT32, np.int32, [-(2**31), 2**31 - 1, 0, -1, 5, 6]),
    "int64": (TensorProto.INT64, np.int64, [-(2**63), 2**63 - 1, 0, -1, 5, 6]),
    "uint8": (TensorProto.UINT8, np.uint8, [0, 255, 128, 1, 5, 6]),
    "uint16": (TensorProto.UINT16, np.uint16, [0, 2**16 - 1, 2**15, 1, 5, 6]),
    "uint32": (TensorProto.UINT32, np.uint32, [0, 2**32 - 1, 2**31, 1, 5, 6]),
    "uint64": (TensorProto.UINT64, np.uint64, [0, 2**64 - 1, 2**63, 1, 5, 6]),
    "bool": (TensorProto.BOOL, np.bool_, [True, False, True, True, False, False]),
}


def vector(name, size=2):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", size])


def model(nodes, initializers=(), inputs=(), outputs=(), opset=17, ir=8, **rest):
    graph = helper.make_graph(
        list(nodes), "g", list(inputs) or [vector("x")], list(outputs) or [vector("y")], list(initializers), **rest
    )
    return helper.make_model(
        graph, producer_name="fixtures", producer_version="1", ir_version=ir,
        opset_imports=[helper.make_opsetid("", opset)],
    )


def save(name, value):
    (out / f"{name}.onnx").write_bytes(value.SerializeToString(deterministic=True))
    return value


RELU = helper.make_node("Relu", ["x"], ["y"], name="relu")
expected = []


def expect(name, value):
    for tensor in value.graph.initializer:
        array = numpy_helper.to_array(tensor, base_dir=str(out))
        kind = TensorProto.DataType.Name(tensor.data_type).lower()
        kind = {"float": "float32", "double": "float64"}.get(kind, kind)
        if kind == "string":
            elements = [(e if isinstance(e, bytes) else e.encode()).hex() for e in array.ravel()]
        elif "float" in kind:
            elements = [struct.pack(">d", float(e)).hex() for e in array.ravel()]
        else:
            elements = [str(int(e)) for e in array.ravel()]
        sizes = "x".join(map(str, tensor.dims)) or "scalar"
        expected.append(f"{name} {tensor.name} {kind} {sizes} {','.join(elements) or '-'}")


# Every element type, as raw bytes and in the typed fields.
raw, typed = [], []
for name, (number, dtype, values) in TYPES.items():
    array = np.array(values, dtype).reshape(2, 3)
    raw.append(helper.make_tensor(name, number, [2, 3], array.tobytes(), raw=True))
    typed.append(helper.make_tensor(name, number, [2, 3], array.ravel()))
raw += [
    helper.make_tensor("scalar", TensorProto.FLOAT, [], np.float32(4.5).tobytes(), raw=True),
    helper.make_tensor("infinite", TensorProto.FLOAT, [1], np.float32(np.inf).tobytes(), raw=True),
    helper.make_tensor("empty", TensorProto.INT64, [0], b"", raw=True),
]
typed += [
    helper.make_tensor("scalar", TensorProto.FLOAT, [], [4.5]),
    helper.make_tensor("empty", TensorProto.FLOAT, [2, 0], []),
    helper.make_tensor("string", TensorProto.STRING, [2], [b"a", "é".encode()]),
]
for name, tensors in [("types_raw", raw), ("types_typed", typed)]:
    expect(name, save(name, model([RELU], tensors)))

# Elements in another file: two tensors of one file, one without a length.
weights = np.array([[1, -2], [0.5, 0.25]], np.float32)
bias = np.array([3, -4], np.float32)
(out / "external.onnx.data").write_bytes(weights.tobytes() + bias.tobytes())


def outside(name, sizes, **entries):
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=sizes, data_location=TensorProto.EXTERNAL)
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


linear = helper.make_node("Gemm", ["x", "w", "b"], ["y"], name="linear", alpha=0.5, transB=1)
tensors = [outside("w", [2, 2], location="external.onnx.data", offset=0, length=16),
           outside("b", [2], location="external.onnx.data", offset=16)]
expect("external", save("external", model([linear], tensors)))

# IR version 3: initialisers are inputs too.
arrays = [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(bias, "b")]
inputs = [vector("x"), helper.make_tensor_value_info("w", TensorProto.FLOAT, [2, 2]),
          helper.make_tensor_value_info("b", TensorProto.FLOAT, [2])]
ir3 = helper.make_node("Gemm", ["x", "w", "b"], ["y"], name="linear")
expect("ir3", save("ir3", model([ir3], arrays, inputs, opset=8, ir=3)))

# Nodes in the wrong order, also by what a subgraph captures.
then = helper.make_graph([helper.make_node("Identity", ["late"], ["t"])], "then", [], [vector("t")])
other = helper.make_graph([helper.make_node("Neg", ["late"], ["e"])], "else", [], [vector("e")])
flag = helper.make_tensor("flag", TensorProto.BOOL, [], [True])
nodes = [helper.make_node("If", ["flag"], ["y"], name="choice", then_branch=then, else_branch=other),
         helper.make_node("Relu", ["middle"], ["late"], name="last"),
         helper.make_node("Abs", ["x"], ["middle"], name="first")]
expect("unsorted", save("unsorted", model(nodes, [flag])))

# Attributes of every kind, of the standard domain under its long name; shapes of every kind.
tensor = helper.make_tensor("value", TensorProto.FLOAT, [2], [np.inf, -1])
everything = helper.make_node(
    "Anything", ["x", "", "x"], ["y", ""], name="everything", domain="ai.onnx", i=-3, f=0.5, s="text", t=tensor,
    ints=[1, -2], floats=[0.5, -0.25], strings=["a", "b"])
everything.attribute.append(helper.make_attribute("type", vector("x").type))
unnamed = helper.make_node("Relu", ["x"], ["z"])
# A writer without absent fields: no kind, or a kind and no value.
unnamed.attribute.add(name="kindless", ints=[4])
unnamed.attribute.add(name="zero", type=onnx.AttributeProto.INT)
shapes = [helper.make_tensor_value_info("z", TensorProto.FLOAT, [None, -1, 2, "n"]),
          helper.make_tensor_value_info("x", TensorProto.FLOAT, None),
          helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, None)]
value = model([everything, unnamed], value_info=shapes)
value.opset_import[0].domain = "ai.onnx"
value.opset_import.append(helper.make_opsetid("com.example", 2))
value.metadata_props.add(key="author", value="nobody")
value.doc_string = "documentation is skipped"
save("attributes", value)

# What is refused and cannot be said in the types of the crate.
indices = helper.make_tensor("i", TensorProto.INT64, [1], [1])
values = helper.make_tensor("thin", TensorProto.FLOAT, [1], [2.0])
save("sparse", model([RELU], sparse_initializer=[helper.make_sparse_tensor(values, indices, [4])]))
body = [helper.make_node("Relu", ["a"], ["b"])]
function = helper.make_function("local", "Twice", ["a"], ["b"], body, [helper.make_opsetid("", 17)])
for name, node in [("function", helper.make_node("Twice", ["x"], ["y"], name="call", domain="local")),
                   ("function_unused", RELU)]:
    value = model([node])
    value.functions.append(function)
    value.opset_import.append(helper.make_opsetid("local", 1))
    save(name, value)
save("int4", model([RELU], [helper.make_tensor("q", TensorProto.INT4, [2], [1, -2])], opset=21, ir=10))
save("float8", model([RELU], [helper.make_tensor("q", TensorProto.FLOAT8E4M3FN, [2], [1, -2])], opset=21, ir=10))


def broken(name, **fields):
    save(name, model([RELU], [TensorProto(name="w", **fields)]))


broken("negative", data_type=1, dims=[2, -3])
broken("overflow", data_type=1, dims=[0, 2**40, 2**40])
broken("short", data_type=1, dims=[2, 3], raw_data=bytes(20))
broken("huge", data_type=1, dims=[2**40], raw_data=bytes(4))
broken("few", data_type=7, dims=[3], int64_data=[1, 2])
broken("wrong_field", data_type=1, dims=[2], int32_data=[1, 2])
broken("both", data_type=1, dims=[1], raw_data=bytes(4), float_data=[1.0])
broken("range", data_type=3, dims=[2], int32_data=[1, 128])
broken("boolean", data_type=9, dims=[2], raw_data=b"\x01\x02")
broken("typeless", dims=[1], raw_data=bytes(4))
broken("segment", data_type=1, dims=[1], float_data=[1.0], segment=TensorProto.Segment(begin=0, end=1))
value = model([RELU])
del value.opset_import[:]
save("no_opset", value)
value = model([RELU])
value.opset_import.append(helper.make_opsetid("ai.onnx", 18))
save("two_opsets", value)
value = model([RELU])
value.ClearField("graph")
save("no_graph", value)
value = model([RELU])
value.graph.node[0].attribute.add(name="alpha", ref_attr_name="beta", type=onnx.AttributeProto.FLOAT)
save("reference", value)
value = model([RELU])
value.graph.node[0].attribute.add(name="alpha")
save("valueless", value)

(out / "expected.txt").write_text("\n".join(expected) + "\n")
