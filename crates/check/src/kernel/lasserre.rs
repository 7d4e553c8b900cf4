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
            _ => Interval((self.0 + other.0).next_down(), (self.1 + other.1).next_up()),
        }
    }
    fn times(&self, other: &Self) -> Self {
        if self.is_zero() || other.is_zero() {
            return Interval(0.0, 0.0);
        }
        let (a, b, c, d) = (self.0 * other.0, self.0 * other.1, self.1 * other.0, self.1 * other.1);
        Interval(a.min(b).min(c.min(d)).next_down(), a.max(b).max(c.max(d)).next_up())
    }
    fn over(&self, other: &Self) -> Self {
        self.times(&Interval((1.0 / other.1).next_down(), (1.0 / other.0).next_up()))
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

/// Half-spaces `slopes·x + constant ≥ 0`.
type Rows<S> = Vec<(Vec<S>, S)>;

/// Proved bounds of the volume over the inputs with lower < upper of what lies inside all walls, which must bound it; the box,
/// which holds it, says where. `None` where rounding leaves a face open.
pub(crate) fn volume_bounds(walls: &[&Wall], lower: &[f64], upper: &[f64]) -> Option<(f64, f64)> {
    let free: Vec<usize> = (0..lower.len()).filter(|&i| lower[i] < upper[i]).collect();
    let middle: Vec<f64> = lower.iter().zip(upper).map(|(&l, &u)| f64::midpoint(l, u)).collect();
    let half = |i: usize| Interval::of(upper[i]).plus(&Interval::of(-lower[i])).times(&Interval::of(0.5));
    // Moved inward and outward by what the doubles may be off.
    let row = |wall: &&Wall| {
        let mut constant = Interval::of(wall.constant).plus(&Interval(-wall.error, wall.error));
        for (&slope, &at) in wall.slopes.iter().zip(&middle) {
            constant = constant.plus(&Interval::of(slope).times(&Interval::of(at)));
        }
        let slopes = free.iter().map(|&i| Interval::of(wall.slopes[i]).times(&half(i)));
        (slopes.collect(), constant)
    };
    let rows: Rows<Interval> = walls.iter().map(row).collect();
    let scale = free.iter().fold(Interval::of(1.0), |v, &i| v.times(&half(i)));
    let volume = volume(&rows, None).or_else(|| volume(&within(rows, free.len()), Some(REACH)))?;
    let Interval(low, high) = volume.times(&scale);
    (low.is_finite() && high.is_finite()).then_some((low.max(0.0), high))
}

/// A magnitude that no coordinate comes near to: the polytope is between −1 and 1, but for rounding.
const REACH: f64 = 1.25;

/// The rows, and those that keep every coordinate within [`REACH`].
fn within(mut rows: Rows<Interval>, n: usize) -> Rows<Interval> {
    for j in 0..n {
        for sign in [1.0, -1.0] {
            let slopes = (0..n).map(|i| Interval::of(if i == j { sign } else { 0.0 })).collect();
            rows.push((slopes, Interval::of(REACH)));
        }
    }
    rows
}

/// The same without rounding.
pub(crate) fn volume_exactly(walls: &[&Wall], lower: &[f64], upper: &[f64]) -> Option<Rational> {
    let row = |wall: &&Wall| {
        let mut constant = wall.exact.constant.clone();
        let mut slopes = Vec::new();
        for (i, slope) in wall.exact.slopes.iter().enumerate() {
            if lower[i] < upper[i] {
                slopes.push(slope.to_rational());
            } else {
                constant = constant.plus(&slope.times(&Dyadic::of(lower[i])));
            }
        }
        (slopes, constant.to_rational())
    };
    volume(&walls.iter().map(row).collect::<Rows<Rational>>(), None)
}

/// The volume; `reach`, if it is given, is a magnitude that the rows themselves keep the coordinates within.
fn volume<S: Scalar>(rows: &Rows<S>, reach: Option<f64>) -> Option<S> {
    let n = rows.first().map_or(0, |row| row.0.len());
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
    let (mut clear, mut doubtful) = (Vec::with_capacity(rows.len()), false);
    for row in rows {
        let (slopes, constant) = row;
        match slopes[steepest(slopes)].sign() {
            Some(Ordering::Equal) if constant.sign()? == Ordering::Less => return Some(S::of(0.0)),
            Some(Ordering::Equal) => {}
            Some(_) => clear.push(row),
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
    for (k, (slopes, constant)) in clear.iter().enumerate() {
        if constant.sign() == Some(Ordering::Equal) {
            continue;
        }
        let j = steepest(slopes);
        let Some(face) = face(&clear, k, j) else { continue };
        sum = sum.plus(&constant.over(&slopes[j].absolute()).times(&volume(&face, reach)?));
    }
    let volume = sum.over(&S::of(n as f64)).positive();
    Some(if doubtful { volume.or_less() } else { volume })
}

/// The other half-spaces on face k, without coordinate j; `None` where it has no volume, or was counted.
fn face<S: Scalar>(rows: &[&(Vec<S>, S)], k: usize, j: usize) -> Option<Rows<S>> {
    let (own, own_constant) = rows[k];
    let mut out = Vec::with_capacity(rows.len() - 1);
    for (m, (slopes, constant)) in rows.iter().enumerate().filter(|(m, _)| *m != k) {
        let factor = slopes[j].over(&own[j]).negated();
        let combined = |a: &S, b: &S| a.plus(&factor.times(b));
        let others = (0..own.len()).filter(|i| *i != j).map(|i| combined(&slopes[i], &own[i]));
        let (others, constant) = (others.collect::<Vec<S>>(), combined(constant, own_constant));
        if others.iter().all(|slope| slope.sign() == Some(Ordering::Equal)) {
            match constant.sign() {
                Some(Ordering::Less) => return None,
                // The same hyperplane: from the other side nothing is between, from this side one of them counts.
                Some(Ordering::Equal) if factor.sign() == Some(Ordering::Greater) => return None,
                Some(Ordering::Equal) if m < k && factor.sign() == Some(Ordering::Less) => return None,
                Some(_) => continue,
                None => {}
            }
        }
        out.push((others, constant));
    }
    Some(out)
}

/// The volume with one coordinate.
fn length<S: Scalar>(rows: &Rows<S>) -> Option<S> {
    // The least upper end, and minus the greatest lower end.
    let mut ends: [Option<S>; 2] = [None, None];
    for (slopes, constant) in rows {
        let (at, steep) = match slopes[0].sign() {
            Some(Ordering::Equal) if constant.sign() == Some(Ordering::Less) => return Some(S::of(0.0)),
            Some(Ordering::Less) => (0, slopes[0].negated()),
            Some(Ordering::Greater) => (1, slopes[0].clone()),
            _ => continue,
        };
        let end = constant.over(&steep);
        ends[at] = Some(ends[at].take().map_or_else(|| end.clone(), |old| old.smaller(&end)));
    }
    let [upper, lower] = ends;
    let (upper, lower) = (upper?, lower?.negated());
    let mut length = upper.plus(&lower.negated()).positive();
    // Half-spaces whose side is not known: true or false between the ends, or else anything is left.
    for (slopes, constant) in rows.iter().filter(|(slopes, constant)| {
        slopes[0].sign().is_none() || slopes[0].sign() == Some(Ordering::Equal) && constant.sign().is_none()
    }) {
        let at = |end: &S| slopes[0].times(end).plus(constant).sign();
        match (at(&lower), at(&upper)) {
            (Some(a), Some(b)) if a.is_ge() && b.is_ge() => {}
            (Some(Ordering::Less), Some(Ordering::Less)) => return Some(S::of(0.0)),
            _ => length = length.or_less(),
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
        assert!(super::super::number::rational(low) <= exact && exact <= super::super::number::rational(high));
        assert!(high - low < 1e-14);
        let square: [&[f64]; 5] = [
            &[1.0, 0.0, 1.0],
            &[-1.0, 0.0, 1.0],
            &[0.0, 1.0, 1.0],
            &[0.0, -1.0, 1.0],
            &[-1.0, -1.0, 1.0],
        ];
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
