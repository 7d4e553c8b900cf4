//! The table of functions: a row for each, from which all else derives.

use std::f64::consts::SQRT_2;

use super::piece::{
    CONCAVE_DOWN, CONCAVE_UP, CONVEX_DOWN, CONVEX_UP, Piece, clipped, everywhere, gate_pieces, halves,
    hard_swish_pieces, line, power_pieces, right_half, waves,
};
use super::scalar::{self, logit, sigmoid};
use super::{Domain, Function, Monotonicity};
use crate::enclose::FUNCTION_ULPS;

use Monotonicity::{Decreasing, Increasing};

/// What is known of one function, its parameters filled in.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) value: fn(Parameters, f64) -> f64,
    pub(super) derivative: fn(Parameters, f64) -> f64,
    /// For y in the interior of the range, where it is reached, the x; `None` for a function that is not
    /// injective.
    pub(super) inverse: Option<fn(Parameters, f64) -> f64>,
    pub(super) monotonicity: Monotonicity,
    pub(super) domain: Domain,
    /// The infimum and supremum of the values.
    pub(super) range: (f64, f64),
    /// Where the derivative jumps.
    pub(super) kinks: [Option<f64>; 2],
    pub(super) piecewise_linear: bool,
    /// How it bends.
    pub(super) pieces: fn(Parameters) -> Vec<Piece>,
    /// By how many units in the last place a computed value may be off.
    pub(super) ulps: fn(Parameters, f64) -> f64,
    /// For a wave, the quarters of a turn that it is ahead of the sine.
    pub(super) phase: Option<i64>,
}

/// α, or the two limits of a clip.
pub(super) type Parameters = [f64; 2];

const SMOOTH: [Option<f64>; 2] = [None; 2];
const AT_ZERO: [Option<f64>; 2] = [Some(0.0), None];
const REALS: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);
const POSITIVE: (f64, f64) = (0.0, f64::INFINITY);

