#!/usr/bin/env python3
"""Inverse design beside Neural Adjoint: the same networks, the same targets, in one run.

    cargo build --release -p netinverse-benches
    NETINVERSE_DATA=… python3 benches/inverse_design.py [--rows 200] [--count 10] [--peer-rows 20] [--rounds 3]

Neural Adjoint (Ren, Padilla, Malof, NeurIPS 2020) runs with its published settings: Adam at 0.5 on the inputs, the rate
halved on plateaus, the loss of the outputs plus a penalty outside the training box, all starts of a target as one batch:
128 × 200 (arm), 1000 × 300 (ballistics), 4000 × 300 (sine). Both sides' answers are replayed here in f64 with numpy and
through the simulator. An evaluation is one sample through one forward or one vector–Jacobian product. Times are the
least of interleaved rounds for ours; the peer runs `--peer-rows` targets once (it takes half a minute a target on sine).
"""

import argparse
import pathlib
import subprocess
import tempfile
import time

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--rows", type=int, default=200)
parser.add_argument("--count", type=int, default=10)
parser.add_argument("--peer-rows", type=int, nargs=3, default=[200, 20, 5], help="arm, ballistics, sine")
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--only", default="")
arguments = parser.parse_args()

import numpy as np
import torch

from inverse_nets import data, forward, layers, module, target
from neural_adjoint import neural_adjoint

torch.set_num_threads(arguments.threads)
folder = data / "inverse-design"
SETTINGS = {"arm": (128, 200), "ballistics": (1000, 300), "sine": (4000, 300)}


def sine(x):
    return (np.sin(3 * np.pi * x[:, 0]) + np.cos(3 * np.pi * x[:, 1]))[:, None]


def arm(x):
    h, a1, a2, a3 = x.T
    angles = [(0.5, a1), (0.5, a2 - a1), (1.0, a3 - a2 - a1)]
    across = sum(length * np.cos(angle) for length, angle in angles)
    up = h + sum(length * np.sin(angle) for length, angle in angles)
    return np.stack([across, up], axis=1)


def ballistics(x):
    """The landing point: X at the descending zero of Y, by bisection after the highest point."""
    g, k, m = 9.81, 0.25, 0.2
    x0, y0, theta, v0 = x[:, 0], x[:, 1], x[:, 2], 15 * x[:, 3]

    def place(t):
        e = np.exp(-k * t / m) - 1
        return (
            x0 - v0 * np.cos(theta) * m / k * e,
            y0 - m / k**2 * ((g * m + v0 * np.sin(theta) * k) * e + g * t * k),
        )

    # Y' = 0 where e^(-kt/m) = gm / (gm + v₀ sin θ k).
    low = np.maximum(0.0, m / k * np.log1p(v0 * np.sin(theta) * k / (g * m)))
    high = low + 1.0
    for _ in range(60):
        high = np.where(place(high)[1] > 0, high * 1.5, high)
    for _ in range(200):
        middle = 0.5 * (low + high)
        above = place(middle)[1] > 0
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return place(0.5 * (low + high))[0][:, None]


SIMULATORS = {"arm": arm, "ballistics": ballistics, "sine": sine}


def ours(task, rows, scratch):
    """Our answers (x and row), evaluations and components a target, seconds."""
    out = scratch / f"{task}.npz"
    subset = scratch / f"{task}.csv"
    subset.write_text("".join((folder / f"{task}_targets.csv").read_text().splitlines(True)[:rows]))
    command = [target / "release" / "points", "design", folder / f"{task}.onnx", subset]
    command += [folder / f"{task}_bounds.csv", str(arguments.count), out]
    subprocess.run(command, check=True, env={"RAYON_NUM_THREADS": str(arguments.threads)})
    return dict(np.load(out))


