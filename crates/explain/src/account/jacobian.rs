//! The whole network to first order: the Jacobian's spectrum over rows.

use netinverse_linalg::{Matrix, Precision, Svd, symmetric_eigen};
use netinverse_network::{Evaluator, Network};
use rayon::prelude::*;
use serde::Serialize;

use super::layer::work;

/// The least, the median and the largest of something.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Range {
    /// The least.
    pub least: f64,
    /// The median.
    pub median: f64,
    /// The largest.
    pub largest: f64,
}

impl Range {
    pub(crate) fn of(values: &mut [f64]) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |share: usize| values.get(share).copied().unwrap_or(0.0);
        Range { least: at(0), median: at(values.len() / 2), largest: at(values.len().saturating_sub(1)) }
    }
}

/// What the Jacobians of some rows say.
#[derive(Debug, Clone, Serialize)]
pub struct JacobianAccount {
    /// Rows looked at.
    pub rows: usize,
    /// Ranks in f64 and how many rows have each, ascending.
    pub ranks: Vec<(usize, usize)>,
    /// The typical rank: the median.
    pub rank: usize,
    /// Inputs that can vary less the typical rank: the dimension of the set of inputs with one output.
    pub fibre_dimension: usize,
    /// σ₁ by row.
    pub sigma_max: Range,
    /// The smallest singular value (of min(n, m)) by row.
    pub sigma_min: Range,
    /// σ₁/σ_min by row, where σ_min is not 0.
    pub condition: Option<Range>,
    /// Directions that no row's Jacobian sees; computed with 1024 inputs or fewer.
    pub shared_null: Option<usize>,
    /// The median spectrum, descending.
    #[serde(skip)]
    pub spectrum: Vec<f64>,
    /// Orthonormal bases of what the outputs of each row see, n × rank; of the rows looked at.
    #[serde(skip)]
    pub bases: Vec<Matrix>,
}

/// Looks at as many rows as the network's size allows: at most about 10¹¹ multiplications.
pub fn jacobian_account(network: &Network, free: &[usize], rows: &Matrix) -> JacobianAccount {
    let evaluator = Evaluator::<f64>::new(network);
    let (n, m, k) = (network.input_size(), network.output_size(), free.len());
    let directions = n.min(m).max(1);
    let affordable = (1usize << 36) / (2 * directions * work(network)).max(1);
    // An SVD of min · max · min multiplications, some thirty times over.
    let factor = (1usize << 35) / (30 * k.min(m) * k.max(m) * k.min(m)).max(1);
    let memory = (1usize << 26) / (n * m).max(1);
    let count = rows.rows().min(affordable).min(factor).max(1);
    let mut found: Vec<(usize, Vec<f64>, Matrix)> = Vec::with_capacity(count);
    for first in (0..count).step_by(memory.max(1)) {
        let chunk = (count - first).min(memory.max(1));
        let x = &rows.data()[first * n..(first + chunk) * n];
        let (mut y, mut jacobian) = (vec![0.0; chunk * m], vec![0.0; chunk * m * n]);
        evaluator.jacobian(x, &mut y, &mut jacobian);
        let part: Vec<_> = jacobian
            .par_chunks_exact(m * n)
            .map(|jacobian| {
                let svd = Svd::new(&Matrix::from_fn(m, k, |j, c| jacobian[j * n + free[c]]));
                let rank = svd.rank(Precision::F64);
                let basis = Matrix::from_fn(n, rank, |_, _| 0.0);
                let mut basis = basis;
                for (row, &i) in free.iter().enumerate() {
                    basis.row_mut(i).copy_from_slice(&svd.v.row(row)[..rank]);
                }
                (rank, svd.singular_values, basis)
            })
            .collect();
        found.extend(part);
    }
    let mut ranks: Vec<usize> = found.iter().map(|(rank, ..)| *rank).collect();
    ranks.sort_unstable();
    let rank = ranks.get(ranks.len() / 2).copied().unwrap_or(0);
    let mut counted: Vec<(usize, usize)> = Vec::new();
    for rank in ranks {
        match counted.last_mut() {
            Some((own, count)) if *own == rank => *count += 1,
            _ => counted.push((rank, 1)),
        }
    }
    let of = |pick: &dyn Fn(&[f64]) -> Option<f64>| -> Vec<f64> {
        found.iter().filter_map(|(_, s, _)| pick(s)).collect()
    };
    let condition = &mut of(&|s| {
        let (first, last) = (s.first()?, s.last()?);
        // Below this the rank is short, and the quotient is round-off.
        (*last > f64::EPSILON * k.max(m) as f64 * first).then(|| first / last)
    });
    let spectrum = (0..k.min(m)).map(|at| Range::of(&mut of(&|s| s.get(at).copied())).median).collect();
    let bases: Vec<Matrix> = found.iter().map(|(.., basis)| basis.clone()).collect();
    JacobianAccount {
        rows: count,
        ranks: counted,
        rank,
        fibre_dimension: k - rank,
        sigma_max: Range::of(&mut of(&|s| s.first().copied())),
        sigma_min: Range::of(&mut of(&|s| s.last().copied())),
        condition: (!condition.is_empty()).then(|| Range::of(condition)),
        shared_null: shared_null(n, k, &bases),
        spectrum,
        bases,
    }
}

/// n less the rank of all bases together.
fn shared_null(n: usize, free: usize, bases: &[Matrix]) -> Option<usize> {
    if n > 1024 {
        return None;
    }
    let shown = &bases[..bases.len().min(256)];
    let columns: usize = shown.iter().map(Matrix::columns).sum();
    let mut all = Matrix::zeros(n, columns);
    let mut at = 0;
    for basis in shown {
        for i in 0..n {
            all.row_mut(i)[at..at + basis.columns()].copy_from_slice(basis.row(i));
        }
        at += basis.columns();
    }
    let (values, _) = symmetric_eigen(&all.product_transposed(&all));
    let largest = values.iter().copied().fold(0.0, f64::max);
    // Eigenvalues are squares of singular values, so round-off shows at about √u of them.
    let rank = values.iter().filter(|&&v| v > 1e-12 * largest).count();
    Some(free.saturating_sub(rank))
}
