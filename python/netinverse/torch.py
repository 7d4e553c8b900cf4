"""PyTorch: tensors in and out, and derivatives through the inverse by the implicit function theorem."""

from __future__ import annotations

from typing import Any

import numpy as np

from netinverse._network import Network

try:
    import torch
except ImportError as error:
    raise ImportError(f"{error}\nhint: `pip install netinverse[torch]`") from error


class _Inverse(torch.autograd.Function):
    """x(y), the nearest input to a reference with f(x) = y.

    At a solution ``x - r + J^T l = 0`` and ``f(x) = y``, so that
    ``[[H, J^T], [J, 0]] [dx, dl] = [0, dy]`` with ``H = 1 + sum_k l_k f_k''``; inputs at their bounds do not move.
    """

    @staticmethod
    def forward(ctx: Any, y: torch.Tensor, network: Network, options: dict[str, Any]) -> torch.Tensor:
        found = network.invert(y.detach().cpu().numpy().astype(float), **options)
        if not found.solved.all():
            rows = np.flatnonzero(~found.solved)
            raise ValueError(f"no input was found for {len(rows)} rows, the first of them {rows[0]}")
        targets = y.detach().cpu().numpy().astype(float).reshape(len(found.x), -1)
        x = np.stack([_nearest(network, point, target, options) for point, target in zip(found.x, targets)])
        ctx.network, ctx.options, ctx.x = network, options, x
        return torch.as_tensor(x.reshape(*y.shape[:-1], -1), dtype=y.dtype, device=y.device)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[torch.Tensor, None, None]:
        (gradient,) = gradients
        network: Network = ctx.network
        m, n = network.output_size, network.input_size
        upstream = gradient.detach().cpu().numpy().astype(float).reshape(-1, n)
        rows = [_pull_back(network, x, g, ctx.options) for x, g in zip(ctx.x, upstream)]
        result = np.stack(rows).reshape(*gradient.shape[:-1], m)
        return torch.as_tensor(result, dtype=gradient.dtype, device=gradient.device), None, None


class _Point:
    """A solution and what the conditions of the nearest one say there: free inputs, J, the pull to the reference, H."""

    def __init__(self, network: Network, x: Any, options: dict[str, Any]) -> None:
        n = network.input_size
        self.network, self.x = network, x
        self.free = np.ones(n, bool)
        if options.get("bounds") is not None:
            bounds = np.broadcast_to(np.asarray(options["bounds"], float), (n, 2))
            self.lower, self.upper = bounds[:, 0], bounds[:, 1]
            self.free = (x > self.lower) & (x < self.upper)
        else:
            self.lower, self.upper = np.full(n, -np.inf), np.full(n, np.inf)
        for index in options.get("fix") or {}:
            self.free[index] = False
        near = options.get("near")
        self.near = np.broadcast_to(np.asarray(0.0 if near is None else near, float), (n,))
        weights = options.get("weights")
        self.weights = np.broadcast_to(np.asarray(1.0 if weights is None else weights, float), (n,))
        self.jacobian = network.jacobian(x)[:, self.free]

    @property
    def freedom(self) -> int:
        return int(self.free.sum())

    def pull(self) -> Any:
        return (self.weights * (self.x - self.near))[self.free]

    def multipliers(self) -> Any:
        return -np.linalg.lstsq(self.jacobian.T, self.pull(), rcond=None)[0]

    def system(self) -> Any:
        """[[H, J^T], [J, 0]]: second derivatives of l^T f by differences of l^T J along every free input."""
        k, m = self.freedom, self.network.output_size
        step = 6e-6 * np.maximum(1.0, np.abs(self.x[self.free]))
        around = np.repeat(self.x[None], 2 * k, axis=0)
        for i, index in enumerate(np.flatnonzero(self.free)):
            around[2 * i, index] += step[i]
            around[2 * i + 1, index] -= step[i]
        _, products = self.network.vjp(around, np.repeat(self.multipliers()[None], 2 * k, axis=0))
        curvature = (products[0::2, self.free] - products[1::2, self.free]) / (2 * step[:, None])
        system = np.zeros((k + m, k + m))
        system[:k, :k] = np.diag(self.weights[self.free]) + 0.5 * (curvature + curvature.T)
        system[:k, k:], system[k:, :k] = self.jacobian.T, self.jacobian
        return system


def _nearest(network: Network, x: Any, y: Any, options: dict[str, Any]) -> Any:
    """The nearest point itself from one near to it: Newton's method on the conditions, as long as it gains."""
    best, kept = np.inf, x
    for _ in range(12):
        point = _Point(network, x, options)
        k = point.freedom
        if k <= network.output_size:
            return kept
        stationary = point.pull() + point.jacobian.T @ point.multipliers()
        missing = y - network(x)
        error = float(np.linalg.norm(stationary) + np.linalg.norm(missing))
        if error < best:
            best, kept = error, x
        elif error > 2 * best:
            return kept
        right = np.concatenate([-stationary, missing])
        move = np.linalg.lstsq(point.system(), right, rcond=None)[0][:k]
        x = x.copy()
        x[point.free] += move
        if not ((x >= point.lower) & (x <= point.upper)).all() or np.linalg.norm(move) < 1e-14:
            return kept
    return kept


def _pull_back(network: Network, x: Any, gradient: Any, options: dict[str, Any]) -> Any:
    point = _Point(network, x, options)
    k, m = point.freedom, network.output_size
    if k <= m:
        # No freedom: dx = J^-1 dy, in the least squares where J is not square.
        return np.linalg.pinv(point.jacobian).T @ gradient[point.free]
    right = np.zeros(k + m)
    right[:k] = gradient[point.free]
    # The system is symmetric: the gradient by y is the lower part of its solution.
    return np.linalg.lstsq(point.system(), right, rcond=None)[0][k:]


def invert(network: Network, y: torch.Tensor, **options: Any) -> torch.Tensor:
    """Inputs whose outputs are the rows of ``y``, nearest to ``near`` (L2), differentiable by ``y``.

    ``options`` are those of ``Network.invert``: bounds, near, weights, fix, tolerance, starts, seed.
    """
    if options.get("norm", "l2") != "l2":
        raise ValueError("derivatives are those of the nearest input in l2")
    if options.get("near") is None and options.get("bounds") is not None:
        options["near"] = np.asarray(options["bounds"], float).reshape(-1, 2).mean(axis=1)
        if options["near"].size == 1:
            options["near"] = float(options["near"][0])
    result: torch.Tensor = _Inverse.apply(y, network, options)
    return result
