//! `netinverse check` on exact preimages: true answers are confirmed, and answers that lie are refused, each for its own reason.

mod check_support;
mod common;

use check_support::{Lie, Made, network, write_normed};
use common::Layers;
use netinverse::check::Verdict;
use netinverse::network::Function;
use serde_json::{Value, json};

fn confirmed(layers: &Layers, arguments: &[&str]) -> Made {
    let made = Made::preimage(layers, arguments);
    let report = made.check().unwrap();
    assert_eq!(
        report.verdict,
        Verdict::Confirmed,
        "{arguments:?}: {:?} {:?}",
        report.first_failure,
        report.why
    );
    made
}

fn layers(weights: Vec<Vec<f64>>, biases: Vec<Vec<f64>>, function: Function) -> Layers {
    let functions = (0..weights.len()).map(|k| (k + 1 < weights.len()).then_some(function)).collect();
    Layers { weights, biases, functions }
}

/// `y0 = max(x0 − ½, 0) + max(x1 − ½, 0)`
fn corner() -> Layers {
    layers(vec![vec![1.0, 0.0, 0.0, 1.0], vec![1.0, 1.0]], vec![vec![-0.5, -0.5], vec![0.0]], Function::Relu)
}

/// `y0 = |x0|, y1 = |x1 + 9| − 9`
fn fold() -> Layers {
    let unit = || vec![1.0, 0.0, 0.0, 1.0];
    layers(vec![unit(), unit()], vec![vec![0.0, 9.0], vec![0.0, -9.0]], Function::Abs)
}

#[test]
fn true_answers_are_confirmed() {
    for seed in 0..3 {
        for (function, sizes) in [
            (Function::Relu, vec![2, 10, 8, 3]),
            (Function::LeakyRelu { alpha: 0.1 }, vec![3, 6, 3]),
            (Function::Clip { low: -0.5, high: 0.75 }, vec![2, 7, 5, 3]),
        ] {
            let layers = Layers::random(&sizes, function, seed);
            let questions: [&[&str]; 6] = [
                &["--where", "y0 >= y1 && y0 >= y2", "--bounds", "-1,1", "--exact"],
                &["--where", "y0 >= y1 && y0 > y2", "--bounds", "-1,1", "--exact", "--no-compact"],
                &[
                    "--where",
                    "y0 >= 0.3 || y1 - 2*y2 >= x0 && y0 in [-0.1, 1]",
                    "--bounds",
                    "-1,0.7",
                    "--exact",
                ],
                &["--where", "argmax != 1 && x0 + x1 <= 0.4", "--bounds", "-0.3,0.7", "--exact"],
                &["--where", "y0 >= y1 && y0 >= y2", "--bounds", "-1,1", "--regions"],
                &["--regions", "--bounds", "-0.6,0.7"],
            ];
            for asked in questions {
                confirmed(&layers, asked);
            }
        }
    }
}

#[test]
fn points_segments_and_plateaus_are_confirmed() {
    for target in ["0", "0.25", "1", "1.5"] {
        confirmed(&corner(), &["--target", target, "--bounds", "0,1"]);
    }
    confirmed(&fold(), &["--target", "0.5,0.25", "--bounds", "-1,1"]);
    confirmed(&fold(), &["--regions", "--bounds", "-1,1"]);
}

#[test]
fn targets_with_more_outputs_than_inputs_are_confirmed() {
    // A value that the network has to within rounding: nothing has it in truth, and doubles see a point.
    for seed in 0..6 {
        for sizes in [vec![2, 10, 3], vec![1, 6, 2], vec![2, 8, 6, 4], vec![3, 6, 3]] {
            let layers = Layers::random(&sizes, Function::Relu, seed);
            let x = [0.1, 0.2, -0.3];
            let y: Vec<String> = layers.forward(&x[..sizes[0]]).iter().map(f64::to_string).collect();
            confirmed(&layers, &[&format!("--target={}", y.join(",")), "--bounds", "-1,1"]);
        }
    }
}

