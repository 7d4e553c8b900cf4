use super::*;
use crate::closed_form::Activation;
use crate::closed_form::testing::{random_layer, random_matrix, uniform_matrix};
use netinverse_base::Rng;
use netinverse_linalg::{Interval, Lu};

fn one_thread() -> Budget {
    Budget::default().with_threads(std::num::NonZeroUsize::MIN)
}

/// Checks a solved row against the conditions of optimality, from W, b, z, r and the box alone.
fn assert_nearest(layer: &Layer, input_box: &InputBox, z: &[f64], r: &[f64], x: &[f64], answer: &BoxAnswer) {
    assert!(answer.is_solved(), "{answer:?}");
    assert!(input_box.contains(x));
    let gap = layer.affine(x).unwrap().iter().zip(z).fold(0.0f64, |m, (a, b)| m.max((a - b).abs()));
    let scale = z.iter().zip(layer.bias()).fold(1.0f64, |m, (z, b)| m.max((z - b).abs()));
    assert!(gap <= 1e-10 * scale, "residual {gap:e}");
    let shift = layer.weight().apply(&answer.multipliers);
    for i in 0..x.len() {
        let expected = (r[i] + shift[i]).clamp(input_box.lower()[i], input_box.upper()[i]);
        assert!((x[i] - expected).abs() <= 1e-10 * (1.0 + x[i].abs()), "input {i}: {} and {expected}", x[i]);
    }
}

fn targets(layer: &Layer) -> Vec<Interval> {
    // unreachable: the logits of an input far outside the box
    vec![Interval::point(1e3); layer.outputs()]
}

#[test]
fn reachable_targets_are_solved_and_satisfy_the_kkt_conditions() {
    for (n, m) in [(784, 10), (50, 10), (20, 3), (12, 10), (10, 10), (6, 10), (5, 1)] {
        let layer = random_layer(n, m, Activation::Sigmoid, n as u64);
        let input_box = InputBox::unit(n);
        let solver = BoxNearest::new(&layer, &input_box, BoxOptions::default()).unwrap();
        let logits = layer.affine_rows(&uniform_matrix(100, n, 1)).unwrap();
        let references = random_matrix(100, n, 2);
        let batch = solver.solve_rows(&logits, &references, None, &one_thread()).unwrap();
        for i in 0..100 {
            let (z, r) = (logits.row(i), references.row(i));
            assert_nearest(&layer, &input_box, z, r, batch.inputs.row(i), &batch.answers[i]);
        }
    }
}

#[test]
fn targets_on_faces_and_vertices_of_what_is_reachable_are_solved() {
    // Images with most inputs at a bound: fewer free inputs than equations, a singular Hessian. With 0
    // free inputs the reachable point may be a vertex of the set of logits.
    for (n, m) in [(40, 10), (12, 6)] {
        let layer = random_layer(n, m, Activation::Identity, 7);
        let input_box = InputBox::unit(n);
        let solver = BoxNearest::new(&layer, &input_box, BoxOptions::default()).unwrap();
        let mut rng = Rng::new(3, 0);
        for trial in 0..200 {
            let free = trial % 4;
            // x maximises a random linear form of the logits, but for a few inputs in the middle
            let form: Vec<f64> = (0..m).map(|_| rng.normal()).collect();
            let mut x: Vec<f64> =
                layer.weight().apply(&form).iter().map(|&s| if s > 0.0 { 1.0 } else { 0.0 }).collect();
            for _ in 0..free {
                let i = rng.below(n);
                x[i] = rng.uniform();
            }
            let z = layer.affine(&x).unwrap();
            let r: Vec<f64> = (0..n).map(|_| rng.uniform()).collect();
            let (found, answer) = solver.solve(&z, &r).unwrap();
            assert_nearest(&layer, &input_box, &z, &r, &found, &answer);
        }
    }
}

/// The nearest point by enumerating which inputs sit at which bound: every face of the box.
fn by_enumeration(layer: &Layer, z: &[f64], r: &[f64]) -> Option<Vec<f64>> {
    let (n, m) = (layer.inputs(), layer.outputs());
    let w = layer.weight();
    let mut best: Option<(f64, Vec<f64>)> = None;
    for code in 0..3usize.pow(n as u32) {
        let place: Vec<usize> = (0..n).map(|i| code / 3usize.pow(i as u32) % 3).collect();
        let free: Vec<usize> = (0..n).filter(|&i| place[i] == 2).collect();
        if free.len() < m {
            continue; // non-degenerate targets need at least m free inputs
        }
        // KKT system on the face: x_F = r_F + W_F λ, x W = z − b
        let mut x: Vec<f64> = place.iter().map(|&p| p as f64).collect();
        for &i in &free {
            x[i] = r[i];
        }
        let now = layer.affine(&x).unwrap();
        let missing: Vec<f64> = z.iter().zip(now).map(|(z, a)| z - a).collect();
        let face = w.select_rows(&free);
        let Some(lambda) = Lu::new(&face.transposed_product(&face)).solve_vector(&missing) else { continue };
        for (&i, d) in free.iter().zip(face.apply(&lambda)) {
            x[i] += d;
        }
        if x.iter().all(|v| (-1e-12..=1.0 + 1e-12).contains(v)) {
            let d = distance(&x, r);
            if best.as_ref().is_none_or(|(b, _)| d < *b) {
                best = Some((d, x));
            }
        }
    }
    best.map(|(_, x)| x)
}

