//! Samples of the fibre `{x ∈ B : f(x) = y}` under a prior.
//!
//! Conditioning a prior π on f(x) = y gives, by the co-area formula, the law with density
//!
//! ```text
//! ρ(x) ∝ π(x) / √det J(x)J(x)ᵀ        against the (n−m)-dimensional Hausdorff measure on the fibre.
//! ```
//!
//! Several chains, one from each given answer, leave ρ in place by two kinds of steps, drawn at random:
//!
//! - *local*: the walk of Zappa, Holmes-Cerfon and Goodman (2018): a normal step in the tangent space, Newton's method
//!   back along Jᵀ, Metropolis, and the check that the reverse step exists. Steps out of the box are rejected.
//! - *global*: to another point in which a random m-dimensional flat through x meets the fibre, drawn with the
//!   probabilities that make it a Gibbs step. No path is needed, so this is what **weighs separate
//!   components against each other**; for one output the flat is a line, searched on a grid.
//!
//! Both are written down with their detailed balance where they are defined, and neither needs a continuous J: for
//! piecewise-linear networks ρ jumps at facets, which have measure zero. All draws have the same weight.
//!
//! Where J has rank less than m, as on the plateaus of a ReLU network, the conditional law has atoms (or parts of another
//! dimension) that no density describes: such places are reported apart and not sampled.
//!
//! **What is claimed.** Chains agree ([`Samples::r_hat`] near 1) only if they moved between the components they started
//! in; [`Samples::mixed`] says so, and only then are the components' shares those of the conditional law, restricted to
//! components that were met. Otherwise the shares reflect the starts, and the samples of each component are good for
//! that component alone.

mod chain;
mod connect;
mod flat;
mod statistics;
mod surface;
#[cfg(test)]
mod tests;
mod walk;

use netinverse_base::{Budget, Error, Place as ErrorPlace, Result, StopReason};
use netinverse_network::Network;
use rayon::prelude::*;

use crate::closed_form::GaussianPrior;
use chain::{Chain, Tally};
pub use statistics::{effective_size, r_hat};
use surface::{Kind, Place, Surface, distance};

/// How inputs are distributed before the output is known.
#[derive(Debug, Clone)]
pub enum Prior {
    /// Uniform on the box, which must be bounded.
    Uniform,
    /// Independent normal numbers, restricted to the box. One element an input.
    Gaussian {
        /// The means.
        mean: Vec<f64>,
        /// The standard deviations, positive where an input is not fixed.
        deviation: Vec<f64>,
    },
    /// Normal numbers with a covariance, restricted to the box; given the values of inputs that are fixed.
    Normal(GaussianPrior),
}

impl Prior {
    /// The prior of some of the inputs. One with a covariance stays whole: its density is that of whole inputs.
    fn at(&self, free: &[usize]) -> Prior {
        match self {
            Prior::Uniform => Prior::Uniform,
            Prior::Normal(prior) => Prior::Normal(prior.clone()),
            Prior::Gaussian { mean, deviation } => Prior::Gaussian {
                mean: free.iter().map(|&i| mean[i]).collect(),
                deviation: free.iter().map(|&i| deviation[i]).collect(),
            },
        }
    }
}

/// The settings of [`sample`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SampleOptions {
    /// The number of samples, of all chains together (rounded up to a multiple of the chains).
    pub count: usize,
    /// The least number of chains; there is one from each start, and starts are used again if there are fewer.
    pub chains: usize,
    /// Steps of each chain before the first sample; the step size is adapted in these only.
    pub burn_in: usize,
    /// Steps from sample to sample.
    pub thin: usize,
    /// The share of global steps.
    pub global: f64,
    /// Grid intervals on a line, or starts in a flat, of a global step.
    pub trials: usize,
    /// Newton steps of a projection.
    pub newton: usize,
    /// The first step size; `None` for a tenth of the prior's width.
    pub step: Option<f64>,
    /// f(x) = y to this, relative to 1 + |y|₂.
    pub tolerance: f64,
}

impl Default for SampleOptions {
    fn default() -> Self {
        SampleOptions {
            count: 1000,
            chains: 4,
            burn_in: 500,
            thin: 5,
            global: 0.2,
            trials: 64,
            newton: 12,
            step: None,
            tolerance: 1e-10,
        }
    }
}

