"""What is answered: small objects with arrays as attributes."""

from __future__ import annotations

import html
import json
import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netinverse import _core

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Answer:
    """An input that gives what was asked."""

    x: Array
    y: Array
    residual: float
    distance: float
    rank: int
    sigma_min: float
    fibre_dimension: int
    optimality: str
    details: dict[str, Any] = field(repr=False, default_factory=dict)


@dataclass(frozen=True)
class Query:
    """One row that was asked: ``status`` is solved, unreachable, not_found or limit."""

    row: int
    status: str
    answers: list[Answer]
    evaluations: dict[str, int]
    certified: float | None
    certificate: dict[str, Any] | None
    nearest: dict[str, Any] | None
    details: dict[str, Any] = field(repr=False, default_factory=dict)


@dataclass(frozen=True)
class Inversion:
    """The answers to all rows.

    ``x``, ``y``: the first answer of each row, NaN where there is none; ``solved``: which rows have one. ``queries`` has
    everything. ``save`` writes the JSON of the command line, ``load`` reads it.
    """

    status: str
    x: Array
    y: Array
    queries: list[Query]
    seconds: float
    envelope: dict[str, Any] = field(repr=False, default_factory=dict)

    @staticmethod
    def _of(envelope: dict[str, Any], x: Array, y: Array, seconds: float) -> Inversion:
        envelope["seconds"] = seconds
        queries, first, at = [], [], 0
        for one in envelope["queries"]:
            answers = []
            for details in one["answers"]:
                details["x"], details["y"] = x[at], y[at]
                answers.append(_answer(details))
                at += 1
            first.append(at - len(answers) if answers else -1)
            queries.append(_query(one, answers))
        index = np.asarray(first, dtype=int)
        best_x, best_y = np.full((len(first), x.shape[1]), np.nan), np.full((len(first), y.shape[1]), np.nan)
        best_x[index >= 0], best_y[index >= 0] = x[index[index >= 0]], y[index[index >= 0]]
        return Inversion(envelope["status"], best_x, best_y, queries, seconds, envelope)

    @property
    def solved(self) -> NDArray[np.bool_]:
        """Which rows have an answer."""
        return np.asarray([query.status == "solved" for query in self.queries])

    @property
    def residual(self) -> Array:
        """The residual of each row's first answer, NaN where there is none."""
        return np.asarray([q.answers[0].residual if q.answers else np.nan for q in self.queries])

    @property
    def distance(self) -> Array:
        """The distance of each row's first answer from its reference, NaN where there is none."""
        return np.asarray([q.answers[0].distance if q.answers else np.nan for q in self.queries])

    def to_dict(self) -> dict[str, Any]:
        """The JSON of the command line, arrays as lists."""
        plain: dict[str, Any] = json.loads(json.dumps(self.envelope, default=lambda array: array.tolist()))
        return plain

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the JSON of the command line."""
        with open(path, "w", encoding="utf-8") as file:
            json.dump(self.to_dict(), file)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Inversion:
        """Reads what ``save`` or the command line wrote."""
        with open(path, encoding="utf-8") as file:
            envelope = json.load(file)
        if envelope.get("schema") != "netinverse.invert/1":
            raise ValueError(f"{os.fspath(path)} is no answer of invert")
        answers = [answer for query in envelope["queries"] for answer in query["answers"]]
        if not answers:
            empty = np.empty((0, 0))
            return Inversion._of(envelope, empty, empty, envelope["seconds"])
        x = np.asarray([answer["x"] for answer in answers], float)
        y = np.asarray([answer["y"] for answer in answers], float)
        return Inversion._of(envelope, x, y, envelope["seconds"])

    def __repr__(self) -> str:
        solved = int(self.solved.sum())
        worst = f", residual at most {np.nanmax(self.residual):.1e}" if solved else ""
        return f"<netinverse.Inversion {self.status}: {solved} of {len(self.queries)} rows{worst}>"

    def _repr_html_(self) -> str:
        """For notebooks: a table of the first rows."""
        head = "<tr><th>row</th><th>status</th><th>residual</th><th>distance</th><th>x</th></tr>"
        rows = []
        for query in self.queries[:20]:
            best = query.answers[0] if query.answers else None
            cells = [str(query.row), query.status]
            if best is None:
                cells += ["", "", ""]
            else:
                shown = np.array2string(best.x, threshold=8, precision=5)
                cells += [f"{best.residual:.2e}", f"{best.distance:.5g}", shown]
            rows.append("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>")
        return f"<p>{html.escape(repr(self))}</p><table>{head}{''.join(rows)}</table>"


def _answer(details: dict[str, Any]) -> Answer:
    return Answer(
        x=details["x"],
        y=details["y"],
        residual=details["residual"],
        distance=details["distance"],
        rank=details["rank"],
        sigma_min=details["sigma_min"],
        fibre_dimension=details["fibre_dimension"],
        optimality=details["optimality"],
        details=details,
    )


def _query(one: dict[str, Any], answers: list[Answer]) -> Query:
    return Query(
        row=one["row"],
        status=one["status"],
        answers=answers,
        evaluations=one["evaluations"],
        certified=one.get("certified"),
        certificate=one.get("certificate"),
        nearest=one.get("nearest"),
        details=one,
    )


class Preimage:
    """The set of inputs with the outputs asked for, between an inner and an outer set of proved volume."""

    def __init__(self, core: _core.Preimage) -> None:
        self._core = core
        self.header: dict[str, Any] = json.loads(core._header())

    @property
    def status(self) -> str:
        """complete, partial or empty."""
        return str(self.header["status"])

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

    def contains(self, x: ArrayLike) -> list[bool | None]:
        """For each row: True proved inside, False proved outside, None not decided at this resolution."""
        return self._core._contains(np.atleast_2d(np.asarray(x, dtype=float)))

    def sample(self, count: int, *, seed: int = 0) -> Array:
        """Points drawn uniformly from the inner set, one a row."""
        return self._core._sample(count, seed)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a ``.preimage`` file, which `netinverse preimage` and `netinverse check` read."""
        self._core._save(os.fspath(path))

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Preimage:
        """Reads a ``.preimage`` file."""
        return Preimage(_core.Preimage._load(os.fspath(path)))

    def __repr__(self) -> str:
        lower, upper = self.volume
        return f"<netinverse.Preimage {self.status}: {lower:.6g} <= volume <= {upper:.6g}>"
