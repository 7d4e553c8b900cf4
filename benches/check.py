"""Answers of `netinverse preimage`, `verify -o` and `invert --certify --proof`, checked: verdicts, and seconds of the check beside those of production.

    NETINVERSE_DATA=DIR python3 benches/check.py preimage [--binary target/release/netinverse] [--limit 30]
    NETINVERSE_DATA=DIR python3 benches/check.py exact [--only vcas] [--targets 2]      # 2: values of the sine surrogate too
    NETINVERSE_DATA=DIR python3 benches/check.py acasxu [--every 1] [--only TEXT]
    NETINVERSE_DATA=DIR python3 benches/check.py mnistfc [--only 256x2] [--timeout 60]
    NETINVERSE_DATA=DIR python3 benches/check.py certify [--only "256x2 linf"] [--digits 10]

Whole processes, one after the other on the same cores. PASS where every answer is confirmed, in at most five times its production time
(or a quarter of a second, below which starting up is what is measured).
"""

import argparse
import csv
import itertools
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

# task, network, coverage
TASKS = [
    ("auto_park", "auto_park", 0.95),
    ("vcas", "vcas_1", 0.90),
    ("vcas", "vcas_2", 0.90),
    ("vcas", "vcas_3", 0.90),
    ("cartpole", "cartpole", 0.95),
    ("cartpole_hard", "cartpole", 0.95),
    ("lunarlander", "lunarlander", 0.90),
    ("lunarlander_hard", "lunarlander", 0.90),
    ("dubinsrejoin", "dubinsrejoin", 0.75),
]

# Too many inputs for every linear region.
LARGE = {"lunarlander", "dubinsrejoin"}

# network, norm
DISTANCES = [("256x2", "linf"), ("256x4", "linf"), ("256x2", "l2")]


def run(command):
    start = time.perf_counter()
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    return done, time.perf_counter() - start


def produce_preimages(options, folder, exact=False):
    data = pathlib.Path(options.data) / "premap"
    for task, network, coverage in TASKS:
        if options.only and options.only not in f"{task} {network}" or exact and network in LARGE:
            continue
        answer = folder / f"{task}-{network}.preimage"
        model, spec = data / f"{network}.onnx", data / f"{task}.vnnlib"
        command = [options.binary, "preimage", model, "--spec", spec]
        command += ["--exact"] if exact else ["--coverage", coverage, "--time-limit", options.limit]
        _, seconds = run(command + ["-o", answer])
        yield f"{task} {network}", answer, model, spec, seconds


def produce_values(options, folder):
    """All inputs with some values of the sine surrogate."""
    data = pathlib.Path(options.data) / "inverse-design"
    targets = (data / "sine_targets.csv").read_text(encoding="utf-8").split()
    for row, target in enumerate(targets[: options.targets]):
        if options.only not in f"sine {row}":
            continue
        answer, model = folder / f"sine-{row}.preimage", data / "sine.onnx"
        command = [options.binary, "preimage", model, f"--target={target}", "--bounds", data / "sine_bounds.csv"]
        _, seconds = run(command + ["-o", answer])
        # The question is the value, which the answer states.
        yield f"sine {row} y = {target}", answer, model, None, seconds


def produce_proofs(options, folder, suite):
    data = pathlib.Path(options.data) / suite
    if suite == "acasxu":
        with open(data / "expected.csv", encoding="utf-8") as file:
            rows = [(data / r["network"], data / r["property"]) for r in csv.DictReader(file)]
    else:
        rows = [(m, q) for m in sorted(data.glob("*.onnx")) for q in sorted(data.glob("*.vnnlib"))]
    rows = [row for row in rows if options.only in f"{row[0].stem} {row[1].stem}"]
    for model, query in rows[:: options.every]:
        answer = folder / "proof.jsonl"
        answer.unlink(missing_ok=True)
        command = [options.binary, "verify", query, "--network", model, "--timeout", options.timeout, "-o", answer]
        done, seconds = run(command)
        verdict = done.stdout.split("\n", 1)[0]
        yield f"{model.stem} {query.stem} {verdict}", answer, model, query, seconds


def produce_distances(options, folder):
    data = pathlib.Path(options.data)
    for network, norm in DISTANCES:
        for digit in range(options.digits):
            if options.only not in f"{network} {norm} {digit}":
                continue
            answer = folder / "proof.jsonl"
            answer.unlink(missing_ok=True)
            model = data / f"mnistfc/mnist-net_{network}.onnx"
            command = [options.binary, "invert", model, "--class", "other", "--bounds", "0,1", "--norm", norm, "--certify"]
            command += ["--near", data / "mnist/t10k-images-idx3-ubyte.gz", "--rows", f"{digit}..{digit + 1}"]
            _, seconds = run(command + ["--proof", answer])
            # The question is another class than that of the digit, which the proof states in rows.
            yield f"{network} {norm} digit {digit}", answer, model, None, seconds


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("suite", choices=["preimage", "exact", "acasxu", "mnistfc", "certify"])
    parser.add_argument("--data", default=os.environ.get("NETINVERSE_DATA"))
    parser.add_argument("--binary", default="target/release/netinverse")
    parser.add_argument("--limit", default="30", help="seconds for each paving")
    parser.add_argument("--timeout", default="60", help="seconds for each proof")
    parser.add_argument("--every", type=int, default=1, help="take every so manieth instance")
    parser.add_argument("--only", default="")
    parser.add_argument("--targets", type=int, default=0, help="values of the sine surrogate, for exact")
    parser.add_argument("--digits", type=int, default=10, help="MNIST test digits, for certify")
    options = parser.parse_args()
    if not options.data:
        sys.exit("give the folder of networks: --data DIR or NETINVERSE_DATA")
    counts, slow, sums = {}, 0, [0.0, 0.0]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        if options.suite in ("preimage", "exact"):
            answers = produce_preimages(options, folder, options.suite == "exact")
            if options.suite == "exact":
                answers = itertools.chain(answers, produce_values(options, folder))
        elif options.suite == "certify":
            answers = produce_distances(options, folder)
        else:
            answers = produce_proofs(options, folder, options.suite)
        for label, answer, model, spec, produced in answers:
            if not answer.exists():
                print(f"{label:48} no answer", flush=True)
                continue
            command = [options.binary, "check", answer, "--model", model, "--format", "json"]
            command += [] if spec is None else ["--spec", spec]
            done, seconds = run(command)
            report = json.loads(done.stdout) if done.stdout else {"verdict": "error", "why": done.stderr.strip()}
            verdict = report["verdict"]
            if report.get("why") == "the answer says unknown, and claims nothing":
                verdict = "no claim"
            counts[verdict] = counts.get(verdict, 0) + 1
            slow += verdict == "confirmed" and seconds > max(5 * produced, 0.25)
            sums[0] += produced
            sums[1] += seconds
            size = answer.stat().st_size / 1e6
            # Of an exact answer, linear regions.
            leaves = report.get("checked", {}).get("leaves", 0)
            why = report.get("first_failure") or report.get("why") or ""
            print(
                f"{label:56} {verdict:13} {leaves:7} leaves {size:7.2f} MB produced {produced:7.2f} s "
                f"checked {seconds:7.2f} s ratio {seconds / produced:5.2f} {why}",
                flush=True,
            )
    print(f"{counts}; produced in {sums[0]:.1f} s, checked in {sums[1]:.1f} s; {slow} slower than five times")
    passed = set(counts) <= {"confirmed", "no claim"} and slow == 0
    print("PASS" if passed else "FAIL")
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
