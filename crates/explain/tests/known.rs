//! Verdicts where the truth is known by construction, and proofs checked by other means.

mod common;

use common::families::{Chain, FAMILIES, angle_doubling, known, normal, orthogonal, unit_box};
use dashu_ratio::RBig;
use netinverse_base::{Budget, Rng, Silent};
use netinverse_explain::{DecideOptions, Decision, RadiusOptions, Region, Verdict, at_point, decide};
use netinverse_linalg::Matrix;
use netinverse_network::{Evaluator, Function, Linear, Network, Op, WeightOrder};

fn verdict(network: &Network, region: &Region) -> Decision {
    decide(network, region, None, &DecideOptions::default(), &Budget::default(), &Silent).unwrap()
}

#[test]
fn no_false_proof_and_nearly_all_proved() {
    let count = FAMILIES.len() * 6;
    let mut unknown = Vec::new();
    for number in 0..count {
        let known = known(number, 7);
        let decision = verdict(&known.network, &known.region);
        let expected = if known.injective { Verdict::Invertible } else { Verdict::NotInvertible };
        let what = format!("{number} {}: {:?}", known.family, decision.verdict);
        if decision.verdict == Verdict::Unknown {
            unknown.push(what);
            continue;
        }
        assert_eq!(decision.verdict, expected, "{what}: {:?}", decision.evidence);
        if let Some(collision) = &decision.collision {
            let evaluator = Evaluator::<f64>::new(&known.network);
            let m = known.network.output_size();
            let mut y = vec![0.0; 2 * m];
            evaluator.forward(&[&collision.x1[..], &collision.x2[..]].concat(), &mut y);
            let gap = y[..m].iter().zip(&y[m..]).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(gap < 1e-9 && collision.distance > 1e-6, "{what}: {gap}");
        }
    }
    assert!(unknown.len() * 20 <= count, "{unknown:#?}");
}

/// A chain of dense layers and ReLUs or absolute values, in rationals: nothing of the library's arithmetic.
fn rational_value(network: &Network, x: &[RBig]) -> Vec<RBig> {
    let exact = |v: f64| RBig::try_from(v).unwrap();
    let mut value = x.to_vec();
    for node in network.nodes() {
        value = match &node.op {
            Op::Linear(Linear::Dense(dense)) => {
                assert_eq!(dense.order, WeightOrder::OutputsFirst);
                let w = network.param(dense.weight);
                let n = value.len();
                (0..w.shape()[0])
                    .map(|j| {
                        let bias = dense.bias.map_or(0.0, |b| network.param(b).f64()[j]);
                        (0..n).fold(exact(bias), |sum, i| sum + exact(w.f64()[j * n + i]) * &value[i])
                    })
                    .collect()
            }
            Op::Function(Function::Relu) => {
                value.into_iter().map(|v| if v < RBig::ZERO { RBig::ZERO } else { v }).collect()
            }
            Op::Function(Function::Abs) => {
                value.into_iter().map(|v| if v < RBig::ZERO { -v } else { v }).collect()
            }
            other => panic!("{other:?}"),
        };
    }
    value
}

#[test]
fn rational_collisions_are_collisions_in_rational_arithmetic() {
    let mut rng = Rng::new(3, 0);
    let mut networks = vec![angle_doubling(&mut rng), angle_doubling(&mut rng)];
    for n in 1..5 {
        let mut chain = Chain::new(n);
        let q = orthogonal(&mut rng, n);
        chain.dense(&q, None).apply(Function::Relu);
        networks.push(chain.finish().unwrap());
        let mut chain = Chain::new(n);
        let (w1, w2) = (normal(&mut rng, 12, n), normal(&mut rng, n, 12));
        chain.dense(&w1, Some(&[0.1; 12])).apply(Function::Relu).dense(&w2, None);
        networks.push(chain.finish().unwrap());
    }
    let mut checked = 0;
    for network in &networks {
        let decision = verdict(network, &unit_box(network.input_size()));
        let Some(exact) = decision.collision.and_then(|collision| collision.proof.exact) else { continue };
        let parse = |x: &[String]| -> Vec<RBig> { x.iter().map(|x| x.parse().unwrap()).collect() };
        let (x1, x2) = (parse(&exact[0]), parse(&exact[1]));
        assert_ne!(x1, x2);
        let one = RBig::ONE;
        assert!(x1.iter().chain(&x2).all(|x| -one.clone() <= *x && *x <= one), "outside the box");
        assert_eq!(rational_value(network, &x1), rational_value(network, &x2));
        checked += 1;
    }
    assert!(checked >= 8, "{checked} of {}", networks.len());
}

