//! Every query of a problem, chunk by chunk, and what is said of each.

use std::collections::BTreeMap;

use netinverse_answer::{Certificate, Nearest, Query, Status};
use netinverse_base::{Budget, Progress, Result, StopReason};
use netinverse_spec::{Rounding, TargetSet};

use super::attempt::{Aim, Attempt, Judge};
use super::optimum::best_apart;
use super::prepare::Prepared;

/// Queries that are searched for together; memory is bounded by this and by the solver's batch, however
/// many queries there are.
pub const CHUNK: usize = 256;

/// Answers every query of the problem, in order.
pub fn invert(prepared: &Prepared, budget: &Budget, progress: &dyn Progress) -> Result<Vec<Query>> {
    let mut queries = Vec::with_capacity(prepared.problem().rows.len());
    invert_rows(prepared, BTreeMap::new(), budget, progress, &mut |query| {
        queries.push(query);
        Ok(())
    })?;
    Ok(queries)
}

/// Answers every query, in order, each given to `each` as soon as its chunk is done. Rows in `earlier` are
/// taken from there. When the budget ends, the rest are given with [`Status::Limit`].
pub fn invert_rows(
    prepared: &Prepared,
    mut earlier: BTreeMap<usize, Query>,
    budget: &Budget,
    progress: &dyn Progress,
    each: &mut dyn FnMut(Query) -> Result<()>,
) -> Result<Option<StopReason>> {
    let judge = Judge::new(prepared);
    let rows = &prepared.problem().rows;
    progress.stage("inverting", Some(rows.len() as u64));
    progress.update(0, "none solved yet");
    let mut tally = Tally::default();
    for first in (0..rows.len()).step_by(CHUNK) {
        let chunk = first..(first + CHUNK).min(rows.len());
        let asked: Vec<usize> = chunk.clone().filter(|&query| !earlier.contains_key(&rows[query])).collect();
        // A chunk's random numbers depend on the number of its first row alone: a part of the rows that is cut at chunks is
        // answered as within the whole.
        let seed = prepared.problem().seed ^ (rows[first] as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let live = Live { outer: progress, done: (chunk.len() - asked.len() + first) as u64, tally: &tally };
        let mut fresh = answer_chunk(&judge, &asked, &budget.clone().with_seed(seed), &live)?.into_iter();
        for query in chunk.clone() {
            let before = earlier.remove(&rows[query]);
            let answered_before = before.is_some();
            let answered = before.or_else(|| fresh.next());
            if let Some(mut answered) = answered {
                if !answered_before {
                    judge.score(&mut answered);
                }
                tally.add(&answered);
                each(answered)?;
            }
        }
        progress.update(chunk.end as u64, &tally.words());
    }
    Ok(budget.stop())
}

/// What is known so far, for the live line.
#[derive(Default)]
struct Tally {
    solved: usize,
    worst: f64,
    nearest: Option<f64>,
}

impl Tally {
    fn add(&mut self, query: &Query) {
        if let Some(best) = query.answers.first() {
            self.solved += 1;
            self.worst = self.worst.max(best.residual);
            self.nearest = Some(self.nearest.map_or(best.distance, |d| d.min(best.distance)));
        }
    }

    fn words(&self) -> String {
        match self.nearest {
            Some(distance) => format!(
                "{} solved, residual at most {:.1e}, best distance {distance:.3}",
                self.solved, self.worst
            ),
            None => "none solved yet".into(),
        }
    }
}

/// The solver's progress within a chunk, as progress of the whole.
struct Live<'a> {
    outer: &'a dyn Progress,
    done: u64,
    tally: &'a Tally,
}

impl Progress for Live<'_> {
    fn stage(&self, _name: &str, _total: Option<u64>) {}
    fn update(&self, done: u64, state: &str) {
        self.outer.update(self.done + done, &format!("{}; now {state}", self.tally.words()));
    }
    fn note(&self, line: &str) {
        self.outer.note(line);
    }
}

/// What was found for a query in all regions together.
#[derive(Default)]
struct Gathered {
    attempts: Vec<Attempt>,
    proofs: Vec<Option<Certificate>>,
}

