//! Samples of real networks lie inside every bound, and bounds are as tight as was asked for.
//!
//! The folder is named by `NETINVERSE_DATA`; without it these tests are reported as ignored.

use std::path::{Path, PathBuf};

use libtest_mimic::{Arguments, Failed, Trial};
use netinverse_base::Rng;
use netinverse_bounds::{Bounder, LinearForms, Method, Workspace};
use netinverse_network::{Evaluator, Network};

/// A network, the box to bound it on, and how many samples: (file, centre, L∞ radius, samples).
const INSIDE: &[(&str, f64, f64, usize)] = &[
    ("acasxu/ACASXU_run2a_1_1_batch_2000.onnx", 0.1, 0.3, 100_000),
    ("acasxu/ACASXU_run2a_3_7_batch_2000.onnx", -0.2, 0.02, 100_000),
    ("premap/auto_park.onnx", 0.0, 1.0, 100_000),
    ("premap/cartpole.onnx", 0.0, 1.0, 100_000),
    ("premap/dubinsrejoin.onnx", -0.2, 0.3, 100_000),
    ("premap/lunarlander.onnx", 0.0, 1.0, 100_000),
    ("premap/vcas_1.onnx", 0.0, 0.5, 100_000),
    ("premap/vcas_2.onnx", 0.1, 0.3, 100_000),
    ("premap/vcas_3.onnx", -0.1, 0.2, 100_000),
    ("inverse-design/arm.onnx", 0.3, 0.2, 100_000),
    ("inverse-design/ballistics.onnx", 0.5, 0.2, 100_000),
    ("inverse-design/sine.onnx", 0.2, 0.4, 100_000),
    ("mnistfc/mnist-net_256x2.onnx", 0.5, 0.02, 100_000),
    ("mnistfc/mnist-net_256x6.onnx", 0.5, 0.01, 100_000),
    ("vnncomp-misc/Convnet_avgpool.onnx", 0.5, 0.05, 100_000),
    ("vnncomp-misc/ffnnSIGMOID__Point_6x200.onnx", 0.5, 0.012, 100_000),
    ("vnncomp-misc/resnet_2b.onnx", 0.5, 0.01, 100_000),
];

/// (file, L∞ radius, how many times wider intervals are at least, how many times a width that is attained the bounds' is at
/// most). The averaging network takes half of what intervals allow (22.9 of 45.3): no bound there can be a third of them.
const WIDTHS: &[(&str, f64, f64, f64)] = &[
    ("vnncomp-misc/ffnnSIGMOID__Point_6x200.onnx", 0.012, 2.0, 1e3),
    ("vnncomp-misc/Convnet_avgpool.onnx", 0.01, 1.45, 1.35),
    ("vnncomp-misc/resnet_2b.onnx", 0.01, 3.0, 1e3),
];

fn main() {
    let arguments = Arguments::from_args();
    let folder = std::env::var_os("NETINVERSE_DATA").map(PathBuf::from);
    let mut trials = Vec::new();
    for &(file, centre, radius, samples) in INSIDE {
        let path = folder.clone().unwrap_or_default().join(file);
        let trial = Trial::test(format!("inside {file}"), move || inside(&path, centre, radius, samples));
        trials.push(trial.with_ignored_flag(folder.is_none()));
    }
    for &(file, radius, gain, most) in WIDTHS {
        let path = folder.clone().unwrap_or_default().join(file);
        let trial = Trial::test(format!("width {file}"), move || width(&path, radius, gain, most));
        trials.push(trial.with_ignored_flag(folder.is_none()));
    }
    libtest_mimic::run(&arguments, trials).exit();
}

/// A picture-like centre: each coordinate near `centre`, neighbours alike.
fn box_around(n: usize, centre: f64, radius: f64) -> (Vec<f64>, Vec<f64>) {
    let wave = |i: usize| centre + 0.4 * centre.abs() * (i as f64 * 0.7).sin();
    ((0..n).map(|i| wave(i) - radius).collect(), (0..n).map(|i| wave(i) + radius).collect())
}

/// Forms of both signs of every output.
fn forms(bounder: &Bounder, workspace: &mut Workspace) -> LinearForms {
    let m = bounder.output_size();
    let mut rows = vec![0.0; 2 * m * m];
    for j in 0..m {
        rows[2 * j * m + j] = 1.0;
        rows[(2 * j + 1) * m + j] = -1.0;
    }
    let mut forms = LinearForms::default();
    bounder.lower_forms(&rows, &vec![0.0; 2 * m], workspace, &mut forms);
    forms
}

