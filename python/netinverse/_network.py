"""Networks with the verbs of the command line."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netinverse import _core
from netinverse._bounds import Bounds, numbers, pairs, words
from netinverse._explanation import Explanation
from netinverse._inverse import Inverse
from netinverse._inversion import Inversion
from netinverse._preimage import Preimage

Progress = Callable[[int, str], object]


class Network(_core.Network):
    """A network: ``network(x)`` is f(x), for a row of n numbers or for rows of them, in the precision of x.

    ``jacobian(x)`` has shape (m, n) for a row and (rows, m, n) for rows; ``vjp(x, v)`` and ``jvp(x, v)`` give f(x) and the
    product, in double precision. float32 and float64 arrays that are contiguous are read in place.
    """

    def __repr__(self) -> str:
        inputs, outputs = self.input_shape or self.input_size, self.output_shape or self.output_size
        return f"<netinverse.Network {self.path}: {inputs} -> {outputs}>"

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        # Bytes, so that another machine needs no file; a path where weights lie beside the file.
        data = self._bytes()
        return _again, (self.path if data is None else data, self.output_names or None, self.path)

    def invert(
        self,
        target: ArrayLike | None = None,
        *,
        within: Bounds | None = None,
        class_: int | Sequence[int] | str | None = None,
        where: str | None = None,
        spec: str | os.PathLike[str] | None = None,
        maximize: str | None = None,
        minimize: str | None = None,
        margin: float = 0.0,
        probability: float | None = None,
        bounds: Bounds | None = None,
        near: ArrayLike | float | None = None,
        norm: str = "l2",
        weights: ArrayLike | None = None,
        fix: Mapping[int, float] | None = None,
        integers: Sequence[int] = (),
        subject_to: str | Sequence[str] = (),
        input_scale: ArrayLike | None = None,
        output_scale: ArrayLike | None = None,
        count: int = 1,
        separation: float | None = None,
        sample: int | None = None,
        complete: bool = False,
        prior: str = "none",
        prior_rank: int | None = None,
        decoder: Network | None = None,
        autoencoder: Network | None = None,
        data: ArrayLike | None = None,
        start: Network | None = None,
        certify: bool | float = False,
        proof: str | os.PathLike[str] | None = None,
        tolerance: float | None = None,
        starts: int = 64,
        first_row: int = 0,
        seed: int = 0,
        time_limit: float | None = None,
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> Inversion:
        """Inputs that give what is asked, as ``netinverse invert``.

        What is asked of the outputs is one of: ``target`` (rows of m values), ``within`` (lo, hi for all outputs, or a row
        for each), ``class_`` (an index, one a row, or "other": any but the network's own at ``near``), ``where`` (an
        expression such as ``"y0 >= y1 && y2 in [0.2, 0.4]"``), ``spec`` (a VNN-LIB file); or ``maximize`` or ``minimize`` a
        linear form such as ``"y0 - 2*y1"``, alone or besides. ``start`` is an inverse of the network, exact or not, from whose
        inputs the search begins; ``first_row`` is the number of the first row: a part of many rows, cut at a multiple of 256, is
        answered as within the whole. ``proof`` a file for the proofs of ``certify``, which ``netinverse.check`` reads.

        Raises ValueError where the question does not fit the network, UnsupportedError for what is not done.
        KeyboardInterrupt ends the work.
        """
        started = time.monotonic()
        n, m = self.input_size, self.output_size
        asked, rows = self._asked(
            m, target=target, within=within, class_=class_, where=where, spec=spec, margin=margin, probability=probability,
            objective=maximize is not None or minimize is not None,
        )
        near_rows = None if near is None else _rows_near(near, n)
        queries = max(rows, 1 if near_rows is None else len(near_rows))
        objective = None
        if maximize is not None and minimize is not None:
            raise ValueError("maximize and minimize exclude each other")
        if maximize is not None or minimize is not None:
            objective = {"text": maximize if maximize is not None else minimize, "maximize": maximize is not None}
        belief, beside = _prior(prior, prior_rank, decoder, autoencoder)
        box = pairs(bounds, "bounds") if bounds is not None else self.input_bounds
        problem = {
            "asked": asked,
            "objective": objective,
            "bounds": box,
            "near": None,
            "rows": list(range(first_row, first_row + queries)),
            "fixed": [[int(i), float(v)] for i, v in (fix or {}).items()],
            "integers": [int(i) for i in integers],
            "subject_to": [subject_to] if isinstance(subject_to, str) else list(subject_to),
            "weights": None if weights is None else numbers(weights, "weights").ravel().tolist(),
            "input_scale": None if input_scale is None else pairs(input_scale, "input_scale"),
            "output_scale": None if output_scale is None else pairs(output_scale, "output_scale"),
            "input_names": [],
            "output_names": [],
            "norm": norm,
            "count": count,
            "separation": separation,
            "complete": complete,
            "sample": sample,
            "prior": belief,
            "data": None,
            "tolerance": tolerance,
            "starts": starts,
            "seed": seed,
        }
        if first_row < 0:
            raise ValueError(f"first_row = {first_row}\nhint: rows are counted from 0")
        if start is not None:
            problem["start"] = {"path": start.path, "sha256": start.sha256}
        if certify is not False:
            problem["certify"] = float(certify)
        question = json.dumps(problem, allow_nan=False) if _is_finite(problem) else _refuse(problem)
        text, x, y = _core._invert(
            self,
            question,
            None if target is None else np.atleast_1d(np.asarray(target)).reshape(rows, -1),
            near_rows,
            data,
            beside,
            start,
            proof,
            time_limit,
            threads,
            progress,
        )

        def page(envelope: str) -> str:
            return _core._invert_page(self, question, envelope, near_rows)

        return Inversion._of(json.loads(text), x, y, time.monotonic() - started, page)

    def _asked(
        self,
        m: int,
        *,
        target: ArrayLike | None,
        within: Bounds | None,
        class_: int | Sequence[int] | str | None,
        where: str | None,
        spec: str | os.PathLike[str] | None,
        margin: float,
        probability: float | None,
        objective: bool,
    ) -> tuple[dict[str, Any], int]:
        _one_of(target=target, within=within, class_=class_, where=where, spec=spec)
        if target is not None:
            values = np.asarray(target)
            if values.dtype.kind not in "fiub":
                raise TypeError(f"target must be real numbers, not of dtype {values.dtype}")
            if values.size == 0 or values.size % m:
                raise ValueError(f"target of shape {values.shape}, the network has {m} outputs")
            return {"kind": "values", "rows": [[0.0] * m]}, values.size // m
        if within is not None:
            return {"kind": "within", "intervals": pairs(within, "within")}, 1
        if isinstance(class_, str):
            if class_ != "other":
                raise ValueError(f"class_ = {class_!r}\nhint: an index, a sequence of them, or 'other'")
            return {"kind": "other_class", "margin": float(margin)}, 1
        if class_ is not None:
            classes = [int(c) for c in np.atleast_1d(np.asarray(class_))]
            if any(c < 0 or c >= m for c in classes):
                raise ValueError(f"classes are outputs, from 0 to {m - 1}: {classes}")
            return {"kind": "class", "classes": classes, "margin": float(margin), "probability": probability}, len(classes)
        if where is not None:
            return {"kind": "where", "text": where}, 1
        if spec is not None:
            return {"kind": "spec", "text": _text(spec)}, 1
        if objective:
            return {"kind": "anything"}, 1
        raise ValueError("nothing is asked of the outputs\nhint: give target, within, class_, where, spec, maximize or minimize")

    def preimage(
        self,
        *,
        where: str | None = None,
        class_: int | None = None,
        margin: float = 0.0,
        within: Bounds | None = None,
        target: ArrayLike | None = None,
        spec: str | os.PathLike[str] | None = None,
        bounds: Bounds | None = None,
        coverage: float | None = None,
        over: float | None = None,
        exact: bool = False,
        regions: bool = False,
        min_width: float | None = None,
        max_pieces: int | None = None,
        compact: bool = True,
        resume: Preimage | None = None,
        shard: tuple[int, int] | None = None,
        seed: int = 0,
        time_limit: float | None = None,
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> Preimage:
        """The whole set of inputs with the outputs asked for, proved from both sides, as ``netinverse preimage``.

        ``where``, ``class_`` (with ``margin``), ``within``, ``target`` or ``spec`` is asked. ``coverage`` stops when the inner set
        is that share of the outer one (0.9 unless another goal is given), ``over`` when the outer is that multiple of the inner;
        ``exact``, ``regions``, ``target`` and ``coverage=1`` enumerate the linear regions of a piecewise-linear network.
        ``resume`` goes on from an earlier answer, ``shard=(i, n)`` paves one of n parts, counted from 1: ``netinverse.merge`` puts
        them together.

        Raises ValueError where the question does not fit the network, UnsupportedError for what is not done.
        KeyboardInterrupt ends the work.
        """
        _one_of(where=where, class_=class_, within=within, target=target)
        if coverage is not None and not 0 < coverage <= 1:
            raise ValueError(f"coverage = {coverage}\nhint: a share between 0 and 1")
        if over is not None and not over >= 1:
            raise ValueError(f"over = {over}\nhint: a ratio of at least 1")
        if min_width is not None and not min_width >= 0:
            raise ValueError(f"min_width = {min_width}\nhint: a width that is not negative")
        if class_ is None and margin != 0:
            raise ValueError("margin is that of a class\nhint: give class_ with it")
        whole = exact or regions or target is not None
        if whole and any(value is not None for value in (over, max_pieces, min_width, resume, shard)):
            raise ValueError("exact answers take no over, max_pieces, min_width, resume or shard")
        if resume is not None and shard is not None:
            raise ValueError("resume and shard exclude each other\nhint: an answer of a shard goes on as that shard")
        nothing = where is None and spec is None and class_ is None and within is None and target is None
        if nothing and resume is None and not regions:
            raise ValueError("nothing is asked of the outputs\nhint: give where, class_, within, target or spec")
        if class_ is not None and class_ < 0:
            raise ValueError(f"class_ = {class_}: classes are outputs, from 0 to {self.output_size - 1}")
        box = pairs(bounds, "bounds") if bounds is not None else None
        core = _core._preimage(
            self,
            where,
            None if spec is None else _text(spec),
            class_,
            float(margin),
            None if within is None else pairs(within, "within"),
            target,
            box,
            coverage,
            over,
            exact,
            regions,
            min_width,
            max_pieces,
            compact,
            None if resume is None else resume._core,
            shard,
            seed,
            time_limit,
            threads,
            progress,
        )
        return Preimage(core)

    def explain(
        self,
        data: ArrayLike | None = None,
        *,
        labels: Sequence[int] | NDArray[Any] | None = None,
        bounds: Bounds | None = None,
        point: ArrayLike | None = None,
        clusters: bool = False,
        seed: int = 0,
        time_limit: float | None = None,
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> Explanation:
        """Is there an inverse, why not, and where does the information go? As ``netinverse explain``.

        What is measured is measured on the rows of ``data``; ``labels`` are their classes (the largest output otherwise). The box is
        ``bounds``, else that of the model's file, else that of the data, else [-1, 1]. ``point`` (one or several rows) is looked at by
        itself, ``clusters`` groups the rows that share an output by paths that keep it.
        """
        if data is None and (labels is not None or clusters):
            raise ValueError("labels and clusters are of rows\nhint: give data with them")
        classes = None
        if labels is not None:
            given = numbers(labels, "labels").ravel()
            wrong = np.flatnonzero(~((given >= 0) & (given == np.floor(given))))
            if len(wrong):
                raise ValueError(f"labels: {given[wrong[0]]} in row {wrong[0]} is not a class\nhint: classes are counted from 0")
            classes = [int(label) for label in given]
        core = _core._explain(
            self, data, classes, _named(bounds), point, clusters, seed, time_limit, threads, progress,
        )
        return Explanation(json.loads(core._json()), core)

    def inverse(
        self,
        *,
        given: str | Sequence[str] = (),
        precision: str | None = None,
        data: ArrayLike | None = None,
        targets: ArrayLike | None = None,
        bounds: Bounds | None = None,
        samples: int = 256,
        seed: int = 0,
        time_limit: float | None = None,
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> Inverse:
        """The inverse as a network, as ``netinverse build`` writes it.

        ``given`` names inputs that are known beside the outputs, ``precision`` ("f32", "f64") is that in which the inverse is stored.
        The round trips are measured at the rows of ``data``, else at ``samples`` quasi-random inputs in ``bounds``; f(g(y)) at
        ``targets`` where they are given.

        Raises UnsupportedError where there is no inverse as a network, with the operator that stands in the way.
        """
        names = [given] if isinstance(given, str) else list(given)
        core = _core._build(
            self, precision, names, data, targets, _named(bounds), samples, seed, time_limit, threads, progress,
        )
        return Inverse(core)


def _again(source: str | bytes, outputs: list[str] | None, name: str) -> Network:
    return Network(source, outputs, name)


def _one_of(**asked: object) -> None:
    given = [name for name, value in asked.items() if value is not None]
    if len(given) > 1:
        raise ValueError(f"{given[0]} and {given[1]} exclude each other\nhint: `where` can ask for several things at once")


def _named(bounds: Bounds | None) -> tuple[list[list[float]], str] | None:
    if bounds is None:
        return None
    box = pairs(bounds, "bounds")
    return box, words(bounds, box)


def _rows_near(near: ArrayLike | float, n: int) -> NDArray[Any]:
    array = np.asarray(near)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"near must be real numbers, not of dtype {array.dtype}")
    if array.ndim == 0:
        array = np.full((1, n), float(array))
    if array.size == 0 or array.size % n:
        raise ValueError(f"near of shape {array.shape}, the network has {n} inputs")
    return array.reshape(-1, n)


def _prior(
    prior: str, rank: int | None, decoder: Network | None, autoencoder: Network | None
) -> tuple[dict[str, Any], Network | None]:
    if decoder is not None:
        return {"kind": "decoder", "path": decoder.path, "sha256": decoder.sha256}, decoder
    if autoencoder is not None:
        return {"kind": "autoencoder", "path": autoencoder.path, "sha256": autoencoder.sha256}, autoencoder
    if prior in ("gaussian", "pca"):
        return {"kind": prior, "rank": rank}, None
    if prior in ("none", "tv"):
        return {"kind": prior}, None
    raise ValueError(f"prior = {prior!r}\nhint: none, gaussian, pca or tv; decoder= and autoencoder= take networks")


def _text(path: str | os.PathLike[str]) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def _is_finite(value: object) -> bool:
    if isinstance(value, float):
        return bool(np.isfinite(value))
    if isinstance(value, dict):
        return all(_is_finite(v) for v in value.values())
    if isinstance(value, list):
        return all(_is_finite(v) for v in value)
    return True


def _refuse(problem: Mapping[str, object]) -> str:
    name = next(key for key, value in problem.items() if not _is_finite(value))
    raise ValueError(f"{name} holds a number that is not finite")
