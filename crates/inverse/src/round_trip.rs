//! How well an inverse inverts: f(g(y)) against y and g(f(x)) against x, as a runtime computes them.

use netinverse_base::Rng;
use netinverse_linalg::{Matrix, Precision, Real, norm, singular_values};
use netinverse_network::{Evaluator, Network};
use serde::Serialize;

use crate::build::Built;
use crate::program::Runner;

/// Dimensions for which the Sobol sequence is used; beyond it pseudo-random points are as good.
const SOBOL_DIMENSIONS: usize = 64;
/// Multiplications that the singular values of Jacobians may take.
const MAX_WORK: usize = 1 << 31;
/// Points of which the Jacobian's singular values are computed, at most.
const MAX_POINTS: usize = 32;

/// Points of the network's input space.
#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    /// One row a point, n numbers each.
    pub x: Vec<f64>,
    /// How many.
    pub rows: usize,
    /// Where they come from, in words.
    pub source: String,
}

/// Errors over rows. `None` where one is not a finite number.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Errors {
    /// The largest over the rows of `max |error| / max |value|` of a row.
    pub relative: Option<f64>,
    /// Its median over the rows.
    pub median: Option<f64>,
    /// The largest `|error|` of all.
    pub absolute: Option<f64>,
}

/// A round trip in both precisions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RoundTrip {
    /// The number of points.
    pub rows: usize,
    /// Everything in float32: both networks, and what they hand over.
    pub f32: Errors,
    /// Everything in float64.
    pub f64: Errors,
}

/// The network's Jacobian over some points, and what rounding its outputs alone does to the inputs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Conditioning {
    /// The points at which it was computed.
    pub points: usize,
    /// The largest singular value of all.
    pub sigma_max: f64,
    /// The smallest singular value of all that counts for the rank.
    pub sigma_min: f64,
    /// To first order, how far rounding y to float32 may move the x that is returned: the largest of `2⁻²⁴ |y| / (σ_min |x|)`.
    /// No inverse that takes y in float32 is sure to do better. `None` where that is not a finite number.
    pub rounding_f32: Option<f64>,
    /// The same for float64.
    pub rounding_f64: Option<f64>,
}

/// Quasi-random points of a box, `[lower, upper]` for each element of the inputs.
pub fn quasi_random(bounds: &[[f64; 2]], rows: usize, seed: u64) -> Vec<f64> {
    let n = bounds.len();
    let mut rng = Rng::new(seed, 0x0B17);
    let mut points = Vec::with_capacity(rows * n);
    for row in 0..rows {
        for (i, [low, high]) in bounds.iter().enumerate() {
            let unit = if n <= SOBOL_DIMENSIONS && row < 1 << 16 {
                f64::from(sobol_burley::sample(row as u32, i as u32, seed as u32))
            } else {
                rng.uniform()
            };
            points.push(low + (high - low) * unit);
        }
    }
    points
}

/// g(f(x)) against x.
pub fn g_of_f(built: &Built, samples: &Samples) -> RoundTrip {
    RoundTrip {
        rows: samples.rows,
        f32: returned::<f32>(built, &samples.x, samples.rows),
        f64: returned::<f64>(built, &samples.x, samples.rows),
    }
}

/// f(g(y)) against y: of the outputs at the samples, or of rows `targets` of outputs, where inputs that are given beside
/// them are those of the samples.
pub fn f_of_g(built: &Built, samples: &Samples, targets: Option<&[f64]>) -> RoundTrip {
    let m = built.network.output_size();
    let rows = targets.map_or(samples.rows, |targets| targets.len() / m);
    RoundTrip {
        rows,
        f32: reached::<f32>(built, samples, targets, rows),
        f64: reached::<f64>(built, samples, targets, rows),
    }
}

/// Positions of the elements of the network's inputs that the inverse gives, and of those that it takes.
fn positions(built: &Built) -> (Vec<usize>, Vec<usize>) {
    let (mut wanted, mut given) = (Vec::new(), Vec::new());
    let mut start = 0;
    let outputs: Vec<&str> = built.inverse.outputs().map(|slot| slot.name.as_str()).collect();
    let network = &built.network;
    for &id in network.inputs() {
        let value = network.value(id);
        let size = value.shape.elements();
        let own = start..start + size;
        if outputs.contains(&value.name.as_str()) {
            wanted.extend(own);
        } else if built.given.contains(&value.name) {
            given.extend(own);
        }
        start += size;
    }
    (wanted, given)
}

/// Rows of x with what is wanted replaced.
fn filled<T: Real>(x: &[T], found: &[T], n: usize, wanted: &[usize]) -> Vec<T> {
    let mut filled = x.to_vec();
    for (row, found) in filled.chunks_mut(n).zip(found.chunks(wanted.len())) {
        for (&position, &value) in wanted.iter().zip(found) {
            row[position] = value;
        }
    }
    filled
}

/// Outputs and given inputs, as the inverse takes them.
fn taken<T: Real>(y: &[T], x: &[T], rows: usize, n: usize, given: &[usize]) -> Vec<T> {
    let m = y.len() / rows;
    let mut taken = Vec::with_capacity(rows * (m + given.len()));
    for row in 0..rows {
        taken.extend_from_slice(&y[row * m..(row + 1) * m]);
        taken.extend(given.iter().map(|&position| x[row % (x.len() / n) * n + position]));
    }
    taken
}

