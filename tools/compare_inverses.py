#!/usr/bin/env python3
"""Round trips through ONNX Runtime of networks and the inverses that netinverse built of them.

    tools/compare_inverses.py DIR

DIR has `manifest.json`, as `cargo run --release -p acceptance -- flows` writes it: a list of entries with `name`, `network` and `inverse`
(ONNX files), `limit` (the largest relative error allowed), and `points` (an .npz with `x`, one row a point, all inputs side by side).
Every file must pass onnx.checker. Points go through f, then g, then f again, one batch where the leading axes are symbolic; where ONNX
Runtime has no kernel (Conv in float64), `y` of the .npz stands in for f. Prints a line for each entry; status 1 if one is over its limit.
"""
import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime

TYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64}


def session(path):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        if "NOT_IMPLEMENTED" in str(error) or "Could not find an implementation" in str(error):
            return None
        raise


def run(network, values):
    """values: one array a name, a row a point; the same of the outputs."""
    ports = network.get_inputs()
    rows = len(next(iter(values.values())))
    symbolic = all(port.shape and not isinstance(port.shape[0], int) for port in ports)
    outputs = [port.name for port in network.get_outputs()]

    def once(part, count):
        feed = {}
        for port in ports:
            shape = [size if isinstance(size, int) else 1 for size in port.shape]
            if symbolic:
                shape[0] = count
            feed[port.name] = part[port.name].astype(TYPES[port.type]).reshape(shape)
        return network.run(outputs, feed)

    if symbolic:
        made = once(values, rows)
        if all(len(part) == rows for part in made if part.ndim):
            return {name: part.reshape(rows, -1) for name, part in zip(outputs, made)}
    made = [once({name: value[i : i + 1] for name, value in values.items()}, 1) for i in range(rows)]
    return {name: np.stack([one[k].reshape(-1) for one in made]) for k, name in enumerate(outputs)}


def split(ports, rows):
    """Rows of numbers, side by side in the order of the ports, one array a name."""
    parts, start = {}, 0
    for port in ports:
        size = int(np.prod([size if isinstance(size, int) else 1 for size in port.shape]))
        parts[port.name] = rows[:, start : start + size]
        start += size
    return parts


def error(wanted, found):
    wanted, found = wanted.astype(np.float64), found.astype(np.float64)
    worst = np.abs(wanted - found).max(axis=1) / np.maximum(np.abs(wanted).max(axis=1), np.finfo(np.float64).tiny)
    return float("inf") if np.isnan(worst).any() else float(worst.max())


def check(entry, folder):
    for key in ("network", "inverse"):
        onnx.checker.check_model(str(folder / entry[key]), full_check=True)
    points = np.load(folder / entry["points"])
    f, g = session(folder / entry["network"]), session(folder / entry["inverse"])
    if g is None:
        return None, None, "no kernels"
    names = [port.name for port in g.get_inputs()]
    given = [port.name for port in g.get_outputs()]
    if f is None:
        # f's outputs as we compute them.
        own = split(g.get_inputs(), points["y"])
        x = {name: points["x"] for name in given} if len(given) == 1 else None
        found = run(g, own)
        return max(error(x[name], found[name]) for name in given), None, "f by netinverse"
    x = split(f.get_inputs(), points["x"])
    y = run(f, x)
    taken = {name: y[name] if name in y else x[name] for name in names}
    found = run(g, taken)
    again = run(f, {**x, **found})
    used = [name for name in names if name in y]
    return max(error(x[name], found[name]) for name in given), max(error(y[name], again[name]) for name in used), ""


def main():
    folder = pathlib.Path(sys.argv[1])
    failed = 0
    for entry in json.loads((folder / "manifest.json").read_text()):
        try:
            g_of_f, f_of_g, note = check(entry, folder)
        except Exception as problem:
            print(f"{entry['name']:32} {str(problem).splitlines()[0][:200]}")
            failed += 1
            continue
        if g_of_f is None:
            print(f"{entry['name']:32} {note}")
            continue
        # A section does not give x back, but its outputs are f's.
        judged = g_of_f if entry["exact"] else f_of_g
        over = judged is not None and not judged <= entry["limit"]
        failed += over
        text = f"g(f(x)) {g_of_f:8.1e}" + ("" if f_of_g is None else f"  f(g(y)) {f_of_g:8.1e}")
        print(f"{entry['name']:32} {text}  limit {entry['limit']:.0e} {note}{'  OVER' if over else ''}")
    print(f"{failed} over their limits or not run")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
