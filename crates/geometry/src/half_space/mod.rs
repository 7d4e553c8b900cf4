//! How much of a box lies in a half-space.
//!
//! With x_i = l_i + (u_i − l_i)·s_i the form a·x + b is its value at the centre plus Σ c_i σ_i, where
//! c_i = |a_i|(u_i − l_i) and the σ_i are independent and uniform on [−½, ½] (signs do not matter, by
//! symmetry). So the fraction is F(centre + Σ c_i/2), F the distribution function of Σ c_i s_i, s_i uniform
//! on [0, 1]:
//!
//! F(t) = Σ_{v ∈ {0,1}ⁿ} (−1)^{|v|} (t − c·v)₊ⁿ / (n! Π c_i)   (Pólya 1913; Barrow & Smith 1979)
//!
//! whose terms cancel to any extent. They are therefore summed **exactly**, in integers:
//!
//! 1. `quantise`: the c_i and the centre become integers of a unit c_max·2^−B, and a bound δ on how much that
//!    moves the form anywhere on the box, in units. Where everything is representable, δ = 0.
//! 2. `power_sum`: F of the integers, a quotient of two exact integers, rounded outward once.
//! 3. The form moved by at most δ, so the fraction lies in [F(t − δ), F(t + δ)] ⊆ F(t) ± δ/c_max, since the
//!    density of a sum of independent variables is at most the least of their maximal densities 1/c_i.
//!
//! Coefficients that hardly matter are left at their mean. Their part Z has mean 0, so that
//! |E F(t − Z) − F(t)| ≤ ½ sup|F″| E Z² ≤ Σ c²/(24 c₁c₂), c₁ ≥ c₂ the two largest coefficients kept: F″ is
//! 1/c₁ times the difference of two values of a density, each between 0 and 1/c₂. (F′ is Lipschitz with that
//! constant also where it has corners, which is what the bound needs.) The bracket of the first order, Σ
//! c/(2c₁), holds as well.
//!
//! Beyond [`MOST_KEPT`] coefficients that matter, 2ⁿ terms are too many: `many` adds bounds that hold for any
//! number.

mod many;
mod power_sum;
mod quantise;

use crate::exact_sum::ExactSum;
use netinverse_linalg::Interval;
use netinverse_linalg::interval::{add_down, add_up, div_up, mul_up};
use quantise::Quantised;

/// The most coefficients whose distribution is computed exactly.
pub(crate) const MOST_KEPT: usize = 14;

/// With more than `MOST_KEPT` coefficients that matter, how many are kept: exactness is out of reach, time is
/// not.
const KEPT_OF_MANY: usize = 8;

/// An error of the fraction that is not worth another coefficient.
const NEGLIGIBLE: f64 = 1.0 / (1u64 << 46) as f64;

const NOTHING_KNOWN: (f64, f64) = (0.0, 1.0);

/// vol{x ∈ box : normal·x + offset ≥ 0} / vol(box), enclosed, in real arithmetic for the doubles given.
///
/// All slices have the same length n; lower ≤ upper, all finite. Coordinates with lower = upper are taken
/// out: they only add to the offset, and volumes are over the others. If none is left, or the form does not
/// depend on any, the fraction is 1 or 0.
///
/// The enclosure is narrower than 10⁻¹² while at most 14 coefficients |a_i|(u_i − l_i) matter (and a point
/// where all is representable in few bits); with more of them it is valid and looser, about ±0.03 at n = 100
/// and best far from the middle. It is \[0, 1\] where numbers overflow. No memory is allocated.
///
/// ```
/// use netinverse_geometry::half_space_fraction;
/// // the triangle x + y ≥ 1.5 in the unit square
/// let fraction = half_space_fraction(&[1.0, 1.0], -1.5, &[0.0, 0.0], &[1.0, 1.0]);
/// assert_eq!((fraction.lo(), fraction.hi()), (0.125, 0.125));
/// ```
pub fn half_space_fraction(normal: &[f64], offset: f64, lower: &[f64], upper: &[f64]) -> Interval {
    let n = normal.len();
    assert!(lower.len() == n && upper.len() == n, "a half-space and a box of different dimensions");
    let (mut least, mut most, mut absolute) = (offset, offset, offset.abs());
    let mut largest = 0.0_f64;
    for i in 0..n {
        let (a, lo, hi) = (normal[i], lower[i], upper[i]);
        let (p, q) = (a * lo, a * hi);
        least += p.min(q);
        most += p.max(q);
        absolute += p.abs().max(q.abs());
        let spread = a.abs() * (hi - lo);
        // not `max`, which would drop a NaN
        largest = if spread <= largest { largest } else { spread };
    }
    if Interval::around_rounded_sum(least, absolute, n + 1).lo() >= 0.0 {
        return Interval::point(1.0);
    }
    let highest = Interval::around_rounded_sum(most, absolute, n + 1).hi();
    if highest < 0.0 || (highest == 0.0 && largest > 0.0) {
        return Interval::ZERO;
    }
    if largest == 0.0 {
        return constant(normal, offset, lower, upper);
    }
    if !largest.is_finite() {
        return Interval::new(NOTHING_KNOWN.0, NOTHING_KNOWN.1);
    }
    let coefficients = Coefficients::gather(normal, lower, upper);
    let Some(form) = Quantised::new(normal, offset, lower, upper, &coefficients) else {
        return Interval::new(NOTHING_KNOWN.0, NOTHING_KNOWN.1);
    };
    let (mut lo, mut hi) = enclose(&form, coefficients.averaging_error());
    if coefficients.averaging_error() > NEGLIGIBLE {
        let (l, h) = many::bounds(&form, &coefficients);
        (lo, hi) = (lo.max(l), hi.min(h));
    }
    Interval::new(lo, hi)
}

