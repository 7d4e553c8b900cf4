//! `netinverse preimage --exact` as a user meets it: closed forms, points and plateaus, regions and folds, files, refusals.

mod common;

use std::fs;
use std::path::Path;
use std::process::Output;

use common::{Layers, check_schema_of, netinverse, numbers, text};
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
    check_schema_of("preimage-exact", &answer, "exact");
    answer
}

fn network(weights: Vec<Vec<f64>>, biases: Vec<Vec<f64>>, function: Function) -> TempDir {
    let folder = tempdir().unwrap();
    let functions = (0..weights.len()).map(|k| (k + 1 < weights.len()).then_some(function)).collect();
    Layers { weights, biases, functions }.write(&folder.path().join("net.onnx"));
    folder
}

/// `y0 = max(x0 − ½, 0) + max(x1 − ½, 0)`
fn corner() -> TempDir {
    let weights = vec![vec![1.0, 0.0, 0.0, 1.0], vec![1.0, 1.0]];
    network(weights, vec![vec![-0.5, -0.5], vec![0.0]], Function::Relu)
}

/// `y0 = |x0|, y1 = x1 = |x1 + 9| − 9` near 0: two sheets folded along x0 = 0.
fn fold() -> TempDir {
    let weights = vec![vec![1.0, 0.0, 0.0, 1.0], vec![1.0, 0.0, 0.0, 1.0]];
    network(weights, vec![vec![0.0, 9.0], vec![0.0, -9.0]], Function::Abs)
}

fn dimensions(answer: &Value) -> Vec<u64> {
    answer["polytopes"].as_array().unwrap().iter().map(|p| p["dimension"].as_u64().unwrap()).collect()
}

#[test]
fn volumes_are_fractions() {
    let folder = corner();
    let own = answer(folder.path(), &["net.onnx", "--exact", "--where", "y0 >= 0.25", "--bounds", "0,1"], 0);
    // 1 − ¼ − 2·¼·½ − ½·¼²
    assert_eq!(own["volume"]["exact"], "15/32");
    assert_eq!(own["arithmetic"], "exact");
    let full = answer(
        folder.path(),
        &["net.onnx", "--coverage", "1", "--where", "y0 >= 0.25", "--bounds", "0,1"],
        0,
    );
    assert_eq!(full["volume"]["exact"], "15/32");
    // 0.1 is a tenth, not the double next to it.
    let tenth = answer(folder.path(), &["net.onnx", "--exact", "--where", "x0 >= 0.1", "--bounds", "0,1"], 0);
    assert_eq!(tenth["volume"]["exact"], "9/10");
    assert_eq!(tenth["pieces"], 1);
    let parts = answer(
        folder.path(),
        &["net.onnx", "--exact", "--no-compact", "--where", "x0 >= 0.1", "--bounds", "0,1"],
        0,
    );
    assert_eq!((parts["pieces"].as_u64(), parts["regions"].as_u64()), (Some(4), Some(4)));
}

#[test]
fn targets_have_points_segments_and_plateaus() {
    let folder = corner();
    let target =
        |y: &str, status: i32| answer(folder.path(), &["net.onnx", "--target", y, "--bounds", "0,1"], status);
    let plateau = target("0", 0);
    assert_eq!(dimensions(&plateau), [2]);
    assert_eq!(plateau["volume"]["exact"], "1/4");
    let segments = target("0.25", 0);
    assert_eq!(dimensions(&segments), [1, 1, 1]);
    for piece in segments["polytopes"].as_array().unwrap() {
        for vertex in piece["vertices"].as_array().unwrap() {
            let x = numbers(vertex);
            let y = (x[0] - 0.5).max(0.0) + (x[1] - 0.5).max(0.0);
            assert!((y - 0.25).abs() < 1e-12, "{x:?}");
        }
    }
    let point = target("1", 0);
    assert_eq!(dimensions(&point), [0]);
    assert_eq!(numbers(&point["polytopes"][0]["vertices"][0]), [1.0, 1.0]);
    let none = target("1.5", 1);
    assert_eq!(none["status"], "empty");
    let output = run(folder.path(), &["net.onnx", "--target", "1", "--bounds", "0,1"]);
    assert!(text(&output.stdout).contains("1 isolated point"), "{}", text(&output.stdout));
}

