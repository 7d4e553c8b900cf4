//! Matrices of nonnegative bounds, and signs of determinants that rounding cannot change.

use netinverse_linalg::{Interval, Lu, Matrix};

/// Rounds a computed sum of products of nonnegative numbers up: far more than any sum here needs.
pub(crate) const UP: f64 = 1.0 + 1e-11;

/// More than what rounds in a sum of `terms` products, relative to the sum of their magnitudes.
pub(crate) fn rounding(terms: usize) -> f64 {
    (terms as f64 + 8.0) * 2.0 * f64::EPSILON
}

/// A weight v > 0 and ρ < 1 with E v ≤ ρ v, for E ≥ 0: then the spectral radius of E is at most ρ.
pub(crate) fn contraction(e: &[f64], k: usize) -> Option<(Vec<f64>, f64)> {
    if e.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let apply = |v: &[f64]| -> Vec<f64> {
        e.chunks_exact(k).map(|row| row.iter().zip(v).map(|(e, v)| e * v).sum::<f64>() * UP).collect()
    };
    let mut v = vec![1.0; k];
    for _ in 0..10 {
        let w = apply(&v);
        let rho = w.iter().zip(&v).map(|(w, v)| w / v * UP).fold(0.0, f64::max);
        if rho < 1.0 {
            return Some((v, rho));
        }
        let largest = w.iter().copied().fold(0.0, f64::max);
        // The Perron vector, kept away from zero.
        v.iter_mut().zip(&w).for_each(|(v, w)| *v = 0.5 * *v + w / largest + 1e-6);
    }
    None
}

/// The sign of the determinant; 0 where intervals do not tell.
pub(crate) fn orientation(a: &Matrix) -> i8 {
    let k = a.rows();
    let mut rows: Vec<Vec<Interval>> =
        (0..k).map(|i| a.row(i).iter().map(|&v| Interval::point(v)).collect()).collect();
    let mut sign = 1;
    for column in 0..k {
        let size = |row: &Vec<Interval>| row[column].lo().max(-row[column].hi());
        let Some(pivot) = (column..k).max_by(|&p, &q| size(&rows[p]).total_cmp(&size(&rows[q]))) else {
            return 0;
        };
        if pivot != column {
            rows.swap(pivot, column);
            sign = -sign;
        }
        let head = rows[column][column];
        if head.contains(0.0) {
            return 0;
        }
        if head.hi() < 0.0 {
            sign = -sign;
        }
        let (above, below) = rows.split_at_mut(column + 1);
        for row in below {
            let factor = row[column].divided_by(head);
            for j in column + 1..k {
                row[j] = row[j] - factor * above[column][j];
            }
        }
    }
    sign
}

/// The inverse as floating point finds it.
pub(crate) fn inverse(a: &Matrix) -> Option<Matrix> {
    Lu::new(a).solve(&Matrix::identity(a.rows()))
}

/// An upper bound of ‖A‖₂ for a matrix of upper bounds of magnitudes.
pub(crate) fn norm_bound(a: &Matrix) -> f64 {
    let frobenius = a.data().iter().map(|v| v * v).sum::<f64>().sqrt();
    let row = a.iter_rows().map(|row| row.iter().map(|v| v.abs()).sum::<f64>()).fold(0.0, f64::max);
    let column =
        (0..a.columns()).map(|j| (0..a.rows()).map(|i| a.row(i)[j].abs()).sum::<f64>()).fold(0.0, f64::max);
    frobenius.min((row * column).sqrt()) * UP
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orientations_are_signs_of_determinants() {
        let of = |rows: &[f64]| {
            orientation(&Matrix::new(rows.len().isqrt(), rows.len().isqrt(), rows.to_vec()).unwrap())
        };
        assert_eq!(of(&[2.0]), 1);
        assert_eq!(of(&[0.0, 1.0, 1.0, 0.0]), -1);
        assert_eq!(of(&[0.0, 0.0, 3.0, 2.0, 0.0, 0.0, 0.0, 4.0, 0.0]), 1);
        assert_eq!(of(&[1.0, 2.0, 2.0, 4.0]), 0);
        assert_eq!(
            of(&[0.1, 0.3, 0.3, 0.9]),
            orientation(&Matrix::new(2, 2, vec![0.1, 0.3, 0.3, 0.9]).unwrap())
        );
    }

    #[test]
    fn a_contraction_has_a_weight_and_an_expansion_has_none() {
        assert!(contraction(&[0.0, 100.0, 0.0, 0.0], 2).is_some(), "nilpotent");
        assert!(contraction(&[0.5, 0.3, 0.2, 0.4], 2).is_some());
        assert!(contraction(&[0.5, 0.6, 0.6, 0.5], 2).is_none());
    }
}
