//! Volumes of boxes, and of the part of a box in a half-space, without rounding.
//!
//! With x = corner ± w·s, s in the unit cube, a half-space is `c·s ≤ t` with c ≥ 0, and its share of the box is
//! `Σ_v (−1)^|v| (t − c·v)₊ⁿ / (n! Π c)` over the corners v of the cube (Pólya 1913; Barrow & Smith 1979). Everything is an
//! integer in one unit. Beyond [`MOST`] inputs that matter the smallest are taken to their ends, which brackets the share.

use dashu_int::{IBig, UBig};

use super::number::{Dyadic, Rational};

/// The most coefficients with which shares are computed.
const MOST: usize = 14;

/// The volume of a box over the inputs with lower < upper; 1 where there is none.
pub(crate) fn of_box(lower: &[f64], upper: &[f64]) -> Rational {
    let sides = lower.iter().zip(upper).filter(|(lo, hi)| lo < hi);
    let one = Dyadic::integer(IBig::ONE);
    sides.fold(one, |v, (&lo, &hi)| v.times(&Dyadic::of(hi).minus(&Dyadic::of(lo)))).to_rational()
}

/// Which share of a box satisfies `slopes·x + constant ≥ 0`, enclosed; exact with at most [`MOST`] inputs that matter. A form
/// that is the same on all of the box has the share 1 or 0.
pub(crate) fn share(slopes: &[f64], constant: f64, lower: &[f64], upper: &[f64]) -> (Rational, Rational) {
    let mut most = Dyadic::of(constant);
    let mut reaches: Vec<Dyadic> = Vec::new();
    for i in 0..slopes.len() {
        let slope = Dyadic::of(slopes[i]);
        let better = if slopes[i] >= 0.0 { upper[i] } else { lower[i] };
        most = most.plus(&slope.times(&Dyadic::of(better)));
        if slopes[i] != 0.0 && lower[i] < upper[i] {
            let reach = slope.times(&Dyadic::of(upper[i]).minus(&Dyadic::of(lower[i])));
            reaches.push(if reach.sign().is_ge() { reach } else { reach.negated() });
        }
    }
    // Largest first, so that whole subtrees of corners are beyond t.
    reaches.sort_by(|a, b| b.compare(a));
    let small = reaches.split_off(reaches.len().min(MOST));
    let slack = small.iter().fold(Dyadic::ZERO, |sum, c| sum.plus(c));
    let high = distribution(&most, &reaches);
    if small.is_empty() {
        return (high.clone(), high);
    }
    (distribution(&most.minus(&slack), &reaches), high)
}

/// The share of the unit cube where `c·s ≤ t`, c > 0.
fn distribution(t: &Dyadic, c: &[Dyadic]) -> Rational {
    if t.sign().is_lt() {
        return Rational::ZERO;
    }
    let total = c.iter().fold(Dyadic::ZERO, |sum, c| sum.plus(c));
    if t.compare(&total).is_ge() {
        return Rational::ONE;
    }
    let unit = c.iter().chain([t]).map(Dyadic::exponent).min().unwrap_or(0);
    let widths: Vec<IBig> = c.iter().map(|c| c.in_units(unit)).collect();
    let sum = corners(&t.in_units(unit), &widths, c.len(), false);
    let factorial: UBig = (1..=c.len() as u32).map(UBig::from).product();
    let volume: IBig = widths.iter().product::<IBig>() * IBig::from(factorial);
    Rational::from(sum) / Rational::from(volume)
}

/// `Σ ± restⁿ` over the corners in the directions that are left.
fn corners(rest: &IBig, widths: &[IBig], power: usize, odd: bool) -> IBig {
    if *rest <= IBig::ZERO {
        return IBig::ZERO;
    }
    match widths.split_first() {
        None => {
            let term = rest.pow(power);
            if odd { -term } else { term }
        }
        Some((width, others)) => {
            corners(rest, others, power, odd) + corners(&(rest - width), others, power, !odd)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::number::rational;

    #[test]
    fn shares_are_those_of_geometry() {
        let share =
            |slopes: &[f64], constant: f64, n: usize| share(slopes, constant, &vec![0.0; n], &vec![1.0; n]).0;
        assert_eq!(share(&[1.0, 1.0], -1.5, 2), rational(0.125));
        assert_eq!(share(&[-1.0, 1.0], 0.0, 2), rational(0.5));
        // A corner of the cube.
        assert_eq!(share(&[-1.0, -1.0, -1.0], 1.0, 3), Rational::from_parts(1.into(), 6u8.into()));
        assert_eq!(share(&[0.0, 0.0], 0.0, 2), Rational::ONE);
        assert_eq!(share(&[1e-3, 1.0, 1e-6], -0.5, 3) + share(&[-1e-3, -1.0, -1e-6], 0.5, 3), Rational::ONE);
        // Its complement, and the middle by symmetry, with many inputs.
        let (low, high) = super::share(&[1.0; 20], -10.0, &[0.0; 20], &[1.0; 20]);
        assert!(low <= rational(0.5) && rational(0.5) <= high);
    }
}
