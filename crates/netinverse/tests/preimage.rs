//! `netinverse preimage` as a user meets it: closed forms, answers re-checked by evaluating the network here, files that
//! are resumed, sharded, merged, damaged, and what is refused.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use common::{Layers, check_schema_of, netinverse, numbers, text};
use netinverse::base::Rng;
use netinverse::network::Function;
use serde_json::Value;
use tempfile::{TempDir, tempdir};

fn run(folder: &Path, arguments: &[&str]) -> Output {
    netinverse(folder, &[&["preimage"], arguments].concat())
}

fn answer(folder: &Path, arguments: &[&str], status: i32) -> Value {
    let output = run(folder, &[arguments, &["--format", "json"]].concat());
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {}", text(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    check_schema_of("preimage", &answer, "preimage");
    answer
}

fn volume(answer: &Value) -> (f64, f64) {
    (answer["volume"]["lower"].as_f64().unwrap(), answer["volume"]["upper"].as_f64().unwrap())
}

/// `y0 = max(x0 − ½, 0) + max(x1 − ½, 0)` in `net.onnx`.
fn corner() -> TempDir {
    let folder = tempdir().unwrap();
    let net = Layers {
        weights: vec![vec![1.0, 0.0, 0.0, 1.0], vec![1.0, 1.0]],
        biases: vec![vec![-0.5, -0.5], vec![0.0]],
        functions: vec![Some(Function::Relu), None],
    };
    net.write(&folder.path().join("net.onnx"));
    folder
}

/// A random network of three inputs and three outputs in `net.onnx`.
fn random(seed: u64) -> (TempDir, Layers) {
    let folder = tempdir().unwrap();
    let net = Layers::random(&[3, 12, 12, 3], Function::Relu, seed);
    net.write(&folder.path().join("net.onnx"));
    (folder, net)
}

#[test]
fn volumes_enclose_the_closed_form() {
    let folder = corner();
    // On [½,1]² the triangle u + v < ¼ is missing; on each of the two half squares beside it x ≥ ¾ remains.
    let exact = 0.25 - 0.03125 + 2.0 * 0.125;
    let found = answer(
        folder.path(),
        &["net.onnx", "--where", "y0 >= 0.25", "--bounds", "0,1", "--coverage", "0.999"],
        0,
    );
    let (lower, upper) = volume(&found);
    assert!(lower <= exact && exact <= upper && lower >= 0.999 * upper, "{lower} {upper}");
    assert!(found["pieces_lower"].as_f64().unwrap() >= 0.999 * upper);
    // The complement, and both together.
    let found = answer(
        folder.path(),
        &["net.onnx", "--where", "y0 <= 0.25", "--bounds", "0,1", "--coverage", "0.999"],
        0,
    );
    let (lower, upper) = volume(&found);
    assert!(lower <= 1.0 - exact && 1.0 - exact <= upper && lower >= 0.999 * upper);
    // A disjunction over an input and the output: x0 ≤ 0.1 adds what is not in yet, x1 < ¾ there.
    let found = answer(
        folder.path(),
        &["net.onnx", "--where", "y0 >= 0.25 || x0 <= 0.1", "--bounds", "0,1", "--coverage", "0.99"],
        0,
    );
    let (lower, upper) = volume(&found);
    let both = exact + 0.1 * 0.75;
    assert!(lower <= both && both <= upper && lower >= 0.99 * upper, "{lower} {both} {upper}");
}

