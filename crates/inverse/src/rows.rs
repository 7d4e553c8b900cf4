//! Linear operators as equations between elements: `own = Σ cₖ eₖ + constant`.

use std::collections::HashMap;
use std::sync::Arc;

use netinverse_network::{
    AveragePool, Conv, ConvTranspose, Dense, Linear, Network, Node, Normalizer, Op, Reduce, Shape,
    WeightOrder, Window,
};

use crate::elements::{Atom, Element, Elements, Formula, Origin};

/// The most coefficients that the equations of one operator may have.
pub(crate) const MAX_COEFFICIENTS: usize = 1 << 25;

/// One equation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) own: Element,
    /// Each element once, in the order in which the operator reads them; no zeros.
    pub(crate) terms: Vec<(Element, f64)>,
    pub(crate) constant: f64,
}

/// Whether a base's elements are affine in what its operator reads.
pub(crate) fn is_affine(elements: &Elements, base: u32) -> bool {
    match elements.bases[base as usize].origin {
        Origin::Input(_) => false,
        Origin::Centred(_) => true,
        Origin::Node(node) => matches!(
            elements.network.nodes()[node].op,
            Op::Linear(_) | Op::Bilinear(netinverse_network::Bilinear::Multiply)
        ),
    }
}

/// The number of coefficients of a base's equations, before anything is merged.
pub(crate) fn coefficients(elements: &Elements, base: u32) -> usize {
    let Some(node) = elements.node_of(base) else { return 0 };
    let node = &elements.network.nodes()[node];
    let (read, written) = (read_shape(&elements.network, node), elements.size(base));
    match &node.op {
        Op::Linear(Linear::Dense(_)) => written * read.last().copied().unwrap_or(1),
        Op::Linear(Linear::Conv(conv)) => {
            written * (read[1] / conv.groups.max(1)) * conv.window.kernel.iter().product::<usize>()
        }
        Op::Linear(Linear::ConvTranspose(conv)) => {
            let weight = elements.network.param(conv.weight).shape();
            read.elements() * weight[1..].iter().product::<usize>()
        }
        Op::Linear(Linear::AveragePool(pool)) => written * pool.window.kernel.iter().product::<usize>(),
        Op::Linear(Linear::Reduce(_)) => read.elements(),
        Op::Normalizer(normalizer) => written * group_size(read, normalizer),
        _ => written * node.inputs.len(),
    }
}

/// The equations of a base that [`is_affine`]. What is a copy or a constant has none; of a product, those with a constant
/// have.
pub(crate) fn rows(elements: &Elements, base: u32) -> Vec<Row> {
    let Some(index) = elements.node_of(base) else { return Vec::new() };
    let node = &elements.network.nodes()[index];
    if let Some(maker) = elements.elementwise(index).filter(|_| Some(base) == elements.base_of(index)) {
        let row = |own: Element| match maker.formula(own.index as usize)? {
            Formula::Affine { terms, constant } => Some(Row { own, terms, constant }),
            Formula::Function(..) | Formula::Product(..) => None,
        };
        return elements.all(base).filter_map(row).collect();
    }
    let mut sums = Sums::new(elements, base, node);
    match &node.op {
        Op::Linear(Linear::Dense(dense)) => sums.dense(dense),
        Op::Linear(Linear::Conv(conv)) => sums.conv(conv),
        Op::Linear(Linear::ConvTranspose(conv)) => sums.conv_transpose(conv),
        Op::Linear(Linear::AveragePool(pool)) => sums.average_pool(pool),
        Op::Linear(Linear::Reduce(reduce)) => sums.reduce(reduce),
        Op::Normalizer(normalizer @ (Normalizer::Softmax { .. } | Normalizer::LogSoftmax { .. })) => {
            sums.centred(normalizer);
        }
        _ => return Vec::new(),
    }
    sums.finish()
}

fn read_shape<'n>(network: &'n Network, node: &Node) -> &'n Shape {
    &network.value(node.inputs[0]).shape
}

