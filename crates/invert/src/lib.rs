//! Points: inputs of a network for given outputs.
//!
//! - [`solve`]: any network, by a batched solver.
//! - [`closed_form`]: a single layer σ(xW + b), for which everything has a formula or a small convex dual.

pub mod closed_form;
pub mod solve;
