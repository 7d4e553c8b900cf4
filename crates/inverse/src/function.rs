//! The inverses of element-wise functions, in operators that runtimes have.
//!
//! ONNX has neither `log1p` nor `expm1`; the forms here lose no more digits than the functions themselves do. A value outside
//! the range is moved to its end first, so that an output that a runtime has rounded to 0 or 1 gives a large number and not
//! an infinity.

use netinverse_linalg::Precision;
use netinverse_network::Function;

use crate::recorder::{Id, Recorder};

/// What there is of an inverse.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Inverse {
    /// One input for each output.
    Bijection,
    /// One of several inputs for some outputs: what is lost, and what is chosen.
    Section { lost: &'static str, chosen: &'static str },
    /// None: the reason.
    None(&'static str),
}

/// What there is of a function's inverse.
pub(crate) fn kind(function: Function) -> Inverse {
    match function {
        Function::Relu => Inverse::Section {
            lost: "how far below 0 the inputs of zeros lie",
            chosen: "0 where the output is 0, the identity above (the input of smallest norm)",
        },
        Function::LeakyRelu { alpha } | Function::Elu { alpha } if alpha == 0.0 => Inverse::Section {
            lost: "how far below 0 the inputs of zeros lie",
            chosen: "0 where the output is 0, the identity above (the input of smallest norm)",
        },
        Function::LeakyRelu { alpha } | Function::Elu { alpha } if alpha < 0.0 => Inverse::Section {
            lost: "the sign: outputs come from an input on each side of 0",
            chosen: "the input that is not negative",
        },
        Function::Abs => Inverse::Section { lost: "the sign", chosen: "the input that is not negative" },
        Function::Power { exponent } if exponent != 0.0 && !function.is_injective() => {
            Inverse::Section { lost: "the sign", chosen: "the input that is not negative" }
        }
        Function::Clip { .. } => Inverse::Section {
            lost: "how far beyond a limit the inputs of the limits lie",
            chosen: "the limit itself, the identity between (the nearest input)",
        },
        Function::HardSwish
        | Function::Mish
        | Function::Gelu
        | Function::GeluTanh
        | Function::Silu { .. } => Inverse::None(
            "it falls before it rises, so two inputs give one output, and no formula tells which",
        ),
        Function::Sin | Function::Cos => {
            Inverse::None("it is periodic: infinitely many inputs give one output")
        }
        Function::Erf => Inverse::None("ONNX has no operator for the inverse of the error function"),
        Function::Power { exponent: 0.0 } => Inverse::None("it is constant"),
        _ => Inverse::Bijection,
    }
}

/// Numbers that a precision has.
struct Limits {
    /// The distance from 1 to the number before it.
    unit: f64,
    /// A number above 0 whose half is no less precise.
    tiny: f64,
}

fn limits(precision: Precision) -> Limits {
    match precision {
        Precision::F32 => Limits { unit: 2f64.powi(-24), tiny: 2f64.powi(-120) },
        Precision::F64 => Limits { unit: 2f64.powi(-53), tiny: 2f64.powi(-1000) },
    }
}

/// Writes down x with f(x) = y, or of the section.
pub(crate) fn write(recorder: &mut Recorder, name: &str, function: Function, y: Id) -> Id {
    let mut write = Writer { limits: limits(recorder.precision), recorder, name };
    match function {
        Function::LeakyRelu { alpha } if alpha > 0.0 => {
            write.function(Function::LeakyRelu { alpha: 1.0 / alpha }, y)
        }
        Function::Elu { alpha } if alpha > 0.0 => write.elu(alpha, 1.0, y),
        Function::Celu { alpha } => write.elu(alpha, alpha, y),
        Function::Relu | Function::Abs | Function::LeakyRelu { .. } | Function::Elu { .. } => {
            write.function(Function::Relu, y)
        }
        Function::Softplus => write.softplus(y),
        Function::Sigmoid => write.logit(y),
        Function::Tanh => write.atanh(y),
        Function::Exp => {
            let y = write.at_least(write.limits.tiny, y);
            write.function(Function::Log, y)
        }
        Function::Log => write.function(Function::Exp, y),
        Function::Clip { low, high } => write.function(Function::Clip { low, high }, y),
        Function::Softsign => write.softsign(y),
        Function::Sqrt => {
            let y = write.function(Function::Relu, y);
            write.recorder.multiply(name, y, y)
        }
        Function::Power { exponent } => write.root(exponent, y),
        Function::Reciprocal => write.function(Function::Reciprocal, y),
        // No inverse: `kind` has said so.
        Function::HardSwish
        | Function::Mish
        | Function::Gelu
        | Function::GeluTanh
        | Function::Silu { .. }
        | Function::Erf
        | Function::Sin
        | Function::Cos => y,
    }
}

