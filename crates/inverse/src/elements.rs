//! The elements of a network's values: which are computed, which are copies, which are constants.
//!
//! A layout moves elements, a mask of zeros and ones keeps some and makes the others constant, a sum with a constant zero
//! is a copy. All of that is resolved here, element by element, once: what remains are *bases*, the places where an element
//! is made (an input, an operator that computes), and for each value of the network the list of where its elements come
//! from. Couplings that split, permute, squeeze or mask then need no further attention: their untouched half **is** the
//! input, under another name.

use std::sync::Arc;

use netinverse_base::{Error, Result};
use netinverse_network::{
    Bilinear, Dense, IndexMap, Layout, Linear, Network, Node, Normalizer, Op, Param, Scale, Shape,
    WeightOrder,
};

/// The most elements that all values of one sample may have together: each takes 16 bytes here.
const MAX_ELEMENTS: usize = 1 << 23;

/// An element where it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Element {
    /// The base, in topological order.
    pub(crate) base: u32,
    /// The position in it, row-major.
    pub(crate) index: u32,
}

/// An element of a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Atom {
    /// The same number whatever the input.
    Constant(f64),
    /// Made there.
    Element(Element),
}

/// What makes the elements of a base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The network's input of that position.
    Input(usize),
    /// The node of that position.
    Node(usize),
    /// What the node of that position, a softmax, reads, less the mean of each group that it normalises: the part of its
    /// input that its output tells.
    Centred(usize),
}

/// A place where elements are made.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    pub(crate) origin: Origin,
    pub(crate) shape: Shape,
}

/// An element as an operator of elements makes it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Formula {
    /// `Σ cₖ eₖ + constant`, each element once.
    Affine { terms: Vec<(Element, f64)>, constant: f64 },
    /// `f(e)`
    Function(netinverse_network::Function, Element),
    /// `a · b`
    Product(Element, Element),
}

/// The elements of a network.
#[derive(Debug)]
pub(crate) struct Elements {
    pub(crate) network: Network,
    pub(crate) bases: Vec<Base>,
    /// Where the elements of each value come from.
    values: Vec<Arc<[Atom]>>,
    /// The base that each node makes; none for a layout.
    node_base: Vec<Option<u32>>,
    /// The centred input of each softmax.
    centred: Vec<Option<u32>>,
    /// The nodes that read elements of each base.
    readers: Vec<Vec<usize>>,
}

impl Elements {
    /// Follows every element through the network.
    ///
    /// # Errors
    /// More than [`MAX_ELEMENTS`] elements.
    pub(crate) fn new(network: &Network) -> Result<Self> {
        let total: usize = network.values().iter().map(|value| value.shape.elements()).sum();
        if total > MAX_ELEMENTS {
            return Err(Error::unsupported(format!(
                "the values of one sample have {total} elements together; networks of up to {MAX_ELEMENTS} are inverted"
            ))
            .hint("invert a part of it: choose an output with `--output NAME`"));
        }
        let nodes = network.nodes().len();
        let mut elements = Elements {
            network: network.clone(),
            bases: Vec::new(),
            values: vec![Arc::from([]); network.values().len()],
            node_base: vec![None; nodes],
            centred: vec![None; nodes],
            readers: Vec::new(),
        };
        for (position, &id) in network.inputs().iter().enumerate() {
            let shape = network.value(id).shape.clone();
            let base = elements.base(Origin::Input(position), shape.clone());
            elements.values[id.index()] = own(base, shape.elements()).collect();
        }
        for (index, node) in network.nodes().iter().enumerate() {
            let atoms = elements.node(index, node)?;
            elements.values[node.output.index()] = atoms;
        }
        elements.find_readers();
        Ok(elements)
    }

    /// Where the elements of a value come from.
    pub(crate) fn value(&self, id: netinverse_network::ValueId) -> &Arc<[Atom]> {
        &self.values[id.index()]
    }

    /// The base that a node makes.
    pub(crate) fn base_of(&self, node: usize) -> Option<u32> {
        self.node_base[node]
    }

    /// The centred input of a softmax.
    pub(crate) fn centred_of(&self, node: usize) -> Option<u32> {
        self.centred[node]
    }

    /// The node that makes a base, or normalises it.
    pub(crate) fn node_of(&self, base: u32) -> Option<usize> {
        match self.bases[base as usize].origin {
            Origin::Input(_) => None,
            Origin::Node(node) | Origin::Centred(node) => Some(node),
        }
    }

    /// The nodes that read elements of a base, ascending, and the one that makes it.
    pub(crate) fn neighbours(&self, base: u32) -> impl Iterator<Item = usize> {
        self.readers[base as usize].iter().copied().chain(self.node_of(base))
    }

