use netinverse_linalg::Real;

mod piece;

pub use piece::{Curvature, Piece};

use Monotonicity::{Decreasing, Increasing};
use piece::{
    CONCAVE_DOWN, CONCAVE_UP, CONVEX_DOWN, CONVEX_UP, clipped, everywhere, halves, line, right_half,
};

/// A scalar function applied to every element.
///
/// Everything that is known of a function is one row of a table (`Function::row` in the source); values,
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
    /// For x ≠ 0.
    NonZero,
}

/// What is known of one function, its parameters filled in.
struct Row {
    name: &'static str,
    value: fn(Parameters, f64) -> f64,
    derivative: fn(Parameters, f64) -> f64,
    /// For y in the interior of the range, where it is reached, the x; `None` for a function that is not
    /// injective.
    inverse: Option<fn(Parameters, f64) -> f64>,
    monotonicity: Monotonicity,
    domain: Domain,
    /// The infimum and supremum of the values.
    range: (f64, f64),
    /// Where the derivative jumps.
    kinks: [Option<f64>; 2],
    piecewise_linear: bool,
    /// How it bends.
    pieces: fn(Parameters) -> Vec<Piece>,
}

/// α, or the two limits of a clip.
type Parameters = [f64; 2];

const SMOOTH: [Option<f64>; 2] = [None; 2];
const AT_ZERO: [Option<f64>; 2] = [Some(0.0), None];
const REALS: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);
const POSITIVE: (f64, f64) = (0.0, f64::INFINITY);

impl Function {
    /// The table.
    fn row(&self) -> Row {
        let row = |name, value, derivative, pieces| Row {
            name,
            value,
            derivative,
            inverse: None,
            monotonicity: Increasing,
            domain: Domain::All,
            range: REALS,
            kinks: SMOOTH,
            piecewise_linear: false,
            pieces,
        };
        let kinked = |row: Row, kinks| Row { kinks, piecewise_linear: true, ..row };
        match *self {
            Function::Relu => Row {
                range: POSITIVE,
                ..kinked(
                    row(
                        "Relu",
                        |_, x| x.max(0.0),
                        |_, x| f64::from(x > 0.0),
                        |_| halves(line(0.0), line(1.0)),
                    ),
                    AT_ZERO,
                )
            },
            Function::LeakyRelu { alpha } => Row {
                inverse: (alpha > 0.0).then_some(|[alpha, _], y| if y >= 0.0 { y } else { y / alpha }),
                monotonicity: if alpha >= 0.0 { Increasing } else { Monotonicity::Neither },
                range: if alpha > 0.0 { REALS } else { POSITIVE },
                ..kinked(
                    row(
                        "LeakyRelu",
                        |[alpha, _], x| if x >= 0.0 { x } else { alpha * x },
                        |[alpha, _], x| if x > 0.0 { 1.0 } else { alpha },
                        |[alpha, _]| match alpha {
                            1.0 => everywhere(line(1.0)),
                            _ => halves(line(alpha), line(1.0)),
                        },
                    ),
                    if alpha == 1.0 { SMOOTH } else { AT_ZERO },
                )
            },
            Function::Elu { alpha } => Row {
                inverse: (alpha > 0.0)
                    .then_some(|[alpha, _], y| if y >= 0.0 { y } else { (y / alpha).ln_1p() }),
                monotonicity: if alpha >= 0.0 { Increasing } else { Monotonicity::Neither },
                range: ((-alpha).min(0.0), f64::INFINITY),
                kinks: if alpha == 1.0 { SMOOTH } else { AT_ZERO },
                // max(x, 0) when α is 0.
                piecewise_linear: alpha == 0.0,
                ..row(
                    "Elu",
                    |[alpha, _], x| if x >= 0.0 { x } else { alpha * x.exp_m1() },
                    |[alpha, _], x| if x > 0.0 { 1.0 } else { alpha * x.exp() },
                    |[alpha, _]| {
                        let left = match alpha {
                            0.0 => line(0.0),
                            _ if alpha > 0.0 => CONVEX_UP,
                            _ => CONCAVE_DOWN,
                        };
                        halves(left, line(1.0))
                    },
                )
            },
            Function::Softplus => Row {
                inverse: Some(|_, y| {
                    if y > std::f64::consts::LN_2 { y + (-(-y).exp()).ln_1p() } else { y.exp_m1().ln() }
                }),
                range: POSITIVE,
                ..row(
                    "Softplus",
                    |_, x| x.max(0.0) + (-x.abs()).exp().ln_1p(),
                    |_, x| sigmoid(x),
                    |_| everywhere(CONVEX_UP),
                )
            },
            Function::Sigmoid => Row {
                inverse: Some(|_, y| logit(y)),
                range: (0.0, 1.0),
                ..row(
                    "Sigmoid",
                    |_, x| sigmoid(x),
                    // σ(x) σ(−x): 1 − σ(x) would cancel for large x.
                    |_, x| sigmoid(x) * sigmoid(-x),
                    |_| halves(CONVEX_UP, CONCAVE_UP),
                )
            },
            Function::Tanh => Row {
                inverse: Some(|_, y| y.atanh()),
                range: (-1.0, 1.0),
                ..row(
                    "Tanh",
                    |_, x| x.tanh(),
                    |_, x| 4.0 * sigmoid(2.0 * x) * sigmoid(-2.0 * x),
                    |_| halves(CONVEX_UP, CONCAVE_UP),
                )
            },
            Function::Exp => Row {
                inverse: Some(|_, y| y.ln()),
                range: POSITIVE,
                ..row("Exp", |_, x| x.exp(), |_, x| x.exp(), |_| everywhere(CONVEX_UP))
            },
            Function::Log => Row {
                inverse: Some(|_, y| y.exp()),
                domain: Domain::Positive,
                ..row("Log", |_, x| x.ln(), |_, x| 1.0 / x, |_| right_half(CONCAVE_UP))
            },
            Function::Abs => Row {
                monotonicity: Monotonicity::Neither,
                range: POSITIVE,
                ..kinked(
                    row(
                        "Abs",
                        |_, x| x.abs(),
                        |_, x| if x == 0.0 { 0.0 } else { x.signum() },
                        |_| halves(line(-1.0), line(1.0)),
                    ),
                    AT_ZERO,
                )
            },
            Function::Clip { low, high } => Row {
                // min(max(x, low), high): the upper limit wins where the limits cross.
                range: (low.min(high), high),
                ..kinked(
                    row(
                        "Clip",
                        |[low, high], x| x.max(low).min(high),
                        |[low, high], x| f64::from(low <= x && x <= high),
                        |[low, high]| clipped(low, high),
                    ),
                    [low, high].map(|limit| (limit.is_finite() && low < high).then_some(limit)),
                )
            },
            Function::Reciprocal => Row {
                inverse: Some(|_, y| 1.0 / y),
                monotonicity: Decreasing,
                domain: Domain::NonZero,
                ..row(
                    "Reciprocal",
                    |_, x| 1.0 / x,
                    |_, x| -1.0 / (x * x),
                    |_| halves(CONCAVE_DOWN, CONVEX_DOWN),
                )
            },
        }
    }

