use netinverse_base::{Budget, Rng};
use netinverse_network::{Bilinear, Dense, WeightOrder};
use netinverse_network::{Evaluator, Function, Linear, Network, NetworkBuilder, Op, Param, Shape};

use super::{Prior, SampleOptions, Samples, effective_size, sample};
use crate::fibre::plane::{PlaneOptions, preimages};
use crate::fibre::testing::Layers;

const LOCAL: SampleOptions = SampleOptions {
    count: 8000,
    chains: 4,
    burn_in: 500,
    thin: 5,
    global: 0.0,
    trials: 64,
    newton: 12,
    step: None,
    tolerance: 1e-10,
};

fn draw(
    network: &Network,
    target: &[f64],
    bounds: (&[f64], &[f64]),
    prior: &Prior,
    starts: &[&[f64]],
    options: &SampleOptions,
) -> Samples {
    let starts: Vec<Vec<f64>> = starts.iter().map(|s| s.to_vec()).collect();
    let budget = Budget::default().with_seed(5);
    let samples = sample(network, target, bounds, prior, &starts, options, &budget).unwrap();
    let evaluator = Evaluator::<f64>::new(network);
    for x in &samples.points {
        let mut y = vec![0.0; target.len()];
        evaluator.forward(x, &mut y);
        assert!(y.iter().zip(target).all(|(y, t)| (y - t).abs() < 1e-9));
        assert!(x.iter().zip(bounds.0.iter().zip(bounds.1)).all(|(x, (l, u))| l <= x && x <= u));
    }
    samples
}

/// Asserts that the mean of a number over the samples is right to three standard errors, themselves below `sharp`.
fn assert_mean(samples: &Samples, number: impl Fn(&[f64]) -> f64, expected: f64, sharp: f64) {
    let length = samples.chains.iter().filter(|&&c| c == 0).count();
    let values: Vec<f64> = samples.points.iter().map(|x| number(x)).collect();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / values.len() as f64;
    let chains: Vec<Vec<f64>> = values.chunks(length).map(<[f64]>::to_vec).collect();
    let error = (variance / effective_size(&chains)).sqrt();
    assert!((mean - expected).abs() <= 3.0 * error, "mean {mean} ± {error}, expected {expected}");
    assert!(error < sharp, "the standard error {error} is too large to tell");
}

fn indicator(holds: impl Fn(&[f64]) -> bool) -> impl Fn(&[f64]) -> f64 {
    move |x| f64::from(u8::from(holds(x)))
}

/// |x|² of n inputs.
fn squared_norm(n: usize) -> Network {
    Layers::new(n).squared().dense(&vec![1.0; n], &[0.0]).finish()
}

#[test]
fn a_linear_network_under_both_priors() {
    let line = Layers::new(2).dense(&[1.0, 2.0], &[0.0]).finish();
    let square: (&[f64], &[f64]) = (&[-1.0, -1.0], &[1.0, 1.0]);
    for global in [0.0, 0.3] {
        let options = SampleOptions { global, ..LOCAL };
        let samples = draw(&line, &[1.0], square, &Prior::Uniform, &[&[0.0, 0.5]], &options);
        // x₁ is uniform on [0, 1].
        assert_mean(&samples, indicator(|x| x[1] < 0.3), 0.3, 0.02);
        assert!(samples.mixed && samples.components.len() == 1 && samples.plateaus.is_empty());
        assert!(samples.effective_size > 500.0, "{}", samples.effective_size);
    }
    // Global steps alone never leave a point that is the only one of its lines.
    let stuck = SampleOptions { global: 1.0, count: 100, ..LOCAL };
    let samples = draw(&line, &[1.0], square, &Prior::Uniform, &[&[0.0, 0.5]], &stuck);
    assert!(!samples.mixed && samples.effective_size == 1.0 && samples.jumps == 0);
    // x₀ + x₁ + x₂ = 3/2 of standard normal numbers: means ½, variances 2/3, with no bounds.
    let sum = Layers::new(3).dense(&[1.0; 3], &[0.0]).finish();
    let normal = Prior::Gaussian { mean: vec![0.0; 3], deviation: vec![1.0; 3] };
    let free: (&[f64], &[f64]) = (&[f64::NEG_INFINITY; 3], &[f64::INFINITY; 3]);
    for global in [0.0, 0.5] {
        let options = SampleOptions { global, ..LOCAL };
        let samples = draw(&sum, &[1.5], free, &normal, &[&[0.5; 3]], &options);
        assert_mean(&samples, |x| x[0], 0.5, 0.05);
        assert_mean(&samples, |x| (x[1] - 0.5) * (x[1] - 0.5), 2.0 / 3.0, 0.06);
    }
}

