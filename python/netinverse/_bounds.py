"""Intervals as they are given: one pair for all, or rows of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Bounds = tuple[float, float] | ArrayLike


def pairs(value: Bounds, name: str) -> list[list[float]]:
    """(lo, hi), or rows of them, as a list of pairs."""
    array = numbers(value, name)
    if array.shape == (2,):
        array = array.reshape(1, 2)
    if array.ndim != 2 or array.shape[1] != 2:
        raise ValueError(f"{name} of shape {array.shape}\nhint: give (lo, hi), or an array of shape (rows, 2)")
    if np.isnan(array).any():
        raise ValueError(f"{name} holds NaN in row {int(np.argwhere(np.isnan(array))[0][0])}")
    result: list[list[float]] = array.tolist()
    return result


def numbers(value: object, name: str) -> NDArray[np.float64]:
    """Real numbers as doubles."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} is no array: {error}") from error
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be real numbers, not of dtype {array.dtype}")
    return array.astype(float)


def words(value: Bounds, box: list[list[float]]) -> str:
    """What bounds are called in reports: as on the command line where one pair stands for all."""
    if len(box) == 1:
        return ",".join(_number(side) for side in box[0])
    return f"an array of {len(box)} rows"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
