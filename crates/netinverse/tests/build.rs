//! `netinverse build` as a user runs it.

mod common;

use std::path::Path;
use std::process::Output;

use common::{Layers, check_schema_of, netinverse, text};
use netinverse::base::Rng;
use netinverse::network::{Evaluator, Function, Network};
use serde_json::Value;
use tempfile::tempdir;

fn build(folder: &Path, arguments: &[&str]) -> Output {
    netinverse(folder, &[&["build", "net.onnx"], arguments].concat())
}

/// Runs it with `--format json`, checks the schema, and gives the answer.
fn answer(folder: &Path, arguments: &[&str]) -> Value {
    let output = build(folder, &[arguments, &["--format", "json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    check_schema_of("build", &answer, "build");
    answer
}

fn error_of(answer: &Value, trip: &str, precision: &str) -> f64 {
    answer[trip][precision]["relative"].as_f64().expect("a finite error")
}

/// The thread's network: 784 numbers to 10 by one sigmoid layer, weights as training leaves them.
fn thread(path: &Path) -> Network {
    let mut rng = Rng::new(7, 0);
    let weight = (0..784 * 10).map(|_| 0.1 * rng.normal()).collect();
    let bias = (0..10).map(|_| 0.5 * rng.normal()).collect();
    Layers { weights: vec![weight], biases: vec![bias], functions: vec![Some(Function::Sigmoid)] }
        .write(path);
    Network::read(path).unwrap()
}

#[test]
fn the_labels_come_back_for_every_digit() {
    let folder = tempdir().unwrap();
    let f = thread(&folder.path().join("net.onnx"));
    let one_hot: Vec<String> = (0..10)
        .map(|digit| (0..10).map(|k| if k == digit { "1" } else { "0" }).collect::<Vec<_>>().join(","))
        .collect();
    let found = answer(
        folder.path(),
        &["-o", "inverse.onnx", "--precision", "f32", "--targets", &one_hot.join(";"), "--bounds", "0,1"],
    );
    assert_eq!((&found["exact"], &found["inverse"]), (&Value::from(false), &Value::from("inverse.onnx")));
    // 774 of 784 dimensions are lost, and the outputs lie in (0, 1).
    assert_eq!(found["marked_ops"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&found["marked_ops"][0]["kind"], &found["marked_ops"][0]["elements"]),
        (&"section".into(), &774.into())
    );
    let domain = &found["domain"][0];
    assert_eq!(
        (&domain["output"], &domain["low"], &domain["high"]),
        (&true.into(), &0.0.into(), &1.0.into())
    );
    assert_eq!(found["linear_parts"][0]["proved"], true);
    // A label of exactly 0 or 1 is not reached; the nearest that float32 has is.
    assert_eq!(found["f_of_g"]["rows"], 10);
    assert!(error_of(&found, "f_of_g", "f32") < 1e-6 && error_of(&found, "g_of_f", "f32") > 0.1);

    // The file is a network like any other.
    let g = Network::read(folder.path().join("inverse.onnx")).unwrap();
    assert_eq!((g.input_size(), g.output_size()), (10, 784));
    for digit in 0..10 {
        let (mut y, mut x, mut again) = (vec![0.02f64; 10], vec![0.0; 784], vec![0.0; 10]);
        y[digit] = 0.97;
        Evaluator::<f64>::new(&g).forward(&y, &mut x);
        Evaluator::<f64>::new(&f).forward(&x, &mut again);
        assert!(y.iter().zip(&again).all(|(a, b)| (a - b).abs() < 1e-6), "{digit}: {again:?}");
    }
}

#[test]
fn the_reverse_network_gives_its_ten_numbers_back() {
    let folder = tempdir().unwrap();
    let mut rng = Rng::new(8, 0);
    let weight = (0..10 * 784).map(|_| 0.2 * rng.normal()).collect();
    let bias = (0..784).map(|_| rng.normal()).collect();
    Layers { weights: vec![weight], biases: vec![bias], functions: vec![Some(Function::Sigmoid)] }
        .write(&folder.path().join("net.onnx"));
    let found = answer(folder.path(), &["-o", "inverse.onnx"]);
    assert_eq!((&found["exact"], &found["marked_ops"][0]["kind"]), (&true.into(), &"projection".into()));
    assert!(error_of(&found, "g_of_f", "f32") < 1e-4 && error_of(&found, "g_of_f", "f64") < 1e-10);
}

#[test]
fn reports_are_written_as_text_json_and_html() {
    let folder = tempdir().unwrap();
    Layers::one(&[&[2.0, 1.0], &[0.5, -1.0]], &[0.1, -0.2], Some(Function::Tanh))
        .write(&folder.path().join("net.onnx"));
    let output =
        build(folder.path(), &["-o", "inverse.onnx", "-o", "report.json", "--report", "report.html"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    for wanted in ["exact       yes", "in (-1, 1)", "f(g(y)) = y float32 to", "full rank proved for 1"] {
        assert!(printed.contains(wanted), "`{wanted}` is not in\n{printed}");
    }
    let report: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.path().join("report.json")).unwrap()).unwrap();
    check_schema_of("build", &report, "build");
    let page = std::fs::read_to_string(folder.path().join("report.html")).unwrap();
    assert!(page.contains("Round trips") && page.contains("in (-1, 1)") && !page.contains("<script"));
    // The same question, the same answer.
    let again = answer(folder.path(), &["--threads", "1"]);
    let once = answer(folder.path(), &[]);
    assert_eq!(again["g_of_f"], once["g_of_f"]);
    assert_eq!(once["inverse"], Value::Null);
}

#[test]
fn a_badly_conditioned_network_says_that_float32_cannot() {
    let folder = tempdir().unwrap();
    Layers::one(&[&[1.0, 1.0], &[1.0, 1.0 + 1e-5]], &[0.0, 0.0], None).write(&folder.path().join("net.onnx"));
    let output = build(folder.path(), &["--precision", "f32"]);
    let printed = text(&output.stdout);
    assert!(printed.contains("bound") && printed.contains("not to 1e-4"), "{printed}");
    let found = answer(folder.path(), &["--precision", "f64"]);
    assert_eq!(found["precision"], "float64");
    assert!(error_of(&found, "g_of_f", "f64") < 1e-10);
    assert!(found["conditioning"]["rounding_f32"].as_f64().unwrap() > 1e-3);
}

#[test]
fn bad_questions_are_refused_with_a_hint() {
    let folder = tempdir().unwrap();
    let net = folder.path().join("net.onnx");
    Layers::one(&[&[2.0, 1.0], &[0.5, -1.0]], &[0.1, -0.2], Some(Function::Gelu)).write(&net);
    let refused = |arguments: &[&str], wanted: &str| {
        let output = build(folder.path(), arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(wanted), "{arguments:?}: `{wanted}` is not in {said}");
        assert!(output.stdout.is_empty());
    };
    refused(&["-o", "inverse.onnx"], "hint: `netinverse invert`");
    assert!(!folder.path().join("inverse.onnx").exists());
    refused(&["-o", "inverse.txt"], "hint: the inverse is written as .onnx");
    refused(&["-o", "nowhere/inverse.onnx"], "there is no folder");
    refused(&["--given", "z"], "hint: its inputs are");
    refused(&["--output", "z"], "no tensor named `z`");
    Layers::one(&[&[2.0, 1.0], &[0.5, -1.0]], &[0.1, -0.2], None).write(&net);
    refused(&["--bounds", "1,2;3,4;5,6"], "`--bounds`");
    refused(&["--samples", "0"], "`--samples`");
    refused(&["--data", "1,2,3"], "`--data`");
}