#[test]
fn empty_contradictory_and_fixed_questions_are_confirmed() {
    for asked in ["y0 >= 100", "y0 >= 1 && x0 >= 2", "x0 >= 0.1", "y0 >= 0 && y0 <= 0"] {
        confirmed(&corner(), &["--where", asked, "--bounds", "0,1", "--exact"]);
    }
    let folder = tempfile::tempdir().unwrap();
    let bounds = folder.path().join("bounds.csv");
    std::fs::write(&bounds, "0,1\n0.7,0.7\n").unwrap();
    confirmed(&corner(), &["--where", "y0 >= 0.3", "--bounds", bounds.to_str().unwrap(), "--exact"]);
}

fn piece(lines: &[Value]) -> usize {
    lines.iter().position(|line| line.get("piece").is_some()).unwrap()
}

/// A facet of the first piece that is no side of the box.
fn facet(lines: &mut [Value]) -> &mut Value {
    let at = piece(lines);
    let rows = lines[at]["piece"]["rows"].as_array_mut().unwrap();
    rows.iter_mut().find(|row| row["of"].get("box").is_none()).expect("a facet inside the box")
}

fn region(lines: &[Value]) -> usize {
    lines.iter().position(|line| line.get("region").is_some()).unwrap()
}

/// Takes the first piece out, and counts one less.
fn leave_out(lines: &mut Vec<Value>) {
    let at = piece(lines);
    lines.remove(at);
    let count = lines[0]["pieces"].as_u64().unwrap();
    lines[0]["pieces"] = json!(count - 1);
}

fn shift(value: &mut Value, by: f64) {
    *value = json!(value.as_f64().unwrap() + by);
}

const LIES: [Lie; 24] = [
    ("a facet moved outward", |lines| shift(&mut facet(lines)["constant"], 0.05), "piece"),
    ("a facet moved inward", |lines| shift(&mut facet(lines)["constant"], -0.05), "pieces"),
    (
        "a facet moved by a hair more than its error",
        |lines| {
            let row = facet(lines);
            let error = row["error"].as_f64().unwrap();
            shift(&mut row["constant"], -3.0 * error - 1e-13);
        },
        "pieces",
    ),
    (
        "a facet left out",
        |lines| {
            let row = facet(lines).clone();
            let at = piece(lines);
            lines[at]["piece"]["rows"].as_array_mut().unwrap().retain(|own| *own != row);
        },
        "piece",
    ),
    (
        "an error below 0",
        |lines| {
            let at = piece(lines);
            lines[at]["piece"]["rows"][0]["error"] = json!(-1e-3);
        },
        "piece",
    ),
    ("a piece left out", leave_out, "pieces"),
    (
        "a piece twice",
        |lines| {
            let at = piece(lines);
            let copy = lines[at].clone();
            lines.insert(at, copy);
            let count = lines[0]["pieces"].as_u64().unwrap();
            lines[0]["pieces"] = json!(count + 1);
        },
        "piece",
    ),
    ("more pieces than follow", |lines| lines[0]["pieces"] = json!(99), "pieces"),
    (
        "a piece said to be larger",
        |lines| {
            let at = piece(lines);
            let volume = lines[at]["piece"]["volume"].as_array_mut().unwrap();
            for v in volume {
                shift(v, 1e-3);
            }
        },
        "volume of a piece",
    ),
    (
        "another fraction",
        |lines| {
            let at = piece(lines);
            lines[at]["piece"]["exact"] = json!("1/3");
        },
        "volume of a piece",
    ),
    (
        "no range",
        |lines| {
            let at = piece(lines);
            lines[at]["piece"]["volume"] = json!([1.0, 0.0]);
        },
        "volume of a piece",
    ),
    (
        "another dimension",
        |lines| {
            let at = piece(lines);
            lines[at]["piece"]["dimension"] = json!(1);
        },
        "dimension",
    ),
    (
        "an equation that is none",
        |lines| {
            let at = piece(lines);
            lines[at]["piece"]["rows"][0]["equality"] = json!(true);
        },
        "pieces",
    ),
    (
        "another region",
        |lines| {
            let at = piece(lines);
            let own = lines[at]["piece"]["regions"][0].as_u64().unwrap();
            lines[at]["piece"]["regions"] = json!([u64::from(own == 0)]);
        },
        "regions",
    ),
    ("a lower volume above", |lines| shift(&mut lines[0]["volume"]["lower"], 1e-9), "volume"),
    ("an upper volume below", |lines| shift(&mut lines[0]["volume"]["upper"], -1e-9), "volume"),
    ("another fraction of all", |lines| lines[0]["volume"]["exact"] = json!("3/2"), "volume"),
    ("another box", |lines| lines[0]["volume"]["box"] = json!(5.0), "volume.box"),
    ("said to be empty", |lines| lines[0]["status"] = json!("empty"), "status"),
    (
        "phases that do not occur",
        |lines| {
            let at = region(lines);
            let phases = lines[at]["region"]["phases"].as_str().unwrap().len();
            lines[at]["region"]["phases"] = json!("7".repeat(phases));
        },
        "phases",
    ),
    (
        "another map",
        |lines| {
            let at = region(lines);
            shift(&mut lines[at]["region"]["map"][0][0], 1e-6);
        },
        "map",
    ),
    (
        "a determinant where there is none",
        |lines| {
            let at = region(lines);
            lines[at]["region"]["determinant"] = json!(1);
        },
        "determinant",
    ),
    ("another condition", |lines| lines[0]["asked"]["where"] = json!("y0 >= y1"), "question"),
    ("another model", |lines| lines[0]["model"]["sha256"] = json!("0".repeat(64)), "model"),
];