/// F of the quantised form, widened by what quantisation and averaging may have moved it.
fn enclose(form: &Quantised, averaging_error: f64) -> (f64, f64) {
    let total: i128 = form.kept().iter().map(|&k| i128::from(k)).sum();
    // Rounding to nearest may turn a gap of one unit in the last place into none, never into its opposite.
    let outside = form.t.min(total - form.t);
    if outside <= 0 && add_up(outside as f64, form.error).next_up() <= 0.0 {
        return if form.t <= 0 {
            (0.0, averaging_error.min(1.0))
        } else {
            (add_down(1.0, -averaging_error), 1.0)
        };
    }
    let fraction = power_sum::distribution(form.t, form.kept());
    let moved = add_up(div_up(form.error, form.kept()[0] as f64), averaging_error);
    (add_down(fraction.lo(), -moved).max(0.0), add_up(fraction.hi(), moved).min(1.0))
}

/// 1 or 0 for a form that is the same on the whole box, if its sign can be told.
fn constant(normal: &[f64], offset: f64, lower: &[f64], upper: &[f64]) -> Interval {
    let mut value = ExactSum::new();
    value.add(offset);
    for i in 0..normal.len() {
        let product = normal[i] * lower[i];
        let varies = normal[i] != 0.0 && lower[i] < upper[i];
        let tiny = normal[i] != 0.0 && lower[i] != 0.0 && product.abs() < quantise::EXACT_PRODUCTS;
        if varies || tiny {
            return Interval::new(NOTHING_KNOWN.0, NOTHING_KNOWN.1); // underflow hides the coefficient or the product
        }
        value.add(product);
        value.add(normal[i].mul_add(lower[i], -product));
    }
    if value.lower() >= 0.0 {
        Interval::point(1.0)
    } else if value.upper() < 0.0 {
        Interval::ZERO
    } else {
        Interval::new(NOTHING_KNOWN.0, NOTHING_KNOWN.1)
    }
}

/// Which coefficients are kept, and what is known of those averaged out.
struct Coefficients {
    /// (c_i, i) of the kept ones, decreasing; c_i to three roundings.
    kept: [(f64, usize); MOST_KEPT],
    count: usize,
    /// Upper bounds of the sums of c, c² and c³ of the others.
    averaged: [f64; 3],
    /// How many were averaged.
    terms: usize,
}

/// A factor that turns a c_i after three roundings, or its second or third power after a few more, into an
/// upper bound.
const UP: f64 = 1.0 + 32.0 * f64::EPSILON;

impl Coefficients {
    fn gather(normal: &[f64], lower: &[f64], upper: &[f64]) -> Self {
        let mut out = Coefficients { kept: [(0.0, 0); MOST_KEPT], count: 0, averaged: [0.0; 3], terms: 0 };
        for i in 0..normal.len() {
            let c = normal[i].abs() * (upper[i] - lower[i]);
            if normal[i] == 0.0 || lower[i] == upper[i] {
                continue;
            }
            // A product that underflowed is still less than the smallest normal number.
            let c = c.max(f64::MIN_POSITIVE);
            let mut item = (c, i);
            let mut place = out.count;
            if place == MOST_KEPT {
                let last = out.kept[MOST_KEPT - 1];
                if c <= last.0 {
                    out.average(c);
                    continue;
                }
                out.average(last.0);
                place = MOST_KEPT - 1;
            } else {
                out.count += 1;
            }
            while place > 0 && out.kept[place - 1].0 < item.0 {
                out.kept[place] = out.kept[place - 1];
                place -= 1;
            }
            std::mem::swap(&mut out.kept[place], &mut item);
        }
        let keep_at_most = if out.averaging_error() > NEGLIGIBLE { KEPT_OF_MANY } else { MOST_KEPT };
        while out.count > 1 {
            let mut fewer = out.averaged;
            add_powers(&mut fewer, out.kept[out.count - 1].0);
            let small = averaging_error(&out.kept[..out.count - 1], fewer) <= NEGLIGIBLE;
            if !small && out.count <= keep_at_most {
                break;
            }
            out.averaged = fewer;
            out.terms += 1;
            out.count -= 1;
        }
        out
    }

    fn average(&mut self, c: f64) {
        add_powers(&mut self.averaged, c);
        self.terms += 1;
    }

    fn kept(&self) -> &[(f64, usize)] {
        &self.kept[..self.count]
    }

    /// How much leaving the others at their mean may change the fraction: the better of the two bounds above.
    fn averaging_error(&self) -> f64 {
        averaging_error(self.kept(), self.averaged)
    }
}

fn add_powers(sums: &mut [f64; 3], c: f64) {
    let c = mul_up(c, UP);
    let square = mul_up(c, c);
    *sums = [add_up(sums[0], c), add_up(sums[1], square), add_up(sums[2], mul_up(square, c))];
}

/// min(Σ c/(2c₁), Σ c²/(24 c₁c₂)), rounded up. The kept ones enter as `quantise` rounds them, by a part in
/// 2³⁸ at most as long as they are not far smaller than the largest, which 1.001 covers amply.
fn averaging_error(kept: &[(f64, usize)], averaged: [f64; 3]) -> f64 {
    if averaged[0] == 0.0 {
        return 0.0;
    }
    let first = div_up(mul_up(averaged[0], 0.5), kept[0].0 / 1.001);
    // c₂ is rounded to a multiple of c₁·2⁻³⁹ or finer.
    if kept.len() < 2 || kept[1].0 < kept[0].0 / (1u64 << 24) as f64 {
        return first;
    }
    let product = div_up(1.0, kept[0].0 / 1.001);
    let second = mul_up(mul_up(averaged[1], product), div_up(1.0 / 24.0 * UP, kept[1].0 / 1.001));
    first.min(second)
}
