//! Secants between boxes against differences of values, and exact pieces against other arithmetic.

use dashu_int::IBig;
use dashu_ratio::RBig;
use netinverse_base::Rng;
use netinverse_bounds::{Bounder, Method, Ranges, divided_difference};
use netinverse_linalg::Interval;
use netinverse_network::{
    Bilinear, Dense, Evaluator, Extremum, Function, Layout, Linear, Network, NetworkBuilder, Normalizer, Op,
    Param, Shape, ValueId, WeightOrder, Window,
};

fn dense(builder: &mut NetworkBuilder, rng: &mut Rng, from: ValueId, n: usize, m: usize) -> ValueId {
    let values: Vec<f64> = (0..n * m).map(|_| rng.normal() / (n as f64).sqrt()).collect();
    let bias: Vec<f64> = (0..m).map(|_| 0.3 * rng.normal()).collect();
    let weight = builder.param(Param::from_f64("W", Shape::new([n, m]).unwrap(), values).unwrap());
    let bias = builder.param(Param::from_f64("b", Shape::vector(m), bias).unwrap());
    let dense = Dense { weight, bias: Some(bias), order: WeightOrder::InputsFirst };
    builder.node("z", Op::Linear(Linear::Dense(dense)), &[from]).unwrap()
}

/// n = 3, m = 4, of one kind of nonlinear step.
fn network(kind: usize, rng: &mut Rng) -> Network {
    let mut builder = NetworkBuilder::new();
    let x = builder.input("x", Shape::new([1, 3]).unwrap()).unwrap();
    let z = dense(&mut builder, rng, x, 3, 8);
    let functions = [
        Function::Relu,
        Function::LeakyRelu { alpha: 0.3 },
        Function::LeakyRelu { alpha: 1.7 },
        Function::Abs,
        Function::Clip { low: -0.5, high: 0.4 },
        Function::Tanh,
        Function::Sigmoid,
        Function::Softplus,
        Function::Gelu,
        Function::Elu { alpha: 0.7 },
    ];
    let h = match functions.get(kind) {
        Some(&function) => builder.node("h", Op::Function(function), &[z]).unwrap(),
        None if kind == functions.len() => {
            let image = Op::Layout(Layout::Reshape { shape: Shape::new([1, 1, 8]).unwrap() });
            let image = builder.node("image", image, &[z]).unwrap();
            let window = Window {
                kernel: vec![3],
                strides: vec![1],
                dilations: vec![1],
                pads_begin: vec![1],
                pads_end: vec![1],
                output: vec![8],
            };
            let pooled = builder.node("pool", Op::Extremum(Extremum::MaxPool(window)), &[image]).unwrap();
            let flat = Op::Layout(Layout::Reshape { shape: Shape::new([1, 8]).unwrap() });
            builder.node("flat", flat, &[pooled]).unwrap()
        }
        None if kind == functions.len() + 1 => {
            let other = dense(&mut builder, rng, x, 3, 8);
            let other = builder.node("other", Op::Function(Function::Tanh), &[other]).unwrap();
            builder.node("product", Op::Bilinear(Bilinear::Multiply), &[z, other]).unwrap()
        }
        None => builder.node("softmax", Op::Normalizer(Normalizer::Softmax { axis: 1 }), &[z]).unwrap(),
    };
    let y = dense(&mut builder, rng, h, 8, 4);
    builder.finish(&[y]).unwrap()
}

const KINDS: usize = 13;

fn a_box(rng: &mut Rng, width: f64) -> (Vec<f64>, Vec<f64>) {
    let centre: Vec<f64> = (0..3).map(|_| rng.range(-1.0, 1.0)).collect();
    (centre.iter().map(|c| c - width).collect(), centre.iter().map(|c| c + width).collect())
}

