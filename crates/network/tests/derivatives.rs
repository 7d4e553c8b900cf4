//! Derivatives: against finite differences and against each other.

mod common;

use common::{difference, generate, interpret, normals, scale};
use netinverse_base::Rng;
use netinverse_network::{Evaluator, Gradients, Network, ParamId};

const NETWORKS: u64 = 300;

struct Case {
    network: Network,
    evaluator: Evaluator<f64>,
    x: Vec<f64>,
    rows: usize,
    n: usize,
    m: usize,
}

fn case(seed: u64, rows: usize) -> Case {
    let network = generate::network(seed);
    let (n, m) = (network.input_size(), network.output_size());
    let x = normals(&mut Rng::new(seed, 1), rows * n);
    Case { evaluator: Evaluator::new(&network), network, x, rows, n, m }
}

impl Case {
    /// y and the Jacobians.
    fn jacobian(&self) -> (Vec<f64>, Vec<f64>) {
        let (mut y, mut jacobian) =
            (vec![f64::NAN; self.rows * self.m], vec![f64::NAN; self.rows * self.m * self.n]);
        self.evaluator.jacobian(&self.x, &mut y, &mut jacobian);
        (y, jacobian)
    }
}

/// Central differences with two steps agree where the function is smooth between: away from kinks.
fn central(f: &dyn Fn(f64) -> Vec<f64>) -> Option<Vec<f64>> {
    let at = |h: f64| -> Vec<f64> {
        let (above, below) = (f(h), f(-h));
        above.iter().zip(&below).map(|(a, b)| (a - b) / (2.0 * h)).collect()
    };
    let (coarse, fine) = (at(2e-5), at(1e-5));
    // A kink between would also bend the two halves apart.
    let here = f(0.0);
    let one_sided: Vec<_> = f(1e-5).iter().zip(&here).map(|(a, b)| (a - b) / 1e-5).collect();
    let smooth = difference(&coarse, &fine) < 1e-7 && difference(&one_sided, &fine) < 1e-3;
    smooth.then_some(fine)
}

#[test]
fn jacobians_are_limits_of_differences() {
    let (mut compared, mut skipped) = (0, 0);
    for seed in 0..NETWORKS {
        let case = case(seed, 1);
        let (_, jacobian) = case.jacobian();
        for i in 0..case.n {
            let along = |h: f64| {
                let mut x = case.x.clone();
                x[i] += h;
                interpret::outputs(&case.network, &x)
            };
            let Some(column) = central(&along) else {
                skipped += 1;
                continue;
            };
            compared += 1;
            let own: Vec<_> = (0..case.m).map(|j| jacobian[j * case.n + i]).collect();
            let error = difference(&own, &column);
            assert!(error < 1e-6, "network {seed}, input {i}: {error:e}");
        }
    }
    assert!(skipped * 20 < compared, "{skipped} of {compared} columns have a kink: too many to say anything");
}

#[test]
fn products_agree_with_the_jacobian_and_with_each_other() {
    for seed in 0..NETWORKS {
        let case = case(seed, 3);
        let (n, m, rows) = (case.n, case.m, case.rows);
        let mut rng = Rng::new(seed, 2);
        let (u, v) = (normals(&mut rng, rows * n), normals(&mut rng, rows * m));
        let (mut y, mut tangent) = (vec![f64::NAN; rows * m], vec![f64::NAN; rows * m]);
        case.evaluator.jvp(&case.x, &u, &mut y, &mut tangent);
        let (mut y2, mut cotangent) = (vec![f64::NAN; rows * m], vec![f64::NAN; rows * n]);
        case.evaluator.vjp(&case.x, &v, &mut y2, &mut cotangent);
        let (y3, jacobian) = case.jacobian();
        assert_eq!(y, y2, "network {seed}");
        assert!(difference(&y, &y3) < 1e-13, "network {seed}");
        for row in 0..rows {
            let jacobian = &jacobian[row * m * n..][..m * n];
            let (u, v) = (&u[row * n..][..n], &v[row * m..][..m]);
            let (tangent, cotangent) = (&tangent[row * m..][..m], &cotangent[row * n..][..n]);
            let forward: Vec<f64> =
                jacobian.chunks(n).map(|row| row.iter().zip(u).map(|(j, u)| j * u).sum()).collect();
            let reverse: Vec<f64> =
                (0..n).map(|i| (0..m).map(|j| v[j] * jacobian[j * n + i]).sum()).collect();
            assert!(difference(tangent, &forward) < 1e-12, "network {seed}: J u");
            assert!(difference(cotangent, &reverse) < 1e-12, "network {seed}: vᵀ J");
            let left: f64 = tangent.iter().zip(v).map(|(a, b)| a * b).sum();
            let right: f64 = cotangent.iter().zip(u).map(|(a, b)| a * b).sum();
            let size = scale(tangent) * scale(v) * m as f64;
            assert!(
                (left - right).abs() < 1e-12 * size,
                "network {seed}: vᵀ(J u) = {left}, (vᵀJ) u = {right}"
            );
        }
    }
}

