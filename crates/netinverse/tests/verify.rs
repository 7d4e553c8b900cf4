//! `netinverse verify` and `supports` as a user meets them; verdicts against exhaustive evaluation in integers.

mod common;

use std::fmt::Write as _;
use std::path::Path;

use common::{Layers, netinverse, text};
use netinverse::base::Rng;
use netinverse::network::Function;
use netinverse::spec::Rational;

/// Runs `verify` on a query; standard output and the status.
fn verify(folder: &Path, query: &str, more: &[&str]) -> (String, Option<i32>, String) {
    std::fs::write(folder.join("query.vnnlib"), query).unwrap();
    let fixed = ["verify", "query.vnnlib", "--network", "f=net.onnx", "--timeout", "60"];
    let output = netinverse(folder, &[&fixed[..], more].concat());
    (text(&output.stdout), output.status.code(), text(&output.stderr))
}

fn declare(n: usize, m: usize) -> String {
    let mut query = String::new();
    (0..n).for_each(|i| writeln!(query, "(declare-const X_{i} Real)").unwrap());
    (0..m).for_each(|j| writeln!(query, "(declare-const Y_{j} Real)").unwrap());
    query
}

fn unit_box(n: usize) -> String {
    let sides = (0..n).map(|i| format!("(assert (>= X_{i} -1)) (assert (<= X_{i} 1))\n"));
    sides.collect::<Vec<String>>().concat()
}

/// A ReLU network with small integers as weights.
struct Whole {
    weights: Vec<Vec<i64>>,
    biases: Vec<Vec<i64>>,
}

impl Whole {
    fn random(sizes: &[usize], rng: &mut Rng) -> Self {
        let mut draw = |count: usize, reach: usize| -> Vec<i64> {
            (0..count).map(|_| rng.below(2 * reach + 1) as i64 - reach as i64).collect()
        };
        let pairs: Vec<(usize, usize)> = sizes.windows(2).map(|w| (w[0], w[1])).collect();
        let weights = pairs.iter().map(|&(n, m)| draw(n * m, 3)).collect();
        let biases = pairs.iter().map(|&(_, m)| draw(m, 2)).collect();
        Whole { weights, biases }
    }

    fn write(&self, path: &Path) {
        let last = self.weights.len() - 1;
        Layers {
            weights: self.weights.iter().map(|w| w.iter().map(|&v| v as f64).collect()).collect(),
            biases: self.biases.iter().map(|b| b.iter().map(|&v| v as f64).collect()).collect(),
            functions: (0..=last).map(|k| (k < last).then_some(Function::Relu)).collect(),
        }
        .write(path);
    }

    /// f(x) for x in units of 1/`unit`, in the same units, for any exact arithmetic.
    fn value<T: Clone>(
        &self,
        x: &[T],
        number: impl Fn(i64) -> T,
        plus: impl Fn(T, T) -> T,
        times: impl Fn(&T, i64) -> T,
        relu: impl Fn(T) -> T,
    ) -> Vec<T> {
        let mut h = x.to_vec();
        for (k, (weights, biases)) in self.weights.iter().zip(&self.biases).enumerate() {
            let m = biases.len();
            h = (0..m)
                .map(|j| {
                    let start = number(biases[j]);
                    let sum = h
                        .iter()
                        .enumerate()
                        .fold(start, |sum, (i, v)| plus(sum, times(v, weights[i * m + j])));
                    if k + 1 < self.weights.len() { relu(sum) } else { sum }
                })
                .collect();
        }
        h
    }

    /// How much an output can differ between points that differ by 1 in every coordinate, at most.
    fn lipschitz(&self) -> i64 {
        let norm = |(weights, biases): (&Vec<i64>, &Vec<i64>)| {
            let m = biases.len();
            (0..m).map(|j| weights.iter().skip(j).step_by(m).map(|w| w.abs()).sum::<i64>()).max().unwrap()
        };
        self.weights.iter().zip(&self.biases).map(norm).product()
    }
}

