//! Layer by layer: what its linear part collapses, what its function switches off.

use netinverse_linalg::{Matrix, Real as _, singular_values};
use netinverse_network::{Dense, Evaluator, Extremum, Function, Layout, Linear, Network, Node, Op, ValueId};
use serde::Serialize;

use crate::verdict::Statement;

/// The most elements of a matrix whose singular values are computed.
const MAX_SPECTRUM: usize = 2 << 20;

/// The most singular values that are computed.
const MAX_VALUES: usize = 1024;

/// A slope this much smaller than the largest counts as saturated.
const SATURATED: f64 = 1e-3;

/// One layer of a network.
#[derive(Debug, Clone, Serialize)]
pub struct Layer {
    /// The value it writes.
    pub name: String,
    /// The operator.
    pub op: String,
    /// Numbers read.
    pub inputs: usize,
    /// Numbers written.
    pub outputs: usize,
    /// Of a linear layer the rank, as floating point finds it; of a function how many elements pass on a typical row.
    pub rank: Option<usize>,
    /// The largest singular value of a linear layer.
    pub sigma_max: Option<f64>,
    /// The smallest singular value (of min(inputs, outputs)).
    pub sigma_min: Option<f64>,
    /// All singular values, descending, where they were computed.
    #[serde(skip)]
    pub spectrum: Vec<f64>,
    /// Dimensions that are lost here on a typical row, at least.
    pub lost: usize,
    /// Dimensions of the network's input that are left after it on a typical row, at most.
    pub left: usize,
    /// What is to be said of it.
    pub finding: Option<Statement>,
}

/// Multiplications of one forward pass.
pub fn work(network: &Network) -> usize {
    let of = |node: &Node| -> usize {
        let size = |id: ValueId| network.value(id).shape.elements();
        let written = size(node.output);
        match &node.op {
            Op::Linear(Linear::Dense(Dense { weight, .. })) => {
                let columns = network.value(node.output).shape.last().copied().unwrap_or(1).max(1);
                written / columns * network.param(*weight).elements()
            }
            Op::Linear(Linear::Conv(conv)) => {
                let shape = network.param(conv.weight).shape();
                written * (shape.elements() / shape[0].max(1))
            }
            Op::Linear(Linear::ConvTranspose(conv)) => {
                let shape = network.param(conv.weight).shape();
                size(node.inputs[0]) * (shape.elements() / shape[0].max(1))
            }
            Op::Bilinear(_) => written * network.value(node.inputs[0]).shape.last().copied().unwrap_or(1),
            _ => written,
        }
    };
    network.nodes().iter().map(of).sum::<usize>().max(1)
}

