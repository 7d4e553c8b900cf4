use std::collections::{HashMap, HashSet};

use netinverse_onnx::{Attribute, AttributeValue, Node as OnnxNode, Tensor, TensorData};

use super::precision::Precision;
use crate::{Network, Node, ParamId, Shape, ValueId};

/// The model that grows: its nodes, its constants and the names in use.
pub(super) struct Writer<'a> {
    network: &'a Network,
    pub(super) precision: Precision,
    /// Whether axis 0 is a batch axis of any size.
    pub(super) batched: bool,
    nodes: Vec<OnnxNode>,
    initializers: Vec<Tensor>,
    /// Names of values and constants, which share one name space.
    names: HashSet<String>,
    node_names: HashSet<String>,
    /// Constants written already, with the form in which they were.
    params: HashMap<(ParamId, Form), String>,
}

/// The form in which a constant of the network is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Form {
    /// In its own shape.
    AsStored,
    /// As a vector of the same elements.
    Vector,
    /// A matrix with its axes swapped.
    Transposed,
}

/// One ONNX operator that reads a value, and constants beside it.
pub(super) struct Stage {
    op: &'static str,
    left: Option<String>,
    operands: Vec<String>,
    attributes: Vec<Attribute>,
}

impl Stage {
    pub(super) fn new(op: &'static str) -> Self {
        Stage { op, left: None, operands: Vec::new(), attributes: Vec::new() }
    }

    /// Another input after the value.
    pub(super) fn operand(mut self, name: String) -> Self {
        self.operands.push(name);
        self
    }

    /// An input before the value.
    pub(super) fn left(mut self, name: String) -> Self {
        self.left = Some(name);
        self
    }

    pub(super) fn int(self, name: &str, value: i64) -> Self {
        self.attribute(name, AttributeValue::Int(value))
    }

    pub(super) fn ints(self, name: &str, values: impl IntoIterator<Item = usize>) -> Self {
        self.attribute(name, AttributeValue::Ints(integers(values)))
    }

    pub(super) fn attribute(mut self, name: &str, value: AttributeValue) -> Self {
        self.attributes.push(Attribute { name: name.into(), value });
        self
    }
}

/// Sizes as ONNX stores them.
pub(super) fn integers(values: impl IntoIterator<Item = usize>) -> Vec<i64> {
    values.into_iter().map(|value| value as i64).collect()
}

impl<'a> Writer<'a> {
    pub(super) fn new(network: &'a Network, precision: Precision, batched: bool) -> Self {
        Writer {
            network,
            precision,
            batched,
            nodes: Vec::new(),
            initializers: Vec::new(),
            // The network's own values come first: their names are the ones that are asked for.
            names: network.values().iter().map(|value| value.name.clone()).collect(),
            node_names: HashSet::new(),
            params: HashMap::new(),
        }
    }

    pub(super) fn finish(self) -> (Vec<OnnxNode>, Vec<Tensor>) {
        (self.nodes, self.initializers)
    }

    pub(super) fn value_name(&self, id: ValueId) -> String {
        self.network.value(id).name.clone()
    }

