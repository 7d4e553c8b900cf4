//! Certified distances: a proved lower bound beside the nearest answer, and the proof that there is none.

use netinverse_answer::{
    Answer, Certificate, CertificateKind, DistanceProof, Evaluations, Optimality, Query, Status,
};
use netinverse_base::{Budget, Error, Place, Progress, Result};
use netinverse_geometry::Distance;
use netinverse_preimage::verify::{NearestQuestion, ProvedCase, certify};
use netinverse_spec::{Case, Formula, HalfSpace, Linear, Rational, Rounding, Row, TargetSet, Variable};

use serde_json::json;

use super::attempt::{Aim, Judge};
use super::prepare::Prepared;
use super::problem::NormName;

/// Multiplications for a row at an effort of 1: some ten seconds on two cores.
const WORK: f64 = 1e11;

/// An answer is the nearest where the bound is this near to it.
const NEAREST: f64 = 1e-6;

/// What constraints between inputs may be off by, in units of their largest coefficient.
const CONSTRAINT_SLACK: f64 = 2e-12;

/// Refuses what nothing can be proved of.
pub(super) fn check(prepared: &Prepared) -> Result<()> {
    let problem = prepared.problem();
    let Some(effort) = problem.certify else { return Ok(()) };
    let fault = if !(effort.is_finite() && effort > 0.0) {
        return Err(Error::input(format!("{effort} is not a positive effort")).at(at()));
    } else if problem.objective.is_some() {
        "distances are not what `--maximize` and `--minimize` choose answers by"
    } else if prepared.belief.prefers() {
        "distances are not what `--prior` chooses answers by"
    } else {
        return Ok(());
    };
    Err(Error::unsupported(fault).at(at()).hint("leave out one of the two"))
}

fn at() -> Place {
    Place::Option("--certify".into())
}

impl Judge<'_> {
    /// Adds to a query what can be proved of its distance, or that it has no answer.
    ///
    /// # Errors
    /// An operator of which no bounds are known.
    pub(super) fn certify(
        &self,
        position: usize,
        query: &mut Query,
        budget: &Budget,
        progress: &dyn Progress,
    ) -> Result<()> {
        let prepared = self.prepared;
        let problem = prepared.problem();
        let keep = problem.keep_proofs;
        // What intervals have excluded needs no search, unless a proof of it is to be written.
        let Some(effort) = problem.certify.filter(|_| keep || query.certificate.is_none()) else {
            return Ok(());
        };
        let excluded = query.certificate.is_some();
        let mut proofs: Option<Vec<ProvedCase>> = keep.then(Vec::new);
        let mut centre: Option<Vec<f64>> = None;
        let norm = match problem.norm {
            NormName::L1 => netinverse_geometry::Norm::L1,
            NormName::L2 => netinverse_geometry::Norm::L2,
            NormName::Linf => netinverse_geometry::Norm::LInfinity,
        };
        let mut bound = f64::INFINITY;
        let mut boxes = 0;
        let work = effort * WORK / prepared.regions.len() as f64;
        for region in &prepared.regions {
            let near = prepared.near(position, region);
            let own = prepared.asks_other_class().then(|| self.class(&near));
            let set = prepared.set(position, region, own, Rounding::Outward)?;
            let tolerance = self.tolerance(set.as_ref());
            let Some(formula) = formula(region.case.as_ref(), set.as_ref(), tolerance) else {
                // What is asked is more than what the rows say.
                bound = 0.0;
                proofs = None;
                continue;
            };
            let distance = Distance::new(norm, &near, problem.weights.as_deref());
            let question = NearestQuestion {
                formula,
                lower: &region.domain.lower,
                upper: &region.domain.upper,
                distance: &distance,
                found: query.answers.iter().map(|a| a.distance).min_by(f64::total_cmp),
                work: work as u64,
                keep_proof: keep,
            };
            let certified = certify(&prepared.network, &question, budget, progress)?;
            bound = bound.min(certified.distance);
            boxes += certified.boxes;
            proofs = proofs.zip(certified.proof).map(|(mut all, own)| {
                all.extend(own);
                all
            });
            // One row of the proof file has one centre.
            if centre.as_ref().is_some_and(|before| *before != near) {
                proofs = None;
            }
            centre.get_or_insert_with(|| near.clone());
            if let Some(x) = certified.nearer {
                let set = prepared.set(position, region, own, Rounding::Inward)?;
                let aim = Aim { set: set.as_ref(), near };
                let mut evaluations = Evaluations::default();
                let found = self.answer(&aim, &region.domain, x, &mut evaluations);
                query.evaluations.add(evaluations);
                if let Some(answer) = found {
                    adopt(query, answer, problem.count);
                }
            }
        }
        query.proof = proof(proofs, centre, bound);
        if excluded {
            query.proof.take_if(|proof| proof.bound.is_some());
            return Ok(());
        }
        if query.answers.is_empty() {
            if bound.is_infinite() {
                query.status = Status::Unreachable;
                query.nearest = None;
                query.certificate = Some(Certificate {
                    kind: CertificateKind::Paving,
                    reason: format!(
                        "the bounds were cut into {boxes} parts, and none of them holds an answer"
                    ),
                    numbers: Vec::new(),
                });
            } else {
                query.certified = Some(bound);
            }
            return Ok(());
        }
        let nearest = query.answers.iter().map(|a| a.distance).fold(f64::INFINITY, f64::min);
        let bound = bound.min(nearest);
        query.certified = Some(bound);
        for answer in &mut query.answers {
            if bound >= answer.distance * (1.0 - NEAREST) {
                answer.optimality = Optimality::Proved;
            }
        }
        Ok(())
    }
}

