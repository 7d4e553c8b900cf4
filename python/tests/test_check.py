"""The independent checker."""

from __future__ import annotations

import numpy as np
import pytest

import netinverse
from conftest import CommandLine, Mlp, mlp


def test_pavings_are_confirmed_and_false_ones_refused(relu: Mlp, tmp_path) -> None:
    network = netinverse.load(relu.onnx())
    found = network.preimage(where="y0 >= y1 && y0 >= y2", bounds=(-1, 1), coverage=0.8)
    report = netinverse.check(found, model=network)
    assert report and report.verdict == "confirmed" and report.checked["leaves"] > 0
    found.save(tmp_path / "a.preimage")
    assert netinverse.check(tmp_path / "a.preimage", model=relu.onnx(), where="y0 >= y1 && y0 >= y2", bounds=(-1, 1))
    other = netinverse.check(found, model=network, where="y1 >= y0", bounds=(-1, 1))
    assert not other and other.verdict == "refused" and "refused" in repr(other)
    stranger = netinverse.check(found, model=mlp([2, 10, 3], "Relu", seed=8).onnx())
    assert stranger.verdict == "refused" and stranger.first_failure["claim"] == "model"
    with pytest.raises(TypeError, match="hint"):
        netinverse.check(3, model=network)
    with pytest.raises(FileNotFoundError):
        netinverse.check(tmp_path / "none.preimage", model=network)
    (tmp_path / "b.preimage").write_text("nothing\n")
    with pytest.raises(ValueError, match="line 1"):
        netinverse.check(tmp_path / "b.preimage", model=network)
    exact = network.preimage(target=relu(np.array([0.1, 0.2])), bounds=(-1, 1))
    assert netinverse.check(exact, model=network).verdict == "confirmed"


def test_proofs_of_distances(relu: Mlp, tmp_path) -> None:
    network = netinverse.load(relu.onnx())
    proof = tmp_path / "proof.jsonl"
    found = network.invert(class_="other", near=[0.1, -0.2], bounds=(-3, 3), certify=True, proof=proof)
    assert found.queries[0].certified is not None
    assert netinverse.check(proof, model=network)


def test_the_command_line_says_the_same(relu: Mlp, command_line: CommandLine) -> None:
    (command_line.folder / "net.onnx").write_bytes(relu.onnx())
    network = netinverse.load(command_line.folder / "net.onnx")
    words = ["preimage", "net.onnx", "--class", "0", "--bounds", "-1,1", "--coverage", "0.95", "-o", "there.preimage"]
    command_line.run(*words)
    found = network.preimage(class_=0, bounds=(-1, 1), coverage=0.95)
    found.save(command_line.folder / "here.preimage")
    there = netinverse.Preimage.load(command_line.folder / "there.preimage")
    own = {"model", "seconds"}
    assert {k: v for k, v in there.header.items() if k not in own} == {k: v for k, v in found.header.items() if k not in own}
    # Everything but the first and the last line (the wall time, the hash) is the same bytes.
    lines = [(command_line.folder / f"{name}.preimage").read_bytes().splitlines()[1:-1] for name in ("here", "there")]
    assert lines[0] == lines[1]
    told = command_line.json("check", "here.preimage", "--model", "net.onnx")
    report = netinverse.check(command_line.folder / "here.preimage", model=network)
    assert {k: told[k] for k in ("verdict", "claim", "question", "checked")} == {
        k: report.envelope[k] for k in ("verdict", "claim", "question", "checked")
    }
