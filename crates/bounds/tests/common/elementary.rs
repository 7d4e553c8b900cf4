//! Functions that are not piecewise linear, in fixed-point arithmetic with 1400 binary digits behind the point.

use dashu_int::ops::{BitTest, SquareRoot};
use dashu_int::{IBig, UBig};
use netinverse_network::Function;

const DIGITS: usize = 1400;

/// A real number, to within 2⁻¹³⁰⁰ (relative to e^|z| where it is larger than 1).
#[derive(Debug, Clone, PartialEq, PartialOrd)]
pub struct Fixed(IBig);

impl Fixed {
    /// Exactly the double.
    pub fn of(value: f64) -> Self {
        assert!(value.is_finite(), "{value}");
        let bits = value.to_bits();
        let (exponent, fraction) = ((bits >> 52 & 0x7FF) as i64, bits & ((1 << 52) - 1));
        let (mantissa, power) =
            if exponent == 0 { (fraction, -1074) } else { (fraction | 1 << 52, exponent - 1075) };
        let magnitude = IBig::from(UBig::from(mantissa)) << (power + DIGITS as i64) as usize;
        Fixed(if value < 0.0 { -magnitude } else { magnitude })
    }

    /// 2⁻¹²⁸⁰, more than any value here is off by.
    pub fn tolerance() -> Self {
        Fixed(IBig::from(1) << (DIGITS - 1280))
    }

    pub fn plus(&self, other: &Self) -> Self {
        Fixed(&self.0 + &other.0)
    }

    pub fn minus(&self, other: &Self) -> Self {
        Fixed(&self.0 - &other.0)
    }

    pub fn times(&self, other: &Self) -> Self {
        Fixed((&self.0 * &other.0) >> DIGITS)
    }

    fn over(&self, other: &Self) -> Self {
        Fixed((&self.0 << DIGITS) / &other.0)
    }

    /// slope · z + offset
    pub fn line(slope: f64, offset: f64, z: f64) -> Self {
        Fixed::of(slope).times(&Fixed::of(z)).plus(&Fixed::of(offset))
    }

    fn is_negative(&self) -> bool {
        self.0 < IBig::ZERO
    }

    fn negated(&self) -> Self {
        Fixed(-&self.0)
    }

    /// To double precision, for messages.
    pub fn approximate(&self) -> f64 {
        let length = self.bits();
        let shift = length.saturating_sub(64);
        let top = &self.0 >> shift;
        top.to_f64().value()
            * 2f64.powi((shift as i32 - DIGITS as i32) / 2)
            * 2f64.powi(shift as i32 - DIGITS as i32 - (shift as i32 - DIGITS as i32) / 2)
    }

    fn bits(&self) -> usize {
        let magnitude = if self.is_negative() { -&self.0 } else { self.0.clone() };
        UBig::try_from(magnitude).unwrap().bit_len()
    }

    /// √, of what is not negative.
    fn square_root(&self) -> Self {
        let magnitude = UBig::try_from(&self.0 << DIGITS).expect("not negative");
        Fixed(IBig::from(magnitude.sqrt()))
    }

    /// e to this, by Taylor's series after halving, squared again.
    fn exponential(&self) -> Self {
        let magnitude = if self.is_negative() { self.negated() } else { self.clone() };
        if magnitude > Fixed::of(1500.0) {
            assert!(self.is_negative(), "e to {}", self.approximate());
            return Fixed(IBig::ZERO); // less than 2⁻²¹⁰⁰
        }
        // Halved below 2⁻¹².
        let halvings = (magnitude.bits() + 12).saturating_sub(DIGITS);
        let r = &magnitude.0 >> halvings;
        let one = IBig::from(1) << DIGITS;
        let (mut sum, mut term, mut j) = (one.clone(), one.clone(), 1);
        while term != IBig::ZERO {
            term = ((term * &r) >> DIGITS) / IBig::from(j);
            sum += &term;
            j += 1;
        }
        for _ in 0..halvings {
            sum = (&sum * &sum) >> DIGITS;
        }
        if self.is_negative() { Fixed((&one << DIGITS) / sum) } else { Fixed(sum) }
    }

