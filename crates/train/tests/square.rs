//! Square maps with an inverse by construction: what is proved of them, beside what is measured.

use netinverse_base::{Budget, Rng, Silent};
use netinverse_linalg::{Lu, Matrix, singular_values};
use netinverse_network::{Evaluator, Network};
use netinverse_train::{
    Activation, BiLipschitz, BiLipschitzSizes, Bijective, BijectiveSizes, Coder, Coupling, Distortion,
    Family as _, Keeping, Lesson, Recipe,
};

const ROUNDING: f64 = 1.0 / (1 << 24) as f64;

fn apply(network: &Network, x: &[f32]) -> Vec<f32> {
    let mut y = vec![0.0; x.len() / network.input_size() * network.output_size()];
    Evaluator::<f32>::new(network).forward(x, &mut y);
    y
}

fn apply_wide(network: &Network, x: &[f64]) -> Vec<f64> {
    let mut y = vec![0.0; x.len() / network.input_size() * network.output_size()];
    Evaluator::<f64>::new(network).forward(x, &mut y);
    y
}

fn train(family: &mut dyn Coder, x: &[f32], classes: Option<&[u8]>, epochs: usize, rate: f32) {
    let objective = family.objective(x, classes);
    let lesson = Lesson { x, objective: &objective };
    let recipe = Recipe { rate, epochs, batch: 64, ..Recipe::default() };
    family.train(&lesson, None, &recipe, &Keeping::default(), &Budget::default(), &Silent).unwrap();
}

/// |x̂ − x| of the worst row, relative to the root mean square of the rows' lengths.
fn round_trip(f: &Network, g: &Network, x: &[f32]) -> f64 {
    let n = f.input_size();
    let back = apply(g, &apply(f, x));
    let length = |row: &mut dyn Iterator<Item = f64>| row.map(|v| v * v).sum::<f64>();
    let worst = back
        .chunks(n)
        .zip(x.chunks(n))
        .map(|(a, b)| length(&mut a.iter().zip(b).map(|(a, b)| f64::from(*a) - f64::from(*b))).sqrt())
        .fold(0.0, f64::max);
    worst / (length(&mut x.iter().map(|&v| f64::from(v))) / (x.len() / n) as f64).sqrt()
}

/// Pairs in the box [−size, size]ⁿ: half of them far apart, half near.
fn pairs(n: usize, count: usize, size: f64) -> (Vec<f64>, Vec<f64>) {
    let mut rng = Rng::new(11, 0);
    let x: Vec<f64> = (0..n * count).map(|_| rng.range(-size, size)).collect();
    let other = x
        .iter()
        .enumerate()
        .map(|(i, &v)| {
            let near = (v + 1e-3 * size * rng.normal()).clamp(-size, size);
            if (i / n).is_multiple_of(2) { near } else { rng.range(-size, size) }
        })
        .collect();
    (x, other)
}

fn assert_within(measured: Distortion, proved: Distortion) {
    // What is measured rounds, in float64.
    assert!(measured.lower >= proved.lower * (1.0 - 1e-9), "{measured:?} and {proved:?}");
    assert!(measured.upper <= proved.upper * (1.0 + 1e-9), "{measured:?} and {proved:?}");
}

/// Points of the plane between two circles, or inside the smaller, among four coordinates of which two say nothing.
fn rings(count: usize, seed: u64) -> (Vec<f32>, Vec<u8>) {
    let mut rng = Rng::new(seed, 3);
    let x: Vec<f32> = (0..4 * count).map(|_| rng.range(-1.0, 1.0) as f32).collect();
    let classes = x.chunks(4).map(|x| u8::from(x[0] * x[0] + x[1] * x[1] > 0.6)).collect();
    (x, classes)
}

fn rings_map(lower: f64, upper: f64) -> BiLipschitzSizes {
    BiLipschitzSizes { inputs: 4, width: 24, layers: 3, lower, upper, classes: 2, spread: 0.6 }
}

