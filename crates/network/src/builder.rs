use std::collections::HashMap;

use netinverse_base::{Error, Place, Result, ResultExt};

use crate::graph::Graph;
use crate::{Network, Node, Op, Param, ParamId, Shape, Value, ValueId};

/// Builds a [`Network`] node by node, in topological order, checking every shape.
///
/// ```
/// use netinverse_network::{Dense, Function, Linear, NetworkBuilder, Op, Param, Shape, WeightOrder};
/// # fn main() -> netinverse_base::Result<()> {
/// let mut builder = NetworkBuilder::new();
/// let x = builder.input("x", Shape::new([1, 2])?)?;
/// let weight = builder.param(Param::from_f32("W", Shape::new([2, 3])?, vec![1.0; 6])?);
/// let dense = Dense { weight, bias: None, order: WeightOrder::InputsFirst };
/// let z = builder.node("z", Op::Linear(Linear::Dense(dense)), &[x])?;
/// let y = builder.node("y", Op::Function(Function::Relu), &[z])?;
/// let network = builder.finish(&[y])?;
/// assert_eq!((network.input_size(), network.output_size()), (2, 3));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct NetworkBuilder {
    graph: Graph,
    names: HashMap<String, ValueId>,
}

impl NetworkBuilder {
    /// An empty network.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an input; the order of the calls is the order of the point's elements.
    pub fn input(&mut self, name: impl Into<String>, shape: Shape) -> Result<ValueId> {
        let name = name.into();
        if shape.elements() == 0 {
            return Err(Error::input(format!("input `{name}` of shape {shape} has no elements")));
        }
        if self.names.contains_key(&name) {
            return Err(Error::input(format!("two inputs are named `{name}`")));
        }
        let id = self.value(name, shape);
        self.graph.inputs.push(id);
        Ok(id)
    }

    /// Adds a constant.
    pub fn param(&mut self, param: Param) -> ParamId {
        self.graph.params.push(param);
        ParamId(self.graph.params.len() as u32 - 1)
    }

    /// The constant of that id.
    pub fn param_ref(&self, id: ParamId) -> &Param {
        &self.graph.params[id.index()]
    }

    /// Applies an operator to values added before; what it writes is named like the node, with a suffix
    /// where another value has that name.
    pub fn node(&mut self, name: impl Into<String>, op: Op, inputs: &[ValueId]) -> Result<ValueId> {
        let name = name.into();
        let op_name = op.name();
        self.node_writing(&name, name.clone(), op, inputs).at(|| Place::node(&name, op_name))
    }

    /// The same with another name for the value, and errors that do not name the node: for the loader,
    /// whose nodes are those of the file.
    pub(crate) fn node_writing(
        &mut self,
        name: &str,
        value: String,
        op: Op,
        inputs: &[ValueId],
    ) -> Result<ValueId> {
        let shapes: Vec<_> = inputs.iter().map(|&id| self.shape(id)).collect();
        let shape = op.output_shape(&shapes, &self.graph.params)?;
        let output = self.value(value, shape);
        self.graph.nodes.push(Node { name: name.to_string(), op, inputs: inputs.to_vec(), output });
        Ok(output)
    }

    /// A constant added before.
    pub(crate) fn param_of(&self, id: ParamId) -> &Param {
        &self.graph.params[id.index()]
    }

    /// The nodes added so far.
    pub(crate) fn nodes(&self) -> &[Node] {
        &self.graph.nodes
    }

    /// The operator of node `index`; the caller keeps the shape that it writes.
    pub(crate) fn op_mut(&mut self, index: usize) -> &mut Op {
        &mut self.graph.nodes[index].op
    }

    /// The number of values added so far.
    pub(crate) fn value_count(&self) -> usize {
        self.graph.values.len()
    }

    /// The name of a value added before.
    pub(crate) fn value_name(&self, id: ValueId) -> &str {
        &self.graph.values[id.index()].name
    }

    /// The value of that name.
    pub(crate) fn find(&self, name: &str) -> Option<ValueId> {
        self.names.get(name).copied()
    }

    /// Renames the value that a node wrote, as the file names it; a name in use is left alone.
    pub fn rename(&mut self, id: ValueId, name: impl Into<String>) {
        let name = name.into();
        if !name.is_empty() && !self.names.contains_key(&name) {
            let old = std::mem::replace(&mut self.graph.values[id.index()].name, name.clone());
            self.names.remove(&old);
            self.names.insert(name, id);
        }
    }

    /// The shape of a value added before.
    pub fn shape(&self, id: ValueId) -> &Shape {
        &self.graph.values[id.index()].shape
    }

    /// Records where the inputs may lie, `[lower, upper]` for each element.
    pub fn bounds(&mut self, bounds: Vec<[f64; 2]>) {
        self.graph.bounds = Some(bounds);
    }

    /// Records what the loader had to assume, one sentence.
    pub fn warn(&mut self, warning: impl Into<String>) {
        let warning = warning.into();
        if !self.graph.warnings.contains(&warning) {
            self.graph.warnings.push(warning);
        }
    }

    /// The finished network, without what its outputs do not need.
    pub fn finish(mut self, outputs: &[ValueId]) -> Result<Network> {
        if outputs.is_empty() {
            return Err(Error::input("a network needs at least one output"));
        }
        if self.graph.inputs.is_empty() {
            return Err(Error::input("the network has no input")
                .hint("everything it computes is a constant; there is nothing to invert"));
        }
        if let Some(empty) = outputs.iter().find(|&&id| self.shape(id).elements() == 0) {
            let value = &self.graph.values[empty.index()];
            return Err(Error::input(format!(
                "output `{}` of shape {} has no elements",
                value.name, value.shape
            )));
        }
        self.graph.outputs = outputs.to_vec();
        self.graph.prune();
        Ok(Network::from_graph(self.graph))
    }

    fn value(&mut self, name: String, shape: Shape) -> ValueId {
        let mut unique = name;
        if unique.is_empty() || self.names.contains_key(&unique) {
            let name = unique;
            let mut number = self.graph.values.len();
            unique = format!("{name}#{number}");
            while self.names.contains_key(&unique) {
                number += 1;
                unique = format!("{name}#{number}");
            }
        }
        let id = ValueId(self.graph.values.len() as u32);
        self.names.insert(unique.clone(), id);
        self.graph.values.push(Value { name: unique, shape });
        id
    }
}