    /// The natural logarithm, by Halley's iteration, which triples the digits.
    fn logarithm(&self) -> Self {
        assert!(self.0 > IBig::ZERO);
        let length = self.bits();
        let shift = length.saturating_sub(64);
        let top = (&self.0 >> shift).to_f64().value();

        let start = top.ln() + (shift as f64 - DIGITS as f64) * std::f64::consts::LN_2;
        let mut y = Fixed::of(start);
        for _ in 0..4 {
            let power = y.exponential();
            let step = self.minus(&power).over(&self.plus(&power));
            y = y.plus(&step).plus(&step);
        }
        y
    }
}

/// f(z) for z in f's domain.
pub fn value(function: Function, z: f64) -> Fixed {
    let (x, one) = (Fixed::of(z), Fixed::of(1.0));
    match function {
        Function::Relu => Fixed::of(z.max(0.0)),
        Function::LeakyRelu { alpha } if z < 0.0 => x.times(&Fixed::of(alpha)),
        Function::Abs => Fixed::of(z.abs()),
        Function::Clip { low, high } => Fixed::of(z.max(low).min(high)),
        Function::Elu { alpha } if z < 0.0 => x.exponential().minus(&one).times(&Fixed::of(alpha)),
        Function::LeakyRelu { .. } | Function::Elu { .. } | Function::Celu { .. } if z >= 0.0 => x,
        Function::Softplus if z > 0.0 => x.plus(&x.negated().exponential().plus(&one).logarithm()),
        Function::Softplus => x.exponential().plus(&one).logarithm(),
        Function::Sigmoid => sigmoid(&x),
        Function::Tanh => {
            let magnitude = Fixed::of(-z.abs());
            let power = magnitude.plus(&magnitude).exponential();
            let tanh = one.minus(&power).over(&one.plus(&power));
            if z < 0.0 { tanh.negated() } else { tanh }
        }
        Function::Exp => x.exponential(),
        Function::Log => x.logarithm(),
        Function::Reciprocal => one.over(&x),
        Function::Celu { alpha } if z < 0.0 => {
            let alpha = Fixed::of(alpha);
            x.over(&alpha).exponential().minus(&one).times(&alpha)
        }
        Function::Softsign => x.over(&one.plus(&Fixed::of(z.abs()))),
        Function::HardSwish if z <= -3.0 => Fixed::of(0.0),
        Function::HardSwish if z >= 3.0 => x,
        Function::HardSwish => x.times(&x.plus(&Fixed::of(3.0))).over(&Fixed::of(6.0)),
        Function::Silu { beta } => x.times(&sigmoid(&x.times(&Fixed::of(beta)))),
        // With w = 1 + eˣ, tanh(log w) = (w² − 1)/(w² + 1); by e⁻ˣ where x is positive.
        Function::Mish if z > 0.0 => {
            let power = x.negated().exponential();
            let twice = power.plus(&power);
            let rest = twice.times(&power);
            x.times(&one.plus(&twice)).over(&one.plus(&twice).plus(&rest))
        }
        Function::Mish => {
            let power = x.exponential();
            let square = power.times(&power).plus(&power).plus(&power);
            x.times(&square).over(&square.plus(&one).plus(&one))
        }
        Function::GeluTanh => {
            let cube = x.times(&x).times(&x).times(&ratio(44_715, 1_000_000));
            let inner = x.plus(&cube).times(&ratio(2, 1).over(&pi()).square_root());
            // ½(1 + tanh t) = σ(2t)
            x.times(&sigmoid(&inner.plus(&inner)))
        }
        Function::Gelu => {
            let erf = error_function(&x.over(&ratio(2, 1).square_root()));
            x.times(&one.plus(&erf)).over(&ratio(2, 1))
        }
        Function::Erf => error_function(&x),
        Function::Sqrt => x.square_root(),
        Function::Power { exponent } => {
            let whole = exponent.abs().floor();
            let mut power = if exponent.abs() > whole { x.square_root() } else { one.clone() };
            for _ in 0..whole as i32 {
                power = power.times(&x);
            }
            if exponent < 0.0 { one.over(&power) } else { power }
        }
        Function::Sin => sine(&x),
        Function::Cos => sine(&x.plus(&pi().over(&ratio(2, 1)))),
        #[allow(unreachable_patterns, reason = "functions that come later are to be added here")]
        other => panic!("{other:?} is not known here"),
    }
}