    fn parameters(&self) -> Parameters {
        match *self {
            Function::LeakyRelu { alpha } | Function::Elu { alpha } => [alpha, 0.0],
            Function::Clip { low, high } => [low, high],
            _ => [0.0; 2],
        }
    }

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
        // What is injective here reaches every number of the open range, and neither end.
        let (low, high) = row.range;
        (low < y && y < high).then(|| inverse(self.parameters(), y)).filter(|x| x.is_finite())
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
            Domain::NonZero => x != 0.0,
        }
    }
}

/// 1 / (1 + e⁻ˣ) without overflow.
fn sigmoid(x: f64) -> f64 {
    let e = (-x.abs()).exp();
    if x >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) }
}

/// log(y / (1 − y)), to the last digits everywhere: near ½, where the logarithms cancel, by atanh.
fn logit(y: f64) -> f64 {
    if (0.25..=0.75).contains(&y) { 2.0 * (2.0 * y - 1.0).atanh() } else { y.ln() - (-y).ln_1p() }
}

/// The rows as kernels over slices.
impl Function {
    /// y ← f(x).
    pub(crate) fn map<T: Real>(&self, x: &[T], y: &mut [T]) {
        match *self {
            Function::Relu => T::relu(x, y),
            Function::LeakyRelu { alpha } => T::leaky_relu(T::from_f64(alpha), x, y),
            Function::Elu { alpha } => T::elu(T::from_f64(alpha), x, y),
            Function::Softplus => T::softplus(x, y),
            Function::Sigmoid => T::sigmoid(x, y),
            Function::Tanh => T::tanh(x, y),
            Function::Exp => T::exp(x, y),
            Function::Log => T::log(x, y),
            Function::Abs => T::abs(x, y),
            Function::Clip { low, high } => T::clip(T::from_f64(low), T::from_f64(high), x, y),
            Function::Reciprocal => T::reciprocal(x, y),
        }
    }

    /// dx ← dy ⊙ f′(x), given y = f(x); also dy ← dx ⊙ f′(x).
    pub(crate) fn multiply_by_derivative<T: Real>(&self, x: &[T], y: &[T], dy: &[T], dx: &mut [T]) {
        match *self {
            Function::Relu => T::relu_vjp(x, y, dy, dx),
            Function::LeakyRelu { alpha } => T::leaky_relu_vjp(T::from_f64(alpha), x, y, dy, dx),
            Function::Elu { alpha } => T::elu_vjp(T::from_f64(alpha), x, y, dy, dx),
            Function::Softplus => T::softplus_vjp(x, y, dy, dx),
            Function::Sigmoid => T::sigmoid_vjp(x, y, dy, dx),
            Function::Tanh => T::tanh_vjp(x, y, dy, dx),
            Function::Exp => T::exp_vjp(x, y, dy, dx),
            Function::Log => T::log_vjp(x, y, dy, dx),
            Function::Abs => T::abs_vjp(x, y, dy, dx),
            Function::Clip { low, high } => T::clip_vjp(T::from_f64(low), T::from_f64(high), x, y, dy, dx),
            Function::Reciprocal => T::reciprocal_vjp(x, y, dy, dx),
        }
    }
}