def describe(name, task, stack, y, x, row, evaluations, seconds):
    """One line: what was reached, by the network and by the simulator."""
    residual = np.abs(forward(stack, x) - y[row]).max(axis=1)
    simulated = ((SIMULATORS[task](x) - y[row]) ** 2).mean(axis=1)
    best, squares = [], {1: [], 10: [], 50: []}
    for r in range(len(y)):
        own = np.flatnonzero(row == r)
        if len(own) == 0:
            continue
        own = own[np.argsort(residual[own], kind="stable")]
        best.append(residual[own[0]])
        for t in squares:
            squares[t].append(simulated[own[:t]].min())
    t = " ".join(f"{np.mean(values):.1e}" for values in squares.values())
    best = np.array(best)
    print(
        f"  {name:15} best |f(x)-y| median {np.median(best):.1e} max {best.max():.1e}"
        f" | simulator mse T=1,10,50: {t} | {evaluations:9.0f} evaluations, {1e3 * seconds:8.2f} ms a target"
    )
    reached = np.full(len(y), np.inf)
    np.minimum.at(reached, row, residual)
    return reached


for index, task in enumerate(("arm", "ballistics", "sine")):
    if arguments.only not in ("", task):
        continue
    model = folder / f"{task}.onnx"
    stack, net = layers(model), module(model)
    bounds = np.loadtxt(folder / f"{task}_bounds.csv", delimiter=",")
    y = np.loadtxt(folder / f"{task}_targets.csv", delimiter=",", ndmin=2)[: arguments.rows]
    y = y.reshape(len(y), -1)
    peer_rows = min(arguments.peer_rows[index], arguments.rows)
    starts, steps = SETTINGS[task]
    print(f"{task}: {len(y)} targets, {arguments.count} answers each; Neural Adjoint {starts} x {steps}, {peer_rows} targets")
    with tempfile.TemporaryDirectory() as scratch:
        rounds = [ours(task, arguments.rows, pathlib.Path(scratch)) for _ in range(arguments.rounds)]
        theirs_x, theirs_row, theirs_seconds = [], [], 0.0
        for r in range(peer_rows):
            start = time.perf_counter()
            x = neural_adjoint(net, y[r], bounds, starts, steps, 50, seed=r)
            theirs_seconds += time.perf_counter() - start
            theirs_x.append(x)
            theirs_row += [r] * len(x)
        rounds.append(ours(task, arguments.rows, pathlib.Path(scratch)))
    answers = rounds[0]
    seconds = min(float(r["seconds"][0]) for r in rounds) / len(y)
    evaluations = answers["evaluations"].mean()
    x, row = answers["x"], answers["row"]
    assert ((bounds[:, 0] <= x) & (x <= bounds[:, 1])).all(), "an answer is outside the bounds"
    reached = describe("netinverse", task, stack, y, x, row, evaluations, seconds)
    if peer_rows == 0:
        theirs = np.full(len(y), np.inf)
    else:
        theirs = describe(
            "Neural Adjoint", task, stack, y[:peer_rows], np.concatenate(theirs_x), np.array(theirs_row),
            2 * starts * steps, theirs_seconds / peer_rows,
        )
        print(
            f"  ratio: evaluations 1/{2 * starts * steps / evaluations:.0f},"
            f" time 1/{theirs_seconds / peer_rows / seconds:.0f}"
        )
    counts = np.bincount(row, minlength=len(y))
    diagonal = np.linalg.norm(bounds[:, 1] - bounds[:, 0])
    apart = min(
        (np.linalg.norm(a - b) for r in range(len(y)) for i, a in enumerate(x[row == r]) for b in x[row == r][:i]),
        default=np.inf,
    )
    components = answers["components"]
    print(
        f"  solved to 1e-10: {(reached <= 1e-10).sum()} of {len(y)}; {arguments.count} answers: {(counts == arguments.count).sum()},"
        f" fewest {counts.min()}; least distance {apart:.3f} (separation {0.05 * diagonal:.3f});"
        f" components: mean {components.mean():.1f}, most {components.max()}"
    )
    reachable = np.zeros(len(y), bool)
    reachable[:peer_rows] = theirs[:peer_rows] <= 1e-6
    if task == "sine":
        # A value between two of a fine grid is taken between them: f is continuous.
        side = np.linspace(-1, 1, 401)
        grid = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
        values = net(torch.tensor(grid, dtype=torch.float32)).double().numpy()
        reachable |= (values.min() <= y[:, 0]) & (y[:, 0] <= values.max())
        print(f"  grid: values from {values.min():.4f} to {values.max():.4f}")
    missed = np.flatnonzero(reachable & (reached > 1e-10))
    print(f"  reached by the peer (to 1e-6) or the grid: {reachable.sum()}; of these missed by ours: {len(missed)} {missed}")