fn ratio(numerator: i64, denominator: i64) -> Fixed {
    Fixed((IBig::from(numerator) << DIGITS) / IBig::from(denominator))
}

/// 1/(1 + e⁻ˣ)
fn sigmoid(x: &Fixed) -> Fixed {
    let one = Fixed::of(1.0);
    if x.is_negative() {
        let power = x.exponential();
        power.over(&power.plus(&one))
    } else {
        one.over(&x.negated().exponential().plus(&one))
    }
}

/// Machin: π = 16 atan(1/5) − 4 atan(1/239).
fn pi() -> Fixed {
    let arctangent_of_inverse = |k: i64| {
        let (mut sum, mut power, mut j) = (IBig::ZERO, (IBig::from(1) << DIGITS) / IBig::from(k), 1i64);
        while power != IBig::ZERO {
            let term = &power / IBig::from(j);
            if j % 4 == 1 {
                sum += term;
            } else {
                sum -= term;
            }
            power /= IBig::from(k * k);
            j += 2;
        }
        sum
    };
    Fixed(IBig::from(16) * arctangent_of_inverse(5) - IBig::from(4) * arctangent_of_inverse(239))
}

/// Σ (−1)ᵏ x^(2k+1)/(2k+1)!, after whole turns are taken off.
fn sine(x: &Fixed) -> Fixed {
    let turn = pi().plus(&pi());
    let r = &x.0 % &turn.0;
    let square = (&r * &r) >> DIGITS;
    let (mut sum, mut term, mut k) = (IBig::ZERO, r, 1i64);
    while term != IBig::ZERO {
        sum += &term;
        term = -((term * &square) >> DIGITS) / IBig::from((k + 1) * (k + 2));
        k += 2;
    }
    Fixed(sum)
}

/// 2/√π Σ (−1)ᵏ x^(2k+1)/(k!(2k+1)); ±1 beyond 31, where 1 − erf is less than 2⁻¹³⁸⁰.
fn error_function(x: &Fixed) -> Fixed {
    let one = Fixed::of(1.0);
    let magnitude = if x.is_negative() { x.negated() } else { x.clone() };
    if magnitude > Fixed::of(31.0) {
        return if x.is_negative() { one.negated() } else { one };
    }
    let square = (&x.0 * &x.0) >> DIGITS;
    let (mut sum, mut term, mut k) = (IBig::ZERO, x.0.clone(), 0i64);
    while term != IBig::ZERO && term != IBig::from(-1) {
        sum += &term / IBig::from(2 * k + 1);
        k += 1;
        term = -((term * &square) >> DIGITS) / IBig::from(k);
    }
    Fixed(sum).times(&ratio(2, 1)).over(&pi().square_root())
}

/// Whether [`value`] knows the function.
pub fn knows(function: Function) -> bool {
    matches!(
        function,
        Function::Celu { .. }
            | Function::Softsign
            | Function::HardSwish
            | Function::Silu { .. }
            | Function::Mish
            | Function::GeluTanh
            | Function::Gelu
            | Function::Erf
            | Function::Sqrt
            | Function::Sin
            | Function::Cos
    ) || matches!(function, Function::Power { exponent } if (2.0 * exponent).fract() == 0.0)
        || matches!(
            function,
            Function::Relu
                | Function::LeakyRelu { .. }
                | Function::Abs
                | Function::Clip { .. }
                | Function::Elu { .. }
                | Function::Softplus
                | Function::Sigmoid
                | Function::Tanh
                | Function::Exp
                | Function::Log
                | Function::Reciprocal
        )
}
