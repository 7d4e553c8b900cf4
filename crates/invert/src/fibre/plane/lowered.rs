use netinverse_base::{Error, Place, Result, ResultExt};
use netinverse_network::{Evaluator, Function, Layout, Linear, Network, NetworkBuilder, Node, Op, PadMode};

use super::cell::Cell;
use super::hinge::Hinge;
use super::reduced::{Basis, Enclosure, INPUTS, Reduced, Unit};

/// A piecewise-linear network as a list of affine maps and hinges, ready to be reduced to cells.
pub(super) struct Lowered {
    steps: Vec<Step>,
    /// The start of every value's life: inputs as rows over 1, x, y; for the others their size.
    inputs: Vec<(usize, Rows)>,
    values: usize,
    output: usize,
}

enum Step {
    /// A linear map of some values, and what is added to it.
    Affine { linear: Box<Evaluator<f64>>, constant: Vec<f64>, inputs: Vec<usize>, output: usize },
    /// One hinge on every element.
    Bend { hinge: Hinge, input: usize, output: usize },
}

/// Coefficients of a value's elements: row j holds those of basis element j.
#[derive(Debug, Clone, Default)]
struct Rows {
    width: usize,
    data: Vec<f64>,
}

impl Rows {
    fn count(&self) -> usize {
        self.data.len() / self.width
    }
}

/// The network's part on a cell, and the output's bounds there.
pub(super) type OnCell = (Reduced, (f64, f64));

impl Lowered {
    /// Lowers a network with one output; inputs other than `free` have the values of `point`.
    pub(super) fn new(network: &Network, point: &[f64], free: [usize; 2]) -> Result<Self> {
        let mut inputs = Vec::new();
        let mut offset = 0;
        for &id in network.inputs() {
            let width = network.value(id).shape.elements();
            let mut data = vec![0.0; INPUTS * width];
            for element in 0..width {
                let at = offset + element;
                match free.iter().position(|&f| f == at) {
                    Some(axis) => data[(axis + 1) * width + element] = 1.0,
                    None => data[element] = point[at],
                }
            }
            inputs.push((id.index(), Rows { width, data }));
            offset += width;
        }
        let steps = network
            .nodes()
            .iter()
            .map(|node| step(network, node).at(|| Place::node(&node.name, node.op.name())))
            .collect::<Result<_>>()?;
        // One output of one element: checked by the caller.
        let output = network.outputs()[0].index();
        Ok(Lowered { steps, inputs, values: network.values().len(), output })
    }

    /// The network on a cell, or `None` when more than `most` neurons bend there.
    pub(super) fn reduce(&self, cell: Cell, most: usize) -> Option<OnCell> {
        let mut basis = Basis::new(cell);
        let mut units = Vec::new();
        let mut values: Vec<Rows> = vec![Rows::default(); self.values];
        for (id, rows) in &self.inputs {
            values[*id].clone_from(rows);
        }
        for step in &self.steps {
            match step {
                Step::Affine { linear, constant, inputs, output } => {
                    values[*output] = apply(linear, constant, inputs, &values);
                }
                Step::Bend { hinge, input, output } => {
                    values[*output] = bend(hinge, &values[*input], &mut basis, &mut units, most)?;
                }
            }
        }
        let mut output = values[self.output].data.clone();
        output.resize(INPUTS + units.len(), 0.0);
        let bounds = basis.bounds(&output);
        Some((Reduced { units, output }, bounds))
    }
}

fn apply(linear: &Evaluator<f64>, constant: &[f64], inputs: &[usize], values: &[Rows]) -> Rows {
    let count = inputs.iter().map(|&id| values[id].count()).max().unwrap_or(INPUTS);
    let mut joined = vec![0.0; count * linear.input_size()];
    let mut offset = 0;
    for &id in inputs {
        let rows = &values[id];
        for (row, target) in
            rows.data.chunks_exact(rows.width).zip(joined.chunks_exact_mut(linear.input_size()))
        {
            target[offset..offset + rows.width].copy_from_slice(row);
        }
        offset += rows.width;
    }
    let width = linear.output_size();
    let mut data = vec![0.0; count * width];
    linear.forward(&joined, &mut data);
    for (value, c) in data.iter_mut().zip(constant) {
        *value += c;
    }
    Rows { width, data }
}

