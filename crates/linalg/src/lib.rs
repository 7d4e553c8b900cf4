//! Linear algebra and kernels, in f32 and f64, compiled once for each precision.
//!
//! - [`Real`]: the two precisions, and the kernels that exist in both. **This trait is the narrow seam**: everything
//!   above it is written against `Real`, so that another backend can slot in here.
//! - [`Matrix`], with [`Svd`], [`Qr`], [`Cholesky`], [`Lu`]: dense f64 factorisations, on one thread; what f32 says of a
//!   rank or a determinant, where that is the question.
//! - [`Interval`]: outward-rounded arithmetic, on which everything printed as proved rests.

mod cholesky;
mod convolution;
mod elementwise;
pub mod interval;
mod lu;
mod matrix;
mod pooling;
mod product;
mod qr;
mod real;
mod simd;
mod softmax;
mod svd;
mod window;

pub use cholesky::Cholesky;
pub use interval::Interval;
pub use lu::{DeterminantReport, Lu, determinant_report};
pub use matrix::{Matrix, dot, norm};
pub use product::{ROW_ALIGNMENT, Sign, add_selected_rows};
pub use qr::Qr;
pub use real::{Real, View, ViewMut};
pub use simd::vectorised;
pub use svd::{Precision, Svd, singular_values, singular_values_f32, symmetric_eigen};
pub use window::{ConvShape, WindowShape};