impl Function {
    /// The table.
    pub(super) fn row(&self) -> Row {
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
            ulps: |_, _| FUNCTION_ULPS,
            phase: None,
        };
        // What is computed with one operation or none is exact or rounded once.
        let kinked = |row: Row, kinks| Row { kinks, piecewise_linear: true, ulps: |_, _| 1.0, ..row };
        let injective = |row: Row, inverse| Row { inverse: Some(inverse), ..row };
        let gated = |row: Row, least: f64| Row {
            monotonicity: Monotonicity::Neither,
            range: (outward(least, -1.0), f64::INFINITY),
            ..row
        };
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
            Function::Celu { alpha } => Row {
                inverse: Some(|[alpha, _], y| if y >= 0.0 { y } else { alpha * (y / alpha).ln_1p() }),
                range: (-alpha, f64::INFINITY),
                ..row(
                    "Celu",
                    |[alpha, _], x| if x >= 0.0 { x } else { alpha * (x / alpha).exp_m1() },
                    |[alpha, _], x| if x >= 0.0 { 1.0 } else { (x / alpha).exp() },
                    |_| halves(CONVEX_UP, line(1.0)),
                )
            },
            Function::Softsign => Row {
                range: (-1.0, 1.0),
                ..injective(
                    row(
                        "Softsign",
                        |_, x| if x.is_infinite() { x.signum() } else { x / (1.0 + x.abs()) },
                        |_, x| 1.0 / ((1.0 + x.abs()) * (1.0 + x.abs())),
                        |_| halves(CONVEX_UP, CONCAVE_UP),
                    ),
                    |_, y| y / (1.0 - y.abs()),
                )
            },
            Function::HardSwish => Row {
                range: (-0.375, f64::INFINITY),
                kinks: [Some(-3.0), Some(3.0)],
                monotonicity: Monotonicity::Neither,
                ..row(
                    "HardSwish",
                    |_, x| scalar::hard_swish(x),
                    |_, x| scalar::hard_swish_slope(x),
                    |_| hard_swish_pieces(),
                )
            },
            Function::Mish => gated(
                row(
                    "Mish",
                    |_, x| scalar::mish(x),
                    |_, x| scalar::mish_slope(x),
                    |_| {
                        gate_pieces(
                            [-2.256_376_396_360_793, -1.192_431_214_515_495_2, 1.490_571_179_485_428_4],
                            1.0,
                        )
                    },
                ),
                -0.308_843_413_017_250_4,
            ),
            Function::Gelu => Row {
                // The argument of erfc is rounded: x² times that, relatively, where erfc falls steeply.
                ulps: |_, x| FUNCTION_ULPS + 2.0 * x * x,
                ..gated(
                    row(
                        "Gelu",
                        |_, x| scalar::gelu(x),
                        |_, x| scalar::gelu_slope(x),
                        |_| gate_pieces([-SQRT_2, -0.751_791_524_693_564_5, SQRT_2], 1.0),
                    ),
                    -0.169_971_207_479_903_66,
                )
            },
            Function::GeluTanh => Row {
                ulps: |_, x| FUNCTION_ULPS + 16.0 * x.abs() + x.abs().powi(3),
                ..gated(
                    row(
                        "GeluTanh",
                        |_, x| scalar::gelu_tanh(x),
                        |_, x| scalar::gelu_tanh_slope(x),
                        |_| {
                            gate_pieces(
                                [-1.418_504_008_790_828_5, -0.752_461_422_071_016_3, 1.418_504_008_790_828_5],
                                1.0,
                            )
                        },
                    ),
                    -0.170_040_750_571_254_06,
                )
            },
            Function::Silu { beta } => Row {
                ulps: |[beta, _], x| FUNCTION_ULPS + (beta * x).abs(),
                ..gated(
                    row(
                        "Silu",
                        |[beta, _], x| scalar::silu(beta, x),
                        |[beta, _], x| scalar::silu_slope(beta, x),
                        |[beta, _]| {
                            gate_pieces(
                                [-2.399_357_280_515_467_5, -1.278_464_542_761_074, 2.399_357_280_515_467_5],
                                beta,
                            )
                        },
                    ),
                    if beta > 0.0 { -0.278_464_542_761_073_8 / beta } else { f64::NEG_INFINITY },
                )
            },
            Function::Erf => Row {
                range: (-1.0, 1.0),
                ..injective(
                    row(
                        "Erf",
                        |_, x| libm::erf(x),
                        |_, x| scalar::erf_slope(x),
                        |_| halves(CONVEX_UP, CONCAVE_UP),
                    ),
                    |_, y| scalar::erf_inverse(y),
                )
            },
            Function::Sqrt => Row {
                domain: Domain::NonNegative,
                range: POSITIVE,
                ..injective(
                    row("Sqrt", |_, x| x.sqrt(), |_, x| 0.5 / x.sqrt(), |_| right_half(CONCAVE_UP)),
                    |_, y| y * y,
                )
            },
            Function::Power { exponent } => power_row(
                exponent,
                row(
                    "Pow",
                    |[exponent, _], x| scalar::power(exponent, x),
                    |[exponent, _], x| scalar::power_slope(exponent, x),
                    |[exponent, _]| power_pieces(exponent),
                ),
            ),
            Function::Sin => wave(0, row("Sin", |_, x| x.sin(), |_, x| x.cos(), |_| waves(0))),
            Function::Cos => wave(1, row("Cos", |_, x| x.cos(), |_, x| -x.sin(), |_| waves(1))),
        }
    }

    pub(super) fn parameters(&self) -> Parameters {
        match *self {
            Function::LeakyRelu { alpha } | Function::Elu { alpha } | Function::Celu { alpha } => {
                [alpha, 0.0]
            }
            Function::Silu { beta } => [beta, 0.0],
            Function::Power { exponent } => [exponent, 0.0],
            Function::Clip { low, high } => [low, high],
            _ => [0.0; 2],
        }
    }
}

/// A little further in that direction than the rounding of the constant and of one operation.
pub(super) fn outward(x: f64, direction: f64) -> f64 {
    let step = if direction < 0.0 { f64::next_down } else { f64::next_up };
    step(step(step(x)))
}

fn wave(phase: i64, row: Row) -> Row {
    Row { monotonicity: Monotonicity::Neither, range: (-1.0, 1.0), phase: Some(phase), ..row }
}

fn power_row(exponent: f64, row: Row) -> Row {
    let (whole, odd) = (exponent.fract() == 0.0, exponent % 2.0 != 0.0);
    let inverse: fn(Parameters, f64) -> f64 = |[exponent, _], y| scalar::power_inverse(exponent, y);
    Row {
        inverse: (exponent != 0.0 && (odd || !whole)).then_some(inverse),
        monotonicity: match (whole, odd) {
            (true, false) if exponent != 0.0 => Monotonicity::Neither,
            _ if exponent < 0.0 => Decreasing,
            _ => Increasing,
        },
        domain: match (whole, exponent > 0.0) {
            (true, true) => Domain::All,
            (true, false) if exponent == 0.0 => Domain::All,
            (true, false) => Domain::NonZero,
            (false, true) => Domain::NonNegative,
            (false, false) => Domain::Positive,
        },
        range: match (whole, odd) {
            (true, true) => REALS,
            _ if exponent == 0.0 => (1.0, 1.0),
            _ => POSITIVE,
        },
        piecewise_linear: exponent == 0.0 || exponent == 1.0,
        ..row
    }
}