    /// The shape that a node reads first.
    pub(super) fn input_shape(&self, node: &Node) -> &'a Shape {
        &self.network.value(node.inputs[0]).shape
    }

    pub(super) fn param_shape(&self, id: ParamId) -> &'a Shape {
        self.network.param(id).shape()
    }

    /// Operators one after the other, from the first value that the node reads to the one it writes.
    pub(super) fn chain(&mut self, node: &Node, mut stages: Vec<Stage>) {
        let last = stages.pop().unwrap_or_else(|| Stage::new("Identity"));
        let mut value = self.value_name(node.inputs[0]);
        for stage in stages {
            value = self.step(node, stage, &value);
        }
        self.finish_node(node, last, &value);
    }

    /// An operator on the way to what the node computes; returns the name of the value it writes.
    pub(super) fn step(&mut self, node: &Node, stage: Stage, value: &str) -> String {
        let suffix = stage.op.to_lowercase();
        let output = unique(&mut self.names, &format!("{}_{suffix}", self.network.value(node.output).name));
        self.emit(&format!("{}_{suffix}", node.name), stage, value, output.clone());
        output
    }

    /// The operator that writes the node's own value.
    pub(super) fn finish_node(&mut self, node: &Node, stage: Stage, value: &str) {
        let output = self.value_name(node.output);
        self.emit(&node.name, stage, value, output);
    }

    fn emit(&mut self, name: &str, stage: Stage, value: &str, output: String) {
        let name = if name.is_empty() { &output } else { name };
        let name = unique(&mut self.node_names, name);
        let inputs = stage.left.into_iter().chain([value.to_string()]).chain(stage.operands).collect();
        self.nodes.push(OnnxNode {
            name,
            op_type: stage.op.into(),
            domain: String::new(),
            inputs,
            outputs: vec![output],
            attributes: stage.attributes,
        });
    }

    /// A constant of the network, written once in each form; `role` names it where it has no name.
    pub(super) fn param(&mut self, node: &Node, id: ParamId, form: Form, role: &str) -> String {
        let param = self.network.param(id);
        let form = if form == Form::Vector && param.shape().rank() == 1 { Form::AsStored } else { form };
        if let Some(name) = self.params.get(&(id, form)) {
            return name.clone();
        }
        let data = self.precision.param(param);
        let sizes = param.shape().to_vec();
        let (dims, data, suffix) = match form {
            Form::AsStored => (sizes, data, ""),
            // The same data: the name stays too, unless the constant is written in its own shape as well.
            Form::Vector => (vec![param.elements()], data, ""),
            Form::Transposed => {
                let (rows, columns) = (sizes[0], sizes[1]);
                let data = match data {
                    TensorData::F32(values) => TensorData::F32(transposed(&values, rows, columns)),
                    TensorData::F64(values) => TensorData::F64(transposed(&values, rows, columns)),
                    other => other,
                };
                (vec![columns, rows], data, "_transposed")
            }
        };
        let base = if param.name().is_empty() {
            format!("{}_{role}", self.value_name(node.output))
        } else {
            param.name().into()
        };
        let name = self.constant(&format!("{base}{suffix}"), dims, data);
        self.params.insert((id, form), name.clone());
        name
    }

    /// Numbers that the operator needs as an input.
    pub(super) fn numbers(&mut self, node: &Node, role: &str, dims: Vec<usize>, values: &[f64]) -> String {
        let data = self.precision.tensor(values);
        self.constant(&format!("{}_{role}", self.value_name(node.output)), dims, data)
    }

    /// One number that the operator needs as an input.
    pub(super) fn number(&mut self, node: &Node, role: &str, value: f64) -> String {
        self.numbers(node, role, Vec::new(), &[value])
    }

    /// Integers that the operator needs as an input.
    pub(super) fn indices(
        &mut self,
        node: &Node,
        role: &str,
        dims: Option<Vec<usize>>,
        values: Vec<i64>,
    ) -> String {
        let dims = dims.unwrap_or_else(|| vec![values.len()]);
        self.constant(&format!("{}_{role}", self.value_name(node.output)), dims, TensorData::I64(values))
    }

    fn constant(&mut self, name: &str, dims: Vec<usize>, data: TensorData) -> String {
        let name = unique(&mut self.names, name);
        self.initializers.push(Tensor { name: name.clone(), dims, data });
        name
    }
}

/// The name, or the first of `name_1`, `name_2`, … that is not in use.
fn unique(names: &mut HashSet<String>, name: &str) -> String {
    let mut candidate = name.to_string();
    let mut number = 0;
    while !names.insert(candidate.clone()) {
        number += 1;
        candidate = format!("{name}_{number}");
    }
    candidate
}

fn transposed<T: Copy>(values: &[T], rows: usize, columns: usize) -> Vec<T> {
    (0..columns).flat_map(|column| (0..rows).map(move |row| values[row * columns + column])).collect()
}
