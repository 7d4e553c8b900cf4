//! Outward-rounded interval arithmetic, and the directed rounding of single operations beneath it.

use crate::matrix::dot;
use std::ops::{Add, Mul, Neg, Sub};

/// Below this magnitude the error term of a product or quotient may itself be rounded, so that results
/// are widened whatever the term says: 2⁻⁹⁶⁰, the smallest normal number times 2⁶².
const SAFE: f64 = f64::MIN_POSITIVE * (1u64 << 62) as f64;

/// A closed interval of reals with f64 ends, rounded outward: the result of an operation contains every
/// exact result of elements of the operands.
///
/// Directed rounding comes from error-free transforms: the exact error of the rounded operation tells on
/// which side the true value lies, and only that end moves, by one unit in the last place. Exact
/// operations stay exact. Ends may be infinite (unbounded), never NaN; 0 times an infinite end is 0,
/// since an infinite end stands for all large reals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    lo: f64,
    hi: f64,
}

impl Interval {
    /// All reals.
    pub const ENTIRE: Interval = Interval { lo: f64::NEG_INFINITY, hi: f64::INFINITY };
    /// {0}
    pub const ZERO: Interval = Interval { lo: 0.0, hi: 0.0 };

    /// [lo, hi]; panics unless lo ≤ hi.
    pub fn new(lo: f64, hi: f64) -> Self {
        assert!(lo <= hi, "[{lo}, {hi}] is not an interval");
        Interval { lo, hi }
    }

    /// {value}; panics on NaN.
    pub fn point(value: f64) -> Self {
        Self::new(value, value)
    }

    /// The interval of all reals within `radius` ≥ 0 of `centre`.
    pub fn around(centre: f64, radius: f64) -> Self {
        assert!(radius >= 0.0, "a radius of {radius}");
        Interval { lo: add_down(centre, -radius), hi: add_up(centre, radius) }
    }

    /// The lower end.
    pub fn lo(self) -> f64 {
        self.lo
    }

    /// The upper end.
    pub fn hi(self) -> f64 {
        self.hi
    }

    /// hi − lo, rounded up.
    pub fn width(self) -> f64 {
        add_up(self.hi, -self.lo)
    }

    /// The largest magnitude of an element.
    pub fn magnitude(self) -> f64 {
        self.lo.abs().max(self.hi.abs())
    }

    /// Whether the real number `value` is an element.
    pub fn contains(self, value: f64) -> bool {
        self.lo <= value && value <= self.hi
    }

    /// The smallest interval that contains both.
    #[must_use]
    pub fn hull(self, other: Self) -> Self {
        Interval { lo: self.lo.min(other.lo), hi: self.hi.max(other.hi) }
    }

    /// The common elements, if there are any.
    pub fn intersection(self, other: Self) -> Option<Self> {
        let (lo, hi) = (self.lo.max(other.lo), self.hi.min(other.hi));
        (lo <= hi).then_some(Interval { lo, hi })
    }

    /// Every quotient of an element by an element of `divisor`; all reals if the divisor contains 0.
    #[must_use]
    pub fn divided_by(self, divisor: Self) -> Self {
        if divisor.contains(0.0) {
            return Self::ENTIRE;
        }
        let mut out = Interval { lo: f64::INFINITY, hi: f64::NEG_INFINITY };
        for a in [self.lo, self.hi] {
            for b in [divisor.lo, divisor.hi] {
                out.lo = out.lo.min(div_down(a, b));
                out.hi = out.hi.max(div_up(a, b));
            }
        }
        out
    }

    /// The square roots of the elements that have one; `None` if all elements are negative.
    pub fn sqrt(self) -> Option<Self> {
        (self.hi >= 0.0).then(|| {
            let (low, _) = sqrt_ends(self.lo.max(0.0));
            let (_, high) = sqrt_ends(self.hi);
            Interval { lo: low, hi: high }
        })
    }

