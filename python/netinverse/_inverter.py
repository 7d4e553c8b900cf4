"""The inverse of a network as an estimator in the manner of scikit-learn."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netinverse._loading import load
from netinverse._network import Network


class NetworkInverter:
    """Inputs for outputs: ``fit(X)`` learns bounds, a reference and a prior, ``inverse_transform(Y)`` inverts.

    ``transform(X)`` is the network itself. ``network`` is whatever ``netinverse.load`` takes. Rows without an answer are
    NaN, or raise where ``strict``; ``inversion_`` keeps everything that was found for the last rows.
    """

    def __init__(
        self,
        network: object,
        *,
        bounds: Any = "data",
        near: Any = "mean",
        prior: str = "none",
        tolerance: float | None = None,
        starts: int = 64,
        seed: int = 0,
        strict: bool = False,
    ) -> None:
        self.network = network
        self.bounds = bounds
        self.near = near
        self.prior = prior
        self.tolerance = tolerance
        self.starts = starts
        self.seed = seed
        self.strict = strict

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name."""
        names = list(inspect.signature(type(self).__init__).parameters)[1:]
        return {name: getattr(self, name) for name in names}

    def set_params(self, **parameters: Any) -> NetworkInverter:
        """Sets parameters by name."""
        known = self.get_params()
        for name, value in parameters.items():
            if name not in known:
                raise ValueError(f"no parameter {name!r}\nhint: there are {', '.join(known)}")
            setattr(self, name, value)
        return self

    def fit(self, X: ArrayLike, y: object = None) -> NetworkInverter:
        """Learns where inputs lie."""
        self.network_: Network = load(self.network)
        rows: NDArray[np.float64] = np.ascontiguousarray(X, dtype=float)
        if rows.ndim != 2 or rows.shape[1] != self.network_.input_size or len(rows) == 0:
            raise ValueError(f"X of shape {rows.shape}, the network has {self.network_.input_size} inputs")
        if not np.isfinite(rows).all():
            raise ValueError("X holds numbers that are not finite")
        self.n_features_in_ = rows.shape[1]
        self.data_ = rows
        if isinstance(self.bounds, str) and self.bounds == "data":
            self.bounds_: Any = np.stack([rows.min(axis=0), rows.max(axis=0)], axis=1)
        else:
            self.bounds_ = self.bounds
        self.near_: Any = rows.mean(axis=0) if isinstance(self.near, str) and self.near == "mean" else self.near
        return self

    def transform(self, X: ArrayLike) -> NDArray[Any]:
        """f(X)"""
        self._check()
        return self.network_(np.ascontiguousarray(X, dtype=float))

    def fit_transform(self, X: ArrayLike, y: object = None) -> NDArray[Any]:
        """Fits, and gives f(X)."""
        return self.fit(X).transform(X)

    def inverse_transform(self, Y: ArrayLike) -> NDArray[np.float64]:
        """An input for each row of outputs."""
        self._check()
        with_data = self.prior in ("gaussian", "pca")
        self.inversion_ = self.network_.invert(
            Y,
            bounds=self.bounds_,
            near=self.near_,
            prior=self.prior,
            data=self.data_ if with_data else None,
            tolerance=self.tolerance,
            starts=self.starts,
            seed=self.seed,
        )
        if self.strict and not self.inversion_.solved.all():
            missing = np.flatnonzero(~self.inversion_.solved)
            raise ValueError(f"no input was found for {len(missing)} rows, the first of them {missing[0]}")
        return self.inversion_.x

    def _check(self) -> None:
        if not hasattr(self, "network_"):
            raise ValueError("this inverter is not fitted\nhint: call `fit` with rows of inputs first")
