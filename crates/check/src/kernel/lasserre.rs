//! The volume of a polytope that is given by half-spaces, in intervals and without rounding.
//!
//! With `a_k·x + c_k ≥ 0`, n coordinates: `V = 1/n Σ_k c_k / |a_kj| · V'_k`, V'_k the volume of face k seen along a coordinate j
//! with a_kj ≠ 0 (Lasserre 1983, from Euler's theorem on homogeneous functions). A half-space that is implied has a face without
//! volume, and two that are the same count once.

use std::cmp::Ordering;

use super::number::{Dyadic, Rational};
use super::wall::Wall;

/// A number that volumes are computed in.
trait Scalar: Clone {
    fn of(value: f64) -> Self;
    fn plus(&self, other: &Self) -> Self;
    fn times(&self, other: &Self) -> Self;
    /// Of a divisor whose sign is known.
    fn over(&self, other: &Self) -> Self;
    /// `None` where it is not known.
    fn sign(&self) -> Option<Ordering>;
    /// About the value.
    fn near(&self) -> f64;
    fn negated(&self) -> Self {
        self.times(&Self::of(-1.0))
    }
    fn absolute(&self) -> Self {
        self.smaller(&self.negated()).negated()
    }
    fn smaller(&self, other: &Self) -> Self;
    /// Anything from 0 to it.
    fn or_less(&self) -> Self;
    /// What is less than 0 becomes 0.
    fn positive(&self) -> Self {
        Self::of(0.0).negated().smaller(&self.negated()).negated()
    }
}

#[derive(Debug, Clone, Copy)]
struct Interval(f64, f64);

impl Interval {
    /// All numbers: of what is too large for doubles nothing is known.
    const ALL: Self = Interval(f64::NEG_INFINITY, f64::INFINITY);

    /// A rounding further out on both sides: |v| · 2⁻⁵² is at least the distance to the next double.
    fn outward(low: f64, high: f64) -> Self {
        let off = |v: f64| v.abs() * f64::EPSILON + f64::MIN_POSITIVE;
        Interval(low - off(low), high + off(high))
    }

    /// Exactly: then products are, and sums.
    fn is_zero(&self) -> bool {
        self.0 == 0.0 && self.1 == 0.0
    }
}

impl Scalar for Interval {
    fn of(value: f64) -> Self {
        Interval(value, value)
    }
    fn plus(&self, other: &Self) -> Self {
        match (self.is_zero(), other.is_zero()) {
            (true, _) => *other,
            (_, true) => *self,
            _ => {
                let (low, high) = (self.0 + other.0, self.1 + other.1);
                if (low + high).is_finite() { Interval::outward(low, high) } else { Interval::ALL }
            }
        }
    }
    fn times(&self, other: &Self) -> Self {
        if self.is_zero() || other.is_zero() {
            return Interval(0.0, 0.0);
        }
        let (a, b, c, d) = (self.0 * other.0, self.0 * other.1, self.1 * other.0, self.1 * other.1);
        if !(a + b + c + d).is_finite() {
            return Interval::ALL;
        }
        Interval::outward(a.min(b).min(c.min(d)), a.max(b).max(c.max(d)))
    }
    fn over(&self, other: &Self) -> Self {
        self.times(&Interval::outward(1.0 / other.1, 1.0 / other.0))
    }
    fn sign(&self) -> Option<Ordering> {
        match (self.0.partial_cmp(&0.0)?, self.1.partial_cmp(&0.0)?) {
            (a, b) if a == b => Some(a),
            _ => None,
        }
    }
    fn near(&self) -> f64 {
        f64::midpoint(self.0, self.1)
    }
    fn smaller(&self, other: &Self) -> Self {
        Interval(self.0.min(other.0), self.1.min(other.1))
    }
    fn or_less(&self) -> Self {
        Interval(0.0, self.1)
    }
}

impl Scalar for Rational {
    fn of(value: f64) -> Self {
        super::number::rational(value)
    }
    fn plus(&self, other: &Self) -> Self {
        self + other
    }
    fn times(&self, other: &Self) -> Self {
        self * other
    }
    fn over(&self, other: &Self) -> Self {
        self / other
    }
    fn sign(&self) -> Option<Ordering> {
        Some(self.cmp(&Rational::ZERO))
    }
    fn near(&self) -> f64 {
        self.to_f64().value()
    }
    fn smaller(&self, other: &Self) -> Self {
        self.clone().min(other.clone())
    }
    fn or_less(&self) -> Self {
        self.clone()
    }
}