/// Every layer but mere rearrangements, in order; `rows` are data or samples of the box.
pub fn layers(network: &Network, free: usize, rows: &Matrix) -> Vec<Layer> {
    let evaluator = Evaluator::<f64>::new(network);
    // Values of some rows only: memory and time.
    let widest = network.values().iter().map(|value| value.shape.elements()).max().unwrap_or(1);
    let shown =
        rows.rows().min(((1 << 25) / widest.max(1)).max(1)).min(((1usize << 34) / work(network)).max(8));
    let x = &rows.data()[..shown * rows.columns()];
    let mut left = vec![0usize; network.values().len()];
    for &id in network.inputs() {
        left[id.index()] = network.value(id).shape.elements();
    }
    if let &[only] = network.inputs() {
        left[only.index()] = free;
    }
    let cuts = network.cuts();
    let mut narrowest = free;
    let mut out = Vec::new();
    for node in network.nodes() {
        let before: usize = node.inputs.iter().map(|id| left[id.index()]).sum::<usize>().min(free);
        let outputs = network.value(node.output).shape.elements();
        let inputs = node.inputs.iter().map(|id| network.value(*id).shape.elements()).sum();
        let mut layer = Layer {
            name: network.value(node.output).name.clone(),
            op: node.op.name().to_string(),
            inputs,
            outputs,
            rank: None,
            sigma_max: None,
            sigma_min: None,
            spectrum: Vec::new(),
            lost: 0,
            left: before.min(outputs),
            finding: None,
        };
        match &node.op {
            Op::Linear(linear) if !matches!(linear, Linear::Combine { .. }) => {
                linear_layer(network, node, before, &mut layer);
            }
            Op::Function(function) => {
                let values = evaluator.values(x, &[node.inputs[0]]);
                function_layer(*function, &values[0], shown, outputs, &mut layer);
            }
            Op::Extremum(Extremum::MaxPool(window)) => {
                let taps: usize = window.kernel.iter().product();
                layer.finding = Some(Statement::proved(format!(
                    "of every {taps} neighbours only the largest goes on: {inputs} numbers become {outputs}"
                )));
            }
            Op::Normalizer(normalizer) => {
                layer.left = before.min(outputs.saturating_sub(1));
                layer.finding = Some(Statement::proved(match normalizer.name() {
                    "LayerNormalization" => {
                        "the mean and the spread of its input are divided out: two numbers a group are lost"
                            .to_string()
                    }
                    name => format!(
                        "{name} keeps differences only: a number added to all its inputs leaves no trace"
                    ),
                }));
            }
            Op::Layout(layout) => {
                let dropped =
                    matches!(layout, Layout::Slice { .. } | Layout::Gather { .. }) && outputs < inputs;
                if !dropped {
                    left[node.output.index()] = layer.left;
                    continue;
                }
            }
            _ => {}
        }
        if cuts.contains(&node.output) {
            narrowest = narrowest.min(layer.left);
            layer.left = narrowest;
        }
        layer.lost = if node.inputs.len() == 1 { before.saturating_sub(layer.left) } else { 0 };
        left[node.output.index()] = layer.left;
        out.push(layer);
    }
    out
}

fn linear_layer(network: &Network, node: &Node, before: usize, layer: &mut Layer) {
    let (n, m) = (layer.inputs, layer.outputs);
    let narrow = |layer: &mut Layer| {
        if m < before {
            layer.finding = Some(Statement::proved(format!(
                "{n} numbers become {m}: whatever its weights, at least {} directions of its input leave no trace",
                n - m
            )));
        }
    };
    if matches!(node.op, Op::Linear(Linear::Scale(_))) {
        return;
    }
    if let Some(values) = spectrum(network, node) {
        let largest = values.first().copied().unwrap_or(0.0);
        let threshold = n.max(m) as f64 * f64::EPSILON / 2.0 * largest;
        let rank = values.iter().take_while(|&&s| s > threshold).count();
        layer.rank = Some(rank);
        layer.sigma_max = Some(largest);
        layer.sigma_min = values.last().copied();
        layer.left = before.min(rank);
        narrow(layer);
        if rank < n.min(m) {
            layer.finding = Some(Statement::measured(
                format!(
                    "its matrix has rank {rank}, though {} was possible: {} directions collapse",
                    n.min(m),
                    n - rank
                ),
                1,
            ));
        }
        layer.spectrum = values;
    } else {
        layer.sigma_max = Some(power_iteration(network, node));
        narrow(layer);
    }
}

/// The singular values of a linear node; `None` where it is too large.
fn spectrum(network: &Network, node: &Node) -> Option<Vec<f64>> {
    let (n, m) =
        (network.value(node.inputs[0]).shape.elements(), network.value(node.output).shape.elements());
    if let Op::Linear(Linear::Dense(dense)) = &node.op {
        let (k, l) = dense.sizes(network.params());
        let weight = network.param(dense.weight);
        if k.min(l) > MAX_VALUES {
            return None;
        }
        // The same matrix for every row of the value.
        let own =
            singular_values(&Matrix::new(weight.shape()[0], weight.shape()[1], weight.f64().to_vec()).ok()?);
        let repeats = n / k.max(1);
        return Some(own.into_iter().flat_map(|s| std::iter::repeat_n(s, repeats)).collect());
    }
    if n.saturating_mul(m) > MAX_SPECTRUM || n.min(m) > MAX_VALUES {
        return None;
    }
    let part = network.between(node.inputs[0], node.output).ok()?;
    let (mut y, mut jacobian) = (vec![0.0; m], vec![0.0; m * n]);
    Evaluator::<f64>::new(&part).jacobian(&vec![0.0; n], &mut y, &mut jacobian);
    Some(singular_values(&Matrix::new(m, n, jacobian).ok()?))
}

