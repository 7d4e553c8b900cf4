//! The true inverse: on inputs of R(W), f is one-to-one and f⁺(f(x)) = x, up to rounding.
//!
//! From the logits the error is round-off. Through the output it is the error of σ⁻¹ amplified by W⁺:
//! with |z′ₖ − zₖ| ≤ e(zₖ) ([`Activation::logit_error`](super::Activation::logit_error), about
//! C u (1 + e^z) for the sigmoid), |x′ − x|₂ ≤ |e|₂/σ_min ≤ √m C u (1 + e^{z_max})/σ_min, beside a few units
//! of round-off of xW and of the solve, relative to κ = σ₁/σ_min.

use super::{Layer, check_columns};
use netinverse_base::Result;
use netinverse_linalg::{Matrix, Precision, norm};

/// How well f⁺(f(x)) gives projected inputs back, for one way of storing what is between f and f⁺.
#[derive(Debug, Clone, PartialEq)]
pub struct RoundTrip {
    /// |f⁺(f(x)) − x|₂/|x|₂ of each row, x projected on R(W); 0 for rows without a projection.
    pub relative_errors: Vec<f64>,
    /// A bound on each of them from the logits alone. It does not hold for rows with saturated outputs, where it is ∞.
    pub bounds: Vec<f64>,
    /// Saturated outputs of each row.
    pub saturated: Vec<usize>,
}

impl RoundTrip {
    /// The largest relative error of a row.
    pub fn worst(&self) -> f64 {
        self.relative_errors.iter().copied().fold(0.0, f64::max)
    }

    /// The largest relative error of a row none of whose outputs is saturated.
    pub fn worst_unsaturated(&self) -> f64 {
        let rows = self.relative_errors.iter().zip(&self.saturated);
        rows.filter(|(_, saturated)| **saturated == 0).map(|(e, _)| *e).fold(0.0, f64::max)
    }

    /// The largest bound of a row none of whose outputs is saturated.
    pub fn worst_bound(&self) -> f64 {
        self.bounds.iter().copied().filter(|b| b.is_finite()).fold(0.0, f64::max)
    }

    /// Saturated outputs in all rows.
    pub fn saturated_total(&self) -> usize {
        self.saturated.iter().sum()
    }
}

/// The restricted inverse on a batch, through its three intermediate forms.
#[derive(Debug, Clone, PartialEq)]
pub struct Restricted {
    /// The inputs projected on R(W), one a row.
    pub projected: Matrix,
    /// From the logits, in f64.
    pub from_logits: RoundTrip,
    /// From the outputs, in f64.
    pub from_f64_outputs: RoundTrip,
    /// From the outputs, rounded to f32.
    pub from_f32_outputs: RoundTrip,
}

/// Projects every row of `inputs` on R(W), applies f and then f⁺, and compares.
pub fn restricted_inverse(layer: &Layer, inputs: &Matrix) -> Result<Restricted> {
    check_columns("inputs", inputs, layer.inputs())?;
    let projected = layer.kept_rows(inputs)?;
    let logits = layer.affine_rows(&projected)?;
    let lengths: Vec<f64> = projected.iter_rows().map(norm).collect();
    let judge = |values: &Matrix, saturated: Vec<usize>, precision: Option<Precision>| -> Result<RoundTrip> {
        let back = layer.minimum_norm_rows(values)?;
        let mut trip = RoundTrip { relative_errors: Vec::new(), bounds: Vec::new(), saturated };
        for i in 0..back.rows() {
            let error: Vec<f64> = back.row(i).iter().zip(projected.row(i)).map(|(a, b)| a - b).collect();
            let relative = if lengths[i] > 0.0 { norm(&error) / lengths[i] } else { 0.0 };
            trip.relative_errors.push(relative);
            let bound = if trip.saturated[i] > 0 {
                f64::INFINITY
            } else if lengths[i] > 0.0 {
                error_bound(layer, logits.row(i), lengths[i], precision) / lengths[i]
            } else {
                0.0
            };
            trip.bounds.push(bound);
        }
        Ok(trip)
    };
    let from_logits = judge(&logits, vec![0; logits.rows()], None)?;
    let through = |precision: Precision| -> Result<RoundTrip> {
        let mut outputs = logits.clone();
        for value in outputs.data_mut() {
            let y = layer.activation().apply(*value);
            *value = if precision == Precision::F32 { f64::from(y as f32) } else { y };
        }
        let back = layer.logits(&outputs, layer.activation().clip(precision))?;
        judge(&back.values, back.saturated, Some(precision))
    };
    let from_f64_outputs = through(Precision::F64)?;
    let from_f32_outputs = through(Precision::F32)?;
    Ok(Restricted { projected, from_logits, from_f64_outputs, from_f32_outputs })
}