fn inside(path: &Path, centre: f64, radius: f64, samples: usize) -> Result<(), Failed> {
    let network = Network::read(path).map_err(|error| error.to_string())?;
    let bounder = Bounder::new(&network).map_err(|error| error.to_string())?;
    let (n, m) = (network.input_size(), network.output_size());
    let (lower, upper) = box_around(n, centre, radius);
    let mut workspace = bounder.workspace();
    let mut known = Vec::new();
    for method in [Method::Intervals, Method::Linear, Method::Backward] {
        if !bounder.analyse(&lower, &upper, method, &mut workspace) {
            return Err(format!("{method:?} knows nothing").into());
        }
        let forms = forms(&bounder, &mut workspace);
        let (low, high) = bounder.output(&workspace);
        known.push((method, low.to_vec(), high.to_vec(), forms));
    }
    let evaluator = Evaluator::<f64>::new(&network);
    let mut rng = Rng::new(31, 0);
    let tile = 1000;
    let (mut x, mut y) = (vec![0.0; tile * n], vec![0.0; tile * m]);
    for first in (0..samples).step_by(tile) {
        for (at, x) in x.iter_mut().enumerate() {
            let i = at % n;
            // Corners as often as points inside.
            let share = if (first + at / n) % 2 == 0 { rng.uniform() } else { rng.below(2) as f64 };
            *x = (lower[i] + share * (upper[i] - lower[i])).clamp(lower[i], upper[i]);
        }
        evaluator.forward(&x, &mut y);
        for (x, y) in x.chunks_exact(n).zip(y.chunks_exact(m)) {
            for (method, low, high, forms) in &known {
                for j in 0..m {
                    // What evaluation in double precision may be off by.
                    let slack = 1e-9 * (1.0 + y[j].abs());
                    if y[j] < low[j] - slack || y[j] > high[j] + slack {
                        return Err(format!("{method:?}: {} outside [{}, {}]", y[j], low[j], high[j]).into());
                    }
                    for (k, sign) in [(2 * j, 1.0), (2 * j + 1, -1.0)] {
                        let (slopes, constant) = forms.form(k);
                        let value: f64 = slopes.iter().zip(x).map(|(a, x)| a * x).sum::<f64>() + constant;
                        if value > sign * y[j] + slack {
                            return Err(
                                format!("{method:?}: form {k} is at {value}, above {}", sign * y[j]).into()
                            );
                        }
                    }
                }
            }
        }
    }
    Ok(())
}

fn width(path: &Path, radius: f64, gain: f64, most: f64) -> Result<(), Failed> {
    let network = Network::read(path).map_err(|error| error.to_string())?;
    let bounder = Bounder::new(&network).map_err(|error| error.to_string())?;
    let (lower, upper) = box_around(network.input_size(), 0.5, radius);
    let mut workspace = bounder.workspace();
    let mut total = |method: Method| -> Result<f64, Failed> {
        if !bounder.analyse(&lower, &upper, method, &mut workspace) {
            return Err(format!("{method:?} knows nothing").into());
        }
        let (low, high) = bounder.output(&workspace);
        Ok(low.iter().zip(high).map(|(low, high)| high - low).sum())
    };
    let (intervals, linear) = (total(Method::Intervals)?, total(Method::Linear)?);
    let attained = attained(&network, &lower, &upper);
    println!("{}: intervals {intervals:.4}, linear {linear:.4}, attained {attained:.4}", path.display());
    if attained > linear + 1e-9 {
        return Err("an output leaves its bounds".into());
    }
    if intervals < gain * linear {
        return Err(format!("intervals are {:.3} times as wide, not {gain}", intervals / linear).into());
    }
    if linear > most * attained {
        return Err(format!("bounds are {:.3} times as wide as what is attained", linear / attained).into());
    }
    Ok(())
}

/// The outputs' ranges between the two corners that the gradient at the centre points to.
fn attained(network: &Network, lower: &[f64], upper: &[f64]) -> f64 {
    let evaluator = Evaluator::<f64>::new(network);
    let (n, m) = (network.input_size(), network.output_size());
    let centre: Vec<f64> = lower.iter().zip(upper).map(|(l, u)| l.midpoint(*u)).collect();
    let (mut y, mut gradient) = (vec![0.0; m], vec![0.0; n]);
    let mut total = 0.0;
    for j in 0..m {
        let mut seed = vec![0.0; m];
        seed[j] = 1.0;
        evaluator.vjp(&centre, &seed, &mut y, &mut gradient);
        let corner = |up: bool| -> Vec<f64> {
            (0..n).map(|i| if (gradient[i] > 0.0) == up { upper[i] } else { lower[i] }).collect()
        };
        evaluator.forward(&corner(true), &mut y);
        let high = y[j];
        evaluator.forward(&corner(false), &mut y);
        total += high - y[j];
    }
    total
}
