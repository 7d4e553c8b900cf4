"""Verdicts of `netinverse verify`, whole processes, one line an instance.

    python3 benches/verify.py acasxu [--binary target/release/netinverse] [--data DIR] [--threads N] [--only TEXT]
    python3 benches/verify.py mnistfc [--timeout 60] [--nnenum FOLDER --nnenum-python PYTHON] [--crown FOLDER --crown-python PYTHON]

`acasxu`: properties 1 to 4 on the 45 networks, against the verdicts in expected.csv; PASS where every verdict is right, all
take under 60 s together and none over 10 s. `mnistfc`: the ten robustness specifications on the three networks.
Wall time, and processor time (user and system) of the process, which other work on the machine changes less.
Witnesses are evaluated again with ONNX Runtime where it can be imported.

`--nnenum`: a checkout of nnenum, run on each instance right after ours with the same timeout, by a Python that has what it needs
(onnx below 1.17, onnxruntime 1.19, swiglpk, skl2onnx). A verdict that differs from ours is counted.
`--crown`: the same for alpha-beta-CROWN, on processors, without Gurobi (branch and bound instead of its mixed integer programs). FOLDER is
its `complete_verifier`, with auto_LiRPA in it; where onnx2pytorch is PyPI's, the argument `quirks` in `load_model.py` must go.
"""

import argparse
import csv
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

try:
    import numpy
    import onnxruntime
except ImportError:
    onnxruntime = None


def children():
    times = os.times()
    return times.children_user + times.children_system


def run(binary, model, query, timeout, threads):
    command = [binary, "verify", str(query), "--network", str(model), "--timeout", str(timeout), "-v"]
    if threads:
        command += ["--threads", str(threads)]
    start, before = time.monotonic(), children()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wall, processor = time.monotonic() - start, children() - before
    lines = done.stdout.splitlines()
    verdict = lines[0] if lines else "error"
    boxes = re.search(r"(\d+) boxes", done.stderr)
    if not lines:
        print(done.stderr, file=sys.stderr)
    return verdict, "\n".join(lines[1:]), int(boxes.group(1)) if boxes else 0, wall, processor


def run_nnenum(folder, python, model, query, timeout):
    """Its verdict in our words, and its wall time."""
    with tempfile.TemporaryDirectory() as scratch:
        written = pathlib.Path(scratch) / "verdict"
        # One thread a process, as its authors run it: it has a process a core.
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        command = [python, "-m", "nnenum.nnenum", str(model.resolve()), str(query.resolve()), str(timeout), str(written)]
        start = time.monotonic()
        try:
            subprocess.run(command, cwd=pathlib.Path(folder) / "src", env=environment, capture_output=True,
                           timeout=timeout + 30, check=False)
            word = written.read_text(encoding="utf-8").split("\n")[0].strip() if written.exists() else "error"
        except subprocess.TimeoutExpired:
            word = "timeout"
    return {"holds": "unsat", "violated": "sat"}.get(word, word), time.monotonic() - start


# Its settings for these networks in VNN-COMP 2022, without Gurobi, and batches of a size for processors.
CROWN = """
general: {device: cpu, complete_verifier: bab, enable_incomplete_verification: true, save_adv_example: false}
model: {input_shape: [-1, 784, 1]}
solver: {batch_size: 256, alpha-crown: {iteration: 100}, beta-crown: {iteration: 20, lr_beta: 0.03}}
bab: {branching: {candidates: 5, reduceop: max}}
attack: {attack_mode: diversed_PGD, pgd_restarts: 100}
"""


def run_crown(folder, python, model, query, timeout):
    """Its verdict, and its wall time."""
    with tempfile.TemporaryDirectory() as scratch:
        settings = pathlib.Path(scratch) / "settings.yaml"
        settings.write_text(CROWN, encoding="utf-8")
        command = [python, "abcrown.py", "--config", str(settings), "--onnx_path", str(model.resolve())]
        command += ["--vnnlib_path", str(query.resolve()), "--timeout", str(timeout)]
        start = time.monotonic()
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=timeout + 30, check=False)
            word = re.findall(r"^Result: ([\w-]+)", done.stdout, re.MULTILINE)
            word = word[-1] if word else "error"
        except subprocess.TimeoutExpired:
            word = "timeout"
    return word, time.monotonic() - start


