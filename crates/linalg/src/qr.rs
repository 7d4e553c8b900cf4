use crate::matrix::Matrix;

/// The Householder factorisation A = Q R of an n×m matrix.
#[derive(Debug)]
pub struct Qr {
    factors: faer::linalg::solvers::Qr<f64>,
    rows: usize,
    columns: usize,
}

impl Qr {
    /// Factorises A.
    pub fn new(a: &Matrix) -> Self {
        Qr { factors: a.view().qr(), rows: a.rows(), columns: a.columns() }
    }

    /// The first min(n, m) columns of Q (n×k).
    pub fn thin_q(&self) -> Matrix {
        Matrix::from_faer(self.factors.compute_thin_Q().as_ref())
    }

    /// R (min(n, m)×m), upper triangular.
    pub fn r(&self) -> Matrix {
        let r = self.factors.thin_R();
        Matrix::from_fn(
            self.rows.min(self.columns),
            self.columns,
            |i, j| if i <= j { r[(i, j)] } else { 0.0 },
        )
    }

    /// An orthonormal basis (n×(n−m)) of the complement of A's columns, which must be independent and
    /// no more than n.
    pub fn complement(&self) -> Matrix {
        let q = self.factors.compute_Q();
        let skipped = self.columns.min(self.rows);
        Matrix::from_fn(self.rows, self.rows - skipped, |i, j| q[(i, skipped + j)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factors_give_the_matrix_back_and_the_complement_is_orthogonal() {
        let a = Matrix::from_fn(9, 4, |i, j| ((i * 5 + j * 3) as f64).cos());
        let qr = Qr::new(&a);
        let back = qr.thin_q().product(&qr.r());
        assert!(a.data().iter().zip(back.data()).all(|(x, y)| (x - y).abs() < 1e-14));
        let n = qr.complement();
        assert_eq!((n.rows(), n.columns()), (9, 5));
        assert!(a.transposed_product(&n).max_abs() < 1e-14);
        let gram = n.transposed_product(&n);
        assert!(gram.data().iter().zip(Matrix::identity(5).data()).all(|(x, y)| (x - y).abs() < 1e-14));
    }
}
