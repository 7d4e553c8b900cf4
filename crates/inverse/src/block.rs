//! Small dense matrices and their inverses, with what is proved of them.

use netinverse_linalg::{Interval, Lu, Matrix, Precision, Svd};

/// Above this size the singular values are estimated by iterations instead of computed.
const MAX_SVD: usize = 700;
/// Above this size nothing is proved: the proof takes as long as a few products of matrices.
const MAX_PROOF: usize = 1200;
/// Iterations of the estimates.
const ITERATIONS: usize = 60;

/// A matrix M and a matrix G with G M = I, M G = I, or both; otherwise the pseudo-inverse.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub(crate) matrix: Matrix,
    /// As many rows as M has columns.
    pub(crate) inverse: Matrix,
    pub(crate) rank: usize,
    pub(crate) sigma_max: f64,
    /// The smallest singular value that counts.
    pub(crate) sigma_min: f64,
    /// Whether the rank is proved to be min(rows, columns), in real arithmetic.
    pub(crate) proved: bool,
}

impl Block {
    /// Inverts a matrix.
    pub(crate) fn new(matrix: Matrix) -> Self {
        let (rows, columns) = (matrix.rows(), matrix.columns());
        let regular = (rows == columns && rows > MAX_SVD).then(|| by_elimination(&matrix)).flatten();
        let (inverse, rank, sigma_max, sigma_min) = regular.unwrap_or_else(|| by_singular_values(&matrix));
        let full = rank == rows.min(columns);
        let inverse = if full { refined(&matrix, inverse) } else { inverse };
        let proved = full && rows.max(columns) <= MAX_PROOF && is_proved(&matrix, &inverse);
        Block { matrix, inverse, rank, sigma_max, sigma_min, proved }
    }

    /// Whether M x determines x.
    pub(crate) fn is_injective(&self) -> bool {
        self.rank == self.matrix.columns()
    }

    /// σ_max / σ_min over the singular values that count.
    pub(crate) fn condition(&self) -> f64 {
        self.sigma_max / self.sigma_min
    }
}

type Parts = (Matrix, usize, f64, f64);

fn by_singular_values(matrix: &Matrix) -> Parts {
    let svd = Svd::new(matrix);
    let rank = svd.rank(Precision::F64);
    let sigma_max = svd.singular_values.first().copied().unwrap_or(0.0);
    let sigma_min = if rank > 0 { svd.singular_values[rank - 1] } else { 0.0 };
    let square = matrix.rows() == matrix.columns() && rank == matrix.rows();
    // Elimination has the smaller residuals where there is a choice.
    let inverse = if square { Lu::new(matrix).solve(&Matrix::identity(rank)) } else { None };
    (inverse.unwrap_or_else(|| svd.pseudo_inverse(rank)), rank, sigma_max, sigma_min)
}

/// The inverse of a large matrix, unless it is too near to a singular one.
fn by_elimination(matrix: &Matrix) -> Option<Parts> {
    let n = matrix.rows();
    let inverse = Lu::new(matrix).solve(&Matrix::identity(n))?;
    let (sigma_max, largest) = (largest_singular_value(matrix), largest_singular_value(&inverse));
    let regular = sigma_max * largest * n as f64 * Precision::F64.unit_roundoff() < 1.0;
    regular.then(|| (inverse, n, sigma_max, 1.0 / largest))
}

/// ‖A‖₂ from below, by iterations with AᵀA.
pub(crate) fn largest_singular_value(a: &Matrix) -> f64 {
    let mut v: Vec<f64> = (0..a.columns()).map(|i| 1.0 + 0.5 * ((i * 7 + 3) as f64).sin()).collect();
    let mut sigma = 0.0;
    for _ in 0..ITERATIONS {
        let size = netinverse_linalg::norm(&v);
        if size == 0.0 || !size.is_finite() {
            return sigma;
        }
        for v in &mut v {
            *v /= size;
        }
        let image = a.apply(&v);
        sigma = netinverse_linalg::norm(&image);
        v = a.apply_left(&image);
    }
    sigma
}

