//! From ONNX to the kernel's network: what each operator means, on one sample.
//!
//! A leading axis of an input that is not fixed is the batch, and is 1. Constants are the file's numbers, exactly; what has to
//! be computed of them (1/c, BatchNormalization's scale) carries a radius. What is not listed in `node` is not checkable.

mod affine;
mod layout;
mod node;
mod tensor;
mod window;

use std::collections::{HashMap, HashSet};

use netinverse_onnx::{Dimension, Graph, Model, TensorData};

use crate::Trouble;
use crate::kernel::{Map, Matrix, Network, Op, Step};
use tensor::{Tensor, Value};

/// What an operator makes of its inputs.
type Lowered = Result<Value, Trouble>;

/// The most elements that the values of a network may have together, and the most entries of its matrices.
const MOST_ELEMENTS: usize = 1 << 26;

/// The network between all inputs, in their order, and the named values, or all outputs.
pub(crate) fn network(model: &Model, outputs: &[String]) -> Result<Network, Trouble> {
    let graph = &model.graph;
    let names: Vec<&str> = if outputs.is_empty() {
        graph.outputs.iter().map(|o| o.name.as_str()).collect()
    } else {
        outputs.iter().map(String::as_str).collect()
    };
    let mut lowering = Lowering {
        network: Network { sizes: vec![0], steps: Vec::new(), output: 0 },
        values: HashMap::new(),
        uses: HashMap::new(),
        opset: model.opset().unwrap_or(0),
        entries: 0,
    };
    let needed = needed(graph, &names);
    for node in graph.nodes.iter().filter(|node| node.outputs.iter().any(|o| needed.contains(o.as_str()))) {
        node.inputs.iter().for_each(|input| *lowering.uses.entry(input.clone()).or_insert(0) += 1);
    }
    for name in &names {
        *lowering.uses.entry((*name).to_string()).or_insert(0) += 1;
    }
    for tensor in &graph.initializers {
        if needed.contains(tensor.name.as_str()) {
            lowering.values.insert(tensor.name.clone(), constant(tensor)?);
        }
    }
    lowering.inputs(graph)?;
    for node in &graph.nodes {
        if node.outputs.iter().any(|output| needed.contains(output.as_str())) {
            let value = node::lower(&mut lowering, node).map_err(|error| error.at(&place(node)))?;
            let first = node.outputs.first().cloned().unwrap_or_default();
            if node.outputs[1..].iter().any(|o| needed.contains(o.as_str())) {
                return Err(Trouble::not_checkable("a second output is read").at(&place(node)));
            }
            lowering.values.insert(first, value);
        }
    }
    lowering.outputs(&names)?;
    Ok(lowering.network)
}

fn place(node: &netinverse_onnx::Node) -> String {
    format!("node `{}` ({})", node.label(), node.op_type)
}

