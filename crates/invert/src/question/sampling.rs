//! Samples of the fibre under a prior, as answers.

use netinverse_answer::fibre::{Plateau, SampledComponent, Sampling};
use netinverse_answer::{Answer, Evaluations, Query, Status};
use netinverse_base::{Budget, Error, Place, Progress, Result, ResultExt};
use netinverse_network::{Dense, Linear, Network, NetworkBuilder, Op, Param, Shape, WeightOrder};
use netinverse_spec::{Rounding, TargetSet};

use super::attempt::{Aim, Judge};
use super::prepare::Prepared;
use super::problem::{Asked, PriorName};
use crate::fibre::sample::{Prior, SampleOptions, Samples, sample};
use crate::solve::{PeeledGoal, Polyhedron, peel};

/// Answers from which chains start: one of each component first.
const STARTS: usize = 4;
/// Shares of the tolerance, one a try.
const SHARES: [f64; 3] = [0.1, 1e-3, 1e-5];

/// Refuses, before any work, what cannot be sampled.
pub(super) fn check(prepared: &Prepared) -> Result<()> {
    let problem = prepared.problem();
    let at = || Place::Option("--sample".into());
    if problem.sample == Some(0) {
        return Err(Error::input("at least one sample must be asked for").at(at()));
    }
    let [region] = &prepared.regions[..] else {
        return Err(Error::unsupported("samples are drawn in one box").at(at()));
    };
    let fault = if !matches!(problem.asked, Asked::Values { .. }) {
        Some("a fibre is that of output values: give `--target`")
    } else if problem.objective.is_some() {
        Some("a sample has no objective")
    } else if !problem.integers.is_empty() {
        Some("samples of integer inputs are not drawn")
    } else if region.domain.constraints() > 0 {
        Some("samples are drawn in a box: `--subject-to` is not taken into account")
    } else if matches!(problem.prior, PriorName::None) && !region.is_finite() {
        Some("without a prior samples are uniform, in a bounded box: give `--bounds`, or `--prior gaussian`")
    } else if matches!(problem.prior, PriorName::Tv | PriorName::Autoencoder(_) | PriorName::Decoder(_)) {
        Some("samples are drawn under the priors `none`, `gaussian` and `pca`")
    } else {
        None
    };
    match fault {
        Some(fault) => {
            Err(Error::unsupported(fault).at(at()).hint("`--count` gives different answers to any question"))
        }
        None => Ok(()),
    }
}

impl Judge<'_> {
    /// Samples for these queries.
    pub(super) fn samples(
        &self,
        queries: &[usize],
        budget: &Budget,
        progress: &dyn Progress,
    ) -> Result<Vec<Query>> {
        let prepared = self.prepared;
        let region = &prepared.regions[0];
        let rows = &prepared.problem().rows;
        let mut sets: Vec<Option<TargetSet>> = Vec::with_capacity(queries.len());
        let mut answered: Vec<Query> = Vec::with_capacity(queries.len());
        let mut open = Vec::new();
        for (position, &query) in queries.iter().enumerate() {
            let set = prepared.set(query, region, None, Rounding::Inward)?;
            let mut own = Query { row: rows[query], ..Query::default() };
            own.certificate = set.as_ref().and_then(|set| self.disprove(0, set));
            if own.certificate.is_some() {
                own.status = Status::Unreachable;
            } else {
                open.push(position);
            }
            sets.push(set);
            answered.push(own);
        }
        let aims: Vec<Aim<'_>> = open
            .iter()
            .map(|&p| Aim { set: sets[p].as_ref(), near: prepared.near(queries[p], region) })
            .collect();
        let starts = self.search(&region.domain, &aims, STARTS, false, budget, progress);
        for ((&position, aim), found) in open.iter().zip(&aims).zip(starts) {
            let query = &mut answered[position];
            query.evaluations = found.evaluations;
            if found.answers.is_empty() {
                query.nearest = found.nearest;
                query.certificate = aim.set.and_then(|set| self.disprove_layer(&region.domain, set));
                query.status = match (&query.certificate, found.stopped || budget.stop().is_some()) {
                    (Some(_), _) => Status::Unreachable,
                    (None, true) => Status::Limit,
                    (None, false) => Status::NotFound,
                };
                continue;
            }
            let seed = budget.seed() ^ (rows[queries[position]] as u64).wrapping_mul(0xA5A5_1F2E_3D4C_5B69);
            self.draw(query, aim, &found.answers, &budget.clone().with_seed(seed))?;
            progress.update(position as u64 + 1, &format!("{} samples", query.answers.len()));
        }
        Ok(answered)
    }

    /// Draws the samples of one query from its starts.
    fn draw(&self, query: &mut Query, aim: &Aim<'_>, starts: &[Answer], budget: &Budget) -> Result<()> {
        let prepared = self.prepared;
        let domain = &prepared.regions[0].domain;
        let n = prepared.inputs();
        let tolerance = self.tolerance(aim.set);
        let peeled = peel(&prepared.inner, &[self.goal(aim.set, 0.0)], &[tolerance]);
        let PeeledGoal::Goal(goal) = &peeled.goals[0] else { return Ok(()) };
        let fibre = with_rows(&peeled.network, &goal.alternatives[0])?;
        let target = vec![0.0; goal.alternatives[0].len()];
        let prior = match prepared.belief.gaussian() {
            Some(gaussian) => Prior::Normal(gaussian.clone()),
            None => Prior::Uniform,
        };
        let outputs = target.len();
        let starts: Vec<Vec<f64>> = starts.iter().map(|answer| answer.x.clone()).collect();
        let mut kept: Option<(Samples, Vec<Option<Answer>>, Evaluations)> = None;
        for share in SHARES {
            let mut spent = Evaluations::default();
            let options = SampleOptions {
                count: prepared.problem().sample.unwrap_or(1),
                chains: STARTS,
                burn_in: 300,
                tolerance: share * tolerance,
                // In a flat of several dimensions every point of a global step is Newton's method again.
                global: if outputs == 1 { 0.2 } else { 0.05 },
                trials: if outputs == 1 { 64 } else { 8 },
                ..SampleOptions::default()
            };
            let bounds = (&domain.lower[..], &domain.upper[..]);
            let samples = sample(&fibre, &target, bounds, &prior, &starts, &options, budget)
                .at(|| Place::Option("--sample".into()))?;
            spent.forward += samples.evaluations.0 + samples.evaluations.1;
            if n < outputs {
                spent.jvp += samples.evaluations.1 * n as u64;
            } else {
                spent.vjp += samples.evaluations.1 * outputs as u64;
            }
            let answers: Vec<Option<Answer>> =
                samples.points.iter().map(|x| self.answer(aim, domain, x.clone(), &mut spent)).collect();
            let missed = answers.iter().filter(|answer| answer.is_none()).count();
            query.evaluations.add(spent);
            let fewest = kept.as_ref().is_none_or(|(_, answers, _)| {
                missed < answers.iter().filter(|answer| answer.is_none()).count()
            });
            if fewest {
                kept = Some((samples, answers, spent));
            }
            if missed == 0 || budget.stop().is_some() {
                break;
            }
        }
        if let Some((samples, answers, _)) = kept {
            publish(query, samples, answers, prepared.problem().sample.unwrap_or(1));
        }
        Ok(())
    }
}