const UNIT: i64 = 32;

#[test]
fn verdicts_agree_with_a_fine_grid_in_integers() {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = Rng::new(41, 0);
    for trial in 0..12 {
        let net = Whole::random(&[2, 5, 4, 2], &mut rng);
        net.write(&folder.path().join("net.onnx"));
        // The largest y0 − y1 over the grid, in units of 1/UNIT.
        let mut largest = i64::MIN;
        for a in -UNIT..=UNIT {
            for b in -UNIT..=UNIT {
                let y = net.value(&[a, b], |c| c * UNIT, |a, b| a + b, |v, w| v * w, |v| v.max(0));
                largest = largest.max(y[0] - y[1]);
            }
        }
        // Between grid points both outputs move by at most Lipschitz · half a unit.
        let beyond = largest + net.lipschitz() + 1;
        let query = |bound: i64| {
            let threshold = bound as f64 / UNIT as f64;
            format!("{}{}(assert (>= (- Y_0 Y_1) {threshold}))", declare(2, 2), unit_box(2))
        };
        let (stdout, status, stderr) = verify(folder.path(), &query(beyond), &[]);
        assert_eq!((stdout.as_str(), status), ("unsat\n", Some(0)), "trial {trial}: {stderr}");
        let (stdout, status, stderr) = verify(folder.path(), &query(largest - 1), &[]);
        assert_eq!((stdout.lines().next(), status), (Some("sat"), Some(0)), "trial {trial}: {stderr}");
        // The assignment, digit for digit, in rationals.
        let x = [coordinate(&stdout, "X_0"), coordinate(&stdout, "X_1")];
        let relu = |v: Rational| if v.is_negative() { Rational::ZERO } else { v };
        let y = net.value(&x, Rational::from, |a, b| a + b, |v, w| v * &Rational::from(w), relu);
        let threshold = Rational::from_f64((largest - 1) as f64 / UNIT as f64).unwrap();
        assert!(&y[0] - &y[1] >= threshold, "trial {trial}: {stdout}");
        assert!(x.iter().all(|x| x.abs() <= Rational::ONE));
    }
}

/// The value of a variable of an assignment in the manner of VNN-LIB 1.0.
fn coordinate(stdout: &str, name: &str) -> Rational {
    let at = stdout.find(&format!("({name} ")).unwrap() + name.len() + 2;
    let rest = &stdout[at..];
    Rational::parse(&rest[..rest.find(')').unwrap()]).unwrap()
}

/// |x| as ReLU(x) + ReLU(−x).
fn write_magnitude(path: &Path) {
    Layers {
        weights: vec![vec![1.0, -1.0], vec![1.0, 1.0]],
        biases: vec![vec![0.0, 0.0], vec![0.0]],
        functions: vec![Some(Function::Relu), None],
    }
    .write(path);
}

#[test]
fn sets_that_only_touch_are_never_called_empty() {
    let folder = tempfile::tempdir().unwrap();
    write_magnitude(&folder.path().join("net.onnx"));
    let head = declare(1, 1);
    let at_zero = format!("{head}(assert (>= X_0 -1)) (assert (<= X_0 1)) (assert (<= Y_0 0))");
    let (stdout, status, _) = verify(folder.path(), &at_zero, &[]);
    assert_eq!((stdout.as_str(), status), ("sat\n((X_0 0)\n(Y_0 0.0))\n", Some(0)));
    let off_centre = format!("{head}(assert (>= X_0 -0.3)) (assert (<= X_0 1)) (assert (<= Y_0 0))");
    let (stdout, _, _) = verify(folder.path(), &off_centre, &[]);
    assert_ne!(stdout, "unsat\n");
    // The same with strict inequality has no answer, and is not called satisfiable.
    let strict = format!("{head}(assert (>= X_0 -1)) (assert (<= X_0 1)) (assert (< Y_0 0))");
    let (stdout, _, _) = verify(folder.path(), &strict, &[]);
    assert!(!stdout.starts_with("sat"), "{stdout}");
    let apart = format!("{head}(assert (>= X_0 -1)) (assert (<= X_0 1)) (assert (<= Y_0 -1e-6))");
    let (stdout, status, _) = verify(folder.path(), &apart, &[]);
    assert_eq!((stdout.as_str(), status), ("unsat\n", Some(0)));
}

