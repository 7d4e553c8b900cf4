"""Inputs for outputs: small objects with arrays as attributes."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netinverse import _files, _html

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
    everything. ``save`` writes what the command line writes, ``load`` reads its JSON.
    """

    status: str
    x: Array
    y: Array
    queries: list[Query]
    seconds: float
    envelope: dict[str, Any] = field(repr=False, default_factory=dict)
    # The page of an answer: it needs the network and the question, which a file does not hold.
    _page: Callable[[str], str] | None = field(repr=False, compare=False, default=None)

    @staticmethod
    def _of(
        envelope: dict[str, Any], x: Array, y: Array, seconds: float, page: Callable[[str], str] | None = None
    ) -> Inversion:
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
        return Inversion(envelope["status"], best_x, best_y, queries, seconds, envelope, page)

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
        """Writes ``.json``, ``.npz`` (x, y, residual, row: one line an answer) or ``.html`` (the page)."""
        kind = _files.extension(path, (".json", ".npz", ".html"))
        if kind == ".json":
            _files.write(path, json.dumps(self.to_dict()))
        elif kind == ".html":
            _files.write(path, self.page())
        else:
            answers = [(query.row, answer) for query in self.queries for answer in query.answers]
            np.savez(
                path,
                x=np.asarray([answer.x for _, answer in answers]).reshape(len(answers), -1),
                y=np.asarray([answer.y for _, answer in answers]).reshape(len(answers), -1),
                residual=np.asarray([answer.residual for _, answer in answers], float),
                row=np.asarray([row for row, _ in answers], np.int64),
            )

    def page(self) -> str:
        """The page of the command line, as HTML."""
        if self._page is None:
            raise ValueError("an answer that was read has no network to draw it with\nhint: ask again, or `netinverse invert -o`")
        return self._page(json.dumps(self.to_dict()))

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Inversion:
        """Reads the ``.json`` that ``save`` or the command line wrote."""
        envelope = _files.read(path, "netinverse.invert/1")
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
        """For notebooks: the page where rows are few, a table of the first rows otherwise."""
        if self._page is not None and len(self.queries) <= 200:
            return _html.frame(self.page())
        head = ["row", "status", "residual", "distance", "x"]
        rows = []
        for query in self.queries[:20]:
            best = query.answers[0] if query.answers else None
            cells = ["", "", ""]
            if best is not None:
                shown = np.array2string(best.x, threshold=8, precision=5)
                cells = [f"{best.residual:.2e}", f"{best.distance:.5g}", shown]
            rows.append([str(query.row), query.status, *cells])
        return f"<p>{html.escape(repr(self))}</p>{_html.table(head, rows)}"


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
