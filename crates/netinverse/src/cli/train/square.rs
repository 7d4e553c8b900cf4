//! `netinverse train bijective` and `bilipschitz`: square maps with an inverse by construction.

use netinverse_base::{Budget, Place, Result, ResultExt as _, Rng};
use netinverse_linalg::{Cholesky, Matrix};
use netinverse_network::Network;
use netinverse_train::{
    BiLipschitz, BiLipschitzSizes, Bijective, BijectiveSizes, Coder, Coupling, Distortion, Family as _,
};

use super::answer::{Measure, Trained, finish};
use super::arguments::{BijectiveOptions, BilipschitzOptions, CouplingName, PairOptions};
use super::course::Files;
use super::families::on_samples;
use super::samples::{self, Samples};
use super::yardsticks;
use crate::cli::{Console, Outcome, budget};

/// The random stream of pairs.
const PAIR_STREAM: u64 = 0x9A12;
/// Pairs that are drawn at a time.
const CHUNK: usize = 4096;
/// How much farther than the data inputs are that are far.
const FAR: f32 = 1e6;

pub(super) fn bijective(options: &BijectiveOptions, console: &Console) -> Result<Outcome> {
    let budget = budget(&options.course.limits)?;
    let files = Files::of(&options.course.output)?;
    let samples = Samples::read(&options.samples, options.course.patience, None, &budget)?;
    let bounds = stated_box(&options.pairs, &samples)?;
    let coupling = match options.coupling {
        CouplingName::Additive => Coupling::Additive,
        CouplingName::Affine => Coupling::Affine { clamp: options.clamp },
        CouplingName::Unbounded => Coupling::Unbounded,
    };
    let sizes = BijectiveSizes {
        inputs: samples.inputs,
        width: options.width,
        blocks: options.blocks,
        coupling,
        slope: options.slope,
        activation: options.activation.into(),
    };
    let mut family = Bijective::new(&sizes, &samples.train.x, budget.seed())?;
    let objective = family.objective(&samples.train.x, None);
    let course = on_samples(&mut family, &samples, &objective, &options.course, &budget, console)?;
    let (f, g) = (family.network()?, family.inverse()?);
    f.write(&files.network)?;
    g.write(&files.inverse)?;
    let density = family.log_density()?;
    let density_file = files.network.with_extension("density.onnx");
    density.write(&density_file)?;

    let (set, _) = samples.measured();
    let logs = yardsticks::outputs(&density, &set.x);
    let mean = logs.iter().map(|&v| f64::from(v)).sum::<f64>() / set.rows as f64;
    let mut measures = vec![Measure::new("log_density", mean, "mean logarithm of the density, nats")];
    if let Some(normal) = normal_log_density(&samples)? {
        let text = "the same of the normal law with the mean and covariance of the rows learned from";
        measures.push(Measure::new("normal_log_density", normal, text));
    }
    let proved = family.distortion(&bounds)?;
    measures.extend(distances(
        &f,
        &g,
        &samples,
        proved,
        family.depth(),
        &bounds,
        options.pairs.pairs,
        &budget,
    ));
    let terms: Vec<&'static str> = objective.parts().iter().map(|part| part.name).collect();
    let trained = Trained {
        name: "bijective density",
        family: &family,
        terms: &terms,
        measures,
        network: Some(&files.network),
        inverse: &files.inverse,
        sizes: (samples.inputs, samples.inputs),
    };
    let outcome = finish(trained, &course, &samples, &options.course, console)?;
    console.line(&format!("written: {}", density_file.display()));
    Ok(outcome)
}

