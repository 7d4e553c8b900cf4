//! Half-spaces of exact forms, and what follows where several hold (Farkas): if `T − Σ λ g ≥ 0` on a box with λ ≥ 0, then
//! `T ≥ 0` on its part where every g ≥ 0; and `T > 0` if the first is, or if some g with λ > 0 is strict there.

use std::cmp::Ordering;

use super::exact::ExactForm;
use super::number::{Dyadic, Rational, TINY, gamma, round_up};

/// The half-space `g(x) ≥ 0`, or `> 0`.
#[derive(Debug, Clone)]
pub(crate) struct Wall {
    /// g, up to a positive factor.
    pub(crate) exact: ExactForm,
    /// g in doubles: nowhere on the box that it was made for is it off by more than `error`.
    pub(crate) slopes: Vec<f64>,
    pub(crate) constant: f64,
    pub(crate) error: f64,
    pub(crate) strict: bool,
}

impl Wall {
    /// The half-space of a form, for a box.
    pub(crate) fn new(form: &ExactForm, strict: bool, lower: &[f64], upper: &[f64]) -> Self {
        // The largest number becomes about 1: powers of two change nothing else.
        let parts = || form.slopes.iter().chain([&form.constant]);
        let size = parts().filter(|v| !v.is_zero()).map(Dyadic::magnitude).max().unwrap_or(0);
        let scaled = |v: &Dyadic| v.shifted(-size);
        let exact =
            ExactForm { slopes: form.slopes.iter().map(scaled).collect(), constant: scaled(&form.constant) };
        let slopes: Vec<f64> = exact.slopes.iter().map(Dyadic::nearest).collect();
        let constant = exact.constant.nearest();
        let gap = |v: &Dyadic, near: f64| v.minus(&Dyadic::of(near)).absolute();
        let reach = |i: usize| Dyadic::of(lower[i].abs().max(upper[i].abs()));
        let total = (0..slopes.len()).fold(gap(&exact.constant, constant), |sum, i| {
            sum.plus(&gap(&exact.slopes[i], slopes[i]).times(&reach(i)))
        });
        Wall { error: round_up(&total.to_rational()), exact, slopes, constant, strict }
    }

    /// The other side, with its face or without.
    pub(crate) fn opposite(&self, strict: bool) -> Self {
        Wall {
            exact: self.exact.negated(),
            slopes: self.slopes.iter().map(|a| -a).collect(),
            constant: -self.constant,
            error: self.error,
            strict,
        }
    }
}

/// A lower bound of `slopes·x + constant` on the part of a box inside all walls, by multipliers (those below 0 count as 0).
pub(crate) fn least_inside<'a>(
    (slopes, constant): (&[f64], f64),
    walls: impl Iterator<Item = (&'a Wall, f64)>,
    lower: &[f64],
    upper: &[f64],
) -> f64 {
    let n = lower.len();
    let (mut rest, mut sum, mut count) = (slopes.to_vec(), constant, 8 + n);
    let mut sizes: Vec<f64> = slopes.iter().map(|a| a.abs()).collect();
    let mut magnitude = constant.abs();
    for (wall, multiplier) in walls.filter(|(_, multiplier)| *multiplier > 0.0) {
        count += 2;
        for i in 0..n {
            rest[i] -= multiplier * wall.slopes[i];
            sizes[i] += (multiplier * wall.slopes[i]).abs();
        }
        sum -= multiplier * (wall.constant + wall.error);
        magnitude += multiplier * (wall.constant.abs() + wall.error);
    }
    for i in 0..n {
        sum += (rest[i] * lower[i]).min(rest[i] * upper[i]);
        magnitude += sizes[i] * lower[i].abs().max(upper[i].abs());
    }
    let least = sum - (gamma(count) * magnitude * (1.0 + 1e-9) + TINY);
    if least.is_nan() || magnitude > 1e200 { f64::NEG_INFINITY } else { least }
}

/// Whether `form ≥ 0`, or `> 0` with `strict`, inside all walls, by multipliers (those below 0 count as 0), without rounding.
pub(crate) fn follows_inside<'a>(
    form: &ExactForm,
    strict: bool,
    walls: impl Iterator<Item = (&'a Wall, Rational)>,
    lower: &[f64],
    upper: &[f64],
) -> bool {
    // All over one denominator, so that everything is dyadic.
    let walls: Vec<(&Wall, Rational)> =
        walls.filter(|(_, multiplier)| *multiplier > Rational::ZERO).collect();
    let denominator =
        walls.iter().fold(Rational::ONE, |d, (_, m)| d * Rational::from(m.denominator().clone()));
    let whole = |value: &Rational| Dyadic::integer((value * &denominator).numerator().clone());
    let mut rest = form.scaled(&whole(&Rational::ONE));
    for (wall, multiplier) in &walls {
        rest.subtract(&whole(multiplier), &wall.exact);
    }
    match rest.least(lower, upper).sign() {
        Ordering::Greater => true,
        Ordering::Equal => !strict || walls.iter().any(|(wall, _)| wall.strict),
        Ordering::Less => false,
    }
}
