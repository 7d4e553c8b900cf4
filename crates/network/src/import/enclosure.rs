//! Real numbers known to within a radius, for folding constants soundly.
//!
//! A fold that rounds would change the graph whose properties are proved. Here every operation knows its
//! rounding error exactly (error-free transformations: Dekker, Knuth; Ogita, Rump and Oishi, "Accurate sum
//! and dot product", 2005), so that an exact fold keeps radius 0 and an inexact one gets a radius that holds
//! the true number.

use netinverse_linalg::Interval;

use crate::{Function, enclose};

/// A real number within `radius` of `value`. Both are finite and `radius ≥ 0`, or the operation that made
/// it overflowed ([`Enclosure::is_finite`] is then false).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Enclosure {
    pub(super) value: f64,
    pub(super) radius: f64,
}

/// Below this magnitude the error of a product may itself be rounded (it needs 53 bits below the product).
const EXACT_PRODUCT: f64 = 1e-290;
/// Twice the largest error of such a product or remainder.
const UNDERFLOW: f64 = 1e-306;
/// The error of the mathematical library on one call, in units of the last place. Library functions are
/// within 1 in practice (and by the documentation of the common ones); this leaves room.
const LIBRARY_ULPS: f64 = 8.0;

impl Enclosure {
    pub(super) const fn exact(value: f64) -> Self {
        Enclosure { value, radius: 0.0 }
    }

    pub(super) fn is_finite(self) -> bool {
        self.value.is_finite() && self.radius.is_finite()
    }

    fn low(self) -> f64 {
        sub_down(self.value, self.radius)
    }

    fn high(self) -> f64 {
        add_up(self.value, self.radius)
    }

    /// An enclosure of `[low, high]`.
    fn between(low: f64, high: f64) -> Self {
        let value = if low == high { low } else { low + (high - low) / 2.0 };
        let radius = if low == high { 0.0 } else { sub_up(high, value).max(sub_up(value, low)) };
        Enclosure { value, radius }
    }

    pub(super) fn neg(self) -> Self {
        Enclosure { value: -self.value, radius: self.radius }
    }

    pub(super) fn add(self, other: Self) -> Self {
        let (sum, error) = two_sum(self.value, other.value);
        Enclosure { value: sum, radius: add_up(add_up(self.radius, other.radius), error.abs()) }
    }

    pub(super) fn sub(self, other: Self) -> Self {
        self.add(other.neg())
    }

    pub(super) fn mul(self, other: Self) -> Self {
        let (a, b) = (self.value, other.value);
        let (product, error) = two_product(a, b);
        let cross = add_up(mul_up(a.abs(), other.radius), mul_up(self.radius, b.abs()));
        let radius = add_up(add_up(cross, mul_up(self.radius, other.radius)), error);
        Enclosure { value: product, radius }
    }

    /// `self / other`; not finite when `other` may be 0.
    pub(super) fn div(self, other: Self) -> Self {
        let (a, b) = (self.value, other.value);
        let least = sub_down(b.abs(), other.radius);
        if least <= 0.0 {
            return Enclosure { value: f64::NAN, radius: f64::INFINITY };
        }
        let quotient = a / b;
        // (a + α) / (b + β) − q = (a − q b + α − q β) / (b + β)
        let mut remainder = (-quotient).mul_add(b, a).abs();
        if (quotient * b).abs() < EXACT_PRODUCT && a != 0.0 {
            remainder = add_up(remainder, UNDERFLOW);
        }
        let error = add_up(add_up(remainder, self.radius), mul_up(quotient.abs(), other.radius));
        Enclosure { value: quotient, radius: if error == 0.0 { 0.0 } else { (error / least).next_up() } }
    }

    /// The square root; not finite when a number below 0 is possible.
    pub(super) fn sqrt(self) -> Self {
        if self.low() < 0.0 {
            return Enclosure { value: f64::NAN, radius: f64::INFINITY };
        }
        if self.value == 0.0 {
            return Self::between(0.0, if self.radius == 0.0 { 0.0 } else { self.radius.sqrt().next_up() });
        }
        let root = self.value.sqrt();
        // |√(a + α) − s| = |a + α − s²| / (√(a + α) + s) ≤ (|a − s²| + |α|) / s
        let mut remainder = (-root).mul_add(root, self.value).abs();
        if self.value < EXACT_PRODUCT {
            remainder = add_up(remainder, UNDERFLOW);
        }
        let error = add_up(remainder, self.radius);
        Enclosure { value: root, radius: if error == 0.0 { 0.0 } else { (error / root).next_up() } }
    }

