//! How functions bend: the domain cut into pieces of one curvature and one direction.

use std::f64::consts::FRAC_PI_2;

use super::table::outward;
use super::{Function, Monotonicity};

/// How a function bends on an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Curvature {
    /// A line segment.
    Linear,
    /// Below its chords.
    Convex,
    /// Above its chords.
    Concave,
    /// Not known: a tiny interval around an inflection point that no double is, or what no finite list of pieces
    /// reaches.
    Unknown,
}

/// A function on [start, end], whose ends may be infinite: how it bends and which way it goes.
///
/// What is said holds in real arithmetic. An end may be the edge of the function's [domain](Function::domain),
/// where it has no value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Piece {
    /// The lower end.
    pub start: f64,
    /// The upper end, above the lower.
    pub end: f64,
    /// How the function bends.
    pub curvature: Curvature,
    /// Which way it goes.
    pub monotonicity: Monotonicity,
}

impl Function {
    /// The function's pieces, in order: they cover its domain, and neighbours share ends.
    ///
    /// Sine and cosine have the pieces of 16 turns around 0, and one on each side of which nothing is known
    /// ([`Function::pieces_between`] knows those anywhere).
    pub fn pieces(&self) -> Vec<Piece> {
        (self.row().pieces)(self.parameters())
    }

    /// The pieces that have a point in `[low, high]`, in order.
    pub fn pieces_between(&self, low: f64, high: f64) -> Vec<Piece> {
        let mut pieces = match self.row().phase {
            Some(phase) => waves_between(phase, low, high),
            None => self.pieces(),
        };
        pieces.retain(|piece| piece.start <= high && low <= piece.end);
        pieces
    }
}

const LOWEST: f64 = f64::NEG_INFINITY;
const HIGHEST: f64 = f64::INFINITY;

/// A curvature and a direction.
pub(super) type Shape = (Curvature, Monotonicity);

/// The shape of a line of this slope.
pub(super) fn line(slope: f64) -> Shape {
    (Curvature::Linear, if slope >= 0.0 { Monotonicity::Increasing } else { Monotonicity::Decreasing })
}

pub(super) const CONVEX_UP: Shape = (Curvature::Convex, Monotonicity::Increasing);
pub(super) const CONVEX_DOWN: Shape = (Curvature::Convex, Monotonicity::Decreasing);
pub(super) const CONCAVE_UP: Shape = (Curvature::Concave, Monotonicity::Increasing);
pub(super) const CONCAVE_DOWN: Shape = (Curvature::Concave, Monotonicity::Decreasing);

/// The pieces from `start` to `end` with these shapes, one more than there are `cuts` between them.
pub(super) fn chain(start: f64, cuts: &[f64], end: f64, shapes: &[Shape]) -> Vec<Piece> {
    let starts = std::iter::once(start).chain(cuts.iter().copied());
    let ends = cuts.iter().copied().chain(std::iter::once(end));
    let piece = |((start, end), &(curvature, monotonicity))| Piece { start, end, curvature, monotonicity };
    starts.zip(ends).zip(shapes).map(piece).collect()
}

/// One shape everywhere.
pub(super) fn everywhere(shape: Shape) -> Vec<Piece> {
    chain(LOWEST, &[], HIGHEST, &[shape])
}

/// One shape for x ≥ 0.
pub(super) fn right_half(shape: Shape) -> Vec<Piece> {
    chain(0.0, &[], HIGHEST, &[shape])
}

/// One shape on each side of 0.
pub(super) fn halves(left: Shape, right: Shape) -> Vec<Piece> {
    chain(LOWEST, &[0.0], HIGHEST, &[left, right])
}

/// Constant, rising, constant: min(max(x, low), high).
pub(super) fn clipped(low: f64, high: f64) -> Vec<Piece> {
    if low >= high {
        return everywhere(line(0.0));
    }
    let mut pieces = Vec::new();
    if low > LOWEST {
        pieces.extend(chain(LOWEST, &[], low, &[line(0.0)]));
    }
    pieces.extend(chain(low, &[], high, &[line(1.0)]));
    if high < HIGHEST {
        pieces.extend(chain(high, &[], HIGHEST, &[line(0.0)]));
    }
    pieces
}

