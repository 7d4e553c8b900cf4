//! What must hold exactly of every answer: fixed inputs bit for bit, bounds, linear conditions to 1e-12, integers.

mod common;

use std::fs;

use common::{Layers, answer, numbers};
use netinverse::base::Rng;
use netinverse::network::Function;
use serde_json::Value;
use tempfile::tempdir;

const BOX: [[f64; 2]; 6] = [[-0.3, 0.7], [0.1, 0.1], [-1.0, 1.0], [1e-3, 2e-3], [-1e3, 1e3], [-5.0, 5.0]];
/// No double is near it that has a short decimal.
const FIXED: f64 = 0.1 + 0.2;

/// Networks of several kinds with six inputs, and an input of each kind's box.
fn networks() -> Vec<(Layers, Vec<f64>)> {
    let kinds = [
        (Function::Relu, None),
        (Function::Tanh, Some(Function::Sigmoid)),
        (Function::LeakyRelu { alpha: 0.1 }, None),
        (Function::Sigmoid, Some(Function::Tanh)),
        (Function::Abs, None),
    ];
    kinds
        .into_iter()
        .enumerate()
        .map(|(seed, (function, last))| {
            let mut layers = Layers::random(&[6, 20, 14, 2], function, 50 + seed as u64);
            // Inputs differ in magnitude: weights of the fifth are small.
            layers.weights[0][4 * 20..5 * 20].iter_mut().for_each(|w| *w *= 1e-3);
            *layers.functions.last_mut().unwrap() = last;
            let mut rng = Rng::new(seed as u64, 1);
            let mut x: Vec<f64> = BOX.iter().map(|[lo, hi]| lo + (hi - lo) * rng.range(0.2, 0.8)).collect();
            (x[2], x[4], x[5]) = (FIXED, 100.0, 2.0);
            // The condition below holds where the input comes from.
            x[0] = 0.25 - x[3];
            (layers, x)
        })
        .collect()
}

fn check(found: &Value, wanted: &dyn Fn(&[f64]) -> bool) -> usize {
    let mut seen = 0;
    for query in found["queries"].as_array().unwrap() {
        for one in query["answers"].as_array().unwrap() {
            let x = numbers(&one["x"]);
            for (x, [lo, hi]) in x.iter().zip(BOX) {
                assert!((lo..=hi).contains(x), "{x} is not in {lo}, {hi}");
            }
            assert_eq!(x[2].to_bits(), FIXED.to_bits());
            assert_eq!(x[1].to_bits(), 0.1f64.to_bits(), "bounds of equal ends are a value");
            assert!(wanted(&x), "{x:?}");
            seen += 1;
        }
    }
    seen
}

#[test]
fn of_every_answer_what_is_exact_is_exact() {
    for (layers, x) in networks() {
        let folder = tempdir().unwrap();
        layers.write(&folder.path().join("net.onnx"));
        let rows: Vec<String> = BOX.iter().map(|[lo, hi]| format!("{lo},{hi}\n")).collect();
        fs::write(folder.path().join("box.csv"), rows.concat()).unwrap();
        let y = layers.forward(&x);
        let target = format!("{},{}", y[0], y[1]);
        let fixed = format!("2={FIXED}");
        let common = ["--bounds", "box.csv", "--fix", &fixed];
        let met = |x: &[f64], tolerance: f64| {
            let own = layers.forward(x);
            own.iter().zip(&y).all(|(a, b)| (a - b).abs() <= tolerance)
        };

        let asked = [&common[..], &["--target", &target, "--count", "5", "--separation", "0.5"]].concat();
        let several = check(&answer(folder.path(), &asked, 0), &|x| met(x, 1e-10));
        assert!(several > 1, "{several}");

        let condition = ["--subject-to", "x0 + x3 == 0.25", "--subject-to", "x4 <= 100*x5"];
        let asked =
            [&common[..], &["--target", &target, "--count", "3", "--separation", "0.5"], &condition].concat();
        check(&answer(folder.path(), &asked, 0), &|x| {
            met(x, 1e-10) && (x[0] + x[3] - 0.25).abs() <= 1e-12 && x[4] - 100.0 * x[5] <= 1e-12 * 100.0
        });

        // Within intervals, because integers leave less to choose.
        let interval = |y: f64| format!("{},{}\n", y - 0.05, y + 0.05);
        fs::write(folder.path().join("within.csv"), interval(y[0]) + &interval(y[1])).unwrap();
        let asked = [&common[..], &["--within", "within.csv", "--integer", "4,5"]].concat();
        check(&answer(folder.path(), &asked, 0), &|x| {
            met(x, 0.05 + 1e-9) && x[4].fract() == 0.0 && x[5].fract() == 0.0
        });

        let asked = [&common[..], &["--maximize", "y0 + y1", "--subject-to", "x0 + x3 == 0.25"]].concat();
        check(&answer(folder.path(), &asked, 0), &|x| (x[0] + x[3] - 0.25).abs() <= 1e-12);

        let asked = [&common[..], &["--target", &target, "--sample", "20"]].concat();
        check(&answer(folder.path(), &asked, 0), &|x| met(x, 1e-10));
    }
}