    /// The number of elements of a base.
    pub(crate) fn size(&self, base: u32) -> usize {
        self.bases[base as usize].shape.elements()
    }

    /// The elements of a base.
    pub(crate) fn all(&self, base: u32) -> impl Iterator<Item = Element> + use<> {
        (0..self.size(base) as u32).map(move |index| Element { base, index })
    }

    /// The elements that a node writes.
    fn node(&mut self, index: usize, node: &Node) -> Result<Arc<[Atom]>> {
        let shape = self.network.value(node.output).shape.clone();
        if let Op::Layout(layout) = &node.op {
            return self.layout(node, layout);
        }
        let base = self.base(Origin::Node(index), shape.clone());
        self.node_base[index] = Some(base);
        if let Op::Normalizer(Normalizer::Softmax { .. } | Normalizer::LogSoftmax { .. }) = node.op {
            self.centred[index] = Some(self.base(Origin::Centred(index), shape.clone()));
        }
        if let Op::Linear(Linear::Dense(dense)) = &node.op {
            return Ok(self.dense(dense, base, &shape));
        }
        let Some(maker) = self.elementwise(index) else {
            return Ok(own(base, shape.elements()).collect());
        };
        let atom = |i: usize| {
            let own = Atom::Element(Element { base, index: i as u32 });
            match maker.atom(i) {
                Made::Constant(value) if value.is_finite() => Atom::Constant(value),
                Made::Copy(element) => Atom::Element(element),
                Made::Constant(_) | Made::Computed(_) => own,
            }
        };
        Ok((0..shape.elements()).map(atom).collect())
    }

    /// Whether a node makes its elements one by one.
    pub(crate) fn is_elementwise(&self, index: usize) -> bool {
        matches!(
            self.network.nodes()[index].op,
            Op::Function(_)
                | Op::Linear(Linear::Scale(_) | Linear::Combine { .. })
                | Op::Bilinear(Bilinear::Multiply)
        )
    }

    /// The maker of a node's elements one by one; `None` for an operator that mixes elements by weights or windows.
    pub(crate) fn elementwise(&self, index: usize) -> Option<Elementwise> {
        let node = &self.network.nodes()[index];
        let operands: Vec<Arc<[Atom]>> = node.inputs.iter().map(|&id| self.value(id).clone()).collect();
        let shape = &self.network.value(node.output).shape;
        let spread =
            |id: Option<netinverse_network::ParamId>| id.map(|id| spread(self.network.param(id), shape));
        let kind = match &node.op {
            Op::Function(function) => Kind::Function(*function),
            Op::Linear(Linear::Scale(Scale { scale, shift })) => {
                Kind::Scale { scale: spread(*scale), shift: spread(*shift) }
            }
            Op::Linear(Linear::Combine { coefficients }) => Kind::Combine(coefficients.clone()),
            Op::Bilinear(Bilinear::Multiply) => Kind::Multiply,
            _ => return None,
        };
        Some(Elementwise { kind, operands })
    }

    /// What a matrix writes: constants where all its weights are 0, as the first outputs of a masked network are.
    fn dense(&self, dense: &Dense, base: u32, shape: &Shape) -> Arc<[Atom]> {
        let network = &self.network;
        let (inputs, outputs) = dense.sizes(network.params());
        let weight = network.param(dense.weight).f64();
        let zero = |n: usize| {
            (0..inputs).all(|k| match dense.order {
                WeightOrder::InputsFirst => weight[k * outputs + n] == 0.0,
                WeightOrder::OutputsFirst => weight[n * inputs + k] == 0.0,
            })
        };
        let constant: Vec<Option<f64>> = (0..outputs)
            .map(|n| zero(n).then(|| dense.bias.map_or(0.0, |bias| network.param(bias).f64()[n])))
            .collect();
        own(base, shape.elements())
            .enumerate()
            .map(|(i, atom)| constant[i % outputs.max(1)].map_or(atom, Atom::Constant))
            .collect()
    }

    fn base(&mut self, origin: Origin, shape: Shape) -> u32 {
        self.bases.push(Base { origin, shape });
        self.bases.len() as u32 - 1
    }

    fn layout(&self, node: &Node, layout: &Layout) -> Result<Arc<[Atom]>> {
        let input = &self.network.value(node.inputs[0]).shape;
        if let Layout::Concat { axis } = layout {
            let parts: Vec<(&Arc<[Atom]>, usize)> = node
                .inputs
                .iter()
                .map(|&id| (self.value(id), self.network.value(id).shape[*axis..].iter().product()))
                .collect();
            let outer: usize = input[..*axis].iter().product();
            let mut atoms = Vec::with_capacity(self.network.value(node.output).shape.elements());
            for row in 0..outer {
                for (part, width) in &parts {
                    atoms.extend_from_slice(&part[row * width..(row + 1) * width]);
                }
            }
            return Ok(atoms.into());
        }
        let from = self.value(node.inputs[0]);
        match (layout, layout.index_map(input)) {
            (Layout::Reshape { .. }, _) => Ok(Arc::clone(from)),
            (_, Some(map)) => {
                let atom = |&source: &u32| match source {
                    IndexMap::FILL => Atom::Constant(map.fill),
                    source => from[source as usize],
                };
                Ok(map.sources.iter().map(atom).collect())
            }
            (_, None) => Err(Error::input(format!("{} does not fit its input", layout.name()))),
        }
    }

