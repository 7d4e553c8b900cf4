"""On a Ray cluster: millions of queries, and one paving spread over many machines.

The core knows nothing of Ray: a worker has the network and does what ``Network.invert`` and ``Network.preimage`` do.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from netinverse import _core
from netinverse._loading import load
from netinverse._network import Network
from netinverse._preimage import Preimage

try:
    import ray
    import ray.data
    from ray.exceptions import RayActorError, RayTaskError
except ImportError as error:
    raise ImportError(f"{error}\nhint: `pip install netinverse[ray]`") from error

# Rows that are searched for together: answers depend on them, so that blocks are cut at multiples of it.
CHUNK = 256

# Cells that a worker gets at least, and a guess of how many boxes it bounds in a second before the first slice has told.
FEWEST_CELLS = 512
FIRST_RATE = 20_000

Tell = Callable[[float, float, int, int], object]


def _processors() -> int:
    resources: Any = ray.cluster_resources
    return int(resources().get("CPU", 1))


def rows(targets: ArrayLike, *, block: int = 16 * CHUNK) -> Any:
    """A Ray dataset of targets, one row of m values each, with the number of each row.

    Blocks are cut so that the answers of ``invert`` are the same bits as those of one process.
    """
    values = np.asarray(targets)
    if values.dtype.kind not in "fiub":
        raise TypeError(f"targets must be real numbers, not of dtype {values.dtype}")
    if values.ndim != 2 or len(values) == 0:
        raise ValueError(f"targets of shape {values.shape}\nhint: an array of shape (rows, m)")
    if block <= 0 or block % CHUNK:
        raise ValueError(f"block = {block}\nhint: a multiple of {CHUNK}")
    parts = [
        {"row": np.arange(first, min(first + block, len(values))), "target": values[first : first + block].astype(float)}
        for first in range(0, len(values), block)
    ]
    starts = ray.data.from_items([{"part": ray.put(part)} for part in parts], override_num_blocks=len(parts))
    return starts.map_batches(_fetch, batch_size=1)


def _fetch(batch: dict[str, Any]) -> dict[str, Any]:
    part: dict[str, Any] = ray.get(batch["part"][0])
    return part


class _Inverter:
    """An actor: it has the network, loaded once."""

    def __init__(self, network: Network, target: str, options: dict[str, Any]) -> None:
        self.network, self.target, self.options = network, target, options

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        targets = np.stack(list(batch[self.target])).astype(float)
        first = 0
        if "row" in batch:
            numbers = np.asarray(batch["row"])
            if (np.diff(numbers) == 1).all():
                first = int(numbers[0])
        found = self.network.invert(targets, first_row=first, **self.options)
        status = np.asarray([query.status for query in found.queries])
        return {**batch, "x": found.x, "y": found.y, "residual": found.residual, "status": status}


def invert(
    dataset: Any,
    network: Network | str | os.PathLike[str] | bytes,
    *,
    target: str = "target",
    concurrency: int | tuple[int, int] | None = None,
    threads: int = 1,
    batch_size: int | None = None,
    **options: Any,
) -> Any:
    """Inputs for the targets of a Ray dataset, block by block, by actors that load the network once.

    ``dataset`` is what ``rows`` gives, an array of targets, or any dataset whose column ``target`` holds rows of m values.
    ``options`` are those of ``Network.invert``. The dataset that comes back has the columns ``x``, ``y``, ``residual`` and
    ``status`` beside its own: the first answer of each row, NaN where there is none. Like everything in Ray Data it is computed
    when it is read. With the numbers of ``rows`` the answers are, bit for bit, those of one process.
    """
    wrong = sorted(set(options) & {"time_limit", "progress", "first_row", "proof", "target"})
    if wrong:
        raise TypeError(f"{wrong[0]} is no option of a dataset")
    if isinstance(dataset, (np.ndarray, list)):
        dataset = rows(dataset)
    own = network if isinstance(network, Network) else load(network)
    if concurrency is None:
        concurrency = max(1, _processors() // threads)
    return dataset.map_batches(
        _Inverter,
        fn_constructor_args=(own, target, {**options, "threads": threads}),
        concurrency=concurrency,
        num_cpus=threads,
        batch_size=batch_size,
    )


class _Paver:
    """An actor that goes on with lent cells for a slice of time."""

    def __init__(self, network: Network, threads: int) -> None:
        self.network, self.threads = network, threads

    def pave(self, loan: str, seconds: float) -> tuple[str, int, float]:
        started = time.monotonic()
        paving = Preimage(_core.Preimage._parse(loan))
        found = self.network.preimage(
            resume=paving, coverage=1.0, compact=False, time_limit=seconds, threads=self.threads,
        )
        return found._core._text(), int(found.header["boxes"]), time.monotonic() - started

    def process(self) -> tuple[int, float]:
        """Its id, and the seconds of a core that it has used."""
        return os.getpid(), time.process_time()


class _Pool:
    """Workers with the network, each with a loan at work and one that waits for it; one that dies is replaced."""

    def __init__(self, network: Network, count: int, threads: int) -> None:
        self.make = ray.remote(num_cpus=threads)(_Paver)
        self.network = ray.put(network)
        self.threads = threads
        self.workers = [self.new() for _ in range(count)]
        self.loans: dict[Any, tuple[Any, int]] = {}
        self.begun = [worker.process.remote() for worker in self.workers]

    def new(self) -> Any:
        return self.make.remote(self.network, self.threads)

    def queued(self, worker: Any) -> int:
        return sum(own is worker for own, _ in self.loans.values())

    def next(self) -> tuple[Any, int] | None:
        """The worker with the fewest loans, where one has less than two, and how many it has."""
        worker = min(self.workers, key=self.queued)
        queued = self.queued(worker)
        return (worker, queued) if queued < 2 else None

    def start(self, worker: Any, loan: int, text: str, seconds: float) -> None:
        self.loans[worker.pave.remote(ray.put(text), seconds)] = (worker, loan)

    def replace(self, dead: Any) -> None:
        # Both loans of a dead worker tell of its end.
        self.workers = [self.new() if worker is dead else worker for worker in self.workers]

    def wait(self, seconds: float) -> bool:
        """Whether a worker is there to begin with."""
        ready, _ = ray.wait(self.begun, num_returns=1, timeout=seconds)
        return bool(ready)

    def end(self) -> None:
        for worker in self.workers:
            ray.kill(worker)


def preimage(
    network: Network | str | os.PathLike[str] | bytes,
    *,
    coverage: float | None = None,
    over: float | None = None,
    max_pieces: int | None = None,
    compact: bool = True,
    time_limit: float | None = None,
    workers: int | None = None,
    threads: int = 1,
    slice_seconds: float = 2.0,
    tell: Tell | None = None,
    **question: Any,
) -> Preimage:
    """The preimage as ``Network.preimage`` paves it, by the workers of a Ray cluster.

    Open cells are lent to ``workers`` (as many as the cluster has processors) of ``threads`` threads each, for slices of
    ``slice_seconds``; what comes back is put in their place. The volumes are proved at every moment: ``tell(lower, upper, boxes,
    loans that are out)`` is called whenever a slice has come back. A worker that dies costs its slice: its cells are lent again, to
    another. ``question`` is where, class_, margin, within, spec, bounds or min_width; the goals are those of ``Network.preimage``.
    """
    own = network if isinstance(network, Network) else load(network)
    wrong = sorted(set(question) - {"where", "class_", "margin", "within", "spec", "bounds", "min_width"})
    if wrong:
        raise TypeError(f"{wrong[0]} is no option of a paving on Ray")
    if coverage is None and over is None and question.get("min_width") is None:
        coverage = 0.9
    if coverage is not None and not 0 < coverage < 1:
        raise ValueError(f"coverage = {coverage}\nhint: a share between 0 and 1; 1 is `Network.preimage(exact=True)`, in one process")
    if slice_seconds <= 0:
        raise ValueError(f"slice_seconds = {slice_seconds}\nhint: a number of seconds above 0")
    started = time.monotonic()

    def left() -> float:
        return float("inf") if time_limit is None else time_limit - (time.monotonic() - started)

    count = workers or max(1, _processors() // threads)
    pool = _Pool(own, count, threads)
    try:
        # Processes take seconds to start: until the first is there, it is paved here.
        begin = 0.25 * slice_seconds
        first = own.preimage(coverage=coverage, over=over, compact=False, time_limit=max(0.0, min(left(), begin)), **question)
        while first.status == "partial" and left() > 0 and not pool.wait(0.0):
            first = own.preimage(
                resume=first, coverage=coverage, over=over, compact=False, time_limit=min(left(), begin),
                min_width=question.get("min_width"),
            )
        frontier = _core.Frontier(first._core)
        rate = float(FIRST_RATE * threads)
        reached = _reached(frontier, coverage, over)
        while not reached and left() > 0:
            while (free := pool.next()) is not None:
                worker, queued = free
                seconds = min(slice_seconds, left() - queued * slice_seconds)
                # A cell becomes a subtree of some boxes in a slice: finer would mean to send more than to compute.
                most = max(FEWEST_CELLS, int(rate * slice_seconds / 8))
                lent = frontier.lend(2 * count, most) if seconds > 0.02 * slice_seconds else None
                if lent is None:
                    break
                pool.start(worker, lent[0], lent[1], seconds)
            if not pool.loans:
                break
            # Half a slice more than the limit: what was computed is not thrown away.
            ready, _ = ray.wait(list(pool.loans), num_returns=1, timeout=max(0.0, left()) + 0.5 * slice_seconds)
            for future in ready:
                worker, loan = pool.loans.pop(future)
                try:
                    text, boxes, took = ray.get(future)
                except RayActorError:
                    frontier.give_up(loan)
                    pool.replace(worker)
                    continue
                except RayTaskError:
                    frontier.give_up(loan)
                    raise
                frontier.take_back(loan, text)
                rate = 0.5 * rate + 0.5 * boxes / max(took, 1e-3)
                if tell is not None:
                    lower, upper = frontier.volume
                    tell(lower, upper, frontier.boxes, len(pool.loans))
            reached = _reached(frontier, coverage, over)
        _drain(frontier, pool, slice_seconds if not reached else 0.0)
        nothing_left = frontier.open_cells == 0 and frontier.loans == 0
        done = _reached(frontier, coverage, over) or (nothing_left and question.get("min_width") is not None)
    finally:
        pool.end()
    seconds = time.monotonic() - started
    # Volumes are known; polytopes may take as long again, and are the coarser the less time they have.
    rest = None if time_limit is None else max(0.0, left())
    return Preimage(frontier.answer(done, seconds, coverage, over, max_pieces, compact, rest))


def _reached(frontier: _core.Frontier, coverage: float | None, over: float | None) -> bool:
    """As the paving of one process decides: every goal of volume that is given."""
    lower, upper = frontier.volume
    if coverage is None and over is None:
        return False
    return (coverage is None or lower >= coverage * upper) and (over is None or upper <= over * lower)


def _drain(frontier: _core.Frontier, pool: _Pool, seconds: float) -> None:
    """Takes what is still at work, as far as it comes in time; gives up the rest."""
    ends = time.monotonic() + seconds
    for future, (_, loan) in list(pool.loans.items()):
        try:
            text, _, _ = ray.get(future, timeout=max(0.0, ends - time.monotonic()))
            frontier.take_back(loan, text)
        except (RayActorError, TimeoutError):
            frontier.give_up(loan)
