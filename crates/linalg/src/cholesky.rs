use crate::matrix::Matrix;

/// The factorisation A = L Lᵀ of a symmetric positive definite matrix.
///
/// For the small systems of dual and posterior solves (a few to a few hundred unknowns) inside loops:
/// the storage is reused, nothing is allocated after the first factorisation of a size.
#[derive(Debug, Clone, Default)]
pub struct Cholesky {
    size: usize,
    /// L row after row; the strict upper triangle is not used.
    lower: Vec<f64>,
}

impl Cholesky {
    /// Factorises A, of which the lower triangle is read; `None` if A is not positive definite to
    /// working precision.
    pub fn new(a: &Matrix) -> Option<Self> {
        assert_eq!(a.rows(), a.columns(), "a symmetric matrix is square");
        let mut factor = Cholesky::default();
        factor.factorise(a.data(), a.rows(), 0.0).then_some(factor)
    }

    /// Factorises A + shift·I in place of what this held; A is `size`×`size`, row-major, lower triangle
    /// read. Returns whether it succeeded; after a failure, only another factorisation is meaningful.
    #[must_use]
    pub fn factorise(&mut self, a: &[f64], size: usize, shift: f64) -> bool {
        assert!(a.len() >= size * size, "{} elements for {size} × {size}", a.len());
        self.size = size;
        self.lower.clear();
        self.lower.extend_from_slice(&a[..size * size]);
        for j in 0..size {
            let (above, below) = self.lower.split_at_mut((j + 1) * size);
            let row_j = &mut above[j * size..];
            let pivot = row_j[j] + shift - row_j[..j].iter().map(|v| v * v).sum::<f64>();
            if !(pivot > 0.0 && pivot.is_finite()) {
                return false;
            }
            let diagonal = pivot.sqrt();
            row_j[j] = diagonal;
            for row_i in below.chunks_exact_mut(size) {
                let sum: f64 = row_i[..j].iter().zip(&row_j[..j]).map(|(a, b)| a * b).sum();
                row_i[j] = (row_i[j] - sum) / diagonal;
            }
        }
        true
    }

    /// The number of unknowns.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Replaces b by A⁻¹ b.
    pub fn solve(&self, b: &mut [f64]) {
        self.solve_lower(b);
        let n = self.size;
        for i in (0..n).rev() {
            let value = b[i] / self.lower[i * n + i];
            b[i] = value;
            for j in 0..i {
                b[j] -= value * self.lower[i * n + j];
            }
        }
    }

    /// Replaces b by L⁻¹ b.
    pub fn solve_lower(&self, b: &mut [f64]) {
        assert_eq!(b.len(), self.size, "one right-hand side element an unknown");
        let n = self.size;
        for i in 0..n {
            let row = &self.lower[i * n..i * n + i];
            let sum: f64 = row.iter().zip(&*b).map(|(l, x)| l * x).sum();
            b[i] = (b[i] - sum) / self.lower[i * n + i];
        }
    }

    /// ln det A
    pub fn log_determinant(&self) -> f64 {
        2.0 * (0..self.size).map(|i| self.lower[i * self.size + i].ln()).sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solves_and_log_determinants() {
        let half = Matrix::from_fn(6, 6, |i, j| ((i * 7 + j * 2) as f64).sin() + f64::from(u8::from(i == j)));
        let a = half.product_transposed(&half);
        let factor = Cholesky::new(&a).unwrap();
        let x: Vec<f64> = (0..6).map(|i| f64::from(i) - 2.0).collect();
        let mut b = a.apply(&x);
        factor.solve(&mut b);
        assert!(b.iter().zip(&x).all(|(p, q)| (p - q).abs() < 1e-10));
        let (_, log_magnitude) = crate::Lu::new(&a).determinant();
        assert!((factor.log_determinant() - log_magnitude).abs() < 1e-10);
    }

    #[test]
    fn what_is_not_positive_definite_is_refused() {
        assert!(Cholesky::new(&Matrix::zeros(2, 2)).is_none());
        let indefinite = Matrix::new(2, 2, vec![1.0, 2.0, 2.0, 1.0]).unwrap();
        assert!(Cholesky::new(&indefinite).is_none());
        let mut shifted = Cholesky::default();
        assert!(shifted.factorise(indefinite.data(), 2, 2.0));
        let mut b = [1.0, 0.0];
        shifted.solve(&mut b); // (3 2; 2 3)⁻¹ (1, 0) = (3, −2)/5
        assert!((b[0] - 0.6).abs() < 1e-15 && (b[1] + 0.4).abs() < 1e-15);
    }
}