    /// Σ aᵢ bᵢ of two vectors of exact numbers.
    ///
    /// The floating-point sum s, in whatever order, differs from the exact one by at most γₙ Σ|aᵢ bᵢ| + n η,
    /// γₙ = n u/(1 − n u), with η = 2⁻¹⁰⁷⁴ for products that underflow (Higham, *Accuracy and Stability*,
    /// §3.1); the computed Σ|aᵢ bᵢ| is at least (1 − γₙ) times the exact one, less n η.
    pub fn dot(a: &[f64], b: &[f64]) -> Self {
        let sum = dot(a, b);
        let absolute: f64 = a.iter().zip(b).map(|(p, q)| (p * q).abs()).sum();
        Self::around_rounded_sum(sum, absolute, a.len())
    }

    /// The exact value of a sum of `terms` products, from its rounded value and the rounded sum of the
    /// products' magnitudes, both computed in f64 with or without fused operations (see [`Interval::dot`]).
    pub fn around_rounded_sum(sum: f64, absolute: f64, terms: usize) -> Self {
        let n = terms as f64;
        let nu = n * (f64::EPSILON / 2.0); // exact: a power of two times an integer below 2⁵³
        if nu >= 0.25 || !sum.is_finite() || !absolute.is_finite() {
            return Self::ENTIRE;
        }
        let gamma = div_up(nu, add_down(1.0, -nu));
        let underflow = mul_up(n, f64::from_bits(1));
        // 1/(1 − γ) ≤ 1 + 2γ for γ ≤ ½
        let exact = mul_up(add_up(absolute, underflow), add_up(1.0, 2.0 * gamma));
        Self::around(sum, add_up(mul_up(gamma, exact), underflow))
    }
}

impl Add for Interval {
    type Output = Interval;
    fn add(self, other: Interval) -> Interval {
        Interval { lo: add_down(self.lo, other.lo), hi: add_up(self.hi, other.hi) }
    }
}

impl Neg for Interval {
    type Output = Interval;
    fn neg(self) -> Interval {
        Interval { lo: -self.hi, hi: -self.lo }
    }
}

impl Sub for Interval {
    type Output = Interval;
    fn sub(self, other: Interval) -> Interval {
        self + -other
    }
}

impl Mul for Interval {
    type Output = Interval;
    fn mul(self, other: Interval) -> Interval {
        let mut out = Interval { lo: f64::INFINITY, hi: f64::NEG_INFINITY };
        for a in [self.lo, self.hi] {
            for b in [other.lo, other.hi] {
                out.lo = out.lo.min(mul_down(a, b));
                out.hi = out.hi.max(mul_up(a, b));
            }
        }
        out
    }
}

/// The largest double at most a + b.
pub fn add_down(a: f64, b: f64) -> f64 {
    let sum = a + b;
    if a.is_infinite() || b.is_infinite() {
        return if sum.is_nan() { f64::NEG_INFINITY } else { sum };
    }
    if two_sum_error(a, b, sum) >= 0.0 { sum } else { sum.next_down() }
}

/// The smallest double at least a + b.
pub fn add_up(a: f64, b: f64) -> f64 {
    -add_down(-a, -b)
}

/// A double at most a·b, the largest unless the product is tiny.
pub fn mul_down(a: f64, b: f64) -> f64 {
    let product = a * b;
    if a == 0.0 || b == 0.0 {
        return 0.0;
    }
    if a.is_infinite() || b.is_infinite() {
        return product;
    }
    if product.abs() < SAFE {
        return product.next_down();
    }
    if a.mul_add(b, -product) >= 0.0 && product.is_finite() { product } else { product.next_down() }
}

/// A double at least a·b, the smallest unless the product is tiny.
pub fn mul_up(a: f64, b: f64) -> f64 {
    -mul_down(-a, b)
}