fn bend(hinge: &Hinge, rows: &Rows, basis: &mut Basis, units: &mut Vec<Unit>, most: usize) -> Option<Rows> {
    let (width, before) = (rows.width, rows.count());
    let mut enclosures = vec![Enclosure::default(); width];
    for (row, h) in rows.data.chunks_exact(width).zip(basis.elements()) {
        for (sum, &c) in enclosures.iter_mut().zip(row) {
            for axis in 0..3 {
                sum.form[axis] += c * h.form[axis];
            }
            let (p, q) = (c * h.low, c * h.high);
            sum.low += p.min(q);
            sum.high += p.max(q);
        }
    }
    let first = units.len();
    let mut slopes = vec![0.0; width];
    let mut intercepts = vec![0.0; width];
    let mut bent = Vec::new();
    for (element, value) in enclosures.iter().enumerate() {
        if let Some(piece) = basis.only_piece(value, hinge) {
            (slopes[element], intercepts[element]) = hinge.piece(piece);
            continue;
        }
        if units.len() == most {
            return None;
        }
        basis.push(value, hinge);
        units
            .push(Unit { row: (0..before).map(|j| rows.data[j * width + element]).collect(), hinge: *hinge });
        bent.push(element);
    }
    let count = INPUTS + units.len();
    let mut data = vec![0.0; count * width];
    for (target, row) in data.chunks_exact_mut(width).zip(rows.data.chunks_exact(width)) {
        for ((t, c), slope) in target.iter_mut().zip(row).zip(&slopes) {
            *t = c * slope;
        }
    }
    for (t, intercept) in data.iter_mut().zip(&intercepts) {
        *t += intercept;
    }
    for (k, element) in bent.into_iter().enumerate() {
        data[(INPUTS + first + k) * width + element] = 1.0;
    }
    Some(Rows { width, data })
}

fn step(network: &Network, node: &Node) -> Result<Step> {
    let inputs: Vec<usize> = node.inputs.iter().map(|id| id.index()).collect();
    let output = node.output.index();
    match &node.op {
        Op::Function(function) => {
            let hinge = Hinge::new(*function).ok_or_else(|| not_piecewise_linear(*function))?;
            Ok(Step::Bend { hinge, input: inputs[0], output })
        }
        Op::Linear(_) | Op::Layout(_) => {
            let whole = Evaluator::<f64>::new(&alone(network, node, node.op.clone())?);
            let mut constant = vec![0.0; whole.output_size()];
            whole.forward(&vec![0.0; whole.input_size()], &mut constant);
            let linear = Evaluator::<f64>::new(&alone(network, node, homogeneous(&node.op))?);
            Ok(Step::Affine { linear: Box::new(linear), constant, inputs, output })
        }
        Op::Extremum(_) | Op::Bilinear(_) | Op::Normalizer(_) => Err(Error::unsupported(format!(
            "the complete preimage of a value is not enumerated through {}",
            node.op.name()
        ))
        .hint(
            "affine operators, Relu, LeakyRelu, Abs and Clip are; `--count` and `--sample` take any network",
        )),
    }
}

fn not_piecewise_linear(function: Function) -> Error {
    Error::unsupported(format!("{} is not piecewise linear", function.name())).hint(
        "the complete preimage is enumerated for piecewise-linear networks; `--count` takes any network",
    )
}

/// The operator without what it adds.
fn homogeneous(op: &Op) -> Op {
    let mut op = op.clone();
    match &mut op {
        Op::Linear(Linear::Dense(dense)) => dense.bias = None,
        Op::Linear(Linear::Conv(conv)) => conv.bias = None,
        Op::Linear(Linear::Scale(scale)) => scale.shift = None,
        Op::Layout(Layout::Pad { mode: PadMode::Constant(value), .. }) => *value = 0.0,
        _ => {}
    }
    op
}

/// A network of that operator alone.
fn alone(network: &Network, node: &Node, op: Op) -> Result<Network> {
    let mut builder = NetworkBuilder::new();
    // Ids keep their meaning: all constants are added, in order, before unused ones are dropped.
    for param in network.params() {
        builder.param(param.clone());
    }
    let inputs = node
        .inputs
        .iter()
        .enumerate()
        .map(|(k, &id)| builder.input(format!("{k}"), network.value(id).shape.clone()))
        .collect::<Result<Vec<_>>>()?;
    let output = builder.node("out", op, &inputs)?;
    builder.finish(&[output])
}