/// What [`sample`] returns.
#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    /// The samples, chain after chain, each an input of the network. All weigh the same.
    pub points: Vec<Vec<f64>>,
    /// The chain of each sample.
    pub chains: Vec<usize>,
    /// The component of each sample: a position in [`Samples::components`].
    pub labels: Vec<usize>,
    /// The components that were met.
    pub components: Vec<SampledComponent>,
    /// The least [`effective_size`] of an input; 0 without samples.
    pub effective_size: f64,
    /// The largest [`r_hat`] of an input.
    pub r_hat: f64,
    /// Whether the chains agree (R̂ ≤ 1.05), so that shares of components are those of the conditional law.
    pub mixed: bool,
    /// Points where J has rank less than m, at which starts lay or which chains ran into.
    pub plateaus: Vec<Plateau>,
    /// The share of local steps that were accepted after burn-in.
    pub acceptance: f64,
    /// Local steps, after burn-in, that the reverse check rejected.
    pub reverse_rejections: usize,
    /// Global steps, after burn-in, that went to another point.
    pub jumps: usize,
    /// Starts that do not lie on the fibre in the box.
    pub dropped_starts: usize,
    /// What it cost: forward passes alone, and Jacobians (each with its forward pass).
    pub evaluations: (u64, u64),
    /// Why there are fewer samples than asked for, if there are.
    pub stopped: Option<StopReason>,
}

/// A component of the fibre that samples lie in, as far as paths on the fibre tell.
#[derive(Debug, Clone, PartialEq)]
pub struct SampledComponent {
    /// The number of samples.
    pub count: usize,
    /// Their share of all samples.
    pub share: f64,
    /// The share's standard error, by the effective size of "lies in this component".
    pub standard_error: f64,
    /// The first of its samples.
    pub representative: usize,
}

/// A point where J loses rank: part of an atom, if rank is lost around it too.
#[derive(Debug, Clone, PartialEq)]
pub struct Plateau {
    /// The point.
    pub point: Vec<f64>,
    /// The rank of J there, less than m.
    pub rank: usize,
}

/// The most plateau points kept; others nearby tell nothing new.
const PLATEAUS: usize = 64;

/// Samples `{x ∈ B : f(x) = y}` under a prior, from the given inputs with that output.
///
/// Inputs with equal bounds are fixed. The samples depend on the seed of the budget and not on its threads.
///
/// # Errors
/// Widths that do not fit, bounds or a prior that make no sense, no more free inputs than outputs, and starts of which
/// none lies on the fibre in the box.
pub fn sample(
    network: &Network,
    target: &[f64],
    (lower, upper): (&[f64], &[f64]),
    prior: &Prior,
    starts: &[Vec<f64>],
    options: &SampleOptions,
    budget: &Budget,
) -> Result<Samples> {
    check(options)?;
    let surface = Surface::new(network, target, lower, upper, prior, options.tolerance)?;
    let mut plateaus: Vec<(Vec<f64>, usize)> = Vec::new();
    let mut places: Vec<Place> = Vec::new();
    let mut dropped_starts = 0;
    for (row, start) in starts.iter().enumerate() {
        if start.len() != network.input_size() {
            let message =
                format!("a start has {} elements, the network {} inputs", start.len(), network.input_size());
            return Err(Error::input(message).at(ErrorPlace::Row(row)));
        }
        match surface.settle(&surface.restrict(start), 50).filter(|(x, _)| surface.inside(x)) {
            Some((x, jacobian)) => match surface.classify_start(x.clone(), jacobian) {
                Kind::Regular(place) => places.push(*place),
                Kind::Deficient(rank) => plateaus.push((x, rank)),
            },
            None => dropped_starts += 1,
        }
    }
    if places.is_empty() && plateaus.is_empty() {
        return Err(Error::input(format!(
            "none of the {} starts has the given output in the box",
            starts.len()
        ))
        .hint("give inputs with that output, such as `netinverse invert --count` finds"));
    }
    let runs = chains(&surface, &places, options, budget);
    let mut tally = Tally::default();
    for run in &runs {
        tally.add(&run.tally);
        plateaus.extend(run.plateaus.iter().cloned());
    }
    let stopped = runs.iter().find_map(|run| run.stopped);
    // Chains of one length, also when time ran out.
    let length = runs.iter().map(|run| run.draws.len()).min().unwrap_or(0);
    let draws: Vec<&[Vec<f64>]> = runs.iter().map(|run| &run.draws[..length]).collect();
    let points: Vec<Vec<f64>> = draws.concat();
    let coordinate = |i: usize| -> Vec<Vec<f64>> {
        draws.iter().map(|chain| chain.iter().map(|x| x[i]).collect()).collect()
    };
    let (mut effective, mut worst) = (f64::INFINITY, 1.0f64);
    for i in 0..surface.n() {
        let numbers = coordinate(i);
        effective = effective.min(effective_size(&numbers));
        worst = worst.max(r_hat(&numbers));
    }
    if points.iter().all(|x| *x == points[0]) {
        // Chains that never moved agree, and have said nothing.
        (effective, worst) = (1.0, f64::INFINITY);
    }
    let labels = connect::label(&surface, &points);
    let components = components(&labels, length.max(1));
    let plateaus = thinned(plateaus);
    Ok(Samples {
        chains: (0..points.len()).map(|k| k / length.max(1)).collect(),
        effective_size: if points.is_empty() { 0.0 } else { effective },
        mixed: !points.is_empty() && worst <= 1.05,
        r_hat: worst,
        plateaus: plateaus.into_iter().map(|(x, rank)| Plateau { point: surface.embed(&x), rank }).collect(),
        acceptance: tally.accepted as f64 / (tally.local.max(1)) as f64,
        reverse_rejections: tally.irreversible,
        jumps: tally.jumps,
        points: points.iter().map(|x| surface.embed(x)).collect(),
        labels,
        components,
        dropped_starts,
        evaluations: surface.evaluations(),
        stopped,
    })
}