pub(super) fn bilipschitz(options: &BilipschitzOptions, console: &Console) -> Result<Outcome> {
    let budget = budget(&options.course.limits)?;
    let files = Files::of(&options.course.output)?;
    let samples = Samples::read(&options.samples, options.course.patience, None, &budget)?;
    let classes = samples.classes(options.classes)?;
    let bounds = stated_box(&options.pairs, &samples)?;
    let n = samples.inputs;
    let squares: f64 = samples.train.x.iter().map(|&v| f64::from(v).powi(2)).sum();
    let sizes = BiLipschitzSizes {
        inputs: n,
        width: options.width.unwrap_or(4 * n),
        layers: options.depth,
        lower: options.mu,
        upper: options.nu,
        classes,
        spread: (squares / samples.train.x.len() as f64).sqrt(),
    };
    let mut family = BiLipschitz::new(&sizes, budget.seed())
        .at(|| Place::Option("--mu, --nu, --layers, --width".into()))?;
    let objective = family.objective(&samples.train.x, samples.train.labels.as_deref());
    let course = on_samples(&mut family, &samples, &objective, &options.course, &budget, console)?;
    let (f, g) = (family.network()?, family.inverse()?);
    f.write(&files.network)?;
    g.write(&files.inverse)?;

    let (set, _) = samples.measured();
    let mut measures = Vec::new();
    if let Some(labels) = &set.labels {
        let y = yardsticks::outputs(&f, &set.x);
        let first: Vec<f32> = y.chunks(n).flat_map(|y| y[..classes].to_vec()).collect();
        measures.push(Measure::new("accuracy", yardsticks::accuracy(&first, labels), "accuracy"));
    }
    let proved = Some(family.distortion());
    measures.extend(distances(
        &f,
        &g,
        &samples,
        proved,
        family.depth(),
        &bounds,
        options.pairs.pairs,
        &budget,
    ));
    let trained = Trained {
        name: "bi-Lipschitz classifier",
        family: &family,
        terms: &["task"],
        measures,
        network: Some(&files.network),
        inverse: &files.inverse,
        sizes: (n, n),
    };
    finish(trained, &course, &samples, &options.course, console)
}

/// The box of `--bounds`, or the smallest around the rows learned from.
fn stated_box(options: &PairOptions, samples: &Samples) -> Result<Vec<[f64; 2]>> {
    let n = samples.inputs;
    if let Some(spec) = &options.bounds {
        return samples::intervals(spec, n);
    }
    let mut bounds = vec![[f64::INFINITY, f64::NEG_INFINITY]; n];
    for row in samples.train.x.chunks(n) {
        for (bounds, &x) in bounds.iter_mut().zip(row) {
            *bounds = [bounds[0].min(f64::from(x)), bounds[1].max(f64::from(x))];
        }
    }
    Ok(bounds)
}

/// What becomes of distances: proved, measured on pairs, there and back in float32, and far from the data.
fn distances(
    f: &Network,
    g: &Network,
    samples: &Samples,
    proved: Option<Distortion>,
    depth: usize,
    bounds: &[[f64; 2]],
    pairs: usize,
    budget: &Budget,
) -> Vec<Measure> {
    let mut measures = Vec::new();
    let mut three = |names: [&'static str; 3], found: Distortion, how: &str| {
        let text = |what: &str| format!("|f(x) - f(x')| / |x - x'|, {what} {how}");
        measures.push(Measure::new(names[0], found.lower, text("least")));
        measures.push(Measure::new(names[1], found.upper, text("most")));
        measures.push(Measure::new(names[2], found.condition(), format!("their ratio κ {how}")));
    };
    if let Some(proved) = proved {
        three(["factor_least_proved", "factor_most_proved", "condition_proved"], proved, "(proved)");
    }
    let measured = measured(f, bounds, pairs, budget);
    if let Some(measured) = measured {
        let how = format!("(of {pairs} pairs)");
        three(["factor_least_measured", "factor_most_measured", "condition_measured"], measured, &how);
    }
    let (set, _) = samples.measured();
    let (worst, _) = there_and_back(f, g, &set.x);
    measures.push(Measure::new(
        "round_trip",
        worst,
        "|g(f(x)) - x| of the worst row, float32, relative to a row's length",
    ));
    if let Some(measured) = measured {
        let limit = 8.0 * depth as f64 * measured.condition() * f64::from(f32::EPSILON) / 2.0;
        measures.push(Measure::new("round_trip_limit", limit, "8 · depth · κ · 2⁻²⁴, with the κ measured"));
    }
    let far: Vec<f32> = set.x.iter().map(|&x| FAR * x).collect();
    let (worst, growth) = there_and_back(f, g, &far);
    measures.push(Measure::new(
        "far_growth",
        growth,
        "|f(x)| / |x| at most, a million times as far as the rows",
    ));
    measures.push(Measure::new("far_round_trip", worst, "|g(f(x)) - x| there, of the worst row, relative"));
    measures
}