pub(crate) fn axis_of(normalizer: &Normalizer) -> usize {
    match normalizer {
        Normalizer::Softmax { axis }
        | Normalizer::LogSoftmax { axis }
        | Normalizer::Standardize { axis, .. } => *axis,
    }
}

fn group_size(shape: &Shape, normalizer: &Normalizer) -> usize {
    shape.get(axis_of(normalizer)).copied().unwrap_or(1)
}

/// The flat positions of the elements of each group that a softmax normalises.
pub(crate) fn groups(shape: &Shape, axis: usize) -> Vec<Vec<usize>> {
    let (stride, size) = (shape.strides()[axis], shape[axis]);
    let starts = (0..shape.elements()).filter(|flat| (flat / stride).is_multiple_of(size));
    starts.map(|start| (0..size).map(|k| start + k * stride).collect()).collect()
}

/// Sums under construction, one for each element written.
struct Sums<'e> {
    elements: &'e Elements,
    base: u32,
    read: Arc<[Atom]>,
    shape: &'e Shape,
    /// (position read, coefficient)
    terms: Vec<Vec<(u32, f64)>>,
    constants: Vec<f64>,
}

impl<'e> Sums<'e> {
    fn new(elements: &'e Elements, base: u32, node: &Node) -> Self {
        let size = elements.size(base);
        Sums {
            elements,
            base,
            read: Arc::clone(elements.value(node.inputs[0])),
            shape: read_shape(&elements.network, node),
            terms: vec![Vec::new(); size],
            constants: vec![0.0; size],
        }
    }

    fn add(&mut self, own: usize, read: usize, coefficient: f64) {
        if coefficient != 0.0 {
            self.terms[own].push((read as u32, coefficient));
        }
    }

    fn finish(self) -> Vec<Row> {
        let (base, read) = (self.base, &self.read);
        let row = |(index, (terms, constant)): (usize, (Vec<(u32, f64)>, f64))| {
            let mut row = Row {
                own: Element { base, index: index as u32 },
                terms: Vec::with_capacity(terms.len()),
                constant,
            };
            let mut seen: HashMap<Element, usize> = HashMap::with_capacity(terms.len());
            for (position, coefficient) in terms {
                match read[position as usize] {
                    Atom::Constant(value) => row.constant += coefficient * value,
                    Atom::Element(element) => {
                        if let Some(&at) = seen.get(&element) {
                            row.terms[at].1 += coefficient;
                        } else {
                            seen.insert(element, row.terms.len());
                            row.terms.push((element, coefficient));
                        }
                    }
                }
            }
            row.terms.retain(|(_, coefficient)| *coefficient != 0.0);
            row
        };
        self.terms.into_iter().zip(self.constants).enumerate().map(row).collect()
    }

    fn dense(&mut self, dense: &Dense) {
        let network = &self.elements.network;
        let weight = network.param(dense.weight).f64();
        let (inputs, outputs) = dense.sizes(network.params());
        for row in 0..self.shape.elements() / inputs.max(1) {
            for n in 0..outputs {
                let own = row * outputs + n;
                for k in 0..inputs {
                    let coefficient = match dense.order {
                        WeightOrder::InputsFirst => weight[k * outputs + n],
                        WeightOrder::OutputsFirst => weight[n * inputs + k],
                    };
                    self.add(own, row * inputs + k, coefficient);
                }
                if let Some(bias) = dense.bias {
                    self.constants[own] = network.param(bias).f64()[n];
                }
            }
        }
    }

