"""Explanations: what they say is true, and the same as on the command line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import netinverse
from conftest import CommandLine, Mlp, mlp


def without(answer: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name not in names}


def test_a_network_that_loses_says_where() -> None:
    relu = mlp([3, 10, 2], "Relu", seed=3)
    network = netinverse.load(relu.onnx())
    found = network.explain(bounds=(-1, 1))
    assert found.verdict == "not_invertible" and found.status == "done"
    assert found.evidence[0].basis == "proved" and found.evidence[0].text in repr(found)
    pair = found.collision
    assert pair is not None and np.abs(relu(pair.x1) - relu(pair.x2)).max() < 1e-12
    assert np.linalg.norm(pair.x1 - pair.x2) == pytest.approx(pair.distance)
    assert (np.abs([pair.x1, pair.x2]) <= 1).all()
    assert [layer.op for layer in found.layers] and found.layers[-1].left <= 2
    assert "not" in str(found).lower() and found.advice


def test_data_and_points_are_looked_at(smooth: Mlp) -> None:
    network = netinverse.load(smooth.onnx())
    x = np.random.default_rng(1).normal(size=(60, 4))
    labels = np.argmax(smooth(x), axis=1)
    found = network.explain(x, labels=labels, point=x[0], clusters=True, seed=4)
    assert found.data is not None and found.clusters is not None and len(found.points) == 1
    assert (found.bounds[:, 0] == x.min(axis=0)).all() and (found.bounds[:, 1] == x.max(axis=0)).all()
    with pytest.raises(ValueError, match="59 labels for 60 rows"):
        network.explain(x, labels=labels[1:])
    with pytest.raises(ValueError, match="not a class"):
        network.explain(x, labels=labels + 0.5)
    with pytest.raises(ValueError, match="give data"):
        network.explain(clusters=True)
    with pytest.raises(ValueError, match="data holds NaN"):
        network.explain(np.full((3, 4), np.nan))


def test_a_bijection_is_proved() -> None:
    # One layer, square, of full rank.
    network = netinverse.load(mlp([3, 3], seed=2).onnx())
    found = network.explain(bounds=(-1, 1))
    assert found.verdict == "invertible" and found.collision is None and found.modulus > 0


def test_saved_read_and_shown(tmp_path) -> None:
    relu = mlp([3, 10, 2], "Relu", seed=3)
    network = netinverse.load(relu.onnx())
    found = network.explain(bounds=(-1, 1))
    found.save(tmp_path / "a.json")
    found.save(tmp_path / "a.html")
    assert (tmp_path / "a.html").read_text().startswith("<!DOCTYPE html>")
    read = netinverse.Explanation.load(tmp_path / "a.json")
    assert read.to_dict() == found.to_dict() and (read.collision.x1 == found.collision.x1).all()
    assert "<iframe" in found._repr_html_() and "<table>" in read._repr_html_()
    with pytest.raises(ValueError, match="extension"):
        found.save(tmp_path / "a.txt")
    with pytest.raises(ValueError, match="no answer of explain"):
        (tmp_path / "b.json").write_text("{}")
        netinverse.Explanation.load(tmp_path / "b.json")


def test_the_command_line_says_the_same(relu: Mlp, command_line: CommandLine) -> None:
    (command_line.folder / "net.onnx").write_bytes(relu.onnx())
    x = np.random.default_rng(1).uniform(size=(40, 2))
    np.save(command_line.folder / "x.npy", x)
    network = netinverse.load(command_line.folder / "net.onnx")
    there = command_line.json("explain", "net.onnx", "--bounds", "-1,1", "--data", "x.npy", "--clusters", "--seed", "3",
                              "--point", "0.5,0.25")
    here = network.explain(x, bounds=(-1, 1), clusters=True, seed=3, point=[0.5, 0.25]).to_dict()
    assert without(here, "seconds", "model") == without(there, "seconds", "model")
    assert here["model"]["sha256"] == there["model"]["sha256"]
    # A network that came as bytes is known by the same hash.
    assert netinverse.load(relu.onnx()).sha256 == there["model"]["sha256"]
