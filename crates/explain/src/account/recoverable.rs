//! The data's view: how much of a row lies in what its outputs see, and how well any inverse could do.

use netinverse_invert::closed_form::energy::{Pca, energy_kept_by_random};
use netinverse_linalg::{Cholesky, Matrix, dot};
use netinverse_network::{Evaluator, Network};
use serde::Serialize;
use std::collections::BTreeMap;

use super::JacobianAccount;
use crate::collision::distance;

/// How much of the data lies in the recoverable directions.
#[derive(Debug, Clone, Serialize)]
pub struct Recoverable {
    /// Rows it was measured on.
    pub rows: usize,
    /// Σ|P x|²/Σ|x|², P the projection on the row space of the Jacobian at x.
    pub kept: f64,
    /// What a random subspace of that dimension keeps on average.
    pub random: f64,
    /// What the best one subspace of that dimension keeps of these rows.
    pub pca: Option<f64>,
    /// The dimension.
    pub dimension: usize,
    /// By class.
    pub classes: Vec<ClassEnergy>,
    /// How well any inverse could do.
    pub decoder: Option<DecoderBounds>,
}

/// A class and its share.
#[derive(Debug, Clone, Serialize)]
pub struct ClassEnergy {
    /// The class.
    pub class: usize,
    /// Rows of it.
    pub rows: usize,
    /// The mean of |P x|²/|x|².
    pub kept: f64,
}

/// How well inputs can be told from outputs.
#[derive(Debug, Clone, Serialize)]
pub struct DecoderBounds {
    /// Rows that the decoder was fitted to.
    pub fitted_on: usize,
    /// Rows that it was judged by.
    pub held_out: usize,
    /// Its mean squared error an input on those: the best inverse does no worse than this.
    pub upper: f64,
    /// The error of the mean of the rows: what an inverse that looks at nothing does.
    pub baseline: f64,
    /// The Lipschitz constant for which the lower bound holds, per unit of a standardised output.
    pub lipschitz: f64,
    /// Every decoder of that constant has at least this mean distance |x − g(y)| on the rows.
    pub lower_distance: f64,
    /// The fitted decoder's mean distance on the held-out rows.
    pub upper_distance: f64,
}

/// Measures.
pub fn recoverable(
    network: &Network,
    rows: &Matrix,
    classes: &[usize],
    account: &JacobianAccount,
) -> Recoverable {
    let count = account.bases.len().min(rows.rows());
    let (mut kept_sum, mut all_sum) = (0.0, 0.0);
    let mut by_class: BTreeMap<usize, (usize, f64)> = BTreeMap::new();
    for (index, basis) in account.bases.iter().take(count).enumerate() {
        let x = rows.row(index);
        let seen = basis.apply_left(x);
        let (kept, all) = (dot(&seen, &seen), dot(x, x));
        kept_sum += kept;
        all_sum += all;
        if all > 0.0 {
            let entry = by_class.entry(classes[index]).or_default();
            entry.0 += 1;
            entry.1 += kept / all;
        }
    }
    let n = rows.columns();
    let pca = if n <= 1024 { Pca::new(rows, false).ok().map(|pca| pca.kept(account.rank)) } else { None };
    Recoverable {
        rows: count,
        kept: if all_sum > 0.0 { kept_sum / all_sum } else { 0.0 },
        random: energy_kept_by_random(account.rank, n),
        pca,
        dimension: account.rank,
        classes: by_class
            .into_iter()
            .map(|(class, (rows, sum))| ClassEnergy { class, rows, kept: sum / rows as f64 })
            .collect(),
        decoder: decoder(network, rows),
    }
}

/// The most rows that a decoder is fitted to.
const MAX_FITTED: usize = 800;