#[test]
fn small_boxes_agree_with_the_enumeration_of_all_faces() {
    for trial in 0..60 {
        let (n, m) = [(5, 1), (6, 2), (7, 3)][trial % 3];
        let layer = random_layer(n, m, Activation::Identity, 100 + trial as u64);
        let input_box = InputBox::unit(n);
        let solver = BoxNearest::new(&layer, &input_box, BoxOptions::default()).unwrap();
        let inside = uniform_matrix(1, n, trial as u64);
        let z = layer.affine(inside.row(0)).unwrap();
        let r = random_matrix(1, n, 200 + trial as u64).into_data();
        let expected = by_enumeration(&layer, &z, &r).expect("the target is reachable");
        let (x, answer) = solver.solve(&z, &r).unwrap();
        assert_nearest(&layer, &input_box, &z, &r, &x, &answer);
        assert!(distance(&x, &expected) < 1e-9, "trial {trial}: {x:?} {expected:?}");
    }
}

#[test]
fn unreachable_targets_come_with_a_proof_that_can_fail() {
    let mut rng = Rng::new(4, 0);
    for trial in 0..200 {
        let (n, m) = [(784, 10), (30, 5), (8, 8), (3, 6)][trial % 4];
        let layer = random_layer(n, m, Activation::Identity, 300 + trial as u64);
        let input_box = InputBox::unit(n);
        let solver = BoxNearest::new(&layer, &input_box, BoxOptions::default()).unwrap();
        // just past the farthest reachable logits in a random direction
        let form: Vec<f64> = (0..m).map(|_| rng.normal()).collect();
        let x: Vec<f64> =
            layer.weight().apply(&form).iter().map(|&s| if s > 0.0 { 1.0 } else { 0.0 }).collect();
        let beyond = [1e-6, 1e-3, 1.0, 100.0][trial / 4 % 4];
        let z: Vec<f64> = layer.affine(&x).unwrap().iter().zip(&form).map(|(z, f)| z + beyond * f).collect();
        let r: Vec<f64> = (0..n).map(|_| rng.uniform()).collect();
        let (found, answer) = solver.solve(&z, &r).unwrap();
        assert!(input_box.contains(&found));
        let BoxStatus::Unreachable(certificate) = &answer.status else {
            panic!("{n} → {m}, {beyond}: {answer:?}");
        };
        let points: Vec<Interval> = z.iter().map(|&z| Interval::point(z)).collect();
        assert!(certificate.verify(&layer, &points, &input_box));
        // the same inequality in plain arithmetic
        let slopes = layer.weight().apply(&certificate.ray);
        let reach: f64 = slopes.iter().map(|s| s.max(0.0)).sum();
        let asked: f64 =
            z.iter().zip(layer.bias()).zip(&certificate.ray).map(|((z, b), l)| (z - b) * l).sum();
        assert!((asked - reach - certificate.gap_lower_bound).abs() < 1e-9 * (1.0 + asked.abs()));

        // tampered: another ray, a larger gap, a reachable target, a larger box, no ray
        let mut turned = certificate.clone();
        turned.ray.iter_mut().for_each(|l| *l = -*l);
        assert!(!turned.verify(&layer, &points, &input_box));
        let mut boastful = certificate.clone();
        boastful.gap_lower_bound = certificate.gap_lower_bound * 1.01 + 1e-9;
        assert!(!boastful.verify(&layer, &points, &input_box));
        let reachable: Vec<Interval> =
            layer.affine(&x).unwrap().iter().map(|&z| Interval::around(z, 1e-9)).collect();
        assert!(!certificate.verify(&layer, &reachable, &input_box));
        let wide = InputBox::new(vec![-1e3; n], vec![1e3; n]).unwrap();
        assert!(!certificate.verify(&layer, &points, &wide));
        let empty = Certificate { ray: vec![], gap_lower_bound: 1.0 };
        assert!(!empty.verify(&layer, &targets(&layer), &input_box));
    }
}

