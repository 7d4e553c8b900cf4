"""What the benchmarks of points share: the networks of `inverse-design` and `mnistfc`, read with the onnx package."""

import os
import pathlib

import numpy as np
import onnx
import torch
from onnx import numpy_helper

root = pathlib.Path(__file__).resolve().parent.parent
target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", root / "target"))
data = pathlib.Path(os.environ.get("NETINVERSE_DATA", ""))


def layers(path):
    """The affine maps (W, b, rectified) of a file of Gemm, BatchNormalization and Relu nodes, in f64."""
    graph = onnx.load(path).graph
    tensors = {t.name: numpy_helper.to_array(t).astype(np.float64) for t in graph.initializer}
    stack = []
    for node in graph.node:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type == "Gemm":
            weight = tensors[node.input[1]]
            stack.append([weight if attributes.get("transB", 0) else weight.T, tensors[node.input[2]], False])
        elif node.op_type == "BatchNormalization":
            gamma, beta, mean, variance = (tensors[name] for name in node.input[1:5])
            scale = gamma / np.sqrt(variance + attributes.get("epsilon", 1e-5))
            weight, bias, _ = stack[-1]
            stack[-1][:2] = weight * scale[:, None], (bias - mean) * scale + beta
        elif node.op_type == "Relu":
            stack[-1][2] = True
        elif node.op_type not in ("Flatten", "Reshape", "Identity"):
            raise ValueError(f"{path}: {node.op_type} is not expected")
    return stack


def forward(stack, x):
    """f(x) in f64, row by row."""
    x = np.asarray(x, np.float64)
    for weight, bias, rectified in stack:
        x = x @ weight.T + bias
        if rectified:
            x = np.maximum(x, 0.0)
    return x


def module(path):
    """The same network in PyTorch, f32, batch normalisation kept as a layer of its own, as its authors run it."""
    graph = onnx.load(path).graph
    tensors = {t.name: torch.tensor(numpy_helper.to_array(t).copy()) for t in graph.initializer}
    parts = []
    for node in graph.node:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type == "Gemm":
            weight = tensors[node.input[1]]
            weight = weight if attributes.get("transB", 0) else weight.T
            layer = torch.nn.Linear(weight.shape[1], weight.shape[0])
            layer.weight.data, layer.bias.data = weight.contiguous(), tensors[node.input[2]]
        elif node.op_type == "BatchNormalization":
            gamma, beta, mean, variance = (tensors[name] for name in node.input[1:5])
            layer = torch.nn.BatchNorm1d(len(gamma), eps=attributes.get("epsilon", 1e-5))
            layer.weight.data, layer.bias.data, layer.running_mean, layer.running_var = gamma, beta, mean, variance
        elif node.op_type == "Relu":
            layer = torch.nn.ReLU()
        else:
            layer = torch.nn.Flatten()
        parts.append(layer)
    net = torch.nn.Sequential(*parts).eval()
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    return net