    pub(super) fn max(self, other: Self) -> Self {
        if self.radius == 0.0 && other.radius == 0.0 {
            return Self::exact(self.value.max(other.value));
        }
        Self::between(self.low().max(other.low()), self.high().max(other.high()))
    }

    pub(super) fn min(self, other: Self) -> Self {
        self.neg().max(other.neg()).neg()
    }

    pub(super) fn abs(self) -> Self {
        if self.value.abs() >= self.radius {
            Enclosure { value: self.value.abs(), radius: self.radius }
        } else {
            Self::between(0.0, add_up(self.value.abs(), self.radius))
        }
    }

    /// An increasing function that is computed exactly, such as the rounding to another precision.
    pub(super) fn rounded(self, round: fn(f64) -> f64) -> Self {
        if self.radius == 0.0 {
            Self::exact(round(self.value))
        } else {
            Self::between(round(self.low()), round(self.high()))
        }
    }

    /// The exponential, by the mathematical library with a margin.
    pub(super) fn exp(self) -> Self {
        self.increasing(f64::exp)
    }

    /// `selfᵉˣᵖᵒⁿᵉⁿᵗ`; not finite where it is not defined.
    pub(super) fn pow(self, exponent: Self) -> Self {
        if exponent.radius == 0.0 {
            let p = exponent.value;
            if p.fract() == 0.0 && p.abs() <= 64.0 {
                let power = (0..p.abs() as u32).fold(Self::exact(1.0), |power, _| power.mul(self));
                return if p < 0.0 { Self::exact(1.0).div(power) } else { power };
            }
            if p.abs() == 0.5 {
                let root = self.sqrt();
                return if p < 0.0 { Self::exact(1.0).div(root) } else { root };
            }
        }
        // aᵖ = e^(p log a)
        if self.low() <= 0.0 {
            return Enclosure { value: f64::NAN, radius: f64::INFINITY };
        }
        exponent.mul(self.increasing(f64::ln)).exp()
    }

    /// The value of a function of the network's table.
    pub(super) fn function(self, function: Function) -> Self {
        match function {
            Function::Relu => self.max(Self::exact(0.0)),
            Function::Abs => self.abs(),
            Function::Reciprocal => Self::exact(1.0).div(self),
            // min(max(x, low), high), where either limit may be infinite.
            Function::Clip { low, high } => {
                let clip = |x: f64| x.max(low).min(high);
                if self.radius == 0.0 {
                    Self::exact(clip(self.value))
                } else {
                    Self::between(clip(self.low()), clip(self.high()))
                }
            }
            Function::LeakyRelu { alpha } => self.two_sided(|x| x.mul(Self::exact(alpha))),
            Function::Elu { alpha } => self.two_sided(|x| Self::exact(alpha).mul(x.increasing(f64::exp_m1))),
            Function::Sqrt => self.sqrt(),
            Function::Power { exponent } => self.pow(Self::exact(exponent)),
            _ => match enclose::function(function, Interval::new(self.low(), self.high())) {
                Some(values) => Self::between(values.lo(), values.hi()),
                None => Enclosure { value: f64::NAN, radius: f64::INFINITY },
            },
        }
    }

    /// x for x ≥ 0, `below(x)` for x < 0, where `below` is monotone and 0 at 0.
    fn two_sided(self, below: impl Fn(Self) -> Self) -> Self {
        if self.low() >= 0.0 {
            self
        } else if self.high() < 0.0 {
            below(self)
        } else {
            let most = self.high().max(0.0);
            let end = below(Self::exact(self.low()));
            Self::between(end.low().min(0.0), end.high().max(most))
        }
    }

    /// An increasing function of the mathematical library.
    fn increasing(self, function: impl Fn(f64) -> f64) -> Self {
        let margin = |y: f64| LIBRARY_ULPS * (y.abs().next_up() - y.abs());
        let (low, high) = (function(self.low()), function(self.high()));
        Self::between(low - margin(low), high + margin(high))
    }
}

/// The sum, rounded, and its error, exactly.
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let own = sum - a;
    (sum, (a - (sum - own)) + (b - own))
}

/// The product, rounded, and a bound on its error that is exact but for underflow.
fn two_product(a: f64, b: f64) -> (f64, f64) {
    let product = a * b;
    let error = a.mul_add(b, -product).abs();
    if product.abs() < EXACT_PRODUCT && a != 0.0 && b != 0.0 {
        (product, add_up(error, UNDERFLOW))
    } else {
        (product, error)
    }
}

fn add_up(a: f64, b: f64) -> f64 {
    let (sum, error) = two_sum(a, b);
    if error > 0.0 { sum.next_up() } else { sum }
}

