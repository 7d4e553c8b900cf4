use netinverse_base::{Error, Result};

use crate::Shape;

/// Couples the elements along one axis, or along the last ones.
#[derive(Debug, Clone, PartialEq)]
pub enum Normalizer {
    /// `eˣⁱ / Σⱼ eˣʲ` along an axis.
    Softmax {
        /// The axis.
        axis: usize,
    },
    /// `xᵢ − log Σⱼ eˣʲ` along an axis.
    LogSoftmax {
        /// The axis.
        axis: usize,
    },
    /// `(xᵢ − μ) / √(v + ε)`, with the mean μ and the variance v (the mean square deviation) of all elements that differ
    /// in their positions along `axis` and the axes after it only: the core of layer, group and instance normalisation.
    Standardize {
        /// The first of the axes.
        axis: usize,
        /// ε, not negative.
        epsilon: f64,
    },
}

impl Normalizer {
    /// The operator's name, in ONNX's words.
    pub fn name(&self) -> &'static str {
        match self {
            Normalizer::Softmax { .. } => "Softmax",
            Normalizer::LogSoftmax { .. } => "LogSoftmax",
            Normalizer::Standardize { .. } => "LayerNormalization",
        }
    }

    pub(super) fn axis(&self) -> usize {
        match self {
            Normalizer::Softmax { axis }
            | Normalizer::LogSoftmax { axis }
            | Normalizer::Standardize { axis, .. } => *axis,
        }
    }

    pub(super) fn output_shape(&self, input: &Shape) -> Result<Shape> {
        if self.axis() >= input.rank() {
            return Err(Error::input(format!("axis {} does not exist in shape {input}", self.axis())));
        }
        if let Normalizer::Standardize { epsilon, .. } = self
            && !(*epsilon >= 0.0 && epsilon.is_finite())
        {
            return Err(Error::input(format!("an epsilon of {epsilon}: it is finite and not negative")));
        }
        Ok(input.clone())
    }
}
