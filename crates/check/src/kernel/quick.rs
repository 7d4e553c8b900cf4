//! The share of a box in a half-space, from below or from above, in integers of fixed length: what `volume` computes
//! without rounding, an order of magnitude faster.
//!
//! The share decreases with every c and increases with t (see `volume`): c rounded up and t down to integers of one unit give
//! a lower bound, the other way round an upper bound, and of integers the sum over the corners is exact.

use super::number::{add_down, add_up, mul_down, mul_up};

/// 64-bit words of a number, lowest first.
const WORDS: usize = 16;
/// The largest coefficient has this many bits, so that 14 powers of their sum fit: (14 · 2⁵³)¹⁴ < 2⁸⁰⁰.
const BITS: i32 = 53;
/// The most coefficients.
const MOST: usize = 14;

/// A number modulo 2^(64 · WORDS).
#[derive(Clone, Copy)]
struct Wide([u64; WORDS]);

impl Wide {
    fn of(value: u64) -> Self {
        let mut words = [0; WORDS];
        words[0] = value;
        Wide(words)
    }

    /// `self · factor`, of which only the lowest `length` words are not 0.
    fn times(&mut self, factor: u64, length: usize) {
        let mut carry = 0u128;
        for word in &mut self.0[..length] {
            carry += u128::from(*word) * u128::from(factor);
            *word = carry as u64;
            carry >>= 64;
        }
    }

    /// Adds, or subtracts by adding the complement.
    fn add(&mut self, other: &Wide, negative: bool) {
        let mut carry = u128::from(negative);
        for (word, &own) in self.0.iter_mut().zip(&other.0) {
            carry += u128::from(*word) + u128::from(if negative { !own } else { own });
            *word = carry as u64;
            carry >>= 64;
        }
    }

    /// The number between `mantissa` and `mantissa + 1` times 2^exponent, the mantissa of 53 bits.
    fn leading(&self) -> (u64, i32) {
        let Some(top) = (0..WORDS).rev().find(|&k| self.0[k] != 0) else { return (0, 0) };
        let low = if top > 0 { self.0[top - 1] } else { 0 };
        let pair = u128::from(self.0[top]) << 64 | u128::from(low);
        let shift = 128 - pair.leading_zeros() as i32 - 53;
        ((pair >> shift) as u64, shift + 64 * (top as i32 - 1))
    }
}

/// A bound of the share of a box where `slopes·x + constant ≥ 0`: from below, or from above with `up`. `None` where the
/// numbers are out of reach.
pub(crate) fn share_bound(
    slopes: &[f64],
    constant: f64,
    lower: &[f64],
    upper: &[f64],
    up: bool,
) -> Option<f64> {
    let mut most = constant;
    let mut reaches = [0.0f64; MOST];
    let mut count = 0;
    for i in 0..slopes.len() {
        let (slope, end) = (slopes[i], if slopes[i] >= 0.0 { upper[i] } else { lower[i] });
        most = if up { add_up(most, mul_up(slope, end)) } else { add_down(most, mul_down(slope, end)) };
        if slope == 0.0 || lower[i] == upper[i] {
            continue;
        }
        let reach = if up {
            mul_down(slope.abs(), add_down(upper[i], -lower[i]))
        } else {
            mul_up(slope.abs(), add_up(upper[i], -lower[i]))
        };
        *reaches.get_mut(count)? = reach;
        count += 1;
    }
    let largest = reaches.iter().fold(0.0f64, |a, &b| a.max(b));
    if most < 0.0 {
        return Some(0.0);
    }
    if count == 0 {
        return Some(1.0);
    }
    if !(1e-250..1e250).contains(&largest) || most.is_nan() || most > 1e250 {
        return None;
    }
    // 2^BITS > largest / unit ≥ 2^(BITS − 1).
    let exponent = (largest.to_bits() >> 52) as i32 - 1023 - (BITS - 1);
    let units = |v: f64| v * 2f64.powi(-exponent);
    let mut widths = [0u64; MOST];
    for (width, &reach) in widths.iter_mut().zip(&reaches[..count]) {
        *width = if up { units(reach).floor() as u64 } else { units(reach).ceil() as u64 };
    }
    widths.sort_unstable_by(|a, b| b.cmp(a));
    // What rounds to 0 is left out; the largest does not.
    let count = widths.iter().take_while(|w| **w > 0).count();
    let widths = &widths[..count];
    let total: u64 = widths.iter().sum();
    let t = if up { units(most).ceil() } else { units(most).floor() };
    if t >= total as f64 {
        return Some(1.0);
    }
    let mut sum = Wide::of(0);
    corners(t as u64, widths, count, false, &mut sum);
    let mut volume = Wide::of(1);
    for (k, &width) in widths.iter().enumerate() {
        volume.times(width, WORDS);
        volume.times(k as u64 + 1, WORDS);
    }
    let ((a, ea), (b, eb)) = (sum.leading(), volume.leading());
    let quotient =
        if up { ((a + 1) as f64 / b as f64).next_up() } else { (a as f64 / (b + 1) as f64).next_down() };
    if ea - eb < -1000 {
        return Some(if up { 1e-280 } else { 0.0 });
    }
    let scaled = quotient * 2f64.powi(ea - eb);
    Some(if up { scaled.next_up().min(1.0) } else { scaled.next_down().clamp(0.0, 1.0) })
}

/// Adds `± restⁿ` over the corners in the directions that are left; where `rest` is 0 or less, nothing.
fn corners(rest: u64, widths: &[u64], power: usize, odd: bool, sum: &mut Wide) {
    match widths.split_first() {
        None => {
            let mut term = Wide::of(1);
            for k in 1..=power {
                term.times(rest, (k * 57).div_ceil(64) + 1);
            }
            sum.add(&term, odd);
        }
        Some((&width, others)) => {
            corners(rest, others, power, odd, sum);
            if rest > width {
                corners(rest - width, others, power, !odd, sum);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::number::rational;

    #[test]
    fn bounds_enclose_the_exact_share_tightly() {
        let mut state = 7u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
        };
        for round in 0..300 {
            let n = 1 + round % 9;
            let slopes: Vec<f64> = (0..n).map(|i| next() * if i % 3 == 2 { 1e-3 } else { 1.0 }).collect();
            let lower: Vec<f64> = (0..n).map(|_| next()).collect();
            let upper: Vec<f64> = lower.iter().map(|l| l + 0.5 + next().abs()).collect();
            let centre: f64 = (0..n).map(|i| slopes[i] * (lower[i] + upper[i]) / 2.0).sum();
            let constant = -centre + 0.3 * next();
            let exact = super::super::volume::share(&slopes, constant, &lower, &upper).0;
            let low = share_bound(&slopes, constant, &lower, &upper, false).unwrap();
            let high = share_bound(&slopes, constant, &lower, &upper, true).unwrap();
            assert!(rational(low) <= exact && exact <= rational(high), "{slopes:?} {constant}");
            assert!(high - low < 1e-12, "{low} {high}");
        }
        assert_eq!(share_bound(&[1.0], -0.5, &[0.0], &[1.0], true).map(|s| s >= 0.5), Some(true));
    }
}
