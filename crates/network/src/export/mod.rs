//! From a network to an ONNX model (operator set 17, IR 8).
//!
//! Each operator is written as the ONNX operators that mean the same, in the forms that ONNX Runtime has kernels
//! for; names of inputs, outputs, values and constants are kept, and made unique where the network has
//! two of one name.
//!
//! - `writer`: names, constants and nodes of the model that grows.
//! - `linear`, `window`, `function`, `normalizer`, `layout`: the operators.
//! - `batch`: whether the leading axis can be written as a symbolic `batch`.
//! - `precision`: whether the model computes in float32 or float64.

mod batch;
mod function;
mod layout;
mod linear;
mod normalizer;
mod precision;
#[cfg(test)]
mod tests;
mod window;
mod writer;

use std::path::Path;

use netinverse_base::Result;
use netinverse_onnx::{Dimension, Graph, Model, OperatorSet, ValueInfo};

use crate::{Bilinear, Extremum, Layout, Linear, Network, Node, Op, ValueId};
use precision::Precision;
use writer::{Stage, Writer};

/// The operator set that is written.
const OPSET: i64 = 17;
/// The version of the file format that is written.
const IR_VERSION: i64 = 8;
/// The name of the leading axis, where every node treats its entries apart.
const BATCH: &str = "batch";

/// How a network is written; by default as [`Network::to_onnx`] says.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExportOptions {
    /// The precision of all values and constants.
    pub precision: Option<netinverse_linalg::Precision>,
    /// Whether the leading axis is declared symbolic. It must be a batch axis ([`Network::has_batch_axis`]).
    pub batched: Option<bool>,
}

impl Network {
    /// Whether every input has a leading axis of size 1 that no operator mixes or moves: several samples stacked along it
    /// are computed apart.
    pub fn has_batch_axis(&self) -> bool {
        batch::leading_axis_is_batch(self)
    }

    /// The network as an ONNX model.
    ///
    /// - **Precision**: float32, or float64 throughout where the constants are stored in float64 and exact, none
    ///   in float32, or where a constant does not fit into float32. Constants that are known only to within
    ///   a radius are written as the nearest number. ONNX Runtime has no float64 kernel for `Conv` and
    ///   `AveragePool`: such a model is valid, and runs only where there is one.
    /// - **Batch**: where every input has a leading axis of size 1 that no operator mixes or moves, that axis
    ///   is declared symbolic (`batch`) and any number of samples can be run at once; else the shapes of one
    ///   sample are written.
    pub fn to_onnx(&self) -> Model {
        self.to_onnx_with(ExportOptions::default())
    }

    /// The same, with some of it decided by the caller.
    pub fn to_onnx_with(&self, options: ExportOptions) -> Model {
        let batched = options.batched.unwrap_or_else(|| self.has_batch_axis());
        let precision = match options.precision {
            Some(netinverse_linalg::Precision::F32) => Precision::Single,
            Some(netinverse_linalg::Precision::F64) => Precision::Double,
            None => Precision::of(self),
        };
        let mut writer = Writer::new(self, precision, batched);
        for node in self.nodes() {
            writer.write(node);
        }
        let (nodes, initializers) = writer.finish();
        let declare =
            |ids: &[ValueId]| ids.iter().map(|&id| declaration(self, id, precision, batched)).collect();
        Model {
            ir_version: IR_VERSION,
            opsets: vec![OperatorSet { domain: String::new(), version: OPSET }],
            producer: ("netinverse".into(), env!("CARGO_PKG_VERSION").into()),
            metadata: Vec::new(),
            graph: Graph {
                name: "network".into(),
                nodes,
                initializers,
                inputs: declare(self.inputs()),
                outputs: declare(self.outputs()),
                value_info: Vec::new(),
            },
        }
    }

    /// Writes the network as an ONNX file ([`Network::to_onnx`]), complete or not at all.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        self.to_onnx().write(path.as_ref())
    }
}

/// The declared type of an input or output.
fn declaration(network: &Network, id: ValueId, precision: Precision, batched: bool) -> ValueInfo {
    let value = network.value(id);
    let mut shape: Vec<_> = value.shape.iter().map(|&size| Dimension::Fixed(size)).collect();
    if batched {
        shape[0] = Dimension::Symbolic(BATCH.into());
    }
    ValueInfo { name: value.name.clone(), element_type: Some(precision.element_type()), shape: Some(shape) }
}

impl Writer<'_> {
    /// Writes one operator of the network.
    fn write(&mut self, node: &Node) {
        match &node.op {
            Op::Linear(linear) => self.linear(node, linear),
            Op::Function(function) => self.function(node, *function),
            Op::Extremum(Extremum::MaxPool(window)) => self.max_pool(node, window),
            Op::Bilinear(bilinear @ (Bilinear::Multiply | Bilinear::MatMul)) => {
                let [left, right] = [0, 1].map(|position| self.value_name(node.inputs[position]));
                self.finish_node(node, Stage::new(bilinear.name()).operand(right), &left);
            }
            Op::Normalizer(normalizer) => self.normalizer(node, normalizer),
            Op::Layout(Layout::Concat { axis }) => {
                let mut values = node.inputs.iter().map(|&id| self.value_name(id));
                let first = values.next().expect("a concatenation reads at least one value");
                let stage = values.fold(Stage::new("Concat").int("axis", *axis as i64), Stage::operand);
                self.finish_node(node, stage, &first);
            }
            Op::Layout(layout) => self.layout(node, layout),
        }
    }

    fn linear(&mut self, node: &Node, linear: &Linear) {
        match linear {
            Linear::Dense(dense) => self.dense(node, dense),
            Linear::Conv(conv) => self.conv(node, conv),
            Linear::ConvTranspose(conv) => self.conv_transpose(node, conv),
            Linear::AveragePool(pool) => self.average_pool(node, pool),
            Linear::Reduce(reduce) => self.reduce(node, reduce),
            Linear::Scale(scale) => self.scale(node, scale),
            Linear::Combine { coefficients } => self.combine(node, coefficients),
        }
    }
}
