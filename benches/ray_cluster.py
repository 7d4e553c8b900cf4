"""A local Ray cluster of two nodes against one process: the same answers, and a paving that is no worse.

    python benches/ray_cluster.py DATA [--targets 1000000] [--seconds 60]

DATA holds `inverse-design/arm.onnx`, `arm_bounds.csv` and `premap/dubinsrejoin.onnx`, `dubinsrejoin.vnnlib`. Targets of the arm are the
outputs of uniform inputs. The paving runs for some seconds on the cluster, then in one process until that has used as many
core-seconds as head and workers together, then once more on the cluster with a worker killed in the middle. `--targets 0` and `--seconds 0` leave a part out.
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


class Watched(spread._Pool):
    """Workers whose core-seconds are counted; one may be killed in the middle of its slice."""

    used = 0.0
    kill_at = 0
    slices = 0

    def start(self, worker: Any, loan: int, text: str, seconds: float) -> None:
        Watched.slices += 1
        victim = Watched.slices == Watched.kill_at
        pid, used = ray.get(worker.process.remote()) if victim else (0, 0.0)
        super().start(worker, loan, text, seconds)
        if victim:
            Watched.used += used + 0.5 * seconds
            threading.Timer(0.5 * seconds, os.kill, (pid, signal.SIGKILL)).start()

    def end(self) -> None:
        Watched.used += sum(ray.get(worker.process.remote())[1] for worker in self.workers)
        super().end()


def paving(folder: Path, seconds: float) -> bool:
    network = netinverse.load(folder / "dubinsrejoin.onnx")
    spec = folder / "dubinsrejoin.vnnlib"
    goals: dict[str, Any] = {"coverage": 0.99999, "compact": False}
    spread._Pool = Watched  # type: ignore[misc]

    def tell(name: str, found: netinverse.Preimage, used: float) -> float:
        lower, upper = found.volume
        print(f"{name}: {found.header['boxes']} boxes, coverage {lower / upper:.5f}, gap {upper - lower:.6g}, "
              f"{used:.1f} core-seconds", flush=True)
        return upper - lower

    def on_cluster(kill_at: int) -> tuple[netinverse.Preimage, float]:
        Watched.used, Watched.slices, Watched.kill_at = 0.0, 0, kill_at
        started = time.process_time()
        found = spread.preimage(network, spec=spec, time_limit=seconds, **goals)
        return found, Watched.used + time.process_time() - started

    def alone(core_seconds: float) -> netinverse.Preimage:
        # The machine may be shared: what counts is what was computed with, so that it goes on until as much is used.
        started = time.process_time()
        found = network.preimage(spec=spec, threads=2, time_limit=5.0, **goals)
        while (left := core_seconds - (time.process_time() - started)) > 0.2:
            found = network.preimage(resume=found, threads=2, time_limit=min(5.0, 0.5 * left), **goals)
        return found

    whole, used = on_cluster(0)
    many = tell("the cluster", whole, used)
    one_process = alone(used)
    one = tell("one process", one_process, used)
    hurt, used_hurt = on_cluster(9)
    killed = tell("a worker killed", hurt, used_hurt)
    narrow = many <= 1.1 * one
    every = (one_process, whole, hurt)
    sound = max(f.volume[0] for f in every) <= min(f.volume[1] for f in every)
    print(f"gap on the cluster / in one process: {many / one:.3f} (at most 1.1): {verdict(narrow)}; with a worker killed "
          f"{killed / one:.3f}; all bounds agree: {verdict(sound)}", flush=True)
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
            good.append(paving(options.data / "premap", options.seconds))
        if options.targets > 0:
            good.append(queries(options.data / "inverse-design", options.targets))
    finally:
        ray.shutdown()
        cluster.shutdown()
    print(verdict(all(good)))


if __name__ == "__main__":
    main()