#[test]
fn a_modulus_holds_between_samples() {
    let mut rng = Rng::new(11, 0);
    let mut checked = 0;
    for number in 0..60 {
        let known = known(number, 5);
        let decision = verdict(&known.network, &known.region);
        let Some(modulus) = decision.modulus else { continue };
        let n = known.network.input_size();
        let headless = netinverse_explain::behead(&known.network).unwrap().network;
        let evaluator = Evaluator::<f64>::new(&headless);
        let m = headless.output_size();
        for _ in 0..200 {
            let mut draw = || -> Vec<f64> { (0..n).map(|_| rng.range(-1.0, 1.0)).collect() };
            let (a, b) = (draw(), draw());
            let mut y = vec![0.0; 2 * m];
            evaluator.forward(&[&a[..], &b[..]].concat(), &mut y);
            let length =
                |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
            assert!(length(&y[..m], &y[m..]) >= modulus * length(&a, &b) * (1.0 - 1e-9), "{}", known.family);
        }
        checked += 1;
    }
    assert!(checked > 5, "{checked}");
}

#[test]
fn a_certified_ball_holds_no_collision_and_reaches_near_one() {
    // |w·x − 1| folds on a line at distance 1 from the origin.
    let mut chain = Chain::new(2);
    let turn = Matrix::new(2, 2, vec![0.6, 0.8, -0.8, 0.6]).unwrap();
    chain.dense(&turn, Some(&[-1.0, 0.0])).apply(Function::Abs);
    let network = chain.finish().unwrap();
    // The other row folds at 0, so stand beside it.
    let x = [-0.8 * 3.0, 0.6 * 3.0];
    let point =
        at_point(&network, &x, &[0, 1], &RadiusOptions::default(), &Budget::default(), &Silent).unwrap();
    assert!(point.radius <= 1.0 && point.radius > 0.9, "{}", point.radius);
    assert!(point.collision_radius.is_some_and(|radius| (1.0..2.0).contains(&radius)), "{point:?}");
}

#[test]
fn a_softmax_says_one_number_less() {
    let mut rng = Rng::new(2, 0);
    // Two inputs, three logits: one-to-one; three inputs, three logits: not.
    for (n, expected) in [(2, Verdict::Invertible), (3, Verdict::NotInvertible)] {
        let mut chain = Chain::new(n);
        chain.dense(&normal(&mut rng, 3, n), None);
        let softmax = netinverse_network::Normalizer::Softmax { axis: 1 };
        chain.at = chain.node(Op::Normalizer(softmax));
        let decision = verdict(&chain.finish().unwrap(), &unit_box(n));
        assert_eq!(decision.verdict, expected, "{:?}", decision.evidence);
    }
}

/// What follows a narrow place says nothing of what comes before it.
#[test]
fn several_inputs_and_fixed_inputs_are_not_left_out_of_a_proof() {
    use netinverse_network::{NetworkBuilder, Shape};
    let mut rng = Rng::new(4, 0);
    // x + y, then one number becomes three: one-to-one in the sum only.
    let mut builder = NetworkBuilder::new();
    let x = builder.input("x", Shape::new([1, 1]).unwrap()).unwrap();
    let y = builder.input("y", Shape::new([1, 1]).unwrap()).unwrap();
    let sum = Op::Linear(Linear::Combine { coefficients: vec![1.0, 1.0] });
    let sum = builder.node("sum", sum, &[x, y]).unwrap();
    let squashed = builder.node("squashed", Op::Function(Function::Tanh), &[sum]).unwrap();
    let weight =
        netinverse_network::Param::from_f64("W", Shape::new([1, 3]).unwrap(), vec![1.0, 2.0, 3.0]).unwrap();
    let weight = builder.param(weight);
    let dense = netinverse_network::Dense { weight, bias: None, order: WeightOrder::InputsFirst };
    let out = builder.node("out", Op::Linear(Linear::Dense(dense)), &[squashed]).unwrap();
    let network = builder.finish(&[out]).unwrap();
    assert_eq!(verdict(&network, &unit_box(2)).verdict, Verdict::NotInvertible);

    // Four inputs, two of them fixed; three numbers that do not look at one of the free ones, then five.
    let mut w = normal(&mut rng, 3, 4);
    for i in 0..3 {
        w.row_mut(i)[0] = 0.0;
    }
    let mut chain = Chain::new(4);
    chain.dense(&w, None).apply(Function::Tanh).dense(&normal(&mut rng, 5, 3), None);
    let region = Region::boxed(vec![-1.0, -1.0, 0.5, 0.5], vec![1.0, 1.0, 0.5, 0.5]).unwrap();
    assert_eq!(verdict(&chain.finish().unwrap(), &region).verdict, Verdict::NotInvertible);

    // Two outputs that share a narrow beginning: together they tell the inputs, one of them does not.
    let mut builder = NetworkBuilder::new();
    let x = builder.input("x", Shape::new([1, 2]).unwrap()).unwrap();
    let first = builder.node("first", Op::Function(Function::Tanh), &[x]).unwrap();
    let lost = builder.node("lost", Op::Function(Function::Relu), &[first]).unwrap();
    let again = builder.node("again", Op::Function(Function::Sigmoid), &[lost]).unwrap();
    let network = builder.finish(&[lost, again]).unwrap();
    assert_eq!(verdict(&network, &unit_box(2)).verdict, Verdict::NotInvertible);
}