/// A bound on |x′ − x|₂ for x of norm `length` in R(W), recovered from its logits `z` (`None`) or from
/// outputs stored in the given precision.
pub fn error_bound(layer: &Layer, z: &[f64], length: f64, through: Option<Precision>) -> f64 {
    let sigma_min = layer.sigma_min();
    if sigma_min == 0.0 {
        return 0.0; // W = 0: R(W) is {0}
    }
    let u = Precision::F64.unit_roundoff();
    let sigma_max = layer.spectrum()[0];
    // xW + b, z − b and the two products of the solve: sums of n and of m terms (γₙ), relative to |x| σ₁
    // and |z| + |b|, amplified by 1/σ_min.
    let terms = (layer.inputs() + layer.outputs() + 8) as f64;
    let magnitude = sigma_max * length + norm(z) + norm(layer.bias());
    let arithmetic = 2.0 * terms * u * magnitude / sigma_min;
    let logits = through.map_or(0.0, |precision| {
        let errors: Vec<f64> = z.iter().map(|&z| layer.activation().logit_error(z, precision)).collect();
        norm(&errors) / sigma_min
    });
    arithmetic + logits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::closed_form::Activation;
    use crate::closed_form::testing::{random_layer, random_matrix};

    #[test]
    fn the_restricted_inverse_is_exact_within_its_bounds() {
        for (activation, spread) in
            [(Activation::Sigmoid, 1.0), (Activation::Sigmoid, 8.0), (Activation::Tanh, 2.0)]
        {
            let layer = random_layer(100, 10, activation, 1);
            let mut inputs = random_matrix(200, 100, 2);
            inputs.data_mut().iter_mut().for_each(|x| *x *= spread);
            let report = restricted_inverse(&layer, &inputs).unwrap();
            assert!(report.from_logits.worst() < 1e-13, "{}", report.from_logits.worst());
            for trip in [&report.from_logits, &report.from_f64_outputs, &report.from_f32_outputs] {
                for (error, bound) in trip.relative_errors.iter().zip(&trip.bounds) {
                    assert!(error <= bound, "{activation:?}: {error:e} > {bound:e}");
                }
            }
            let (wide, narrow) = (&report.from_f64_outputs, &report.from_f32_outputs);
            let both = wide.relative_errors.iter().zip(&narrow.relative_errors).zip(&narrow.saturated);
            let wide_errors = both.filter(|(_, s)| **s == 0).map(|((wide, _), _)| *wide);
            assert!(wide_errors.fold(0.0, f64::max) < 1e-6 * narrow.worst_unsaturated());
            assert!(narrow.worst_bound() < 1e4 * narrow.worst_unsaturated(), "the bound says nothing");
        }
    }

    #[test]
    fn saturated_rows_are_counted_and_have_no_bound() {
        let layer = random_layer(20, 3, Activation::Sigmoid, 3);
        let mut inputs = random_matrix(50, 20, 4);
        inputs.data_mut().iter_mut().for_each(|x| *x *= 40.0);
        let report = restricted_inverse(&layer, &inputs).unwrap();
        let saturated = report.from_f32_outputs.saturated_total();
        // f32: σ(z) rounds to 1 for z > 17.3
        let logits = layer.affine_rows(&report.projected).unwrap();
        let expected =
            logits.data().iter().filter(|z| **z > 25.0 * std::f64::consts::LN_2 || **z < -87.4).count();
        assert!(saturated > 10 && saturated.abs_diff(expected) <= 1, "{saturated} {expected}");
        assert!(report.from_f32_outputs.bounds.iter().any(|b| b.is_infinite()));
        assert!(report.from_f64_outputs.saturated_total() < saturated);
        assert!(report.from_logits.worst() < 1e-12);
    }
}
