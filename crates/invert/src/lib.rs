//! Points: inputs of a network for given outputs.
//!
//! - [`solve`]: any network, by a batched solver.
//! - [`question`]: what a user asks, from its data to its answers.
//! - [`closed_form`]: a single layer σ(xW + b), for which everything has a formula or a small convex dual.

pub mod closed_form;
pub mod question;
pub mod solve;