/// A double at most a/b (b ≠ 0), the largest unless operands or quotient are tiny.
pub fn div_down(a: f64, b: f64) -> f64 {
    if a == 0.0 {
        return 0.0;
    }
    let quotient = a / b;
    if a.is_infinite() || b.is_infinite() {
        // An infinite end stands for arbitrarily large reals: ∞/∞ may be anything of its sign.
        return if quotient.is_nan() || (b.is_infinite() && a.is_infinite()) {
            if (a > 0.0) == (b > 0.0) { 0.0 } else { f64::NEG_INFINITY }
        } else {
            quotient
        };
    }
    if quotient.abs() < SAFE || a.abs() < SAFE {
        return quotient.next_down();
    }
    // a − q b is exact here; its sign against b's tells on which side of q the true quotient lies.
    let remainder = (-quotient).mul_add(b, a);
    let at_least = if b > 0.0 { remainder >= 0.0 } else { remainder <= 0.0 };
    if at_least && quotient.is_finite() { quotient } else { quotient.next_down() }
}

/// A double at least a/b (b ≠ 0), the smallest unless operands or quotient are tiny.
pub fn div_up(a: f64, b: f64) -> f64 {
    -div_down(-a, b)
}

/// a + b − fl(a + b), exactly (Knuth); NaN on overflow, which compares as "move".
fn two_sum_error(a: f64, b: f64, sum: f64) -> f64 {
    let from_b = sum - a;
    (a - (sum - from_b)) + (b - from_b)
}

/// Doubles around √x for x ≥ 0.
fn sqrt_ends(x: f64) -> (f64, f64) {
    let root = x.sqrt();
    if x == 0.0 || x.is_infinite() {
        return (root, root);
    }
    if x < SAFE {
        return (root.next_down(), root.next_up());
    }
    let excess = root.mul_add(root, -x);
    (if excess > 0.0 { root.next_down() } else { root }, if excess < 0.0 { root.next_up() } else { root })
}

#[cfg(test)]
mod tests {
    use super::*;
    use dashu_ratio::RBig;
    use netinverse_base::Rng;

    fn exact(value: f64) -> RBig {
        RBig::try_from(value).expect("finite")
    }

    fn holds(interval: Interval, value: &RBig) -> bool {
        (interval.lo == f64::NEG_INFINITY || exact(interval.lo) <= *value)
            && (interval.hi == f64::INFINITY || *value <= exact(interval.hi))
    }

    /// Numbers of all magnitudes, signs, and the awkward ones.
    fn number(rng: &mut Rng) -> f64 {
        const AWKWARD: [f64; 10] = [
            0.0,
            -0.0,
            1.0,
            -1.0,
            f64::MAX,
            f64::MIN,
            f64::MIN_POSITIVE,
            5e-324,
            -5e-324,
            1.0 + f64::EPSILON,
        ];
        match rng.below(8) {
            0 => AWKWARD[rng.below(AWKWARD.len())],
            1 => loop {
                let value = f64::from_bits(rng.bits());
                if value.is_finite() {
                    break value;
                }
            },
            2 => rng.below(100) as f64 - 50.0,
            _ => rng.normal() * 2f64.powi(rng.below(60) as i32 - 30),
        }
    }

