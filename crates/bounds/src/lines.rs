//! Two lines around a function on an interval: `a z + b ≤ f(z) ≤ a′ z + b′` for `l ≤ z ≤ u`, in real arithmetic.

use netinverse_linalg::Interval;
use netinverse_linalg::interval::{add_down, add_up, mul_down, mul_up};
use netinverse_network::{Curvature, Function, Piece, enclose};

/// A line `slope · z + offset`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// a
    pub slope: f64,
    /// b
    pub offset: f64,
}

/// The lower and the upper line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinePair {
    /// At most f on the interval.
    pub lower: Line,
    /// At least f on the interval.
    pub upper: Line,
}

const ZERO: Line = Line { slope: 0.0, offset: 0.0 };
const IDENTITY: Line = Line { slope: 1.0, offset: 0.0 };

/// Below a ReLU the identity is taken where u is more than this times −l. Boxes around 0 make u = −l common, and there the last
/// digit would choose: whoever bounds the same box with other roundings would come to another form.
const TIE: f64 = 1.0 + 1.0 / 1_048_576.0;

/// An end that is nearer to 0 than this times the other is as good as 0. Zero biases make true ends of 0 common, and rounding
/// then chooses a slope near 1 or 0 that the next program rounds otherwise: 1 and 0 themselves cost no more than that end.
const AT_ZERO: f64 = 1.0 / 1_099_511_627_776.0;

/// The lines around max(z, 0): exact where the sign is known; else the chord above and, below, the line of slope 1 or 0
/// that leaves the smaller area.
#[inline(always)]
pub(crate) fn relu(l: f64, u: f64) -> LinePair {
    if l >= 0.0 {
        return LinePair { lower: IDENTITY, upper: IDENTITY };
    }
    if u <= 0.0 {
        return LinePair { lower: ZERO, upper: ZERO };
    }
    // z − l is above at both ends, and so is u.
    let upper = if -l <= u * AT_ZERO {
        Line { slope: 1.0, offset: -l }
    } else if u <= -l * AT_ZERO {
        Line { slope: 0.0, offset: u }
    } else {
        relu_chord(l, u)
    };
    LinePair { lower: if u > -l * TIE { IDENTITY } else { ZERO }, upper }
}

/// A line above max(z, 0) on l < 0 < u: the chord, its offset rounded so that it lies above at both ends.
#[inline(always)]
pub(crate) fn relu_chord(l: f64, u: f64) -> Line {
    let slope = u / (u - l);
    // Two roundings each: s·l is rounded once, and the result is moved up by more than that.
    let at_lower = -(slope * l) * (1.0 + 4.0 * f64::EPSILON) + 1e-300;
    let at_upper = (u - slope * u) + u * (4.0 * f64::EPSILON) + 1e-300;
    Line { slope, offset: at_lower.max(at_upper) }
}

/// The lines around a function; `None` where it is not defined on the whole interval or grows without bound.
pub fn lines(function: Function, l: f64, u: f64) -> Option<LinePair> {
    if function == Function::Relu {
        return Some(relu(l, u));
    }
    Tangency::new(function, l, u)?.best()
}

/// The pieces of a function that meet an interval.
struct Tangency {
    function: Function,
    l: f64,
    u: f64,
    pieces: Vec<Piece>,
    /// f over the whole interval.
    value: Interval,
    /// f at the ends.
    ends: [f64; 2],
}

impl Tangency {
    fn new(function: Function, l: f64, u: f64) -> Option<Self> {
        let value = enclose::function(function, Interval::new(l, u))?;
        if !(l.is_finite() && u.is_finite() && value.lo().is_finite() && value.hi().is_finite()) {
            return None;
        }
        let inside = |piece: &Piece| piece.start <= u && piece.end >= l;
        let clipped = |piece: Piece| Piece { start: piece.start.max(l), end: piece.end.min(u), ..piece };
        let pieces = function.pieces_between(l, u).into_iter();
        let mut pieces: Vec<Piece> = pieces.filter(inside).map(clipped).collect();
        if pieces.len() > 1 {
            // A piece of which only an end is left says nothing that its neighbour does not.
            pieces.retain(|piece| piece.start < piece.end || l == u);
        }
        Some(Tangency { function, l, u, pieces, value, ends: [function.value(l), function.value(u)] })
    }

    fn best(&self) -> Option<LinePair> {
        if let [piece] = self.pieces[..]
            && piece.curvature == Curvature::Linear
            && self.l < self.u
        {
            let slope = self.function.derivative(self.l.midpoint(self.u));
            let upper = self.above(slope)?;
            let lower = self.below(slope)?;
            return Some(LinePair { lower, upper });
        }
        let middle = self.l.midpoint(self.u);
        let height = |line: &Line| line.slope.mul_add(middle, line.offset);
        let mut pair = LinePair {
            lower: Line { slope: 0.0, offset: self.value.lo() },
            upper: Line { slope: 0.0, offset: self.value.hi() },
        };
        for slope in self.slopes() {
            let (Some(lower), Some(upper)) = (self.below(slope), self.above(slope)) else { continue };
            if height(&lower) > height(&pair.lower) {
                pair.lower = lower;
            }
            if height(&upper) < height(&pair.upper) {
                pair.upper = upper;
            }
        }
        Some(pair)
    }

