//! `netinverse check` on preimages: true answers are confirmed, and answers that lie are refused, each for its own reason.

mod check_support;
mod common;

use check_support::{Lie, Made, hash, mutation, network};
use common::{Layers, check_schema_of, netinverse, text};
use netinverse::check::{Options, Verdict, check};
use netinverse::network::Function;
use serde_json::{Value, json};

const ASKED: [&str; 6] = ["--where", "y0 >= y1 && y0 >= y2", "--bounds", "-1,1", "--coverage", "0.97"];
const BOTH: [&str; 8] =
    ["--where", "y0 >= y1 && y0 >= y2", "--bounds", "-1,1", "--coverage", "0.9", "--over", "1.1"];

fn number(lines: &[Value], kind: &str) -> usize {
    lines.iter().position(|line| line.get(kind).is_some()).unwrap_or_else(|| panic!("no line `{kind}`"))
}

/// A piece with facets.
fn faceted(lines: &[Value], kind: &str) -> usize {
    let has = |line: &Value| line.get(kind).is_some_and(|p| !p["rows"].as_array().unwrap().is_empty());
    lines.iter().position(has).expect("a piece with facets")
}

fn shift(value: &mut Value, by: f64) {
    *value = json!(value.as_f64().unwrap() + by);
}

/// A cut leaf with forms, the most undecided one.
fn cut(lines: &[Value]) -> usize {
    let gap = |line: &Value| {
        let v = line.get("cut").map(|c| c["v"][1].as_f64().unwrap() - c["v"][0].as_f64().unwrap());
        v.unwrap_or(-1.0)
    };
    (0..lines.len()).max_by(|&a, &b| gap(&lines[a]).total_cmp(&gap(&lines[b]))).unwrap()
}

#[test]
fn true_answers_are_confirmed() {
    for seed in 0..3 {
        for (function, sizes) in [
            (Function::Relu, vec![2, 10, 8, 3]),
            (Function::Relu, vec![3, 6, 3]),
            (Function::Tanh, vec![2, 6, 3]),
        ] {
            let layers = Layers::random(&sizes, function, seed);
            let questions: [&[&str]; 4] = [
                &ASKED,
                &BOTH,
                &[
                    "--where",
                    "y0 >= 0.3 || y1 - 2*y2 >= x0 && y0 in [-0.1, 1]",
                    "--bounds",
                    "-1,0.7",
                    "--coverage",
                    "0.8",
                ],
                &["--where", "argmax != 1 && x0 + x1 <= 0.4", "--bounds", "-0.3,0.7", "--over", "1.5"],
            ];
            for asked in questions {
                let limits: &[&str] = if function == Function::Tanh {
                    &["--time-limit", "0.5"]
                } else {
                    &["--time-limit", "2"]
                };
                let made = Made::preimage(&layers, &[asked, limits].concat());
                let report = made.check().unwrap();
                assert_eq!(
                    report.verdict,
                    Verdict::Confirmed,
                    "{seed} {function:?} {asked:?}: {:?} {:?}",
                    report.first_failure,
                    report.why
                );
            }
        }
    }
}

#[test]
fn an_answer_of_an_empty_question_is_confirmed() {
    let made = Made::preimage(&network(1), &["--where", "y0 >= 100", "--bounds", "-1,1"]);
    assert_eq!(made.check().unwrap().verdict, Verdict::Confirmed);
    let made = Made::preimage(&network(1), &["--where", "y0 >= 1 && x0 >= 2", "--bounds", "-1,1"]);
    assert_eq!(made.check().unwrap().verdict, Verdict::Confirmed);
}

