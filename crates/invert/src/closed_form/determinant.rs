//! The determinant remark: W Wᵀ (n×n) has rank m at most, so that its determinant is 0 and it has no
//! inverse; floating point prints something tiny, and `inv` returns numbers. The singular values decide.

use super::Layer;
use netinverse_linalg::{DeterminantReport, Precision, determinant_report};

/// What LU and the singular values say of W Wᵀ, at one precision.
#[derive(Debug, Clone, PartialEq)]
pub struct Illusion {
    /// The determinant and the "inverse" that LU computes.
    pub computed: DeterminantReport,
    /// The rank of W, hence of W Wᵀ, against max(n, m)·u·σ₁ at this precision.
    pub rank: usize,
    /// The size of W Wᵀ.
    pub size: usize,
}

/// The illusion at float32 and at float64.
///
/// Inputs whose row in W is exactly 0 make a pivot exactly 0, which even floating point sees: `informative_only`
/// leaves them out of W Wᵀ.
pub fn determinant_illusion(layer: &Layer, informative_only: bool) -> [Illusion; 2] {
    let weight = layer.weight();
    let rows: Vec<usize> = (0..weight.rows())
        .filter(|&i| !informative_only || weight.row(i).iter().any(|&w| w != 0.0))
        .collect();
    let weight = weight.select_rows(&rows);
    let square = weight.product_transposed(&weight);
    [Precision::F32, Precision::F64].map(|precision| Illusion {
        computed: determinant_report(&square, precision),
        rank: layer.rank_at(precision),
        size: rows.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::closed_form::Activation;
    use crate::closed_form::testing::{random_layer, random_matrix};

    #[test]
    fn a_singular_square_has_an_inverse_in_floating_point_only() {
        let layer = random_layer(120, 10, Activation::Sigmoid, 1);
        for illusion in determinant_illusion(&layer, true) {
            assert_eq!((illusion.rank, illusion.size), (10, 120));
            assert!(illusion.computed.log10_magnitude < -300.0, "{illusion:?}");
            assert!(illusion.computed.inverse_error.is_none_or(|e| e > 1e-2), "{illusion:?}");
        }
    }

    #[test]
    fn an_input_that_nothing_reads_gives_an_exact_zero() {
        let mut weight = random_matrix(8, 3, 2);
        weight.row_mut(5).fill(0.0);
        let layer = Layer::new(weight, vec![0.0; 3], Activation::Identity).unwrap();
        let [_, all] = determinant_illusion(&layer, false);
        assert_eq!((all.computed.sign, all.computed.inverse_error, all.size), (0, None, 8));
        let [_, informative] = determinant_illusion(&layer, true);
        assert_eq!(informative.size, 7);
    }
}
