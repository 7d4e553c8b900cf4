//! Numbers without rounding, and doubles rounded to a known side.

use std::cmp::Ordering;

use dashu_int::{IBig, UBig};

pub(crate) use dashu_ratio::RBig as Rational;

/// The unit roundoff, 2⁻⁵³.
const UNIT: f64 = f64::EPSILON / 2.0;

/// More than everything that products of numbers below [`LARGEST`] may lose to underflow: 2⁴⁰ · 2⁻¹⁰⁷⁴ · 10¹⁰⁰.
pub(crate) const TINY: f64 = 1e-200;

/// No number beyond is bounded: what is larger counts as unbounded.
pub(crate) const LARGEST: f64 = 1e100;

/// An upper bound of γ_k = k u / (1 − k u) (Higham, *Accuracy and Stability of Numerical Algorithms*, §3.1), for k < 2⁴⁰: a
/// sum or product of numbers, in which none takes part in more than k roundings, is off by at most γ_k Σ|terms|.
pub(crate) fn gamma(roundings: usize) -> f64 {
    roundings as f64 * (UNIT * (1.0 + 1.0 / 1024.0))
}

/// a + b rounded up; exact where the sum is.
pub(crate) fn add_up(a: f64, b: f64) -> f64 {
    let sum = a + b;
    let part = sum - a;
    if (a - (sum - part)) + (b - part) > 0.0 { sum.next_up() } else { sum }
}

/// a + b rounded down; exact where the sum is.
pub(crate) fn add_down(a: f64, b: f64) -> f64 {
    -add_up(-a, -b)
}

/// a · b rounded up; exact where the product is (and not tiny).
pub(crate) fn mul_up(a: f64, b: f64) -> f64 {
    let product = a * b;
    let exact = a == 0.0 || b == 0.0 || (product.abs() > 1e-250 && a.mul_add(b, -product) <= 0.0);
    if exact { product } else { product.next_up() }
}

/// a · b rounded down; exact where the product is (and not tiny).
pub(crate) fn mul_down(a: f64, b: f64) -> f64 {
    -mul_up(-a, b)
}

/// The number mantissa · 2^exponent.
#[derive(Debug, Clone)]
pub(crate) struct Dyadic {
    mantissa: IBig,
    exponent: i64,
}

impl Dyadic {
    pub(crate) const ZERO: Dyadic = Dyadic { mantissa: IBig::ZERO, exponent: 0 };

    pub(crate) fn integer(value: IBig) -> Self {
        Dyadic { mantissa: value, exponent: 0 }
    }

    /// A finite double, exactly.
    pub(crate) fn of(value: f64) -> Self {
        assert!(value.is_finite(), "{value} is no number");
        let bits = value.to_bits();
        let (biased, fraction) = ((bits >> 52 & 0x7ff) as i64, (bits & ((1 << 52) - 1)) as i64);
        let (mantissa, exponent) =
            if biased == 0 { (fraction, -1074) } else { (fraction | 1 << 52, biased - 1075) };
        if mantissa == 0 {
            return Dyadic::ZERO;
        }
        let zeros = mantissa.trailing_zeros();
        let odd = IBig::from(mantissa >> zeros);
        Dyadic { mantissa: if value < 0.0 { -odd } else { odd }, exponent: exponent + i64::from(zeros) }
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.mantissa == IBig::ZERO
    }

    /// The sign: less than, equal to or greater than 0.
    pub(crate) fn sign(&self) -> Ordering {
        self.mantissa.cmp(&IBig::ZERO)
    }

    pub(crate) fn times(&self, other: &Dyadic) -> Dyadic {
        Dyadic { mantissa: &self.mantissa * &other.mantissa, exponent: self.exponent + other.exponent }
    }

    pub(crate) fn plus(&self, other: &Dyadic) -> Dyadic {
        if other.is_zero() {
            return self.clone();
        }
        if self.is_zero() {
            return other.clone();
        }
        let (high, low) = if self.exponent >= other.exponent { (self, other) } else { (other, self) };
        let shifted = &high.mantissa << (high.exponent - low.exponent) as usize;
        Dyadic { mantissa: shifted + &low.mantissa, exponent: low.exponent }
    }

    pub(crate) fn minus(&self, other: &Dyadic) -> Dyadic {
        self.plus(&other.negated())
    }

    pub(crate) fn negated(&self) -> Dyadic {
        Dyadic { mantissa: -&self.mantissa, exponent: self.exponent }
    }

    pub(crate) fn compare(&self, other: &Dyadic) -> Ordering {
        self.minus(other).sign()
    }

    pub(crate) fn absolute(&self) -> Dyadic {
        if self.sign().is_lt() { self.negated() } else { self.clone() }
    }

