//! `netinverse invert --complete` and `--sample`: all of a fibre, compared with closed forms.

mod common;

use std::fs;

use common::{Layers, answer, check_schema, invert, numbers, text};
use netinverse::data::{Values, npz};
use netinverse::network::Function;
use serde_json::Value;
use tempfile::tempdir;

/// |x0| + |x1| by four rectifiers, less what makes a plateau: max(0, |x0| + |x1| − 1/4).
fn diamond(sigmoid: bool) -> Layers {
    let mut layers = Layers {
        weights: vec![vec![1.0, -1.0, 0.0, 0.0, 0.0, 0.0, 1.0, -1.0], vec![1.0; 4], vec![1.0]],
        biases: vec![vec![0.0; 4], vec![-0.25], vec![0.0]],
        functions: vec![Some(Function::Relu), Some(Function::Relu), None],
    };
    if sigmoid {
        layers.functions[2] = Some(Function::Sigmoid);
    }
    layers
}

#[test]
fn a_complete_preimage_is_the_diamond_that_it_should_be() {
    let folder = tempdir().unwrap();
    diamond(false).write(&folder.path().join("net.onnx"));
    // The level 1/2 is |x0| + |x1| = 3/4: a closed line of four sides, each 3/4·√2 long.
    let asked = ["--target", "0.5", "--bounds", "-1,1", "--near", "0.9,0.1", "--complete", "-o", "all.svg"];
    let found = answer(folder.path(), &asked, 0);
    let query = &found["queries"][0];
    let preimage = &query["preimage"];
    assert_eq!(preimage["components"].as_array().unwrap().len(), 1);
    let component = &preimage["components"][0];
    assert!((component["length"].as_f64().unwrap() - 3.0 * 2f64.sqrt()).abs() < 1e-9);
    assert_eq!(component["polylines"][0]["closed"], true);
    for point in component["polylines"][0]["points"].as_array().unwrap() {
        let p = numbers(point);
        assert!((p[0].abs() + p[1].abs() - 0.75).abs() < 1e-12, "{p:?}");
    }
    // Nearest to (0.9, 0.1): the foot on x0 + x1 = 3/4, (0.775, −0.025), lies beyond the corner (3/4, 0).
    let x = numbers(&query["answers"][0]["x"]);
    assert!((x[0] - 0.75).abs() < 1e-9 && x[1].abs() < 1e-9, "{x:?}");
    let svg = fs::read_to_string(folder.path().join("all.svg")).unwrap();
    assert!(svg.starts_with("<svg ") && svg.contains("1 component"));
    let asked = ["--target", "0.5", "--bounds", "-1,1", "--complete", "-o", "all.html"];
    answer(folder.path(), &asked, 0);
    let page = fs::read_to_string(folder.path().join("all.html")).unwrap();
    assert!(page.contains("All of the preimage") && page.contains("data:image/svg+xml;base64,"));

    // The level 0 is the plateau |x0| + |x1| ≤ 1/4, of area 1/8; the reference lies in it.
    let found = answer(folder.path(), &["--target", "0", "--bounds", "-1,1", "--complete"], 0);
    let preimage = &found["queries"][0]["preimage"];
    let area: f64 = preimage["plateaus"]
        .as_array()
        .unwrap()
        .iter()
        .map(|polygon| {
            let corners: Vec<Vec<f64>> = polygon.as_array().unwrap().iter().map(numbers).collect();
            let cross = |i: usize| {
                let (p, q) = (&corners[i], &corners[(i + 1) % corners.len()]);
                p[0] * q[1] - p[1] * q[0]
            };
            0.5 * (0..corners.len()).map(cross).sum::<f64>()
        })
        .sum();
    assert!((area - 0.125).abs() < 1e-12, "{area}");
    let one = &found["queries"][0]["answers"][0];
    assert_eq!((one["distance"].as_f64(), one["fibre_dimension"].as_u64()), (Some(0.0), Some(2)));

    // Several levels, one of them beyond what the box gives; behind a sigmoid the lines are the same.
    let found = answer(folder.path(), &["--target", "1;1.5;9", "--bounds", "-1,1", "--complete"], 1);
    let components = |row: usize| found["queries"][row]["components"].as_u64();
    // |x0| + |x1| = 5/4 leaves four pieces in the corners, 7/4 too.
    assert_eq!((components(0), components(1)), (Some(4), Some(4)));
    assert_eq!(found["queries"][2]["status"], "unreachable");
    diamond(true).write(&folder.path().join("net.onnx"));
    let y = format!("{}", 1.0 / (1.0 + (-1f64).exp()));
    let found = answer(folder.path(), &["--target", &y, "--bounds", "-1,1", "--complete"], 0);
    let lengths: Vec<f64> = found["queries"][0]["preimage"]["components"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["length"].as_f64().unwrap())
        .collect();
    assert_eq!(lengths.len(), 4);
    // In a corner: from (1, 1/4) to (1/4, 1).
    assert!(lengths.iter().all(|l| (l - 0.75 * 2f64.sqrt()).abs() < 1e-9), "{lengths:?}");

    // A third input that is fixed.
    let three = Layers::random(&[3, 10, 1], Function::Relu, 4);
    three.write(&folder.path().join("net.onnx"));
    let y = three.forward(&[0.2, 0.3, -0.4])[0].to_string();
    let found =
        answer(folder.path(), &["--target", &y, "--bounds", "-1,1", "--fix", "1=0.3", "--complete"], 0);
    let query = &found["queries"][0];
    assert_eq!(query["preimage"]["inputs"], serde_json::json!([0, 2]));
    for answer in query["answers"].as_array().unwrap() {
        let x = numbers(&answer["x"]);
        assert_eq!(x[1], 0.3);
        assert!((three.forward(&x)[0] - three.forward(&[0.2, 0.3, -0.4])[0]).abs() < 1e-9);
    }
}

