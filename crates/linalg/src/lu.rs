use crate::matrix::{Matrix, to_f32};
use crate::svd::Precision;
use faer::linalg::solvers::{PartialPivLu, Solve};
use faer::traits::RealField;
use faer::{Mat, MatRef};

/// The factorisation P A = L U with partial pivoting of a square matrix, in f64.
#[derive(Debug)]
pub struct Lu(PartialPivLu<f64>);

impl Lu {
    /// Factorises A.
    pub fn new(a: &Matrix) -> Self {
        assert_eq!(a.rows(), a.columns(), "an LU factorisation to solve with needs a square matrix");
        Lu(a.view().partial_piv_lu())
    }

    /// The sign of det A (−1, 0, 1) and ln |det A|, which neither overflows nor underflows.
    pub fn determinant(&self) -> (i8, f64) {
        determinant(&self.0, |v| *v)
    }

    /// X with A X = B, or `None` if a pivot is exactly 0 or the solution is not finite.
    pub fn solve(&self, b: &Matrix) -> Option<Matrix> {
        let x = Matrix::from_faer(self.0.solve(b.view()).as_ref());
        x.data().iter().all(|v| v.is_finite()).then_some(x)
    }

    /// x with A x = b, or `None` if a pivot is exactly 0 or the solution is not finite.
    pub fn solve_vector(&self, b: &[f64]) -> Option<Vec<f64>> {
        let right = MatRef::from_row_major_slice(b, b.len(), 1);
        let x = self.0.solve(right);
        let x: Vec<f64> = (0..b.len()).map(|i| x[(i, 0)]).collect();
        x.iter().all(|v| v.is_finite()).then_some(x)
    }
}

/// What the textbook's test of invertibility, "is the determinant 0?", says in floating point.
#[derive(Debug, Clone, PartialEq)]
pub struct DeterminantReport {
    /// The precision everything was computed in.
    pub precision: Precision,
    /// The sign of the computed determinant: −1, 0 or 1.
    pub sign: i8,
    /// log₁₀ of its magnitude; −∞ when a pivot is exactly 0.
    pub log10_magnitude: f64,
    /// max |A⁻¹A − I| for the inverse the factorisation returns, `None` when it divides by an exact 0.
    pub inverse_error: Option<f64>,
}

/// Determinant and inverse of a square matrix by LU, entirely in the given precision.
pub fn determinant_report(a: &Matrix, precision: Precision) -> DeterminantReport {
    assert_eq!(a.rows(), a.columns(), "a determinant needs a square matrix");
    match precision {
        Precision::F32 => report(to_f32(a).as_ref(), precision, |v| f64::from(*v)),
        Precision::F64 => report(a.view(), precision, |v| *v),
    }
}

fn report<T: RealField>(a: MatRef<'_, T>, precision: Precision, widen: fn(&T) -> f64) -> DeterminantReport {
    let n = a.nrows();
    let factors = a.partial_piv_lu();
    let (sign, log_magnitude) = determinant(&factors, widen);
    let inverse_error = (sign != 0).then(|| {
        let inverse: Mat<T> = factors.solve(Mat::<T>::identity(n, n));
        let product = &inverse * a;
        let mut worst = 0.0f64;
        for j in 0..n {
            for i in 0..n {
                let error = (widen(&product[(i, j)]) - f64::from(u8::from(i == j))).abs();
                worst = if error.is_nan() { f64::NAN } else { worst.max(error) };
            }
        }
        worst
    });
    DeterminantReport {
        precision,
        sign,
        log10_magnitude: log_magnitude / std::f64::consts::LN_10,
        inverse_error: inverse_error.filter(|e| e.is_finite()),
    }
}

fn determinant<T: RealField>(factors: &PartialPivLu<T>, widen: fn(&T) -> f64) -> (i8, f64) {
    let u = factors.U();
    let mut negative = odd(factors.P().arrays().0);
    let mut log_magnitude = 0.0;
    for i in 0..u.nrows() {
        let pivot = widen(&u[(i, i)]);
        if pivot == 0.0 || pivot.is_nan() {
            return (0, f64::NEG_INFINITY);
        }
        negative ^= pivot < 0.0;
        log_magnitude += pivot.abs().ln();
    }
    (if negative { -1 } else { 1 }, log_magnitude)
}

/// Whether a permutation is odd: it has one transposition fewer than elements in every cycle.
fn odd(permutation: &[usize]) -> bool {
    let mut seen = vec![false; permutation.len()];
    let mut parity = false;
    for start in 0..permutation.len() {
        let mut at = start;
        while !seen[at] {
            seen[at] = true;
            at = permutation[at];
            parity ^= at != start;
        }
    }
    parity
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn determinants_have_their_sign_and_magnitude() {
        // (rows, determinant), by hand
        let cases: [(&[f64], f64); 4] = [
            (&[2.0], 2.0),
            (&[0.0, 1.0, 1.0, 0.0], -1.0),
            (&[0.0, 0.0, 3.0, 2.0, 0.0, 0.0, 0.0, 4.0, 0.0], 24.0),
            (&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0], -3.0),
        ];
        for (rows, expected) in cases {
            let n = rows.len().isqrt();
            let a = Matrix::new(n, n, rows.to_vec()).unwrap();
            let (sign, log_magnitude) = Lu::new(&a).determinant();
            assert!((f64::from(sign) * log_magnitude.exp() - expected).abs() < 1e-12, "{rows:?}");
        }
    }

    #[test]
    fn solves_or_says_that_it_cannot() {
        let a = Matrix::new(2, 2, vec![1.0, 2.0, 3.0, 4.0]).unwrap();
        let x = Lu::new(&a).solve_vector(&[5.0, 11.0]).unwrap();
        assert!((x[0] - 1.0).abs() < 1e-14 && (x[1] - 2.0).abs() < 1e-14);
        let back = a.product(&Lu::new(&a).solve(&Matrix::identity(2)).unwrap());
        assert!(back.data().iter().zip(Matrix::identity(2).data()).all(|(p, q)| (p - q).abs() < 1e-14));
        let singular = Matrix::new(2, 2, vec![1.0, 2.0, 2.0, 4.0]).unwrap();
        assert!(Lu::new(&singular).solve_vector(&[1.0, 0.0]).is_none());
    }

    #[test]
    fn a_singular_matrix_looks_regular_in_floating_point() {
        let w = Matrix::from_fn(60, 5, |i, j| ((i * 13 + j * 29) as f64 * 0.37).sin());
        let a = w.product_transposed(&w);
        for precision in [Precision::F32, Precision::F64] {
            let report = determinant_report(&a, precision);
            assert!(report.log10_magnitude < -200.0, "{report:?}");
            assert!(report.inverse_error.is_none_or(|e| e > 1e-3), "{report:?}");
        }
        let regular = Matrix::from_fn(20, 20, |i, j| if i == j { 2.0 } else { 0.01 });
        let report = determinant_report(&regular, Precision::F64);
        assert!(report.inverse_error.unwrap() < 1e-14 && report.sign == 1);
        // eigenvalues 1.99 (19 times) and 1.99 + 20·0.01
        let expected = 19.0 * 1.99f64.log10() + 2.19f64.log10();
        assert!((report.log10_magnitude - expected).abs() < 1e-12);
    }
}