#[test]
fn queries_of_every_shape() {
    let folder = tempfile::tempdir().unwrap();
    write_magnitude(&folder.path().join("net.onnx"));
    let head = declare(1, 1);
    let disjuncts = (2..1002).map(|k| format!("(and (>= Y_0 {k}) (<= Y_0 {k}.5))"));
    let disjuncts = disjuncts.collect::<Vec<String>>().concat();
    let cases: Vec<(&str, String, &str)> = vec![
        ("fixed input", "(assert (= X_0 0.5)) (assert (>= Y_0 0.5))".into(), "sat"),
        ("a fixed input that no double is", "(assert (= X_0 0.1)) (assert (>= Y_0 0.05))".into(), "sat"),
        ("fixed input, no", "(assert (= X_0 0.5)) (assert (>= Y_0 0.75))".into(), "unsat"),
        ("contradiction", "(assert (>= X_0 1)) (assert (<= X_0 -1))".into(), "unsat"),
        ("nothing is asked", String::new(), "sat"),
        ("inputs only", "(assert (>= X_0 -1)) (assert (<= X_0 1)) (assert (> X_0 0.5))".into(), "sat"),
        ("bounds inside or", "(assert (or (and (>= X_0 -1) (<= X_0 1) (>= Y_0 100))))".into(), "unsat"),
        (
            "two boxes",
            "(assert (or (and (>= X_0 -1) (<= X_0 1) (>= Y_0 2)) (and (>= X_0 2) (<= X_0 3) (>= Y_0 2.5))))"
                .into(),
            "sat",
        ),
        (
            "exponents and spacing",
            "( assert(>=   X_0 -1E0))(assert(<= X_0\n1e+0 ))(assert (>= Y_0 25e-1))".into(),
            "unsat",
        ),
        (
            "a thousand disjuncts",
            format!("(assert (>= X_0 -1)) (assert (<= X_0 1)) (assert (or {disjuncts}))"),
            "unsat",
        ),
        (
            "inputs and outputs together",
            "(assert (>= X_0 -1)) (assert (<= X_0 1)) (assert (>= (- X_0 Y_0) 0.5))".into(),
            "unsat",
        ),
        (
            "inputs and outputs together, yes",
            "(assert (>= X_0 -1)) (assert (<= X_0 1)) (assert (>= (- Y_0 X_0) 1.5))".into(),
            "sat",
        ),
    ];
    for (name, query, expected) in cases {
        let (stdout, status, stderr) = verify(folder.path(), &format!("{head}{query}"), &[]);
        assert_eq!((stdout.lines().next(), status), (Some(expected), Some(0)), "{name}: {stdout}{stderr}");
    }
}

#[test]
fn tensors_are_assigned_in_the_format_of_the_standard() {
    let folder = tempfile::tempdir().unwrap();
    write_magnitude(&folder.path().join("net.onnx"));
    let query = "(vnnlib-version <2.0>)
        (declare-network f (declare-input X Real [1,1]) (declare-output Y Real [1,1]))
        (assert (and (>= X[0,0] 0.5) (<= X[0,0] 0.5) (>= Y[0,0] 0.25)))";
    let (stdout, status, stderr) = verify(folder.path(), query, &[]);
    assert_eq!(stdout, "sat\nX Real [1,1]\n0.5\nY Real [1,1]\n0.5\n", "{stderr}");
    assert_eq!(status, Some(0));
}

