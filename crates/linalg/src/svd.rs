use crate::matrix::{Matrix, to_f32};
use faer::traits::RealField;
use faer::{Mat, MatRef};

/// The thin singular value decomposition A = U Σ Vᵀ of an n×m matrix, k = min(n, m).
///
/// Computed in f64.
#[derive(Debug, Clone)]
pub struct Svd {
    /// n×k, orthonormal columns.
    pub u: Matrix,
    /// The singular values, descending.
    pub singular_values: Vec<f64>,
    /// m×k, orthonormal columns.
    pub v: Matrix,
}

/// The precision in which a rank is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Precision {
    /// float32, unit round-off 2⁻²⁴
    F32,
    /// float64, unit round-off 2⁻⁵³
    F64,
}

impl Precision {
    /// The unit round-off: half the distance from 1 to the next larger number.
    pub fn unit_roundoff(self) -> f64 {
        match self {
            Precision::F32 => f64::from(f32::EPSILON) / 2.0,
            Precision::F64 => f64::EPSILON / 2.0,
        }
    }
}

impl Svd {
    /// Decomposes A.
    ///
    /// The QR iterations of the decomposition did not fail on any finite matrix we met; should they, the
    /// decomposition is taken from AᵀA's eigenvectors, which is exact to √u, not to u.
    pub fn new(a: &Matrix) -> Self {
        let (n, m) = (a.rows(), a.columns());
        let k = n.min(m);
        if k == 0 {
            return Svd { u: Matrix::zeros(n, 0), singular_values: Vec::new(), v: Matrix::zeros(m, 0) };
        }
        match a.view().thin_svd() {
            Ok(svd) => Svd {
                u: Matrix::from_faer(svd.U()),
                singular_values: svd.S().column_vector().iter().copied().collect(),
                v: Matrix::from_faer(svd.V()),
            },
            Err(faer::linalg::solvers::SvdError::NoConvergence) => from_gram(a),
        }
    }

    /// The threshold below which a singular value counts as 0: max(n, m)·u·σ₁.
    pub fn tolerance(&self, precision: Precision) -> f64 {
        let largest = self.singular_values.first().copied().unwrap_or(0.0);
        self.u.rows().max(self.v.rows()) as f64 * precision.unit_roundoff() * largest
    }

    /// The number of singular values above [`Svd::tolerance`].
    pub fn rank(&self, precision: Precision) -> usize {
        let tolerance = self.tolerance(precision);
        self.singular_values.iter().take_while(|&&s| s > tolerance).count()
    }

    /// The Moore–Penrose pseudo-inverse (m×n), with the singular values past `rank` taken as 0.
    pub fn pseudo_inverse(&self, rank: usize) -> Matrix {
        let scaled = Matrix::from_fn(self.v.rows(), rank, |i, j| self.v.row(i)[j] / self.singular_values[j]);
        let u = Matrix::from_fn(self.u.rows(), rank, |i, j| self.u.row(i)[j]);
        scaled.product_transposed(&u)
    }
}

/// The singular values of A, descending, computed in f64.
pub fn singular_values(a: &Matrix) -> Vec<f64> {
    if a.rows().min(a.columns()) == 0 {
        return Vec::new();
    }
    values(a.view()).unwrap_or_else(|| from_gram(a).singular_values)
}

/// The singular values of A rounded to float32, computed in float32: what a float32 program sees.
pub fn singular_values_f32(a: &Matrix) -> Vec<f32> {
    if a.rows().min(a.columns()) == 0 {
        return Vec::new();
    }
    values(to_f32(a).as_ref()).unwrap_or_else(|| singular_values(a).iter().map(|&s| s as f32).collect())
}

fn values<T: RealField>(a: MatRef<'_, T>) -> Option<Vec<T>> {
    a.singular_values().ok()
}

/// The decomposition by the eigenvectors of AᵀA (or AAᵀ, whichever is smaller).
fn from_gram(a: &Matrix) -> Svd {
    let tall = a.rows() >= a.columns();
    let gram = if tall { a.transposed_product(a) } else { a.product_transposed(a) };
    let (values, right) = symmetric_eigen(&gram);
    let singular_values: Vec<f64> = values.iter().map(|&v| v.max(0.0).sqrt()).collect();
    let image = if tall { a.product(&right) } else { a.transposed_product(&right) };
    let left = Matrix::from_fn(image.rows(), image.columns(), |i, j| {
        if singular_values[j] > 0.0 { image.row(i)[j] / singular_values[j] } else { 0.0 }
    });
    let (u, v) = if tall { (left, right) } else { (right, left) };
    Svd { u, singular_values, v }
}

/// The eigenvalues (descending) and eigenvectors (columns) of a symmetric matrix; only its lower
/// triangle is read.
pub fn symmetric_eigen(a: &Matrix) -> (Vec<f64>, Matrix) {
    assert_eq!(a.rows(), a.columns(), "a symmetric matrix is square");
    if a.rows() == 0 {
        return (Vec::new(), Matrix::zeros(0, 0));
    }
    match a.view().self_adjoint_eigen(faer::Side::Lower) {
        Ok(eigen) => {
            let n = a.rows();
            let values: Vec<f64> = eigen.S().column_vector().iter().copied().collect();
            let vectors: MatRef<'_, f64> = eigen.U();
            let reversed = Matrix::from_fn(n, n, |i, j| vectors[(i, n - 1 - j)]);
            (values.into_iter().rev().collect(), reversed)
        }
        Err(faer::linalg::solvers::EvdError::NoConvergence) => jacobi(a),
    }
}