/// Half-spaces, one after the other: n slopes and the constant of `slopes·x + constant ≥ 0`.
type Rows<S> = Vec<S>;

/// Proved bounds of the volume over the inputs with lower < upper of what lies inside all walls, which must bound it; the box,
/// which holds it, says where. `None` where rounding leaves a face open.
pub(crate) fn volume_bounds(walls: &[&Wall], lower: &[f64], upper: &[f64]) -> Option<(f64, f64)> {
    let free: Vec<usize> = (0..lower.len()).filter(|&i| lower[i] < upper[i]).collect();
    let middle: Vec<f64> = lower.iter().zip(upper).map(|(&l, &u)| f64::midpoint(l, u)).collect();
    let half = |i: usize| Interval::of(upper[i]).plus(&Interval::of(-lower[i])).times(&Interval::of(0.5));
    // Moved inward and outward by what the doubles may be off.
    let mut rows = Vec::with_capacity((walls.len() + 2 * free.len()) * (free.len() + 1));
    for wall in walls {
        let mut constant = Interval::of(wall.constant).plus(&Interval(-wall.error, wall.error));
        for (&slope, &at) in wall.slopes.iter().zip(&middle) {
            constant = constant.plus(&Interval::of(slope).times(&Interval::of(at)));
        }
        rows.extend(free.iter().map(|&i| Interval::of(wall.slopes[i]).times(&half(i))));
        rows.push(constant);
    }
    let n = free.len();
    let scale = free.iter().fold(Interval::of(1.0), |v, &i| v.times(&half(i)));
    let found = volume(&rows, n, None).or_else(|| volume(&within(rows, n), n, Some(REACH)))?;
    let Interval(low, high) = found.times(&scale);
    (low.is_finite() && high.is_finite()).then_some((low.max(0.0), high))
}

/// A magnitude that no coordinate comes near to: the polytope is between −1 and 1, but for rounding.
const REACH: f64 = 1.25;

/// The rows, and those that keep every coordinate within [`REACH`].
fn within(mut rows: Rows<Interval>, n: usize) -> Rows<Interval> {
    for j in 0..n {
        for sign in [1.0, -1.0] {
            rows.extend((0..n).map(|i| Interval::of(if i == j { sign } else { 0.0 })));
            rows.push(Interval::of(REACH));
        }
    }
    rows
}

/// The same without rounding.
pub(crate) fn volume_exactly(walls: &[&Wall], lower: &[f64], upper: &[f64]) -> Option<Rational> {
    let (mut rows, mut n) = (Vec::new(), 0);
    for wall in walls {
        let mut constant = wall.exact.constant.clone();
        n = 0;
        for (i, slope) in wall.exact.slopes.iter().enumerate() {
            if lower[i] < upper[i] {
                rows.push(slope.to_rational());
                n += 1;
            } else {
                constant = constant.plus(&slope.times(&Dyadic::of(lower[i])));
            }
        }
        rows.push(constant.to_rational());
    }
    volume(&rows, n, None)
}

/// The volume; `reach`, if it is given, is a magnitude that the rows themselves keep the n coordinates within.
fn volume<S: Scalar>(rows: &[S], n: usize, reach: Option<f64>) -> Option<S> {
    if n == 0 {
        return Some(S::of(1.0));
    }
    if n == 1 {
        return length(rows);
    }
    let steepest = |slopes: &[S]| {
        let size = |j: &usize| slopes[*j].near().abs();
        (0..n).max_by(|a, b| size(a).total_cmp(&size(b))).unwrap_or(0)
    };
    // Of what is level but for rounding it is seen within reach whether it holds.
    let (mut clear, mut doubtful) = (Vec::with_capacity(rows.len() / (n + 1)), false);
    for row in rows.chunks_exact(n + 1) {
        let (slopes, constant) = (&row[..n], &row[n]);
        let j = steepest(slopes);
        match slopes[j].sign() {
            Some(Ordering::Equal) if constant.sign()? == Ordering::Less => return Some(S::of(0.0)),
            Some(Ordering::Equal) => {}
            Some(_) => clear.push((row, j)),
            None => {
                let side = S::of(reach?);
                let off = slopes.iter().fold(S::of(0.0), |sum, s| sum.plus(&s.absolute().times(&side)));
                match (constant.plus(&off.negated()).sign(), constant.plus(&off).sign()) {
                    (Some(Ordering::Greater), _) => {}
                    (_, Some(Ordering::Less)) => return Some(S::of(0.0)),
                    _ => doubtful = true,
                }
            }
        }
    }
    let mut sum = S::of(0.0);
    let mut others = Vec::with_capacity(clear.len() * n);
    let near: Vec<[f64; 3]> = match n {
        2 => clear.iter().map(|(row, _)| [row[0].near(), row[1].near(), row[2].near()]).collect(),
        _ => Vec::new(),
    };
    for (k, &(row, j)) in clear.iter().enumerate() {
        let constant = &row[n];
        let nothing = constant.sign() == Some(Ordering::Equal) || n == 2 && has_no_edge(&clear, &near, k);
        if nothing || !face(&clear, k, &mut others) {
            continue;
        }
        sum = sum.plus(&constant.over(&row[j].absolute()).times(&volume(&others, n - 1, reach)?));
    }
    let volume = sum.over(&S::of(n as f64)).positive();
    Some(if doubtful { volume.or_less() } else { volume })
}