/// The largest singular value from below, by the power method.
fn power_iteration(network: &Network, node: &Node) -> f64 {
    let Ok(part) = network.between(node.inputs[0], node.output) else { return 0.0 };
    let evaluator = Evaluator::<f64>::new(&part);
    let (n, m) = (part.input_size(), part.output_size());
    let mut v: Vec<f64> = (0..n).map(|i| 1.0 + 0.3 * ((i * 37 % 101) as f64 / 101.0)).collect();
    let (zero, mut y, mut image, mut back) = (vec![0.0; n], vec![0.0; m], vec![0.0; m], vec![0.0; n]);
    let mut sigma = 0.0;
    for _ in 0..40 {
        let length = f64::dot(&v, &v).sqrt();
        if length == 0.0 {
            return sigma;
        }
        for v in &mut v {
            *v /= length;
        }
        evaluator.jvp(&zero, &v, &mut y, &mut image);
        sigma = f64::dot(&image, &image).sqrt();
        evaluator.vjp(&zero, &image, &mut y, &mut back);
        v.copy_from_slice(&back);
    }
    sigma
}

/// What a function does to the values it reads on some rows.
fn function_layer(function: Function, values: &[f64], rows: usize, size: usize, layer: &mut Layer) {
    let rows = rows.max(1);
    let median = |mut counts: Vec<usize>| {
        counts.sort_unstable();
        counts[counts.len() / 2]
    };
    let flat: Box<dyn Fn(f64) -> bool> = match function {
        Function::Relu => Box::new(|z| z <= 0.0),
        Function::Clip { low, high } => Box::new(move |z| z <= low || z >= high),
        Function::Sigmoid | Function::Tanh | Function::Softsign | Function::Erf => {
            let steepest = function.derivative(0.0);
            Box::new(move |z| function.derivative(z).abs() < SATURATED * steepest)
        }
        _ => return,
    };
    let mut ever = vec![false; size];
    let mut passing = Vec::with_capacity(rows);
    for row in values.chunks_exact(size) {
        let mut count = 0;
        for (z, ever) in row.iter().zip(&mut ever) {
            if !flat(*z) {
                count += 1;
                *ever = true;
            }
        }
        passing.push(count);
    }
    let dead = ever.iter().filter(|ever| !**ever).count();
    let total: usize = passing.iter().sum();
    let share = 100.0 * (1.0 - total as f64 / (rows * size) as f64);
    let typical = median(passing);
    let smooth = matches!(function, Function::Sigmoid | Function::Tanh | Function::Softsign | Function::Erf);
    layer.rank = Some(if smooth { size } else { typical });
    if !smooth {
        layer.left = layer.left.min(typical);
    }
    let verb = if smooth { "saturated (slope under a thousandth of the largest)" } else { "off" };
    let rest =
        if smooth { "each can still be undone, but not in few digits" } else { "what they held is gone" };
    layer.finding = Some(if total == rows * size {
        Statement::measured(format!("none of its {size} neurons is {verb}"), rows)
    } else {
        let always = if dead > 0 {
            format!("{dead} of its {size} neurons are {verb} on every row; ")
        } else {
            String::new()
        };
        Statement::measured(
            format!(
                "{always}on an average row {share:.0} % are {verb}, so {typical} of {size} carry anything on a typical one: {rest}"
            ),
            rows,
        )
    });
}
