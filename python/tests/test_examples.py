"""The scripts of `examples/` run, and say what the guide says they say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(name: str, folder: Path, *words: str) -> list[str]:
    pytest.importorskip("skl2onnx")
    # Warnings of training that stops early are not what is tested.
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", "RAY_ADDRESS": "local"}
    command = [sys.executable, str(EXAMPLES / name), *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_thread(tmp_path: Path) -> None:
    pinv, why, found, digit = run("thread.py", tmp_path)
    low, high = (float(word) for word in (pinv.split("from ")[1].split(" ")[0], pinv.split(" to ")[2].split(",")[0]))
    assert low < 0 or high > 1, "pinv leaves the pixels' range"
    assert "not_invertible" in why and "10 of 64" in why
    assert "solved" in found and float(found.split("y to ")[1].split(",")[0]) < 1e-10
    assert digit.endswith("a 5")


def test_inverse_design(tmp_path: Path) -> None:
    lines = run("design.py", tmp_path)
    assert lines[0].endswith("solved, 4 designs") and any("unreachable, 0 designs" in line for line in lines)
    for line in lines:
        if "the network to" in line:
            assert float(line.split("the network to ")[1].split(",")[0]) < 1e-9
            assert float(line.rsplit(" ", 1)[1]) < 0.2
    assert "solved" in lines[-1]


def test_a_preimage_with_its_picture(tmp_path: Path) -> None:
    lines = run("preimage.py", tmp_path)
    assert lines[0].startswith("complete") and lines[1] == "checked: confirmed"
    assert float(lines[2].rsplit(" ", 1)[1]) >= 0.5
    assert (tmp_path / "moons.svg").read_text().startswith("<svg") and (tmp_path / "moons.preimage").exists()


def test_queries_on_ray(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    solved, same = run("queries_on_ray.py", tmp_path, "6000")
    assert solved.startswith("6000 of 6000") and "the same bits" in same