/// The names that the outputs depend on.
fn needed<'g>(graph: &'g Graph, outputs: &[&'g str]) -> HashSet<&'g str> {
    let mut needed: HashSet<&str> = outputs.iter().copied().collect();
    for node in graph.nodes.iter().rev() {
        if node.outputs.iter().any(|output| needed.contains(output.as_str())) {
            needed.extend(node.inputs.iter().map(String::as_str));
        }
    }
    needed
}

fn constant(tensor: &netinverse_onnx::Tensor) -> Result<Value, Trouble> {
    let data = match &tensor.data {
        // Beyond every size: "to the end" of a slice.
        TensorData::I64(values) => values.iter().map(|&v| v.clamp(-(1 << 53), 1 << 53) as f64).collect(),
        _ => tensor.to_f64().map_err(|error| Trouble::not_checkable(error.to_string()))?,
    };
    Ok(Value::Constant(Tensor { dims: tensor.dims.clone(), data }))
}

struct Lowering {
    network: Network,
    values: HashMap<String, Value>,
    /// How often each name is read.
    uses: HashMap<String, usize>,
    opset: i64,
    /// Entries of all matrices.
    entries: usize,
}

impl Lowering {
    fn inputs(&mut self, graph: &Graph) -> Result<(), Trouble> {
        let constants: HashSet<&str> = graph.initializers.iter().map(|t| t.name.as_str()).collect();
        let mut all = Vec::new();
        for input in graph.inputs.iter().filter(|input| !constants.contains(input.name.as_str())) {
            let open = || Trouble::not_checkable(format!("the shape of the input `{}` is open", input.name));
            let shape = input.shape.as_ref().ok_or_else(open)?;
            let size = |(axis, dim): (usize, &Dimension)| match dim {
                Dimension::Fixed(size) if *size > 0 => Ok(*size),
                _ if axis == 0 && shape.len() > 1 => Ok(1),
                _ => Err(open()),
            };
            let dims: Vec<usize> = shape.iter().enumerate().map(size).collect::<Result<_, _>>()?;
            all.push((input.name.clone(), dims));
        }
        let length = |dims: &[usize]| dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
        let sizes: Option<Vec<usize>> = all.iter().map(|(_, dims)| length(dims)).collect();
        let total: usize = sizes.iter().flatten().fold(0usize, |sum, &n| sum.saturating_add(n));
        if sizes.is_none() || total == 0 || total > MOST_ELEMENTS {
            return Err(Trouble::not_checkable("the input is empty, or too large"));
        }
        self.network.sizes[0] = total;
        let (mut first, several) = (0, all.len() > 1);
        for (name, dims) in all {
            let size: usize = dims.iter().product();
            let value = if several {
                let whole = Value::Flow { dims: vec![total], id: 0 };
                self.gather(&whole, dims, &mut |at| Some(first + at))?
            } else {
                Value::Flow { dims, id: 0 }
            };
            first += size;
            self.values.insert(name, value);
        }
        Ok(())
    }

    fn outputs(&mut self, names: &[&str]) -> Result<(), Trouble> {
        let mut parts = Vec::new();
        for name in names {
            let value = self.values.get(*name).cloned();
            parts.push(value.ok_or_else(|| Trouble::input(format!("the model has no value `{name}`")))?);
        }
        let id = if let [Value::Flow { id, .. }] = &parts[..] {
            *id
        } else {
            let flat: Vec<Value> = parts.into_iter().map(Value::reshaped_flat).collect();
            match layout::concatenate(self, &flat, 0)? {
                Value::Flow { id, .. } => id,
                Value::Constant(tensor) => {
                    // f does not depend on its input.
                    let map = sparse(self.network.sizes[0], tensor.data.iter().map(|_| Vec::new()));
                    let (size, bias) = (tensor.data.len(), tensor.data);
                    self.push(vec![0], size, Op::Affine { maps: vec![map], bias, bias_radius: None })?
                }
            }
        };
        self.network.output = id;
        Ok(())
    }

    /// Appends a step; the value that it writes.
    fn push(&mut self, inputs: Vec<usize>, size: usize, op: Op) -> Result<usize, Trouble> {
        if let Op::Affine { maps, .. } = &op {
            let count = |map: &Map| match &map.matrix {
                Matrix::Dense { .. } => map.inputs * map.outputs,
                Matrix::Sparse { weights, .. } => weights.len(),
            };
            self.entries += maps.iter().map(count).sum::<usize>();
        }
        self.entries += size;
        if size == 0 {
            return Err(Trouble::not_checkable("a value without elements"));
        }
        if self.entries > MOST_ELEMENTS {
            return Err(Trouble::not_checkable("the network is too large"));
        }
        let output = self.network.sizes.len();
        self.network.sizes.push(size);
        self.network.steps.push(Step { inputs, output, op });
        Ok(output)
    }

    /// An affine step of one value, by rows of entries (input, weight, radius).
    fn rows(
        &mut self,
        id: usize,
        dims: Vec<usize>,
        rows: impl Iterator<Item = Vec<(usize, f64, f64)>>,
        bias: Vec<f64>,
    ) -> Result<Value, Trouble> {
        let map = sparse(self.network.sizes[id], rows);
        let op = Op::Affine { maps: vec![map], bias, bias_radius: None };
        let size = dims.iter().product();
        Ok(Value::Flow { dims, id: self.push(vec![id], size, op)? })
    }

    /// The value whose element `at` is element `source(at)` of another, or 0.
    fn gather(
        &mut self,
        value: &Value,
        dims: Vec<usize>,
        source: &mut dyn FnMut(usize) -> Option<usize>,
    ) -> Result<Value, Trouble> {
        let size: usize = dims.iter().product();
        match value {
            Value::Constant(tensor) => {
                let data = (0..size).map(|at| source(at).map_or(0.0, |i| tensor.data[i])).collect();
                Ok(Value::Constant(Tensor { dims, data }))
            }
            Value::Flow { id, dims: old } => {
                let sources: Vec<Option<usize>> = (0..size).map(&mut *source).collect();
                let same = size == old.iter().product::<usize>()
                    && sources.iter().enumerate().all(|(at, s)| *s == Some(at));
                if same {
                    return Ok(Value::Flow { id: *id, dims });
                }
                let rows = sources.into_iter().map(|s| s.map(|i| (i, 1.0, 0.0)).into_iter().collect());
                self.rows(*id, dims, rows, vec![0.0; size])
            }
        }
    }
}

/// A matrix by rows of entries (input, weight, radius).
fn sparse(inputs: usize, rows: impl Iterator<Item = Vec<(usize, f64, f64)>>) -> Map {
    let (mut starts, mut columns, mut weights, mut radius) = (vec![0], Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        for (i, weight, off) in row {
            columns.push(i as u32);
            weights.push(weight);
            radius.push(off);
        }
        starts.push(columns.len());
    }
    let outputs = starts.len() - 1;
    let radius = radius.iter().any(|&r| r > 0.0).then_some(radius);
    Map { inputs, outputs, matrix: Matrix::Sparse { starts, columns, weights }, radius }
}
