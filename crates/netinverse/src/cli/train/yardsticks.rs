//! What a reconstruction is measured against: the mean, principal components.

use netinverse_base::Result;
use netinverse_invert::closed_form::energy::{Pca, energy_kept};
use netinverse_linalg::{Matrix, Qr};
use netinverse_network::{Evaluator, Network};

use super::samples::{Samples, Set};

/// Rows that principal components come from at most, evenly spread: their matrix is held in float64.
const ROWS: usize = 20_000;
/// Inputs for which principal components are found at most.
const INPUTS: usize = 2048;
/// Rows that are evaluated at a time.
const CHUNK: usize = 1024;

/// The network's outputs on every row.
pub(super) fn outputs(network: &Network, x: &[f32]) -> Vec<f32> {
    let (n, m) = (network.input_size(), network.output_size());
    let evaluator = Evaluator::<f32>::new(network);
    let mut y = vec![0.0; x.len() / n * m];
    for (x, y) in x.chunks(CHUNK * n).zip(y.chunks_mut(CHUNK * m)) {
        evaluator.forward(x, y);
    }
    y
}

/// The mean of the squared differences.
pub(super) fn mean_square(a: &[f32], b: &[f32]) -> f64 {
    let sum: f64 = a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
    sum / a.len() as f64
}

/// The root of the mean square of the differences, relative to that of the second.
pub(super) fn relative(a: &[f32], b: &[f32]) -> f64 {
    let size = b.iter().map(|&b| f64::from(b).powi(2)).sum::<f64>() / b.len() as f64;
    (mean_square(a, b) / size.max(f64::MIN_POSITIVE)).sqrt()
}

/// The share of rows whose largest output is their class.
pub(super) fn accuracy(y: &[f32], labels: &[u8]) -> f64 {
    let m = y.len() / labels.len();
    let best = |y: &[f32]| (1..m).fold(0, |best, j| if y[j] > y[best] { j } else { best });
    let hits = y.chunks(m).zip(labels).filter(|(y, label)| best(y) == usize::from(**label)).count();
    hits as f64 / labels.len() as f64
}

/// Mean squared errors an input of giving the measured rows back by the mean of those learned from, and by the leading
/// `rank` principal components about it. `None` for inputs that are too many.
pub(super) fn by_components(samples: &Samples, rank: usize) -> Result<Option<(f64, f64)>> {
    let Some(learned) = matrix(&samples.train, samples.inputs)? else { return Ok(None) };
    let Some(measured) = matrix(samples.measured().0, samples.inputs)? else { return Ok(None) };
    let pca = Pca::new(&learned, true)?;
    let mut total = 0.0;
    for row in measured.iter_rows() {
        total += row.iter().zip(&pca.about).map(|(x, m)| (x - m) * (x - m)).sum::<f64>();
    }
    let mean = total / measured.data().len() as f64;
    let kept = energy_kept(&measured, &pca.basis(rank), Some(&pca.about))?;
    Ok(Some((mean, mean * (1.0 - kept.total))))
}

/// Shares of the measured rows' energy (about 0): in the column space of `w`, and in that of as many principal
/// components. `None` for inputs that are too many.
pub(super) fn energy(samples: &Samples, w: &Matrix) -> Result<Option<(f64, f64)>> {
    let Some(learned) = matrix(&samples.train, samples.inputs)? else { return Ok(None) };
    let Some(measured) = matrix(samples.measured().0, samples.inputs)? else { return Ok(None) };
    let pca = Pca::new(&learned, false)?;
    let own = energy_kept(&measured, &Qr::new(w).thin_q(), None)?;
    let best = energy_kept(&measured, &pca.basis(w.columns()), None)?;
    Ok(Some((own.total, best.total)))
}

/// At most [`ROWS`] rows of a set.
fn matrix(set: &Set, inputs: usize) -> Result<Option<Matrix>> {
    if inputs > INPUTS {
        return Ok(None);
    }
    let step = set.rows.div_ceil(ROWS);
    let values: Vec<f64> =
        set.x.chunks(inputs).step_by(step).flatten().map(|&value| f64::from(value)).collect();
    Ok(Some(Matrix::new(values.len() / inputs, inputs, values)?))
}