#[test]
fn secants_hold_differences_of_values() {
    for kind in 0..KINDS {
        for trial in 0..12 {
            let mut rng = Rng::new(kind as u64, trial);
            let network = network(kind, &mut rng);
            let bounder = Bounder::new(&network).unwrap();
            let evaluator = Evaluator::<f64>::new(&network);
            let width = [0.02, 0.3, 1.0][trial as usize % 3];
            let a = a_box(&mut rng, width);
            let b = if trial % 2 == 0 { a.clone() } else { a_box(&mut rng, width) };
            let mut workspace = bounder.workspace();
            let mut ranges = |corner: &(Vec<f64>, Vec<f64>)| -> Ranges {
                assert!(bounder.analyse(&corner.0, &corner.1, Method::Linear, &mut workspace));
                bounder.ranges(&workspace)
            };
            let (ra, rb) = (ranges(&a), ranges(&b));
            let slopes = bounder.slopes(&ra, &rb).unwrap();
            let secant = bounder.secant(&slopes, &[], 0);
            for _ in 0..60 {
                let mut draw = |corner: &(Vec<f64>, Vec<f64>)| -> Vec<f64> {
                    corner.0.iter().zip(&corner.1).map(|(lo, hi)| rng.range(*lo, *hi)).collect()
                };
                let (x, other) = (draw(&a), draw(&b));
                let mut y = [0.0; 8];
                evaluator.forward(&[&x[..], &other[..]].concat(), &mut y);
                // x − x′ rounded moves the sum by far less than the slack.
                for j in 0..4 {
                    let sum = (0..3).fold(Interval::ZERO, |sum, i| {
                        sum + secant.entry(j, i) * Interval::point(x[i] - other[i])
                    });
                    let difference = y[j] - y[4 + j];
                    assert!(
                        sum.lo() - 1e-12 <= difference && difference <= sum.hi() + 1e-12,
                        "kind {kind}: {difference} is not in {sum:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn divided_differences_are_tight_at_kinks() {
    let of = |a: (f64, f64), b: (f64, f64)| {
        divided_difference(Function::Relu, Interval::new(a.0, a.1), Interval::new(b.0, b.1)).unwrap()
    };
    // (1 − 0)/(1 − (−1)) = 1/2 at one end, (2 − 0)/(2 − (−1)) = 2/3 at the other.
    let s = of((1.0, 2.0), (-1.0, -1.0));
    assert!((s.lo() - 0.5).abs() < 1e-15 && (s.hi() - 2.0 / 3.0).abs() < 1e-15, "{s:?}");
    assert_eq!(of((1.0, 2.0), (3.0, 4.0)), Interval::point(1.0));
    assert_eq!(of((-2.0, -1.0), (-4.0, 0.0)), Interval::ZERO);
    assert_eq!(of((-1.0, 1.0), (-1.0, 1.0)), Interval::new(0.0, 1.0));
}

#[test]
fn exact_pieces_agree_with_dyadic_values_and_with_jacobians() {
    let mut rng = Rng::new(5, 0);
    for kind in [0, 1, 2, 3, 4, 10] {
        let network = network(kind, &mut rng);
        let bounder = Bounder::new(&network).unwrap();
        assert!(bounder.is_piecewise_linear() && bounder.is_exact());
        let evaluator = Evaluator::<f64>::new(&network);
        for _ in 0..10 {
            let x: Vec<f64> = (0..3).map(|_| rng.below(64) as f64 / 32.0 - 1.0).collect();
            let numerators: Vec<IBig> = x.iter().map(|x| IBig::from((x * 32.0) as i64 * 3)).collect();
            // The same point over 96 and over 32: three thirds are no power of two.
            let piece = bounder.exact_piece(&numerators, &IBig::from(96), true).unwrap();
            if let Some(exact) = bounder.exact_output(&x) {
                for (value, exact) in piece.value.iter().zip(exact) {
                    let power = RBig::from(2);
                    let scale = (0..exact.exponent.unsigned_abs()).fold(RBig::ONE, |p, _| p * &power);
                    let own = RBig::from(exact.mantissa);
                    let own = if exact.exponent < 0 { own / scale } else { own * scale };
                    assert_eq!(*value, own);
                }
            }
            let (mut y, mut jacobian) = ([0.0; 4], [0.0; 12]);
            evaluator.jacobian(&x, &mut y, &mut jacobian);
            let near = |exact: &RBig, value: f64| (exact.to_f64().value() - value).abs() < 1e-12;
            assert!(piece.value.iter().zip(y).all(|(e, y)| near(e, y)), "kind {kind}");
            assert!(piece.jacobian.iter().zip(jacobian).all(|(e, v)| near(e, v)), "kind {kind}");
        }
    }
}

#[test]
fn a_piece_ends_where_the_jacobian_changes() {
    let mut rng = Rng::new(9, 0);
    for kind in [0, 3, 4, 10] {
        let network = network(kind, &mut rng);
        let bounder = Bounder::new(&network).unwrap();
        let evaluator = Evaluator::<f64>::new(&network);
        let x: Vec<f64> = (0..3).map(|_| rng.range(-1.0, 1.0)).collect();
        let d: Vec<f64> = (0..3).map(|_| rng.normal()).collect();
        let end = bounder.piece_end(&x, &d).unwrap();
        assert!(end.is_finite() && end > 0.0, "some neuron changes on the way");
        let jacobian = |t: f64| {
            let at: Vec<f64> = x.iter().zip(&d).map(|(x, d)| x + t * d).collect();
            let (mut y, mut jacobian) = ([0.0; 4], [0.0; 12]);
            evaluator.jacobian(&at, &mut y, &mut jacobian);
            jacobian
        };
        let apart = |a: [f64; 12], b: [f64; 12]| a.iter().zip(b).any(|(a, b)| (a - b).abs() > 1e-9);
        assert!(!apart(jacobian(0.0), jacobian(end * (1.0 - 1e-9))), "kind {kind}");
        assert!(apart(jacobian(0.0), jacobian(end * (1.0 + 1e-9))), "kind {kind}");
    }
}
