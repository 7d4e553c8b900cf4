//! Fibres: all the inputs of one output.
//!
//! - [`plane`]: the complete preimage of a value under a piecewise-linear network with two free inputs and
//!   one output, by exact enumeration of linear regions: polylines and plateaus.
//! - [`sample`]: draws from a prior conditioned on the output, for any network and any number of inputs, by
//!   reversible walks on the fibre.

pub mod plane;
pub mod sample;
#[cfg(test)]
mod testing;