#[test]
fn a_set_that_is_empty_is_proved_and_one_that_touches_is_not_called_empty() {
    let folder = corner();
    let base = ["net.onnx", "--bounds", "0,1"];
    let empty = answer(folder.path(), &[&base[..], &["--where", "y0 >= 1.001"]].concat(), 1);
    assert_eq!((empty["status"].as_str(), volume(&empty)), (Some("empty"), (0.0, 0.0)));
    let contradiction = answer(folder.path(), &[&base[..], &["--where", "y0 >= 1 && y0 <= 0"]].concat(), 1);
    assert_eq!(contradiction["status"], "empty");
    // Only the corner (1, 1) has y0 = 1.
    let touching =
        answer(folder.path(), &[&base[..], &["--where", "y0 >= 1", "--min-width", "0.1"]].concat(), 0);
    assert_ne!(touching["status"], "empty");
    assert_eq!(volume(&touching).0, 0.0);
    // A point that only touches what must be exceeded is out, and with all inputs fixed there is nothing to bisect.
    let point = ["net.onnx", "--bounds", "0.75,0.75"];
    let strict =
        "(declare-const X_0 Real)(declare-const X_1 Real)(declare-const Y_0 Real)(assert (> Y_0 0.5))";
    fs::write(folder.path().join("strict.vnnlib"), strict).unwrap();
    assert_eq!(
        answer(folder.path(), &[&point[..], &["--spec", "strict.vnnlib"]].concat(), 1)["status"],
        "empty"
    );
    let touched = answer(folder.path(), &[&point[..], &["--where", "y0 >= 0.5"]].concat(), 0);
    assert_eq!((volume(&touched), touched["volume"]["dimensions"].as_u64()), ((1.0, 1.0), Some(0)));
    // Everything: one piece, the box.
    let all = answer(folder.path(), &[&base[..], &["--where", "y0 >= 0"]].concat(), 0);
    assert_eq!((volume(&all), all["pieces"]["inner"].as_u64()), ((1.0, 1.0), Some(1)));
}

#[test]
fn pieces_lie_inside_whatever_they_were_merged_from() {
    for seed in 0..4 {
        let (folder, net) = random(seed);
        let condition = "y0 >= y1 && y0 >= y2 || y2 >= 1";
        let inside = |x: &[f64]| {
            let y = net.forward(x);
            y[0] >= y[1] && y[0] >= y[2] || y[2] >= 1.0
        };
        let mut rng = Rng::new(seed, 1);
        let somewhere = (0..2000).any(|_| inside(&[0; 3].map(|_| rng.range(-1.0, 1.0))));
        let found = answer(
            folder.path(),
            &["net.onnx", "--where", condition, "--bounds", "-1,1", "--coverage", "0.8", "--over", "1.1"],
            i32::from(!somewhere),
        );
        let pieces =
            |side: &str| -> Vec<Piece> { found[side].as_array().unwrap().iter().map(Piece::of).collect() };
        let (inner, outer) = (pieces("inner"), pieces("outer"));
        let mut rng = Rng::new(seed, 0);
        let (mut in_pieces, mut hits) = (0, 0);
        let count = 20_000;
        for _ in 0..count {
            let x: Vec<f64> = (0..3).map(|_| rng.range(-1.0, 1.0)).collect();
            let holding = inner.iter().filter(|piece| piece.contains(&x)).count();
            assert!(holding <= 1, "pieces overlap at {x:?}");
            in_pieces += holding;
            if holding > 0 {
                assert!(inside(&x), "{x:?} is in a piece, and not in the preimage");
            }
            if inside(&x) {
                hits += 1;
                assert!(
                    outer.is_empty() || outer.iter().any(|piece| piece.contains(&x)),
                    "{x:?} is not covered"
                );
            }
        }
        // The share of hits lies where the proved volumes say, to five standard errors.
        let (lower, upper) = volume(&found);
        let share = f64::from(hits) / f64::from(count);
        let error = 5.0 * (share * (1.0 - share) / f64::from(count)).sqrt();
        assert!(lower / 8.0 <= share + error && share - error <= upper / 8.0, "{lower} {share} {upper}");
        let in_pieces = in_pieces as f64 / f64::from(count);
        let proved = found["pieces_lower"].as_f64().unwrap() / 8.0;
        assert!(proved <= in_pieces + error, "{proved} of {in_pieces}");
    }
}

struct Piece {
    lower: Vec<f64>,
    upper: Vec<f64>,
    rows: Vec<(Vec<f64>, f64)>,
}

impl Piece {
    fn of(value: &Value) -> Piece {
        let row = |row: &Value| (numbers(&row["slopes"]), row["constant"].as_f64().unwrap());
        Piece {
            lower: numbers(&value["lower"]),
            upper: numbers(&value["upper"]),
            rows: value["rows"].as_array().unwrap().iter().map(row).collect(),
        }
    }

    fn contains(&self, x: &[f64]) -> bool {
        let holds = |(slopes, constant): &(Vec<f64>, f64)| {
            slopes.iter().zip(x).map(|(s, x)| s * x).sum::<f64>() + constant >= 0.0
        };
        (0..x.len()).all(|i| self.lower[i] <= x[i] && x[i] <= self.upper[i]) && self.rows.iter().all(holds)
    }
}

