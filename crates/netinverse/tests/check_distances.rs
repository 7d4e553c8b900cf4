//! `netinverse check` on the proofs of `invert --certify --proof`: true answers confirmed in every norm, lies refused for the
//! right reason.

mod common;

use std::path::Path;

use common::{Layers, invert};
use netinverse::check::{Options, Report, Verdict, check};
use netinverse::network::Function;

use serde_json::{Value, json};
use tempfile::tempdir;

/// Answers a question about `net.onnx` and returns the lines of the proof.
fn prove(folder: &Path, arguments: &[&str]) -> Vec<Value> {
    let output = invert(folder, &[arguments, &["--proof", "proof.jsonl"]].concat());
    assert!(output.status.code().is_some_and(|code| code != 2), "{arguments:?}: {output:?}");
    let text = std::fs::read_to_string(folder.join("proof.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn options(folder: &Path) -> Options {
    Options { answer: folder.join("proof.jsonl"), model: folder.join("net.onnx"), ..Options::default() }
}

/// The lines as a file.
fn file(lines: &[Value]) -> String {
    lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n")
}

/// The verdict on some lines, where the question is `asked`.
fn judge(folder: &Path, lines: &[Value], asked: Option<(&str, [f64; 2])>) -> Report {
    std::fs::write(folder.join("proof.jsonl"), file(lines)).unwrap();
    let (condition, bounds) = asked.map_or((None, None), |(c, b)| (Some(c.to_string()), Some(vec![b])));
    check(&Options { condition, bounds, ..options(folder) }).unwrap()
}

fn is_confirmed(report: &Report) {
    assert_eq!(report.verdict, Verdict::Confirmed, "{report:?}");
}

/// Refused, at the claim that is named.
fn is_refused(report: &Report, claims: &[&str]) {
    let failure = report.first_failure.as_ref().unwrap_or_else(|| panic!("{report:?}"));
    assert!(claims.contains(&failure.claim.as_str()), "{failure:?}");
}

#[test]
fn distances_in_every_norm_are_confirmed() {
    let folder = tempdir().unwrap();
    for seed in 0..3 {
        Layers::random(&[2, 14, 10, 3], Function::Relu, seed).write(&folder.path().join("net.onnx"));
        for norm in ["l2", "l1", "linf"] {
            for asked in [["--class", "other"], ["--where", "y0 >= y1 + 0.3 && y0 >= y2"]] {
                let rest = ["--bounds", "-1,1", "--near", "0.1,-0.2", "--norm", norm, "--certify"];
                let lines = prove(folder.path(), &[&asked[..], &rest].concat());
                assert_eq!(lines[0]["rows"], 1);
                let report = check(&options(folder.path())).unwrap();
                is_confirmed(&report);
                assert!(report.question.contains("from (0.1, -0.2)"), "{}", report.question);
                if asked[0] == "--where" {
                    is_confirmed(&judge(folder.path(), &lines, Some((asked[1], [-1.0, 1.0]))));
                }
            }
        }
    }
}

#[test]
fn weights_and_values_and_many_inputs_are_confirmed() {
    let folder = tempdir().unwrap();
    Layers::random(&[3, 12, 2], Function::Relu, 3).write(&folder.path().join("net.onnx"));
    for norm in ["l2", "l1", "linf"] {
        let arguments =
            ["--where", "y0 == 0.2", "--bounds", "-2,2", "--near", "0", "--norm", norm, "--certify=0.01"];
        let lines = prove(folder.path(), &arguments);
        is_confirmed(&judge(folder.path(), &lines, None));
        is_confirmed(&judge(folder.path(), &lines, Some(("y0 == 0.2", [-2.0, 2.0]))));
    }
    // Forty inputs: trees of signs in balls.
    Layers::random(&[40, 20, 20, 2], Function::Relu, 5).write(&folder.path().join("net.onnx"));
    for norm in ["l2", "l1", "linf"] {
        let arguments =
            ["--class", "other", "--near", "0.1", "--bounds", "-2,2", "--norm", norm, "--certify=0.05"];
        let lines = prove(folder.path(), &arguments);
        assert!(lines[1]["bound"].as_f64().unwrap() > 0.0, "{norm}");
        is_confirmed(&judge(folder.path(), &lines, None));
    }
}

/// relu(x) − relu(x − ½) is at most ½.
fn bounded_by_a_half() -> Layers {
    Layers {
        weights: vec![vec![1.0, 1.0], vec![1.0, -1.0]],
        biases: vec![vec![0.0, -0.5], vec![0.0]],
        functions: vec![Some(Function::Relu), None],
    }
}

#[test]
fn what_is_unreachable_is_confirmed_and_what_is_not_is_refused() {
    let folder = tempdir().unwrap();
    bounded_by_a_half().write(&folder.path().join("net.onnx"));
    // Excluded by a search, and by intervals alone.
    for target in ["0.8", "7"] {
        let lines = prove(folder.path(), &["--target", target, "--bounds", "-1,1", "--certify"]);
        assert_eq!((&lines[0]["unproved"], &lines[1]["bound"]), (&json!([]), &json!(null)), "{target}");
        is_confirmed(&judge(folder.path(), &lines, None));
        is_confirmed(&judge(folder.path(), &lines, Some((&format!("y0 == {target}"), [-1.0, 1.0]))));
        // Of more than was asked, nothing is proved.
        is_refused(&judge(folder.path(), &lines, Some(("y0 >= 0.25", [-1.0, 1.0]))), &["query"]);
    }
    let mut lines =
        prove(folder.path(), &["--where", "y0 >= 0.25", "--bounds", "-1,1", "--near", "-1", "--certify"]);
    is_confirmed(&judge(folder.path(), &lines, None));
    (lines[1]["bound"], lines[1]["x"], lines[1]["distance"]) = (json!(null), json!(null), json!(null));
    is_refused(&judge(folder.path(), &lines, None), &["box", "far", "out", "query"]);
}

#[test]
fn every_lie_is_refused_for_its_reason() {
    let folder = tempdir().unwrap();
    Layers::random(&[2, 14, 10, 3], Function::Relu, 1).write(&folder.path().join("net.onnx"));
    let condition = "y0 >= y1 + 0.3 && y0 >= y2";
    for norm in ["l2", "l1", "linf"] {
        let arguments =
            ["--where", condition, "--bounds", "-1,1", "--near", "0.1,-0.2", "--norm", norm, "--certify"];
        let lines = prove(folder.path(), &arguments);
        let (bound, x) = (lines[1]["bound"].as_f64().unwrap(), lines[1]["x"].clone());
        assert!(bound > 0.0 && x.is_array(), "{norm}: the seed gives no distance");
        let lie = |change: &dyn Fn(&mut Vec<Value>), claims: &[&str]| {
            let mut changed = lines.clone();
            change(&mut changed);
            is_refused(&judge(folder.path(), &changed, None), claims);
        };
        let proof = ["box", "far", "out", "cut", "query"];
        lie(&|l| l[1]["bound"] = json!(bound * 1.01), &proof);
        lie(&|l| l[1]["bound"] = json!(-1.0), &["bound"]);
        // Moved towards where it is measured from: it no longer satisfies the question.
        lie(&|l| l[1]["x"] = json!([0.1, -0.2]), &["witness"]);
        lie(&|l| l[1]["x"] = json!([x[0], x[1], 0.0]), &["witness"]);
        lie(&|l| l[1]["distance"] = json!(bound * 1.5), &["distance"]);
        lie(&|l| l[1]["near"] = json!([0.1, -0.3]), &["distance"]);
        lie(&|l| l[1]["near"] = json!([0.1]), &["near"]);
        lie(&|l| l[0]["weights"] = json!([1.0, 3.0]), &["distance"]);
        lie(&|l| l[0]["weights"] = json!([1.0, -3.0]), &["weights"]);
        lie(&|l| l[0]["norm"] = json!(if norm == "l1" { "linf" } else { "l1" }), &["distance"]);
        lie(&|l| l[0]["model"]["sha256"] = json!("00"), &["model"]);
        lie(&|l| l[1]["x"] = json!(null), &["witness"]);
        // Less than the box, or than the ball.
        lie(
            &|l| {
                for line in [2, 3] {
                    l[line]["upper"] = l[line]["lower"].clone();
                }
            },
            &["witness", "query"],
        );
        // Another model, by its file.
        let other = tempdir().unwrap();
        Layers::random(&[2, 14, 10, 3], Function::Relu, 2).write(&other.path().join("net.onnx"));
        is_refused(&judge(other.path(), &lines, None), &["model"]);
        // Another question.
        is_refused(&judge(folder.path(), &lines, Some(("y0 >= y1", [-1.0, 1.0]))), &["query"]);
        // A branch that is missing, and one that is said to be far.
        if let Some(at) = (4..lines.len()).find(|&at| lines[at].get("split").is_some()) {
            lie(&|l| drop(l[at].as_object_mut().unwrap().remove("split")), &["box"]);
        }
        // What is no number is no file.
        let broken = file(&lines).replacen("\"near\":[", "\"near\":[NaN,", 1);
        std::fs::write(folder.path().join("proof.jsonl"), broken).unwrap();
        assert!(check(&options(folder.path())).is_err());
    }
}

#[test]
fn rows_without_a_proof_are_not_confirmed() {
    let folder = tempdir().unwrap();
    bounded_by_a_half().write(&folder.path().join("net.onnx"));
    // Without bounds and without an answer there is nothing to search.
    let mut lines = prove(folder.path(), &["--target", "0.3", "--near", "0", "--certify"]);
    is_confirmed(&judge(folder.path(), &lines, None));
    lines[0]["unproved"] = json!([3]);
    let report = judge(folder.path(), &lines, None);
    assert_eq!(report.verdict, Verdict::NotCheckable, "{report:?}");
}
