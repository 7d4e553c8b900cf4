"""On a real Ray cluster of two nodes: the answers of one process, and a worker that is killed costs its slice."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import netinverse
from conftest import Mlp, mlp

ray = pytest.importorskip("ray")
pytest.importorskip("ray.data")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    os.environ.setdefault("RAY_DATA_DISABLE_PROGRESS_BARS", "1")
    small = {"num_cpus": 1, "object_store_memory": 200 << 20}
    made = Cluster(initialize_head=True, head_node_args=small)
    made.add_node(**small)
    ray.init(address=made.address, log_to_driver=False)
    assert len([node for node in ray.nodes() if node["Alive"]]) == 2
    yield made
    ray.shutdown()
    made.shutdown()


def test_a_dataset_is_inverted_as_by_one_process(cluster: Any, smooth: Mlp) -> None:
    from netinverse.ray import invert, rows

    network = netinverse.load(smooth.onnx())
    y = smooth(np.random.default_rng(2).uniform(-0.9, 0.9, size=(3000, 4)))
    alone = network.invert(y, bounds=(-1, 1), seed=5)
    answers = invert(rows(y, block=512), network, bounds=(-1, 1), seed=5).take_all()
    answers.sort(key=lambda answer: int(answer["row"]))
    assert [int(answer["row"]) for answer in answers] == list(range(3000))
    assert (np.stack([answer["x"] for answer in answers]) == alone.x).all()
    assert all(answer["status"] == "solved" and answer["residual"] < 1e-10 for answer in answers)
    with pytest.raises(ValueError, match="multiple of 256"):
        rows(y, block=100)
    with pytest.raises(TypeError, match="time_limit"):
        invert(y, network, time_limit=3)


def test_a_paving_is_spread_and_a_worker_killed(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import netinverse.ray as spread

    network = netinverse.load(mlp([4, 16, 16, 3], "Relu", seed=7).onnx())
    question = {"class_": 1, "bounds": (-1, 1)}
    told: list[tuple[float, float, int, int]] = []
    killed: list[int] = []
    start = spread._Pool.start

    def start_and_kill(self: Any, worker: Any, loan: int, text: str, seconds: float) -> None:
        first = not killed
        if first:
            killed.append(ray.get(worker.process.remote())[0])
        start(self, worker, loan, text, seconds)
        if first:
            threading.Timer(0.2, os.kill, (killed[0], signal.SIGKILL)).start()

    wait = spread._Pool.wait
    monkeypatch.setattr(spread._Pool, "start", start_and_kill)
    # Nothing more is paved before the workers are there, however long they take.
    monkeypatch.setattr(spread._Pool, "wait", lambda self, seconds: wait(self, 60.0))
    found = spread.preimage(
        network, **question, coverage=0.985, compact=False, max_pieces=100, time_limit=120, slice_seconds=0.5,
        tell=lambda *news: told.append(news),
    )
    assert killed and told and found.status == "complete" and found.coverage >= 0.985
    lowers, uppers = [news[0] for news in told], [news[1] for news in told]
    assert lowers == sorted(lowers) and uppers == sorted(uppers, reverse=True), "volumes only become narrower"
    alone = network.preimage(**question, coverage=0.9)
    assert found.volume[0] <= alone.volume[1] and alone.volume[0] <= found.volume[1]
    assert netinverse.check(found, model=network, where="y1 - y0 >= 0.0 && y1 - y2 >= 0.0", bounds=(-1, 1))


def test_limits_and_empty_sets(cluster: Any) -> None:
    from netinverse.ray import preimage

    network = netinverse.load(mlp([6, 64, 64, 3], "Relu", seed=5).onnx())
    found = preimage(network, class_=0, bounds=(-1, 1), coverage=0.9999, time_limit=3, slice_seconds=0.5)
    assert found.status == "partial" and 0 <= found.volume[0] <= found.volume[1]
    assert found.seconds < 60
    empty = preimage(network, where="y0 >= 1e6", bounds=(-1, 1))
    assert empty.status == "empty" and empty.volume == (0, 0)
    with pytest.raises(ValueError, match="exact"):
        preimage(network, class_=0, bounds=(-1, 1), coverage=1)
    with pytest.raises(TypeError, match="resume"):
        preimage(network, class_=0, bounds=(-1, 1), resume=found)