    fn conv(&mut self, conv: &Conv) {
        let network = &self.elements.network;
        let weight = network.param(conv.weight);
        let (written, per_group) = (weight.shape()[0], weight.shape()[1]);
        let places = taps(&conv.window, &self.shape[2..]);
        let (plane, positions) =
            (self.shape[2..].iter().product::<usize>(), conv.window.output.iter().product::<usize>());
        let kernel = conv.window.kernel.iter().product::<usize>();
        let values = weight.f64();
        for m in 0..written {
            let first = m / (written / conv.groups) * per_group;
            for c in 0..per_group {
                for &(position, tap, source) in &places {
                    let coefficient = values[(m * per_group + c) * kernel + tap];
                    self.add(m * positions + position, (first + c) * plane + source, coefficient);
                }
            }
            if let Some(bias) = conv.bias {
                self.constants[m * positions..(m + 1) * positions].fill(network.param(bias).f64()[m]);
            }
        }
    }

    fn conv_transpose(&mut self, conv: &ConvTranspose) {
        let network = &self.elements.network;
        let weight = network.param(conv.weight);
        let (read, per_group) = (weight.shape()[0], weight.shape()[1]);
        let places = taps(&conv.window, &conv.output);
        let (plane, positions) =
            (conv.output.iter().product::<usize>(), conv.window.output.iter().product::<usize>());
        let kernel = conv.window.kernel.iter().product::<usize>();
        let values = weight.f64();
        for c in 0..read {
            let first = c / (read / conv.groups) * per_group;
            for m in 0..per_group {
                for &(position, tap, source) in &places {
                    let coefficient = values[(c * per_group + m) * kernel + tap];
                    self.add((first + m) * plane + source, c * positions + position, coefficient);
                }
            }
        }
        if let Some(bias) = conv.bias {
            for (m, &value) in network.param(bias).f64().iter().enumerate() {
                self.constants[m * plane..(m + 1) * plane].fill(value);
            }
        }
    }

    fn average_pool(&mut self, pool: &AveragePool) {
        let spatial = self.shape[2..].to_vec();
        let places = taps(&pool.window, &spatial);
        let (plane, positions) =
            (spatial.iter().product::<usize>(), pool.window.output.iter().product::<usize>());
        let strides = netinverse_network::Shape::new(pool.window.output.clone()).map(|s| s.strides());
        let strides = strides.unwrap_or_default();
        for &(position, _, source) in &places {
            let at: Vec<usize> = strides
                .iter()
                .zip(&pool.window.output)
                .map(|(stride, size)| position / stride % size)
                .collect();
            let share = 1.0 / pool.divisor(&at, &spatial).max(1) as f64;
            for channel in 0..self.shape[1] {
                self.add(channel * positions + position, channel * plane + source, share);
            }
        }
    }

    fn reduce(&mut self, reduce: &Reduce) {
        let strides = self.shape.strides();
        let count: usize = reduce.axes.iter().map(|&axis| self.shape[axis]).product();
        let factor = if reduce.mean { 1.0 / count.max(1) as f64 } else { 1.0 };
        for flat in 0..self.shape.elements() {
            let own = (0..self.shape.rank())
                .filter(|axis| !reduce.axes.contains(axis))
                .fold(0, |own, axis| own * self.shape[axis] + flat / strides[axis] % self.shape[axis]);
            self.add(own, flat, factor);
        }
    }

    /// Each element less the mean of its group.
    fn centred(&mut self, normalizer: &Normalizer) {
        for group in groups(self.shape, axis_of(normalizer)) {
            let share = 1.0 / group.len() as f64;
            for &own in &group {
                for &read in &group {
                    self.add(own, read, f64::from(u8::from(own == read)) - share);
                }
            }
        }
    }
}

/// (window position, tap, position read), flat, of every tap inside the input.
fn taps(window: &Window, spatial: &[usize]) -> Vec<(usize, usize, usize)> {
    let mut found = vec![(0, 0, 0)];
    for (axis, &size) in spatial.iter().enumerate() {
        let mut next = Vec::new();
        for (position, tap, source) in found {
            for p in 0..window.output[axis] {
                for t in 0..window.kernel[axis] {
                    if let Some(s) = window.source(axis, p, t, size) {
                        next.push((
                            position * window.output[axis] + p,
                            tap * window.kernel[axis] + t,
                            source * size + s,
                        ));
                    }
                }
            }
        }
        found = next;
    }
    found
}
