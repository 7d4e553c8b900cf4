//! The claims of a proof of `netinverse verify`: a witness, or a tree of which no part holds one.

mod ascent;
mod boxes;
pub(crate) mod format;
mod signs;

use crate::Context;
use crate::kernel::{
    Ball, Network, Part, Prover, Question, Ranges, Rational, Row, evaluate, parse_number, rational,
    round_down, round_up,
};
use crate::question::{Asked, describe};
use crate::report::{Outcome, Report, Trouble, refuse};
use crate::work::Work;
use format::{Head, Region, Verdict};

pub(crate) const SCHEMA: &str = "netinverse.verify/2";

pub(crate) fn check(text: &str, context: &Context, report: &mut Report) -> Result<(), Outcome> {
    let (head, regions) = format::read(text)?;
    if head.model.sha256 != context.sha256 {
        return Err(refuse(
            1,
            "model",
            format!("the answer is about a model with the SHA-256 {}", head.model.sha256),
        ));
    }
    if crate::sha256(head.query.text.as_bytes()) != head.query.sha256 {
        return Err(refuse(1, "query", "the SHA-256 is not that of the text"));
    }
    let asked = context
        .stated
        .clone()
        .unwrap_or_else(|| Asked { specification: Some(head.query.text.clone()), ..Asked::default() });
    let read = asked.read()?;
    let network = crate::model::network(&context.model, &read.outputs)?;
    let question = asked.question(&read, network.inputs(), network.outputs())?;
    report.question = describe(&question, network.inputs());
    match head.verdict {
        Verdict::Sat => {
            report.claim = "sat: there is such an input".into();
            witness(&head, &network, &question)
        }
        Verdict::Unsat => {
            report.claim = "unsat: there is no such input".into();
            empty(&regions, &network, &question, None, 1, context, report)
        }
        Verdict::Unknown => Err(Trouble::not_checkable("the answer says unknown, and claims nothing").into()),
    }
}

/// A region in numbers.
struct Known {
    lower: Vec<Rational>,
    upper: Vec<Rational>,
    outputs: Vec<f64>,
    rows: Vec<Row>,
}

impl Known {
    fn of(region: &Region, network: &Network) -> Self {
        let exact = |side: &[f64]| side.iter().map(|&v| rational(v)).collect();
        Known {
            lower: exact(&region.lower),
            upper: exact(&region.upper),
            outputs: Prover::new(network).reach(&region.lower, &region.upper),
            rows: region.rows.iter().map(format::RowText::row).collect(),
        }
    }

    fn part<'a>(&'a self, region: &'a Region) -> Part<'a> {
        let ranges = Ranges { lower: &self.lower, upper: &self.upper, outputs: &self.outputs };
        Part { ranges, rows: &self.rows, disjuncts: &region.disjuncts }
    }
}

/// Whether a point satisfies the question, where that can be told, and enclosures of its outputs.
pub(crate) fn holds(
    network: &Network,
    question: &Question,
    x: &[Rational],
) -> (Option<bool>, Option<Vec<(Rational, Rational)>>) {
    let ends = |round: fn(&Rational) -> f64| x.iter().map(round).collect::<Vec<f64>>();
    let mut prover = Prover::new(network);
    let mut outputs = None;
    if prover.analyse(&ends(round_down), &ends(round_up), false) {
        let range = &prover.analysis.ranges[network.output];
        let of = |j: usize| (rational(range.lo[j]), rational(range.hi[j]));
        outputs = Some((0..network.outputs()).map(of).collect::<Vec<_>>());
    }
    let mut verdict = outputs.as_ref().and_then(|y| question.holds(x, y));
    if verdict.is_none()
        && let Some(y) = evaluate(network, x)
    {
        let exact: Vec<_> = y.into_iter().map(|y| (y.clone(), y)).collect();
        verdict = question.holds(x, &exact);
        outputs = Some(exact);
    }
    (verdict, outputs)
}

/// Whether the exact decimals satisfy the question.
fn witness(head: &Head, network: &Network, question: &Question) -> Result<(), Outcome> {
    let claim = |reason: &str| Err(refuse(1, "witness", reason));
    let Some(text) = &head.x else { return claim("there is none") };
    let x: Option<Vec<Rational>> = text.iter().map(|t| parse_number(t)).collect();
    let Some(x) = x.filter(|x| x.len() == network.inputs()) else {
        return claim("it is not one number for each input");
    };
    let m = network.outputs();
    let (verdict, outputs) = holds(network, question, &x);
    match verdict {
        Some(true) => {}
        Some(false) => return claim("it does not satisfy the question"),
        None => return claim("nothing proves that it satisfies the question"),
    }
    // f(x) as evaluated in doubles: near the truth.
    let (Some(said), Some(known)) = (&head.y, outputs) else { return claim("its outputs are missing") };
    let near = |(said, (low, high)): (&f64, &(Rational, Rational))| {
        let slack = rational(1e-6) * (Rational::ONE + rational(said.abs()));
        low.clone() - slack.clone() <= rational(*said) && rational(*said) <= high.clone() + slack
    };
    if said.len() != m || !said.iter().zip(&known).all(near) {
        return claim("its outputs are others");
    }
    Ok(())
}

/// Whether the regions take in the question, and nothing of it is in them, in the ball if there is one.
pub(crate) fn empty(
    regions: &[Region],
    network: &Network,
    question: &Question,
    ball: Option<&Ball>,
    line: usize,
    context: &Context,
    report: &mut Report,
) -> Result<(), Outcome> {
    let (n, m) = (network.inputs(), network.outputs());
    let mut all = Vec::new();
    for region in regions {
        let claim = |reason: &str| Err(refuse(region.line, "region", reason));
        let sizes = region.lower.len() == n
            && region.upper.len() == n
            && region
                .rows
                .iter()
                .all(|r| r.outputs.len() == m && (r.inputs.is_empty() || r.inputs.len() == n));
        if !sizes || (0..n).any(|i| region.lower[i] > region.upper[i]) {
            return claim("it has other sizes than the network, or a box inside out");
        }
        if region.disjuncts.iter().flatten().any(|&row| row as usize >= region.rows.len()) {
            return claim("a disjunct names a row that does not exist");
        }
        all.push(Known::of(region, network));
    }
    let parts: Vec<Part> = all.iter().zip(regions).map(|(known, region)| known.part(region)).collect();
    if question.is_covered(n, &parts).is_err() {
        return Err(refuse(line, "query", "the regions leave out a case of the question"));
    }
    let work = Work::new(context.stop.clone());
    for (region, known) in regions.iter().zip(&all) {
        boxes::check(region, network, &known.rows, ball, &work)?;
        report.checked.leaves += region.nodes.len();
        for tree in &region.trees {
            report.checked.leaves += tree.nodes.len();
        }
    }
    report.checked.boxes += work.boxes();
    Ok(())
}