/// log x, x moved above 0.
pub(crate) fn log(recorder: &mut Recorder, name: &str, x: Id) -> Id {
    write(recorder, name, Function::Exp, x)
}

struct Writer<'r> {
    limits: Limits,
    recorder: &'r mut Recorder,
    name: &'r str,
}

impl Writer<'_> {
    fn function(&mut self, function: Function, x: Id) -> Id {
        self.recorder.function(self.name, function, x)
    }

    fn line(&mut self, factor: f64, shift: f64, x: Id) -> Id {
        self.recorder.line(self.name, factor, shift, x)
    }

    fn combine(&mut self, terms: &[(Id, f64)]) -> Id {
        self.recorder.combine(self.name, terms)
    }

    fn within(&mut self, low: f64, high: f64, x: Id) -> Id {
        self.function(Function::Clip { low, high }, x)
    }

    fn at_least(&mut self, low: f64, x: Id) -> Id {
        self.within(low, f64::INFINITY, x)
    }

    /// log(1 + u), also where u is tiny: the sum w = 1 + u is rounded, and the logarithm of 1 + u differs from that of w by
    /// (u − (w − 1))/w and terms of second order in the rounding.
    fn log1p(&mut self, u: Id) -> Id {
        let w = self.line(1.0, 1.0, u);
        let log = self.function(Function::Log, w);
        let rounded = self.line(1.0, -1.0, w);
        let rest = self.combine(&[(u, 1.0), (rounded, -1.0)]);
        let inverse = self.function(Function::Reciprocal, w);
        let correction = self.recorder.multiply(self.name, rest, inverse);
        self.combine(&[(log, 1.0), (correction, 1.0)])
    }

    /// log y − log(1 − y): 1 − y is exact above ½, and below it its error is an error of y's size.
    fn logit(&mut self, y: Id) -> Id {
        let y = self.within(self.limits.tiny, 1.0 - self.limits.unit, y);
        let log = self.function(Function::Log, y);
        let rest = self.line(-1.0, 1.0, y);
        let other = self.function(Function::Log, rest);
        self.combine(&[(log, 1.0), (other, -1.0)])
    }

    /// (log1p(y) − log1p(−y)) / 2
    fn atanh(&mut self, y: Id) -> Id {
        let y = self.within(self.limits.unit - 1.0, 1.0 - self.limits.unit, y);
        let above = self.log1p(y);
        let negated = self.combine(&[(y, -1.0)]);
        let below = self.log1p(negated);
        self.combine(&[(above, 0.5), (below, -0.5)])
    }

    /// y above 0, factor · log1p(y/α) below.
    fn elu(&mut self, alpha: f64, factor: f64, y: Id) -> Id {
        let above = self.function(Function::Relu, y);
        let below = self.within(-alpha * (1.0 - self.limits.unit), 0.0, y);
        let below = self.line(1.0 / alpha, 0.0, below);
        let log = self.log1p(below);
        self.combine(&[(above, 1.0), (log, factor)])
    }

    /// y + log(1 − e⁻ʸ), where 1 − e⁻ʸ = 2t/(1 + t) with t = tanh(y/2) does not cancel.
    fn softplus(&mut self, y: Id) -> Id {
        let y = self.at_least(self.limits.tiny, y);
        let half = self.line(0.5, 0.0, y);
        let t = self.function(Function::Tanh, half);
        let sum = self.line(0.5, 0.5, t);
        let inverse = self.function(Function::Reciprocal, sum);
        let share = self.recorder.multiply(self.name, t, inverse);
        let log = self.function(Function::Log, share);
        self.combine(&[(y, 1.0), (log, 1.0)])
    }

    /// y / (1 − |y|)
    fn softsign(&mut self, y: Id) -> Id {
        let y = self.within(self.limits.unit - 1.0, 1.0 - self.limits.unit, y);
        let size = self.function(Function::Abs, y);
        let rest = self.line(-1.0, 1.0, size);
        let inverse = self.function(Function::Reciprocal, rest);
        self.recorder.multiply(self.name, y, inverse)
    }

    /// The root of order p: of each sign apart where p is odd, of what is not negative elsewhere.
    fn root(&mut self, exponent: f64, y: Id) -> Id {
        if exponent == 1.0 {
            return y;
        }
        let (power, y) = if exponent < 0.0 {
            (-1.0 / exponent, self.function(Function::Reciprocal, y))
        } else {
            (1.0 / exponent, y)
        };
        let root = Function::Power { exponent: power };
        let odd = exponent.fract() == 0.0 && exponent % 2.0 != 0.0;
        let positive = self.function(Function::Relu, y);
        let above = self.function(root, positive);
        if !odd {
            return above;
        }
        let negated = self.combine(&[(y, -1.0)]);
        let negative = self.function(Function::Relu, negated);
        let below = self.function(root, negative);
        self.combine(&[(above, 1.0), (below, -1.0)])
    }
}
