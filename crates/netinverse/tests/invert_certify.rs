//! `netinverse invert --certify`: proved distances beside closed forms and exhaustive grids, and proofs that there is no answer.

mod common;

use common::{Layers, answer, check_schema, invert};
use netinverse::network::Function;
use serde_json::Value;
use tempfile::tempdir;

/// The proved bound and the distance found.
fn bound(found: &Value) -> (f64, f64) {
    let query = &found["queries"][0];
    (query["certified"].as_f64().unwrap(), query["answers"][0]["distance"].as_f64().unwrap())
}

#[test]
fn the_distance_to_a_plane_is_proved_in_every_norm() {
    let folder = tempdir().unwrap();
    // From (1, 0, 0), y = x0 + 2·x1 − x2 is 1: to reach 3 it has to grow by 2.
    Layers::one(&[&[1.0], &[2.0], &[-1.0]], &[0.0], None).write(&folder.path().join("net.onnx"));
    for (norm, exact) in [("l2", 2.0 / 6f64.sqrt()), ("l1", 1.0), ("linf", 0.5)] {
        for asked in ["y0 >= 3", "y0 == 3"] {
            let arguments = ["--where", asked, "--near", "1,0,0", "--norm", norm, "--certify"];
            let found = answer(folder.path(), &arguments, 0);
            let (proved, distance) = bound(&found);
            assert!(proved <= exact + 1e-9, "{norm}, {asked}: {proved} for {exact}");
            assert!(proved >= exact * (1.0 - 1e-5), "{norm}, {asked}: {proved} for {exact}");
            assert!(distance >= proved, "{norm}, {asked}");
            assert_eq!(found["queries"][0]["answers"][0]["optimality"], "proved", "{norm}, {asked}");
        }
    }
}

/// The nearest point of another class on a fine grid is no nearer than what is proved, and what is proved is near to it.
#[test]
fn no_grid_point_is_nearer_than_what_is_proved() {
    let folder = tempdir().unwrap();
    let (mut proved_optima, mut changes) = (0, 0);
    for seed in 0..6 {
        let layers = Layers::random(&[2, 14, 10, 3], Function::Relu, seed);
        layers.write(&folder.path().join("net.onnx"));
        let class = |x: &[f64]| {
            let y = layers.forward(x);
            (0..3).fold(0, |best, j| if y[j] > y[best] { j } else { best })
        };
        let near = [0.1, -0.2];
        let own = class(&near);
        for norm in ["l2", "l1", "linf"] {
            let mut nearest = f64::INFINITY;
            const STEPS: i32 = 300;
            for i in 0..=STEPS {
                for j in 0..=STEPS {
                    let x = [i, j].map(|k| -1.0 + 2.0 * f64::from(k) / f64::from(STEPS));
                    if class(&x) != own {
                        let (a, b) = ((x[0] - near[0]).abs(), (x[1] - near[1]).abs());
                        let far = match norm {
                            "l2" => a.hypot(b),
                            "l1" => a + b,
                            _ => a.max(b),
                        };
                        nearest = nearest.min(far);
                    }
                }
            }
            let asked = [
                "--class",
                "other",
                "--bounds",
                "-1,1",
                "--near",
                "0.1,-0.2",
                "--norm",
                norm,
                "--certify",
                "--format",
                "json",
            ];
            let output = invert(folder.path(), &asked);
            let found: Value = serde_json::from_slice(&output.stdout).unwrap();
            check_schema(&found, "inversion");
            if nearest.is_infinite() {
                continue;
            }
            changes += 1;
            let (proved, distance) = bound(&found);
            assert!(proved <= nearest + 1e-12, "seed {seed}, {norm}: {proved}, but {nearest} on the grid");
            assert!(proved >= distance * 0.99, "seed {seed}, {norm}: {proved} for {distance}");
            proved_optima += usize::from(found["queries"][0]["answers"][0]["optimality"] == "proved");
        }
    }
    assert!(changes >= 9, "{changes} cases with another class");
    assert!(proved_optima <= changes);
}

