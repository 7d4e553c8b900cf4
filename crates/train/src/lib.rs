//! Training: networks for the experiments of this project, and the base for networks that admit an inverse.
//!
//! - [`Mlp`]: a feed-forward network with its initial weights.
//! - [`Loss`]: what is minimised, on the network's pre-activations, where it is stable.
//! - [`Optimizer`]: Adam, or stochastic gradient descent with momentum.
//! - [`fit`]: the loop over mini-batches, with progress, cancellation, and a stop at the first loss that is
//!   not finite.
//!
//! The same seed gives the same weights bit for bit, whatever the number of threads.

mod fit;
mod loss;
mod mlp;
mod optimizer;

pub use fit::{FitOptions, FitReport, Samples, fit, measure};
pub use loss::{Loss, Targets};
pub use mlp::{Activation, Mlp};
pub use optimizer::{Optimizer, Schedule};
