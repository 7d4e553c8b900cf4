#!/usr/bin/env python3
"""Whether the tests notice when a proof is broken.

Each mutation below is one small change to the code that bounds networks or sums up volumes, of the kind that a slip
makes. It is applied to a copy of the tree, the tests that are named beside it run there, and one of them must fail. The
copy and its build are kept under target/mutations, so that a second run compiles little.

    tools/mutations.py                 all of them; status 1 if one is not caught
    tools/mutations.py --only chord    those whose name contains the word
    tools/mutations.py --list
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BOUNDS = "crates/bounds/src/"
PREIMAGE = "crates/preimage/src/"

# (name, file, what stands there, what is put in its place, tests as "package test filter…")
MUTATIONS = [
    ("the chord over a ReLU is lowered", BOUNDS + "lines.rs",
     "offset: at_lower.max(at_upper) }", "offset: 0.999 * at_lower.max(at_upper) }",
     ["bounds exact deep_relu"]),
    ("the lower line of a ReLU is steeper than the function", BOUNDS + "lines.rs",
     "lower: if u > -l { IDENTITY } else { ZERO }", "lower: if u > -l { Line { slope: 1.01, offset: 0.0 } } else { ZERO }",
     ["bounds exact deep_relu"]),
    ("a tangent is taken for a chord", BOUNDS + "lines.rs",
     "let (t, slack) = self.touching(piece, slope, true);\n                Some(add_down(under(t, self.at(t)?.lo()), -slack))",
     "let (t, slack) = self.touching(piece, slope, false);\n                Some(add_down(under(t, self.at(t)?.lo()), -slack))",
     ["bounds lines"]),
    ("the rounding terms are dropped", BOUNDS + "rounding.rs",
     "terms as f64 * (UNIT", "0.0 * terms as f64 * (UNIT",
     ["bounds rounding"]),
    ("what underflows is forgotten", BOUNDS + "rounding.rs",
     "pub(crate) const UNDERFLOW: f64 = f64::MIN_POSITIVE * 4.0;", "pub(crate) const UNDERFLOW: f64 = 0.0;",
     ["bounds rounding"]),
    ("|W| stands for W in the forms", BOUNDS + "forward.rs",
     "map.apply(width + 1, &input.signed, &input.alive, Sign::Kept,", "map.apply(width + 1, &input.signed, &input.alive, Sign::Dropped,",
     ["bounds exact deep_relu"]),
    ("W stands for |W| in the slack of the forms", BOUNDS + "forward.rs",
     "            Sign::Dropped,\n            &mut output.absolute", "            Sign::Kept,\n            &mut output.absolute",
     ["bounds exact deep_relu"]),
    ("errors are not carried through a layer", BOUNDS + "forward.rs",
     "errors[j] = errors[j] * factors.inflate", "errors[j] = 0.0 * errors[j]",
     ["bounds rounding"]),
    ("the radius of uncertain weights is ignored", BOUNDS + "forward.rs",
     "total[j] += radius * lower[i]", "total[j] += 0.0 * radius * lower[i]",
     ["bounds rounding", "bounds exact at_points"]),
    ("the bias is forgotten in the rounding of its sum", BOUNDS + "forward.rs",
     "(magnitudes[j] + bias[j].abs()) * factors.inflate", "magnitudes[j] * factors.inflate",
     ["bounds rounding"]),
    ("the box's radius is in single precision", BOUNDS + "forward.rs",
     "(hi - centre[i]).max(centre[i] - lo).next_up()", "f64::from((hi - centre[i]).max(centre[i] - lo) as f32)",
     ["bounds rounding"]),
    ("elements that may be negative are thought dead", BOUNDS + "forward.rs",
     "output.lower[*j] != 0.0 || output.upper[*j] != 0.0", "output.lower[*j] > 0.0",
     ["bounds exact deep_relu", "bounds exact at_points"]),
    ("slack enters a function with the wrong sign", BOUNDS + "forward.rs",
     "0.5 * (ha - la) * s[j]", "0.5 * (la - ha) * s[j]",
     ["bounds tightness chords", "bounds exact narrow"]),
    ("the line is chosen by the wrong sign", BOUNDS + "backward.rs",
     "let up = own[lane] < 0.0;", "let up = own[lane] > 0.0;",
     ["bounds exact deep_relu"]),
    ("the plane is chosen by the wrong sign", BOUNDS + "backward.rs",
     "if coefficient > 0.0 { &planes.lower }", "if coefficient < 0.0 { &planes.lower }",
     ["bounds rounding", "bounds exact at_points"]),
    ("coefficients gathered from several steps are thought to round once", BOUNDS + "forward.rs",
     "back: gamma(step.back_terms + 4),", "back: gamma(4),",
     ["bounds rounding"]),
    ("a form is evaluated at the opposite corner", BOUNDS + "bounder.rs",
     "if slopes[i] >= 0.0 { lower[i] } else { upper[i] }", "if slopes[i] >= 0.0 { upper[i] } else { lower[i] }",
     ["bounds exact deep_relu"]),
    ("the rivals of a maximum are overlooked", BOUNDS + "planes.rs",
     "if l >= second {", "if l >= second - 0.5 {",
     ["bounds exact deep_relu", "bounds exact at_points"]),
    ("the corner of a product's plane has the wrong sign", BOUNDS + "planes.rs",
     "planes.upper.push(entries, -mul_down(corner.0, corner.1));", "planes.upper.push(entries, mul_down(corner.0, corner.1));",
     ["bounds rounding"]),
    ("the tangent of a square is raised", BOUNDS + "planes.rs",
     "planes.lower.push(entry(2.0 * t), -mul_up(t, t));", "planes.lower.push(entry(2.0 * t), -0.9 * mul_up(t, t));",
     ["bounds rounding"]),
    ("what a softmax's derivatives miss is dropped", BOUNDS + "planes.rs",
     "missed = add_up(missed, mul_up(off, reach.next_up()));", "missed = add_up(missed, 0.0 * mul_up(off, reach.next_up()));",
     ["bounds operators"]),
    ("a leaf is dropped from the paving", PREIMAGE + "paving.rs",
     "for (index, cell) in halves.into_iter().enumerate() {", "for (index, cell) in halves.into_iter().enumerate().skip(1) {",
     ["preimage paving"]),
    ("an overlap of disjuncts is counted twice", PREIMAGE + "cell.rs",
     "inner = inner.max(own_inner);", "inner = add_down(inner, own_inner);",
     ["preimage paving"]),
    ("where either of two rows holds, both are thought to", PREIMAGE + "cell.rs",
     "own_inner = add_down(own_inner, -add_up(1.0, -shares[index].0));", "own_inner = own_inner.min(shares[index].0);",
     ["preimage paving"]),
    ("the outer volume is made from inner constants", PREIMAGE + "cell.rs",
     "constants.push(-row.outer);", "constants.push(-row.inner);",
     ["preimage paving"]),
    # No bounds are tightened by the target yet; those of a part of the cell are as wrong for the whole as they would be.
    ("bounds of the part of a cell near the target are used for all of it", PREIMAGE + "cell.rs",
     "if bounder.analyse(&self.lower, &self.upper, Method::Linear, &mut buffers.workspace) {",
     "let part: Vec<f64> = self.lower.iter().zip(&self.upper).map(|(l, u)| 0.1 * l + 0.9 * u).collect();\n"
     "            if bounder.analyse(&self.lower, &part, Method::Linear, &mut buffers.workspace) {",
     ["preimage paving"]),
    ("a row that may touch zero is called false", PREIMAGE + "cell.rs",
     "} else if negated > 0.0 {", "} else if negated > -1e-9 {",
     ["preimage paving"]),
    ("strictness is ignored", PREIMAGE + "cell.rs",
     "inner.lo() == 0.0 && !asked.strict =>", "inner.lo() == 0.0 =>",
     ["preimage paving"]),
    ("a piece reaches into what is forbidden", PREIMAGE + "compact.rs",
     "most.max(value) };", "most.max(value - 1e-3) };",
     ["preimage paving"]),
]


def git(*arguments):
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def copy_tree(tree):
    """Brings the copy to the state of the tree, touching only what differs."""
    files = set(git("ls-files", "--cached", "--others", "--exclude-standard").splitlines())
    for name in files:
        source, copy = ROOT / name, tree / name
        if not source.is_file():
            continue
        if not copy.exists() or copy.read_bytes() != source.read_bytes():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
    for copy in tree.rglob("*"):
        if copy.is_file() and str(copy.relative_to(tree)) not in files:
            copy.unlink()


def cargo(tree, target, test, *extra):
    package, name, *filters = test.split()
    command = ["cargo", "test", "-q", "-p", f"netinverse-{package}", "--test", name, "--target-dir", str(target)]
    command += [*extra] if extra else ["--", *filters]
    # What an interrupted build leaves behind must not decide a later one.
    environment = {**os.environ, "CARGO_INCREMENTAL": "0"}
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="mutations whose name contains this")
    parser.add_argument("--list", action="store_true", help="print the names")
    parser.add_argument("--target-dir", type=pathlib.Path, help="where the copy is built")
    options = parser.parse_args()
    chosen = [mutation for mutation in MUTATIONS if options.only in mutation[0]]
    if options.list:
        print("\n".join(mutation[0] for mutation in chosen))
        return 0
    tree = ROOT / "target/mutations/tree"
    target = options.target_dir or ROOT / "target/mutations/build"
    tree.mkdir(parents=True, exist_ok=True)
    copy_tree(tree)

    tests = sorted({test for *_, tests in chosen for test in tests})
    for test in tests:
        run = cargo(tree, target, test)
        if run.returncode != 0:
            print(run.stdout[-3000:] + run.stderr[-3000:])
            print(f"`{test}` fails without any mutation")
            return 2

    missed = 0
    for name, file, old, new, tests in chosen:
        path = tree / file
        text = path.read_text()
        if text.count(old) != 1:
            print(f"STALE       {name}: its text stands {text.count(old)} times in {file}")
            missed += 1
            continue
        path.write_text(text.replace(old, new))
        start, verdict = time.monotonic(), "NOT CAUGHT"
        try:
            for test in tests:
                build = cargo(tree, target, test, "--no-run")
                if build.returncode != 0:
                    verdict = "NO BUILD  "
                    print(build.stderr[-2000:])
                    break
                if cargo(tree, target, test).returncode != 0:
                    verdict = "caught    "
                    break
        finally:
            path.write_text(text)
        missed += verdict != "caught    "
        by = f" by {test}" if verdict == "caught    " else ""
        print(f"{verdict}  {name}{by} ({time.monotonic() - start:.0f} s)", flush=True)
    print(f"{len(chosen) - missed} of {len(chosen)} mutations caught")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
