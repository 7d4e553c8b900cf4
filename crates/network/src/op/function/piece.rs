//! How functions bend: the domain cut into pieces of one curvature and one direction.

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
    pub fn pieces(&self) -> Vec<Piece> {
        (self.row().pieces)(self.parameters())
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