/// The worst error of a row, relative to the root mean square of the rows' lengths; and |f(x)| relative to the same.
fn there_and_back(f: &Network, g: &Network, x: &[f32]) -> (f64, f64) {
    let n = f.input_size();
    let y = yardsticks::outputs(f, x);
    let back = yardsticks::outputs(g, &y);
    let square = |row: &[f32]| row.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>();
    let size = (square(x) / (x.len() / n) as f64).sqrt().max(f64::MIN_POSITIVE);
    // What is not a number is the worst.
    let largest = |sizes: &mut dyn Iterator<Item = f64>| {
        sizes.fold(0.0, |most: f64, own| if own.is_finite() { most.max(own) } else { f64::INFINITY })
    };
    let differences = back.chunks(n).zip(x.chunks(n)).map(|(a, b)| {
        a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>().sqrt()
    });
    let worst = largest(&mut { differences });
    let growth = largest(&mut y.chunks(n).map(|row| square(row).sqrt()));
    (worst / size, growth / size)
}

/// The least and greatest factor over pairs from the box: every second one near to each other.
fn measured(f: &Network, bounds: &[[f64; 2]], pairs: usize, budget: &Budget) -> Option<Distortion> {
    let mut rng = Rng::new(budget.seed(), PAIR_STREAM);
    let mut found: Option<Distortion> = None;
    let mut left = pairs;
    while left > 0 {
        let rows = left.min(CHUNK);
        left -= rows;
        let (mut x, mut other) = (Vec::new(), Vec::new());
        for row in 0..rows {
            for &[low, high] in bounds {
                let own = rng.range(low, high);
                x.push(own);
                let near = (own + 1e-3 * (high - low) * rng.normal()).clamp(low, high);
                other.push(if row.is_multiple_of(2) { near } else { rng.range(low, high) });
            }
        }
        if let Some(own) = Distortion::measured(f, &x, &other) {
            let all = found.get_or_insert(own);
            *all = Distortion { lower: all.lower.min(own.lower), upper: all.upper.max(own.upper) };
        }
    }
    found
}

/// The mean logarithm of the normal density with the mean and covariance of the rows learned from, over the measured rows.
/// `None` where the covariance is singular, or too large.
fn normal_log_density(samples: &Samples) -> Result<Option<f64>> {
    let n = samples.inputs;
    if n > 1024 {
        return Ok(None);
    }
    let learned = &samples.train;
    let mut mean = vec![0.0; n];
    for row in learned.x.chunks(n) {
        mean.iter_mut().zip(row).for_each(|(m, &x)| *m += f64::from(x) / learned.rows as f64);
    }
    let centred = |x: &[f32], rows: usize| {
        let values = x.iter().zip(mean.iter().cycle()).map(|(&x, m)| f64::from(x) - m).collect();
        Matrix::new(rows, n, values)
    };
    let own = centred(&learned.x, learned.rows)?;
    let mut covariance = own.transposed_product(&own);
    covariance.data_mut().iter_mut().for_each(|v| *v /= learned.rows as f64);
    let Some(cholesky) = Cholesky::new(&covariance) else { return Ok(None) };
    let (set, _) = samples.measured();
    let measured = centred(&set.x, set.rows)?;
    let mut squares = 0.0;
    let mut solved = vec![0.0; n];
    for row in measured.iter_rows() {
        solved.copy_from_slice(row);
        cholesky.solve_lower(&mut solved);
        squares += solved.iter().map(|v| v * v).sum::<f64>();
    }
    let constant = n as f64 * (2.0 * std::f64::consts::PI).ln() + cholesky.log_determinant();
    Ok(Some(-0.5 * (squares / set.rows as f64 + constant)))
}
