//! A point that satisfies a region, with its proof.
//!
//! A coordinate is written as a decimal, and the decimal is what counts: the proof holds for the exact number that is
//! written and for the double that reading it gives. Conditions on inputs are decided in rationals. Outputs are enclosed
//! over the box of the two, rounded outward, and the conditions decided in rationals at the enclosures' worst corners;
//! where that leaves a condition open, the outputs are computed exactly, if the network allows it.

use netinverse_bounds::{Bounder, Method, Workspace};
use netinverse_spec::{Conjunction, HalfSpace, Rational, Variable};

use super::region::Region;

/// An input that satisfies the question, in real arithmetic.
#[derive(Debug, Clone, PartialEq)]
pub struct Witness {
    /// The coordinates as written: the exact decimals that are proved.
    pub text: Vec<String>,
    /// The doubles nearest to them.
    pub x: Vec<f64>,
    /// f(x) evaluated in doubles.
    pub y: Vec<f64>,
    /// f(x) evaluated in single precision.
    pub y_f32: Vec<f32>,
    /// Whether what single precision computes satisfies the question as well.
    pub f32_holds: bool,
    /// Whether intervals left it open, and the outputs were computed without rounding.
    pub exact: bool,
}

/// What was proved of a point.
pub(crate) struct Proved {
    pub(crate) text: Vec<String>,
    pub(crate) exact: bool,
}

/// Proves that the point satisfies the region, or says nothing.
pub(crate) fn prove(
    bounder: &Bounder,
    region: &Region,
    x: &[f64],
    workspace: &mut Workspace,
) -> Option<Proved> {
    // The shortest decimal that reads back as the double; then the double's own digits.
    for shortest in [true, false] {
        let mut text = Vec::with_capacity(x.len());
        let mut numbers = Vec::with_capacity(x.len());
        for (i, &value) in x.iter().enumerate() {
            let (own, number) = coordinate(region, i, value, shortest)?;
            text.push(own);
            numbers.push(number);
        }
        let doubles: Vec<Rational> = x.iter().map(|&v| Rational::from_f64(v)).collect::<Option<_>>()?;
        let inside =
            |numbers: &[Rational]| region.constraints.iter().all(|h| signed(h, &value_at(h, numbers, &[])));
        if !inside(&numbers) {
            continue;
        }
        let lower: Vec<f64> = numbers.iter().zip(x).map(|(number, &v)| number.lower().min(v)).collect();
        let upper: Vec<f64> = numbers.iter().zip(x).map(|(number, &v)| number.upper().max(v)).collect();
        if !bounder.analyse(&lower, &upper, Method::Intervals, workspace) {
            return None;
        }
        let (low, high) = bounder.output(workspace);
        let ends = |piece: &Conjunction, numbers: &[Rational]| {
            piece.iter().all(|h| {
                let worst = |index: usize, up: bool| if up { low[index] } else { high[index] };
                corner(h, numbers, worst).is_some_and(|value| signed(h, &value))
            })
        };
        // Conditions on inputs and outputs together are to hold at both points.
        let holds = region.case.pieces.iter().any(|piece| ends(piece, &numbers) && ends(piece, &doubles));
        if holds {
            return Some(Proved { text, exact: false });
        }
    }
    exactly(bounder, region, x)
}

/// As [`prove`], by exact evaluation at the double itself.
fn exactly(bounder: &Bounder, region: &Region, x: &[f64]) -> Option<Proved> {
    let numbers: Vec<Rational> = x.iter().map(|&v| Rational::from_f64(v)).collect::<Option<_>>()?;
    let written = (0..x.len()).map(|i| Some(coordinate(region, i, x[i], false)?.0));
    let text: Vec<String> = written.collect::<Option<_>>()?;
    if !region.constraints.iter().all(|h| signed(h, &value_at(h, &numbers, &[]))) {
        return None;
    }
    (exact_truth(bounder, region, x) == Some(true)).then_some(Proved { text, exact: true })
}

/// Whether one of the disjuncts holds at a point of doubles, decided without rounding; `None` where the network does not
/// allow it.
pub(crate) fn exact_truth(bounder: &Bounder, region: &Region, x: &[f64]) -> Option<bool> {
    let numbers: Vec<Rational> = x.iter().map(|&v| Rational::from_f64(v)).collect::<Option<_>>()?;
    let outputs = bounder.exact_output(x)?;
    let outputs: Vec<Rational> =
        outputs.into_iter().map(|y| Rational::from_dyadic(y.mantissa, y.exponent)).collect();
    let holds = |h: &HalfSpace| signed(h, &value_at(h, &numbers, &outputs));
    let inside = region.constraints.iter().all(|h| holds(h));
    Some(inside && region.case.pieces.iter().any(|piece| piece.iter().all(|h| holds(h))))
}

/// How a coordinate is written, and the number that says; `None` where it is outside its bounds.
fn coordinate(region: &Region, i: usize, value: f64, shortest: bool) -> Option<(String, Rational)> {
    let inside = |number: &Rational| {
        region.bounds.lower[i].as_ref().is_none_or(|bound| bound <= number)
            && region.bounds.upper[i].as_ref().is_none_or(|bound| number <= bound)
    };
    let shown = if shortest { format!("{value:?}") } else { digits(value) };
    let number = Rational::parse(&shown).ok()?;
    if inside(&number) {
        return Some((shown, number));
    }
    let shown = digits(value);
    let number = Rational::parse(&shown).ok()?;
    inside(&number).then_some((shown, number))
}

/// All decimal digits of a double.
fn digits(value: f64) -> String {
    let text = format!("{value:.1074}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text.is_empty() || text == "-" || text == "-0" { "0".into() } else { text.into() }
}

/// Whether the value is on the half-space's side of 0.
fn signed(half_space: &HalfSpace, value: &Rational) -> bool {
    if half_space.strict { *value > Rational::ZERO } else { *value >= Rational::ZERO }
}

fn value_at(half_space: &HalfSpace, x: &[Rational], y: &[Rational]) -> Rational {
    let mut sum = half_space.form.constant().clone();
    for (variable, c) in half_space.form.terms() {
        sum = match variable {
            Variable::Input(i) => sum + c * &x[*i as usize],
            Variable::Output(j) => sum + c * &y[*j as usize],
            Variable::Hidden(_) => unreachable!("regions have no hidden variables"),
        };
    }
    sum
}

/// The value where every output is at its worse end: `worst(j, up)` is the end of output j that is worse for a coefficient
/// that is positive (`up`) or negative.
fn corner(half_space: &HalfSpace, x: &[Rational], worst: impl Fn(usize, bool) -> f64) -> Option<Rational> {
    let mut sum = half_space.form.constant().clone();
    for (variable, c) in half_space.form.terms() {
        sum = match variable {
            Variable::Input(i) => sum + c * &x[*i as usize],
            Variable::Output(j) => {
                let end = worst(*j as usize, !c.is_negative());
                sum + c * &Rational::from_f64(end)?
            }
            Variable::Hidden(_) => return None,
        };
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::digits;

    #[test]
    fn digits_are_the_double_itself() {
        assert_eq!(digits(0.5), "0.5");
        assert_eq!(digits(-0.0), "0");
        assert_eq!(digits(100.0), "100");
        assert_eq!(digits(0.1), "0.1000000000000000055511151231257827021181583404541015625");
    }
}
