//! The inverse of one layer f(x) = σ(xW + b), W n×m, in closed form.
//!
//! With the thin decomposition W = U Σ Vᵀ of rank r, the equations xW = z − b are the r equations
//! xU = (z − b) V Σ⁻¹ in orthonormal coordinates: every solve here uses those, so that the conditioning
//! of W enters once. What f loses of an input is its part outside R(W) = span U.
//!
//! - [`Layer`]: the layer with its decomposition; minimum-norm and nearest inputs; kept and lost parts.
//! - [`Activation`], [`Clip`], [`Logits`]: undoing σ, with saturated outputs counted.
//! - [`restricted`]: the true inverse on R(W), and how far rounding moves it.
//! - [`energy`]: how much of the data a subspace keeps; PCA as the yardstick.
//! - [`Fibre`]: all inputs with the same output.
//! - [`box_nearest`]: the nearest input inside a box, or a proof that there is none.
//! - [`GaussianPrior`]: the most plausible input, and samples; [`NearestImages`] as an independent judge.
//! - [`pigeonhole`], [`determinant`]: the thread's remarks, counted.
//! - [`reverse`]: the network that goes from labels to images, and what it knows.
//!
//! ```
//! use netinverse_invert::closed_form::{Activation, Layer};
//! use netinverse_linalg::Matrix;
//! let weight = Matrix::new(3, 1, vec![1.0, 2.0, 2.0])?;
//! let layer = Layer::new(weight, vec![-1.0], Activation::Identity)?;
//! let x = layer.minimum_norm(&[8.0])?; // the point of x₁ + 2x₂ + 2x₃ = 9 closest to 0
//! assert!(x.iter().zip([1.0, 2.0, 2.0]).all(|(a, b)| (a - b).abs() < 1e-14));
//! # Ok::<(), netinverse_base::Error>(())
//! ```

mod activation;
pub mod box_nearest;
pub mod determinant;
pub mod energy;
mod fibre;
mod layer;
pub mod pigeonhole;
mod prior;
pub mod restricted;
pub mod reverse;
mod score;
#[cfg(test)]
pub(crate) mod testing;

pub use activation::{Activation, Clip, Logits};
pub use box_nearest::{BoxNearest, InputBox};
pub use fibre::{Fibre, Twin};
pub use layer::Layer;
pub use prior::{GaussianPrior, Posterior, PriorOptions};
pub use score::{NearestImages, Neighbour};

use netinverse_base::{Error, Result};
use netinverse_linalg::Matrix;

/// Refuses a vector of the wrong length or with values that are not finite.
pub(crate) fn check_vector(name: &str, values: &[f64], expected: usize) -> Result<()> {
    if values.len() != expected {
        return Err(Error::input(format!("the {name} has {} values, {expected} are expected", values.len())));
    }
    match values.iter().position(|v| !v.is_finite()) {
        Some(i) => Err(Error::input(format!(
            "value {i} of the {name} is {}, a finite number is expected",
            values[i]
        ))),
        None => Ok(()),
    }
}

/// Refuses a matrix whose rows have the wrong width. (Its values are finite by construction.)
pub(crate) fn check_columns(name: &str, matrix: &Matrix, expected: usize) -> Result<()> {
    if matrix.columns() == expected {
        return Ok(());
    }
    Err(Error::input(format!("the {name} have {} columns, {expected} are expected", matrix.columns())))
}
