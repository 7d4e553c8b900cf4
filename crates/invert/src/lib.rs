//! Points: inputs of a network for given outputs.
//!
//! - [`solve`]: any network, by a batched solver.
//! - [`question`]: what a user asks, from its data to its answers.
//! - [`interval_bound`]: what a network can do on a box, for proofs that an output is not reached.
//! - [`fibre`]: all the inputs of one output: complete in the plane, sampled under a prior elsewhere.
//! - [`prior`]: what makes an input plausible.
//! - [`closed_form`]: a single layer σ(xW + b), for which everything has a formula or a small convex dual.

pub mod closed_form;
pub mod fibre;
pub mod interval_bound;
pub mod prior;
pub mod question;
pub mod solve;