#[test]
fn lying_answers_are_refused_each_for_its_reason() {
    let asked = ["--where", "y0 >= y1 && y0 >= y2", "--bounds", "-1,1", "--exact"];
    for seed in [3, 5] {
        let made = confirmed(&network(seed), &asked);
        let truth = made.lines();
        assert!(truth[0]["volume"]["exact"].is_string(), "small enough for a fraction");
        for (name, lie, claim) in LIES {
            let mut lines = truth.clone();
            lie(&mut lines);
            made.write(&lines);
            let report = made.check().unwrap_or_else(|trouble| panic!("{name}: {trouble}"));
            assert_eq!(report.verdict, Verdict::Refused, "{name}");
            let failure = report.first_failure.unwrap();
            assert_eq!(failure.claim, claim, "{name}: {failure:?}");
        }
        made.write(&truth);
        assert_eq!(made.check().unwrap().verdict, Verdict::Confirmed);
    }
}

#[test]
fn lies_about_regions_are_refused() {
    let made = confirmed(&fold(), &["--regions", "--bounds", "-1,1"]);
    let truth = made.lines();
    let lies: [Lie; 7] = [
        (
            "a region left out",
            |lines| {
                let at = region(lines);
                lines.remove(at);
                lines[0]["regions"] = json!(1);
                // What names it goes too.
                lines.retain(|line| line.get("piece").is_none() && line.get("fold").is_none());
                lines[0]["pieces"] = json!(0);
            },
            "pieces",
        ),
        (
            "a region smaller than it is",
            |lines| {
                let at = region(lines);
                let rows = lines[at]["region"]["rows"].as_array_mut().unwrap();
                for row in rows {
                    shift(&mut row["constant"], -0.01);
                }
            },
            "regions",
        ),
        (
            "a region larger than it is",
            |lines| {
                let at = region(lines);
                let rows = lines[at]["region"]["rows"].as_array_mut().unwrap();
                for row in rows {
                    shift(&mut row["constant"], 0.01);
                }
            },
            "region",
        ),
        (
            "a region twice",
            |lines| {
                let at = region(lines);
                let copy = lines[at].clone();
                lines.insert(at, copy);
                lines[0]["regions"] = json!(3);
            },
            "regions",
        ),
        (
            "another sign",
            |lines| {
                let at = region(lines);
                let sign = lines[at]["region"]["determinant"].as_i64().unwrap();
                lines[at]["region"]["determinant"] = json!(-sign);
            },
            "determinant",
        ),
        (
            "a fold within a region",
            |lines| {
                let at = lines.iter().position(|line| line.get("fold").is_some()).unwrap();
                lines[at]["fold"]["regions"] = json!([0, 0]);
            },
            "fold",
        ),
        ("more regions than follow", |lines| lines[0]["regions"] = json!(9), "regions"),
    ];
    for (name, lie, claim) in lies {
        let mut lines = truth.clone();
        lie(&mut lines);
        made.write(&lines);
        let report = made.check().unwrap_or_else(|trouble| panic!("{name}: {trouble}"));
        assert_eq!(report.verdict, Verdict::Refused, "{name}");
        let failure = report.first_failure.unwrap();
        assert_eq!(failure.claim, claim, "{name}: {failure:?}");
    }
}