    fn find_readers(&mut self) {
        self.readers = vec![Vec::new(); self.bases.len()];
        for (index, node) in self.network.nodes().iter().enumerate() {
            if self.node_base[index].is_none() {
                continue;
            }
            for &id in &node.inputs {
                for atom in self.values[id.index()].iter() {
                    if let Atom::Element(element) = atom {
                        let readers = &mut self.readers[element.base as usize];
                        if readers.last() != Some(&index) {
                            readers.push(index);
                        }
                    }
                }
            }
        }
    }
}

fn own(base: u32, elements: usize) -> impl Iterator<Item = Atom> {
    (0..elements as u32).map(move |index| Atom::Element(Element { base, index }))
}

/// A constant as it broadcasts to a shape, row-major.
pub(crate) fn spread(param: &Param, shape: &Shape) -> Arc<[f64]> {
    let values = param.f64();
    if values.len() == 1 {
        return vec![values[0]; shape.elements()].into();
    }
    if values.len() == shape.elements() {
        return values.into();
    }
    let lead = shape.rank() - param.shape().rank();
    let strides = param.shape().strides();
    let own = shape.strides();
    (0..shape.elements())
        .map(|flat| {
            let source: usize = (0..param.shape().rank())
                .map(|axis| {
                    let position = flat / own[lead + axis] % shape[lead + axis];
                    if param.shape()[axis] == 1 { 0 } else { position * strides[axis] }
                })
                .sum();
            values[source]
        })
        .collect()
}

/// How an operator of elements makes each.
#[derive(Debug)]
pub(crate) struct Elementwise {
    kind: Kind,
    operands: Vec<Arc<[Atom]>>,
}

#[derive(Debug)]
enum Kind {
    Function(netinverse_network::Function),
    Scale { scale: Option<Arc<[f64]>>, shift: Option<Arc<[f64]>> },
    Combine(Vec<f64>),
    Multiply,
}

/// What an element turns out to be.
enum Made {
    Constant(f64),
    Copy(Element),
    Computed(Formula),
}

impl Elementwise {
    /// The formula of element `i`; `None` where it is a constant or a copy.
    pub(crate) fn formula(&self, i: usize) -> Option<Formula> {
        match self.atom(i) {
            Made::Computed(formula) => Some(formula),
            Made::Constant(_) | Made::Copy(_) => None,
        }
    }

    fn atom(&self, i: usize) -> Made {
        match &self.kind {
            Kind::Function(function) => match self.operands[0][i] {
                Atom::Constant(value) => Made::Constant(function.value(value)),
                Atom::Element(element) => Made::Computed(Formula::Function(*function, element)),
            },
            Kind::Scale { scale, shift } => {
                let factor = scale.as_ref().map_or(1.0, |scale| scale[i]);
                let shift = shift.as_ref().map_or(0.0, |shift| shift[i]);
                affine([(self.operands[0][i], factor)], shift)
            }
            Kind::Combine(coefficients) => {
                affine(self.operands.iter().zip(coefficients).map(|(operand, &c)| (operand[i], c)), 0.0)
            }
            Kind::Multiply => match (self.operands[0][i], self.operands[1][i]) {
                (Atom::Constant(c), other) | (other, Atom::Constant(c)) => affine([(other, c)], 0.0),
                (Atom::Element(a), Atom::Element(b)) => Made::Computed(Formula::Product(a, b)),
            },
        }
    }
}

fn affine(parts: impl IntoIterator<Item = (Atom, f64)>, constant: f64) -> Made {
    let mut terms: Vec<(Element, f64)> = Vec::new();
    let mut constant = constant;
    for (atom, coefficient) in parts {
        match atom {
            Atom::Constant(value) => constant += coefficient * value,
            Atom::Element(element) => match terms.iter_mut().find(|(other, _)| *other == element) {
                Some((_, sum)) => *sum += coefficient,
                None => terms.push((element, coefficient)),
            },
        }
    }
    terms.retain(|(_, coefficient)| *coefficient != 0.0);
    match terms[..] {
        [] => Made::Constant(constant),
        [(element, 1.0)] if constant == 0.0 => Made::Copy(element),
        _ => Made::Computed(Formula::Affine { terms, constant }),
    }
}
