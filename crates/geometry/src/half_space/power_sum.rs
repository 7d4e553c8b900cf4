//! The distribution function of a sum of uniform variables with integer ranges, exactly.

use super::MOST_KEPT;
use super::quantise::power_of_two;
use netinverse_linalg::Interval;

/// P(Σ k_i s_i ≤ t), s_i independent and uniform on \[0, 1\], for positive integers k_i: N/(n! Π k_i) with
/// N = Σ_v (−1)^{|v|} (t − k·v)₊ⁿ an integer, rounded outward.
///
/// N is summed modulo 2^{64L}. Whatever the terms are, 0 ≤ N ≤ n! Π k_i < 2^{64L} (the number of bits of the
/// k_i was chosen so), hence the residue is N. By the symmetry s → 1 − s the smaller side is summed, so that
/// half of the terms vanish.
pub(super) fn distribution(t: i128, k: &[u64]) -> Interval {
    let total: i128 = k.iter().map(|&k| i128::from(k)).sum();
    if t <= 0 {
        return Interval::ZERO;
    }
    if t >= total {
        return Interval::point(1.0);
    }
    let mirrored = 2 * t > total;
    let t = (if mirrored { total - t } else { t }) as u64;
    let numerator = match k.len() {
        0 | 1 => Interval::point(t as f64),
        2 => signed_power_sum::<2>(t, k),
        3 | 4 => signed_power_sum::<3>(t, k),
        5 => signed_power_sum::<4>(t, k),
        6 => signed_power_sum::<5>(t, k),
        7 | 8 => signed_power_sum::<6>(t, k),
        9 => signed_power_sum::<7>(t, k),
        10 => signed_power_sum::<8>(t, k),
        11 | 12 => signed_power_sum::<9>(t, k),
        13 => signed_power_sum::<10>(t, k),
        _ => signed_power_sum::<11>(t, k),
    };
    let denominator = k
        .iter()
        .enumerate()
        // k_i ≤ 2⁵² is a double
        .fold(Interval::point(1.0), |product, (i, &k)| {
            product * Interval::point((i + 1) as f64) * Interval::point(k as f64)
        });
    let fraction = numerator.divided_by(denominator);
    if mirrored { Interval::point(1.0) - fraction } else { fraction }
}

/// Σ_v (−1)^{|v|} (t − k·v)₊ⁿ, known to lie in [0, 2^{64L}), rounded outward.
fn signed_power_sum<const L: usize>(t: u64, k: &[u64]) -> Interval {
    const HALF: usize = 1 << (MOST_KEPT / 2);
    let (first, second) = k.split_at(k.len() / 2);
    let (mut low, mut high) = ([0; HALF], [0; HALF]);
    subset_sums(first, &mut low);
    subset_sums(second, &mut high);
    let mut sum = [0u64; L];
    for (v, &high) in high[..1 << second.len()].iter().enumerate() {
        if high >= t {
            continue;
        }
        let rest = t - high;
        for (w, &low) in low[..1 << first.len()].iter().enumerate() {
            if low < rest {
                let odd = (v.count_ones() + w.count_ones()) % 2 == 1;
                accumulate_power(&mut sum, rest - low, k.len(), odd);
            }
        }
    }
    outward(&sum)
}

/// The sums of all subsets of `k`, by the bits of their index.
fn subset_sums(k: &[u64], sums: &mut [u64]) {
    for v in 1..1usize << k.len() {
        sums[v] = sums[v & (v - 1)] + k[v.trailing_zeros() as usize];
    }
}

/// sum ± zⁿ modulo 2^{64L}.
#[inline(always)]
fn accumulate_power<const L: usize>(sum: &mut [u64; L], z: u64, n: usize, negative: bool) {
    let mut power = [0u64; L];
    power[0] = z;
    let mut digits = 1;
    for _ in 1..n {
        let mut carry = 0;
        for digit in &mut power[..digits] {
            let product = u128::from(*digit) * u128::from(z) + u128::from(carry);
            *digit = product as u64;
            carry = (product >> 64) as u64;
        }
        if digits < L && carry != 0 {
            power[digits] = carry;
            digits += 1;
        }
    }
    let mut carry = false;
    for (sum, power) in sum.iter_mut().zip(power) {
        let (value, first) = if negative { sum.overflowing_sub(power) } else { sum.overflowing_add(power) };
        let (value, second) = if negative {
            value.overflowing_sub(u64::from(carry))
        } else {
            value.overflowing_add(u64::from(carry))
        };
        *sum = value;
        carry = first || second;
    }
}

/// The doubles around a non-negative integer of L digits of 64 bits, L ≤ 11.
fn outward<const L: usize>(digits: &[u64; L]) -> Interval {
    let Some(top) = digits.iter().rposition(|&digit| digit != 0) else { return Interval::ZERO };
    let below = if top > 0 { digits[top - 1] } else { 0 };
    let leading = (u128::from(digits[top]) << 64) | u128::from(below);
    let shift = 128 - 53 - leading.leading_zeros(); // at least 12, as the upper half is not 0
    let mantissa = (leading >> shift) as u64;
    let exact =
        leading & ((1 << shift) - 1) == 0 && digits[..top.saturating_sub(1)].iter().all(|&digit| digit == 0);
    let lo = mantissa as f64 * power_of_two(shift as i32 + 64 * (top as i32 - 1));
    Interval::new(lo, if exact { lo } else { lo.next_up() })
}