#[test]
fn answers_that_were_stopped_are_confirmed_as_far_as_they_go() {
    let layers = Layers::random(&[3, 24, 24, 3], Function::Relu, 4);
    let made = Made::preimage(
        &layers,
        &["--where", "y0 >= y1 && y0 >= y2", "--bounds", "-1,1", "--exact", "--time-limit", "0.001"],
    );
    assert_eq!(made.lines()[0]["status"], "partial");
    assert_eq!(made.check().unwrap().verdict, Verdict::Confirmed);
}

#[test]
fn an_input_fixed_between_doubles_is_not_checkable() {
    let folder = tempfile::tempdir().unwrap();
    let query = folder.path().join("query.vnnlib");
    let fixed = "(declare-const X_0 Real) (declare-const X_1 Real) (declare-const Y_0 Real)
        (assert (>= X_0 0)) (assert (<= X_0 1)) (assert (>= X_1 0.7)) (assert (<= X_1 0.7)) (assert (>= Y_0 0.3))";
    std::fs::write(&query, fixed).unwrap();
    let made = Made::preimage(&corner(), &["--spec", query.to_str().unwrap(), "--exact"]);
    let report = made.check().unwrap();
    assert_eq!(report.verdict, Verdict::NotCheckable);
    assert!(report.why.unwrap().contains("x1 is fixed"));
}

/// A network whose constants are enclosed, and an answer about it that is confirmed.
fn confirmed_enclosed(layers: &Layers, seed: u64, arguments: &[&str]) -> Made {
    let made = Made::preimage_of(|path| write_normed(layers, path, seed), arguments);
    assert_eq!(made.lines()[0]["arithmetic"], "enclosed");
    let report = made.check().unwrap();
    assert_eq!(
        report.verdict,
        Verdict::Confirmed,
        "{seed} {arguments:?}: {:?} {:?}",
        report.first_failure,
        report.why
    );
    made
}

#[test]
fn enclosed_answers_are_confirmed() {
    for seed in 0..4 {
        for (function, sizes) in [
            (Function::Relu, vec![2, 10, 8, 3]),
            (Function::Abs, vec![3, 6, 3]),
            (Function::Clip { low: -0.5, high: 0.75 }, vec![2, 7, 5, 3]),
        ] {
            let layers = Layers::random(&sizes, function, seed);
            let questions: [&[&str]; 5] = [
                &["--where", "y0 >= y1 && y0 >= y2", "--bounds", "-1,1", "--exact"],
                &["--where", "y0 >= y1 && y0 > y2", "--bounds", "-1,1", "--exact", "--no-compact"],
                &["--where", "argmax == 1 && x0 + x1 <= 0.4", "--bounds", "-0.3,0.7", "--exact"],
                &["--where", "y0 >= 100", "--bounds", "-1,1", "--exact"],
                &["--regions", "--bounds", "-0.6,0.7"],
            ];
            for asked in questions {
                confirmed_enclosed(&layers, seed, asked);
            }
        }
    }
}

#[test]
fn enclosed_segments_are_confirmed() {
    let mut flat = 0;
    for seed in 0..6 {
        for sizes in [vec![2, 10, 8, 1], vec![1, 9, 1], vec![3, 6, 1]] {
            let layers = Layers::random(&sizes, Function::Relu, seed);
            let made = confirmed_enclosed(&layers, seed, &["--target", "0.2", "--bounds", "-1,1"]);
            let pieces = made.lines().into_iter().filter(|line| line.get("piece").is_some());
            flat += pieces.filter(|line| line["piece"]["dimension"] == json!(sizes[0] - 1)).count();
        }
    }
    assert!(flat > 20, "{flat}");
}

/// More weights than are taken without rounding.
#[test]
fn answers_about_large_networks_are_confirmed() {
    let layers = Layers::random(&[2, 160, 160, 2], Function::Relu, 1);
    let made = confirmed(&layers, &["--where", "y0 >= y1", "--bounds", "0,0.01", "--exact"]);
    assert_eq!(made.lines()[0]["arithmetic"], "enclosed");
    let made = confirmed(&layers, &["--where", "y0 == 0.1", "--bounds", "-0.05,0.05", "--exact"]);
    assert_eq!(made.lines()[0]["arithmetic"], "enclosed");
}