fn answer_chunk(
    judge: &Judge<'_>,
    queries: &[usize],
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<Vec<Query>> {
    let prepared = judge.prepared;
    let mut gathered: Vec<Gathered> = queries.iter().map(|_| Gathered::default()).collect();
    let rows = &prepared.problem().rows;
    if budget.stop().is_some() {
        let unasked = queries.iter().zip(gathered);
        return Ok(unasked.map(|(&query, gathered)| conclude(judge, rows[query], gathered, true)).collect());
    }
    if prepared.problem().complete {
        return judge.preimages(queries, budget);
    }
    if prepared.problem().sample.is_some() {
        return judge.samples(queries, budget, progress);
    }
    for (index, region) in prepared.regions.iter().enumerate() {
        let mut near: Vec<Vec<f64>> = Vec::with_capacity(queries.len());
        let mut sets: Vec<Option<TargetSet>> = Vec::with_capacity(queries.len());
        let mut proofs: Vec<Option<Certificate>> = Vec::with_capacity(queries.len());
        for &query in queries {
            near.push(prepared.near(query, region));
            let own = prepared.asks_other_class().then(|| judge.class(&near[near.len() - 1]));
            let outward = prepared.set(query, region, own, Rounding::Outward)?;
            proofs.push(outward.and_then(|set| judge.disprove(index, &set)));
            sets.push(prepared.set(query, region, own, Rounding::Inward)?);
        }
        let open: Vec<usize> = (0..queries.len()).filter(|&position| proofs[position].is_none()).collect();
        let aims: Vec<Aim<'_>> = open
            .iter()
            .map(|&position| Aim { set: sets[position].as_ref(), near: std::mem::take(&mut near[position]) })
            .collect();
        let asked: Vec<usize> = open.iter().map(|&position| queries[position]).collect();
        let found = judge.answers_from_starts(&region.domain, &asked, &aims, budget, progress);
        let mut attempts: Vec<Attempt> = queries.iter().map(|_| Attempt::default()).collect();
        for (&position, attempt) in open.iter().zip(found) {
            if let (true, Some(set)) = (attempt.answers.is_empty(), &sets[position]) {
                proofs[position] = judge.disprove_layer(&region.domain, set);
            }
            attempts[position] = attempt;
        }
        for ((gathered, attempt), proof) in gathered.iter_mut().zip(attempts).zip(proofs) {
            gathered.attempts.push(attempt);
            gathered.proofs.push(proof);
        }
    }
    let stopped = budget.stop().is_some();
    let mut concluded = Vec::with_capacity(queries.len());
    for (&query, gathered) in queries.iter().zip(gathered) {
        let mut answered = conclude(judge, rows[query], gathered, stopped);
        if budget.stop().is_none() {
            judge.certify(query, &mut answered, budget, progress)?;
        }
        concluded.push(answered);
    }
    Ok(concluded)
}

impl Judge<'_> {
    /// Scores a query's answers beside the data, where there are data, and gives their energy under the prior.
    fn score(&self, query: &mut Query) {
        let belief = &self.prepared.belief;
        for answer in &mut query.answers {
            if let Some(energy) = &belief.energy {
                answer.prior = Some(energy.value(&answer.x));
            }
            if let Some(score) = belief.score(&answer.x) {
                answer.plausibility = Some(score.plausibility);
                answer.data_distance = score.distance;
            }
        }
    }
}

/// One query from its attempts in all regions.
fn conclude(judge: &Judge<'_>, row: usize, gathered: Gathered, stopped: bool) -> Query {
    let prepared = judge.prepared;
    let Gathered { attempts, proofs } = gathered;
    let mut query = Query { row, ..Query::default() };
    let several = attempts.len() > 1;
    let mut radius = 0.0f64;
    let mut any_stopped = stopped;
    for attempt in attempts {
        query.evaluations.add(attempt.evaluations);
        radius = radius.max(attempt.radius);
        any_stopped |= attempt.stopped;
        // Regions are told apart by their conditions: a component of one is none of another.
        let known = query.components.unwrap_or(0);
        query.answers.extend(attempt.answers.into_iter().map(|mut answer| {
            answer.component = answer.component.map(|own| own + known);
            answer
        }));
        query.components = attempt.components.map(|own| own + known).or(query.components);
        let nearer =
            |nearest: &Nearest| query.nearest.as_ref().is_none_or(|kept| nearest.residual < kept.residual);
        if let Some(nearest) = attempt.nearest.filter(nearer) {
            query.nearest = Some(nearest);
        }
    }
    let count = prepared.problem().count;
    if several {
        query.answers = best_apart(query.answers, count, prepared.separation, &|a| judge.rank(a));
    }
    if !query.answers.is_empty() {
        query.status = Status::Solved;
        query.nearest = None;
        // Among optima and integers the farthest-point order has no say.
        let by_distance = prepared.objective.is_none()
            && prepared.problem().integers.is_empty()
            && !prepared.belief.prefers();
        query.radius = (count > 1 && by_distance).then_some(radius);
        query.components = query.components.filter(|_| by_distance);
    } else if let Some(proofs) =
        proofs.into_iter().collect::<Option<Vec<Certificate>>>().filter(|proofs| !proofs.is_empty())
    {
        query.status = Status::Unreachable;
        query.certificate = proofs.into_iter().next();
    } else if any_stopped {
        query.status = Status::Limit;
    }
    if query.answers.is_empty() {
        query.components = None;
    }
    query
}