class Peer:
    """Another verifier, and what it came to."""

    def __init__(self, name, run, folder, python):
        self.name, self.run, self.folder, self.python = name, run, folder, python
        self.total, self.counts, self.contradictions, self.both = 0.0, {}, 0, [0.0, 0.0]

    def beside(self, model, query, timeout, verdict, wall):
        theirs, own_wall = self.run(self.folder, self.python, model, query, timeout)
        decided = ("sat", "unsat")
        self.total += own_wall
        self.counts[theirs] = self.counts.get(theirs, 0) + 1
        if theirs in decided and verdict in decided:
            self.contradictions += theirs != verdict
            self.both = [self.both[0] + wall, self.both[1] + own_wall]
        return f" | {self.name} {theirs:8} {own_wall:7.2f} s"

    def summary(self):
        ours, theirs = self.both
        ratio = theirs / ours if ours > 0 else float("nan")
        return (f"{self.name}: {self.counts}; {self.total:.1f} s wall; where both decide ours takes {ours:.1f} s, "
                f"{self.name} {theirs:.1f} s ({ratio:.1f} times); {self.contradictions} contradictions")


def replay(model, query, assignment):
    """Whether the witness holds in single precision, in ONNX Runtime: None where that is not at hand."""
    if onnxruntime is None:
        return None
    values = dict(re.findall(r"\((\w+) ([^)]+)\)", assignment))
    x = numpy.array([float(values[f"X_{i}"]) for i in range(sum(k.startswith("X_") for k in values))], numpy.float32)
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    node = session.get_inputs()[0]
    shape = [size if isinstance(size, int) else 1 for size in node.shape]
    y = session.run(None, {node.name: x.reshape(shape)})[0].ravel()
    return [float(v) for v in y]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("suite", choices=["acasxu", "mnistfc"])
    parser.add_argument("--binary", default="target/release/netinverse")
    parser.add_argument("--data", default=os.environ.get("NETINVERSE_DATA"))
    parser.add_argument("--threads", type=int)
    parser.add_argument("--timeout", type=float, default=60)
    parser.add_argument("--only", default="")
    parser.add_argument("--nnenum", help="a checkout of the peer")
    parser.add_argument("--nnenum-python", default=sys.executable)
    parser.add_argument("--crown", help="the folder `complete_verifier` of the peer")
    parser.add_argument("--crown-python", default=sys.executable)
    options = parser.parse_args()
    if not options.data:
        sys.exit("give the folder of networks: --data DIR or NETINVERSE_DATA")
    folder = pathlib.Path(options.data) / options.suite
    if options.suite == "acasxu":
        with open(folder / "expected.csv", encoding="utf-8") as file:
            rows = [(r["network"], r["property"], r["verdict"]) for r in csv.DictReader(file)]
        instances = [(folder / name, folder / prop, verdict) for name, prop, verdict in rows]
    else:
        instances = [
            (model, query, None)
            for model in sorted(folder.glob("*.onnx"))
            for query in sorted(folder.glob("*.vnnlib"))
        ]
    instances = [i for i in instances if options.only in f"{i[0].stem} {i[1].stem}"]
    wrong, total, slowest, processor_total, counts = 0, 0.0, (0.0, ""), 0.0, {}
    peers = []
    if options.nnenum:
        peers.append(Peer("nnenum", run_nnenum, options.nnenum, options.nnenum_python))
    if options.crown:
        peers.append(Peer("alpha-beta-CROWN", run_crown, options.crown, options.crown_python))
    for model, query, expected in instances:
        verdict, assignment, boxes, wall, processor = run(
            options.binary, model, query, options.timeout, options.threads
        )
        right = expected is None or verdict == expected
        wrong += not right
        total += wall
        processor_total += processor
        counts[verdict] = counts.get(verdict, 0) + 1
        name = f"{model.stem} {query.stem}"
        slowest = max(slowest, (wall, name))
        again = ""
        if verdict == "sat":
            y = replay(model, query, assignment)
            again = "" if y is None else " ort " + " ".join(f"{v:.6g}" for v in y)
        mark = "" if right else f"   WRONG: {expected}"
        peer = "".join(peer.beside(model, query, options.timeout, verdict, wall) for peer in peers)
        print(f"{name:48} {verdict:10} {boxes:9} boxes {wall:7.2f} s wall {processor:7.2f} s cpu{again}{mark}{peer}", flush=True)
    print(f"{len(instances)} instances: {counts}; {total:.1f} s wall, {processor_total:.1f} s cpu, "
          f"slowest {slowest[0]:.2f} s ({slowest[1]}), {wrong} wrong")
    for peer in peers:
        print(peer.summary())
    if options.suite == "acasxu":
        passed = wrong == 0 and total < 60 and slowest[0] < 10
        print("PASS" if passed else "FAIL")
        sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
