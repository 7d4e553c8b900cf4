//! Values and derivatives of a network, batched, in f32 and f64.
//!
//! - [`Evaluator`]: the public face: cuts a batch into tiles of rows and deals them to threads (`tiles`).
//! - `plan`: a network made ready to run, once: steps over cells, each with what depends on shapes worked
//!   out (index maps, patterns of broadcasting), and where the cells lie (`storage`).
//! - `pass`: what happens to one tile: values, cotangents, tangents, Jacobians, gradients.
//! - `step`: what one operator does in each pass; `linear`, `means` and `broadcast` have the affine maps. The inner
//!   loops are the kernels of [`Real`](netinverse_linalg::Real).
//! - [`Gradients`] and `parameters`: the constants in one precision, which training changes.
//!
//! Derivatives of several directions at one point (a Jacobian) are laid out direction by direction, so that
//! affine maps see them as more rows and only the nonlinear steps look twice at the values.

mod broadcast;
mod evaluator;
mod gradients;
mod linear;
mod means;
mod normalizers;
mod parameters;
mod pass;
mod plan;
mod products;
mod step;
mod storage;
mod tiles;

pub use evaluator::{Cotangent, Evaluator, Loss};
pub use gradients::Gradients;
