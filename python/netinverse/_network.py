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
from netinverse._answers import Inversion, Preimage

Bounds = tuple[float, float] | ArrayLike
Progress = Callable[[int, str], object]


class Network(_core.Network):
    """A network: ``network(x)`` is f(x), for a row of n numbers or for rows of them, in the precision of x.

    ``jacobian(x)`` has shape (m, n) for a row and (rows, m, n) for rows; ``vjp(x, v)`` and ``jvp(x, v)`` give f(x) and the
    product, in double precision. float32 and float64 arrays that are contiguous are read in place.
    """

    def __repr__(self) -> str:
        inputs, outputs = self.input_shape or self.input_size, self.output_shape or self.output_size
        return f"<netinverse.Network {self.path}: {inputs} -> {outputs}>"

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
        certify: bool | float = False,
        tolerance: float | None = None,
        starts: int = 64,
        seed: int = 0,
        time_limit: float | None = None,
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> Inversion:
        """Inputs that give what is asked, as ``netinverse invert``.

        What is asked of the outputs is one of: ``target`` (rows of m values), ``within`` (lo, hi for all outputs, or a row
        for each), ``class_`` (an index, one a row, or "other": any but the network's own at ``near``), ``where`` (an
        expression such as ``"y0 >= y1 && y2 in [0.2, 0.4]"``), ``spec`` (a VNN-LIB file); or ``maximize`` or ``minimize`` a
        linear form such as ``"y0 - 2*y1"``, alone or besides.

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
            "rows": list(range(queries)),
            "fixed": [[int(i), float(v)] for i, v in (fix or {}).items()],
            "integers": [int(i) for i in integers],
            "subject_to": [subject_to] if isinstance(subject_to, str) else list(subject_to),
            "weights": None if weights is None else np.asarray(weights, float).ravel().tolist(),
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
        if certify is not False:
            problem["certify"] = float(certify)
        text, x, y = self._invert(
            json.dumps(problem, allow_nan=False) if _is_finite(problem) else _refuse(problem),
            None if target is None else np.atleast_1d(np.asarray(target)).reshape(rows, -1),
            near_rows,
            data,
            beside,
            time_limit,
            threads,
            progress,
        )
        return Inversion._of(json.loads(text), x, y, time.monotonic() - started)

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
        given = [name for name, value in
                 [("target", target), ("within", within), ("class_", class_), ("where", where), ("spec", spec)]
                 if value is not None]
        if len(given) > 1:
            raise ValueError(f"{given[0]} and {given[1]} exclude each other\nhint: `where` can ask for several things at once")
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
        within: Bounds | None = None,
        spec: str | os.PathLike[str] | None = None,
        bounds: Bounds | None = None,
        coverage: float | None = None,
        over: float | None = None,
        min_width: float | None = None,
        max_pieces: int | None = None,
        compact: bool = True,
        time_limit: float | None = None,
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> Preimage:
        """The whole set of inputs with the outputs asked for, proved from both sides, as ``netinverse preimage``."""
        given = [name for name, value in [("where", where), ("class_", class_), ("within", within)] if value is not None]
        if len(given) > 1:
            raise ValueError(f"{given[0]} and {given[1]} exclude each other")
        m = self.output_size
        if class_ is not None:
            if not 0 <= class_ < m or m < 2:
                raise ValueError(f"class_ = {class_}: classes are outputs, from 0 to {m - 1}, of networks with several")
            where = " && ".join(f"y{class_} - y{j} >= 0" for j in range(m) if j != class_)
        if within is not None:
            intervals = pairs(within, "within")
            intervals = intervals * m if len(intervals) == 1 else intervals
            where = " && ".join(f"y{j} >= {lo!r} && y{j} <= {hi!r}" for j, (lo, hi) in enumerate(intervals))
        if where is None and spec is None:
            raise ValueError("nothing is asked of the outputs\nhint: give where, class_, within or spec")
        box = pairs(bounds, "bounds") if bounds is not None else self.input_bounds
        core = self._preimage(
            where, None if spec is None else _text(spec), box, coverage, over, min_width, max_pieces, compact, time_limit,
            threads, progress,
        )
        return Preimage(core)


def pairs(value: Bounds, name: str) -> list[list[float]]:
    """(lo, hi), or rows of them, as a list of pairs."""
    array: NDArray[np.float64] = np.asarray(value, dtype=float)
    if array.shape == (2,):
        array = array.reshape(1, 2)
    if array.ndim != 2 or array.shape[1] != 2:
        raise ValueError(f"{name} of shape {array.shape}\nhint: give (lo, hi), or an array of shape (rows, 2)")
    if np.isnan(array).any():
        raise ValueError(f"{name} holds NaN in row {int(np.argwhere(np.isnan(array))[0][0])}")
    result: list[list[float]] = array.tolist()
    return result


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
        return {"kind": "decoder", "path": decoder.path, "sha256": ""}, decoder
    if autoencoder is not None:
        return {"kind": "autoencoder", "path": autoencoder.path, "sha256": ""}, autoencoder
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
