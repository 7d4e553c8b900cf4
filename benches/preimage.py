"""The preimage tasks: proved coverage, seconds of the whole process, inner pieces; beside PREMAP's figures.

PREMAP is not run here (it needs torch 2.0 and its own fork of a verifier): its columns are what it printed on a machine of
this kind, polytopes / sampled coverage / seconds of the algorithm alone. V is bracketed by a finer paving, so that "of V" is a
proved share of the true volume, which PREMAP's coverage estimates from 10 000 samples.

    NETINVERSE_DATA=DIR python3 benches/preimage.py [--binary target/release/netinverse] [--rounds 3]
"""

import argparse
import json
import os
import subprocess
import time

# task, network, coverage that is timed, finer coverage, PREMAP: its coverage goal, polytopes, seconds
TASKS = [
    ("auto_park", "auto_park", 0.95, 0.99, 0.9, 4, 0.24),
    ("vcas", "vcas_1", 0.90, 0.995, 0.9, 16, 6.6),
    ("cartpole", "cartpole", 0.95, 0.99, 0.75, 27, 4.2),
    ("cartpole_hard", "cartpole", 0.95, 0.99, 0.75, 76, 14.6),
    ("lunarlander", "lunarlander", 0.90, 0.95, 0.75, 56, 44.5),
    ("lunarlander_hard", "lunarlander", 0.90, 0.95, 0.75, 80, 61.8),
    ("dubinsrejoin", "dubinsrejoin", 0.75, 0.95, 0.75, 204, 937.0),
    ("dubinsrejoin_hard", "dubinsrejoin", 0.75, 0.90, 0.75, None, None),
]


def ask(options, network, task, *more):
    folder = os.path.join(options.data, "premap")
    command = [options.binary, "preimage", os.path.join(folder, network + ".onnx")]
    command += ["--spec", os.path.join(folder, task + ".vnnlib"), "--format", "json", *more]
    start = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    seconds = time.perf_counter() - start
    return json.loads(done.stdout), seconds


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default=os.environ.get("NETINVERSE_DATA"))
    parser.add_argument("--binary", default="target/release/netinverse")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", default="120", help="seconds for each finer paving")
    parser.add_argument("--only", nargs="*")
    options = parser.parse_args()
    print("| task | coverage asked | V_lo/V_hi | s | boxes | pieces at PREMAP's goal | of V | s | PREMAP: pieces, s | s / ours |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for task, network, coverage, finer, goal, pieces, seconds in TASKS:
        if options.only and task not in options.only:
            continue
        timed = [
            ask(options, network, task, "--coverage", str(coverage), "--no-compact") for _ in range(options.rounds)
        ]
        answer, best = min(timed, key=lambda pair: pair[1])
        bracket, _ = ask(options, network, task, "--coverage", str(finer), "--no-compact", "--time-limit", options.limit)
        few = [ask(options, network, task, "--coverage", str(goal)) for _ in range(options.rounds)]
        compact, compact_seconds = min(few, key=lambda pair: pair[1])
        share = compact["pieces_lower"] / bracket["volume"]["upper"]
        peer = f"{pieces}, {seconds}" if pieces else "misses its goal"
        ratio = f"{seconds / compact_seconds:.0f}" if seconds else "–"
        print(
            f"| {task} | {coverage} | {answer['coverage']:.4f} | {best:.3f} | {answer['boxes']} "
            f"| {compact['pieces']['inner']} | {share:.4f} | {compact_seconds:.3f} | {peer} | {ratio} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