fn publish(query: &mut Query, samples: Samples, answers: Vec<Option<Answer>>, wanted: usize) {
    let mut chains = Vec::new();
    // Chains of one length may give a few more than were asked for.
    for (k, answer) in answers.into_iter().enumerate().take(wanted) {
        if let Some(mut answer) = answer {
            answer.component = Some(samples.labels[k]);
            chains.push(samples.chains[k]);
            query.answers.push(answer);
        }
    }
    query.status = match (samples.points.is_empty(), samples.stopped) {
        (false, None) => Status::Solved,
        (_, Some(_)) => Status::Limit,
        // The output is reached, on plateaus only: there is nothing to draw.
        (true, None) => Status::NotFound,
    };
    query.components = Some(samples.components.len());
    let sampling = Sampling {
        chains,
        effective_size: samples.effective_size,
        r_hat: samples.r_hat.is_finite().then_some(samples.r_hat),
        mixed: samples.mixed,
        acceptance: samples.acceptance,
        reverse_rejections: samples.reverse_rejections,
        jumps: samples.jumps,
        components: samples
            .components
            .iter()
            .enumerate()
            .map(|(index, c)| SampledComponent {
                count: query.answers.iter().filter(|answer| answer.component == Some(index)).count(),
                share: c.share,
                standard_error: if c.standard_error.is_finite() { c.standard_error } else { 0.0 },
            })
            .collect(),
        plateaus: samples.plateaus.into_iter().map(|p| Plateau { x: p.point, rank: p.rank }).collect(),
    };
    query.sampling = Some(sampling);
}

/// The network with outputs `R·y + c`: the rows of a polyhedron of equations.
fn with_rows(network: &Network, polyhedron: &Polyhedron) -> Result<Network> {
    let m = network.output_size();
    let mut builder = NetworkBuilder::new();
    let outputs = builder.append(network, None)?;
    let flat = builder.row(&outputs)?;
    let rows = polyhedron.len();
    let weight = Param::from_f64("rows", Shape::new([rows, m])?, polyhedron.rows.clone())?;
    let weight = builder.param(weight);
    let bias =
        builder.param(Param::from_f64("constants", Shape::vector(rows), polyhedron.constants.clone())?);
    let dense = Dense { weight, bias: Some(bias), order: WeightOrder::OutputsFirst };
    let end = builder.node("fibre", Op::Linear(Linear::Dense(dense)), &[flat])?;
    builder.finish(&[end])
}
