//! `netinverse train`.

mod answer;
pub(crate) mod arguments;
mod course;
mod families;
mod inverse;
mod mlp;
mod samples;
mod square;
mod sweep;
mod yardsticks;

use netinverse_base::Result;

use super::{Console, Outcome};
use arguments::{TrainNetwork, TrainOptions};

pub(crate) fn run(options: &TrainOptions, console: &Console) -> Result<Outcome> {
    match &options.network {
        TrainNetwork::Mlp(options) => mlp::run(options, console),
        TrainNetwork::Autoencoder(options) => families::autoencoder(options, console),
        TrainNetwork::Classifier(options) => families::classifier(options, console),
        TrainNetwork::Surjective(options) => families::surjective(options, console),
        TrainNetwork::Bijective(options) => square::bijective(options, console),
        TrainNetwork::Bilipschitz(options) => square::bilipschitz(options, console),
        TrainNetwork::Sweep(options) => sweep::run(options, console),
        TrainNetwork::Inverse(options) => inverse::run(options, console),
    }
}
