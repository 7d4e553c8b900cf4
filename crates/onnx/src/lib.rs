//! ONNX files: bytes to nodes and tensors and back, without rewriting anything.
//!
//! This is the one reader of the project: the network is lowered from its [`Model`], and the
//! independent checker reads the same [`Model`] and nothing else of ours.
//!
//! [`Model::read`], [`Model::parse`] and [`read_source`] give a model that is consistent or an error that names
//! the node or tensor; [`Model::write`] and [`Model::to_bytes`] are the way back. Memory stays within a fixed
//! multiple of the files' lengths, whatever the files say (`scan`).

mod access;
mod convert;
mod decode;
mod element;
mod external;
mod foreign;
mod model;
mod order;
mod proto;
mod read;
mod scan;
mod write;

pub use model::{
    Attribute, AttributeValue, Dimension, ElementType, Graph, Model, Node, OperatorSet, Tensor, TensorData,
    ValueInfo,
};
pub use read::{MAX_IR_VERSION, MAX_OPSET, read_source};
