//! From an ONNX model to a [`Network`].
//!
//! Shapes are those of **one sample**: a leading axis that is symbolic, unknown or 1 becomes 1, and the batch
//! is an axis of ours outside, so that every operator keeps exactly the meaning that ONNX gives it. Sizes that
//! are not declared, or that the weights contradict, follow from the weights that read them (`sizes`).
//!
//! While reading, a tensor is a constant or a value of the network (`lowering::Operand`). What depends on
//! constants and shapes only is folded: integers exactly, floats as enclosures of the real number
//! (`enclosure`), because proofs are about the graph as stored, in real arithmetic. What no output needs is
//! not looked at. Operators are lowered in `ops`, one family a file; everything else is refused by operator,
//! node and opset, with a hint (`refusal`).

mod choice;
mod constant;
mod enclosure;
mod fold;
mod lowering;
mod nnet;
mod node;
mod ops;
mod plan;
mod read;
mod refusal;
mod sizes;
mod support;

use std::path::Path;

use netinverse_base::{Error, Place, Result, ResultExt};
use netinverse_onnx::Model;

pub use ops::{CLASSICAL_OPERATORS, SUPPORTED_OPERATORS, SupportedOperator};
pub use refusal::advice;
pub use support::{NodeSupport, support};

use crate::Network;

/// What to read of a model.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// The tensors that the network computes, by name, intermediate ones too; empty for all declared outputs.
    pub outputs: Vec<String>,
    /// Sizes of symbolic dimensions, by name.
    pub dimensions: Vec<(String, usize)>,
}

/// The range of operator sets that are read, both ends included.
pub const OPSETS: std::ops::RangeInclusive<i64> = plan::OLDEST_OPSET..=plan::NEWEST_OPSET;

impl Network {
    /// The network that a model describes.
    ///
    /// Errors name the node and what does not fit, or the operator that is not supported. What had to be
    /// assumed is in [`Network::warnings`].
    pub fn import(model: &Model, options: &ImportOptions) -> Result<Network> {
        read::network(&plan::Plan::new(model, options)?)
    }

    /// The network of an ONNX file, or of a `.nnet` file, with all its declared outputs.
    pub fn read(path: impl AsRef<Path>) -> Result<Network> {
        Self::read_with(path, &ImportOptions::default())
    }

    /// The network of an ONNX file, or of a `.nnet` file.
    pub fn read_with(path: impl AsRef<Path>, options: &ImportOptions) -> Result<Network> {
        let own = path.as_ref();
        if own.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("nnet")) {
            let text = std::fs::read_to_string(own).map_err(|error| Error::io(own, &error))?;
            let network = Self::parse_nnet(&text).at(|| Place::file(own))?;
            if options.outputs.is_empty() {
                return Ok(network);
            }
            let names: Vec<&str> = options.outputs.iter().map(String::as_str).collect();
            return network.with_outputs(&names);
        }
        let model = Model::read(own)?;
        Self::import(&model, options).at(|| Place::file(own))
    }
}