/// Zero, falling to the minimum, rising, the identity.
pub(super) fn hard_swish_pieces() -> Vec<Piece> {
    chain(LOWEST, &[-3.0, -1.5, 3.0], HIGHEST, &[line(0.0), CONVEX_DOWN, CONVEX_UP, line(1.0)])
}

/// A function x g(βx) with an increasing gate g: it falls from 0 to a minimum and rises, bending upwards between two
/// inflection points. `turns` are these three points for β = 1, in order, each the double next to the real number.
pub(super) fn gate_pieces(turns: [f64; 3], beta: f64) -> Vec<Piece> {
    if !(beta > 0.0 && beta.is_finite()) {
        return everywhere((Curvature::Unknown, Monotonicity::Neither));
    }
    let cuts: Vec<f64> =
        turns.iter().flat_map(|turn| [outward(turn / beta, -1.0), outward(turn / beta, 1.0)]).collect();
    let shapes = [
        CONCAVE_DOWN,
        (Curvature::Unknown, Monotonicity::Decreasing),
        CONVEX_DOWN,
        (Curvature::Convex, Monotonicity::Neither),
        CONVEX_UP,
        (Curvature::Unknown, Monotonicity::Increasing),
        CONCAVE_UP,
    ];
    chain(LOWEST, &cuts, HIGHEST, &shapes)
}

/// xᵖ
pub(super) fn power_pieces(p: f64) -> Vec<Piece> {
    let right = match p {
        _ if p < 0.0 => CONVEX_DOWN,
        _ if p > 1.0 => CONVEX_UP,
        _ => CONCAVE_UP,
    };
    if p.fract() != 0.0 {
        return right_half(right);
    }
    match p {
        0.0 | 1.0 => everywhere(line(p)),
        // Mirrored in the axis where p is even, in the origin where it is odd.
        _ if p % 2.0 == 0.0 => halves(if p > 0.0 { CONVEX_DOWN } else { CONVEX_UP }, right),
        _ => halves(if p > 0.0 { CONCAVE_UP } else { CONCAVE_DOWN }, right),
    }
}

/// The quarter turns on each side of 0 that [`Function::pieces`] lists of a wave.
const QUARTERS: i64 = 32;

/// The sine, `phase` quarter turns ahead, around 0.
pub(super) fn waves(phase: i64) -> Vec<Piece> {
    quarters(phase, -QUARTERS, QUARTERS)
}

/// The pieces of the quarter turns that meet `[low, high]`, unless these are many, or too far out to be told apart.
fn waves_between(phase: i64, low: f64, high: f64) -> Vec<Piece> {
    if low.abs().max(high.abs()) > 1e6 || high - low > 64.0 {
        return everywhere((Curvature::Unknown, Monotonicity::Neither));
    }
    quarters(phase, (low / FRAC_PI_2).floor() as i64 - 1, (high / FRAC_PI_2).ceil() as i64 + 1)
}

/// The quarter turns from `first` to `last`, with tiny pieces around the multiples of π/2 between them.
fn quarters(phase: i64, first: i64, last: i64) -> Vec<Piece> {
    let unknown = (Curvature::Unknown, Monotonicity::Neither);
    let (mut cuts, mut shapes) = (Vec::new(), vec![unknown]);
    for k in first..=last {
        // k π/2 is off by no more than |k| π/2 · 2⁻⁵².
        let (middle, width) = (k as f64 * FRAC_PI_2, 1e-15 * (k.abs() + 1) as f64);
        cuts.extend([middle - width, middle + width]);
        // Around the boundary: an inflection point at even quarters, an extremum at odd ones.
        let around = match (k + phase).rem_euclid(4) {
            0 => (Curvature::Unknown, Monotonicity::Increasing),
            1 => (Curvature::Concave, Monotonicity::Neither),
            2 => (Curvature::Unknown, Monotonicity::Decreasing),
            _ => (Curvature::Convex, Monotonicity::Neither),
        };
        let after = [CONCAVE_UP, CONCAVE_DOWN, CONVEX_DOWN, CONVEX_UP][(k + phase).rem_euclid(4) as usize];
        shapes.extend([around, if k < last { after } else { unknown }]);
    }
    chain(LOWEST, &cuts, HIGHEST, &shapes)
}