/// One step of Newton's iteration, G (2I − M G) or (2I − G M) G: the error is squared.
fn refined(matrix: &Matrix, inverse: Matrix) -> Matrix {
    let wide = matrix.rows() < matrix.columns();
    let mut rest = if wide { matrix.product(&inverse) } else { inverse.product(matrix) };
    let n = rest.rows();
    for i in 0..n {
        for j in 0..n {
            rest.row_mut(i)[j] = 2.0 * f64::from(u8::from(i == j)) - rest.row(i)[j];
        }
    }
    let better = if wide { inverse.product(&rest) } else { rest.product(&inverse) };
    if better.data().iter().all(|v| v.is_finite()) { better } else { inverse }
}

/// ‖I − G M‖ < 1 proves that the columns of M are independent, ‖I − M G‖ < 1 that its rows are, whatever G is.
fn is_proved(matrix: &Matrix, inverse: &Matrix) -> bool {
    let wide = matrix.rows() < matrix.columns();
    let (left, right) = if wide { (matrix, inverse.transposed()) } else { (inverse, matrix.transposed()) };
    (0..left.rows()).all(|i| {
        let mut sum = 0.0;
        for j in 0..right.rows() {
            let entry =
                Interval::dot(left.row(i), right.row(j)) - Interval::point(f64::from(u8::from(i == j)));
            sum = netinverse_linalg::interval::add_up(sum, entry.magnitude());
        }
        sum < 1.0
    })
}

/// The form of a matrix, in one word.
pub(crate) fn form(matrix: &Matrix) -> &'static str {
    let n = matrix.rows();
    if n != matrix.columns() {
        return "rectangular";
    }
    let zero = |i: usize, j: usize| matrix.row(i)[j] == 0.0;
    let below = (0..n).all(|i| (0..i).all(|j| zero(i, j)));
    let above = (0..n).all(|i| (i + 1..n).all(|j| zero(i, j)));
    let one_each = (0..n).all(|i| matrix.row(i).iter().filter(|v| **v != 0.0).count() == 1);
    let gram = || {
        let gram = matrix.product_transposed(matrix);
        (0..n).all(|i| (0..n).all(|j| (gram.row(i)[j] - f64::from(u8::from(i == j))).abs() < 1e-5))
    };
    match (below, above) {
        (true, true) => "diagonal",
        _ if one_each && matrix.data().iter().all(|v| *v == 0.0 || *v == 1.0) => "permutation",
        (true, false) | (false, true) => "triangular",
        _ if n <= MAX_PROOF && gram() => "orthogonal",
        _ => "general",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_rank_is_proved_and_only_where_it_holds() {
        let square = Matrix::from_fn(12, 12, |i, j| {
            ((i * 13 + j * 7) as f64 * 0.61).sin() + f64::from(u8::from(i == j))
        });
        let tall = Matrix::from_fn(9, 4, |i, j| ((i * i * 3 + i * j * 5 + j * 7) as f64).cos());
        for matrix in [square.clone(), tall.clone(), tall.transposed()] {
            let block = Block::new(matrix.clone());
            assert!(block.proved && block.rank == matrix.rows().min(matrix.columns()));
            assert!(block.condition() >= 1.0);
        }
        let block = Block::new(square.clone());
        let back = block.inverse.product(&square);
        assert!(back.data().iter().zip(Matrix::identity(12).data()).all(|(a, b)| (a - b).abs() < 1e-13));
        // Rank 3 of 4: nothing to prove.
        let thin = Matrix::from_fn(4, 3, |i, j| ((i * j * 3 + i * i + 2 * j) as f64).sin());
        let lost = thin.product(&thin.transposed());
        let block = Block::new(lost);
        assert!(!block.proved && block.rank == 3);
    }

    #[test]
    fn forms_are_named() {
        let of = |rows: &[f64]| form(&Matrix::new(2, 2, rows.to_vec()).unwrap());
        assert_eq!(of(&[2.0, 0.0, 0.0, 3.0]), "diagonal");
        assert_eq!(of(&[0.0, 1.0, 1.0, 0.0]), "permutation");
        assert_eq!(of(&[2.0, 0.0, 1.0, 3.0]), "triangular");
        assert_eq!(of(&[0.6, -0.8, 0.8, 0.6]), "orthogonal");
        assert_eq!(of(&[1.0, 2.0, 3.0, 4.0]), "general");
    }
}