#[test]
fn a_bi_lipschitz_map_keeps_to_its_factors_trained_or_not() {
    let (x, classes) = rings(3000, 1);
    let mut family = BiLipschitz::new(&rings_map(0.2, 20.0), 5).unwrap();
    let (first, other) = pairs(4, 100_000, 2.0);
    for trained in [false, true] {
        if trained {
            train(&mut family, &x, Some(&classes), 60, 0.05);
        }
        let (f, g) = (family.network().unwrap(), family.inverse().unwrap());
        let proved = family.distortion();
        assert!(proved.lower >= 0.2 && proved.upper <= 20.0, "{proved:?}");
        assert!(proved.lower < 0.21 && proved.upper > 19.0, "{proved:?}");
        let measured = Distortion::measured(&f, &first, &other).unwrap();
        assert_within(measured, proved);
        if trained {
            // It needs its factors, or the bounds would say little.
            assert!(measured.upper / measured.lower > 3.0, "{measured:?}");
        }
        // In float32, and in float64 where the steps that are written end.
        let limit = 8.0 * family.depth() as f64 * proved.condition() * ROUNDING;
        let error = round_trip(&f, &g, &x);
        assert!(error <= limit, "{error} above {limit}");
        let wide: Vec<f64> = x.iter().map(|&v| f64::from(v)).collect();
        let back = apply_wide(&g, &apply_wide(&f, &wide));
        assert!(back.iter().zip(&wide).all(|(a, b)| (a - b).abs() < 1e-5));
    }
    let (x, classes) = rings(500, 2);
    let y = apply(&family.network().unwrap(), &x);
    let hits = y.chunks(4).zip(&classes).filter(|(y, class)| u8::from(y[1] > y[0]) == **class).count();
    assert!(hits > 450, "{hits} of 500");
    // The Jacobian at a point, against the same factors.
    let evaluator = Evaluator::<f64>::new(&family.network().unwrap());
    let (mut y, mut jacobian) = ([0.0; 4], [0.0; 16]);
    evaluator.jacobian(&[0.3, -0.4, 0.1, 0.9], &mut y, &mut jacobian);
    let sigma = singular_values(&Matrix::new(4, 4, jacobian.to_vec()).unwrap());
    assert!(sigma[0] <= 20.0 && sigma[3] >= 0.2, "{sigma:?}");
}

#[test]
fn far_inputs_go_through_a_bi_lipschitz_map_and_back() {
    let family = BiLipschitz::new(&rings_map(0.5, 4.0), 5).unwrap();
    let (f, g) = (family.network().unwrap(), family.inverse().unwrap());
    let far: Vec<f32> = rings(200, 4).0.iter().map(|v| 1e8 * v).collect();
    let limit = 8.0 * family.depth() as f64 * family.distortion().condition() * ROUNDING;
    let error = round_trip(&f, &g, &far);
    assert!(error <= limit, "{error} above {limit}");
}

#[test]
fn factors_and_sizes_without_meaning_are_refused() {
    let refused = |sizes: BiLipschitzSizes| BiLipschitz::new(&sizes, 0).unwrap_err().to_string();
    assert!(refused(rings_map(2.0, 1.0)).contains("0 < μ < ν"));
    assert!(refused(rings_map(0.0, 1.0)).contains("0 < μ < ν"));
    assert!(refused(rings_map(1.0, f64::INFINITY)).contains("0 < μ < ν"));
    assert!(refused(rings_map(1.0, 1.0 + 1e-9)).contains("leave 3 layers nothing"));
    assert!(refused(rings_map(1e-9, 1e9)).contains("steps"));
    assert!(refused(BiLipschitzSizes { width: 3, ..rings_map(1.0, 2.0) }).contains("width 3 for 4 inputs"));
    assert!(refused(BiLipschitzSizes { classes: 5, ..rings_map(1.0, 2.0) }).contains("5 classes of 4"));
}

/// x₁ normal, x₂ normal around 0.6 x₁²: the entropy is known.
fn banana(count: usize, seed: u64) -> Vec<f32> {
    let mut rng = Rng::new(seed, 5);
    (0..count)
        .flat_map(|_| {
            let first = rng.normal();
            [first as f32, (0.6 * first * first + 0.4 * rng.normal()) as f32]
        })
        .collect()
}

fn bijective(coupling: Coupling, x: &[f32]) -> Bijective {
    let activation = Activation::Relu;
    let sizes = BijectiveSizes { inputs: 2, width: 32, blocks: 6, coupling, slope: 2.0, activation };
    Bijective::new(&sizes, x, 3).unwrap()
}

