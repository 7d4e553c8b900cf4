"""Networks whose values are computed here again, as bytes of ONNX files, without any ONNX library."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest


def _varint(value: int) -> bytes:
    out = b""
    while True:
        value, low = value >> 7, value & 127
        out += bytes([low | (128 if value else 0)])
        if not value:
            return out


def _field(number: int, payload: bytes | str | int) -> bytes:
    if isinstance(payload, int):
        return _varint(number << 3) + _varint(payload)
    data = payload.encode() if isinstance(payload, str) else payload
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _tensor(name: str, array: np.ndarray) -> bytes:
    kind = 11 if array.dtype == np.float64 else 1
    dims = b"".join(_field(1, size) for size in array.shape)
    return dims + _field(2, kind) + _field(8, name) + _field(9, array.tobytes())


def _value(name: str, size: int, kind: int) -> bytes:
    dims = _field(1, _field(2, "batch")) + _field(1, _field(1, size))
    return _field(1, name) + _field(2, _field(1, _field(1, kind) + _field(2, dims)))


def _node(op: str, inputs: list[str], output: str) -> bytes:
    return b"".join(_field(1, name) for name in inputs) + _field(2, output) + _field(3, output) + _field(4, op)


@dataclass
class Mlp:
    """Layers x W + b with a function between them."""

    weights: list[np.ndarray]
    biases: list[np.ndarray]
    function: str

    def __call__(self, x: np.ndarray) -> np.ndarray:
        act: Callable[[np.ndarray], np.ndarray] = np.tanh if self.function == "Tanh" else lambda z: np.maximum(z, 0)
        for index, (w, b) in enumerate(zip(self.weights, self.biases)):
            x = x @ w + b
            if index + 1 < len(self.weights):
                x = act(x)
        return x

    def onnx(self) -> bytes:
        kind = 11 if self.weights[0].dtype == np.float64 else 1
        nodes, tensors, value = b"", b"", "x"
        for index, (w, b) in enumerate(zip(self.weights, self.biases)):
            last = index + 1 == len(self.weights)
            tensors += _field(5, _tensor(f"W{index}", w)) + _field(5, _tensor(f"b{index}", b))
            out = "y" if last else f"z{index}"
            nodes += _field(1, _node("Gemm", [value, f"W{index}", f"b{index}"], out))
            value = out
            if not last:
                nodes += _field(1, _node(self.function, [value], f"h{index}"))
                value = f"h{index}"
        n, m = self.weights[0].shape[0], self.weights[-1].shape[1]
        graph = nodes + _field(2, "net") + tensors
        graph += _field(11, _value("x", n, kind)) + _field(12, _value("y", m, kind))
        return _field(1, 8) + _field(7, graph) + _field(8, _field(1, "") + _field(2, 17))


def mlp(sizes: list[int], function: str = "Tanh", seed: int = 0, dtype: type = np.float64) -> Mlp:
    """Random layers."""
    rng = np.random.default_rng(seed)
    pairs = list(zip(sizes, sizes[1:]))
    weights = [(rng.normal(size=pair) / np.sqrt(pair[0])).astype(dtype) for pair in pairs]
    biases = [(0.2 * rng.normal(size=pair[1])).astype(dtype) for pair in pairs]
    return Mlp(weights, biases, function)


@pytest.fixture
def smooth() -> Mlp:
    return mlp([4, 16, 16, 2])


@pytest.fixture
def relu() -> Mlp:
    return mlp([2, 10, 3], "Relu", seed=3)


class CommandLine:
    """The binary that NETINVERSE_BINARY names, in a folder of its own."""

    def __init__(self, binary: str, folder: Path) -> None:
        self.binary, self.folder = binary, folder

    def run(self, *words: str) -> str:
        """Standard output; statuses 0, 1 and 3 are answers."""
        done = subprocess.run([self.binary, *words], cwd=self.folder, capture_output=True, text=True)
        assert done.returncode in (0, 1, 3), done.stderr
        return done.stdout

    def json(self, *words: str) -> dict[str, Any]:
        return json.loads(self.run(*words, "--format", "json"))


@pytest.fixture
def command_line(tmp_path: Path) -> CommandLine:
    binary = os.environ.get("NETINVERSE_BINARY")
    if not binary:
        pytest.skip("NETINVERSE_BINARY names no command line")
    return CommandLine(binary, tmp_path)


@pytest.fixture
def data() -> Path:
    folder = os.environ.get("NETINVERSE_DATA")
    if not folder:
        pytest.skip("NETINVERSE_DATA names no folder")
    return Path(folder)
