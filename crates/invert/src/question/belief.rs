//! A prior and data, ready to use.

use netinverse_answer::sheet::ImageShape;
use netinverse_base::{Error, Place, Result, ResultExt};
use netinverse_linalg::Matrix;
use netinverse_network::{Evaluator, Network};

use super::problem::{PriorName, Problem};
use super::region::Region;
use crate::closed_form::GaussianPrior;
use crate::prior::{Energy, Noise, Plausibility, Score, Variation, fit, split};

/// The smoothing of a total variation, relative to the bounds' width (or 1).
const SMOOTH: f64 = 1e-3;

/// What a problem names but does not hold.
#[derive(Debug, Clone, Default)]
pub struct Resources {
    /// Rows of inputs, in the user's units.
    pub data: Option<Matrix>,
    /// The decoder or autoencoder.
    pub network: Option<Network>,
    /// The inverse that gives starts.
    pub start: Option<Network>,
}

/// What is believed of inputs, and what judges them.
#[derive(Default)]
pub(super) struct Belief {
    /// What is minimised among answers.
    pub(super) energy: Option<Energy>,
    /// What answers are decoded by.
    pub(super) decoder: Option<Network>,
    /// Rows that may be learned and started from.
    pub(super) rows: Option<Matrix>,
    judge: Option<Plausibility>,
}

impl std::fmt::Debug for Belief {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Belief").finish_non_exhaustive()
    }
}

impl Belief {
    /// # Errors
    /// A prior without what it needs, or that does not fit the network or the rest of the question; data that are too
    /// few or of another width.
    pub(super) fn new(
        problem: &Problem,
        network: &Network,
        resources: &Resources,
        regions: &[Region],
    ) -> Result<Self> {
        let n = network.input_size();
        let at_data = || Place::Option("--data".into());
        let at_prior = || Place::Option("--prior".into());
        fits(problem).at(at_prior)?;
        let mut belief = Belief::default();
        let mut scale = vec![1.0; n];
        if let Some(data) = &resources.data {
            if data.columns() != n {
                let message = format!("{} values a row, the network has {n} inputs", data.columns());
                return Err(Error::input(message).at(at_data()));
            }
            let (kept, held) = split(data).at(at_data)?;
            scale = (0..n).map(|i| unit(i, regions, data)).collect();
            belief.judge = Some(Plausibility::new(&held, scale.clone()).at(at_data)?);
            belief.rows = Some(kept);
        }
        let rows = || {
            belief.rows.as_ref().ok_or_else(|| {
                Error::input(format!("a {} prior is learned from data", problem.prior.word()))
                    .at(at_prior())
                    .hint("give rows of inputs: `--data FILE`")
            })
        };
        let beside = |what: &str| -> Result<Network> {
            let given = resources.network.clone();
            given.ok_or_else(|| Error::input(format!("no {what} is given")).at(at_prior()))
        };
        belief.energy = match &problem.prior {
            PriorName::None | PriorName::Decoder(_) => None,
            PriorName::Gaussian { rank } => {
                Some(Energy::Gaussian(fit(rows()?, &scale, *rank, Noise::EachInput).at(at_data)?))
            }
            PriorName::Pca { rank } => {
                Some(Energy::Gaussian(fit(rows()?, &scale, *rank, Noise::Same).at(at_data)?))
            }
            PriorName::Tv => Some(Energy::Variation(variation(network, regions).at(at_prior)?)),
            PriorName::Autoencoder(_) => {
                let autoencoder = beside("autoencoder")?;
                let (own, back) = (autoencoder.input_size(), autoencoder.output_size());
                if own != n || back != n {
                    let message = format!(
                        "the autoencoder takes {own} numbers and gives {back}, the network has {n} inputs"
                    );
                    return Err(Error::input(message).at(at_prior()));
                }
                Some(Energy::Autoencoder(Box::new(Evaluator::new(&autoencoder))))
            }
        };
        if let PriorName::Decoder(_) = &problem.prior {
            let decoder = beside("decoder")?;
            if decoder.output_size() != n {
                let message = format!(
                    "the decoder gives {} numbers, the network has {n} inputs",
                    decoder.output_size()
                );
                return Err(Error::input(message).at(at_prior()));
            }
            belief.decoder = Some(decoder);
        }
        Ok(belief)
    }

    /// The Gaussian, where the prior is one.
    pub(super) fn gaussian(&self) -> Option<&GaussianPrior> {
        match &self.energy {
            Some(Energy::Gaussian(gaussian)) => Some(gaussian),
            _ => None,
        }
    }

    /// Whether there is something beside nearness to prefer answers by.
    pub(super) fn prefers(&self) -> bool {
        self.energy.is_some() || self.decoder.is_some()
    }

    /// How plausible an input is, where there are data to judge by.
    pub(super) fn score(&self, x: &[f64]) -> Option<Score> {
        self.judge.as_ref()?.score(x).ok()
    }
}

/// Refuses a prior beside what leaves it no say.
fn fits(problem: &Problem) -> Result<()> {
    if problem.prior == PriorName::None {
        return Ok(());
    }
    let fault = if problem.objective.is_some() {
        "an objective and a prior would both choose among the answers"
    } else if !problem.integers.is_empty() {
        "a prior is not searched over integer inputs"
    } else if problem.complete {
        "the complete preimage has no prior"
    } else {
        return Ok(());
    };
    Err(Error::unsupported(fault).hint("leave out `--prior`; with `--data` alone answers are still scored"))
}

/// What input i is measured in: the width of its bounds, or the range of the data.
fn unit(i: usize, regions: &[Region], data: &Matrix) -> f64 {
    let low = regions.iter().map(|r| r.domain.lower[i]).fold(f64::INFINITY, f64::min);
    let high = regions.iter().map(|r| r.domain.upper[i]).fold(f64::NEG_INFINITY, f64::max);
    let (least, most) = data
        .iter_rows()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), row| (least.min(row[i]), most.max(row[i])));
    let range = most - least;
    [high - low, range].into_iter().find(|width| width.is_finite() && *width > 0.0).unwrap_or(1.0)
}

fn variation(network: &Network, regions: &[Region]) -> Result<Variation> {
    let image = match network.inputs() {
        [only] => ImageShape::of(&network.value(*only).shape),
        _ => None,
    };
    let Some(ImageShape { height, width, channels, channels_last }) = image else {
        return Err(Error::input("the network's inputs are not an image, which total variation is for")
            .hint("an image is an input of shape [1,H,W], [1,C,H,W] or [1,H,W,C] with 1 or 3 channels, or a square one"));
    };
    let sides = regions.iter().flat_map(|r| r.domain.lower.iter().zip(&r.domain.upper)).map(|(l, u)| u - l);
    let widest = sides.filter(|side| side.is_finite()).fold(0.0, f64::max);
    let smooth = SMOOTH * if widest > 0.0 { widest } else { 1.0 };
    Ok(Variation { height, width, channels, channels_last, smooth })
}
