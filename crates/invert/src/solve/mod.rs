//! Inputs for outputs: the batched solver.

pub mod least_distance;
