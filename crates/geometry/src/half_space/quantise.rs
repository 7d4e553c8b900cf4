//! A form on a box as integers, with a bound on the difference.

use super::{Coefficients, MOST_KEPT};
use crate::exact_sum::ExactSum;
use netinverse_linalg::interval::{add_up, mul_up};

/// Products of at least this size have a rounding error that is a double: 2⁻⁹⁶⁰.
pub(super) const EXACT_PRODUCTS: f64 = f64::MIN_POSITIVE * (1u64 << 62) as f64;

/// Digits below the unit that carry the first, fine rounding: 2⁻¹⁶ of a unit.
const GUARD: i32 = 16;

/// Bits of the largest coefficient, by the number of coefficients kept, such that `power_sum` has room; never
/// more for more coefficients, as some may be rounded to 0.
pub(super) const BITS: [i32; MOST_KEPT + 1] = [0, 52, 52, 52, 46, 46, 46, 45, 45, 45, 45, 45, 45, 45, 45];

/// The form centre + Σ k_i σ_i in integers of one unit, everywhere on the box within `error` of the true one.
pub(super) struct Quantised {
    k: [u64; MOST_KEPT],
    count: usize,
    /// centre + Σ k_i/2: the fraction is the distribution function of Σ k_i s_i at `t`.
    pub(super) t: i128,
    /// δ, in units.
    pub(super) error: f64,
    /// The unit's exponent: a unit is 2^exponent (of the form scaled by `scale`).
    pub(super) exponent: i32,
    /// The power of two by which everything was multiplied, as an exponent.
    pub(super) scaled_by: i32,
    /// Twice the centre, in units·2⁻¹⁶, and how far off that may be.
    pub(super) twice_centre: (i128, f64),
}

impl Quantised {
    /// `None` where the numbers are too far apart for the arithmetic: nothing is then known.
    ///
    /// Rounding, with all errors as bounds on the form over the box (σ ∈ [−½, ½]):
    /// - 2·centre = 2b + Σ a_i(l_i + u_i) is a sum of doubles and of products of two, each the sum of its
    ///   rounded value and a double (the product's error, by fused multiply-add). Each is cut to the fine
    ///   unit, unless exact there.
    /// - c_i = |a_i|(w + e), with w + e = u_i − l_i exactly (Knuth), |a_i|w as above, |a_i|e rounded: its
    ///   error is 2⁻¹⁰⁶c_i, less than the fine unit, for which one fine unit is charged. c_i is cut, then
    ///   rounded to k_i units; both count half, as |σ_i| ≤ ½.
    /// - t is rounded to units.
    pub(super) fn new(
        normal: &[f64],
        offset: f64,
        lower: &[f64],
        upper: &[f64],
        coefficients: &Coefficients,
    ) -> Option<Self> {
        let kept = coefficients.kept();
        let largest = exponent_of(kept[0].0);
        if largest < -1000 {
            return None; // subnormal coefficients are known to no relative precision
        }
        // Powers of two do not round; keep everything away from the ends of the range of doubles.
        let scaled_by = if largest.abs() > 800 { -largest } else { 0 };
        let (half, rest) = (power_of_two(scaled_by / 2), power_of_two(scaled_by - scaled_by / 2));
        let scale = |x: f64| -> Option<f64> {
            if scaled_by == 0 {
                return Some(x);
            }
            let y = x * half * rest;
            (y.is_finite() && y / rest / half == x).then_some(y)
        };
        let exponent = largest + scaled_by + 1 - BITS[kept.len()];
        let mut fine = Fine::new(exponent - GUARD);

        let b = scale(offset)?;
        if b.abs() > f64::MAX / 4.0 {
            return None;
        }
        fine.add(2.0 * b);
        for i in 0..normal.len() {
            if normal[i] != 0.0 {
                let a = scale(normal[i])?;
                fine.add_product(a, lower[i]);
                fine.add_product(a, upper[i]);
            }
        }
        let twice_centre = match fine.total() {
            Some(total) => total,
            None => exactly(normal, b, lower, upper, scale, exponent - GUARD)?,
        };

        // In halves of the fine unit.
        let mut error = twice_centre.1;
        let mut out = [0; MOST_KEPT];
        let (mut count, mut sum) = (0, 0_i128);
        for &(_, i) in kept {
            let a = scale(normal[i])?.abs();
            let (w, e) = difference(upper[i], lower[i]);
            let mut c = Fine::new(exponent - GUARD);
            c.add_product(a, w);
            c.add(a * e);
            if e != 0.0 {
                c.inexact += 1;
            }
            let (c, cut) = c.total()?;
            let k = (c + (1 << (GUARD - 1))) >> GUARD;
            error = add_up(error, add_up((c - (k << GUARD)).unsigned_abs() as f64, cut));
            if k > 0 {
                out[count] = k as u64;
                count += 1;
                sum += k;
            }
        }
        if count == 0 {
            return None;
        }
        let twice_t = twice_centre.0 + (sum << GUARD);
        let t = (twice_t + (1 << GUARD)) >> (GUARD + 1);
        error = add_up(error, (twice_t - (t << (GUARD + 1))).unsigned_abs() as f64);
        let error = mul_up(error, power_of_two(-(GUARD + 1)));
        Some(Quantised { k: out, count, t, error, exponent, scaled_by, twice_centre })
    }

