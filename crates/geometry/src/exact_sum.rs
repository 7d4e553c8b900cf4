//! Sums of doubles without rounding.

/// 2⁻¹⁰⁷⁴ to 2¹⁰²⁴ in digits of 32 bits, and two more for carries.
const DIGITS: usize = 68;

/// Each addition changes a digit by less than 2³²; 2³⁰ of them stay below 2⁶³ with a reduced digit to start
/// from.
const ADDITIONS_BEFORE_CARRY: u32 = 1 << 30;

/// The exact sum of finite doubles: a fixed-point number with a digit for every bit that a double can have
/// (Kulisch's long accumulator). What was added, in whatever order and grouping, decides the value alone, so
/// that the shards of a paving merge to the very sum of one run.
///
/// ```
/// use netinverse_geometry::ExactSum;
/// let mut sum = ExactSum::new();
/// for value in [1e300, 1.0, -1e300, 1e-300] {
///     sum.add(value);
/// }
/// assert_eq!((sum.lower(), sum.upper()), (1.0, 1.0 + f64::EPSILON));
/// ```
#[derive(Debug, Clone)]
pub struct ExactSum {
    /// The value is Σ digits[i]·2³²ⁱ⁻¹⁰⁷⁴.
    digits: [i64; DIGITS],
    additions: u32,
    /// An infinity or NaN was added: nothing is known of the sum.
    unknown: bool,
}

impl Default for ExactSum {
    fn default() -> Self {
        Self::new()
    }
}

impl ExactSum {
    /// The empty sum, 0.
    pub fn new() -> Self {
        ExactSum { digits: [0; DIGITS], additions: 0, unknown: false }
    }

    /// Adds a number exactly. After an infinity or NaN the sum is unknown: (−∞, ∞).
    pub fn add(&mut self, value: f64) {
        if value == 0.0 {
            return;
        }
        if !value.is_finite() {
            self.unknown = true;
            return;
        }
        let (mantissa, bit) = parts(value);
        let (digit, shift) = (bit / 32, bit % 32);
        let shifted = u128::from(mantissa) << shift;
        for k in 0..3 {
            let part = (shifted >> (32 * k)) as u32;
            // `digit + 2` of the largest double is 65
            let cell = &mut self.digits[digit + k];
            *cell = if value < 0.0 { *cell - i64::from(part) } else { *cell + i64::from(part) };
        }
        self.additions += 1;
        if self.additions == ADDITIONS_BEFORE_CARRY {
            self.digits = self.carried();
            self.additions = 1;
        }
    }

    /// Adds all that was added to `other`.
    pub fn merge(&mut self, other: &ExactSum) {
        self.unknown |= other.unknown;
        self.digits = self.carried();
        for (digit, more) in self.digits.iter_mut().zip(other.carried()) {
            *digit += more;
        }
        self.additions = 2;
    }

    /// The largest double at most the sum; −∞ if unknown.
    pub fn lower(&self) -> f64 {
        -self.negated().upper()
    }

    /// The smallest double at least the sum; ∞ if unknown or beyond all doubles.
    pub fn upper(&self) -> f64 {
        if self.unknown {
            return f64::INFINITY;
        }
        let mut digits = self.carried();
        let negative = digits[DIGITS - 1] < 0;
        if negative {
            digits = carry(digits.map(|digit| -digit));
        }
        // The magnitude is now Σ digits[i]·2³²ⁱ⁻¹⁰⁷⁴ with all digits in 0..2³².
        let Some(top) = digits.iter().rposition(|&digit| digit != 0) else { return 0.0 };
        let top_bit = 32 * top + digits[top].ilog2() as usize;
        // The lowest bit that a double of this size keeps; subnormal ones keep bit 0.
        let low_bit = top_bit.saturating_sub(52);
        let (first, shift) = (low_bit / 32, low_bit % 32);
        let mut window = 0u128;
        for k in 0..3 {
            window |= (digits.get(first + k).map_or(0, |&digit| digit as u128)) << (32 * k);
        }
        let mantissa = (window >> shift) as u64 & ((1 << 53) - 1);
        let rest = window & ((1 << shift) - 1) != 0 || digits[..first].iter().any(|&digit| digit != 0);
        let truncated = if top_bit > 2097 { f64::INFINITY } else { assembled(mantissa, low_bit) };
        if negative {
            return if truncated.is_infinite() { f64::MIN } else { -truncated };
        }
        if rest { truncated.next_up() } else { truncated }
    }