/// The other half-spaces on face k, without its steepest coordinate; `false` where it has no volume, or was counted.
fn face<S: Scalar>(rows: &[(&[S], usize)], k: usize, out: &mut Rows<S>) -> bool {
    let (own, j) = rows[k];
    let n = own.len() - 1;
    let inverse = S::of(-1.0).over(&own[j]);
    out.clear();
    for (m, (row, _)) in rows.iter().enumerate().filter(|(m, _)| *m != k) {
        let factor = row[j].times(&inverse);
        let first = out.len();
        out.extend((0..=n).filter(|i| *i != j).map(|i| row[i].plus(&factor.times(&own[i]))));
        let (slopes, constant) = (&out[first..first + n - 1], &out[first + n - 1]);
        if slopes.iter().all(|slope| slope.sign() == Some(Ordering::Equal)) {
            match constant.sign() {
                Some(Ordering::Less) => return false,
                // The same hyperplane: from the other side nothing is between, from this side one of them counts.
                Some(Ordering::Equal) if factor.sign() == Some(Ordering::Greater) => return false,
                Some(Ordering::Equal) if m < k && factor.sign() == Some(Ordering::Less) => return false,
                Some(_) => out.truncate(first),
                None => {}
            }
        }
    }
    true
}

/// Whether two of the half-planes leave nothing of line k. Most lines bound no polygon, and doubles tell by which two that shows.
fn has_no_edge<S: Scalar>(rows: &[(&[S], usize)], near: &[[f64; 3]], k: usize) -> bool {
    let (own, j) = rows[k];
    let i = 1 - j;
    let line = near[k];
    let (mut low, mut high) = ((f64::NEG_INFINITY, k), (f64::INFINITY, k));
    for (m, row) in near.iter().enumerate().filter(|(m, _)| *m != k) {
        let factor = row[j] / line[j];
        let slope = row[i] - factor * line[i];
        let end = (factor * line[2] - row[2]) / slope;
        if slope > 0.0 && end > low.0 {
            low = (end, m);
        } else if slope < 0.0 && end < high.0 {
            high = (end, m);
        }
    }
    if low.0 <= high.0 || low.1 == k || high.1 == k {
        return false;
    }
    let inverse = S::of(-1.0).over(&own[j]);
    let on_line = |m: usize| {
        let row = rows[m].0;
        let factor = row[j].times(&inverse);
        (row[i].plus(&factor.times(&own[i])), row[2].plus(&factor.times(&own[2])))
    };
    let ((rising, above), (falling, below)) = (on_line(low.1), on_line(high.1));
    rising.sign() == Some(Ordering::Greater)
        && falling.sign() == Some(Ordering::Less)
        && below.over(&falling.negated()).plus(&above.over(&rising)).sign() == Some(Ordering::Less)
}

/// The volume with one coordinate.
fn length<S: Scalar>(rows: &[S]) -> Option<S> {
    // The least upper end, and minus the greatest lower end.
    let mut ends: [Option<S>; 2] = [None, None];
    for row in rows.chunks_exact(2) {
        let (slope, constant) = (&row[0], &row[1]);
        let (at, steep) = match slope.sign() {
            Some(Ordering::Equal) if constant.sign() == Some(Ordering::Less) => return Some(S::of(0.0)),
            Some(Ordering::Less) => (0, slope.negated()),
            Some(Ordering::Greater) => (1, slope.clone()),
            _ => continue,
        };
        let end = constant.over(&steep);
        ends[at] = Some(ends[at].take().map_or_else(|| end.clone(), |old| old.smaller(&end)));
    }
    let [upper, lower] = ends;
    let (upper, lower) = (upper?, lower?.negated());
    let mut length = upper.plus(&lower.negated()).positive();
    // Half-spaces whose side is not known: true or false between the ends, or else anything is left.
    for row in rows.chunks_exact(2) {
        let (slope, constant) = (row[0].sign(), row[1].sign());
        if slope.is_none() || slope == Some(Ordering::Equal) && constant.is_none() {
            let at = |end: &S| row[0].times(end).plus(&row[1]).sign();
            match (at(&lower), at(&upper)) {
                (Some(a), Some(b)) if a.is_ge() && b.is_ge() => {}
                (Some(Ordering::Less), Some(Ordering::Less)) => return Some(S::of(0.0)),
                _ => length = length.or_less(),
            }
        }
    }
    Some(length)
}

