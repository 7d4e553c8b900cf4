"""Sets: exact ones, shards, going on, pictures."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import netinverse
from conftest import CommandLine, Mlp, mlp


def test_exact_sets(relu: Mlp, tmp_path) -> None:
    network = netinverse.load(relu.onnx())
    whole = network.preimage(class_=0, bounds=(-1, 1), exact=True)
    paved = network.preimage(class_=0, bounds=(-1, 1), coverage=0.9)
    assert whole.exact and not paved.exact and whole.status == "complete"
    assert paved.volume[0] <= whole.volume[1] and whole.volume[0] <= paved.volume[1]
    assert whole.volume[1] - whole.volume[0] < 1e-12
    assert network.preimage(class_=0, bounds=(-1, 1), coverage=1).exact
    x = np.array([0.3, -0.4])
    square = mlp([2, 8, 2], "Relu", seed=3)
    points = netinverse.load(square.onnx()).preimage(target=square(x), bounds=(-1, 1))
    assert points.exact and any(np.allclose(v, x) for p in points.to_dict()["polytopes"] for v in p["vertices"])
    assert network.preimage(regions=True, bounds=(-1, 1)).to_dict()["linear_regions"]
    whole.save(tmp_path / "a.preimage")
    assert netinverse.Preimage.load(tmp_path / "a.preimage").volume == whole.volume
    with pytest.raises(netinverse.UnsupportedError, match="hint"):
        whole.sample(3)
    with pytest.raises(ValueError, match="exact answers"):
        network.preimage(class_=0, bounds=(-1, 1), exact=True, over=2.0)


def test_polytopes_hold_the_inner_set(relu: Mlp) -> None:
    network = netinverse.load(relu.onnx())
    found = network.preimage(class_=0, bounds=(-1, 1), over=1.2)
    assert len(found.inner) == found.header["pieces"]["inner"] and found.outer
    for piece in found.inner:
        x = piece.lower + np.random.default_rng(0).uniform(size=(500, 2)) * (piece.upper - piece.lower)
        inside = (x @ piece.slopes.T + piece.constants >= 0).all(axis=1)
        assert (np.argmax(relu(x[inside]), axis=1) == 0).all()
        assert piece.volume[0] <= piece.volume[1]
    near = found.nearest([[0.9, 0.9], [-0.9, 0.9]])
    assert near.shape == (2, 2) and (np.argmax(relu(near), axis=1) == 0).all()
    assert found.nearest([0.9, 0.9], norm="linf").shape == (2,)


def test_shards_and_going_on(relu: Mlp, tmp_path) -> None:
    network = netinverse.load(relu.onnx())
    asked = {"class_": 0, "bounds": (-1, 1)}
    whole = network.preimage(**asked, min_width=0.02, compact=False)
    parts = [network.preimage(**asked, min_width=0.02, shard=(i, 3)) for i in (1, 2, 3)]
    parts[2].save(tmp_path / "3.preimage")
    merged = netinverse.merge([parts[0], parts[1], tmp_path / "3.preimage"])
    assert merged.volume == whole.volume and merged.status == "complete"
    with pytest.raises(ValueError, match="2 of 3 shards"):
        netinverse.merge(parts[:2])
    coarse = network.preimage(**asked, coverage=0.5, compact=False)
    fine = network.preimage(resume=coarse, coverage=0.9)
    assert fine.coverage >= 0.9 and fine.header["boxes"] > coarse.header["boxes"]
    again = pickle.loads(pickle.dumps(fine))
    assert again.volume == fine.volume and again.header == fine.header
    with pytest.raises(ValueError, match="counted from 1"):
        network.preimage(**asked, shard=(0, 3))
    with pytest.raises(ValueError, match="another box"):
        network.preimage(class_=0, bounds=(-2, 1), resume=coarse)


def test_pictures_and_words(relu: Mlp, tmp_path) -> None:
    network = netinverse.load(relu.onnx())
    found = network.preimage(class_=0, bounds=(-1, 1))
    assert found.svg().startswith("<svg") and found.svg(project=True).startswith("<svg")
    assert found.svg((1, 0), at=[0.5, 0.5]) != found.svg()
    for name in ("a.svg", "a.html", "a.json", "a.preimage"):
        found.save(tmp_path / name)
        assert (tmp_path / name).stat().st_size > 100
    assert "<iframe" in found._repr_html_() and "proved" in str(found) and "volume" in repr(found)
    with pytest.raises(ValueError, match="axes"):
        found.svg((0, 2))


def test_networks_are_sent_to_other_processes(relu: Mlp, tmp_path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(relu.onnx())
    for network in (netinverse.load(path), netinverse.load(relu.onnx()), netinverse.load(path, outputs=["z0"])):
        again = pickle.loads(pickle.dumps(network))
        x = np.random.default_rng(0).normal(size=(5, 2))
        assert (again(x) == network(x)).all() and again.sha256 == network.sha256 and again.path == network.path
    assert network.output_size == 10


def test_questions_that_do_not_fit_are_refused(relu: Mlp) -> None:
    network = netinverse.load(relu.onnx())
    for arguments, fault in [
        ({}, "nothing is asked"),
        ({"class_": 3}, "class 3"),
        ({"class_": -1}, "from 0 to 2"),
        ({"class_": 0, "where": "y0 >= 0"}, "exclude"),
        ({"class_": 0}, "bound"),
        ({"where": "y0 >=", "bounds": (0, 1)}, "hint|expected"),
        ({"class_": 0, "bounds": (0, 1), "coverage": 1.5}, "share"),
        ({"class_": 0, "bounds": (0, 1), "over": 0.5}, "ratio"),
        ({"class_": 0, "bounds": (0, np.nan)}, "NaN"),
        ({"within": [(1, 0)], "bounds": (0, 1)}, "empty"),
        ({"where": "y0 >= 0", "margin": 1.0, "bounds": (0, 1)}, "class"),
        ({"class_": 0, "bounds": (0, 1), "time_limit": -1}, "time_limit"),
        ({"class_": 0, "bounds": (0, 1), "threads": 0}, "threads"),
    ]:
        with pytest.raises(ValueError, match=fault):
            network.preimage(**arguments)


def test_the_command_line_gives_the_same_exact_set(relu: Mlp, command_line: CommandLine) -> None:
    (command_line.folder / "net.onnx").write_bytes(relu.onnx())
    network = netinverse.load(command_line.folder / "net.onnx")
    there = command_line.json("preimage", "net.onnx", "--within", "-0.2,0.5", "--bounds", "-1,1", "--exact")
    here = network.preimage(within=(-0.2, 0.5), bounds=(-1, 1), exact=True).to_dict()
    for name in there:
        if name not in ("seconds", "model"):
            assert here[name] == there[name], name