fn converted<T: Real>(x: &[f64]) -> Vec<T> {
    x.iter().map(|&x| T::from_f64(x)).collect()
}

fn values<T: Real>(network: &Network, x: &[T], rows: usize) -> Vec<T> {
    let mut y = vec![T::from_f64(0.0); rows * network.output_size()];
    Evaluator::<T>::new(network).forward(x, &mut y);
    y
}

fn returned<T: Real>(built: &Built, x: &[f64], rows: usize) -> Errors {
    let n = built.network.input_size();
    let (wanted, given) = positions(built);
    let x: Vec<T> = converted(x);
    let y = values(&built.network, &x, rows);
    let found = Runner::<T>::new(&built.inverse).run(&taken(&y, &x, rows, n, &given));
    let true_ones: Vec<T> =
        (0..rows).flat_map(|row| wanted.iter().map(move |&p| row * n + p)).map(|at| x[at]).collect();
    errors(&true_ones, &found, rows)
}

fn reached<T: Real>(built: &Built, samples: &Samples, targets: Option<&[f64]>, rows: usize) -> Errors {
    let n = built.network.input_size();
    let (wanted, given) = positions(built);
    let own: Vec<T> = converted(&samples.x);
    // The samples are repeated where there are more targets.
    let x: Vec<T> = (0..rows * n).map(|at| own[at % own.len()]).collect();
    let y = match targets {
        Some(targets) => converted(targets),
        None => values(&built.network, &x, rows),
    };
    let found = Runner::<T>::new(&built.inverse).run(&taken(&y, &x, rows, n, &given));
    let again = values(&built.network, &filled(&x, &found, n, &wanted), rows);
    errors(&y, &again, rows)
}

fn errors<T: Real>(wanted: &[T], found: &[T], rows: usize) -> Errors {
    let width = wanted.len() / rows.max(1);
    let mut relative = Vec::with_capacity(rows);
    let mut absolute = 0.0f64;
    for (wanted, found) in wanted.chunks(width.max(1)).zip(found.chunks(width.max(1))) {
        let (mut error, mut size) = (0.0f64, 0.0f64);
        for (a, b) in wanted.iter().zip(found) {
            let difference = (a.to_f64() - b.to_f64()).abs();
            error = if difference.is_nan() { f64::INFINITY } else { error.max(difference) };
            size = size.max(a.to_f64().abs());
        }
        relative.push(if error == 0.0 { 0.0 } else { error / size.max(f64::MIN_POSITIVE) });
        absolute = absolute.max(error);
    }
    relative.sort_by(f64::total_cmp);
    let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
    Errors {
        relative: finite(relative.last().copied()),
        median: finite(relative.get(relative.len() / 2).copied()),
        absolute: finite(Some(absolute)),
    }
}

/// The singular values of the network's Jacobian at some of the samples; `None` where that takes too long.
pub fn conditioning(built: &Built, samples: &Samples) -> Option<Conditioning> {
    let (n, m) = (built.network.input_size(), built.network.output_size());
    let (wanted, _) = positions(built);
    let work = wanted.len().max(m).saturating_mul(wanted.len().min(m)).saturating_mul(wanted.len().min(m));
    let points = (MAX_WORK / work.saturating_mul(8).max(1)).min(MAX_POINTS).min(samples.rows);
    if points == 0 || n.saturating_mul(m) > 1 << 24 {
        return None;
    }
    let evaluator = Evaluator::<f64>::new(&built.network);
    let mut made = Conditioning {
        points,
        sigma_max: 0.0,
        sigma_min: f64::INFINITY,
        rounding_f32: Some(0.0),
        rounding_f64: Some(0.0),
    };
    for row in 0..points {
        let x = &samples.x[row * n..(row + 1) * n];
        let (mut y, mut jacobian) = (vec![0.0; m], vec![0.0; m * n]);
        evaluator.jacobian(x, &mut y, &mut jacobian);
        if jacobian.iter().any(|v| !v.is_finite()) {
            return None;
        }
        let own = Matrix::from_fn(m, wanted.len(), |j, i| jacobian[j * n + wanted[i]]);
        let sigma = singular_values(&own);
        let largest = sigma.first().copied()?;
        let counts = m.max(wanted.len()) as f64 * Precision::F64.unit_roundoff() * largest;
        // Directions that are lost do not move: the section sees to that.
        let Some(smallest) = sigma.iter().copied().rev().find(|&sigma| sigma > counts) else { continue };
        made.sigma_max = made.sigma_max.max(largest);
        made.sigma_min = made.sigma_min.min(smallest);
        let own: Vec<f64> = wanted.iter().map(|&i| x[i]).collect();
        let size = norm(&own).max(f64::MIN_POSITIVE);
        let moved = |precision: Precision| {
            let moved = precision.unit_roundoff() * norm(&y) / (smallest * size);
            moved.is_finite().then_some(moved)
        };
        let larger = |a: Option<f64>, b: Option<f64>| Some(a?.max(b?));
        made.rounding_f32 = larger(made.rounding_f32, moved(Precision::F32));
        made.rounding_f64 = larger(made.rounding_f64, moved(Precision::F64));
    }
    (made.sigma_max > 0.0).then_some(made)
}
