//! The claims of `netinverse invert --certify --proof`: that no input with what is asked is nearer than a bound, or that there is
//! none, and how far the input that was found is.

mod format;

use crate::Context;
use crate::kernel::{Ball, HalfSpace, Network, Norm, Question, Rational, Row, Variable, rational};
use crate::question::describe;
use crate::report::{Outcome, Report, Trouble, refuse};
use crate::verify::{empty, holds};
use format::{CaseLine, Claimed};

pub(crate) const SCHEMA: &str = "netinverse.distance/1";

/// What a witness may violate a question on the command line by, relative to the sizes in it: answers are found to a tolerance.
const TOLERANCE: f64 = 1e-6;

/// What a distance as it is said may be off by, relative to it: it was computed in doubles.
const ROUNDED: f64 = 1e-9;

pub(crate) fn check(text: &str, context: &Context, report: &mut Report) -> Result<(), Outcome> {
    let (head, rows) = format::read(text)?;
    if head.model.sha256 != context.sha256 {
        let reason = format!("the answer is about a model with the SHA-256 {}", head.model.sha256);
        return Err(refuse(1, "model", reason));
    }
    let asked = context.stated.clone().map(|mut asked| {
        asked.output.clone_from(&head.output);
        asked
    });
    let read = asked.as_ref().map(crate::question::Asked::read).transpose()?;
    let outputs: Vec<String> = head.output.iter().cloned().collect();
    let network =
        crate::model::network(&context.model, read.as_ref().map_or(&outputs, |read| &read.outputs))?;
    let (n, m) = (network.inputs(), network.outputs());
    let stated = match (&asked, &read) {
        (Some(asked), Some(read)) => Some(asked.question(read, n, m)?),
        _ => None,
    };
    let norm = match head.norm.as_str() {
        "l1" => Norm::L1,
        "l2" => Norm::L2,
        "linf" => Norm::LInfinity,
        other => return Err(Trouble::input(format!("line 1: there is no norm `{other}`")).into()),
    };
    let weights = head.weights.clone().unwrap_or_else(|| vec![1.0; n]);
    if weights.len() != n || !weights.iter().all(|w| w.is_finite() && *w > 0.0) {
        return Err(refuse(1, "weights", "they are not one positive number for each input"));
    }
    report.claim = format!("distances ({}) in {} rows, and that nothing is nearer", head.norm, rows.len());
    for own in &rows {
        let centre = own.said.near.clone();
        if centre.len() != n {
            return Err(refuse(own.line, "near", "it is not one number for each input"));
        }
        let radius = own.said.bound.unwrap_or(f64::INFINITY);
        if radius.is_nan() || radius < 0.0 {
            return Err(refuse(own.line, "bound", "it is not a distance"));
        }
        let ball = Ball { norm, centre, weights: weights.clone(), radius };
        row(own, &network, stated.as_ref(), &ball, context, report)?;
    }
    if let Some(first) = head.unproved.first() {
        let why = format!("of {} rows, row {first} first, the file holds no proof", head.unproved.len());
        return Err(Trouble::not_checkable(why).into());
    }
    Ok(())
}

/// The claims of one row.
fn row(
    own: &Claimed,
    network: &Network,
    stated: Option<&Question>,
    ball: &Ball,
    context: &Context,
    report: &mut Report,
) -> Result<(), Outcome> {
    let n = network.inputs();
    let question = question(own, n)?;
    let words = describe(stated.unwrap_or(&question), n);
    if !report.question.is_empty() {
        report.question += "\n";
    }
    let from = format!("row {}, from {}: {words}", own.said.row, point(&ball.centre));
    report.question += &from;
    witness(own, network, &question, stated, ball)?;
    // Nothing is nearer than 0.
    if ball.radius == 0.0 {
        return Ok(());
    }
    let mut near = stated.unwrap_or(&question).clone();
    let finite = ball.radius.is_finite();
    if finite {
        near.common.extend((0..n).flat_map(|i| {
            let (low, high) = ball.reach(i);
            let low = low.is_finite().then(|| side(i, low, true));
            low.into_iter().chain(high.is_finite().then(|| side(i, high, false)))
        }));
    }
    empty(&own.regions, network, &near, finite.then_some(ball), own.line, context, report)
}

