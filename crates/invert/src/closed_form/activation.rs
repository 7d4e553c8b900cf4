use netinverse_base::{Error, Place, Result};
use netinverse_linalg::{Matrix, Precision};

/// A strictly increasing element-wise function σ: R → (low, high).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Activation {
    /// z
    Identity,
    /// 1/(1 + e⁻ᶻ)
    Sigmoid,
    /// tanh z
    Tanh,
    /// z for z ≥ 0, slope · z below; 0 < slope.
    LeakyRelu {
        /// The factor on negative numbers.
        slope: f64,
    },
}

/// How near to the ends of σ's range an output may lie before it counts as saturated and is moved
/// inwards: σ⁻¹ of the end itself is infinite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clip {
    /// Outputs below low + this are moved there.
    pub low_margin: f64,
    /// Outputs above high − this are moved there.
    pub high_margin: f64,
}

impl Clip {
    /// The same margin at both ends.
    pub fn symmetric(margin: f64) -> Self {
        Clip { low_margin: margin, high_margin: margin }
    }
}

/// Pre-activations z = σ⁻¹(y), and how many outputs of each row were saturated.
#[derive(Debug, Clone, PartialEq)]
pub struct Logits {
    /// z, one row for each row of outputs.
    pub values: Matrix,
    /// For each row, the number of outputs that were clipped.
    pub saturated: Vec<usize>,
    /// The margins that were used.
    pub clip: Clip,
}

impl Logits {
    /// The number of clipped outputs in all rows.
    pub fn saturated_total(&self) -> usize {
        self.saturated.iter().sum()
    }
}

impl Activation {
    /// σ(z)
    pub fn apply(self, z: f64) -> f64 {
        match self {
            Activation::Identity => z,
            Activation::Sigmoid => sigmoid(z),
            Activation::Tanh => z.tanh(),
            Activation::LeakyRelu { slope } => {
                if z >= 0.0 {
                    z
                } else {
                    slope * z
                }
            }
        }
    }

    /// The open range of σ, where it is not all reals.
    pub fn range(self) -> Option<(f64, f64)> {
        match self {
            Activation::Sigmoid => Some((0.0, 1.0)),
            Activation::Tanh => Some((-1.0, 1.0)),
            Activation::Identity | Activation::LeakyRelu { .. } => None,
        }
    }

    /// The margins that keep every output of the given precision which is not exactly at an end: the
    /// distance from each end to its neighbouring number.
    pub fn clip(self, precision: Precision) -> Clip {
        let u = precision.unit_roundoff();
        match self {
            Activation::Sigmoid => {
                let smallest = match precision {
                    Precision::F32 => f64::from(f32::MIN_POSITIVE),
                    Precision::F64 => f64::MIN_POSITIVE,
                };
                Clip { low_margin: smallest, high_margin: u }
            }
            _ => Clip::symmetric(u),
        }
    }

    /// σ⁻¹(y) for y inside the range.
    pub fn inverse(self, y: f64) -> f64 {
        match self {
            Activation::Identity => y,
            Activation::Sigmoid => logit(y),
            Activation::Tanh => y.atanh(),
            Activation::LeakyRelu { slope } => {
                if y >= 0.0 {
                    y
                } else {
                    y / slope
                }
            }
        }
    }

    /// σ⁻¹ of every output, saturated ones clipped and counted.
    ///
    /// # Errors
    /// An output lies outside the closed range of σ, or a margin is not a positive number that leaves
    /// the clipped ends inside the range.
    pub fn logits(self, outputs: &Matrix, clip: Clip) -> Result<Logits> {
        let mut values = outputs.clone();
        let mut saturated = vec![0; outputs.rows()];
        if let Some((low, high)) = self.range() {
            let (first, last) = (low + clip.low_margin, high - clip.high_margin);
            if !(low < first && first < last && last < high) {
                let message = format!(
                    "margins of {:e} and {:e} leave no outputs strictly inside [{low}, {high}]",
                    clip.low_margin, clip.high_margin
                );
                return Err(Error::input(message).hint("a margin of 1e-7 suits float32 outputs"));
            }
            for i in 0..outputs.rows() {
                for (j, value) in values.row_mut(i).iter_mut().enumerate() {
                    if !(low..=high).contains(value) {
                        let message =
                            format!("output {j} is {value}, the activation gives values in [{low}, {high}]");
                        return Err(Error::input(message).at(Place::Row(i)));
                    }
                    let inside = value.clamp(first, last);
                    saturated[i] += usize::from(inside != *value);
                    *value = inside;
                }
            }
        }
        for value in values.data_mut() {
            *value = self.inverse(*value);
        }
        Ok(Logits { values, saturated, clip })
    }