#[cfg(test)]
mod tests {
    use super::super::exact::ExactForm;
    use super::*;

    fn walls(rows: &[&[f64]]) -> Vec<Wall> {
        let wall = |row: &&[f64]| {
            let n = row.len() - 1;
            Wall::new(&ExactForm::of(&row[..n], row[n]), false, &vec![-1.0; n], &vec![1.0; n])
        };
        rows.iter().map(wall).collect()
    }

    fn volumes(rows: &[&[f64]]) -> (Option<(f64, f64)>, Rational) {
        let (walls, n) = (walls(rows), rows[0].len() - 1);
        let walls: Vec<&Wall> = walls.iter().collect();
        let (lower, upper) = (vec![-1.0; n], vec![1.0; n]);
        (volume_bounds(&walls, &lower, &upper), volume_exactly(&walls, &lower, &upper).unwrap())
    }

    #[test]
    fn polytopes_have_the_volumes_of_geometry() {
        // A simplex, a square with a corner off, an octahedron.
        let (bounds, exact) = volumes(&[
            &[1.0, 0.0, 0.0, 0.0],
            &[0.0, 1.0, 0.0, 0.0],
            &[0.0, 0.0, 1.0, 0.0],
            &[-1.0, -1.0, -1.0, 1.0],
        ]);
        assert_eq!(exact, Rational::from_parts(1.into(), 6u8.into()));
        let (low, high) = bounds.unwrap();
        assert!(
            super::super::number::rational(low) <= exact && exact <= super::super::number::rational(high)
        );
        assert!(high - low < 1e-14);
        let square: [&[f64]; 5] =
            [&[1.0, 0.0, 1.0], &[-1.0, 0.0, 1.0], &[0.0, 1.0, 1.0], &[0.0, -1.0, 1.0], &[-1.0, -1.0, 1.0]];
        assert_eq!(volumes(&square).1, Rational::from_parts(7.into(), 2u8.into()));
        let mut octahedron: Vec<Vec<f64>> = Vec::new();
        for k in 0..8u8 {
            let sign = |bit: u8| if k >> bit & 1 == 1 { -1.0 } else { 1.0 };
            octahedron.push(vec![sign(0), sign(1), sign(2), 1.0]);
        }
        let rows: Vec<&[f64]> = octahedron.iter().map(|row| &row[..]).collect();
        assert_eq!(volumes(&rows).1, Rational::from_parts(4.into(), 3u8.into()));
    }

    #[test]
    fn what_is_implied_repeated_flat_or_empty_counts_for_nothing() {
        let square: Vec<&[f64]> =
            vec![&[1.0, 0.0, 1.0], &[-1.0, 0.0, 1.0], &[0.0, 1.0, 1.0], &[0.0, -1.0, 1.0]];
        let with = |more: &[&'static [f64]]| volumes(&[&square[..], more].concat()).1;
        let four = Rational::from_parts(4.into(), 1u8.into());
        // Repeated, scaled, touching a corner, far off.
        assert_eq!(with(&[&[2.0, 0.0, 2.0]]), four);
        assert_eq!(with(&[&[1.0, 1.0, 2.0]]), four);
        assert_eq!(with(&[&[1.0, 3.0, 9.0]]), four);
        let nothing: &[f64] = &[0.0, 0.0, 0.0];
        assert_eq!(volumes(&[&[nothing], &square[..]].concat()).1, four);
        assert_eq!(with(&[&[1.0, 0.0, 0.0], &[-1.0, 0.0, 0.0]]), Rational::ZERO);
        assert_eq!(with(&[&[1.0, 0.0, -2.0]]), Rational::ZERO);
        assert_eq!(with(&[&[0.0, 0.0, -1.0]]), Rational::ZERO);
    }
}