#[test]
fn a_coupling_density_is_a_density_and_nearly_that_of_the_samples() {
    let x = banana(4000, 1);
    let held: Vec<f64> = banana(2000, 2).iter().map(|&v| f64::from(v)).collect();
    // Minus the entropy: −½ log(2πe) for x₁, and with the deviation 0.4 for x₂.
    let most = -(2.0 * std::f64::consts::PI * std::f64::consts::E).ln() - 0.4f64.ln();
    for coupling in [Coupling::Additive, Coupling::Affine { clamp: 1.0 }] {
        let mut family = bijective(coupling, &x);
        train(&mut family, &x, None, 40, 0.005);
        let density = family.log_density().unwrap();
        let own = apply_wide(&density, &held).iter().sum::<f64>() / 2000.0;
        assert!(own > most - 0.35 && own < most + 0.08, "{coupling:?}: {own} of {most}");
        // It integrates to one, on a grid that has all of it.
        let step = 0.05;
        let grid: Vec<f64> = (-240..240)
            .flat_map(|i| (-200..400).flat_map(move |j| [f64::from(i) * step, f64::from(j) * step]))
            .collect();
        let whole = apply_wide(&density, &grid).iter().map(|p| p.exp()).sum::<f64>() * step * step;
        assert!((whole - 1.0).abs() < 0.01, "{coupling:?}: {whole}");
        // And is the normal law's, carried back by the Jacobian.
        let f = family.network().unwrap();
        let evaluator = Evaluator::<f64>::new(&f);
        for point in held.chunks(2).take(20) {
            let (mut y, mut jacobian) = ([0.0; 2], [0.0; 4]);
            evaluator.jacobian(point, &mut y, &mut jacobian);
            let (_, log) = Lu::new(&Matrix::new(2, 2, jacobian.to_vec()).unwrap()).determinant();
            let normal = -0.5 * (y[0] * y[0] + y[1] * y[1]) - (2.0 * std::f64::consts::PI).ln();
            let found = apply_wide(&density, point)[0];
            assert!((found - normal - log).abs() < 1e-5, "{found} and {}", normal + log);
        }
    }
}

#[test]
fn the_conditioning_of_couplings_is_proved_on_a_box() {
    let x = banana(2000, 1);
    for coupling in [Coupling::Additive, Coupling::Affine { clamp: 0.5 }] {
        let mut family = bijective(coupling, &x);
        train(&mut family, &x, None, 20, 0.005);
        let (f, g) = (family.network().unwrap(), family.inverse().unwrap());
        let proved = family.distortion(&[[-3.0, 3.0]; 2]).unwrap().unwrap();
        let (first, other) = pairs(2, 100_000, 3.0);
        let measured = Distortion::measured(&f, &first, &other).unwrap();
        assert_within(measured, proved);
        let inside: Vec<f32> = first[..4000].iter().map(|&v| v as f32).collect();
        let limit = 8.0 * family.depth() as f64 * measured.condition() * ROUNDING;
        let error = round_trip(&f, &g, &inside);
        assert!(error <= limit, "{coupling:?}: {error} above {limit}");
    }
}

/// A million times as far as the data: couplings that are clamped grow like their input, one that is not overflows.
#[test]
fn only_an_unbounded_coupling_blows_up_far_from_the_data() {
    let x = banana(2000, 1);
    let far: Vec<f32> = x.iter().map(|v| 1e6 * v).collect();
    let largest = |values: &[f32]| values.iter().map(|v| f64::from(v.abs())).fold(0.0, f64::max);
    for coupling in [Coupling::Additive, Coupling::Affine { clamp: 0.5 }] {
        let mut family = bijective(coupling, &x);
        train(&mut family, &x, None, 10, 0.005);
        let (f, g) = (family.network().unwrap(), family.inverse().unwrap());
        let y = apply(&f, &far);
        assert!(y.iter().all(|v| v.is_finite()) && largest(&y) < 1e4 * largest(&far), "{coupling:?}");
        let error = round_trip(&f, &g, &far);
        assert!(error < 1e-3, "{coupling:?}: {error}");
    }
    let mut family = bijective(Coupling::Unbounded, &x);
    train(&mut family, &x, None, 10, 0.005);
    let y = apply(&family.network().unwrap(), &far);
    assert!(y.iter().any(|v| !v.is_finite()));
}

#[test]
fn couplings_without_meaning_are_refused() {
    let x = banana(10, 1);
    let sizes = BijectiveSizes {
        inputs: 2,
        width: 4,
        blocks: 2,
        coupling: Coupling::Affine { clamp: 1.0 },
        slope: 1.0,
        activation: Activation::Tanh,
    };
    let refused = |sizes: BijectiveSizes, x: &[f32]| Bijective::new(&sizes, x, 0).unwrap_err().to_string();
    assert!(refused(BijectiveSizes { inputs: 1, ..sizes }, &x).contains("two halves"));
    assert!(refused(BijectiveSizes { blocks: 0, ..sizes }, &x).contains("0 blocks"));
    assert!(refused(BijectiveSizes { width: 1, ..sizes }, &x).contains("1 units"));
    assert!(refused(BijectiveSizes { slope: -1.0, ..sizes }, &x).contains("slope of -1"));
    assert!(
        refused(BijectiveSizes { coupling: Coupling::Affine { clamp: 0.0 }, ..sizes }, &x).contains("clamp")
    );
    assert!(refused(sizes, &[1.0, 2.0, 1.0, 3.0]).contains("input 0 is the same"));
}