/// Intervals allow 0.8 here, and no input gives it: relu(x) − relu(x − ½) is at most ½.
#[test]
fn what_intervals_leave_open_is_proved_unreachable() {
    let folder = tempdir().unwrap();
    let layers = Layers {
        weights: vec![vec![1.0, 1.0], vec![1.0, -1.0]],
        biases: vec![vec![0.0, -0.5], vec![0.0]],
        functions: vec![Some(Function::Relu), None],
    };
    layers.write(&folder.path().join("net.onnx"));
    let found = answer(folder.path(), &["--target", "0.8", "--bounds", "-1,1", "--certify"], 1);
    assert_eq!(found["queries"][0]["certificate"]["kind"], "paving");
    let open = answer(folder.path(), &["--target", "0.8", "--bounds", "-1,1"], 3);
    assert_eq!(open["queries"][0]["status"], "not_found");
    // At the largest value nothing is excluded.
    answer(folder.path(), &["--target", "0.5", "--bounds", "-1,1", "--certify"], 0);
}

/// Forty inputs: balls that grow. The distance to the half-space of a network that is linear where it matters.
#[test]
fn balls_in_many_inputs_reach_as_far_as_they_may() {
    let folder = tempdir().unwrap();
    let n = 40;
    // relu(w·x + 5) − 5 is w·x near 0.
    let w: Vec<f64> = (0..n).map(|i| 0.1 + 0.01 * f64::from(i)).collect();
    let layers = Layers {
        weights: vec![w.clone(), vec![1.0]],
        biases: vec![vec![5.0], vec![-5.0]],
        functions: vec![Some(Function::Relu), None],
    };
    layers.write(&folder.path().join("net.onnx"));
    let length = w.iter().map(|w| w * w).sum::<f64>().sqrt();
    let sum: f64 = w.iter().sum();
    let largest = w.iter().fold(0.0f64, |a, &b| a.max(b));
    for (norm, exact) in [("l2", 1.0 / length), ("linf", 1.0 / sum), ("l1", 1.0 / largest)] {
        let asked = ["--where", "y0 >= 1", "--near", "0", "--bounds", "-9,9", "--norm", norm, "--certify"];
        let (proved, distance) = bound(&answer(folder.path(), &asked, 0));
        assert!(proved <= exact + 1e-9, "{norm}: {proved} for {exact}");
        assert!(proved >= 0.97 * exact, "{norm}: {proved} for {exact}");
        assert!(distance >= exact * (1.0 - 1e-9), "{norm}: {distance} for {exact}");
    }

    // A deep one: no step of gradient descent from random points finds what is said not to be there.
    let layers = Layers::random(&[n as usize, 20, 20, 2], Function::Relu, 5);
    layers.write(&folder.path().join("net.onnx"));
    for norm in ["l2", "linf"] {
        let asked = ["--class", "other", "--near", "0.1", "--bounds", "-2,2", "--norm", norm, "--certify"];
        let (proved, distance) = bound(&answer(folder.path(), &asked, 0));
        assert!(proved > 0.2 * distance && proved <= distance, "{norm}: {proved} for {distance}");
    }
}

#[test]
fn what_cannot_be_certified_is_refused() {
    let folder = tempdir().unwrap();
    Layers::one(&[&[1.0], &[2.0]], &[0.0], None).write(&folder.path().join("net.onnx"));
    let refused = |arguments: &[&str], what: &str| {
        let output = invert(folder.path(), arguments);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        assert!(message.contains(what), "{arguments:?}: {message}");
    };
    refused(&["--target", "1", "--certify=0"], "not a positive effort");
    refused(&["--target", "1", "--certify=nan"], "not a positive effort");
    refused(&["--maximize", "y0", "--bounds", "0,1", "--certify"], "--certify");
    refused(&["--target", "1", "--bounds", "0,1", "--sample", "3", "--certify"], "--certify");
}