    /// A bound on |z′ − z| when z′ = σ⁻¹(fl(σ(z))) is computed from the output rounded to the given
    /// precision.
    ///
    /// Sigmoid: y = σ(z)(1 + δ) with |δ| ≤ u + 4u₆₄ (storage, then exp, sum and quotient in f64), and
    /// dz/dy = 1/(y(1 − y)), so that |dz| = |δ|/(1 − y) = |δ|(1 + eᶻ) to first order; the logarithms of
    /// the logit add at most 4u₆₄(1 + |z|). As long as the first-order term is below ½ the second-order
    /// terms less than double it. Hence C u (1 + eᶻ) with C = 2 and the f64 terms beside it.
    /// tanh z = 2σ(2z) − 1 gives u/(1 − y²) with 1/(1 − y²) = cosh² z. The others lose only relative round-off.
    pub fn logit_error(self, z: f64, precision: Precision) -> f64 {
        let u = precision.unit_roundoff();
        let u64 = Precision::F64.unit_roundoff();
        let evaluation = 4.0 * u64;
        match self {
            Activation::Identity | Activation::LeakyRelu { .. } => 2.0 * (u + evaluation) * z.abs(),
            Activation::Sigmoid => 2.0 * (u + evaluation) * (1.0 + z.exp()) + evaluation * (1.0 + z.abs()),
            Activation::Tanh => {
                let cosh = z.cosh();
                2.0 * (u + evaluation) * cosh * cosh + evaluation * (1.0 + z.abs())
            }
        }
    }
}

/// 1/(1 + e⁻ᶻ) without overflow.
fn sigmoid(z: f64) -> f64 {
    if z >= 0.0 {
        1.0 / (1.0 + (-z).exp())
    } else {
        let e = z.exp();
        e / (1.0 + e)
    }
}

/// ln(y/(1 − y)) to a few units of round-off, relative to max(1, |z|) at most, and to |z| near y = ½.
fn logit(y: f64) -> f64 {
    if (0.25..=0.75).contains(&y) {
        2.0 * (2.0 * y - 1.0).atanh() // 2y − 1 is exact here (Sterbenz)
    } else {
        y.ln() - (-y).ln_1p()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Activation; 4] =
        [Activation::Identity, Activation::Sigmoid, Activation::Tanh, Activation::LeakyRelu { slope: 0.1 }];

    #[test]
    fn inverses_undo_activations_within_the_stated_error() {
        for activation in ALL {
            for precision in [Precision::F64, Precision::F32] {
                for step in -400..=400 {
                    let z = f64::from(step) * 0.02;
                    let mut y = activation.apply(z);
                    if precision == Precision::F32 {
                        y = f64::from(y as f32);
                    }
                    let error = (activation.inverse(y) - z).abs();
                    let bound = activation.logit_error(z, precision);
                    assert!(error <= bound, "{activation:?} {precision:?} z = {z}: {error:e} > {bound:e}");
                }
            }
        }
    }

    #[test]
    fn the_stated_error_is_not_far_from_what_happens() {
        // at z = 20 the spacing of doubles below 1 moves z by about u e²⁰ = 5e-8
        let worst = (0..1000)
            .map(|i| 20.0 + f64::from(i) * 1e-3)
            .map(|z| (logit(sigmoid(z)) - z).abs() / Activation::Sigmoid.logit_error(z, Precision::F64))
            .fold(0.0, f64::max);
        assert!(worst > 0.02, "the bound is {:.0} times too large", 1.0 / worst);
    }

    #[test]
    fn saturated_outputs_are_clipped_and_counted() {
        let y = Matrix::new(2, 4, vec![0.0, 1.0, 0.5, 1e-30, 0.25, 1.0, 1.0, 0.0]).unwrap();
        let clip = Activation::Sigmoid.clip(Precision::F32);
        let logits = Activation::Sigmoid.logits(&y, clip).unwrap();
        assert_eq!(logits.saturated, [2, 3]);
        assert_eq!(logits.saturated_total(), 5);
        assert!((logits.values.row(0)[1] - 24.0 * std::f64::consts::LN_2).abs() < 1e-6);
        assert!((logits.values.row(0)[3] - 1e-30f64.ln()).abs() < 1e-12);
        let wide = Activation::Sigmoid.logits(&y, Clip::symmetric(1e-3)).unwrap();
        assert_eq!(wide.saturated, [3, 3]);
        assert!(wide.values.data().iter().all(|z| z.abs() < 6.91));
    }

    #[test]
    fn outputs_no_input_can_give_are_refused_with_their_place() {
        let y = Matrix::new(2, 2, vec![0.5, 0.5, 0.5, 1.5]).unwrap();
        let error = Activation::Sigmoid.logits(&y, Clip::symmetric(1e-6)).unwrap_err();
        assert_eq!(error.to_string(), "row 1: output 1 is 1.5, the activation gives values in [0, 1]");
        assert!(Activation::Tanh.logits(&y, Clip::symmetric(1e-30)).is_err());
        assert!(Activation::Identity.logits(&y, Clip::symmetric(0.0)).is_ok());
    }
}
