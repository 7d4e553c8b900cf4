//! ONNX files: bytes to nodes and tensors and back, without rewriting anything.
//!
//! This is the one reader of the project: the network is lowered from its [`Model`], and the
//! independent checker reads the same [`Model`] and nothing else of ours.

mod model;

pub use model::{
    Attribute, AttributeValue, Dimension, ElementType, Graph, Model, Node, OperatorSet, Tensor, TensorData,
    ValueInfo,
};
