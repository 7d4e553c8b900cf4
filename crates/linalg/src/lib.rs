//! Linear algebra and kernels, in f32 and f64, compiled once for each precision.
//!
//! - [`Real`]: the two precisions, and the kernels that exist in both. **This trait is the narrow seam**: everything
//!   above it is written against `Real`, so that another backend can slot in here.

mod convolution;
mod elementwise;
mod pooling;
mod product;
mod real;
mod softmax;
mod window;

pub use real::{Real, View, ViewMut};
pub use window::{ConvShape, WindowShape};
