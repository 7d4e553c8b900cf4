use netinverse_linalg::dot;
use netinverse_network::Evaluator;

use super::curvature::Curvature;
use super::variation::Variation;
use crate::closed_form::GaussianPrior;

/// An energy of inputs: the smaller, the more plausible.
pub enum Energy {
    /// ½ (x − μ)ᵀS⁻¹(x − μ): the negative logarithm of the density, up to a constant.
    Gaussian(GaussianPrior),
    /// The total variation of an image.
    Variation(Variation),
    /// ½ |A(x) − x|² for an autoencoder A.
    Autoencoder(Box<Evaluator<f64>>),
}

/// The gradient g and curvature H of an energy around an input x: `E(x) + gᵀp + ½ pᵀHp` for E(x + p).
pub struct Model<'a> {
    /// g
    pub gradient: Vec<f64>,
    /// H, positive semi-definite.
    pub curvature: Curvature<'a>,
}

impl Energy {
    /// E(x)
    pub fn value(&self, x: &[f64]) -> f64 {
        match self {
            Energy::Gaussian(prior) => {
                let away: Vec<f64> = x.iter().zip(prior.mean()).map(|(x, m)| x - m).collect();
                0.5 * dot(&away, &prior.precision_times(&away))
            }
            Energy::Variation(variation) => variation.value(x),
            Energy::Autoencoder(network) => {
                let mut back = vec![0.0; x.len()];
                network.forward(x, &mut back);
                0.5 * back.iter().zip(x).map(|(b, x)| (b - x) * (b - x)).sum::<f64>()
            }
        }
    }

    /// The model around x: exact for a Gaussian, above the variation of an image. Of an autoencoder the curvature is
    /// the identity, which is nearly that across the inputs that it leaves unchanged, and too much along them.
    pub fn model(&self, x: &[f64]) -> Model<'_> {
        match self {
            Energy::Gaussian(prior) => {
                let away: Vec<f64> = x.iter().zip(prior.mean()).map(|(x, m)| x - m).collect();
                Model { gradient: prior.precision_times(&away), curvature: Curvature::Precision(prior) }
            }
            Energy::Variation(variation) => {
                let (gradient, band) = variation.model(x);
                Model { gradient, curvature: Curvature::Banded(band) }
            }
            Energy::Autoencoder(network) => {
                let n = x.len();
                let (mut back, mut gradient) = (vec![0.0; n], vec![0.0; n]);
                network.forward(x, &mut back);
                let rest: Vec<f64> = back.iter().zip(x).map(|(b, x)| b - x).collect();
                network.vjp(x, &rest, &mut back, &mut gradient);
                gradient.iter_mut().zip(&rest).for_each(|(g, r)| *g -= r);
                Model { gradient, curvature: Curvature::Identity }
            }
        }
    }
}