    /// self · 2^exponent
    pub(crate) fn shifted(&self, exponent: i64) -> Dyadic {
        let moved = if self.is_zero() { 0 } else { self.exponent + exponent };
        Dyadic { mantissa: self.mantissa.clone(), exponent: moved }
    }

    /// The e with 2^(e − 1) ≤ |self| < 2^e; of a number that is not 0.
    pub(crate) fn magnitude(&self) -> i64 {
        self.exponent
            + dashu_int::ops::BitTest::bit_len(&dashu_int::ops::UnsignedAbs::unsigned_abs(
                self.mantissa.clone(),
            )) as i64
    }

    /// A double next to it.
    pub(crate) fn nearest(&self) -> f64 {
        self.to_rational().to_f64().value()
    }

    /// The exponent of the unit, 0 for zero.
    pub(crate) fn exponent(&self) -> i64 {
        self.exponent
    }

    /// self / 2^exponent, which must be an integer.
    pub(crate) fn in_units(&self, exponent: i64) -> IBig {
        if self.is_zero() { IBig::ZERO } else { &self.mantissa << (self.exponent - exponent) as usize }
    }

    pub(crate) fn to_rational(&self) -> Rational {
        let size = self.exponent.unsigned_abs() as usize;
        if self.exponent >= 0 {
            Rational::from(&self.mantissa << size)
        } else {
            Rational::from_parts(self.mantissa.clone(), UBig::ONE << size)
        }
    }
}

/// A finite double, exactly.
pub(crate) fn rational(value: f64) -> Rational {
    Dyadic::of(value).to_rational()
}

/// The number that a decimal says, exactly: `5`, `-.5`, `+1.5E-3`, or a fraction of two integers, `-1/3`.
pub(crate) fn parse_number(text: &str) -> Option<Rational> {
    const MOST: usize = 5000;
    if let Some((numerator, denominator)) = text.split_once('/') {
        let (n, d) = (parse_number(numerator)?, parse_number(denominator)?);
        return (d != Rational::ZERO).then(|| n / d);
    }
    let (negative, rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (digits, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], rest[at + 1..].parse::<i64>().ok()?),
        None => (rest, 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = [whole, fraction].concat();
    if all.is_empty()
        || all.len() > MOST
        || exponent.abs() > MOST as i64
        || !all.bytes().all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let mantissa: IBig = all.parse().ok()?;
    let power = exponent - fraction.len() as i64;
    let ten = UBig::from(10u8).pow(power.unsigned_abs() as usize);
    let value = if power >= 0 {
        Rational::from(mantissa * IBig::from(ten))
    } else {
        Rational::from_parts(mantissa, ten)
    };
    Some(if negative { -value } else { value })
}

/// The sum of doubles, exactly.
pub(crate) fn sum(values: impl Iterator<Item = f64>) -> Rational {
    values.fold(Dyadic::ZERO, |sum, v| sum.plus(&Dyadic::of(v))).to_rational()
}

/// The largest double at most `value`, −∞ below all.
pub(crate) fn round_down(value: &Rational) -> f64 {
    let mut guess = value.to_f64().value();
    if guess == f64::INFINITY {
        return f64::MAX;
    }
    while guess.is_finite() && rational(guess) > *value {
        guess = guess.next_down();
    }
    guess
}

/// The least double at least `value`, +∞ above all.
pub(crate) fn round_up(value: &Rational) -> f64 {
    -round_down(&-value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directed_operations_enclose() {
        let mut state = 1u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let unit = (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5;
            unit * 10f64.powi((state % 40) as i32 - 20)
        };
        for _ in 0..2000 {
            let (a, b) = (next(), next());
            let (sum, product) = (rational(a) + rational(b), rational(a) * rational(b));
            assert!(rational(add_down(a, b)) <= sum && sum <= rational(add_up(a, b)));
            assert!(rational(mul_down(a, b)) <= product && product <= rational(mul_up(a, b)));
            let (low, high) = (round_down(&sum), round_up(&sum));
            assert!(rational(low) <= sum && sum <= rational(high) && high <= low.next_up());
        }
        assert_eq!((add_up(0.5, 0.25), mul_up(0.5, 3.0)), (0.75, 1.5));
    }

    #[test]
    fn decimals_are_exact() {
        assert_eq!(parse_number("-1.5e-1"), Some(Rational::from_parts((-3).into(), 20u8.into())));
        assert_eq!(parse_number("1/3"), Some(Rational::from_parts(1.into(), 3u8.into())));
        for wrong in ["", "-", ".", "1/0", "nan", "inf", "0x1", "1e99999", "1_0"] {
            assert_eq!(parse_number(wrong), None, "{wrong}");
        }
    }
}
