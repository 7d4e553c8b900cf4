//! `netinverse explain` as a user meets it: verdicts of networks whose answer is known, collisions evaluated here, the
//! schema, the page, and what is refused.

mod common;

use std::fs;
use std::path::Path;
use std::process::Output;

use common::{Layers, check_schema_of, netinverse, numbers, text};
use netinverse::network::{Evaluator, Function, Network};
use serde_json::Value;
use tempfile::{TempDir, tempdir};

fn run(folder: &Path, arguments: &[&str]) -> Output {
    netinverse(folder, &[&["explain"], arguments].concat())
}

fn answer(folder: &Path, arguments: &[&str]) -> Value {
    let output = run(folder, &[arguments, &["--format", "json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    check_schema_of("explain", &answer, "explanation");
    answer
}

fn folder(net: &Layers) -> TempDir {
    let folder = tempdir().unwrap();
    net.write(&folder.path().join("net.onnx"));
    folder
}

/// A rotation, then a function, of two numbers.
fn rotation(function: Function) -> TempDir {
    folder(&Layers {
        weights: vec![vec![0.6, -0.8, 0.8, 0.6]],
        biases: vec![vec![0.0, 0.0]],
        functions: vec![Some(function)],
    })
}

#[test]
fn leaky_relu_keeps_what_relu_loses() {
    let leaky = rotation(Function::LeakyRelu { alpha: 0.25 });
    let kept = answer(leaky.path(), &["net.onnx", "--bounds", "-1,1"]);
    assert_eq!(kept["verdict"], "invertible");
    assert_eq!(kept["collision"], Value::Null);

    let plain = rotation(Function::Relu);
    let lost = answer(plain.path(), &["net.onnx", "--bounds", "-1,1"]);
    assert_eq!(lost["verdict"], "not_invertible");
    let collision = &lost["collision"];
    let (x1, x2) = (numbers(&collision["x1"]), numbers(&collision["x2"]));
    assert!(x1 != x2 && x1.iter().chain(&x2).all(|x| x.abs() <= 1.0));
    let evaluator = Evaluator::<f64>::new(&Network::read(plain.path().join("net.onnx")).unwrap());
    let mut y = [0.0; 4];
    evaluator.forward(&[x1, x2].concat(), &mut y);
    assert!((y[0] - y[2]).abs() < 1e-12 && (y[1] - y[3]).abs() < 1e-12, "{y:?}");
    assert_eq!(collision["proof"]["method"], "rational");
    // On the part of the box that Relu leaves alone there is an inverse.
    fs::write(plain.path().join("box.csv"), "-0.5,0\n0.5,1\n").unwrap();
    let part = answer(plain.path(), &["net.onnx", "--bounds", "box.csv"]);
    assert_eq!(part["verdict"], "invertible", "{}", part["evidence"]);
}

#[test]
fn fewer_outputs_than_inputs_that_can_vary_have_no_inverse() {
    let net = Layers {
        weights: vec![vec![1.0, 2.0, -1.0, 0.5]],
        biases: vec![vec![0.1]],
        functions: vec![Some(Function::Sigmoid)],
    };
    let folder = folder(&net);
    let all = answer(folder.path(), &["net.onnx"]);
    assert_eq!(all["verdict"], "not_invertible");
    assert_eq!(all["jacobian"]["fibre_dimension"], 3);
    assert!(all["collision"]["distance"].as_f64().unwrap() > 0.1);
    // Three of the four fixed: one number in, one out.
    fs::write(folder.path().join("box.csv"), "0,0\n1,1\n-1,1\n2,2\n").unwrap();
    let one = answer(folder.path(), &["net.onnx", "--bounds", "box.csv", "--point", "0,1,0.5,2"]);
    assert_eq!((&one["verdict"], &one["free_inputs"]), (&Value::from("invertible"), &Value::from(1)));
    assert_eq!(one["points"][0]["everywhere"], true);
}

#[test]
fn a_point_has_a_ball_that_ends_before_the_fold() {
    // y = |x|: one-to-one around 2 up to the kink at 0.
    let net =
        Layers { weights: vec![vec![1.0]], biases: vec![vec![0.0]], functions: vec![Some(Function::Abs)] };
    let folder = folder(&net);
    let found = answer(folder.path(), &["net.onnx", "--bounds", "-3,3", "--point", "2"]);
    assert_eq!(found["verdict"], "not_invertible");
    let point = &found["points"][0];
    let (radius, collision) =
        (point["radius"].as_f64().unwrap(), point["collision_radius"].as_f64().unwrap());
    assert!(1.9 < radius && radius <= 2.0 && (2.0..3.0).contains(&collision), "{radius} {collision}");
    // |x| and |x′| differ by as much as x and x′ there.
    assert!((point["modulus"].as_f64().unwrap() - 1.0).abs() < 1e-6);
}

#[test]
fn data_are_measured_and_drawn() {
    let net = Layers::random(&[4, 8, 3], Function::Relu, 3);
    let folder = folder(&net);
    let row = |i: u32| {
        let part = |k: u32| f64::from(i * k % 60) / 60.0;
        format!("{},{},{},0.5", part(1), part(7), part(11))
    };
    let rows: Vec<String> = (0..60).map(row).collect();
    fs::write(folder.path().join("rows.csv"), rows.join("\n")).unwrap();
    let arguments = ["net.onnx", "--data", "rows.csv", "--clusters", "-o", "page.html"];
    let found = answer(folder.path(), &arguments);
    assert_eq!(found["data"]["rows"], 60);
    assert!(found["data"]["kept"].as_f64().unwrap() <= 1.0 + 1e-9);
    let decoder = &found["data"]["decoder"];
    assert!(
        decoder["lower_distance"].as_f64().unwrap() <= decoder["upper_distance"].as_f64().unwrap() + 1e-9
    );
    let rows: u64 =
        found["clusters"]["clusters"].as_array().unwrap().iter().map(|c| c["rows"].as_u64().unwrap()).sum();
    assert_eq!(rows, 60, "every row is in one cluster");
    let page = fs::read_to_string(folder.path().join("page.html")).unwrap();
    assert!(
        page.contains("<!DOCTYPE html>") && page.contains("class=\"layers\"") && !page.contains("<script")
    );
    let printed = text(&run(folder.path(), &["net.onnx", "--data", "rows.csv"]).stdout);
    for part in [
        "verdict",
        "where the dimensions of the input go",
        "what to use",
        "(measured on 60 rows)",
        "(proved)",
    ] {
        assert!(printed.contains(part), "`{part}` is not in\n{printed}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let folder = rotation(Function::Relu);
    let refused = |arguments: &[&str], part: &str| {
        let output = run(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let message = text(&output.stderr);
        assert!(message.contains(part) && message.contains("hint"), "{message}");
    };
    refused(&["net.onnx", "--bounds", "1,-1"], "cannot lie in [1, -1]");
    refused(&["net.onnx", "-o", "answer.xyz"], "no extension that is known");
    fs::write(folder.path().join("rows.csv"), "0,0\n1,1\n").unwrap();
    refused(&["net.onnx", "--data", "rows.csv", "--labels", "1;2;3"], "3 labels for 2 rows");
}