#[test]
fn shards_add_up_to_the_whole_and_threads_change_nothing() {
    let (folder, net) = random(7);
    let base = ["net.onnx", "--class", "1", "--bounds", "-1,1", "--min-width", "0.2"];
    let whole = answer(folder.path(), &[&base[..], &["--threads", "1"]].concat(), 0);
    let again = answer(folder.path(), &[&base[..], &["--threads", "2"]].concat(), 0);
    for key in ["volume", "inner", "boxes", "coverage"] {
        assert_eq!(whole[key], again[key], "{key}");
    }
    let shards = ["1/3", "2/3", "3/3"].map(|shard| {
        let file = format!("s{}.preimage", &shard[..1]);
        let found = answer(folder.path(), &[&base[..], &["--shard", shard, "-o", &file]].concat(), 0);
        found["inner"].as_array().unwrap().iter().map(Piece::of).collect::<Vec<_>>()
    });
    // The pieces of a shard stay inside what it has paved: they are proved, and no other shard has them too.
    let mut rng = Rng::new(2, 0);
    for _ in 0..20_000 {
        let x: Vec<f64> = (0..3).map(|_| rng.range(-1.0, 1.0)).collect();
        let holding = shards.iter().filter(|pieces| pieces.iter().any(|piece| piece.contains(&x))).count();
        let y = net.forward(&x);
        assert!(
            holding <= usize::from(y[1] > y[0] && y[1] > y[2]),
            "{x:?} is in the pieces of {holding} shards"
        );
    }
    let merged = answer(folder.path(), &["--merge", "s3.preimage", "s1.preimage", "s2.preimage"], 0);
    assert_eq!(merged["volume"], whole["volume"]);
    let faults: [(&[&str], &str); 3] = [
        (&["--merge", "s1.preimage", "s2.preimage"], "2 of 3 shards are given"),
        (&["--merge", "s1.preimage", "s1.preimage", "s3.preimage"], "s1.preimage: shard 1/3 is given twice"),
        (&["net.onnx", "--class", "1", "--bounds", "-1,1", "--shard", "4/3"], "`--shard`: `4/3` is no part"),
    ];
    for (arguments, fault) in faults {
        let output = run(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains(fault), "{}", text(&output.stderr));
    }
}

#[test]
fn an_answer_goes_on_where_it_stopped_and_damaged_ones_are_refused() {
    let (folder, _) = random(3);
    let ask = ["net.onnx", "--class", "0", "--bounds", "-1,1"];
    answer(
        folder.path(),
        &[&ask[..], &["--coverage", "0.5", "--no-compact", "-o", "a.preimage"]].concat(),
        0,
    );
    let fresh = answer(folder.path(), &[&ask[..], &["--coverage", "0.97", "--no-compact"]].concat(), 0);
    // The question is in the file.
    let resumed = answer(
        folder.path(),
        &["net.onnx", "--resume", "a.preimage", "--coverage", "0.97", "--no-compact"],
        0,
    );
    let ((a, b), (c, d)) = (volume(&fresh), volume(&resumed));
    assert!(a <= d && c <= b && c >= 0.97 * d, "[{a}, {b}] and [{c}, {d}] are of one set");

    let whole = fs::read_to_string(folder.path().join("a.preimage")).unwrap();
    let refuse = |content: &str, fault: &str| {
        fs::write(folder.path().join("bad.preimage"), content).unwrap();
        let output = run(folder.path(), &["net.onnx", "--resume", "bad.preimage"]);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(fault), "{}", text(&output.stderr));
    };
    refuse(&whole[..whole.len() / 2], "it was cut short");
    refuse(&whole.replacen("\"split\"", "\"spl1t\"", 1), "the file was changed after it was written");
    refuse("", "it was cut short");
    let other = ["net.onnx", "--class", "1", "--bounds", "-1,1", "--resume", "a.preimage"];
    assert!(text(&run(folder.path(), &other).stderr).contains("that of another question"));
    Layers::random(&[3, 4, 3], Function::Relu, 9).write(&folder.path().join("net.onnx"));
    let output = run(folder.path(), &["net.onnx", "--resume", "a.preimage"]);
    assert!(text(&output.stderr).contains("that of another model"), "{}", text(&output.stderr));
}

