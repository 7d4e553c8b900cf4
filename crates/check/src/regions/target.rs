//! What is asked, as half-spaces over outputs and inputs in integers, and the exact box.

use crate::Trouble;
use crate::kernel::{
    Dyadic, ExactForm, HalfSpace, Network, Question, Rational, Row, Variable, rational, round_down, round_up,
};

use super::cells::Target;

/// The half-spaces of every disjunct, those left out that the box itself sees to; each once.
pub(super) fn targets(
    question: &Question,
    network: &Network,
    lower: &[Rational],
    upper: &[Rational],
) -> Result<(Vec<Target>, Vec<Vec<usize>>), Trouble> {
    let mut known: Vec<HalfSpace> = Vec::new();
    let mut disjuncts = Vec::new();
    for own in &question.disjuncts {
        let mut rows = Vec::new();
        for half_space in question.common.iter().chain(own) {
            let seen_to = half_space.bound().is_some_and(|(i, below, at)| {
                i < lower.len() && if below { at <= lower[i] } else { at >= upper[i] }
            });
            if seen_to {
                continue;
            }
            let at = known.iter().position(|other| other == half_space).unwrap_or_else(|| {
                known.push(half_space.clone());
                known.len() - 1
            });
            rows.push(at);
        }
        rows.sort_unstable();
        rows.dedup();
        disjuncts.push(rows);
    }
    let targets = known.iter().map(|half_space| target(half_space, network)).collect::<Result<_, _>>()?;
    Ok((targets, disjuncts))
}

fn target(half_space: &HalfSpace, network: &Network) -> Result<Target, Trouble> {
    let common = |values: &mut dyn Iterator<Item = &Rational>| {
        values.fold(Rational::ONE, |d, v| {
            let scaled = &d * v;
            d * Rational::from(scaled.denominator().clone())
        })
    };
    let whole = |value: Rational| Dyadic::integer(value.numerator().clone());
    let coefficients = common(&mut half_space.terms.iter().map(|(_, c)| c));
    let constant = &half_space.constant * &coefficients;
    let mut row = Row {
        outputs: vec![0.0; network.outputs()],
        inputs: Vec::new(),
        inner: round_down(&constant),
        outer: round_up(&constant),
        strict: half_space.strict,
    };
    let all = common(&mut [&constant].into_iter());
    let mut outputs = vec![Dyadic::ZERO; network.outputs()];
    let mut inputs = vec![Dyadic::ZERO; network.inputs()];
    for (variable, c) in &half_space.terms {
        let scaled = c * &coefficients;
        let near = scaled.to_f64().value();
        if !near.is_finite() || rational(near) != scaled {
            let why = "a coefficient of the question has more digits than a double";
            return Err(Trouble::not_checkable(why));
        }
        let exact = whole(scaled * &all);
        match variable {
            Variable::Input(i) => {
                row.inputs.resize(network.inputs(), 0.0);
                row.inputs[*i as usize] = near;
                inputs[*i as usize] = exact;
            }
            Variable::Output(j) => {
                row.outputs[*j as usize] = near;
                outputs[*j as usize] = exact;
            }
        }
    }
    let outputs = ExactForm { slopes: outputs, constant: whole(constant * &all) };
    Ok(Target { row, outputs, inputs })
}

/// The sides of the exact box, in integers: `q x − p ≥ 0`, `p − q x ≥ 0`.
pub(super) fn sides(lower: &[Rational], upper: &[Rational]) -> Vec<ExactForm> {
    let n = lower.len();
    let side = |i: usize, at: &Rational, sign: i8| {
        let mut slopes = vec![Dyadic::ZERO; n];
        slopes[i] = Dyadic::integer(at.denominator().clone().into());
        let form = ExactForm { slopes, constant: Dyadic::integer(-at.numerator().clone()) };
        if sign > 0 { form } else { form.negated() }
    };
    let free = (0..n).filter(|&i| lower[i] < upper[i]);
    free.flat_map(|i| [side(i, &lower[i], 1), side(i, &upper[i], -1)]).collect()
}
