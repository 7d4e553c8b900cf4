//! Families of networks with an inverse: each says what is trained, what f is, and what its inverse is.

mod bijective;
mod bilipschitz;
mod encoder_decoder;
mod learned_inverse;
mod row_space;
mod surjective;

pub use bijective::{Bijective, BijectiveSizes, Coupling};
pub use bilipschitz::{BiLipschitz, BiLipschitzSizes};
pub use encoder_decoder::{EncoderDecoder, Sizes};
pub use learned_inverse::{LearnedInverse, RoundTrips};
pub use row_space::RowSpace;
pub use surjective::Surjective;

use netinverse_base::{Budget, Error, Progress, Result};
use netinverse_network::Network;

use crate::{Keeping, Lesson, Objective, Recipe, TrainReport, Weights, train};

/// A model from whose weights several networks are made.
pub trait Family {
    /// What training changes.
    fn weights(&self) -> &Weights;

    /// What training changes, to be changed.
    fn weights_mut(&mut self) -> &mut Weights;

    /// The network that is trained: its outputs are what the family's objective reads.
    ///
    /// # Errors
    /// A weight is not finite.
    fn training_network(&self) -> Result<Network>;

    /// f.
    ///
    /// # Errors
    /// A weight is not finite.
    fn network(&self) -> Result<Network>;

    /// The inverse of f that comes with it; what it is, the family says.
    ///
    /// # Errors
    /// A weight is not finite.
    fn inverse(&self) -> Result<Network>;

    /// Trains the weights in place; [`train`] says how.
    ///
    /// # Errors
    /// As [`train`].
    fn train(
        &mut self,
        lesson: &Lesson<'_>,
        held_out: Option<&Lesson<'_>>,
        recipe: &Recipe,
        keeping: &Keeping,
        budget: &Budget,
        progress: &dyn Progress,
    ) -> Result<TrainReport> {
        let network = self.training_network()?;
        train(self.weights_mut(), &network, lesson, held_out, recipe, keeping, budget, progress)
    }
}

/// A family that is trained on inputs, for the classes of these or to give them back.
pub trait Coder: Family {
    /// What is minimised for the samples x, with a class each, which some families do not read. Terms: the task if there
    /// is one, then what becomes of the input, a mean square an element.
    fn objective<'a>(&self, x: &'a [f32], classes: Option<&'a [u8]>) -> Objective<'a>;
}

/// Refuses the weight of a term that is no number from 0 on.
fn check_weight(weight: f32) -> Result<()> {
    if weight.is_finite() && weight >= 0.0 {
        return Ok(());
    }
    Err(Error::input(format!("a weight of {weight} is not a finite number from 0 on")))
}

/// The mean and standard deviation of each column.
fn statistics(rows: &[f32], columns: usize) -> (Vec<f32>, Vec<f32>) {
    let count = (rows.len() / columns) as f64;
    let column = |j: usize| rows.iter().skip(j).step_by(columns).map(|&v| f64::from(v));
    (0..columns)
        .map(|j| {
            let mean = column(j).sum::<f64>() / count;
            let variance = column(j).map(|v| (v - mean) * (v - mean)).sum::<f64>() / count;
            // Rounding alone is no variation.
            let noise = f64::from(f32::EPSILON) * mean.abs();
            let deviation = variance.sqrt();
            (mean as f32, if deviation > noise { deviation as f32 } else { 0.0 })
        })
        .unzip()
}