fn check(options: &SampleOptions) -> Result<()> {
    let bad = |what: &str| Err(Error::input(what.to_string()));
    if options.count == 0 || options.chains == 0 || options.thin == 0 {
        return bad("the numbers of samples, of chains and of steps between samples are positive");
    }
    if !(0.0..=1.0).contains(&options.global) {
        return bad("the share of global steps lies between 0 and 1");
    }
    let positive = |number: f64| number > 0.0 && number.is_finite();
    if !options.step.is_none_or(positive) || !positive(options.tolerance) {
        return bad("the step size and the tolerance are positive");
    }
    Ok(())
}

/// Runs the chains, each on its own random stream.
fn chains(surface: &Surface, places: &[Place], options: &SampleOptions, budget: &Budget) -> Vec<Chain> {
    if places.is_empty() {
        return Vec::new();
    }
    let count = options.chains.max(places.len());
    let draws = options.count.div_ceil(count);
    (0..count)
        .into_par_iter()
        .map(|k| Chain::run(surface, places[k % places.len()].clone(), draws, options, budget, k as u64))
        .collect()
}

fn components(labels: &[usize], length: usize) -> Vec<SampledComponent> {
    let count = labels.iter().max().map_or(0, |l| l + 1);
    (0..count)
        .map(|component| {
            let inside: Vec<Vec<f64>> = labels
                .chunks(length)
                .map(|chain| chain.iter().map(|&l| f64::from(u8::from(l == component))).collect())
                .collect();
            let members = labels.iter().filter(|&&l| l == component).count();
            let share = members as f64 / labels.len() as f64;
            SampledComponent {
                count: members,
                share,
                standard_error: (share * (1.0 - share) / effective_size(&inside)).sqrt(),
                representative: labels.iter().position(|&l| l == component).unwrap_or(0),
            }
        })
        .collect()
}

/// Some of the points, far from each other.
fn thinned(points: Vec<(Vec<f64>, usize)>) -> Vec<(Vec<f64>, usize)> {
    let mut kept: Vec<(Vec<f64>, usize)> = Vec::new();
    for (x, rank) in points {
        if kept.len() == PLATEAUS {
            break;
        }
        if kept.iter().all(|(k, r)| *r != rank || distance(k, &x) > 1e-6) {
            kept.push((x, rank));
        }
    }
    kept
}
