"""A local Ray cluster of two nodes against one process: the same answers, and a paving that is no worse.

    python benches/ray_cluster.py DATA [--targets 1000000] [--seconds 60]

DATA holds `inverse-design/arm.onnx`, `arm_bounds.csv` and `premap/dubinsrejoin.onnx`, `dubinsrejoin.vnnlib`. Targets of the arm are the
outputs of uniform inputs. The paving runs with as many threads in one process as the cluster has processors, for the same
seconds; then once more on the cluster with a worker killed in the middle. `--targets 0` and `--seconds 0` leave a part out.
"""

from __future__ import annotations

import argparse
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray.cluster_utils import Cluster

import netinverse
import netinverse.ray as spread


def verdict(good: bool) -> str:
    return "PASS" if good else "FAIL"


def queries(folder: Path, count: int) -> bool:
    network = netinverse.load(folder / "arm.onnx")
    bounds = np.loadtxt(folder / "arm_bounds.csv", delimiter=",", ndmin=2)
    x = np.random.default_rng(0).uniform(bounds[:, 0], bounds[:, 1], size=(count, network.input_size))
    targets = network(x)
    started = time.monotonic()
    alone = network.invert(targets, bounds=bounds, seed=1)
    one = time.monotonic() - started
    started = time.monotonic()
    found = np.full_like(alone.x, np.nan)
    for batch in spread.invert(targets, network, bounds=bounds, seed=1).iter_batches(batch_format="numpy", batch_size=None):
        found[batch["row"]] = np.stack(list(batch["x"]))
    many = time.monotonic() - started
    same = np.array_equal(found, alone.x, equal_nan=True)
    print(f"{count} targets of the arm: {alone.solved.mean():.4%} solved; one process {one:.1f} s, the cluster {many:.1f} s; "
          f"{'the same bits' if same else 'OTHER ANSWERS'}: {verdict(same)}", flush=True)
    return same


def paving(folder: Path, seconds: float, processors: int) -> bool:
    network = netinverse.load(folder / "dubinsrejoin.onnx")
    spec = folder / "dubinsrejoin.vnnlib"
    goals: dict[str, Any] = {"coverage": 0.99999, "compact": False, "time_limit": seconds}

    def gap(name: str, found: netinverse.Preimage, took: float) -> float:
        lower, upper = found.volume
        print(f"{name}: {found.header['boxes']} boxes, coverage {lower / upper:.5f}, gap {upper - lower:.6g}, {took:.1f} s", flush=True)
        return upper - lower

    started = time.monotonic()
    alone = network.preimage(spec=spec, threads=processors, **goals)
    one = gap("one process", alone, time.monotonic() - started)
    started = time.monotonic()
    whole = spread.preimage(network, spec=spec, **goals)
    many = gap("the cluster", whole, time.monotonic() - started)

    start = spread._Pool.start
    slices = {"count": 0}

    def start_and_kill(self: Any, worker: Any, loan: int, text: str, slice_seconds: float) -> None:
        slices["count"] += 1
        last = slices["count"] == 9
        pid = ray.get(worker.pid.remote()) if last else 0
        start(self, worker, loan, text, slice_seconds)
        if last:
            threading.Timer(0.5 * slice_seconds, os.kill, (pid, signal.SIGKILL)).start()

    spread._Pool.start = start_and_kill  # type: ignore[method-assign]
    started = time.monotonic()
    hurt = spread.preimage(network, spec=spec, **goals)
    killed = gap("a worker killed", hurt, time.monotonic() - started)
    spread._Pool.start = start  # type: ignore[method-assign]
    narrow = many <= 1.1 * one
    sound = max(f.volume[0] for f in (alone, whole, hurt)) <= min(f.volume[1] for f in (alone, whole, hurt))
    print(f"gap on the cluster / in one process: {many / one:.3f} (at most 1.1): {verdict(narrow)}; with a worker killed {killed / one:.3f}; "
          f"all bounds agree: {verdict(sound)}", flush=True)
    return narrow and sound


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("data", type=Path)
    arguments.add_argument("--targets", type=int, default=1_000_000)
    arguments.add_argument("--seconds", type=float, default=60.0)
    options = arguments.parse_args()
    os.environ.setdefault("RAY_DATA_DISABLE_PROGRESS_BARS", "1")
    node = {"num_cpus": 1, "object_store_memory": 1 << 30}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    cluster.add_node(**node)
    ray.init(address=cluster.address, log_to_driver=False)
    print(f"{len(ray.nodes())} nodes of one processor each, Ray {ray.__version__}", flush=True)
    try:
        good = []
        if options.seconds > 0:
            good.append(paving(options.data / "premap", options.seconds, 2))
        if options.targets > 0:
            good.append(queries(options.data / "inverse-design", options.targets))
    finally:
        ray.shutdown()
        cluster.shutdown()
    print(verdict(all(good)))


if __name__ == "__main__":
    main()
