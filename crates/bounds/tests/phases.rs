//! Forms with chosen slopes and given signs stay below what they bound, wherever the signs hold; the exact value is exact.

use dashu_ratio::RBig;
use netinverse_base::Rng;
use netinverse_bounds::{Bounder, Method, Phase, PhaseTask, Slopes};
use netinverse_network::{
    Dense, Evaluator, Function, Linear, Network, NetworkBuilder, Op, Param, Shape, WeightOrder,
};

/// A ReLU network; the values before each ReLU are outputs too, before the last ones.
fn network(sizes: &[usize], rng: &mut Rng) -> (Network, Network) {
    let mut builder = NetworkBuilder::new();
    let mut value = builder.input("x", Shape::vector(sizes[0])).unwrap();
    let mut hidden = Vec::new();
    for (k, pair) in sizes.windows(2).enumerate() {
        let mut draw = |count: usize| -> Vec<f64> { (0..count).map(|_| rng.normal()).collect() };
        let weight = Param::from_f64(
            format!("W{k}"),
            Shape::new([pair[0], pair[1]]).unwrap(),
            draw(pair[0] * pair[1]),
        );
        let bias = Param::from_f64(format!("b{k}"), Shape::vector(pair[1]), draw(pair[1]));
        let (weight, bias) = (builder.param(weight.unwrap()), builder.param(bias.unwrap()));
        let dense = Dense { weight, bias: Some(bias), order: WeightOrder::InputsFirst };
        value = builder.node(format!("z{k}"), Op::Linear(Linear::Dense(dense)), &[value]).unwrap();
        if k + 2 < sizes.len() {
            hidden.push(format!("z{k}"));
            value = builder.node(format!("h{k}"), Op::Function(Function::Relu), &[value]).unwrap();
        }
    }
    let network = builder.finish(&[value]).unwrap();
    let names: Vec<&str> = hidden.iter().map(String::as_str).collect();
    let before = network.with_outputs(&names).unwrap();
    (network, before)
}

#[test]
fn bounds_hold_wherever_the_signs_do() {
    let mut rng = Rng::new(17, 0);
    for trial in 0..20 {
        let (network, before) = network(&[3, 6, 5, 2], &mut rng);
        let bounder = Bounder::new(&network).unwrap();
        let mut workspace = bounder.workspace();
        let (lower, upper) = ([-0.7; 3], [0.6; 3]);
        assert!(bounder.analyse(&lower, &upper, Method::Backward, &mut workspace));
        if trial % 2 == 1 {
            assert!(bounder.refine(&mut workspace, 5, &|| false));
        }
        let unstable = bounder.unstable(&workspace);
        let steps = bounder.relu_steps();
        let places: Vec<(u32, u32)> =
            steps.iter().flat_map(|&(step, size)| (0..size as u32).map(move |j| (step, j))).collect();
        let mut tasks: Vec<PhaseTask> = (0..12)
            .map(|_| {
                let free = (0..places.len()).filter(|&slot| unstable[slot]);
                let given: Vec<usize> = free.filter(|_| rng.below(3) == 0).collect();
                let phase = |slot: usize, positive: bool| Phase {
                    step: places[slot].0,
                    element: places[slot].1,
                    positive,
                };
                let phases: Vec<Phase> = given.iter().map(|&slot| phase(slot, rng.below(2) == 0)).collect();
                let slopes = Slopes {
                    alpha: places.iter().map(|_| rng.uniform()).collect(),
                    beta: phases.iter().map(|_| 0.3 * rng.uniform()).collect(),
                };
                let row = vec![rng.normal(), rng.normal()];
                PhaseTask { row, constant: rng.normal(), phases, slopes, ..PhaseTask::default() }
            })
            .collect();
        bounder.push_phases(&mut workspace, &mut tasks);
        let (values, hidden) = (Evaluator::<f64>::new(&network), Evaluator::<f64>::new(&before));
        let mut met = 0;
        for _ in 0..4000 {
            let x: Vec<f64> = (0..3).map(|i| rng.range(lower[i], upper[i])).collect();
            let (mut y, mut z) = ([0.0; 2], [0.0; 11]);
            values.forward(&x, &mut y);
            hidden.forward(&x, &mut z);
            for task in &tasks {
                let sign = |phase: &Phase| {
                    let slot = places.iter().position(|&place| place == (phase.step, phase.element)).unwrap();
                    if phase.positive { z[slot] >= 0.0 } else { z[slot] <= 0.0 }
                };
                if task.phases.iter().all(sign) {
                    met += 1;
                    let value = task.row[0] * y[0] + task.row[1] * y[1] + task.constant;
                    assert!(value >= task.bound - 1e-12, "trial {trial}: {value} below {}", task.bound);
                }
            }
        }
        assert!(met > 0, "trial {trial}: no sample meets any signs");
    }
}

#[test]
fn gradients_are_those_of_the_bound() {
    let mut rng = Rng::new(18, 0);
    let (network, _) = network(&[3, 6, 5, 1], &mut rng);
    let bounder = Bounder::new(&network).unwrap();
    let mut workspace = bounder.workspace();
    assert!(bounder.analyse(&[-0.5; 3], &[0.5; 3], Method::Backward, &mut workspace));
    let unstable = bounder.unstable(&workspace);
    let count = unstable.len();
    assert!(unstable.iter().any(|u| *u));
    let task = |alpha: Vec<f64>| PhaseTask {
        row: vec![1.0],
        slopes: Slopes { alpha, beta: Vec::new() },
        ..PhaseTask::default()
    };
    let start: Vec<f64> = (0..count).map(|_| rng.range(0.2, 0.8)).collect();
    let mut own = [task(start.clone())];
    bounder.push_phases(&mut workspace, &mut own);
    for slot in (0..count).filter(|&slot| unstable[slot]) {
        let step = 1e-6;
        let moved = |by: f64| {
            let mut alpha = start.clone();
            alpha[slot] += by;
            task(alpha)
        };
        let mut pair = [moved(step), moved(-step)];
        bounder.push_phases(&mut workspace, &mut pair);
        let difference = (pair[0].bound - pair[1].bound) / (2.0 * step);
        let gradient = own[0].gradient.alpha[slot];
        assert!(
            (difference - gradient).abs() <= 1e-6 * (1.0 + gradient.abs()),
            "{slot}: {difference} {gradient}"
        );
    }
}

#[test]
fn exact_values_are_exact() {
    let mut rng = Rng::new(19, 0);
    let (network, _) = network(&[2, 4, 1], &mut rng);
    let bounder = Bounder::new(&network).unwrap();
    let x = [0.1, -0.3];
    // The same sums again in rationals.
    let params = network.params();
    let number = |v: f64| RBig::try_from(v).unwrap();
    let layer = |x: &[RBig], weight: &[f64], bias: &[f64]| -> Vec<RBig> {
        let m = bias.len();
        let sum = |j: usize| {
            x.iter().enumerate().fold(number(bias[j]), |s, (i, x)| s + x * number(weight[i * m + j]))
        };
        (0..m).map(sum).collect()
    };
    let z = layer(&x.map(number), params[0].f64(), params[1].f64());
    let h: Vec<RBig> = z.into_iter().map(|z| if z > RBig::ZERO { z } else { RBig::ZERO }).collect();
    let y = layer(&h, params[2].f64(), params[3].f64());
    let exact = bounder.exact_output(&x).unwrap().remove(0);
    let scale = RBig::from(2).pow(exact.exponent.unsigned_abs() as isize);
    let value = RBig::from(exact.mantissa);
    assert_eq!(if exact.exponent < 0 { value / scale } else { value * scale }, y[0]);
}