fn share(query: &Value, holds: &dyn Fn(&[f64]) -> bool) -> f64 {
    let answers = query["answers"].as_array().unwrap();
    let inside = answers.iter().filter(|answer| holds(&numbers(&answer["x"]))).count();
    inside as f64 / answers.len() as f64
}

#[test]
fn samples_have_the_masses_of_the_conditional_law() {
    let folder = tempdir().unwrap();
    // |x0 + x1/2| = 1 in [−1.2, 2] × [0, 1]: a line over x1 ∈ [0, 1], and one over x1 ∈ [0, 2/5].
    Layers {
        weights: vec![vec![1.0, -1.0, 0.5, -0.5], vec![1.0, 1.0]],
        biases: vec![vec![0.0, 0.0], vec![0.0]],
        functions: vec![Some(Function::Relu), None],
    }
    .write(&folder.path().join("net.onnx"));
    fs::write(folder.path().join("box.csv"), "-1.2,2\n0,1\n").unwrap();
    let asked = ["--target", "1", "--bounds", "box.csv", "--sample", "4000", "-o", "samples.npz"];
    let found = answer(folder.path(), &asked, 0);
    let query = &found["queries"][0];
    let sampling = &query["sampling"];
    assert_eq!(query["answers"].as_array().unwrap().len(), 4000);
    assert_eq!((query["components"].as_u64(), sampling["mixed"].as_bool()), (Some(2), Some(true)));
    let right = share(query, &|x| x[0] > 0.0);
    let of_right = sampling["components"]
        .as_array()
        .unwrap()
        .iter()
        .find(|c| (c["share"].as_f64().unwrap() - right).abs() < 1e-3)
        .expect("one component is the right line");
    let error = of_right["standard_error"].as_f64().unwrap();
    assert!((right - 1.0 / 1.4).abs() <= 3.0 * error && error < 0.05, "{right} ± {error}");
    for answer in query["answers"].as_array().unwrap() {
        let x = numbers(&answer["x"]);
        assert!(((x[0] + 0.5 * x[1]).abs() - 1.0).abs() < 1e-10 && (0.0..=1.0).contains(&x[1]));
    }
    let file = npz::read(&folder.path().join("samples.npz")).unwrap();
    let component = file.iter().find(|(name, _)| name == "component").expect("components are in the file");
    let Values::I64(labels) = &component.1.values() else { panic!("integers") };
    assert_eq!(labels.len(), 4000);

    // A Gaussian prior from data: of x0 + x1 = 1 under N(0, I), x0 − x1 has mean 0 and variance 2.
    Layers::one(&[&[1.0], &[1.0]], &[0.0], None).write(&folder.path().join("net.onnx"));
    let mut rng = netinverse::base::Rng::new(5, 0);
    let rows: Vec<String> = (0..5000).map(|_| format!("{},{}\n", rng.normal(), rng.normal())).collect();
    fs::write(folder.path().join("data.csv"), rows.concat()).unwrap();
    let asked = ["--target", "1", "--sample", "4000", "--prior", "gaussian", "--data", "data.csv"];
    let found = answer(folder.path(), &asked, 0);
    let query = &found["queries"][0];
    let differences: Vec<f64> = query["answers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|answer| {
            let x = numbers(&answer["x"]);
            x[0] - x[1]
        })
        .collect();
    let effective = query["sampling"]["effective_size"].as_f64().unwrap();
    let mean = differences.iter().sum::<f64>() / differences.len() as f64;
    let variance = differences.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / differences.len() as f64;
    // The prior's own moments are those of 4000 rows: 3 % of theirs.
    assert!(mean.abs() <= 3.0 * (2.0 / effective).sqrt() + 0.1, "{mean}");
    assert!((variance / 2.0 - 1.0).abs() <= 3.0 * (2.0 / effective).sqrt() + 0.1, "{variance}");
    assert!(query["answers"][0]["plausibility"].as_f64().is_some());
}

