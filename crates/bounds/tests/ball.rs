//! Bounds over a box and a ball hold at points of both, and are tighter than those over the box alone.

use std::sync::Arc;

use netinverse_base::Rng;
use netinverse_bounds::{Bounder, Method};
use netinverse_geometry::{Ball, Distance, Norm};
use netinverse_network::{
    Dense, Evaluator, Function, Linear, Network, NetworkBuilder, Op, Param, Shape, WeightOrder,
};

fn network(sizes: &[usize], rng: &mut Rng) -> Network {
    let mut builder = NetworkBuilder::new();
    let mut value = builder.input("x", Shape::vector(sizes[0])).unwrap();
    for (k, pair) in sizes.windows(2).enumerate() {
        let scale = (2.0 / pair[0] as f64).sqrt();
        let weights: Vec<f64> = (0..pair[0] * pair[1]).map(|_| scale * rng.normal()).collect();
        let weight = Param::from_f64(format!("W{k}"), Shape::new([pair[0], pair[1]]).unwrap(), weights);
        let weight = builder.param(weight.unwrap());
        let dense = Dense { weight, bias: None, order: WeightOrder::InputsFirst };
        value = builder.node(format!("z{k}"), Op::Linear(Linear::Dense(dense)), &[value]).unwrap();
        if k + 2 < sizes.len() {
            value = builder.node(format!("h{k}"), Op::Function(Function::Relu), &[value]).unwrap();
        }
    }
    builder.finish(&[value]).unwrap()
}

#[test]
fn bounds_in_a_ball_hold_and_are_tighter() {
    let mut rng = Rng::new(23, 0);
    let n = 30;
    for norm in [Norm::L2, Norm::L1] {
        for _ in 0..6 {
            let network = network(&[n, 16, 12, 2], &mut rng);
            let evaluator = Evaluator::<f64>::new(&network);
            let bounder = Bounder::new(&network).unwrap();
            let mut workspace = bounder.workspace();
            let centre: Vec<f64> = (0..n).map(|_| rng.range(-0.5, 0.5)).collect();
            let ball = Ball { distance: Distance::new(norm, &centre, None), radius: 0.4 };
            let (mut lower, mut upper) = (vec![-0.6; n], vec![0.55; n]);
            ball.distance.reach(ball.radius, &mut lower, &mut upper);
            let mut widths = Vec::new();
            let mut last = (Vec::new(), Vec::new());
            for inside in [None, Some(Arc::new(ball.clone()))] {
                let within = inside.as_ref();
                assert!(bounder.analyse_within(&lower, &upper, within, Method::Backward, &mut workspace));
                if inside.is_some() {
                    assert!(bounder.refine(&mut workspace, 4, &|| false));
                }
                let (low, high) = bounder.output(&workspace);
                widths.push(high[0] - low[0]);
                last = (low.to_vec(), high.to_vec());
            }
            assert!(widths[1] < 0.7 * widths[0], "{norm:?}: {widths:?}");
            for _ in 0..2000 {
                // A point on the ball's surface or within, then into the box: which keeps it in the ball here.
                let direction: Vec<f64> =
                    (0..n).map(|_| rng.normal() * f64::from(rng.below(3) as u32)).collect();
                let length = match norm {
                    Norm::L1 => direction.iter().map(|d| d.abs()).sum::<f64>(),
                    _ => direction.iter().map(|d| d * d).sum::<f64>().sqrt(),
                };
                let scale = ball.radius * rng.range(0.8, 0.999_999) / length.max(1e-9);
                let x: Vec<f64> =
                    (0..n).map(|i| (centre[i] + scale * direction[i]).clamp(lower[i], upper[i])).collect();
                if ball.distance.of(&x) > ball.radius {
                    continue;
                }
                let mut y = [0.0; 2];
                evaluator.forward(&x, &mut y);
                for j in 0..2 {
                    assert!(
                        last.0[j] <= y[j] + 1e-12 && y[j] <= last.1[j] + 1e-12,
                        "{norm:?}: {y:?} in {last:?}"
                    );
                }
            }
        }
    }
}
