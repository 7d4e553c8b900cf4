//! Training: networks that admit an inverse, inverses learned from data, and the plain networks beside them.
//!
//! The machinery:
//! - [`Weights`]: the constants of a model, and how each follows from free numbers; several networks (what is
//!   trained, f, its inverse) are put together from one store by an [`Assembly`].
//! - [`Objective`]: what is minimised, a weighted sum of terms; [`Loss`] has those that are stable on
//!   pre-activations.
//! - [`Optimizer`]: Adam, or stochastic gradient descent with momentum.
//! - [`train`]: the loop over mini-batches, with progress, cancellation, checkpoints that go on bit for bit, early
//!   stopping, and a stop at the first loss that is not finite.
//!
//! What is trained with it:
//! - [`Mlp`]: a feed-forward network; [`fit`] trains it by one loss.
//! - [`Family`]: a model from whose weights both f and an inverse are made. [`EncoderDecoder`]: autoencoders, and
//!   classifiers from whose outputs a decoder gives the input back; [`RowSpace`]: single layers whose row space is
//!   pulled towards the data; [`Surjective`]: classifiers with an exact right inverse; [`Bijective`]: densities by coupling blocks; [`BiLipschitz`]: square maps between
//!   given factors of distances; [`LearnedInverse`]: an inverse of a network that stays as it is.
//!
//! [`polish()`] takes what a learned inverse gives on to an input with the very outputs; [`Distortion`] says how far a square map changes
//! distances.
//!
//! The same seed gives the same weights bit for bit, whatever the number of threads.

mod assembly;
mod checkpoint;
mod distortion;
mod family;
mod fit;
mod loss;
mod mlp;
mod objective;
mod optimizer;
mod orthogonal;
mod polish;
mod stack;
mod trainer;
mod weights;

pub use assembly::Assembly;
pub use distortion::Distortion;
pub use family::{
    BiLipschitz, BiLipschitzSizes, Bijective, BijectiveSizes, Coder, Coupling, EncoderDecoder, Family,
    LearnedInverse, RoundTrips, RowSpace, Sizes, Surjective,
};
pub use fit::{FitOptions, FitReport, Samples, fit, measure};
pub use loss::{Loss, Targets};
pub use mlp::{Activation, Mlp};
pub use objective::{Objective, Part, Term};
pub use optimizer::{Optimizer, Schedule};
pub use polish::polish;
pub use trainer::{Keeping, Lesson, Recipe, TrainReport, measure_lesson, train};
pub use weights::{Weight, Weights};