#[test]
fn cotangents_may_depend_on_the_values() {
    for seed in 0..50 {
        let case = case(seed, 5);
        let (n, m, rows) = (case.n, case.m, case.rows);
        let (mut y, mut dx) = (vec![f64::NAN; rows * m], vec![f64::NAN; rows * n]);
        let weights: Vec<f64> = (0..rows).map(|row| row as f64 + 1.0).collect();
        let cotangent = |first: usize, y: &[f64], dy: &mut [f64]| {
            for (row, (y, dy)) in y.chunks(m).zip(dy.chunks_mut(m)).enumerate() {
                for (y, dy) in y.iter().zip(dy) {
                    *dy = weights[first + row] * y;
                }
            }
        };
        case.evaluator.vjp_with(&case.x, &cotangent, &mut y, &mut dx);
        let mut dy = vec![0.0; rows * m];
        cotangent(0, &y, &mut dy);
        let (mut y2, mut dx2) = (vec![f64::NAN; rows * m], vec![f64::NAN; rows * n]);
        case.evaluator.vjp(&case.x, &dy, &mut y2, &mut dx2);
        assert_eq!((y, dx), (y2, dx2), "network {seed}");
    }
}

/// ½ Σ y² and its derivative.
fn half_squares(y: &[f64], dy: &mut [f64]) -> f64 {
    dy.copy_from_slice(y);
    y.iter().map(|y| 0.5 * y * y).sum()
}

#[test]
fn gradients_of_constants_are_limits_of_differences() {
    let (mut compared, mut skipped) = (0, 0);
    for seed in 0..NETWORKS {
        let mut case = case(seed, 3);
        let mut gradients = Gradients::new(&case.network);
        let loss = |_: usize, y: &[f64], dy: &mut [f64]| half_squares(y, dy);
        let sum = case.evaluator.gradient(&case.x, &loss, &mut gradients);
        let mut y = vec![0.0; case.rows * case.m];
        case.evaluator.forward(&case.x, &mut y);
        let direct: f64 = y.iter().map(|y| 0.5 * y * y).sum();
        assert!((sum - direct).abs() <= 1e-12 * direct.max(1.0), "network {seed}: losses {sum}, {direct}");
        // A few elements of every constant.
        let ids: Vec<ParamId> = {
            let mut ids = Vec::new();
            for node in case.network.nodes() {
                node.op.for_each_param(&mut |id| ids.push(id));
            }
            ids
        };
        for id in ids {
            let elements = case.network.param(id).elements();
            for element in (0..elements).step_by(elements.div_ceil(3)) {
                let base = case.evaluator.param(id)[element];
                let evaluator = std::cell::RefCell::new(&mut case.evaluator);
                let along = |h: f64| {
                    let mut evaluator = evaluator.borrow_mut();
                    evaluator.param_mut(id)[element] = base + h;
                    let mut y = vec![0.0; case.rows * case.m];
                    evaluator.forward(&case.x, &mut y);
                    evaluator.param_mut(id)[element] = base;
                    vec![y.iter().map(|y| 0.5 * y * y).sum()]
                };
                let Some(limit) = central(&along) else {
                    skipped += 1;
                    continue;
                };
                compared += 1;
                let own = gradients.of(id)[element];
                let error = (own - limit[0]).abs() / limit[0].abs().max(sum).max(1.0);
                assert!(error < 1e-6, "network {seed}, {id:?}[{element}]: {own} is not {}", limit[0]);
            }
        }
    }
    assert!(skipped * 5 < compared, "{skipped} of {compared} elements have a kink: too many to say anything");
}

#[test]
fn single_precision_agrees_with_double() {
    for seed in 0..NETWORKS {
        let case = case(seed, 1);
        let x32: Vec<f32> = case.x.iter().map(|&x| x as f32).collect();
        let (mut y, mut jacobian) = (vec![f32::NAN; case.m], vec![f32::NAN; case.m * case.n]);
        Evaluator::new(&case.network).jacobian(&x32, &mut y, &mut jacobian);
        let jacobian: Vec<f64> = jacobian.iter().map(|&j| f64::from(j)).collect();
        let error = difference(&jacobian, &case.jacobian().1);
        assert!(error < 1e-3, "network {seed}: {error:e}");
    }
}

#[test]
fn trained_constants_go_back_into_a_network() {
    for seed in 0..50 {
        let mut case = case(seed, 2);
        let ids: Vec<ParamId> = {
            let mut ids = Vec::new();
            for node in case.network.nodes() {
                node.op.for_each_param(&mut |id| ids.push(id));
            }
            ids
        };
        for &id in &ids {
            // Halves stay exact in the precision of the file.
            case.evaluator.param_mut(id).iter_mut().for_each(|value| *value *= 0.5);
        }
        let trained = case.evaluator.to_network().unwrap();
        for &id in &ids {
            let (before, after) = (case.network.param(id), trained.param(id));
            assert_eq!(before.is_f32(), after.is_f32());
            assert!(before.f64().iter().zip(after.f64()).all(|(b, a)| 0.5 * b == *a));
        }
        let (mut y, mut y2) = (vec![0.0; 2 * case.m], vec![0.0; 2 * case.m]);
        case.evaluator.forward(&case.x, &mut y);
        Evaluator::new(&trained).forward(&case.x, &mut y2);
        assert_eq!(y, y2, "network {seed}");
        if let Some(&id) = ids.first() {
            case.evaluator.param_mut(id)[0] = f64::NAN;
            assert!(case.evaluator.to_network().is_err(), "a constant that is not finite is refused");
        }
    }
}
