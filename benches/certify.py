"""Certified distances: `netinverse invert --certify`, the nearest input of another class beside what is proved.

    python3 benches/certify.py [--digits 50] [--networks 256x2,256x4] [--norms linf,l2] [--effort 1]
                               [--binary target/release/netinverse] [--data DIR]

The first MNIST test digits, inputs in [0, 1]. Certified/found of every digit, its median and its least and largest, and the
seconds a digit (wall and processor time of the whole command over the digits). PASS where the L-infinity median is at least
0.5 for 256x2 and 0.25 for 256x4, at no more than 10 s a digit.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import time

GOALS = {("256x2", "linf"): 0.5, ("256x4", "linf"): 0.25}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--digits", type=int, default=50)
    parser.add_argument("--networks", default="256x2,256x4")
    parser.add_argument("--norms", default="linf,l2")
    parser.add_argument("--effort", default="1")
    parser.add_argument("--binary", default="target/release/netinverse")
    parser.add_argument("--data", default=os.environ.get("NETINVERSE_DATA", "../shared/data"))
    options = parser.parse_args()
    data = pathlib.Path(options.data)
    passed = True
    for network in options.networks.split(","):
        for norm in options.norms.split(","):
            command = [
                options.binary, "invert", str(data / f"mnistfc/mnist-net_{network}.onnx"), "--class", "other",
                "--near", str(data / "mnist/t10k-images-idx3-ubyte.gz"), "--rows", f"0..{options.digits}",
                "--bounds", "0,1", "--norm", norm, f"--certify={options.effort}", "--format", "json",
            ]
            before, start = os.times(), time.monotonic()
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            wall, after = time.monotonic() - start, os.times()
            if done.returncode not in (0, 3):
                raise SystemExit(done.stderr)
            processor = sum(after[2:4]) - sum(before[2:4])
            queries = json.loads(done.stdout)["queries"]
            pairs = [(q["certified"], q["answers"][0]["distance"]) for q in queries if q["answers"]]
            ratios = [certified / found for certified, found in pairs if found > 0]
            median = statistics.median(ratios)
            seconds = wall / options.digits
            goal = GOALS.get((network, norm))
            good = goal is None or (median >= goal and seconds <= 10)
            passed &= good
            print(
                f"{network} {norm}: {len(ratios)} digits, median certified {statistics.median(p[0] for p in pairs):.4f}, "
                f"found {statistics.median(p[1] for p in pairs):.4f}, certified/found median {median:.3f} "
                f"({min(ratios):.3f} to {max(ratios):.3f}), {seconds:.2f} s a digit, {processor / options.digits:.2f} s CPU"
                + ("" if goal is None else f", goal {goal}: {'met' if good else 'MISSED'}"),
                flush=True,
            )
    print("PASS" if passed else "FAIL")


if __name__ == "__main__":
    main()