    #[test]
    fn operations_contain_the_exact_result_and_are_tight() {
        let mut rng = Rng::new(1, 0);
        for _ in 0..40_000 {
            let (a, b) = (number(&mut rng), number(&mut rng));
            let (x, y) = (Interval::point(a), Interval::point(b));
            let (p, q) = (exact(a), exact(b));
            let mut cases = vec![(x + y, &p + &q, a + b), (x - y, &p - &q, a - b), (x * y, &p * &q, a * b)];
            if b != 0.0 {
                cases.push((x.divided_by(y), &p / &q, a / b));
            }
            for (interval, value, rounded) in cases {
                assert!(holds(interval, &value), "{a:e} {b:e}: {interval:?} lacks {value}");
                if rounded.is_finite() && rounded.abs() > SAFE && a.abs() > SAFE {
                    assert!(interval.hi <= interval.lo.next_up(), "{a:e} {b:e}: {interval:?} is wide");
                    let is_exact = exact(rounded) == value;
                    assert_eq!(interval.lo == interval.hi, is_exact, "{a:e} {b:e}: {interval:?}");
                }
            }
            let root = Interval::point(a.abs()).sqrt().unwrap();
            let low = exact(root.lo);
            assert!(root.hi.is_infinite() || &low * &low <= exact(a.abs()));
            if root.hi.is_finite() {
                let high = exact(root.hi);
                assert!(&high * &high >= exact(a.abs()), "√{a:e}");
            }
        }
    }

    #[test]
    fn wide_operands_contain_the_results_of_their_elements() {
        let mut rng = Rng::new(2, 0);
        for _ in 0..10_000 {
            let mut draw = || {
                let (a, b) = (rng.normal(), rng.normal());
                let t = rng.uniform();
                let (lo, hi) = (a.min(b), a.max(b));
                (Interval::new(lo, hi), (lo + t * (hi - lo)).clamp(lo, hi))
            };
            let ((x, a), (y, b)) = (draw(), draw());
            let (p, q) = (exact(a), exact(b));
            assert!(holds(x + y, &(&p + &q)) && holds(x - y, &(&p - &q)) && holds(x * y, &(&p * &q)));
            if b != 0.0 {
                assert!(holds(x.divided_by(y), &(&p / &q)));
            }
        }
    }

    #[test]
    fn infinite_ends_stand_for_all_large_reals() {
        let right = Interval::new(0.0, f64::INFINITY);
        assert_eq!(right * Interval::new(-1.0, 2.0), Interval::ENTIRE);
        assert_eq!(right * Interval::ZERO, Interval::ZERO);
        assert_eq!(right + -right, Interval::ENTIRE);
        assert_eq!(right.divided_by(Interval::new(1.0, f64::INFINITY)), right);
        assert_eq!(right.divided_by(Interval::new(-1.0, 1.0)), Interval::ENTIRE);
        assert_eq!(Interval::new(-4.0, 9.0).sqrt(), Some(Interval::new(0.0, 3.0)));
        assert_eq!(Interval::new(-4.0, -1.0).sqrt(), None);
        assert_eq!(
            Interval::point(f64::MAX) + Interval::point(f64::MAX),
            Interval::new(f64::MAX, f64::INFINITY)
        );
    }

    #[test]
    fn dot_products_contain_the_exact_sum() {
        let mut rng = Rng::new(3, 0);
        for n in [0, 1, 2, 7, 64, 500] {
            for _ in 0..40 {
                let a: Vec<f64> = (0..n).map(|_| rng.normal() * 2f64.powi(rng.below(40) as i32)).collect();
                // cancelling pairs make the sum far smaller than its terms
                let b: Vec<f64> = (0..n)
                    .map(|i| if i % 2 == 1 { -a[i - 1] / a[i] } else { 1.0 + rng.uniform() * 1e-9 })
                    .collect();
                let value = a.iter().zip(&b).fold(RBig::ZERO, |sum, (&p, &q)| sum + exact(p) * exact(q));
                let interval = Interval::dot(&a, &b);
                assert!(holds(interval, &value), "n = {n}: {interval:?}");
                let scale: f64 = a.iter().zip(&b).map(|(p, q)| (p * q).abs()).sum();
                assert!(interval.width() <= (3 * n) as f64 * f64::EPSILON * scale);
            }
        }
        let tiny = [5e-324, 5e-324];
        assert!(holds(Interval::dot(&tiny, &[0.5, 0.5]), &exact(5e-324)));
        assert_eq!(Interval::dot(&[1e300], &[1e300]), Interval::ENTIRE);
    }
}
