//! `netinverse check` on proofs of `verify`: true verdicts are confirmed, and proofs that lie are refused.

mod check_support;
mod common;

use check_support::{Lie, Made, hash, mutation, network};
use common::Layers;
use netinverse::check::{Options, Verdict, check};
use netinverse::network::Function;
use serde_json::{Value, json};

fn query(outputs: &str) -> String {
    format!(
        "(declare-const X_0 Real) (declare-const X_1 Real)
        (declare-const Y_0 Real) (declare-const Y_1 Real) (declare-const Y_2 Real)
        (assert (>= X_0 -1)) (assert (<= X_0 1)) (assert (>= X_1 -1)) (assert (<= X_1 1)) {outputs}"
    )
}

/// The largest value of y0 on a grid over the box.
fn largest(layers: &Layers) -> f64 {
    let at = |i: usize| i as f64 / 100.0 - 1.0;
    let values = (0..=200).flat_map(|i| (0..=200).map(move |j| [at(i), at(j)]));
    values.map(|x| layers.forward(&x)[0]).fold(f64::NEG_INFINITY, f64::max)
}

#[test]
fn lying_proofs_of_emptiness_are_refused() {
    let layers = network(7);
    let text = query(&format!(
        "(assert (or (>= Y_0 {}) (and (>= Y_0 -50) (>= Y_1 1000))))",
        largest(&layers) + 0.05
    ));
    let made = Made::verify(&layers, &text, "unsat");
    let truth = made.lines();
    let report = made.check().unwrap();
    assert_eq!(report.verdict, Verdict::Confirmed, "{:?}", report.first_failure);
    let lies: [Lie; 8] = [
        (
            "nothing is out",
            |lines| {
                let at = (2..lines.len()).rev().find(|&at| lines[at].get("out").is_some()).unwrap();
                lines[at] = json!({});
            },
            "box",
        ),
        (
            "an overlapping box",
            |lines| {
                // Two halves that are the same box leave out the other.
                let at = (2..lines.len()).find(|&at| lines[at].get("split").is_some()).unwrap();
                let first = lines[at]["split"]["first"].as_u64().unwrap();
                lines[at]["split"]["first"] = json!(first + 1);
            },
            "tree",
        ),
        ("no region", |lines| lines.truncate(1), "query"),
        ("a smaller box", |lines| lines[1]["upper"][0] = json!(0.5), "query"),
        (
            "a lower bar",
            |lines| {
                let outer = lines[1]["rows"][0]["outer"].as_f64().unwrap();
                lines[1]["rows"][0]["outer"] = json!(outer - 10.0);
            },
            "query",
        ),
        ("a disjunct left out", |lines| lines[1]["disjuncts"].as_array_mut().unwrap().truncate(1), "query"),
        (
            "another query",
            |lines| {
                lines[0]["query"]["text"] = json!(query("(assert (>= Y_0 -50))"));
                lines[0]["query"]["sha256"] = json!(hash(query("(assert (>= Y_0 -50))").as_bytes()));
            },
            "query",
        ),
        ("another hash", |lines| lines[0]["model"]["sha256"] = json!("0".repeat(64)), "model"),
    ];
    for (name, lie, claim) in lies {
        let mut lines = truth.clone();
        lie(&mut lines);
        made.write(&lines);
        let report = made.check().unwrap_or_else(|trouble| panic!("{name}: {trouble}"));
        assert_eq!(report.verdict, Verdict::Refused, "{name}");
        let failure = report.first_failure.unwrap();
        assert!(claim.is_empty() || failure.claim == claim, "{name}: {failure:?}");
    }
}

#[test]
fn lying_witnesses_are_refused() {
    let layers = network(7);
    let bar = largest(&layers) - 0.05;
    let made = Made::verify(&layers, &query(&format!("(assert (>= Y_0 {bar}))")), "sat");
    let truth = made.lines();
    assert_eq!(made.check().unwrap().verdict, Verdict::Confirmed);
    let lies: [fn(&mut Value); 6] = [
        |head| head["x"][0] = json!("7"),
        |head| head["x"] = json!(["0.5"]),
        |head| head["x"][1] = json!("NaN"),
        |head| head["y"][0] = json!(100.0),
        |head| {
            head.as_object_mut().unwrap().remove("x");
        },
        |head| head["verdict"] = json!("unsat"),
    ];
    for (number, lie) in lies.iter().enumerate() {
        let mut lines = truth.clone();
        lie(&mut lines[0]);
        made.write(&lines);
        assert_eq!(made.check().unwrap().verdict, Verdict::Refused, "{number}");
    }
    let mut lines = truth.clone();
    lines[0]["verdict"] = json!("unknown");
    made.write(&lines);
    assert_eq!(made.check().unwrap().verdict, Verdict::NotCheckable);
}

#[test]
fn proofs_of_small_networks_are_confirmed_on_both_sides_of_the_bar() {
    for seed in 0..12 {
        let layers = Layers::random(&[2, 9, 7, 3], Function::Relu, seed);
        let top = largest(&layers);
        for (bar, verdict) in [(top + 0.02, "unsat"), (top - 0.02, "sat")] {
            let made = Made::verify(&layers, &query(&format!("(assert (>= Y_0 {bar}))")), verdict);
            let report = made.check().unwrap();
            assert_eq!(report.verdict, Verdict::Confirmed, "{seed} {verdict}: {:?}", report.first_failure);
        }
    }
}

#[test]
fn a_proof_of_what_is_false_is_never_confirmed_however_it_is_changed() {
    let layers = network(7);
    let (high, low) = (largest(&layers) + 0.05, largest(&layers) - 0.05);
    let made = Made::verify(&layers, &query(&format!("(assert (>= Y_0 {high}))")), "unsat");
    let mut lines = made.lines();
    // The same proof, for a query that has answers.
    let satisfiable = query(&format!("(assert (>= Y_0 {low}))"));
    lines[0]["query"] =
        json!({"path": "query.vnnlib", "text": satisfiable, "sha256": hash(satisfiable.as_bytes())});
    lines[1]["rows"][0]["outer"] = json!(-low);
    made.write(&lines);
    assert_eq!(made.check().unwrap().verdict, Verdict::Refused);
    std::fs::write(made.path("spec.vnnlib"), &satisfiable).unwrap();
    let mut random = mutation::Random(2);
    for _ in 0..300 {
        let mut changed = lines.clone();
        mutation::mutate(&mut changed, &mut random);
        std::fs::write(&made.answer, mutation::file(&changed, None)).unwrap();
        let options = Options {
            answer: made.answer.clone(),
            model: made.path("net.onnx"),
            specification: Some(made.path("spec.vnnlib")),
            ..Options::default()
        };
        if let Ok(report) = check(&options) {
            assert!(report.verdict != Verdict::Confirmed || report.claim.starts_with("sat"), "{changed:?}");
        }
    }
}