    /// Slopes worth trying beside the constants: chord, tangents at the middle and the ends, and the tangents through an end.
    fn slopes(&self) -> impl Iterator<Item = f64> {
        let (l, u) = (self.l, self.u);
        let [low, high] = self.ends;
        let chord = if u > l { (high - low) / (u - l) } else { self.function.derivative(l) };
        let through = |fixed: f64, value: f64, from: f64, to: f64| -> f64 {
            // The t with f′(t) (t − fixed) = f(t) − value, by bisection on the sign of the difference.
            let gap = |t: f64| self.function.derivative(t) * (t - fixed) - (self.function.value(t) - value);
            let (mut a, mut b) = (from, to);
            let sign = gap(a) > 0.0;
            for _ in 0..40 {
                let t = a.midpoint(b);
                if (gap(t) > 0.0) == sign {
                    a = t;
                } else {
                    b = t;
                }
            }
            self.function.derivative(a.midpoint(b))
        };
        let mut slopes = vec![chord, self.function.derivative(l.midpoint(u))];
        slopes.extend([l, u].map(|end| self.function.derivative(end)));
        if self.pieces.len() > 1 {
            for piece in &self.pieces {
                slopes.push(through(l, low, piece.start, piece.end));
                slopes.push(through(u, high, piece.start, piece.end));
            }
        }
        slopes.into_iter().filter(|slope| slope.is_finite())
    }

    /// The lowest line of that slope above f, as near as rounding lets us prove.
    fn above(&self, slope: f64) -> Option<Line> {
        let offset = self
            .pieces
            .iter()
            .map(|piece| self.highest(piece, slope))
            .try_fold(f64::NEG_INFINITY, |most, offset| offset.map(|offset: f64| most.max(offset)))?;
        offset.is_finite().then_some(Line { slope, offset })
    }

    /// The highest line of that slope below f.
    fn below(&self, slope: f64) -> Option<Line> {
        let offset = self
            .pieces
            .iter()
            .map(|piece| self.lowest(piece, slope))
            .try_fold(f64::INFINITY, |least, offset| offset.map(|offset: f64| least.min(offset)))?;
        offset.is_finite().then_some(Line { slope, offset })
    }

    /// f at a point, enclosed.
    fn at(&self, z: f64) -> Option<Interval> {
        enclose::function(self.function, Interval::point(z))
    }

    /// An upper bound of f(z) − slope · z on the piece.
    fn highest(&self, piece: &Piece, slope: f64) -> Option<f64> {
        let over = |z: f64, value: f64| add_up(value, -mul_down(slope, z));
        let (start, end) = (piece.start, piece.end);
        match piece.curvature {
            Curvature::Linear | Curvature::Convex => {
                Some(over(start, self.at(start)?.hi()).max(over(end, self.at(end)?.hi())))
            }
            Curvature::Concave => {
                let (t, slack) = self.touching(piece, slope, false);
                Some(add_up(over(t, self.at(t)?.hi()), slack))
            }
            Curvature::Unknown => {
                let value = enclose::function(self.function, Interval::new(start, end))?.hi();
                Some(over(start, value).max(over(end, value)))
            }
        }
    }

    /// A lower bound of f(z) − slope · z on the piece.
    fn lowest(&self, piece: &Piece, slope: f64) -> Option<f64> {
        let under = |z: f64, value: f64| add_down(value, -mul_up(slope, z));
        let (start, end) = (piece.start, piece.end);
        match piece.curvature {
            Curvature::Linear | Curvature::Concave => {
                Some(under(start, self.at(start)?.lo()).min(under(end, self.at(end)?.lo())))
            }
            Curvature::Convex => {
                let (t, slack) = self.touching(piece, slope, true);
                Some(add_down(under(t, self.at(t)?.lo()), -slack))
            }
            Curvature::Unknown => {
                let value = enclose::function(self.function, Interval::new(start, end))?.lo();
                Some(under(start, value).min(under(end, value)))
            }
        }
    }

    /// A point of a convex (or concave) piece where f′ is nearly `slope`, and how much f − slope · z may still fall
    /// below (rise above) its value there: |f′(t) − slope| times the distance to the farther end, since a convex function
    /// lies above its tangents.
    fn touching(&self, piece: &Piece, slope: f64, convex: bool) -> (f64, f64) {
        let (mut a, mut b) = (piece.start, piece.end);
        let turned = |t: f64| (self.function.derivative(t) < slope) == convex;
        // `turned`: the touching point lies to the right.
        if !turned(a) {
            b = a;
        } else if turned(b) {
            a = b;
        } else {
            for _ in 0..60 {
                let t = a.midpoint(b);
                if t <= a || t >= b {
                    break;
                }
                if turned(t) {
                    a = t;
                } else {
                    b = t;
                }
            }
        }
        let t = a.midpoint(b);
        let derivative = self.function.derivative(t);
        let uncertain = 4.0 * enclose::slope_error(self.function, t, derivative);
        // At an end the tangent may lean away from the piece: then f − slope · z moves the right way by itself.
        let excess = derivative - slope;
        let falls = |distance: f64, excess: f64| {
            if distance > 0.0 { distance * leaning(excess, convex, uncertain) } else { 0.0 }
        };
        let (left, right) = (falls(t - piece.start, excess), falls(piece.end - t, -excess));
        (t, left.max(right) * (1.0 + 8.0 * f64::EPSILON))
    }
}

/// How fast the tangent of f − slope · z falls (convex) or rises (concave) from the touching point towards the left, where
/// its slope is `excess` to within `uncertain`; for the right give −excess.
fn leaning(excess: f64, convex: bool, uncertain: f64) -> f64 {
    let rate = if convex { excess } else { -excess };
    if rate.is_infinite() {
        // A derivative that overflowed, of which only the sign is known.
        return rate.max(0.0);
    }
    (rate + uncertain + rate.abs() * (4.0 * f64::EPSILON)).max(0.0)
}
