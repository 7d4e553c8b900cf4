#!/usr/bin/env python3
"""Compares netinverse's values with ONNX Runtime's, on the models as they were and as netinverse writes them.

    python tools/compare_onnxruntime.py DIR

DIR is what `acceptance networks --out DIR` writes: manifest.json, and for each network its points and our
values (.npz: x, y) and the model as we write it (.onnx). Needs numpy, onnx and onnxruntime.

For each network, differences relative to the largest |output| over all points:
  ours        our values against the original model in ONNX Runtime, one point a run  (limit 1e-4)
  written     the model that we wrote against the original, one point a run           (limit 1e-5)
  batched     the model that we wrote, all points in one run, against one a run       (limit 1e-5),
              where its leading axis is symbolic
A network without an original (made by the library) is compared with the model that we wrote.
Every model that we wrote must pass onnx.checker.check_model(full_check=True).
Exit status: 0 all within the limits, 1 not, 2 bad arguments.
"""

import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime

OURS_LIMIT = 1e-4
WRITTEN_LIMIT = 1e-5
TYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64}


def session(path):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def feeds(own, ports, x):
    """The inputs of a session for rows x: one row in the shapes of one sample, or all along the leading axis."""
    types = {declared.name: TYPES[declared.type] for declared in own.get_inputs()}
    result, start = {}, 0
    for port in ports:
        size = int(np.prod(port["shape"], dtype=np.int64))
        shape = list(port["shape"])
        if len(x) != 1:
            shape[0] = len(x)
        if port["name"] in types:  # an input that nothing reads may be missing
            part = x[:, start : start + size]
            result[port["name"]] = np.ascontiguousarray(part.reshape(shape), dtype=types[port["name"]])
        start += size
    return result


def evaluate(own, entry, x):
    """The outputs for each row of x, side by side, in float64."""
    names = [port["name"] for port in entry["outputs"]]
    outputs = own.run(names, feeds(own, entry["inputs"], x))
    return np.concatenate([np.asarray(value, np.float64).reshape(len(x), -1) for value in outputs], axis=1)


def by_row(own, entry, x):
    return np.concatenate([evaluate(own, entry, row[None, :]) for row in x])


def compare(folder, entry):
    """The three differences (None where there is nothing to compare) and what else is wrong."""
    data = np.load(folder / entry["data"])
    x, ours = data["x"], data["y"].astype(np.float64)
    written_path = folder / entry["written"]
    onnx.checker.check_model(onnx.load(written_path), full_check=True)
    written_session = session(written_path)
    written = by_row(written_session, entry, x)
    original = by_row(session(entry["original"]), entry, x) if entry["original"] else None
    reference = written if original is None else original
    scale = max(np.max(np.abs(reference)), np.finfo(np.float32).tiny)

    def difference(a, b):
        return float(np.max(np.abs(a - b)) / scale)

    batched = None
    if any(isinstance(declared.shape[0], str) for declared in written_session.get_inputs() if declared.shape):
        batched = difference(evaluate(written_session, entry, x), written)
    return difference(ours, reference), None if original is None else difference(written, original), batched


def main(arguments):
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    folder = pathlib.Path(arguments[0])
    entries = json.loads((folder / "manifest.json").read_text())
    print(f"ONNX Runtime {onnxruntime.__version__}, onnx {onnx.__version__}")
    print(f"{'network':>44} {'ours':>9} {'written':>9} {'batched':>9}")
    passed, worst = True, [0.0, 0.0, 0.0]
    for entry in entries:
        try:
            differences = compare(folder, entry)
        except Exception as error:  # whatever ONNX Runtime or the checker says is the finding
            passed = False
            print(f"{entry['name']:>44} FAIL: {' '.join(str(error).split())[:300]}")
            continue
        limits = (OURS_LIMIT, WRITTEN_LIMIT, WRITTEN_LIMIT)
        good = all(d is None or d <= limit for d, limit in zip(differences, limits))
        passed &= good
        worst = [max(w, d or 0.0) for w, d in zip(worst, differences)]
        cells = " ".join(f"{'-':>9}" if d is None else f"{d:9.1e}" for d in differences)
        print(f"{entry['name']:>44} {cells}{'' if good else '  FAIL'}")
    print(f"largest: ours {worst[0]:.1e} (limit {OURS_LIMIT:.0e}), written {worst[1]:.1e} and "
          f"batched {worst[2]:.1e} (limit {WRITTEN_LIMIT:.0e})")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
