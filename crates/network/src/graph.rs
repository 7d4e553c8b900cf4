use std::sync::Arc;

use netinverse_base::{Error, Result};

use crate::{Op, Param, Shape};

/// A value of the graph: an input, or what a node computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueId(pub(crate) u32);

/// A constant of the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParamId(pub(crate) u32);

impl ValueId {
    /// The position in [`Network::values`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl ParamId {
    /// The position in [`Network::params`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What is known of a value: its name in the file and its shape for one sample.
#[derive(Debug, Clone)]
pub struct Value {
    /// The name; unique in the network.
    pub name: String,
    /// The shape for one sample ([`Shape`]).
    pub shape: Shape,
}

/// One operator applied to values that come before it.
#[derive(Debug, Clone)]
pub struct Node {
    /// The node's name in the file, for messages.
    pub name: String,
    /// The operator.
    pub op: Op,
    /// The values read, in the operator's order.
    pub inputs: Vec<ValueId>,
    /// The value written.
    pub output: ValueId,
}

/// A neural network: a graph of typed operators in topological order.
///
/// It maps a point of `Rⁿ` (the elements of all inputs, one after the other, row-major) to a point of
/// `Rᵐ` (likewise the outputs). Weights are kept as stored ([`Param`]); there is no precision in the type.
/// A clone is a handle to the same network.
#[derive(Debug, Clone)]
pub struct Network(Arc<Graph>);

/// The parts of a [`Network`]; invariants are kept by [`crate::NetworkBuilder`], the only way to make one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Graph {
    pub(crate) values: Vec<Value>,
    pub(crate) params: Vec<Param>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) inputs: Vec<ValueId>,
    pub(crate) outputs: Vec<ValueId>,
    pub(crate) warnings: Vec<String>,
    /// [lower, upper] for each element of the inputs.
    pub(crate) bounds: Option<Vec<[f64; 2]>>,
}

impl Network {
    pub(crate) fn from_graph(graph: Graph) -> Self {
        Network(Arc::new(graph))
    }

    pub(crate) fn graph(&self) -> &Graph {
        &self.0
    }

    /// Where the inputs may lie, `[lower, upper]` for each element of all inputs, if the file says (`.nnet`).
    pub fn input_bounds(&self) -> Option<&[[f64; 2]]> {
        self.0.bounds.as_deref()
    }

    /// The nodes, each after all that it reads.
    pub fn nodes(&self) -> &[Node] {
        &self.0.nodes
    }

    /// The values: inputs and what the nodes write.
    pub fn values(&self) -> &[Value] {
        &self.0.values
    }

    /// The value of that id.
    pub fn value(&self, id: ValueId) -> &Value {
        &self.0.values[id.index()]
    }

    /// The constants.
    pub fn params(&self) -> &[Param] {
        &self.0.params
    }

    /// The constant of that id.
    pub fn param(&self, id: ParamId) -> &Param {
        &self.0.params[id.index()]
    }

    /// The ids of the constants, in the order of [`Network::params`].
    pub fn param_ids(&self) -> impl Iterator<Item = ParamId> + use<> {
        (0..self.0.params.len() as u32).map(ParamId)
    }

    /// The inputs; a point is their elements one after the other.
    pub fn inputs(&self) -> &[ValueId] {
        &self.0.inputs
    }

    /// The outputs; the network's value is their elements one after the other.
    pub fn outputs(&self) -> &[ValueId] {
        &self.0.outputs
    }

    /// n: the number of elements of a point.
    pub fn input_size(&self) -> usize {
        self.0.inputs.iter().map(|&id| self.value(id).shape.elements()).sum()
    }

    /// m: the number of elements of the network's value.
    pub fn output_size(&self) -> usize {
        self.0.outputs.iter().map(|&id| self.value(id).shape.elements()).sum()
    }

    /// What the loader had to assume, one sentence each.
    pub fn warnings(&self) -> &[String] {
        &self.0.warnings
    }

    /// The value of that name.
    pub fn find_value(&self, name: &str) -> Option<ValueId> {
        self.0.values.iter().position(|value| value.name == name).map(|index| ValueId(index as u32))
    }

    /// The same network with other values as its outputs, and without what they do not need.
    ///
    /// This is how an intermediate layer is inverted (`--output NAME`).
    pub fn with_outputs(&self, names: &[&str]) -> Result<Network> {
        if names.is_empty() {
            return Err(Error::input("a network needs at least one output"));
        }
        let mut graph = self.0.as_ref().clone();
        graph.outputs = names
            .iter()
            .map(|name| {
                self.find_value(name).ok_or_else(|| {
                    Error::input(format!("the network has no value named `{name}`")).hint(format!(
                        "its outputs are {}; `netinverse inspect -v` lists every value",
                        self.output_names()
                    ))
                })
            })
            .collect::<Result<_>>()?;
        graph.prune();
        Ok(Network::from_graph(graph))
    }

    fn output_names(&self) -> String {
        let names: Vec<_> = self.outputs().iter().map(|&id| format!("`{}`", self.value(id).name)).collect();
        names.join(", ")
    }
}

impl Graph {
    /// Removes nodes, values and constants that no output needs. Inputs stay, needed or not: a point
    /// keeps its dimension.
    pub(crate) fn prune(&mut self) {
        let mut needed = vec![false; self.values.len()];
        for id in self.inputs.iter().chain(&self.outputs) {
            needed[id.index()] = true;
        }
        for node in self.nodes.iter().rev() {
            if needed[node.output.index()] {
                for input in &node.inputs {
                    needed[input.index()] = true;
                }
            }
        }
        self.nodes.retain(|node| needed[node.output.index()]);

        let new_values = renumber(&needed);
        let mut keep = needed.iter();
        self.values.retain(|_| *keep.next().expect("one flag a value"));
        let value = |id: &mut ValueId| id.0 = new_values[id.index()];
        self.inputs.iter_mut().for_each(value);
        self.outputs.iter_mut().for_each(value);

        let mut used = vec![false; self.params.len()];
        for node in &mut self.nodes {
            node.inputs.iter_mut().for_each(value);
            value(&mut node.output);
            node.op.for_each_param(&mut |id| used[id.index()] = true);
        }
        let new_params = renumber(&used);
        let mut keep = used.iter();
        self.params.retain(|_| *keep.next().expect("one flag a constant"));
        for node in &mut self.nodes {
            node.op.for_each_param_mut(&mut |id| id.0 = new_params[id.index()]);
        }
    }
}

/// New positions of the kept items.
fn renumber(keep: &[bool]) -> Vec<u32> {
    let mut next = 0;
    keep.iter()
        .map(|&kept| {
            let own = next;
            next += u32::from(kept);
            own
        })
        .collect()
}