#[test]
fn a_sphere_under_both_priors() {
    let sphere = squared_norm(3);
    let cube: (&[f64], &[f64]) = (&[-2.0; 3], &[2.0; 3]);
    let start: &[f64] = &[0.6, 0.0, 0.8];
    for global in [0.0, 0.5] {
        let options = SampleOptions { global, ..LOCAL };
        // Archimedes: each coordinate is uniform.
        let samples = draw(&sphere, &[1.0], cube, &Prior::Uniform, &[start], &options);
        assert_mean(&samples, indicator(|x| x[2] > 0.5), 0.25, 0.02);
        assert_eq!(samples.components.len(), 1);
        // A normal prior around (0, 0, 1) has density ∝ e^z: P(z > 0) = e / (e + 1).
        let prior = Prior::Gaussian { mean: vec![0.0, 0.0, 1.0], deviation: vec![1.0; 3] };
        let samples = draw(&sphere, &[1.0], cube, &prior, &[start], &options);
        let e = std::f64::consts::E;
        assert_mean(&samples, indicator(|x| x[2] > 0.0), e / (e + 1.0), 0.02);
    }
}

#[test]
fn two_outputs_and_a_fixed_input() {
    // (|x|², x₂) with x₃ fixed: a circle; global moves are in planes, found by Newton's method.
    let mut builder = NetworkBuilder::new();
    let x = builder.input("x", Shape::new([1, 4]).unwrap()).unwrap();
    let squares = builder.node("squares", Op::Bilinear(Bilinear::Multiply), &[x, x]).unwrap();
    let dense = |builder: &mut NetworkBuilder, from, weight: Vec<f64>| {
        let weight = builder.param(Param::from_f64("W", Shape::new([2, 4]).unwrap(), weight).unwrap());
        let dense = Dense { weight, bias: None, order: WeightOrder::OutputsFirst };
        builder.node("dense", Op::Linear(Linear::Dense(dense)), &[from]).unwrap()
    };
    let a = dense(&mut builder, squares, vec![1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    let b = dense(&mut builder, x, vec![0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
    let sum = Op::Linear(Linear::Combine { coefficients: vec![1.0, 1.0] });
    let y = builder.node("y", sum, &[a, b]).unwrap();
    let network = builder.finish(&[y]).unwrap();
    let bounds: (&[f64], &[f64]) = (&[-2.0, -2.0, -2.0, 1.0], &[2.0, 2.0, 2.0, 1.0]);
    for global in [0.0, 0.5] {
        let options = SampleOptions { global, trials: 12, count: 4000, ..LOCAL };
        let samples =
            draw(&network, &[2.0, 0.6], bounds, &Prior::Uniform, &[&[0.8, 0.0, 0.6, 1.0]], &options);
        assert_mean(&samples, indicator(|x| x[0] > 0.0 && x[1] > 0.0), 0.25, 0.03);
        assert!(samples.points.iter().all(|x| x[3] == 1.0));
        assert!(global == 0.0 || samples.jumps > 100, "{}", samples.jumps);
    }
}

#[test]
fn two_components_are_weighed_by_global_moves() {
    // (x₀ + x₁/2)² = 1 in a box that keeps x₁ ∈ [0, 1] of one line and x₁ ∈ [0, 2/5] of the other.
    let lines = Layers::new(2).dense(&[1.0, 0.5], &[0.0]).squared().finish();
    let bounds: (&[f64], &[f64]) = (&[-1.2, 0.0], &[2.0, 1.0]);
    let starts: [&[f64]; 2] = [&[1.0, 0.0], &[-1.1, 0.2]];
    let options = SampleOptions { global: 0.4, ..LOCAL };
    for starts in [&starts[..], &starts[..1], &starts[1..]] {
        let samples = draw(&lines, &[1.0], bounds, &Prior::Uniform, starts, &options);
        assert_mean(&samples, indicator(|x| x[0] > 0.0), 1.0 / 1.4, 0.03);
        assert!(samples.mixed && samples.jumps > 100);
        assert_eq!(samples.components.len(), 2);
        let shares: f64 = samples.components.iter().map(|c| c.share).sum();
        assert!((shares - 1.0).abs() < 1e-12);
        for (x, &label) in samples.points.iter().zip(&samples.labels) {
            let first = &samples.points[samples.components[label].representative];
            assert_eq!(x[0] > 0.0, first[0] > 0.0);
        }
    }
    // Without them the chains stay apart, and that is said.
    let apart = SampleOptions { step: Some(0.1), ..LOCAL };
    let samples = draw(&lines, &[1.0], bounds, &Prior::Uniform, &starts, &apart);
    assert!(!samples.mixed && samples.r_hat > 1.5 && samples.components.len() == 2);
}

#[test]
fn a_relu_fibre_has_the_masses_that_the_complete_preimage_gives() {
    let bounds: (&[f64], &[f64]) = (&[-1.0, -1.0], &[1.0, 1.0]);
    for seed in 0..4 {
        let mut rng = Rng::new(seed, 9);
        let network = Layers::new(2)
            .random(12, &mut rng)
            .function(Function::Relu)
            .random(12, &mut rng)
            .function(Function::Relu)
            .random(1, &mut rng)
            .finish();
        let evaluator = Evaluator::<f64>::new(&network);
        let mut y = [0.0];
        let start = [rng.range(-0.8, 0.8), rng.range(-0.8, 0.8)];
        evaluator.forward(&start, &mut y);
        let whole = preimages(&network, bounds.0, bounds.1, &y, &PlaneOptions::default(), &Budget::default())
            .unwrap();
        let preimage = &whole.preimages[0];
        assert!(preimage.plateaus.is_empty());
        // ∫ 1/|∇f| along the segments: ∇f is constant on each.
        let (mut total, mut left) = (0.0, 0.0);
        let (mut slopes, mut low, mut high) = (Vec::new(), f64::INFINITY, 0.0f64);
        for line in preimage.components.iter().flat_map(|c| &c.polylines) {
            for [p, q] in line.segments() {
                let middle = [0.5 * (p[0] + q[0]), 0.5 * (p[1] + q[1])];
                let (mut value, mut gradient) = ([0.0], [0.0; 2]);
                evaluator.jacobian(&middle, &mut value, &mut gradient);
                let slope = gradient[0].hypot(gradient[1]);
                slopes.push(slope);
                (low, high) = (low.min(slope), high.max(slope));
                let mass = |p: [f64; 2], q: [f64; 2]| (p[0] - q[0]).hypot(p[1] - q[1]) / slope;
                total += mass(p, q);
                // The part with x₀ < cut.
                let (a, b) = if p[0] <= q[0] { (p, q) } else { (q, p) };
                let cut = start[0];
                let share = if b[0] <= cut {
                    1.0
                } else if a[0] >= cut {
                    0.0
                } else {
                    (cut - a[0]) / (b[0] - a[0])
                };
                left += share * mass(p, q);
            }
        }
        assert!(slopes.len() > 5 && high > 1.5 * low, "the density jumps: {low} … {high}");
        let options = SampleOptions { global: 0.3, ..LOCAL };
        let samples = draw(&network, &y, bounds, &Prior::Uniform, &[&start], &options);
        assert_mean(&samples, indicator(|x| x[0] < start[0]), left / total, 0.03);
        assert!(samples.mixed, "{}", samples.r_hat);
        if preimage.components.len() == 1 {
            // One component: local steps alone are enough.
            let samples =
                draw(&network, &y, bounds, &Prior::Uniform, &[&start], &SampleOptions { thin: 20, ..LOCAL });
            assert_mean(&samples, indicator(|x| x[0] < start[0]), left / total, 0.05);
        }
    }
}

#[test]
fn the_reverse_check_fires_and_keeps_the_masses_right() {
    // x₁ = 3x₀³ − 2x₀: ∂f/∂x₁ = 1, so that x₀ is uniform. Long steps over its waves do not always lead back.
    let mut builder = NetworkBuilder::new();
    let x = builder.input("x", Shape::new([1, 2]).unwrap()).unwrap();
    let dense = |builder: &mut NetworkBuilder, from, weight: [f64; 2]| {
        let weight = builder.param(Param::from_f64("W", Shape::new([1, 2]).unwrap(), weight).unwrap());
        let dense = Dense { weight, bias: None, order: WeightOrder::OutputsFirst };
        builder.node("dense", Op::Linear(Linear::Dense(dense)), &[from]).unwrap()
    };
    let square = builder.node("square", Op::Bilinear(Bilinear::Multiply), &[x, x]).unwrap();
    let cube = builder.node("cube", Op::Bilinear(Bilinear::Multiply), &[square, x]).unwrap();
    let cubic = dense(&mut builder, cube, [-3.0, 0.0]);
    let linear = dense(&mut builder, x, [2.0, 1.0]);
    let sum = Op::Linear(Linear::Combine { coefficients: vec![1.0, 1.0] });
    let y = builder.node("y", sum, &[cubic, linear]).unwrap();
    let wave = builder.finish(&[y]).unwrap();
    let bounds: (&[f64], &[f64]) = (&[-1.0, -2.0], &[1.0, 2.0]);
    let options = SampleOptions { burn_in: 0, step: Some(1.0), thin: 10, ..LOCAL };
    let samples = draw(&wave, &[0.0], bounds, &Prior::Uniform, &[&[0.0, 0.0]], &options);
    assert!(samples.reverse_rejections > 100, "{}", samples.reverse_rejections);
    for cut in [-0.6, -0.2, 0.3, 0.7] {
        assert_mean(&samples, indicator(|x| x[0] < cut), 0.5 * (cut + 1.0), 0.02);
    }
}

#[test]
fn plateaus_are_reported_and_not_sampled() {
    // relu(x₀) − relu(−x₁) is 0 on the quadrant x₀ ≤ 0 ≤ x₁ and on the half-line x₀ = −x₁ > 0.
    let corner = Layers::new(2)
        .dense(&[1.0, 0.0, 0.0, -1.0], &[0.0, 0.0])
        .function(Function::Relu)
        .dense(&[1.0, -1.0], &[0.0])
        .finish();
    let bounds: (&[f64], &[f64]) = (&[-1.0, -1.0], &[1.0, 1.0]);
    let starts: [&[f64]; 2] = [&[-0.5, 0.5], &[0.5, -0.5]];
    let options = SampleOptions { global: 0.2, ..LOCAL };
    let samples = draw(&corner, &[0.0], bounds, &Prior::Uniform, &starts, &options);
    assert!(samples.plateaus.iter().any(|p| p.rank == 0 && p.point == [-0.5, 0.5]));
    assert!(samples.plateaus.iter().all(|p| p.point[0] <= 1e-9 && p.point[1] >= -1e-9));
    assert!(samples.points.iter().all(|x| x[0] > 0.0));
    // The density on the half-line is uniform.
    assert_mean(&samples, indicator(|x| x[0] < 0.25), 0.25, 0.02);
    let only = draw(&corner, &[0.0], bounds, &Prior::Uniform, &starts[..1], &options);
    assert!(only.points.is_empty() && !only.plateaus.is_empty() && only.effective_size == 0.0);
}

#[test]
fn samples_depend_on_the_seed_and_not_on_the_threads() {
    let sphere = squared_norm(3);
    let cube: (&[f64], &[f64]) = (&[-2.0; 3], &[2.0; 3]);
    let options = SampleOptions { count: 100, global: 0.3, ..LOCAL };
    let ask = |seed: u64, threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let budget = Budget::default().with_seed(seed);
        let start = vec![vec![0.6, 0.0, 0.8]];
        pool.install(|| sample(&sphere, &[1.0], cube, &Prior::Uniform, &start, &options, &budget).unwrap())
    };
    assert_eq!(ask(1, 1), ask(1, 3));
    assert_ne!(ask(1, 1).points, ask(2, 1).points);
}

#[test]
fn what_cannot_be_sampled_is_refused() {
    let sphere = squared_norm(2);
    let square: (&[f64], &[f64]) = (&[-2.0; 2], &[2.0; 2]);
    let ask = |target: &[f64], bounds: (&[f64], &[f64]), prior: &Prior, start: Vec<f64>| {
        sample(&sphere, target, bounds, prior, &[start], &LOCAL, &Budget::default()).unwrap_err().to_string()
    };
    let on = || vec![1.0, 0.0];
    assert!(ask(&[9.0], square, &Prior::Uniform, on()).contains("none of the 1 starts"));
    assert!(ask(&[1.0, 2.0], square, &Prior::Uniform, on()).contains("the target has 2 elements"));
    assert!(ask(&[1.0], (&[0.0; 2], &[0.0, f64::INFINITY]), &Prior::Uniform, on()).contains("no bounds"));
    assert!(ask(&[1.0], (&[0.0; 2], &[0.0, 2.0]), &Prior::Uniform, on()).contains("no dimension"));
    assert!(ask(&[1.0], square, &Prior::Uniform, vec![1.0]).contains("a start has 1 elements"));
    let flat = Prior::Gaussian { mean: vec![0.0; 2], deviation: vec![0.0; 2] };
    assert!(ask(&[1.0], square, &flat, on()).contains("deviation 0"));
}