/// The proof as the proof file has it.
fn proof(cases: Option<Vec<ProvedCase>>, centre: Option<Vec<f64>>, bound: f64) -> Option<DistanceProof> {
    let (cases, near) = (cases?, centre?);
    let mut lines = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        // Infinite ends become null.
        let own = json!({"case": number, "lower": case.lower, "upper": case.upper});
        lines.push(own.to_string());
        lines.extend(case.tree.lines(number));
    }
    Some(DistanceProof { near, bound: bound.is_finite().then_some(bound), lines, cases: cases.len() })
}

/// A nearer answer becomes the first.
fn adopt(query: &mut Query, answer: Answer, count: usize) {
    if query.answers.first().is_none_or(|first| answer.distance < first.distance) {
        query.answers.insert(0, answer);
        query.answers.truncate(count.max(1));
        (query.status, query.nearest) = (Status::Solved, None);
    }
}

/// What must hold at an answer, to within the tolerances: exact where a formula asked for it, rows rounded outward elsewhere.
/// `None` where rows do not say all.
fn formula(case: Option<&Case>, set: Option<&TargetSet>, tolerance: f64) -> Option<Formula> {
    let within = |half_space: &HalfSpace, slack: f64| -> Option<Formula> {
        let slack = Rational::from_f64(slack)?;
        let form = half_space.form.clone();
        let form = form.minus(Linear::constant_form(-slack)).ok()?;
        Some(Formula::atom(HalfSpace::new(form, false)))
    };
    let mut parts = Vec::new();
    if let Some(case) = case {
        for half_space in case.input_half_spaces() {
            let largest = half_space.form.terms().iter().map(|(_, c)| c.abs().upper()).fold(0.0, f64::max);
            let slack = if half_space.form.terms().len() > 1 { CONSTRAINT_SLACK * largest } else { 0.0 };
            parts.push(within(half_space, slack)?);
        }
    }
    match (case, set) {
        // The target is one of its own, beside conditions on inputs.
        (_, Some(TargetSet::Values(values))) => {
            for (j, &value) in values.iter().enumerate() {
                let row = |sign: f64| Row {
                    terms: vec![(j, sign)],
                    constant: -sign * value,
                    strict: false,
                    errors: vec![0.0],
                    rounding: Rounding::Outward,
                };
                parts.push(of_row(&row(1.0), tolerance)?);
                parts.push(of_row(&row(-1.0), tolerance)?);
            }
        }
        (Some(case), _) if case.pieces.iter().any(|piece| !piece.is_empty()) => {
            let mut pieces = Vec::new();
            for piece in &case.pieces {
                let atoms: Option<Vec<Formula>> = piece.iter().map(|h| within(h, tolerance)).collect();
                pieces.push(Formula::all(atoms?));
            }
            parts.push(Formula::any(pieces));
        }
        (_, Some(TargetSet::Union(union))) => parts.push(of_union(union, tolerance)?),
        (_, None) => {}
    }
    Some(Formula::all(parts))
}

fn of_union(union: &netinverse_spec::Union, tolerance: f64) -> Option<Formula> {
    if !union.exact {
        return None;
    }
    let mut pieces = Vec::new();
    for piece in &union.pieces {
        let mut atoms = Vec::new();
        for row in &piece.rows {
            atoms.push(of_row(row, tolerance)?);
        }
        for row in &piece.equalities {
            let terms = row.terms.iter().map(|&(j, c)| (j, -c)).collect();
            let negated = Row { terms, constant: -row.constant, ..row.clone() };
            atoms.push(of_row(row, tolerance)?);
            atoms.push(of_row(&negated, tolerance)?);
        }
        pieces.push(Formula::all(atoms));
    }
    Some(Formula::any(pieces))
}

/// `row ≥ −tolerance`, exactly; `None` where a coefficient is not the exact one.
fn of_row(row: &Row, tolerance: f64) -> Option<Formula> {
    if !row.has_exact_coefficients() {
        return None;
    }
    let mut terms = Vec::with_capacity(row.terms.len());
    for &(j, c) in &row.terms {
        terms.push((Variable::Output(j as u32), Rational::from_f64(c)?));
    }
    let tolerance = Linear::constant_form(-Rational::from_f64(tolerance)?);
    let form = Linear::new(terms, Rational::from_f64(row.constant)?).ok()?.minus(tolerance).ok()?;
    Some(Formula::atom(HalfSpace::new(form, false)))
}