#[test]
fn rank_deficient_weights_are_solved_or_refused_with_a_proof() {
    let weight = random_matrix(30, 3, 5).product(&random_matrix(3, 6, 6));
    let layer = Layer::new(weight, vec![0.1; 6], Activation::Identity).unwrap();
    assert_eq!(layer.rank(), 3);
    let input_box = InputBox::unit(30);
    let solver = BoxNearest::new(&layer, &input_box, BoxOptions::default()).unwrap();
    let z = layer.affine(uniform_matrix(1, 30, 7).row(0)).unwrap();
    let r = vec![0.5; 30];
    let (x, answer) = solver.solve(&z, &r).unwrap();
    assert_nearest(&layer, &input_box, &z, &r, &x, &answer);
    let mut outside = z;
    outside[0] += 0.1;
    let (_, answer) = solver.solve(&outside, &r).unwrap();
    let points: Vec<Interval> = outside.iter().map(|&z| Interval::point(z)).collect();
    assert!(
        matches!(&answer.status, BoxStatus::Unreachable(c) if c.verify(&layer, &points, &input_box)),
        "{answer:?}"
    );
    // W = 0: only z = b is reachable
    let zero = Layer::new(Matrix::zeros(4, 2), vec![1.0, 2.0], Activation::Identity).unwrap();
    let unit = InputBox::unit(4);
    let solver = BoxNearest::new(&zero, &unit, BoxOptions::default()).unwrap();
    let (x, answer) = solver.solve(&[1.0, 2.0], &[0.5, 2.0, -1.0, 0.0]).unwrap();
    assert!(answer.is_solved() && x == [0.5, 1.0, 0.0, 0.0] && answer.free == 1);
    assert!(matches!(solver.solve(&[1.0, 2.1], &[0.0; 4]).unwrap().1.status, BoxStatus::Unreachable(_)));
}

#[test]
fn ill_conditioned_weights_and_half_open_boxes_are_solved() {
    let mut weight = random_matrix(60, 4, 8);
    for i in 0..60 {
        let row = weight.row_mut(i);
        row[3] = row[0] + 1e-7 * row[3];
    }
    let layer = Layer::new(weight, vec![0.0; 4], Activation::Identity).unwrap();
    let mut lower = vec![0.0; 60];
    let mut upper = vec![1.0; 60];
    for i in 0..20 {
        (lower[i], upper[i + 20]) = (f64::NEG_INFINITY, f64::INFINITY);
    }
    (lower[59], upper[59]) = (0.25, 0.25);
    let input_box = InputBox::new(lower, upper).unwrap();
    let solver = BoxNearest::new(&layer, &input_box, BoxOptions::default()).unwrap();
    let mut inside = uniform_matrix(1, 60, 9).into_data();
    inside[59] = 0.25;
    let z = layer.affine(&inside).unwrap();
    let (x, answer) = solver.solve(&z, &[2.0; 60]).unwrap();
    assert!(answer.is_solved(), "{answer:?}");
    assert!(input_box.contains(&x) && x[59] == 0.25);
    assert!(answer.residual < 1e-12 && answer.kkt_error < 1e-12);
    // no longer than the input that gave the target
    assert!(answer.distance <= distance(&inside, &[2.0; 60]));
}

#[test]
fn threads_starts_and_order_do_not_change_the_answer() {
    let layer = random_layer(100, 10, Activation::Identity, 10);
    let input_box = InputBox::unit(100);
    let solver = BoxNearest::new(&layer, &input_box, BoxOptions::default()).unwrap();
    let logits = layer.affine_rows(&uniform_matrix(200, 100, 11)).unwrap();
    let reference = Matrix::zeros(1, 100);
    let serial = solver.solve_rows(&logits, &reference, None, &one_thread()).unwrap();
    let parallel = solver.solve_rows(&logits, &reference, None, &Budget::default()).unwrap();
    assert_eq!(serial, parallel);
    let (alone, answer) = solver.solve(logits.row(77), reference.row(0)).unwrap();
    assert_eq!((alone.as_slice(), &answer), (serial.inputs.row(77), &serial.answers[77]));
    // from the solution, no more than a step
    let starts = Matrix::from_fn(200, 10, |i, j| serial.answers[i].multipliers[j]);
    let again = solver.solve_rows(&logits, &reference, Some(&starts), &one_thread()).unwrap();
    assert_eq!(again.solved(), 200);
    assert!(again.answers.iter().all(|a| a.steps <= 3));
    let worst =
        again.inputs.data().iter().zip(serial.inputs.data()).fold(0.0f64, |m, (a, b)| m.max((a - b).abs()));
    assert!(worst < 1e-9);
}

#[test]
fn a_cancelled_batch_says_so() {
    let layer = random_layer(20, 3, Activation::Identity, 12);
    let input_box = InputBox::unit(20);
    let solver = BoxNearest::new(&layer, &input_box, BoxOptions::default()).unwrap();
    let budget = Budget::default();
    budget.cancel();
    let logits = layer.affine_rows(&uniform_matrix(5, 20, 13)).unwrap();
    let batch = solver.solve_rows(&logits, &Matrix::zeros(1, 20), None, &budget).unwrap();
    assert!(batch.answers.iter().all(|a| a.status == BoxStatus::NotSettled && a.residual > 1e-10));
    assert!(batch.inputs.iter_rows().all(|x| input_box.contains(x)));
}

#[test]
fn bad_boxes_are_refused() {
    assert!(InputBox::new(vec![0.0], vec![-1.0]).is_err());
    assert!(InputBox::new(vec![f64::NAN], vec![1.0]).is_err());
    assert!(InputBox::new(vec![f64::INFINITY], vec![f64::INFINITY]).is_err());
    assert!(InputBox::new(vec![0.0, 0.0], vec![1.0]).is_err());
    let layer = random_layer(4, 2, Activation::Identity, 1);
    assert!(BoxNearest::new(&layer, &InputBox::unit(3), BoxOptions::default()).is_err());
}