#[test]
fn lies_in_enclosed_answers_are_refused() {
    let asked = ["--where", "y0 >= y1 && y0 >= y2", "--bounds", "-1,1", "--exact"];
    let layers = Layers::random(&[2, 10, 8, 3], Function::Relu, 3);
    let made = confirmed_enclosed(&layers, 3, &asked);
    let truth = made.lines();
    // Fractions and determinants are no part of such answers.
    let other = ["a determinant where there is none", "another fraction", "another fraction of all"];
    for (name, lie, claim) in LIES.into_iter().filter(|lie| !other.contains(&lie.0)) {
        let mut lines = truth.clone();
        lie(&mut lines);
        made.write(&lines);
        let report = made.check().unwrap_or_else(|trouble| panic!("{name}: {trouble}"));
        assert_eq!(report.verdict, Verdict::Refused, "{name}: {:?}", report.why);
        let failure = report.first_failure.unwrap();
        // Moved along a kink it may stay in the preimage: then its volume is another, and it overlaps its neighbour.
        let moved = name == "a facet moved outward" && failure.claim == "volume of a piece";
        assert!(failure.claim == claim || moved, "{name}: {failure:?}");
    }
}

/// Where a piece may be in the preimage and still overlap another.
#[test]
fn enclosed_pieces_that_overlap_are_refused() {
    let layers = Layers::random(&[2, 10, 8, 3], Function::Relu, 3);
    let asked = ["--where", "y0 >= y1 && y0 >= y2", "--bounds", "-1,1", "--exact", "--no-compact"];
    let made = confirmed_enclosed(&layers, 3, &asked);
    let mut lines = made.lines();
    // A facet between two linear regions, moved a little into the other one.
    let between = |row: &&mut Value| row["of"].get("unit").is_some();
    let row = lines
        .iter_mut()
        .filter(|line| line.get("piece").is_some())
        .find_map(|line| line["piece"]["rows"].as_array_mut().unwrap().iter_mut().find(between));
    shift(&mut row.expect("a kink through the preimage")["constant"], 1e-4);
    made.write(&lines);
    let report = made.check().unwrap();
    assert_eq!(report.verdict, Verdict::Refused);
}

#[test]
fn lies_about_enclosed_segments_are_refused() {
    let segments = |made: &Made| made.lines().iter().filter(|line| line.get("piece").is_some()).count();
    let answer = |seed: u64| {
        let layers = Layers::random(&[2, 10, 8, 1], Function::Relu, seed);
        confirmed_enclosed(&layers, seed, &["--target", "0.2", "--bounds", "-1,1"])
    };
    let made = (0..9).map(answer).find(|made| segments(made) > 2).expect("a network with this value");
    let truth = made.lines();
    let lies: [Lie; 5] = [
        (
            "a segment beside the true one",
            |lines| {
                let at = piece(lines);
                for row in lines[at]["piece"]["rows"].as_array_mut().unwrap() {
                    if row.get("equality").is_some() {
                        let sign = row["slopes"][0].as_f64().unwrap().signum();
                        shift(&mut row["constant"], 1e-8 * sign);
                    }
                }
            },
            "pieces",
        ),
        ("a segment that is left out", leave_out, "pieces"),
        (
            "a segment with a volume",
            |lines| {
                let at = piece(lines);
                lines[at]["piece"]["volume"] = json!([1e-9, 1e-8]);
            },
            "volume of a piece",
        ),
        ("a volume of all", |lines| lines[0]["volume"]["lower"] = json!(1e-9), "volume"),
        (
            "a point",
            |lines| {
                let at = piece(lines);
                lines[at]["piece"]["dimension"] = json!(0);
            },
            "dimension",
        ),
    ];
    for (name, lie, claim) in lies {
        let mut lines = truth.clone();
        lie(&mut lines);
        made.write(&lines);
        let report = made.check().unwrap_or_else(|trouble| panic!("{name}: {trouble}"));
        assert_eq!(report.verdict, Verdict::Refused, "{name}: {:?}", report.why);
        let failure = report.first_failure.unwrap();
        assert_eq!(failure.claim, claim, "{name}: {failure:?}");
    }
}