/// Killed without a word in the middle of its work, a run leaves a valid answer, and another goes on from there.
#[test]
fn a_killed_run_goes_on_from_what_it_had_saved() {
    let folder = tempdir().unwrap();
    Layers::random(&[5, 24, 24, 3], Function::Relu, 2).write(&folder.path().join("net.onnx"));
    let path = folder.path().join("a.preimage");
    let mut child = Command::new(env!("CARGO_BIN_EXE_netinverse"))
        .args([
            "preimage",
            "net.onnx",
            "--class",
            "0",
            "--bounds",
            "-1,1",
            "--coverage",
            "0.99999",
            "-o",
            "a.preimage",
        ])
        .current_dir(folder.path())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("the binary starts");
    // What is known is saved now and then.
    for _ in 0..1200 {
        if path.exists() {
            break;
        }
        assert!(child.try_wait().unwrap().is_none(), "the task is too easy to be interrupted");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let saved = fs::read_to_string(&path).unwrap();
    let header: Value = serde_json::from_str(saved.lines().next().unwrap()).unwrap();
    let (low, high) = volume(&header);
    assert!(header["boxes"].as_u64().unwrap() > 1 && low < high);
    // A little more is asked than was known, rather than a second more of work: on a busy machine that goes by before
    // the answer is read.
    let known = low / high;
    let coverage = format!("{}", known + 0.02 * (1.0 - known));
    let resumed = answer(
        folder.path(),
        &["net.onnx", "--resume", "a.preimage", "--coverage", &coverage, "--no-compact"],
        0,
    );
    let (lower, upper) = volume(&resumed);
    assert!(low <= lower && upper <= high, "[{lower}, {upper}] after [{low}, {high}]");
    assert!(resumed["boxes"].as_u64() > header["boxes"].as_u64());
}

#[test]
fn answers_are_searched_sampled_and_drawn() {
    let (folder, net) = random(5);
    let path = folder.path();
    let found = answer(
        path,
        &["net.onnx", "--where", "y0 >= y1", "--bounds", "-1,1", "--coverage", "0.9", "-o", "a.preimage"],
        0,
    );
    assert_eq!(found["status"], "complete");
    let inside = |x: &[f64]| {
        let y = net.forward(x);
        y[0] >= y[1]
    };
    let parse = |output: &Output| -> Vec<Vec<f64>> {
        let rows = text(&output.stdout);
        rows.lines().map(|line| line.split(',').map(|x| x.parse().unwrap()).collect()).collect()
    };
    let drawn = parse(&run(path, &["sample", "a.preimage", "-c", "200", "--seed", "4"]));
    assert_eq!(drawn.len(), 200);
    assert!(drawn.iter().all(|x| inside(x)));
    let mut rng = Rng::new(1, 0);
    let points: Vec<Vec<f64>> = (0..100).map(|_| (0..3).map(|_| rng.range(-1.2, 1.2)).collect()).collect();
    let lines = |points: &[Vec<f64>]| -> String {
        let line = |x: &Vec<f64>| x.iter().map(|x| format!("{x:?}")).collect::<Vec<_>>().join(",") + "\n";
        points.iter().map(line).collect()
    };
    fs::write(path.join("points.csv"), lines(&points)).unwrap();
    let verdicts = text(&run(path, &["contains", "a.preimage", "points.csv"]).stdout);
    let mut settled = 0;
    for (x, verdict) in points.iter().zip(verdicts.lines()) {
        let in_box = x.iter().all(|x| (-1.0..=1.0).contains(x));
        match verdict {
            "yes" => assert!(in_box && inside(x), "{x:?}"),
            "no" => assert!(!in_box || !inside(x), "{x:?}"),
            other => assert_eq!(other, "unknown"),
        }
        settled += usize::from(verdict != "unknown");
    }
    assert!(settled > 80, "only {settled} of 100 are decided at a coverage of 0.9");
    let nearest = parse(&run(path, &["nearest", "a.preimage", "points.csv"]));
    let distance = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
    for (x, own) in points.iter().zip(&nearest) {
        assert!(inside(own), "{own:?}");
        let drawn = drawn.iter().map(|d| distance(d, x)).fold(f64::INFINITY, f64::min);
        assert!(distance(own, x) <= drawn + 1e-9, "a drawn point is nearer to {x:?} than {own:?}");
    }
    for file in ["p.svg", "p.png"] {
        let output = run(path, &["picture", "a.preimage", "--axes", "2,0", "--at", "0,0.3,0", "-o", file]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }
    let svg = fs::read_to_string(path.join("p.svg")).unwrap();
    assert!(svg.contains("class=\"in\"") && svg.contains("x2") && svg.ends_with("</svg>\n"));
    assert_eq!(&fs::read(path.join("p.png")).unwrap()[1..4], b"PNG");
    let output = run(path, &["picture", "a.preimage", "--axes", "2,0", "-o", "p.html"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let page = fs::read_to_string(path.join("p.html")).unwrap();
    // What is proved, the picture as a picture, the command that gives the page.
    for wanted in
        ["of the box, proved", "data:image/svg+xml;base64,", "preimage picture a.preimage --axes 2,0"]
    {
        assert!(page.contains(wanted), "`{wanted}` is not in the page");
    }
    assert!(!page.contains("<script") && !page.contains("http://"));
}

#[test]
fn what_cannot_be_asked_is_refused_at_its_place() {
    let (folder, _) = random(1);
    let declare = "(declare-const X_0 Real)\n(declare-const X_1 Real)\n(declare-const X_2 Real)\n\
                   (declare-const Y_0 Real)\n(declare-const Y_1 Real)\n(declare-const Y_2 Real)\n";
    let write = |name: &str, content: &str| fs::write(folder.path().join(name), content).unwrap();
    write("open.vnnlib", &format!("{declare}(assert (>= X_0 0))\n(assert (>= Y_0 1))\n"));
    write("bad.vnnlib", &format!("{declare}(assert (>= Y_0 (* Y_1 Y_2)))\n"));
    write("few.vnnlib", "(declare-const X_0 Real)\n(declare-const Y_0 Real)\n(assert (>= Y_0 0))\n");
    let cases: &[(&[&str], &str)] = &[
        (&[], "nothing is asked of the outputs"),
        (&["--where", "y0 >= 0"], "input x0 and 2 more has no bounds on both sides"),
        (&["--spec", "open.vnnlib"], "input x0 and 2 more has no bounds"),
        (&["--spec", "bad.vnnlib"], "bad.vnnlib: line 7, column"),
        (&["--spec", "few.vnnlib"], "declares 1 inputs, the network has 3"),
        (&["--spec", "missing.vnnlib"], "missing.vnnlib: no such file"),
        (&["--where", "y9 >= 0", "--bounds", "0,1"], "`--where`: line 1, column 1: `y9` is out of range"),
        (
            &["--class", "3", "--bounds", "0,1"],
            "`--class`: class 3 does not exist, the network has 3 outputs",
        ),
        (&["--class", "0", "--bounds", "1,0"], "`--bounds`: "),
        (&["--class", "0", "--bounds", "0,inf"], "`--bounds`: "),
        (&["--class", "0", "--bounds", "0,nan"], "`--bounds`: "),
        (&["--within", "2,1", "--bounds", "0,1"], "`--within`: row 0: the interval 2,1 is empty"),
        (&["--within", "1,2;3,4", "--bounds", "0,1"], "`--within`: 2 intervals, the network has 3 outputs"),
        (&["--class", "0", "--bounds", "0,1", "--coverage", "1.5"], "a share between 0 and 1"),
        (&["--class", "0", "--bounds", "0,1", "-o", "a.txt"], "has no extension that is known here"),
        (&["--class", "0", "--bounds", "0,1", "-o", "no/a.preimage"], "there is no folder `no`"),
        (&["--class", "0", "--bounds", "0,1", "--output", "nope"], "nope"),
    ];
    for (arguments, fault) in cases {
        let output = run(folder.path(), &[&["net.onnx"], *arguments].concat());
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(error.contains(fault), "{arguments:?}: {error}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
    // A side of length zero is taken out; volumes are over the rest.
    let fixed =
        answer(folder.path(), &["net.onnx", "--where", "y0 <= 1e6", "--bounds", "-1,1;0.5,0.5;0,2"], 0);
    assert_eq!((volume(&fixed), fixed["volume"]["dimensions"].as_u64()), ((4.0, 4.0), Some(2)));
}