#[test]
fn shards_and_what_they_merge_to_are_confirmed() {
    let made = Made::preimage(&network(3), &[&ASKED[..], &["--shard", "1/2"]].concat());
    assert_eq!(made.check().unwrap().verdict, Verdict::Confirmed);
    let folder = made.folder.path();
    let second =
        [&["preimage", "net.onnx", "-o", "second.preimage"][..], &ASKED, &["--shard", "2/2"]].concat();
    assert!(netinverse(folder, &second).status.success());
    let merge = ["preimage", "--merge", "answer.preimage", "second.preimage", "-o", "whole.preimage"];
    assert!(netinverse(folder, &merge).status.success());
    for answer in ["second.preimage", "whole.preimage"] {
        let output = netinverse(folder, &["check", answer, "--model", "net.onnx"]);
        assert_eq!(output.status.code(), Some(0), "{answer}: {}", text(&output.stdout));
    }
}

/// A change of an answer's lines, by name.
type Change = (&'static str, fn(&mut Vec<Value>));

const LIES: [Lie; 23] = [
    (
        "a shifted facet",
        |lines| {
            let at = faceted(lines, "inner");
            let row = lines[at]["inner"]["rows"][0].as_array_mut().unwrap();
            shift(row.last_mut().unwrap(), 0.05);
        },
        "inner piece",
    ),
    (
        "a facet left out",
        |lines| {
            let at = faceted(lines, "inner");
            lines[at]["inner"]["rows"].as_array_mut().unwrap().clear();
        },
        "inner piece",
    ),
    (
        "a larger box of a piece",
        |lines| {
            let at = number(lines, "inner");
            lines[at]["inner"]["lower"] = json!([-1.5, -1.0]);
        },
        "piece",
    ),
    (
        "a piece said to be larger",
        |lines| {
            let at = number(lines, "inner");
            let volume = lines[at]["inner"]["volume"].as_array_mut().unwrap();
            shift(&mut volume[0], 0.05);
            shift(&mut volume[1], 0.05);
        },
        "volume of a piece",
    ),
    (
        "a piece twice",
        |lines| {
            let at = number(lines, "inner");
            let piece = lines[at].clone();
            lines.insert(at, piece);
            shift(&mut lines[0]["pieces_lower"], 0.0);
            let count = lines[0]["pieces"]["inner"].as_u64().unwrap() + 1;
            lines[0]["pieces"]["inner"] = json!(count);
        },
        "inner piece",
    ),
    ("more pieces than follow", |lines| lines[0]["pieces"]["inner"] = json!(1000), "pieces"),
    (
        "swapped volumes of a leaf",
        |lines| {
            let at = cut(lines);
            lines[at]["cut"]["v"].as_array_mut().unwrap().reverse();
        },
        "volume of a leaf",
    ),
    (
        "an inner volume that is too large",
        |lines| {
            let at = cut(lines);
            let outer = lines[at]["cut"]["v"][1].clone();
            lines[at]["cut"]["v"][0] = outer;
        },
        "volume of a leaf",
    ),
    (
        "an outer volume that is too small",
        |lines| {
            let at = cut(lines);
            let inner = lines[at]["cut"]["v"][0].clone();
            lines[at]["cut"]["v"][1] = inner;
        },
        "volume of a leaf",
    ),
    (
        "a form that is too high",
        |lines| {
            let at = cut(lines);
            shift(&mut lines[at]["cut"]["f"][2], 0.05);
        },
        "cut",
    ),
    (
        "a form of the negation that is too high",
        |lines| {
            let at = cut(lines);
            shift(&mut lines[at]["cut"]["f"][5], 0.05);
        },
        "cut",
    ),
    (
        "a cut leaf said to be in",
        |lines| {
            let at = cut(lines);
            // Its box is that of its path: the volume of the leaf decides nothing, so it is taken from a leaf that is in.
            let v = lines[at]["cut"]["v"].clone();
            lines[at] = json!({"in": [0.0, v[1]]});
            lines[at]["in"][1] = json!(4.0);
        },
        "in",
    ),
    (
        "a leaf that is in said to be out",
        |lines| {
            let at = number(lines, "in");
            lines[at] = json!({"out": 0});
        },
        "out",
    ),
    (
        "a leaf that is out said to be in",
        |lines| {
            let at = number(lines, "out");
            lines[at] = json!({"in": [0.0, 4.0]});
        },
        "in",
    ),
    (
        "a missing leaf",
        |lines| {
            let at = number(lines, "in");
            lines[at] = json!({"elsewhere": true});
            // What is elsewhere counts for nothing.
        },
        "",
    ),
    (
        "a lower volume above the leaves'",
        |lines| {
            let volume = &mut lines[0]["volume"];
            volume["lower"] =
                json!(f64::midpoint(volume["lower"].as_f64().unwrap(), volume["upper"].as_f64().unwrap()));
        },
        "volume.lower",
    ),
    (
        "an upper volume below the leaves'",
        |lines| {
            let upper = lines[0]["volume"]["upper"].as_f64().unwrap();
            lines[0]["volume"]["upper"] = json!(upper * (1.0 - 4.0 * f64::EPSILON));
        },
        "volume.upper",
    ),
    (
        "a coverage that is rounded up",
        |lines| {
            let coverage = lines[0]["coverage"].as_f64().unwrap();
            lines[0]["coverage"] = json!(coverage * (1.0 + 4.0 * f64::EPSILON));
        },
        "coverage",
    ),
    (
        "the pieces' volume rounded up",
        |lines| {
            let sum = lines[0]["pieces_lower"].as_f64().unwrap();
            lines[0]["pieces_lower"] = json!(sum * (1.0 + 4.0 * f64::EPSILON));
        },
        "pieces_lower",
    ),
    ("another box", |lines| lines[0]["volume"]["box"] = json!(5.0), "volume.box"),
    ("said to be empty", |lines| lines[0]["status"] = json!("empty"), "status"),
    ("another condition", |lines| lines[0]["asked"]["where"] = json!("y0 >= y1"), "question"),
    ("another model", |lines| lines[0]["model"]["sha256"] = json!("0".repeat(64)), "model"),
];

#[test]
fn lying_pavings_are_refused_each_for_its_reason() {
    for seed in [3, 5] {
        let made = Made::preimage(&network(seed), &ASKED);
        let truth = made.lines();
        assert_eq!(made.check().unwrap().verdict, Verdict::Confirmed);
        for (name, lie, claim) in LIES {
            let mut lines = truth.clone();
            lie(&mut lines);
            made.write(&lines);
            let report = made.check().unwrap_or_else(|trouble| panic!("{name}: {trouble}"));
            assert_eq!(report.verdict, Verdict::Refused, "{name}");
            let failure = report.first_failure.unwrap();
            // A leaf that is said to be in has a volume, which may be wrong before anything else is.
            let volume = name.contains("said to be in") && failure.claim == "volume of a leaf";
            assert!(volume || claim.is_empty() || failure.claim == claim, "{name}: {failure:?}");
        }
        made.write(&truth);
        assert_eq!(
            made.check().unwrap().verdict,
            Verdict::Confirmed,
            "lines written back are the same answer"
        );
    }
}

#[test]
fn rows_and_bounds_of_another_question_are_refused() {
    let made = Made::preimage(&network(3), &ASKED);
    let truth = made.lines();
    let lies: [fn(&mut Value); 8] = [
        |head| head["rows"][0]["outputs"][1] = json!(-0.5),
        |head| head["rows"][0]["inner"] = json!(0.1),
        |head| head["rows"][1]["outer"] = json!(-0.1),
        |head| head["rows"][1]["strict"] = json!(true),
        |head| head["disjuncts"] = json!([[0]]),
        |head| head["disjuncts"] = json!([[0, 1], [0]]),
        |head| head["bounds"][0] = json!(["-1", "1/2"]),
        |head| head["asked"]["bounds"] = json!([[-1.0, 0.5]]),
    ];
    for (number, lie) in lies.iter().enumerate() {
        let mut lines = truth.clone();
        lie(&mut lines[0]);
        made.write(&lines);
        let report = made.check().unwrap();
        assert_eq!(report.verdict, Verdict::Refused, "{number}");
        assert_eq!(report.first_failure.unwrap().claim, "question", "{number}");
    }
    made.write(&truth);
    // The user's own question decides.
    let ask = |condition: &str, bounds: [f64; 2]| {
        let options = Options {
            answer: made.answer.clone(),
            model: made.path("net.onnx"),
            condition: Some(condition.into()),
            bounds: Some(vec![bounds]),
            ..Options::default()
        };
        check(&options).unwrap().verdict
    };
    assert_eq!(ask("2*y0 - 2*y1 >= 0 && y2 <= y0", [-1.0, 1.0]), Verdict::Confirmed);
    assert_eq!(ask("y0 >= y1 && y0 >= y2 && y0 >= 0.1", [-1.0, 1.0]), Verdict::Refused);
    assert_eq!(ask("y0 >= y1 && y0 >= y2", [-1.0, 0.9]), Verdict::Refused);
    let specification = "(declare-const X_0 Real) (declare-const X_1 Real)
        (declare-const Y_0 Real) (declare-const Y_1 Real) (declare-const Y_2 Real)
        (assert (and (>= X_0 -1) (<= X_0 1) (>= X_1 -1) (<= X_1 1))) (assert (>= Y_0 Y_1 )) (assert (<= Y_2 Y_0))";
    std::fs::write(made.path("spec.vnnlib"), specification).unwrap();
    std::fs::write(made.path("other.vnnlib"), specification.replace("(<= X_1 1)", "(<= X_1 2)")).unwrap();
    let second = "(vnnlib-version <2.0>)
        (declare-network f (declare-input X float32 [1,2]) (declare-output Y float32 [1,3]))
        (assert (and (<= -1 X[0,0] 1) (<= -1 X[0,1] 1) (>= Y[0,0] Y[0,1]) (>= Y[0,0] Y[0,2])))";
    std::fs::write(made.path("second.vnnlib"), second).unwrap();
    for (name, verdict) in [("spec", "confirmed"), ("other", "refused"), ("second", "confirmed")] {
        let file = format!("{name}.vnnlib");
        let arguments =
            ["check", "answer.preimage", "--model", "net.onnx", "--spec", &file, "--format", "json"];
        let output = netinverse(made.folder.path(), &arguments);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        check_schema_of("check", &report, "check");
        assert_eq!(report["verdict"], verdict, "{name}: {report}");
        assert_eq!(output.status.code(), Some(i32::from(verdict != "confirmed")), "{name}");
    }
}

#[test]
fn lying_covers_are_refused() {
    let made = Made::preimage(&network(3), &BOTH);
    let truth = made.lines();
    assert_eq!(made.check().unwrap().verdict, Verdict::Confirmed);
    let lies: [Change; 3] = [
        ("a facet moved in", |lines| {
            let at = faceted(lines, "outer");
            let row = lines[at]["outer"]["rows"][0].as_array_mut().unwrap();
            shift(row.last_mut().unwrap(), -0.2);
        }),
        ("a smaller box", |lines| {
            let at = number(lines, "outer");
            let (low, high) = (
                lines[at]["outer"]["lower"][0].as_f64().unwrap(),
                lines[at]["outer"]["upper"][0].as_f64().unwrap(),
            );
            lines[at]["outer"]["lower"][0] = json!(f64::midpoint(low, high));
        }),
        ("a piece left out", |lines| {
            let at = number(lines, "outer");
            lines.remove(at);
            let count = lines[0]["pieces"]["outer"].as_u64().unwrap() - 1;
            lines[0]["pieces"]["outer"] = json!(count);
            if count == 0 {
                // Without any piece nothing is said to be covered.
                lines[0]["status"] = json!("empty");
            }
        }),
    ];
    for (name, lie) in lies {
        let mut lines = truth.clone();
        lie(&mut lines);
        made.write(&lines);
        assert_eq!(made.check().unwrap().verdict, Verdict::Refused, "{name}");
    }
}

#[test]
fn files_that_are_no_answer_are_bad_input() {
    let made = Made::preimage(&network(3), &ASKED);
    let truth = std::fs::read_to_string(&made.answer).unwrap();
    let lines: Vec<&str> = truth.lines().collect();
    let nan = truth.replacen("\"lower\":[-1.0", "\"lower\":[NaN", 1);
    let infinite = truth.replacen("\"lower\":[-1.0", "\"lower\":[-1e999", 1);
    let unknown = truth.replacen("\"version\":", "\"extra\":1,\"version\":", 1);
    let short = lines[..lines.len() - 1].join("\n") + "\n";
    let without = [&lines[..2], &lines[3..]].concat().join("\n") + "\n";
    for (name, text) in [
        ("nan", nan),
        ("infinite", infinite),
        ("unknown", unknown),
        ("short", short),
        ("without", without),
        ("empty", String::new()),
    ] {
        std::fs::write(&made.answer, text).unwrap();
        assert!(made.check().is_err(), "{name}");
        let output = netinverse(made.folder.path(), &["check", "answer.preimage", "--model", "net.onnx"]);
        assert_eq!(output.status.code(), Some(2), "{name}");
    }
    // A change that leaves everything true but the hash.
    std::fs::write(&made.answer, truth.replacen("\"seconds\":", "\"seconds\":1", 1)).unwrap();
    assert_eq!(made.check().unwrap().first_failure.unwrap().claim, "sha256");
    // Another model of the same shape.
    std::fs::write(&made.answer, truth).unwrap();
    network(4).write(&made.path("net.onnx"));
    assert_eq!(made.check().unwrap().first_failure.unwrap().claim, "model");
    let lines = made.lines();
    let mut lines = lines.clone();
    let bytes = std::fs::read(made.path("net.onnx")).unwrap();
    lines[0]["model"]["sha256"] = json!(hash(&bytes));
    made.write(&lines);
    assert_eq!(made.check().unwrap().verdict, Verdict::Refused, "the claims are about another network");
}

#[test]
fn operators_that_are_not_covered_are_not_checkable() {
    let made = Made::preimage(
        &Layers::random(&[2, 5, 2], Function::Softplus, 2),
        &["--where", "y0 >= y1", "--bounds", "-1,1", "--coverage", "0.5"],
    );
    let report = made.check().unwrap();
    assert_eq!(report.verdict, Verdict::NotCheckable);
    let why = report.why.unwrap();
    assert!(why.contains("is not covered"), "{why}");
    let output = netinverse(
        made.folder.path(),
        &["check", "answer.preimage", "--model", "net.onnx", "--format", "json"],
    );
    assert_eq!(output.status.code(), Some(3));
    check_schema_of("check", &serde_json::from_slice(&output.stdout).unwrap(), "check");
}

#[test]
fn changed_pavings_are_never_confirmed_where_they_are_false() {
    let layers = network(3);
    let rows = |x: &[f64]| {
        let y = layers.forward(x);
        vec![y[0] - y[1], y[0] - y[2]]
    };
    let mut random = mutation::Random(1);
    let mut confirmed = 0;
    for asked in [&ASKED[..], &BOTH[..]] {
        let made = Made::preimage(&layers, asked);
        let lines = made.lines();
        let volume = |side: &str| lines[0]["volume"][side].as_f64().unwrap();
        let truth = mutation::Truth {
            rows: &rows,
            lower: vec![-1.0; 2],
            upper: vec![1.0; 2],
            volume: (volume("lower"), volume("upper")),
        };
        let options = Options {
            answer: made.answer.clone(),
            model: made.path("net.onnx"),
            condition: Some("y0 >= y1 && y0 >= y2".into()),
            bounds: Some(vec![[-1.0, 1.0]]),
            ..Options::default()
        };
        assert_eq!(mutation::falsehood(&lines, &truth, &mut random), None, "the answer itself");
        for _ in 0..300 {
            let mut changed = lines.clone();
            mutation::mutate(&mut changed, &mut random);
            std::fs::write(&made.answer, mutation::file(&changed, Some(&hash))).unwrap();
            let Ok(report) = check(&options) else { continue };
            if report.verdict == Verdict::Confirmed {
                confirmed += 1;
                let lie = mutation::falsehood(&changed, &truth, &mut random);
                assert_eq!(lie, None, "confirmed, and false");
            }
        }
    }
    assert!(confirmed > 20, "some changes leave everything true");
}
