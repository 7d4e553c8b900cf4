use netinverse_base::{Budget, Rng, StopReason};

use super::SampleOptions;
use super::flat::{Jump, jump};
use super::surface::{Place, Surface};
use super::walk::{Step, step};

/// The acceptance that burn-in aims at: between the optima for one dimension and for many.
const ACCEPTANCE: f64 = 0.4;
/// Plateau points that one chain notes.
const NOTED: usize = 64;

/// One chain, run.
#[derive(Debug, Default)]
pub(super) struct Chain {
    /// The free coordinates of its samples.
    pub(super) draws: Vec<Vec<f64>>,
    pub(super) tally: Tally,
    /// Points met where J loses rank, and the rank.
    pub(super) plateaus: Vec<(Vec<f64>, usize)>,
    pub(super) stopped: Option<StopReason>,
}

/// Counts of steps after burn-in.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tally {
    pub(super) local: usize,
    pub(super) accepted: usize,
    pub(super) irreversible: usize,
    pub(super) jumps: usize,
}

impl Tally {
    pub(super) fn add(&mut self, other: &Tally) {
        self.local += other.local;
        self.accepted += other.accepted;
        self.irreversible += other.irreversible;
        self.jumps += other.jumps;
    }
}

impl Chain {
    pub(super) fn run(
        surface: &Surface,
        mut place: Place,
        draws: usize,
        options: &SampleOptions,
        budget: &Budget,
        stream: u64,
    ) -> Chain {
        let mut rng = Rng::new(budget.seed(), stream);
        let mut chain = Chain::default();
        let widths = surface.window().iter().map(|(l, u)| u - l);
        let mut size = options.step.unwrap_or(0.1 * widths.sum::<f64>() / surface.n() as f64);
        for index in 0..options.burn_in + draws * options.thin {
            if index % 16 == 0 {
                chain.stopped = budget.stop();
                if chain.stopped.is_some() {
                    break;
                }
            }
            let burning = index < options.burn_in;
            let mut seen = Tally::default();
            if rng.uniform() < options.global {
                seen.jumps = usize::from(jump(surface, &mut place, options.trials, &mut rng) == Jump::Moved);
            } else {
                let ended = step(surface, &mut place, size, options.newton, &mut rng, &mut chain.plateaus);
                chain.plateaus.truncate(NOTED);
                seen.local = 1;
                seen.accepted = usize::from(ended == Step::Accepted);
                seen.irreversible = usize::from(ended == Step::Irreversible);
                if burning {
                    // Robbins–Monro on ln size.
                    let gain = 1.0 / (1.0 + index as f64).sqrt();
                    size *= (gain * (seen.accepted as f64 - ACCEPTANCE)).exp();
                }
            }
            if burning {
                continue;
            }
            chain.tally.add(&seen);
            if (index + 1 - options.burn_in).is_multiple_of(options.thin) {
                chain.draws.push(place.x.clone());
            }
        }
        chain
    }
}