/// Cyclic Jacobi rotations: slow, and convergent for every finite symmetric matrix.
fn jacobi(a: &Matrix) -> (Vec<f64>, Matrix) {
    let n = a.rows();
    let mut s: Mat<f64> = Mat::from_fn(n, n, |i, j| a.row(i.max(j))[i.min(j)]);
    let mut v: Mat<f64> = Mat::identity(n, n);
    for _sweep in 0..60 {
        let mut off = 0.0;
        for p in 0..n {
            for q in p + 1..n {
                let apq = s[(p, q)];
                if apq.abs() <= f64::EPSILON * 0.5 * (s[(p, p)] * s[(q, q)]).abs().sqrt() {
                    continue;
                }
                off += apq * apq;
                let theta = (s[(q, q)] - s[(p, p)]) / (2.0 * apq);
                let t = theta.signum() / (theta.abs() + theta.hypot(1.0));
                let c = 1.0 / t.hypot(1.0);
                let (c, sn) = (c, t * c);
                for k in 0..n {
                    let (x, y) = (s[(k, p)], s[(k, q)]);
                    s[(k, p)] = c * x - sn * y;
                    s[(k, q)] = sn * x + c * y;
                    let (x, y) = (v[(k, p)], v[(k, q)]);
                    v[(k, p)] = c * x - sn * y;
                    v[(k, q)] = sn * x + c * y;
                }
                for k in 0..n {
                    let (x, y) = (s[(p, k)], s[(q, k)]);
                    s[(p, k)] = c * x - sn * y;
                    s[(q, k)] = sn * x + c * y;
                }
            }
        }
        if off == 0.0 {
            break;
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| s[(j, j)].total_cmp(&s[(i, i)]));
    let vectors = Matrix::from_fn(n, n, |i, j| v[(i, order[j])]);
    (order.iter().map(|&i| s[(i, i)]).collect(), vectors)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::dot;

    fn sample(n: usize, m: usize) -> Matrix {
        Matrix::from_fn(n, m, |i, j| ((i * 31 + j * 17) as f64 * 0.731).sin() + f64::from(u8::from(i == j)))
    }

    fn distance(a: &Matrix, b: &Matrix) -> f64 {
        a.data().iter().zip(b.data()).fold(0.0, |m, (x, y)| m.max((x - y).abs()))
    }

    fn check(a: &Matrix, svd: &Svd, tolerance: f64) {
        let k = a.rows().min(a.columns());
        let scaled = Matrix::from_fn(a.rows(), k, |i, j| svd.u.row(i)[j] * svd.singular_values[j]);
        assert!(distance(&scaled.product_transposed(&svd.v), a) < tolerance, "U Σ Vᵀ is not A");
        assert!(distance(&svd.u.transposed_product(&svd.u), &Matrix::identity(k)) < tolerance);
        assert!(distance(&svd.v.transposed_product(&svd.v), &Matrix::identity(k)) < tolerance);
        assert!(svd.singular_values.is_sorted_by(|a, b| a >= b));
    }

    #[test]
    fn decompositions_give_the_matrix_back() {
        for (n, m) in [(40, 7), (7, 40), (9, 9), (1, 5), (5, 1)] {
            let a = sample(n, m);
            let svd = Svd::new(&a);
            check(&a, &svd, 1e-13);
            check(&a, &from_gram(&a), 1e-6);
            let narrow = singular_values_f32(&a);
            for ((&wide, &alone), &single) in
                svd.singular_values.iter().zip(&singular_values(&a)).zip(&narrow)
            {
                assert!((wide - alone).abs() < 1e-12 * svd.singular_values[0]);
                assert!((wide - f64::from(single)).abs() < 1e-5 * svd.singular_values[0]);
            }
        }
    }

    #[test]
    fn the_pseudo_inverse_satisfies_penrose_at_deficient_rank() {
        let a = sample(12, 3).product(&sample(3, 6));
        let svd = Svd::new(&a);
        assert_eq!(svd.rank(Precision::F64), 3);
        assert_eq!(svd.rank(Precision::F32), 3);
        let p = svd.pseudo_inverse(3);
        assert!(distance(&a.product(&p).product(&a), &a) < 1e-12);
        assert!(distance(&p.product(&a).product(&p), &p) < 1e-12);
        let ap = a.product(&p);
        assert!(distance(&ap, &ap.transposed()) < 1e-12);
    }

    #[test]
    fn the_rank_depends_on_the_precision_as_stated() {
        let a = Matrix::from_fn(3, 3, |i, j| if i == j { [1.0, 1e-5, 1e-9][i] } else { 0.0 });
        let svd = Svd::new(&a);
        assert_eq!((svd.rank(Precision::F64), svd.rank(Precision::F32)), (3, 2));
        assert_eq!(Svd::new(&Matrix::zeros(4, 2)).rank(Precision::F64), 0);
    }

    #[test]
    fn eigenvectors_diagonalise() {
        let half = sample(8, 8);
        let a = Matrix::from_fn(8, 8, |i, j| half.row(i)[j] + half.row(j)[i]);
        for (values, vectors) in [symmetric_eigen(&a), jacobi(&a)] {
            assert!(values.is_sorted_by(|a, b| a >= b));
            let image = a.product(&vectors);
            for j in 0..8 {
                let v: Vec<f64> = vectors.iter_rows().map(|r| r[j]).collect();
                let av: Vec<f64> = image.iter_rows().map(|r| r[j]).collect();
                assert!((dot(&v, &av) - values[j]).abs() < 1e-12);
                assert!(v.iter().zip(&av).all(|(x, y)| (x * values[j] - y).abs() < 1e-12));
            }
        }
    }
}
