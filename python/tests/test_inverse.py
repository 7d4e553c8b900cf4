"""Inverses as networks."""

from __future__ import annotations

import numpy as np
import pytest

import netinverse
from conftest import CommandLine, Mlp, mlp


def test_a_bijection_is_undone(tmp_path) -> None:
    square = mlp([3, 3], seed=2)
    inverse = netinverse.load(square.onnx()).inverse()
    x = np.random.default_rng(0).normal(size=(50, 3))
    assert inverse.exact and not inverse.marked_ops and (inverse.input_size, inverse.output_size) == (3, 3)
    assert np.allclose(inverse(square(x)), x, atol=1e-12)
    assert inverse(square(x)[0]).shape == (3,)
    assert inverse(square(x).astype(np.float32)).dtype == np.float32
    assert inverse.g_of_f["f64"]["relative"] < 1e-12
    # What it writes is a network that netinverse reads, and that gives the same.
    inverse.save(tmp_path / "inverse.onnx")
    assert (tmp_path / "inverse.onnx").read_bytes() == inverse.to_onnx()
    again = netinverse.load(inverse.to_onnx())
    assert np.allclose(again(square(x)), x, atol=1e-12) and not inverse.has_loops
    assert "exact" in repr(inverse) and "<iframe" in inverse._repr_html_()
    inverse.save(tmp_path / "report.html")
    inverse.save(tmp_path / "report.json")


def test_a_section_says_what_is_lost() -> None:
    narrow = mlp([4, 2], seed=1)
    inverse = netinverse.load(narrow.onnx()).inverse(samples=32, bounds=(-2, 2), precision="f64")
    y = np.random.default_rng(0).normal(size=(20, 2))
    assert not inverse.exact and inverse.marked_ops and "section" in repr(inverse)
    assert np.allclose(narrow(inverse(y)), y, atol=1e-10)
    assert inverse.report["precision"] == "float64" and inverse.f_of_g["rows"] == 32


def test_what_cannot_be_built_is_refused(relu: Mlp) -> None:
    network = netinverse.load(mlp([3, 3], seed=2).onnx())
    for arguments, fault in [
        ({"precision": "f16"}, "f16"),
        ({"given": "z"}, "`z`"),
        ({"samples": 0}, "at least one point"),
        ({"targets": [[1.0, 2.0]]}, "rows of 3"),
        ({"data": [[1.0]]}, "3 inputs"),
        ({"bounds": (1, -1)}, "bounds"),
    ]:
        with pytest.raises(ValueError, match=fault):
            network.inverse(**arguments)
    with pytest.raises(ValueError, match="rows of 3|shape"):
        network.inverse()(np.zeros((2, 5)))


def test_the_command_line_writes_the_same_bytes(command_line: CommandLine) -> None:
    (command_line.folder / "net.onnx").write_bytes(mlp([4, 4, 2], seed=6).onnx())
    network = netinverse.load(command_line.folder / "net.onnx")
    there = command_line.json("build", "net.onnx", "-o", "there.onnx", "--seed", "5", "--bounds", "-1,2", "--samples", "64")
    here = network.inverse(seed=5, bounds=(-1, 2), samples=64)
    assert here.to_onnx() == (command_line.folder / "there.onnx").read_bytes()
    for name in there:
        if name not in ("seconds", "inverse", "model"):
            assert here.report[name] == there[name], name
