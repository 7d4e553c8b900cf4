//! What makes an input plausible, besides giving the output.
//!
//! - [`Energy`]: the smaller, the more plausible; with a convex quadratic model around every input.
//! - [`fit`]: Gaussians of data, by principal components.
//! - [`Variation`]: the total variation of an image.
//! - [`interior`]: the quadratic program of a step: an energy's model on linear rows in a box.
//! - [`Plausibility`]: a score that is independent of any prior, from rows that no prior has seen.

mod curvature;
mod energy;
mod fit;
pub mod interior;
mod plausibility;
mod variation;

pub use curvature::{Band, Curvature};
pub use energy::{Energy, Model};
pub use fit::{Noise, fit};
pub use plausibility::{HELD_OUT, Plausibility, Score, split};
pub use variation::Variation;
