//! Exact numbers: a decimal in a specification is the rational number that it says.
//!
//! `0.1` is 1/10, not the nearest double. A proof needs to know on which side of the written number
//! its doubles lie, so a [`Rational`] rounds in the direction asked for, correctly (to the
//! neighbouring double, never farther).

use std::cmp::Ordering;
use std::fmt;
use std::ops::{Add, Mul, Neg, Sub};

use dashu_int::ops::BitTest;
use dashu_int::{IBig, Sign, UBig};
use dashu_ratio::RBig;

/// The largest decimal exponent and number of digits that a literal may have: far outside the
/// doubles (1e±324), and small enough that no literal can take memory out of proportion to its text.
const MAX_DECIMAL_SHIFT: i64 = 1100;
const MAX_DIGITS: usize = 2200;
/// Sums and products of literals may grow to this many bits in numerator and denominator together.
const MAX_BITS: usize = 1 << 15;

/// An exact rational number.
///
/// ```
/// use netinverse_spec::Rational;
/// let tenth = Rational::parse("0.1").unwrap();
/// assert!(tenth.lower() < tenth.upper());
/// assert_eq!(tenth.nearest(), 0.1);
/// assert_eq!(Rational::parse("25e-2").unwrap().lower(), 0.25);
/// assert!(Rational::parse("1e999999999").is_err());
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rational(RBig);

/// Why a text is no [`Rational`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberError {
    /// Not `[+-]digits[.digits][e[+-]digits]`.
    Malformed,
    /// More digits or a larger exponent than any double has.
    OutOfRange,
}

impl NumberError {
    /// The error in words, for a message about `text`.
    pub(crate) fn describe(self, text: &str) -> String {
        let shown: String = text.chars().take(40).collect();
        match self {
            NumberError::Malformed => format!("`{shown}` is not a decimal number"),
            NumberError::OutOfRange => format!("`{shown}` is far outside the range of a double"),
        }
    }
}

impl Rational {
    /// 0.
    pub const ZERO: Rational = Rational(RBig::ZERO);
    /// 1.
    pub const ONE: Rational = Rational(RBig::ONE);

    /// The number that a decimal literal says: sign, digits, point and exponent are optional where
    /// ordinary notation has them optional (`5`, `-.5`, `5.`, `+1.5E-3`).
    pub fn parse(text: &str) -> Result<Self, NumberError> {
        let (negative, unsigned) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
            Some(at) => (&unsigned[..at], parse_exponent(&unsigned[at + 1..])?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.len() + fraction.len() == 0
            || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit())
        {
            return Err(NumberError::Malformed);
        }
        let fraction = fraction.trim_end_matches('0');
        let whole = whole.trim_start_matches('0');
        if whole.is_empty() && fraction.is_empty() {
            return Ok(Self::ZERO); // whatever the exponent
        }
        if whole.len() + fraction.len() > MAX_DIGITS {
            return Err(NumberError::OutOfRange);
        }
        let shift = exponent - fraction.len() as i64;
        if shift.abs() > MAX_DECIMAL_SHIFT + MAX_DIGITS as i64 || exponent.abs() > MAX_DECIMAL_SHIFT {
            return Err(NumberError::OutOfRange);
        }
        let digits = significand(whole, fraction);
        let (numerator, denominator) = if shift >= 0 {
            (digits * power_of_ten(shift as usize), UBig::ONE)
        } else {
            (digits, power_of_ten(-shift as usize))
        };
        let numerator = if negative { -IBig::from(numerator) } else { IBig::from(numerator) };
        Ok(Rational(RBig::from_parts(numerator, denominator)))
    }

    /// The value of a double; `None` for NaN and infinities.
    pub fn from_f64(value: f64) -> Option<Self> {
        RBig::try_from(value).ok().map(Rational)
    }

    /// The number, for arithmetic beyond what questions need.
    pub fn as_rbig(&self) -> &RBig {
        &self.0
    }

    /// `mantissa · 2^exponent`.
    pub fn from_dyadic(mantissa: IBig, exponent: i64) -> Self {
        let power = UBig::ONE << exponent.unsigned_abs() as usize;
        let number = if exponent >= 0 {
            RBig::from_parts(mantissa * IBig::from(power), UBig::ONE)
        } else {
            RBig::from_parts(mantissa, power)
        };
        Rational(number)
    }

    /// The largest double that is not above the number (−∞ below the range of doubles).
    pub fn lower(&self) -> f64 {
        let mut value = self.approximate();
        while self.below_double(value) {
            value = value.next_down();
        }
        // The approximation may also be too low: then the neighbour above still fits.
        while value < f64::MAX && !self.below_double(value.next_up()) {
            value = value.next_up();
        }
        if value == 0.0 { 0.0 } else { value }
    }

    /// The smallest double that is not below the number (+∞ above the range of doubles).
    pub fn upper(&self) -> f64 {
        let value = -(-self).lower();
        if value == 0.0 { 0.0 } else { value }
    }

    /// The nearest double, ties to even: what reading the literal as a double gives.
    pub fn nearest(&self) -> f64 {
        let (low, high) = (self.lower(), self.upper());
        if low == high {
            return low;
        }
        // Beyond the largest double the next one would be 2^971 further on; IEEE rounds to infinity
        // from half way there, as every reader of f64 literals does.
        let top = 2f64.powi(971);
        let exact = |v: f64| match v {
            f64::INFINITY => Rational::from_f64(f64::MAX).map(|m| m + Rational::from_int_f64(top)),
            f64::NEG_INFINITY => Rational::from_f64(f64::MIN).map(|m| m - Rational::from_int_f64(top)),
            v => Rational::from_f64(v),
        };
        let (Some(below), Some(above)) = (exact(low), exact(high)) else { return low };
        match (self - &below).cmp(&(&above - self)) {
            Ordering::Less => low,
            Ordering::Equal if low.to_bits() & 1 == 0 => low,
            Ordering::Greater | Ordering::Equal => high,
        }
    }