fn sub_up(a: f64, b: f64) -> f64 {
    add_up(a, -b)
}

fn sub_down(a: f64, b: f64) -> f64 {
    -add_up(-a, b)
}

fn mul_up(a: f64, b: f64) -> f64 {
    if a == 0.0 || b == 0.0 {
        return 0.0;
    }
    let (product, error) = two_product(a, b);
    if error > 0.0 { product.next_up() } else { product }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(enclosure: Enclosure, low: f64, high: f64) -> bool {
        enclosure.low() <= low && high <= enclosure.high()
    }

    #[test]
    fn exact_operations_keep_radius_zero() {
        let [a, b] = [1.5, 0.25].map(Enclosure::exact);
        for (result, value) in [
            (a.add(b), 1.75),
            (a.sub(b), 1.25),
            (a.mul(b), 0.375),
            (a.div(b), 6.0),
            (b.sqrt(), 0.5),
            (a.pow(Enclosure::exact(2.0)), 2.25),
            (b.pow(Enclosure::exact(-0.5)), 2.0),
            (a.neg().function(Function::LeakyRelu { alpha: 0.5 }), -0.75),
            (a.neg().function(Function::Relu), 0.0),
            (a.neg().abs(), 1.5),
        ] {
            assert_eq!(result, Enclosure::exact(value));
        }
    }

    #[test]
    fn inexact_operations_hold_the_true_number() {
        let [one, three, tenth] = [1.0, 3.0, 0.1].map(Enclosure::exact);
        // 1/3 lies strictly between two neighbouring numbers: q·3 ≠ 1 in the integers.
        let third = one.div(three);
        assert!(third.radius > 0.0 && third.radius < 1e-16);
        // 3 · (1/3) must hold 1, (√2)² must hold 2, (0.1 + 0.2) − 0.2 must hold 0.1 as stored.
        assert!(holds(third.mul(three), 1.0, 1.0));
        let root = Enclosure::exact(2.0).sqrt();
        assert!(root.radius > 0.0 && holds(root.mul(root), 2.0, 2.0));
        let fifth = Enclosure::exact(0.2);
        let back = tenth.add(fifth).sub(fifth);
        assert!(back.radius > 0.0 && holds(back, 0.1, 0.1));
        // log(eˣ) must hold x.
        assert!(holds(tenth.exp().function(Function::Log), 0.1, 0.1));
        // A big number and a small one: the sum loses the small one and says so.
        assert_eq!(Enclosure::exact(1e16).add(one).radius, 1.0);
    }

    #[test]
    fn a_radius_is_carried_through_every_operation() {
        let x = Enclosure { value: 2.0, radius: 0.5 };
        let y = Enclosure { value: -3.0, radius: 0.25 };
        let corners = |f: &dyn Fn(f64, f64) -> f64| {
            let values: Vec<f64> =
                [1.5, 2.0, 2.5].iter().flat_map(|&a| [-3.25, -3.0, -2.75].map(|b| f(a, b))).collect();
            (
                values.iter().copied().fold(f64::INFINITY, f64::min),
                values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            )
        };
        type Binary<'a> = &'a dyn Fn(f64, f64) -> f64;
        let operations: [(Enclosure, Binary); 8] = [
            (x.add(y), &|a, b| a + b),
            (x.sub(y), &|a, b| a - b),
            (x.mul(y), &|a, b| a * b),
            (x.div(y), &|a, b| a / b),
            (x.max(y), &|a, b| a.max(b)),
            (x.min(y), &|a, b| a.min(b)),
            (x.sqrt(), &|a, _| a.sqrt()),
            (y.function(Function::Elu { alpha: 2.0 }), &|_, b| 2.0 * b.exp_m1()),
        ];
        for (index, (enclosure, f)) in operations.iter().enumerate() {
            let (low, high) = corners(f);
            assert!(holds(*enclosure, low, high), "operation {index}: {enclosure:?} misses [{low}, {high}]");
            assert!(enclosure.radius < 4.0 * (high - low), "operation {index} is useless: {enclosure:?}");
        }
    }

    #[test]
    fn what_is_not_defined_is_not_finite() {
        let zero = Enclosure::exact(0.0);
        let around = Enclosure { value: 0.1, radius: 0.2 };
        for bad in [
            Enclosure::exact(1.0).div(zero),
            Enclosure::exact(1.0).div(around),
            around.sqrt(),
            zero.function(Function::Log),
            zero.sub(around).pow(Enclosure::exact(0.3)),
            Enclosure::exact(1e308).mul(Enclosure::exact(10.0)),
        ] {
            assert!(!bad.is_finite(), "{bad:?}");
        }
    }
}
