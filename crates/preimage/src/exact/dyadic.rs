//! Integers times powers of two: what sums and products of doubles are without rounding.

use dashu_int::IBig;

/// `mantissa · 2^exponent`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dyadic {
    pub(super) mantissa: IBig,
    pub(super) exponent: i64,
}

impl Dyadic {
    pub(super) fn zero() -> Self {
        Dyadic { mantissa: IBig::ZERO, exponent: 0 }
    }

    /// A finite double.
    pub(super) fn of(value: f64) -> Self {
        let bits = value.to_bits();
        let (biased, fraction) = ((bits >> 52 & 0x7ff) as i64, (bits & ((1 << 52) - 1)) as i64);
        let (mantissa, exponent) =
            if biased == 0 { (fraction, -1074) } else { (fraction | 1 << 52, biased - 1075) };
        let zeros = if mantissa == 0 { 0 } else { mantissa.trailing_zeros() };
        let odd = mantissa >> zeros;
        Dyadic {
            mantissa: IBig::from(if value < 0.0 { -odd } else { odd }),
            exponent: if odd == 0 { 0 } else { exponent + i64::from(zeros) },
        }
    }

    pub(super) fn is_zero(&self) -> bool {
        self.mantissa == IBig::ZERO
    }

    pub(super) fn product(&self, other: &Dyadic) -> Dyadic {
        Dyadic { mantissa: &self.mantissa * &other.mantissa, exponent: self.exponent + other.exponent }
    }

    pub(super) fn times(&self, factor: &IBig) -> Dyadic {
        Dyadic { mantissa: &self.mantissa * factor, exponent: self.exponent }
    }

    pub(super) fn add(&mut self, other: &Dyadic) {
        if other.is_zero() {
            return;
        }
        if self.is_zero() {
            self.clone_from(other);
        } else if other.exponent >= self.exponent {
            self.mantissa += &other.mantissa << (other.exponent - self.exponent) as usize;
        } else {
            self.mantissa <<= (self.exponent - other.exponent) as usize;
            self.mantissa += &other.mantissa;
            self.exponent = other.exponent;
        }
    }

    /// The numbers as integers, times one power of two.
    pub(super) fn align(numbers: Vec<Dyadic>) -> Vec<IBig> {
        let least = numbers.iter().filter(|x| !x.is_zero()).map(|x| x.exponent).min().unwrap_or(0);
        numbers
            .into_iter()
            .map(|x| if x.is_zero() { IBig::ZERO } else { x.mantissa << (x.exponent - least) as usize })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_products_are_exact() {
        let (a, b) = (Dyadic::of(0.1), Dyadic::of(-3e-7));
        let mut sum = a.product(&b);
        sum.add(&Dyadic::of(2.5));
        sum.add(&Dyadic::of(-2.5));
        assert_eq!(
            Dyadic::align(vec![sum, Dyadic::zero(), a.product(&b)])
                .windows(3)
                .next()
                .map(|w| { w[0] == w[2] && w[1] == IBig::ZERO }),
            Some(true)
        );
    }
}
