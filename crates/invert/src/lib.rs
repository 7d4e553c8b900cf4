//! Points: the inputs of a network for a given output.

pub mod solve;