    /// Whether the number is 0.
    pub fn is_zero(&self) -> bool {
        self.0.is_zero()
    }

    /// Whether the number is below 0.
    pub fn is_negative(&self) -> bool {
        self.0.sign() == Sign::Negative && !self.0.is_zero()
    }

    /// Whether the number is 1 or −1.
    pub(crate) fn is_unit(&self) -> bool {
        self.0.denominator().is_one() && self.0.numerator().bit_len() == 1
    }

    /// The absolute value.
    #[must_use]
    pub fn abs(&self) -> Self {
        if self.is_negative() { -self } else { self.clone() }
    }

    /// `1 / self`; `None` for 0.
    pub fn reciprocal(&self) -> Option<Self> {
        (!self.is_zero()).then(|| Rational(RBig::ONE / &self.0))
    }

    /// The number as an index, if it is an integer from 0 on that fits.
    pub fn as_index(&self) -> Option<usize> {
        if !self.0.is_int() {
            return None;
        }
        usize::try_from(self.0.numerator().clone()).ok()
    }

    /// Whether the number has grown beyond what arithmetic on sensible literals gives; arithmetic on
    /// a file's numbers stops there, so that no short text can ask for unbounded work.
    pub(crate) fn is_oversized(&self) -> bool {
        self.0.numerator().bit_len() + self.0.denominator().bit_len() > MAX_BITS
    }

    /// Whether the magnitude is at most the largest double.
    pub(crate) fn is_in_range(&self) -> bool {
        // |p/q| < 2^(bits p − bits q + 1), so most numbers are settled without arithmetic.
        let excess = self.0.numerator().bit_len() as i64 - self.0.denominator().bit_len() as i64 + 1;
        excess < 1024 || (self.lower().is_finite() && self.upper().is_finite())
    }

    fn from_int_f64(value: f64) -> Self {
        Rational(RBig::try_from(value).unwrap_or(RBig::ZERO))
    }

    /// A double near the number: a start for the exact comparisons of [`Rational::lower`].
    fn approximate(&self) -> f64 {
        let value = self.0.to_f64().value();
        if value.is_nan() { 0.0 } else { value }
    }

    /// Whether the number is below the double.
    fn below_double(&self, value: f64) -> bool {
        match value {
            f64::INFINITY => true,
            f64::NEG_INFINITY => false,
            value => RBig::try_from(value).is_ok_and(|v| self.0 < v),
        }
    }
}

fn parse_exponent(text: &str) -> Result<i64, NumberError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(NumberError::Malformed);
    }
    let digits = digits.trim_start_matches('0');
    // Seven digits cannot overflow, and are refused (or meet a zero mantissa) anyway.
    let magnitude: i64 = if digits.len() > 7 { 9_999_999 } else { digits.parse().unwrap_or(0) };
    Ok(if text.starts_with('-') { -magnitude } else { magnitude })
}

/// The digits of `whole` and `fraction` as one integer.
fn significand(whole: &str, fraction: &str) -> UBig {
    if whole.len() + fraction.len() <= 38 {
        let fold = |value: u128, digit: u8| value * 10 + u128::from(digit - b'0');
        return UBig::from(whole.bytes().chain(fraction.bytes()).fold(0, fold));
    }
    let text: String = [whole, fraction].concat();
    UBig::from_str_radix(&text, 10).unwrap_or(UBig::ZERO)
}

fn power_of_ten(exponent: usize) -> UBig {
    if exponent <= 38 { UBig::from(10u128.pow(exponent as u32)) } else { UBig::from(10u8).pow(exponent) }
}

impl From<i64> for Rational {
    fn from(value: i64) -> Self {
        Rational(RBig::from(value))
    }
}

impl Add for Rational {
    type Output = Rational;
    fn add(self, other: Rational) -> Rational {
        Rational(self.0 + other.0)
    }
}

impl Sub for Rational {
    type Output = Rational;
    fn sub(self, other: Rational) -> Rational {
        Rational(self.0 - other.0)
    }
}

impl<'a> Sub<&'a Rational> for &'a Rational {
    type Output = Rational;
    fn sub(self, other: &Rational) -> Rational {
        Rational(&self.0 - &other.0)
    }
}

impl Mul for Rational {
    type Output = Rational;
    fn mul(self, other: Rational) -> Rational {
        Rational(self.0 * other.0)
    }
}

impl<'a> Mul<&'a Rational> for &'a Rational {
    type Output = Rational;
    fn mul(self, other: &Rational) -> Rational {
        Rational(&self.0 * &other.0)
    }
}

impl Neg for Rational {
    type Output = Rational;
    fn neg(self) -> Rational {
        Rational(-self.0)
    }
}

impl Neg for &Rational {
    type Output = Rational;
    fn neg(self) -> Rational {
        Rational(-&self.0)
    }
}

impl fmt::Display for Rational {
    /// The shortest double that reads back as the nearest one: for messages, not exact.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.nearest())
    }
}

impl fmt::Debug for Rational {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
