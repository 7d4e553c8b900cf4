"""Inverses: points and sets, beside NumPy and beside the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time

import numpy as np
import pytest

import netinverse
from conftest import Mlp, mlp


def test_targets_are_reached(smooth: Mlp) -> None:
    network = netinverse.load(smooth.onnx())
    truth = np.random.default_rng(5).uniform(-0.8, 0.8, size=(20, 4))
    y = smooth(truth)
    found = network.invert(y, bounds=(-1, 1), seed=1)
    assert found.status == "solved" and found.solved.all()
    assert found.x.shape == (20, 4)
    assert np.abs(smooth(found.x) - y).max() < 1e-10
    assert (np.abs(found.x) <= 1).all()
    assert np.allclose(found.residual, np.abs(smooth(found.x) - y).max(axis=1), atol=1e-13)
    again = network.invert(y, bounds=(-1, 1), seed=1, threads=1)
    assert (again.x == found.x).all()


def test_options_mean_what_they_mean_on_the_command_line(smooth: Mlp) -> None:
    network = netinverse.load(smooth.onnx())
    y = smooth(np.array([[0.1, -0.3, 0.7, 0.2]]))
    found = network.invert(y, bounds=(-0.9, 0.9), fix={2: 0.7}, subject_to="x0 + x1 + x3 == 0", count=3)
    for answer in found.queries[0].answers:
        assert answer.x[2] == 0.7 and abs(answer.x[0] + answer.x[1] + answer.x[3]) < 1e-12
    window = network.invert(where=f"y0 >= {y[0, 0]} && y1 in [{y[0, 1] - 0.1}, {y[0, 1] + 0.1}]", bounds=(-1, 1))
    assert window.status == "solved" and smooth(window.x)[0, 0] >= y[0, 0] - 1e-9
    best = network.invert(maximize="y0", bounds=(-1, 1))
    grid = np.random.default_rng(0).uniform(-1, 1, size=(20_000, 4))
    assert smooth(best.x)[0, 0] >= smooth(grid)[:, 0].max() - 1e-6
    never = network.invert([[1e6, 0.0]], bounds=(-1, 1))
    assert never.status == "unreachable" and never.queries[0].certificate["kind"] == "interval"
    assert np.isnan(never.x).all() and not never.solved.any()


def test_a_class_and_its_certified_distance(relu: Mlp) -> None:
    network = netinverse.load(relu.onnx())
    near = np.array([0.1, -0.2])
    own = int(np.argmax(relu(near)))
    found = network.invert(class_="other", near=near, bounds=(-3, 3), certify=True)
    assert found.status == "solved"
    assert np.argmax(relu(found.x[0])) != own
    certified = found.queries[0].certified
    assert 0.95 * found.distance[0] < certified <= found.distance[0]


def test_answers_are_saved_and_read(smooth: Mlp, tmp_path) -> None:
    network = netinverse.load(smooth.onnx())
    found = network.invert(smooth(np.zeros((2, 4))), bounds=(-1, 1))
    found.save(tmp_path / "answer.json")
    read = netinverse.Inversion.load(tmp_path / "answer.json")
    assert (read.x == found.x).all() and read.status == found.status
    assert "2 of 2 rows" in repr(found) and "<iframe" in found._repr_html_() and "<table>" in read._repr_html_()
    found.save(tmp_path / "answer.html")
    assert "Residuals" in (tmp_path / "answer.html").read_text()
    found.save(tmp_path / "answer.npz")
    with np.load(tmp_path / "answer.npz") as arrays:
        assert (arrays["x"] == found.x).all() and (arrays["row"] == [0, 1]).all() and arrays["residual"].max() < 1e-10
    with pytest.raises(ValueError, match="extension"):
        found.save(tmp_path / "answer.txt")
    # A part of many rows, cut at 256, is answered as within the whole.
    y = smooth(np.random.default_rng(0).uniform(-0.5, 0.5, size=(600, 4)))
    whole, part = network.invert(y, bounds=(-1, 1)), network.invert(y[512:], bounds=(-1, 1), first_row=512)
    assert (whole.x[512:] == part.x).all() and part.queries[0].row == 512


def test_the_command_line_gives_the_same_bits(smooth: Mlp, tmp_path) -> None:
    binary = os.environ.get("NETINVERSE_BINARY")
    if not binary:
        pytest.skip("NETINVERSE_BINARY names no command line")
    (tmp_path / "net.onnx").write_bytes(smooth.onnx())
    y = smooth(np.full((3, 4), 0.3) * [[1], [-1], [2]])
    np.save(tmp_path / "y.npy", y)
    done = subprocess.run(
        [binary, "invert", "net.onnx", "--target", "y.npy", "--bounds", "-1,1", "--seed", "7", "--format", "json"],
        cwd=tmp_path, capture_output=True, check=True,
    )
    there = [query["answers"][0]["x"] for query in json.loads(done.stdout)["queries"]]
    here = netinverse.load(tmp_path / "net.onnx").invert(y, bounds=(-1, 1), seed=7)
    assert (np.asarray(there) == here.x).all()


def test_preimages_hold_what_they_say(relu: Mlp, tmp_path) -> None:
    network = netinverse.load(relu.onnx())
    found = network.preimage(class_=0, bounds=(-1, 1), coverage=0.95)
    lower, upper = found.volume
    assert found.status in ("complete", "empty") and 0 <= lower <= upper
    x = np.random.default_rng(0).uniform(-1, 1, size=(20_000, 2))
    inside = np.argmax(relu(x), axis=1) == 0
    share, error = inside.mean() * 4, 4 * 4 * np.sqrt(0.25 / len(x))
    assert lower - error <= share <= upper + error
    for verdict, truth in zip(found.contains(x[:500]), inside[:500]):
        assert verdict is None or verdict == truth
    if lower > 0:
        points = found.sample(200, seed=1)
        assert (np.argmax(relu(points), axis=1) == 0).all()
        found.save(tmp_path / "a.preimage")
        assert netinverse.Preimage.load(tmp_path / "a.preimage").volume == found.volume


def test_questions_that_do_not_fit_are_refused(smooth: Mlp) -> None:
    network = netinverse.load(smooth.onnx())
    for arguments, fault in [
        ({}, "nothing is asked"),
        ({"target": [[1.0, 2.0, 3.0]]}, "2 outputs"),
        ({"target": [[np.nan, 0.0]]}, "not a finite|finite"),
        ({"target": [[0.0, 0.0]], "class_": 1}, "exclude"),
        ({"class_": 9}, "from 0 to 1"),
        ({"where": "y7 >= 1"}, "y7"),
        ({"target": [[0.0, 0.0]], "bounds": (1, -1)}, "bounds"),
        ({"target": [[0.0, 0.0]], "bounds": (np.nan, 1)}, "NaN"),
        ({"target": [[0.0, 0.0]], "near": [1.0]}, "4 inputs"),
        ({"target": [[0.0, 0.0]], "fix": {9: 1.0}}, "9"),
        ({"maximize": "y0", "minimize": "y0", "bounds": (0, 1)}, "exclude"),
        ({"maximize": "y0"}, "bounds"),
        ({"target": [[0.0, 0.0]], "prior": "magic"}, "magic"),
    ]:
        with pytest.raises(ValueError, match=fault):
            network.invert(**arguments)
    with pytest.raises(TypeError):
        network.invert([["a", "b"]])


def test_progress_and_interrupts_are_heard() -> None:
    wide = mlp([8, 256, 256, 8], "Relu", seed=1)
    network = netinverse.load(wide.onnx())
    told: list[tuple[int, str]] = []
    found = network.preimage(class_=0, bounds=(-1, 1), coverage=0.9999, time_limit=1.0,
                             progress=lambda done, state: told.append((done, state)))
    assert found.status == "partial" and told

    def stop() -> None:
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGINT)

    # A shell that starts its commands in the background has them ignore the signal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=stop).start()
    started = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            network.preimage(class_=0, bounds=(-1, 1), coverage=0.99999, time_limit=60)
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - started < 30

    def fail(done: int, state: str) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        network.preimage(class_=0, bounds=(-1, 1), coverage=0.99999, time_limit=60, progress=fail)


def test_the_estimator(smooth: Mlp) -> None:
    network = netinverse.load(smooth.onnx())
    x = np.random.default_rng(0).uniform(-0.7, 0.7, size=(300, 4))
    inverter = netinverse.NetworkInverter(network, seed=3)
    assert inverter.get_params()["seed"] == 3
    with pytest.raises(ValueError, match="fit"):
        inverter.inverse_transform(smooth(x[:2]))
    y = inverter.fit(x).transform(x[:5])
    back = inverter.inverse_transform(y)
    assert np.abs(smooth(back) - y).max() < 1e-9
    assert (back >= x.min(axis=0)).all() and (back <= x.max(axis=0)).all()
    inverter.set_params(strict=True)
    with pytest.raises(ValueError, match="first of them 0"):
        inverter.inverse_transform([[1e6, 0.0]])


def test_gradients_through_the_inverse() -> None:
    torch = pytest.importorskip("torch")
    from netinverse.torch import invert

    for sizes in ([3, 12, 3], [4, 16, 2]):
        made = mlp(sizes, seed=4)
        network = netinverse.load(made.onnx())
        x = np.random.default_rng(1).uniform(-0.3, 0.3, size=(2, sizes[0]))
        y = torch.tensor(made(x), requires_grad=True)
        # One branch: starts at the reference alone find the nearest answer, which moves smoothly with y.
        assert torch.autograd.gradcheck(
            lambda y: invert(network, y, near=0.1, bounds=(-2.0, 2.0), tolerance=1e-13), (y,), eps=1e-5, atol=1e-6, rtol=1e-5,
        )