    /// The k_i, decreasing but for rounding, none 0.
    pub(super) fn kept(&self) -> &[u64] {
        &self.k[..self.count]
    }
}

/// 2·centre from sums without any rounding, for numbers so large beside the box's width that fixed point
/// overflows.
fn exactly(
    normal: &[f64],
    b: f64,
    lower: &[f64],
    upper: &[f64],
    scale: impl Fn(f64) -> Option<f64>,
    fine_exponent: i32,
) -> Option<(i128, f64)> {
    let mut sum = ExactSum::new();
    let mut cut = 0_u32;
    sum.add(2.0 * b);
    for i in 0..normal.len() {
        let a = scale(normal[i])?;
        for x in [lower[i], upper[i]] {
            let product = a * x;
            sum.add(product);
            sum.add(a.mul_add(x, -product));
            cut += u32::from(product.abs() < EXACT_PRODUCTS);
        }
    }
    let (lo, hi) = (sum.lower(), sum.upper());
    // So far from the hyperplane that only the side matters: Σ c_i/2 is below 2⁷² fine units.
    let far = power_of_two(fine_exponent) * power_of_two(95);
    if cut == 0 && lo >= far {
        return Some((1 << 95, 0.0));
    }
    if cut == 0 && hi <= -far {
        return Some((-(1 << 95), 0.0));
    }
    let mut fine = Fine::new(fine_exponent);
    fine.add(lo);
    let (total, error) = fine.total()?;
    let width = mul_up(add_up(hi, -lo), power_of_two(-fine_exponent));
    Some((total, add_up(add_up(error, width), f64::from(cut))))
}

/// A fixed-point sum in units of 2^exponent.
struct Fine {
    per_unit: f64,
    sum: i128,
    /// Roundings, each by less than a unit.
    inexact: u32,
    overflow: bool,
}

impl Fine {
    fn new(exponent: i32) -> Self {
        Fine { per_unit: power_of_two(-exponent), sum: 0, inexact: 0, overflow: false }
    }

    #[inline(always)]
    fn add(&mut self, x: f64) {
        // Multiplication by a power of two is exact unless it underflows, which the comparison shows.
        let y = x * self.per_unit;
        if y.abs() < 4e18 {
            let cut = y as i64;
            self.sum += i128::from(cut);
            self.inexact += u32::from(cut as f64 != y || (y == 0.0 && x != 0.0));
        } else if y.abs() < 1.2e30 {
            self.sum += y as i128; // an integer already
        } else {
            self.overflow = true;
        }
    }

    #[inline(always)]
    fn add_product(&mut self, a: f64, x: f64) {
        let product = a * x;
        self.add(product);
        self.add(a.mul_add(x, -product));
        // Below, the error of the product was rounded itself, by far less than a unit.
        self.inexact += u32::from(product.abs() < EXACT_PRODUCTS && a != 0.0 && x != 0.0);
    }

    /// The sum and a bound on its error, in units; `None` on overflow. Fewer than 2²⁶ terms below 2¹⁰⁰ fit.
    fn total(&self) -> Option<(i128, f64)> {
        (!self.overflow).then_some((self.sum, f64::from(self.inexact)))
    }
}

/// (w, e) with w + e = a − b exactly, w the rounded difference (Knuth).
fn difference(a: f64, b: f64) -> (f64, f64) {
    let w = a - b;
    let from_b = w - a;
    (w, (a - (w - from_b)) - (b + from_b))
}

/// ⌊log₂ x⌋ for a normal number x > 0.
pub(super) fn exponent_of(x: f64) -> i32 {
    ((x.to_bits() >> 52) & 0x7FF) as i32 - 1023
}

/// 2^k for −1022 ≤ k ≤ 1023.
pub(super) fn power_of_two(k: i32) -> f64 {
    debug_assert!((-1022..=1023).contains(&k), "2^{k}");
    f64::from_bits(((k + 1023) as u64) << 52)
}
