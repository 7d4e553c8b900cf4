//! Element-wise functions.
//!
//! - `table`: a row for each function, its formulas in `scalar`.
//! - `piece`: where it bends which way.
//! - `kernels`: the rows over slices.

mod kernels;
mod piece;
mod scalar;
mod table;

pub use piece::{Curvature, Piece};

use crate::enclose::FUNCTION_ULPS;

/// A scalar function applied to every element.
///
/// Everything that is known of a function is one row of a table (`table` in the source); values,
/// derivatives, inverses and their tests derive from the row. Parameters are kept as stored (float32, exact
/// in f64).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Function {
    /// max(x, 0)
    Relu,
    /// x for x ≥ 0, αx below
    LeakyRelu {
        /// The slope below zero.
        alpha: f64,
    },
    /// x for x ≥ 0, α(eˣ − 1) below
    Elu {
        /// The limit at −∞ is −α.
        alpha: f64,
    },
    /// log(1 + eˣ)
    Softplus,
    /// 1 / (1 + e⁻ˣ)
    Sigmoid,
    /// tanh x
    Tanh,
    /// eˣ
    Exp,
    /// log x, for x > 0
    Log,
    /// |x|
    Abs,
    /// min(max(x, low), high)
    Clip {
        /// The lower limit, −∞ when absent in the file.
        low: f64,
        /// The upper limit, +∞ when absent in the file.
        high: f64,
    },
    /// 1 / x, for x ≠ 0 (divisions by a value)
    Reciprocal,
    /// x for x ≥ 0, α(e^(x/α) − 1) below; α > 0
    Celu {
        /// The limit at −∞ is −α.
        alpha: f64,
    },
    /// x / (1 + |x|)
    Softsign,
    /// x · min(max(x/6 + ½, 0), 1)
    HardSwish,
    /// x tanh(log(1 + eˣ))
    Mish,
    /// x Φ(x), Φ the normal distribution
    Gelu,
    /// ½x (1 + tanh(√(2/π) (x + 0.044715x³)))
    GeluTanh,
    /// x / (1 + e^(−βx)), also called Swish; β > 0
    Silu {
        /// β.
        beta: f64,
    },
    /// The error function, 2/√π ∫₀ˣ e^(−t²) dt
    Erf,
    /// √x, for x ≥ 0
    Sqrt,
    /// xᵖ: for every x where p is a whole number (x ≠ 0 where p < 0), for x ≥ 0 or x > 0 where not
    Power {
        /// p, finite.
        exponent: f64,
    },
    /// sin x
    Sin,
    /// cos x
    Cos,
}

/// Whether a function goes one way on every interval of its domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Monotonicity {
    /// a ≤ b implies f(a) ≤ f(b).
    Increasing,
    /// a ≤ b implies f(a) ≥ f(b) (for [`Function::Reciprocal`]: on each side of 0).
    Decreasing,
    /// Neither.
    Neither,
}

/// Where a function is defined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// Everywhere.
    All,
    /// For x > 0.
    Positive,
    /// For x ≥ 0.
    NonNegative,
    /// For x ≠ 0.
    NonZero,
}

impl Function {
    /// The function's name, in ONNX's words.
    pub fn name(&self) -> &'static str {
        self.row().name
    }

    /// f(x); NaN or infinite where the function is not defined.
    pub fn value(&self, x: f64) -> f64 {
        (self.row().value)(self.parameters(), x)
    }

    /// f′(x). At a kink: the slope that PyTorch takes (0 for Relu and Abs, that of the left for LeakyRelu
    /// and Elu, 1 at the limits of a Clip).
    pub fn derivative(&self, x: f64) -> f64 {
        (self.row().derivative)(self.parameters(), x)
    }

    /// The one x with f(x) = y; `None` for a y that is not reached (or whose x overflows), and for a
    /// function that is not injective.
    pub fn inverse(&self, y: f64) -> Option<f64> {
        let row = self.row();
        let inverse = row.inverse?;
        // What is injective here reaches every number of the open range, and neither end but f(0) = 0.
        let (low, high) = row.range;
        let is_end = y == low && row.domain == Domain::NonNegative;
        (is_end || low < y && y < high).then(|| inverse(self.parameters(), y)).filter(|x| x.is_finite())
    }

    /// Whether [`Function::inverse`] exists.
    pub fn is_injective(&self) -> bool {
        self.row().inverse.is_some()
    }

    /// Whether the graph is made of finitely many line segments.
    pub fn is_piecewise_linear(&self) -> bool {
        self.row().piecewise_linear
    }

    /// Where the derivative jumps, ascending.
    pub fn kinks(&self) -> impl Iterator<Item = f64> + use<> {
        self.row().kinks.into_iter().flatten()
    }

    /// Whether the function goes one way on every interval of its [domain](Function::domain).
    pub fn monotonicity(&self) -> Monotonicity {
        self.row().monotonicity
    }

    /// The infimum and supremum of the values.
    pub fn range(&self) -> (f64, f64) {
        self.row().range
    }

    /// By how many units in the last place [`Function::value`] may be off.
    pub(crate) fn ulps(&self, x: f64) -> f64 {
        let row = self.row();
        (row.ulps)(self.parameters(), x)
    }

    /// By how many units in the last place [`Function::derivative`] may be off, cancellation apart
    /// ([`Function::is_gated`]).
    pub(crate) fn slope_ulps(&self, x: f64) -> f64 {
        match self {
            // p − 1 is rounded, which the logarithm multiplies.
            Function::Power { .. } if x != 0.0 => FUNCTION_ULPS + 2.0 * x.abs().ln().abs(),
            _ => FUNCTION_ULPS,
        }
    }

    /// Whether the function is x times a gate between 0 and 1.
    pub(crate) fn is_gated(&self) -> bool {
        matches!(
            self,
            Function::HardSwish
                | Function::Mish
                | Function::Gelu
                | Function::GeluTanh
                | Function::Silu { .. }
        )
    }

    /// Where the function is defined.
    pub fn domain(&self) -> Domain {
        self.row().domain
    }
}

impl Domain {
    /// Whether x lies in the domain.
    pub fn contains(self, x: f64) -> bool {
        match self {
            Domain::All => true,
            Domain::Positive => x > 0.0,
            Domain::NonNegative => x >= 0.0,
            Domain::NonZero => x != 0.0,
        }
    }
}