/// The question that the row says was asked: its cases.
fn question(own: &Claimed, n: usize) -> Result<Question, Outcome> {
    let mut question = Question::default();
    for (case, region) in own.cases.iter().zip(&own.regions) {
        let wrong = |reason: &str| Err(refuse(region.line, "case", reason));
        if case.lower.len() != n || case.upper.len() != n {
            return wrong("it has other sizes than the network");
        }
        let sides = sides(case);
        let rows: Vec<Row> = region.rows.iter().map(crate::verify::format::RowText::row).collect();
        if own.cases.len() == 1 {
            question.common.clone_from(&sides);
        }
        for disjunct in &region.disjuncts {
            let mut all = if own.cases.len() == 1 { Vec::new() } else { sides.clone() };
            for &number in disjunct {
                let Some(row) = rows.get(number as usize) else {
                    return wrong("a disjunct names a row that does not exist");
                };
                all.push(row.half_space(row.outer));
            }
            question.disjuncts.push(all);
        }
    }
    Ok(question)
}

/// The ends of a case's box as half-spaces.
fn sides(case: &CaseLine) -> Vec<HalfSpace> {
    let low = case.lower.iter().enumerate().filter_map(|(i, end)| Some(side(i, (*end)?, true)));
    let high = case.upper.iter().enumerate().filter_map(|(i, end)| Some(side(i, (*end)?, false)));
    low.chain(high).collect()
}

/// An input bounded below or above.
fn side(i: usize, end: f64, below: bool) -> HalfSpace {
    let sign = if below { 1.0 } else { -1.0 };
    let terms = vec![(Variable::Input(i as u32), rational(sign))];
    HalfSpace { terms, constant: rational(-sign * end), strict: false }
}

/// Whether the input that was found satisfies what was asked, and is as far as is said.
fn witness(
    own: &Claimed,
    network: &Network,
    question: &Question,
    stated: Option<&Question>,
    ball: &Ball,
) -> Result<(), Outcome> {
    let wrong = |reason: &str| Err(refuse(own.line, "witness", reason));
    let (Some(x), Some(said)) = (&own.said.x, own.said.distance) else {
        return match (&own.said.x, own.said.distance) {
            (None, None) => Ok(()),
            _ => wrong("an input without its distance, or a distance without its input"),
        };
    };
    if x.len() != network.inputs() {
        return wrong("it is not one number for each input");
    }
    let exact: Vec<Rational> = x.iter().map(|&v| rational(v)).collect();
    let relaxed = stated.map(relaxed);
    for question in std::iter::once(question).chain(&relaxed) {
        match holds(network, question, &exact).0 {
            Some(true) => {}
            Some(false) => return wrong("it does not satisfy the question"),
            None => return wrong("nothing proves that it satisfies the question"),
        }
    }
    let measure = |d: f64| if ball.norm == Norm::L2 { rational(d) * rational(d) } else { rational(d) };
    let far = ball.measure(x);
    if !((0.0..1e150).contains(&said)
        && measure(said * (1.0 - ROUNDED)) <= far
        && far <= measure(said * (1.0 + ROUNDED)))
    {
        return Err(refuse(own.line, "distance", "the input is not as far as is said"));
    }
    Ok(())
}

/// The question with room for the tolerance to which answers are found.
fn relaxed(question: &Question) -> Question {
    let size = |v: &Rational| if *v < Rational::ZERO { -v.clone() } else { v.clone() };
    let relax = |h: &HalfSpace| {
        let sum = h.terms.iter().fold(size(&h.constant), |sum, (_, c)| sum + size(c));
        HalfSpace {
            terms: h.terms.clone(),
            constant: h.constant.clone() + rational(TOLERANCE) * sum,
            strict: false,
        }
    };
    Question {
        common: question.common.iter().map(relax).collect(),
        disjuncts: question.disjuncts.iter().map(|own| own.iter().map(relax).collect()).collect(),
    }
}

/// A point in words.
fn point(x: &[f64]) -> String {
    const SHOWN: usize = 8;
    let shown: Vec<String> = x.iter().take(SHOWN).map(f64::to_string).collect();
    let more = if x.len() > SHOWN { format!(", … ({} numbers)", x.len()) } else { String::new() };
    format!("({}{more})", shown.join(", "))
}
