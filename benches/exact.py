"""Exact preimages: the tasks of PREMAP, growth on random networks, the complete preimage of the sine surrogate's values.

    NETINVERSE_DATA=DIR python3 benches/exact.py tasks      # seconds, regions, volume; beside a grid count with its error bar
    python3 benches/exact.py growth [--svg docs/guide/exact_growth.svg]   # inputs, width, depth
    NETINVERSE_DATA=DIR python3 benches/exact.py sine [--targets 50]      # all segments, confirmed by a fine grid

Needs numpy and onnx (growth writes its networks with onnx). Peers are not run: their published scales are quoted.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# task, network, input box (rows lo, hi), rows c with c·y >= 0
TASKS = [
    ("auto_park", "auto_park", [(-0.5, 0.5)] * 2, 0),
    ("vcas", "vcas_1", [(-0.5, 0.5)] * 2 + [(0.149, 0.151), (-0.5, 0.5)], 0),
    ("vcas", "vcas_2", [(-0.5, 0.5)] * 2 + [(0.149, 0.151), (-0.5, 0.5)], 0),
    ("vcas", "vcas_3", [(-0.5, 0.5)] * 2 + [(0.149, 0.151), (-0.5, 0.5)], 0),
    ("cartpole", "cartpole", [(-1, 1), (0, 2), (-0.2, 0), (-2, -1)], 0),
    ("cartpole_hard", "cartpole", [(-1, 1), (0, 2), (-0.2, 0), (-2, 0)], 0),
]


def run(binary, *arguments):
    start = time.perf_counter()
    done = subprocess.run([binary, "preimage", *arguments], stdout=subprocess.PIPE, check=False)
    return done, time.perf_counter() - start


def load(path):
    """The layers of a network of dense maps, batch normalisation and ReLU, in f64: an evaluation of our own."""
    graph = onnx.load(path).graph
    known = {tensor.name: numpy_helper.to_array(tensor).astype(np.float64) for tensor in graph.initializer}
    steps = []
    for node in graph.node:
        weights = [known[name] for name in node.input if name in known]
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type in ("Gemm", "MatMul"):
            # A matrix before the value multiplies a column.
            turned = attributes.get("transB") or node.input[0] in known
            weight = weights[0].T if turned else weights[0]
            steps.append(("affine", weight, weights[1] if len(weights) > 1 else 0.0))
        elif node.op_type == "Add":
            steps.append(("affine", None, weights[0].ravel()))
        elif node.op_type == "BatchNormalization":
            scale, shift, mean, variance = weights
            factor = scale / np.sqrt(variance + attributes.get("epsilon", 1e-5))
            steps.append(("scale", factor, shift - mean * factor))
        elif node.op_type == "Relu":
            steps.append(("relu",))
        elif node.op_type not in ("Flatten", "Reshape"):
            raise SystemExit(f"{path}: {node.op_type} is not known here")

    def evaluate(x):
        for kind, *arguments in steps:
            if kind == "relu":
                x = np.maximum(x, 0.0)
            elif kind == "scale":
                x = x * arguments[0] + arguments[1]
            else:
                x = (x if arguments[0] is None else x @ arguments[0]) + arguments[1]
        return x

    return evaluate


def tasks(options):
    print("| task | network | s | linear regions | polytopes | V exactly | grid count | ± | paving |")
    print("|---|---|---|---|---|---|---|---|---|")
    for task, network, box, label in TASKS:
        model = os.path.join(options.data, "premap", network + ".onnx")
        spec = os.path.join(options.data, "premap", task + ".vnnlib")
        timed = [run(options.binary, model, "--spec", spec, "--exact") for _ in range(options.rounds)]
        seconds = min(seconds for _, seconds in timed)
        done, _ = run(options.binary, model, "--spec", spec, "--exact", "--format", "json")
        answer = json.loads(done.stdout)
        paved = json.loads(run(options.binary, model, "--spec", spec, "--format", "json")[0].stdout)
        low, high = answer["volume"]["lower"], answer["volume"]["upper"]
        between = paved["volume"]["lower"] <= low and high <= paved["volume"]["upper"]
        # One random point in each cell of a regular grid: the error bar is that of plain sampling, which is wider.
        evaluate = load(model)
        free = len(box)
        side = round(options.points ** (1 / free))
        rng = np.random.default_rng(1)
        inside = total = 0
        lower, upper = np.array(box, dtype=float).T
        index = np.arange(side**free)
        for part in np.array_split(index, max(1, len(index) // 200_000)):
            cell = np.stack([part // side**k % side for k in range(free)], axis=1)
            x = lower + (cell + rng.random(cell.shape)) / side * (upper - lower)
            y = evaluate(x)
            inside += int((y[:, label : label + 1] >= y).all(axis=1).sum())
            total += len(part)
        share = inside / total
        volume = float(np.prod(upper - lower))
        bar = 2.6 * volume * (share * (1 - share) / total) ** 0.5
        agrees = abs(share * volume - low) <= bar
        print(
            f"| {task} | {network} | {seconds:.3f} | {answer['regions']} | {answer['pieces']} "
            f"| {low!r} to {high!r} | {share * volume:.6g}{'' if agrees else ' DISAGREES'} | {bar:.1e} "
            f"| {'contains it' if between else 'DISAGREES'} |",
            flush=True,
        )


def random_network(path, sizes, seed):
    rng = np.random.default_rng(seed)
    nodes, initializers, value = [], [], "x"
    for k, (n, m) in enumerate(zip(sizes, sizes[1:])):
        weight = (rng.standard_normal((n, m)) * (2 / n) ** 0.5).astype(np.float32)
        bias = (rng.standard_normal(m) * 0.3).astype(np.float32)
        initializers += [numpy_helper.from_array(weight, f"W{k}"), numpy_helper.from_array(bias, f"b{k}")]
        nodes.append(helper.make_node("Gemm", [value, f"W{k}", f"b{k}"], [f"z{k}"]))
        value = f"z{k}"
        if k + 2 < len(sizes):
            nodes.append(helper.make_node("Relu", [value], [f"h{k}"]))
            value = f"h{k}"
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, sizes[0]])
    y = helper.make_tensor_value_info(value, TensorProto.FLOAT, [1, sizes[-1]])
    graph = helper.make_graph(nodes, "random", [x], [y], initializers)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)


def growth(options):
    """Random He-initialised ReLU networks on [-1, 1]^n, y0 the larger of two outputs; all regions of the box, and the preimage."""
    series = {
        "inputs (width 16, one layer)": [(n, [n, 16, 2]) for n in range(1, 7)],
        "width (2 inputs, two layers)": [(w, [2, w, w, 2]) for w in (8, 16, 32, 64, 128, 256)],
        "width (3 inputs, two layers)": [(w, [3, w, w, 2]) for w in (8, 16, 32, 64)],
        "depth (2 inputs, width 32)": [(d, [2] + [32] * d + [2]) for d in (1, 2, 3, 4, 6, 8)],
        "depth (3 inputs, width 16)": [(d, [3] + [16] * d + [2]) for d in (1, 2, 3, 4, 6)],
    }
    measured = {}
    print("| series | | all regions of the box | s | regions in the preimage | s | polytopes |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, points in series.items():
            for at, sizes in points:
                rows = []
                for seed in range(options.seeds):
                    path = os.path.join(folder, "net.onnx")
                    random_network(path, sizes, seed)
                    box = ["--bounds", "-1,1", "--time-limit", "60", "--format", "json"]
                    whole, s_all = run(options.binary, path, "--regions", *box)
                    own, s_own = run(options.binary, path, "--exact", "--class", "0", *box)
                    whole, own = json.loads(whole.stdout), json.loads(own.stdout)
                    if whole["status"] == "partial" or own["status"] == "partial":
                        continue
                    rows.append((whole["regions"], s_all, own["regions"], s_own, own["pieces"]))
                if not rows:
                    continue
                middle = np.median(np.array(rows, dtype=float), axis=0)
                measured.setdefault(name, []).append((at, middle[0], middle[1], middle[3]))
                print(
                    f"| {name} | {at} | {middle[0]:.0f} | {middle[1]:.3f} | {middle[2]:.0f} | {middle[3]:.3f} "
                    f"| {middle[4]:.0f} |",
                    flush=True,
                )
    if options.svg:
        draw(measured, options.svg)


def draw(measured, path):
    """Seconds of the whole process over the number of linear regions, both logarithmic, a line for each series."""
    size, left, top = 420, 70, 20
    points = [(r, s) for rows in measured.values() for _, r, s, _ in rows]
    lo_x, hi_x = 0.0, max(np.log10(r) for r, _ in points) * 1.05
    lo_y, hi_y = min(np.log10(s) for _, s in points) - 0.1, max(np.log10(s) for _, s in points) + 0.1
    place = lambda r, s: (
        left + size * (np.log10(max(r, 1)) - lo_x) / (hi_x - lo_x),
        top + size * (1 - (np.log10(s) - lo_y) / (hi_y - lo_y)),
    )
    colours = ["#2b6cb0", "#c05621", "#2f855a", "#97266d", "#5a67d8"]
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + size + 20} {top + size + 150}" role="img" '
        'aria-label="seconds over linear regions">',
        "<style>svg{background:#fff;font:12px system-ui,sans-serif}text{fill:#333}.grid{stroke:#ddd}"
        "@media(prefers-color-scheme:dark){svg{background:#16181d}text{fill:#ddd}.grid{stroke:#333}}</style>",
    ]
    for power in range(int(np.floor(hi_x)) + 1):
        x, _ = place(10.0**power, 10**lo_y)
        out.append(f'<line class="grid" x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{top + size}"/>')
        out.append(f'<text x="{x:.1f}" y="{top + size + 16}" text-anchor="middle">10^{power}</text>')
    for power in range(int(np.ceil(lo_y)), int(np.floor(hi_y)) + 1):
        _, y = place(1, 10.0**power)
        out.append(f'<line class="grid" x1="{left}" y1="{y:.1f}" x2="{left + size}" y2="{y:.1f}"/>')
        out.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">10^{power} s</text>')
    for k, (name, rows) in enumerate(measured.items()):
        line = [place(r, s) for _, r, s, _ in rows]
        text = " ".join(f"{x:.1f},{y:.1f}" for x, y in line)
        out.append(f'<polyline points="{text}" fill="none" stroke="{colours[k]}" stroke-width="1.8"/>')
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.6" fill="{colours[k]}"/>' for x, y in line]
        y = top + size + 56 + 17 * k
        out.append(f'<rect x="{left}" y="{y - 9}" width="14" height="3" fill="{colours[k]}"/>')
        out.append(f'<text x="{left + 22}" y="{y - 3}">{name}</text>')
    out.append(f'<text x="{left + size / 2}" y="{top + size + 34}" text-anchor="middle">linear regions in the box</text>')
    with open(path, "w") as file:
        file.write("\n".join(out) + "\n</svg>\n")


def sine(options):
    folder = os.path.join(options.data, "inverse-design")
    model = os.path.join(folder, "sine.onnx")
    evaluate = load(model)
    side = options.grid
    axis = np.linspace(-1, 1, side)
    x, y = np.meshgrid(axis, axis, indexing="ij")
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    values = np.concatenate([evaluate(part)[:, 0] for part in np.array_split(points, 40)]).reshape(side, side)
    with open(os.path.join(folder, "sine_targets.csv")) as file:
        targets = [line.strip() for line in file][: options.targets]
    spent, worst, missed, counts = [], 0.0, 0, []
    for row, target in enumerate(targets):
        done, seconds = run(options.binary, model, "--target", target, "--bounds", "-1,1", "--format", "json")
        answer = json.loads(done.stdout)
        spent.append(seconds)
        segments = [p["vertices"] for p in answer["polytopes"] if p["dimension"] == 1 and p["certain"]]
        counts.append(len(segments))
        gap = values - float(target)
        # Cells of the grid in which f - y changes its sign: each must be met by a segment (or one next to it, by rounding).
        corners = np.stack([gap[:-1, :-1], gap[1:, :-1], gap[:-1, 1:], gap[1:, 1:]])
        crossed = (corners.min(axis=0) < 0) & (corners.max(axis=0) > 0)
        met = np.zeros_like(crossed)
        step = 2 / (side - 1)
        for a, b in segments:
            a, b = np.array(a), np.array(b)
            count = int(np.ceil(4 * np.abs(b - a).max() / step)) + 2
            on = a + np.linspace(0, 1, count)[:, None] * (b - a)
            cell = np.clip(((on + 1) / step).astype(int), 0, side - 2)
            met[cell[:, 0], cell[:, 1]] = True
        wide = met.copy()
        for dx in (-1, 0, 1):
            for dy in (-1, 0, 1):
                wide |= np.roll(np.roll(met, dx, 0), dy, 1)
        missed += int((crossed & ~wide).sum())
        ends = np.array([p for segment in segments for p in segment] + [np.mean(s, axis=0) for s in segments])
        if len(ends):
            worst = max(worst, float(np.abs(evaluate(ends)[:, 0] - float(target)).max()))
        doubtful = sum(not p["certain"] for p in answer["polytopes"])
        print(f"{row}: y = {target}: {len(segments)} segments, {doubtful} doubtful, {int(crossed.sum())} cells, {seconds:.1f} s", flush=True)
    print(
        f"{len(targets)} targets: median {np.median(spent):.2f} s, segments median {np.median(counts):.0f}; "
        f"crossed cells without a segment: {missed}; largest |f - y| on segments {worst:.1e}"
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["tasks", "growth", "sine"])
    parser.add_argument("--data", default=os.environ.get("NETINVERSE_DATA"))
    parser.add_argument("--binary", default="target/release/netinverse")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--points", type=int, default=4_000_000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--targets", type=int, default=50)
    parser.add_argument("--grid", type=int, default=1501)
    parser.add_argument("--svg")
    options = parser.parse_args()
    {"tasks": tasks, "growth": growth, "sine": sine}[options.what](options)


if __name__ == "__main__":
    main()