/// Kernel ridge regression from standardised outputs to inputs, with its smoothness chosen on rows kept back; and the lower
/// bound `eᵢ + eⱼ ≥ |xᵢ − xⱼ| − L |yᵢ − yⱼ|` over disjoint pairs of rows whose outputs are near each other.
fn decoder(network: &Network, rows: &Matrix) -> Option<DecoderBounds> {
    let count = rows.rows().min(MAX_FITTED + MAX_FITTED / 4);
    if count < 40 {
        return None;
    }
    let (n, m) = (rows.columns(), network.output_size());
    let mut y = vec![0.0; count * m];
    Evaluator::<f64>::new(network).forward(&rows.data()[..count * n], &mut y);
    standardise(&mut y, m);
    let y = Matrix::new(count, m, y).ok()?;
    // Every fifth row is kept back, every fifth of the others chooses.
    let held: Vec<usize> = (0..count).filter(|i| i % 5 == 4).collect();
    let rest: Vec<usize> = (0..count).filter(|i| i % 5 != 4).collect();
    let (fit, choose): (Vec<usize>, Vec<usize>) = rest.iter().partition(|&&i| i % 5 != 3);
    let x = rows.row_range(0, count);
    let typical = {
        let mut all: Vec<f64> = (0..count - 1).map(|i| distance(y.row(i), y.row(i + 1))).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2].max(1e-12)
    };
    let mut best: Option<(f64, f64, f64)> = None;
    for width in [0.3, 1.0, 3.0] {
        for ridge in [1e-3, 1e-1] {
            let guess = predict(&y, &x, &fit, &choose, width * typical, ridge)?;
            let error = mean_square(&guess, &x, &choose);
            if best.is_none_or(|best| error < best.0) {
                best = Some((error, width * typical, ridge));
            }
        }
    }
    let (_, width, ridge) = best?;
    let guess = predict(&y, &x, &rest, &held, width, ridge)?;
    let upper = mean_square(&guess, &x, &held);
    let upper_distance =
        held.iter().enumerate().map(|(row, &i)| distance(guess.row(row), x.row(i))).sum::<f64>()
            / held.len() as f64;
    let mean: Vec<f64> =
        (0..n).map(|j| rest.iter().map(|&i| x.row(i)[j]).sum::<f64>() / rest.len() as f64).collect();
    let baseline =
        held.iter().map(|&i| distance(x.row(i), &mean).powi(2)).sum::<f64>() / (held.len() * n) as f64;
    // The decoder's own steepness between neighbouring held-out outputs.
    let mut steepness: Vec<f64> = Vec::new();
    for a in 0..held.len() {
        let nearest = (0..held.len()).filter(|&b| b != a).min_by(|&p, &q| {
            distance(y.row(held[a]), y.row(held[p])).total_cmp(&distance(y.row(held[a]), y.row(held[q])))
        })?;
        let run = distance(y.row(held[a]), y.row(held[nearest]));
        if run > 1e-12 {
            steepness.push(distance(guess.row(a), guess.row(nearest)) / run);
        }
    }
    steepness.sort_by(f64::total_cmp);
    let lipschitz = steepness.last().copied().unwrap_or(0.0);
    let lower_distance = lower_bound(&x, &y, lipschitz);
    Some(DecoderBounds {
        fitted_on: rest.len(),
        held_out: held.len(),
        upper,
        baseline,
        lipschitz,
        lower_distance,
        upper_distance,
    })
}

/// The mean over all rows of a lower bound of their errors: disjoint pairs, the most telling first.
fn lower_bound(x: &Matrix, y: &Matrix, lipschitz: f64) -> f64 {
    let count = x.rows();
    let mut pairs: Vec<(f64, usize, usize)> = Vec::new();
    for a in 0..count {
        // The five rows with the nearest outputs are the candidates.
        let mut near: Vec<(f64, usize)> =
            (0..count).filter(|&b| b != a).map(|b| (distance(y.row(a), y.row(b)), b)).collect();
        let last = 4.min(near.len() - 1);
        near.select_nth_unstable_by(last, |p, q| p.0.total_cmp(&q.0));
        for &(run, b) in near.iter().take(5) {
            let excess = distance(x.row(a), x.row(b)) - lipschitz * run;
            if excess > 0.0 {
                pairs.push((excess, a.min(b), a.max(b)));
            }
        }
    }
    pairs.sort_by(|p, q| q.0.total_cmp(&p.0).then((p.1, p.2).cmp(&(q.1, q.2))));
    let mut used = vec![false; count];
    let mut total = 0.0;
    for (excess, a, b) in pairs {
        if !used[a] && !used[b] {
            (used[a], used[b]) = (true, true);
            total += excess;
        }
    }
    total / count as f64
}

fn standardise(y: &mut [f64], m: usize) {
    let rows = (y.len() / m) as f64;
    for j in 0..m {
        let mean = y.iter().skip(j).step_by(m).sum::<f64>() / rows;
        let variance = y.iter().skip(j).step_by(m).map(|y| (y - mean).powi(2)).sum::<f64>() / rows;
        let scale = if variance > 0.0 { variance.sqrt() } else { 1.0 };
        y.iter_mut().skip(j).step_by(m).for_each(|y| *y = (*y - mean) / scale);
    }
}

fn predict(y: &Matrix, x: &Matrix, fit: &[usize], ask: &[usize], width: f64, ridge: f64) -> Option<Matrix> {
    let kernel = |a: usize, b: usize| (-0.5 * (distance(y.row(a), y.row(b)) / width).powi(2)).exp();
    let gram = Matrix::from_fn(fit.len(), fit.len(), |i, j| {
        kernel(fit[i], fit[j]) + if i == j { ridge } else { 0.0 }
    });
    let factor = Cholesky::new(&gram)?;
    let n = x.columns();
    let mean: Vec<f64> =
        (0..n).map(|j| fit.iter().map(|&i| x.row(i)[j]).sum::<f64>() / fit.len() as f64).collect();
    // Weights of the fitted rows for each asked one: solve on the smaller side.
    let mut weights = Matrix::zeros(ask.len(), fit.len());
    for (row, &a) in ask.iter().enumerate() {
        let own = weights.row_mut(row);
        for (w, &b) in own.iter_mut().zip(fit) {
            *w = kernel(a, b);
        }
        factor.solve(own);
    }
    let centred = Matrix::from_fn(fit.len(), n, |i, j| x.row(fit[i])[j] - mean[j]);
    let mut guess = weights.product(&centred);
    for i in 0..guess.rows() {
        guess.row_mut(i).iter_mut().zip(&mean).for_each(|(g, m)| *g += m);
    }
    Some(guess)
}

fn mean_square(guess: &Matrix, x: &Matrix, rows: &[usize]) -> f64 {
    let total: f64 =
        rows.iter().enumerate().map(|(row, &i)| distance(guess.row(row), x.row(i)).powi(2)).sum();
    total / (rows.len() * x.columns()).max(1) as f64
}
