//! The network at a point, exactly: integers with a binary exponent.
//!
//! Doubles are dyadic, and sums, products, maxima and absolute values of dyadic numbers are dyadic: where the graph has
//! nothing else, its value at a point of doubles is computed without any rounding. That settles what intervals cannot:
//! whether an output touches a bound.

use dashu_int::IBig;
use netinverse_network::Function;

use crate::bounder::Bounder;
use crate::map::Map;
use crate::program::{Kind, Program, Step};

/// The most multiplications that an exact evaluation may take.
pub(crate) const MAX_PRODUCTS: usize = 1 << 23;

/// The number `mantissa · 2^exponent`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dyadic {
    /// Any integer.
    pub mantissa: IBig,
    /// A power of two.
    pub exponent: i64,
}

/// Numbers over one exponent.
#[derive(Debug, Clone)]
pub(crate) struct Vector {
    pub(crate) mantissas: Vec<IBig>,
    pub(crate) exponent: i64,
}

impl Bounder {
    /// f(x), exactly; `None` where the graph has a function whose values are not dyadic, a constant that is not exact, or
    /// far too many products.
    ///
    /// Panics unless x has n finite elements.
    pub fn exact_output(&self, x: &[f64]) -> Option<Vec<Dyadic>> {
        assert_eq!(x.len(), self.input_size(), "one number an input");
        let program = self.program();
        let dyadic = |function: Function| matches!(function, Function::Relu | Function::Abs);
        if products(program, dyadic)? > MAX_PRODUCTS {
            return None;
        }
        let mut values: Vec<Option<Vector>> = vec![None; program.sizes.len()];
        values[0] = Some(Vector::of(x.iter().copied()));
        for step in &program.steps {
            values[step.output] = Some(evaluate(step, &values)?);
        }
        let Vector { mantissas, exponent } = values.swap_remove(program.output)?;
        Some(mantissas.into_iter().map(|mantissa| Dyadic { mantissa, exponent }).collect())
    }
}

/// The multiplications of an exact evaluation; `None` where there is none: a function that is not `known`, or a constant
/// that is not exact.
pub(crate) fn products(program: &Program, known: fn(Function) -> bool) -> Option<usize> {
    let mut total = 0usize;
    for step in &program.steps {
        match &step.kind {
            Kind::Linear { maps, bias_radius, .. } => {
                let certain = bias_radius.iter().flatten().all(|&r| r == 0.0);
                if !certain || maps.iter().any(Map::has_radius) {
                    return None;
                }
                let entries = maps.iter().map(|map| map.longest_row().saturating_mul(map.outputs()));
                total = entries.fold(total, usize::saturating_add);
            }
            Kind::Function(function) if known(*function) => {}
            Kind::Maximum { .. } => {}
            Kind::Product => total = total.saturating_add(program.sizes[step.output]),
            Kind::Function(_) | Kind::Softmax { .. } => return None,
        }
    }
    Some(total)
}

fn evaluate(step: &Step, values: &[Option<Vector>]) -> Option<Vector> {
    let input = |index: usize| values[step.inputs[index]].as_ref();
    Some(match &step.kind {
        Kind::Linear { maps, bias, .. } => {
            let size = maps.first().map_or(0, Map::outputs);
            let mut sum = Vector::of(bias[..size].iter().copied());
            for (index, map) in maps.iter().enumerate() {
                sum.add(product(map, input(index)?));
            }
            sum
        }
        Kind::Function(Function::Relu) => {
            input(0)?.map(|z| if *z > IBig::ZERO { z.clone() } else { IBig::ZERO })
        }
        Kind::Function(_) => input(0)?.map(|z| if *z < IBig::ZERO { -z } else { z.clone() }),
        Kind::Maximum { starts, sources } => {
            let own = input(0)?;
            let largest = |taps: &[u32]| taps.iter().map(|&tap| &own.mantissas[tap as usize]).max().cloned();
            let mantissas =
                starts.windows(2).map(|w| largest(&sources[w[0]..w[1]])).collect::<Option<_>>()?;
            Vector { mantissas, exponent: own.exponent }
        }
        Kind::Product => {
            let (a, b) = (input(0)?, input(1)?);
            let mantissas = a.mantissas.iter().zip(&b.mantissas).map(|(a, b)| a * b).collect();
            Vector { mantissas, exponent: a.exponent + b.exponent }
        }
        Kind::Softmax { .. } => return None,
    })
}

pub(crate) fn product(map: &Map, x: &Vector) -> Vector {
    let mut least = i64::MAX;
    for j in 0..map.outputs() {
        map.for_row(j, |_, w, _| {
            if w != 0.0 {
                least = least.min(decode(w).1);
            }
        });
    }
    let least = if least == i64::MAX { 0 } else { least };
    let mantissas = (0..map.outputs())
        .map(|j| {
            let mut sum = IBig::ZERO;
            map.for_row(j, |i, w, _| {
                if w != 0.0 && x.mantissas[i] != IBig::ZERO {
                    let (mantissa, exponent) = decode(w);
                    sum += (&x.mantissas[i] * mantissa) << (exponent - least) as usize;
                }
            });
            sum
        })
        .collect();
    Vector { mantissas, exponent: x.exponent + least }
}

impl Vector {
    pub(crate) fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let exponent = values.clone().filter(|&v| v != 0.0).map(|v| decode(v).1).min().unwrap_or(0);
        let mantissa = |v: f64| {
            if v == 0.0 {
                return IBig::ZERO;
            }
            let (mantissa, own) = decode(v);
            IBig::from(mantissa) << (own - exponent) as usize
        };
        Vector { mantissas: values.map(mantissa).collect(), exponent }
    }

    /// Adds another vector.
    pub(crate) fn add(&mut self, other: Vector) {
        self.align(other.exponent);
        let shift = (other.exponent - self.exponent) as usize;
        for (sum, term) in self.mantissas.iter_mut().zip(other.mantissas) {
            *sum += term << shift;
        }
    }

    /// Lowers the exponent to `exponent`, if that is lower.
    fn align(&mut self, exponent: i64) {
        if exponent < self.exponent {
            let shift = (self.exponent - exponent) as usize;
            for mantissa in &mut self.mantissas {
                *mantissa <<= shift;
            }
            self.exponent = exponent;
        }
    }

    fn map(&self, function: impl Fn(&IBig) -> IBig) -> Vector {
        Vector { mantissas: self.mantissas.iter().map(function).collect(), exponent: self.exponent }
    }
}

/// A finite double as an integer, odd or 0, times a power of two.
pub(crate) fn decode(value: f64) -> (i64, i64) {
    assert!(value.is_finite(), "{value} is no number");
    let bits = value.to_bits();
    let (biased, fraction) = ((bits >> 52 & 0x7ff) as i64, (bits & ((1 << 52) - 1)) as i64);
    let (mantissa, exponent) =
        if biased == 0 { (fraction, -1074) } else { (fraction | 1 << 52, biased - 1075) };
    if mantissa == 0 {
        return (0, 0);
    }
    let zeros = mantissa.trailing_zeros();
    let odd = mantissa >> zeros;
    (if value < 0.0 { -odd } else { odd }, exponent + i64::from(zeros))
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn doubles_are_integers_times_powers_of_two() {
        for value in [1.0, -0.1, 3.5e300, 5e-324, -2.2e-308, 0.0, 1e16] {
            let (mantissa, exponent) = decode(value);
            let (half, rest) = (exponent / 2, exponent - exponent / 2);
            assert_eq!(mantissa as f64 * 2f64.powi(half as i32) * 2f64.powi(rest as i32), value);
        }
    }
}