#[test]
fn determinants_change_sign_across_folds() {
    let folder = fold();
    let all = answer(folder.path(), &["net.onnx", "--regions", "--bounds", "-1,1"], 0);
    assert_eq!(all["regions"], 2);
    let mut signs: Vec<i64> = all["linear_regions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["determinant"].as_i64().unwrap())
        .collect();
    signs.sort_unstable();
    assert_eq!(signs, [-1, 1]);
    let folds = all["folds"].as_array().unwrap();
    assert_eq!(folds.len(), 1);
    for vertex in folds[0]["vertices"].as_array().unwrap() {
        assert!(numbers(vertex)[0].abs() < 1e-12);
    }
    for region in all["linear_regions"].as_array().unwrap() {
        let map: Vec<Vec<f64>> = region["map"].as_array().unwrap().iter().map(numbers).collect();
        let sign = region["determinant"].as_f64().unwrap();
        assert_eq!(map, [vec![sign, 0.0, 0.0], vec![0.0, 1.0, 0.0]]);
    }
    let pair = answer(folder.path(), &["net.onnx", "--target", "0.5,0.25", "--bounds", "-1,1"], 0);
    let mut points: Vec<Vec<f64>> =
        pair["polytopes"].as_array().unwrap().iter().map(|p| numbers(&p["vertices"][0])).collect();
    points.sort_by(|a, b| a[0].total_cmp(&b[0]));
    assert_eq!(points, [vec![-0.5, 0.25], vec![0.5, 0.25]]);
}

#[test]
fn answers_are_saved_used_and_refused_when_damaged() {
    let folder = corner();
    let path = folder.path();
    let asked = ["net.onnx", "--exact", "--where", "y0 >= 0.25", "--bounds", "0,1"];
    let saved = run(path, &[&asked[..], &["-o", "a.preimage"]].concat());
    assert_eq!(saved.status.code(), Some(0), "{}", text(&saved.stderr));
    let told = run(path, &["contains", "a.preimage", "0.9,0.9"]);
    assert_eq!(text(&told.stdout), "yes\n");
    assert_eq!(text(&run(path, &["contains", "a.preimage", "0.6,0.6"]).stdout), "no\n");
    assert_eq!(text(&run(path, &["contains", "a.preimage", "1.6,0.6"]).stdout), "no\n");
    // On the boundary, which the written half-spaces do not decide.
    assert_eq!(run(path, &["contains", "a.preimage", "0.75,0.1"]).status.code(), Some(3));
    assert_eq!(run(path, &["picture", "a.preimage", "-o", "a.svg"]).status.code(), Some(0));
    assert!(fs::read_to_string(path.join("a.svg")).unwrap().contains("class=\"in\""));
    assert_eq!(run(path, &["picture", "a.preimage", "-o", "a.html"]).status.code(), Some(0));
    let page = fs::read_to_string(path.join("a.html")).unwrap();
    assert!(page.contains("found exactly") && page.contains("data:image/svg+xml;base64,"));
    for refused in [
        run(path, &["sample", "a.preimage"]),
        run(path, &["net.onnx", "--resume", "a.preimage"]),
        run(path, &["--merge", "a.preimage"]),
    ] {
        assert_eq!(refused.status.code(), Some(2));
        assert!(text(&refused.stderr).contains("hint:"), "{}", text(&refused.stderr));
    }
    let whole = fs::read_to_string(path.join("a.preimage")).unwrap();
    fs::write(path.join("edited.preimage"), whole.replacen("0.5", "0.4", 1)).unwrap();
    let edited = run(path, &["contains", "edited.preimage", "0.9,0.9"]);
    assert_eq!(edited.status.code(), Some(2));
    assert!(text(&edited.stderr).contains("SHA-256"), "{}", text(&edited.stderr));
    fs::write(path.join("cut.preimage"), &whole[..whole.len() / 2]).unwrap();
    assert_eq!(run(path, &["contains", "cut.preimage", "0.9,0.9"]).status.code(), Some(2));
}

#[test]
fn what_is_smooth_or_has_too_many_inputs_is_refused_by_name() {
    let folder = network(
        vec![vec![1.0, 0.0, 0.0, 1.0], vec![1.0, 1.0]],
        vec![vec![0.0, 0.0], vec![0.0]],
        Function::Sigmoid,
    );
    let smooth = run(folder.path(), &["net.onnx", "--exact", "--where", "y0 >= 1", "--bounds", "0,1"]);
    assert_eq!(smooth.status.code(), Some(2));
    let message = text(&smooth.stderr);
    assert!(message.contains("Sigmoid") && message.contains("h0") && message.contains("hint:"), "{message}");
    // A paving to the end stays one.
    let paved = run(
        folder.path(),
        &["net.onnx", "--coverage", "1", "--where", "y0 >= 1", "--bounds", "0,1", "--time-limit", "0.2"],
    );
    assert!(text(&paved.stdout).contains("coverage"), "{}", text(&paved.stderr));
    let wide = network(vec![vec![1.0; 20]], vec![vec![0.0]], Function::Relu);
    let many = run(wide.path(), &["net.onnx", "--exact", "--where", "y0 >= 1", "--bounds", "0,1"]);
    assert_eq!(many.status.code(), Some(2));
    assert!(text(&many.stderr).contains("20 are free"), "{}", text(&many.stderr));
}

#[test]
fn the_answer_does_not_depend_on_the_number_of_threads() {
    let folder = tempdir().unwrap();
    Layers::random(&[3, 10, 8, 3], Function::Relu, 5).write(&folder.path().join("net.onnx"));
    let asked = ["net.onnx", "--exact", "--where", "y0 >= y2", "--bounds", "-1,1"];
    let mut texts = Vec::new();
    for threads in ["1", "2", "3"] {
        let mut own = answer(folder.path(), &[&asked[..], &["--threads", threads]].concat(), 0);
        own["seconds"] = 0.into();
        texts.push(own.to_string());
    }
    assert!(texts[0].len() > 1000 && texts.iter().all(|text| *text == texts[0]));
    let exact = answer(folder.path(), &asked, 0);
    let paved =
        run(folder.path(), &[&asked[..1], &asked[2..], &["--coverage", "0.99", "--format", "json"]].concat());
    let paved: Value = serde_json::from_slice(&paved.stdout).unwrap();
    let end = |answer: &Value, which: &str| answer["volume"][which].as_f64().unwrap();
    assert!(end(&paved, "lower") <= end(&exact, "upper") && end(&exact, "lower") <= end(&paved, "upper"));
    assert!(end(&paved, "upper") - end(&paved, "lower") > end(&exact, "upper") - end(&exact, "lower"));
}