    /// The sum of the numbers' negatives.
    #[must_use]
    pub fn negated(&self) -> Self {
        ExactSum { digits: self.digits.map(|digit| -digit), ..*self }
    }

    fn carried(&self) -> [i64; DIGITS] {
        carry(self.digits)
    }
}

impl PartialEq for ExactSum {
    /// Whether the sums are the same number.
    fn eq(&self, other: &Self) -> bool {
        !self.unknown && !other.unknown && self.carried() == other.carried()
    }
}

/// The same number with all digits but the topmost in 0..2³²; the topmost carries the sign.
fn carry(mut digits: [i64; DIGITS]) -> [i64; DIGITS] {
    for i in 0..DIGITS - 1 {
        let high = digits[i] >> 32; // floor division
        digits[i] -= high << 32;
        digits[i + 1] += high;
    }
    digits
}

/// |value| = mantissa·2^(bit − 1074) of a finite number, 0 ≤ bit ≤ 2045.
fn parts(value: f64) -> (u64, usize) {
    let bits = value.to_bits();
    let exponent = (bits >> 52 & 0x7FF) as usize;
    let fraction = bits & ((1 << 52) - 1);
    if exponent == 0 { (fraction, 0) } else { (fraction | 1 << 52, exponent - 1) }
}

/// mantissa·2^(bit − 1074), mantissa < 2⁵³ and normalised unless bit = 0; the inverse of [`parts`].
fn assembled(mantissa: u64, bit: usize) -> f64 {
    if mantissa < 1 << 52 {
        return f64::from_bits(mantissa); // subnormal: bit = 0
    }
    f64::from_bits(((bit as u64 + 1) << 52) | (mantissa & ((1 << 52) - 1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dashu_ratio::RBig;
    use netinverse_base::Rng;

    fn exact(value: f64) -> RBig {
        RBig::try_from(value).expect("finite")
    }

    fn draw(rng: &mut Rng) -> f64 {
        match rng.below(6) {
            0 => [0.0, f64::MAX, f64::MIN, 5e-324, -5e-324, f64::MIN_POSITIVE][rng.below(6)],
            1 => loop {
                let value = f64::from_bits(rng.bits());
                if value.is_finite() {
                    break value;
                }
            },
            _ => rng.normal() * 2f64.powi(rng.below(100) as i32 - 50),
        }
    }

    #[test]
    fn sums_are_exact_rounded_once_and_independent_of_order() {
        let mut rng = Rng::new(1, 0);
        for case in 0..400 {
            let mut values: Vec<f64> = (0..rng.below(40)).map(|_| draw(&mut rng)).collect();
            if case % 3 == 0 {
                // everything cancels but one tiny number
                values.extend(values.clone().iter().map(|v| -v));
                values.push(draw(&mut rng) * 1e-200);
            }
            let value = values.iter().fold(RBig::ZERO, |sum, &v| sum + exact(v));
            let mut sum = ExactSum::new();
            for &v in &values {
                sum.add(v);
            }
            let (lo, hi) = (sum.lower(), sum.upper());
            let in_range = |bound: f64| bound.is_finite();
            if in_range(lo) {
                assert!(exact(lo) <= value);
            }
            if in_range(hi) {
                assert!(exact(hi) >= value);
            }
            assert!(lo == hi || lo.next_up() == hi, "{lo:e} and {hi:e} are not neighbours");
            assert_eq!(lo == hi, in_range(lo) && exact(lo) == value);

            rng.shuffle(&mut values);
            let cut = rng.below(values.len() + 1);
            let (mut left, mut right) = (ExactSum::new(), ExactSum::new());
            for (i, &v) in values.iter().enumerate() {
                if i < cut { &mut left } else { &mut right }.add(v);
            }
            right.merge(&left);
            assert_eq!(right, sum);
            assert_eq!((right.lower().to_bits(), right.upper().to_bits()), (lo.to_bits(), hi.to_bits()));
            right.add(5e-324);
            assert_ne!(right, sum);
        }
    }

    #[test]
    fn a_sum_beyond_all_doubles_or_of_nan_is_bracketed() {
        let mut sum = ExactSum::new();
        sum.add(f64::MAX);
        sum.add(f64::MAX);
        assert_eq!((sum.lower(), sum.upper()), (f64::MAX, f64::INFINITY));
        sum.add(-f64::MAX);
        assert_eq!((sum.lower(), sum.upper()), (f64::MAX, f64::MAX));
        sum.add(f64::NAN);
        assert_eq!((sum.lower(), sum.upper()), (f64::NEG_INFINITY, f64::INFINITY));
    }
}
