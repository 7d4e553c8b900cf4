//! Element-wise functions and their derivatives over intervals, rounded outward.
//!
//! Of the platform's exponential, logarithm and hyperbolic tangent, and of the formulas of few steps made of them, it is
//! assumed that they are right to [`FUNCTION_ULPS`] units in the last place.

use netinverse_linalg::Interval;
use netinverse_linalg::interval::{add_down, add_up, mul_up};

use crate::{Curvature, Domain, Function, Monotonicity, Piece};

/// Units in the last place by which a computed elementary function may be off.
pub const FUNCTION_ULPS: f64 = 16.0;

/// No function of the table that has tiny pieces of neither direction is steeper than this.
const STEEPEST: f64 = 2.0;

/// How fast the slope of a function with tiny pieces of unknown curvature may change: |f″| ≤ 1 for all of them, and for
/// f(βx)/β β times that.
fn steepest_slope(function: Function) -> f64 {
    match function {
        Function::Silu { beta } => STEEPEST * beta.abs().max(1.0),
        _ => STEEPEST,
    }
}

/// f over an interval: contains every value at its points; `None` where the interval leaves f's domain.
///
/// Ends may be infinite; then the limits count as values.
pub fn function(function: Function, x: Interval) -> Option<Interval> {
    if !is_inside(function.domain(), x) {
        return None;
    }
    if function == Function::Reciprocal {
        return Some(Interval::point(1.0).divided_by(x));
    }
    let (low, high) = function.range();
    let ends = |a: f64, b: f64| value(function, a).hull(value(function, b));
    let within = |part: Part| match part.piece.monotonicity {
        Monotonicity::Increasing | Monotonicity::Decreasing => ends(part.lo, part.hi),
        // A tiny piece around an extremum; elsewhere nothing but the range is known.
        Monotonicity::Neither => {
            let slack = mul_up(STEEPEST, add_up(part.piece.end, -part.piece.start));
            if slack < 1e-3 {
                let ends = ends(part.piece.start, part.piece.end);
                Interval::new(add_down(ends.lo(), -slack).max(low), add_up(ends.hi(), slack).min(high))
            } else {
                Interval::new(low, high)
            }
        }
    };
    match function.monotonicity() {
        Monotonicity::Increasing | Monotonicity::Decreasing => Some(ends(x.lo(), x.hi())),
        Monotonicity::Neither => parts(function, x).map(within).reduce(Interval::hull),
    }
}

/// f′ over an interval: contains every slope at its points, those of both sides at a kink; `None` where the interval
/// leaves f's domain.
pub fn derivative(function: Function, x: Interval) -> Option<Interval> {
    if !is_inside(function.domain(), x) {
        return None;
    }
    let within = |part: Part| match part.piece.curvature {
        // The slope of a line is a parameter of the function.
        Curvature::Linear => Interval::point(function.derivative(inner_point(part.piece))),
        Curvature::Convex | Curvature::Concave => slope(function, part.lo).hull(slope(function, part.hi)),
        Curvature::Unknown => {
            let slack = mul_up(steepest_slope(function), add_up(part.piece.end, -part.piece.start));
            let ends = slope(function, part.piece.start).hull(slope(function, part.piece.end));
            if slack < 1e-3 {
                Interval::new(add_down(ends.lo(), -slack), add_up(ends.hi(), slack))
            } else {
                Interval::ENTIRE
            }
        }
    };
    parts(function, x).map(within).reduce(Interval::hull)
}

/// f(x), or its limit at an infinite x.
fn value(function: Function, x: f64) -> Interval {
    let (low, high) = function.range();
    let value = function.value(x);
    if x.is_infinite() && !value.is_nan() {
        return Interval::point(value);
    }
    let around = match function {
        // A product that underflows is not zero.
        Function::LeakyRelu { alpha } if value == 0.0 && x < 0.0 && alpha != 0.0 => {
            Interval::around(0.0, f64::from_bits(1))
        }
        // Their values are their arguments, up to the sign, or constants: nothing is rounded.
        Function::Relu | Function::Abs | Function::Clip { .. } if value.is_finite() => Interval::point(value),
        _ => rounded(value, function.ulps(x)),
    };
    Interval::new(around.lo().max(low), around.hi().min(high))
}

/// How far a computed slope `f′(x) = slope` may be from the true one.
pub fn slope_error(function: Function, x: f64, slope: f64) -> f64 {
    let relative = mul_up(function.slope_ulps(x) * f64::EPSILON, slope.abs());
    // Of a product with a gate, the slope is a sum, which cancels; none of its terms is above 2.
    let cancelled = if function.is_gated() { 4.0 * FUNCTION_ULPS * f64::EPSILON } else { 0.0 };
    add_up(add_up(relative, cancelled), f64::MIN_POSITIVE)
}

/// f′(x), or its limit at an infinite x.
fn slope(function: Function, x: f64) -> Interval {
    let slope = function.derivative(x);
    if slope.is_finite() {
        return Interval::around(slope, slope_error(function, x, slope));
    }
    rounded(slope, FUNCTION_ULPS)
}

/// What a computed value that may be off by `ulps` stands for.
fn rounded(value: f64, ulps: f64) -> Interval {
    if value.is_nan() {
        return Interval::ENTIRE;
    }
    if value.is_infinite() {
        // An overflow, or a limit.
        let beyond = Interval::new(0.99 * f64::MAX, f64::INFINITY);
        return if value > 0.0 { beyond } else { -beyond };
    }
    if value == 0.0 && ulps == 1.0 {
        return Interval::ZERO;
    }
    // Below the normal range the last place is no smaller than there.
    let slack = if ulps > 1.0 { f64::MIN_POSITIVE } else { f64::from_bits(1) };
    Interval::around(value, add_up(mul_up(ulps * f64::EPSILON, value.abs()), slack))
}

fn is_inside(domain: Domain, x: Interval) -> bool {
    match domain {
        Domain::All => true,
        Domain::Positive => x.lo() > 0.0,
        Domain::NonNegative => x.lo() >= 0.0,
        Domain::NonZero => !x.contains(0.0),
    }
}

/// The part [lo, hi] of an interval that lies in a piece.
struct Part {
    piece: Piece,
    lo: f64,
    hi: f64,
}

/// The parts of an interval, in order; a point where two pieces meet belongs to both.
fn parts(function: Function, x: Interval) -> impl Iterator<Item = Part> {
    let part = move |piece: Piece| {
        let (lo, hi) = (x.lo().max(piece.start), x.hi().min(piece.end));
        (lo <= hi).then_some(Part { piece, lo, hi })
    };
    function.pieces_between(x.lo(), x.hi()).into_iter().filter_map(part)
}

/// A point strictly inside a piece.
fn inner_point(piece: Piece) -> f64 {
    match (piece.start.is_finite(), piece.end.is_finite()) {
        (true, true) => piece.start + (piece.end - piece.start) / 2.0,
        (true, false) => piece.start + piece.start.abs().max(1.0),
        (false, true) => piece.end - piece.end.abs().max(1.0),
        (false, false) => 0.0,
    }
}
