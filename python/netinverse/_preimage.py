"""Whole sets of inputs, proved from both sides."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netinverse import _core, _files, _html

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Polytope:
    """``{x : lower <= x <= upper, slopes @ x + constants >= 0}``, of a volume between two proved numbers."""

    lower: Array
    upper: Array
    slopes: Array
    constants: Array
    volume: tuple[float, float]


class Preimage:
    """The set of inputs with the outputs asked for, between an inner and an outer set of proved volume.

    ``header`` is the answer's first line: the question, the model, volumes and counts.
    """

    def __init__(self, core: _core.Preimage) -> None:
        self._core = core
        self.header: dict[str, Any] = json.loads(core._header())

    @property
    def status(self) -> str:
        """complete, partial or empty."""
        return str(self.header["status"])

    @property
    def exact(self) -> bool:
        """Whether every linear region was enumerated."""
        return "exact" in str(self.header["schema"])

    @property
    def volume(self) -> tuple[float, float]:
        """Proved: lower <= volume <= upper."""
        volume = self.header["volume"]
        return float(volume["lower"]), float(volume["upper"])

    @property
    def coverage(self) -> float | None:
        """lower / upper; None where upper is 0."""
        lower, upper = self.volume
        return lower / upper if upper > 0 else None

    @property
    def bounds(self) -> Array:
        """The box that was paved, one row (lo, hi) an input."""
        return np.stack([self.header["lower"], self.header["upper"]], axis=1)

    @property
    def seconds(self) -> float:
        """Wall time."""
        return float(self.header["seconds"])

    @cached_property
    def _whole(self) -> dict[str, Any]:
        whole: dict[str, Any] = json.loads(self._core._json())
        return whole

    @property
    def inner(self) -> list[Polytope]:
        """Polytopes inside the set, disjoint but for their faces."""
        return self._polytopes("inner")

    @property
    def outer(self) -> list[Polytope]:
        """Polytopes that cover it; none where ``over`` was not asked for."""
        return self._polytopes("outer")

    def _polytopes(self, side: str) -> list[Polytope]:
        if self.exact:
            raise _core.UnsupportedError("an exact answer has pieces of every dimension\nhint: `to_dict()['polytopes']`")
        n = len(self.header["lower"])
        return [
            Polytope(
                np.asarray(piece["lower"]),
                np.asarray(piece["upper"]),
                np.asarray([row["slopes"] for row in piece["rows"]]).reshape(-1, n),
                np.asarray([row["constant"] for row in piece["rows"]], float),
                (piece["volume"][0], piece["volume"][1]),
            )
            for piece in self._whole[side]
        ]

    def contains(self, x: ArrayLike) -> list[bool | None]:
        """For each row: True proved inside, False proved outside, None not decided at this resolution."""
        return self._core._contains(np.atleast_2d(np.asarray(x)))

    def sample(self, count: int, *, seed: int = 0) -> Array:
        """Points drawn uniformly from the inner set, one a row."""
        return self._core._sample(count, seed)

    def nearest(self, x: ArrayLike, *, norm: str = "l2") -> Array:
        """The proved input that is nearest to each row; ``norm`` is l2, l1 or linf."""
        array = np.asarray(x)
        found = self._core._nearest(np.atleast_2d(array), norm)
        return found[0] if array.ndim == 1 else found

    def svg(
        self, axes: tuple[int, int] | None = None, *, at: Sequence[float] | Array | None = None, project: bool = False
    ) -> str:
        """A drawing of two inputs: the slice ``at`` a point (the middle of the box), or the shadow of the inner pieces."""
        point = None if at is None else [float(value) for value in at]
        return self._core._svg(None if axes is None else [int(axes[0]), int(axes[1])], point, project)

    def page(self) -> str:
        """The page of the command line, as HTML."""
        return self._core._page()

    def to_dict(self) -> dict[str, Any]:
        """The JSON of the command line, with the polytopes."""
        whole: dict[str, Any] = json.loads(self._core._json())
        return whole

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes ``.preimage`` (which the command line reads, and ``check``), ``.json``, ``.svg`` or ``.html``."""
        kind = _files.extension(path, (".preimage", ".json", ".svg", ".html"))
        if kind == ".preimage":
            self._core._save(os.fspath(path))
        else:
            _files.write(path, {".json": self._core._json, ".svg": self.svg, ".html": self.page}[kind]())

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Preimage:
        """Reads a ``.preimage`` file."""
        return Preimage(_core.Preimage._load(os.fspath(path)))

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return _parse, (self._core._text(),)

    def __repr__(self) -> str:
        lower, upper = self.volume
        return f"<netinverse.Preimage {self.status}: {lower:.6g} <= volume <= {upper:.6g}>"

    def __str__(self) -> str:
        return "\n".join(f"{name:<10}  {value}" for name, value in self._core._facts())

    def _repr_html_(self) -> str:
        """For notebooks: the page, with its picture of two inputs."""
        return _html.frame(self.page())


def _parse(text: str) -> Preimage:
    return Preimage(_core.Preimage._parse(text))


def merge(
    shards: Sequence[Preimage | str | os.PathLike[str]],
    *,
    coverage: float | None = None,
    over: float | None = None,
    max_pieces: int | None = None,
    compact: bool = True,
) -> Preimage:
    """The answers of all shards as one, as ``netinverse preimage --merge``; the goals say how few polytopes."""
    cores = [(shard if isinstance(shard, Preimage) else Preimage.load(shard))._core for shard in shards]
    return Preimage(_core._merge(cores, coverage, over, max_pieces, compact))