#[test]
fn a_proof_is_written_line_by_line() {
    let folder = tempfile::tempdir().unwrap();
    write_magnitude(&folder.path().join("net.onnx"));
    let query = format!("{}{}(assert (>= Y_0 1.25))", declare(1, 1), unit_box(1));
    let (stdout, _, stderr) = verify(folder.path(), &query, &["-o", "proof.jsonl"]);
    assert_eq!(stdout, "unsat\n", "{stderr}");
    let proof = std::fs::read_to_string(folder.path().join("proof.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> =
        proof.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["schema"], "netinverse.verify/2");
    assert_eq!(lines[0]["verdict"], "unsat");
    assert_eq!(lines[0]["model"]["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(lines[1]["boxes"], lines.len() - 2);
    // Every box is split into two that exist, or its only disjunct is dismissed.
    for line in &lines[2..] {
        let first = line["split"]["first"].as_u64();
        assert!(first.is_none_or(|first| (first as usize + 1) < lines.len() - 2));
        assert!(first.is_some() || line["out"][0]["disjunct"] == 0, "{line}");
    }
}

#[test]
fn bad_input_is_one_line_and_status_2() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_magnitude(&path.join("net.onnx"));
    let declared = declare(1, 1);
    std::fs::write(path.join("good.vnnlib"), format!("{declared}{}", unit_box(1))).unwrap();
    std::fs::write(path.join("two.vnnlib"), declare(2, 1)).unwrap();
    std::fs::write(path.join("open.vnnlib"), format!("{declared}(assert (>= X_0 0)) (assert (<= Y_0 -1))"))
        .unwrap();
    std::fs::write(path.join("broken.vnnlib"), "(assert (>= X_0 0)").unwrap();
    std::fs::write(
        path.join("typed.vnnlib"),
        "(vnnlib-version <2.0>) (declare-network f (declare-input X int8 [1,1]) (declare-output Y Real [1,1]))",
    )
    .unwrap();
    let cases: &[(&[&str], &str)] = &[
        (&["good.vnnlib", "--network", "missing.onnx"], "missing.onnx"),
        (&["good.vnnlib", "--network", "g=net.onnx"], "names no network"),
        (&["good.vnnlib", "--network", "f=net.onnx", "--network", "net.onnx"], "two files"),
        (&["good.vnnlib"], "--network"),
        (&["good.vnnlib", "--network", "net.onnx", "-o", "proof.txt"], "not a name for a proof"),
        (&["good.vnnlib", "--network", "net.onnx", "--timeout", "-1"], "seconds"),
        (&["missing.vnnlib", "--network", "net.onnx"], "missing.vnnlib"),
        (&["two.vnnlib", "--network", "net.onnx"], "declares 2 inputs, the network has 1"),
        (&["open.vnnlib", "--network", "net.onnx"], "no finite bounds for `X_0`"),
        (&["broken.vnnlib", "--network", "net.onnx"], "broken.vnnlib: line 1"),
        (&["typed.vnnlib", "--network", "f=net.onnx"], "declared int8"),
    ];
    for (arguments, part) in cases {
        let output = netinverse(path, &[&["verify"], *arguments].concat());
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert!(stderr.contains(part), "{arguments:?}: `{part}` is not in {stderr}");
    }
}

#[test]
fn supports_answers_in_the_words_of_the_standard() {
    let folder = tempfile::tempdir().unwrap();
    let lines = |capability: &str| {
        let output = netinverse(folder.path(), &["supports", capability]);
        assert_eq!(output.status.code(), Some(0), "{capability}");
        text(&output.stdout)
    };
    assert_eq!(lines("--onnx-element-types"), "real\n");
    assert_eq!(lines("--vnnlib-versions"), "1.0\n2.0\n");
    assert_eq!(lines("--onnx-opset-versions").lines().count(), 2);
    assert!(lines("--onnx-operators").lines().any(|operator| operator == "Gemm"));
    assert_eq!(lines("--arithmetic-complexity-theories"), "LIN\n");
    assert_eq!(lines("--serialise-assignments"), "false\n");
    assert_eq!(text(&netinverse(folder.path(), &["--name"]).stdout), "netinverse\n");
    assert_eq!(netinverse(folder.path(), &["supports"]).status.code(), Some(2));
}