#[test]
fn plateaus_are_reported_apart_and_softmax_fibres_are_sampled() {
    let folder = tempdir().unwrap();
    diamond(false).write(&folder.path().join("net.onnx"));
    let found = answer(folder.path(), &["--target", "0", "--bounds", "-1,1", "--sample", "50"], 3);
    let query = &found["queries"][0];
    assert!(query["answers"].as_array().unwrap().is_empty());
    let plateaus = query["sampling"]["plateaus"].as_array().unwrap();
    assert!(!plateaus.is_empty());
    for plateau in plateaus {
        let x = numbers(&plateau["x"]);
        assert!(x[0].abs() + x[1].abs() <= 0.25 + 1e-9 && plateau["rank"] == 0);
    }
    let output = invert(folder.path(), &["--target", "0", "--bounds", "-1,1", "--sample", "50"]);
    assert!(text(&output.stdout).contains("plateaus, not sampled"));

    // Softmax: ten outputs, nine equations; the same seed gives the same samples for any number of threads.
    let layers = Layers::random(&[5, 12, 3], Function::Tanh, 6);
    layers.write(&folder.path().join("net.onnx"));
    let y = layers.forward(&[0.1, -0.2, 0.3, 0.2, 0.0]);
    let target = y.iter().map(f64::to_string).collect::<Vec<_>>().join(",");
    let ask = |threads: &str| {
        let asked = [
            "--target",
            &target,
            "--bounds",
            "-1,1",
            "--sample",
            "40",
            "--format",
            "jsonl",
            "--threads",
            threads,
        ];
        let output = invert(folder.path(), &asked);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let line = ask("1");
    assert_eq!(line, ask("3"));
    let query: Value = serde_json::from_str(line.trim()).unwrap();
    check_schema(&query, "line");
    for answer in query["answers"].as_array().unwrap() {
        let own = layers.forward(&numbers(&answer["x"]));
        assert!(own.iter().zip(&y).all(|(a, b)| (a - b).abs() < 1e-9));
    }
}
