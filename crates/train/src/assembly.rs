//! Networks put together from a store of weights.

use std::collections::HashMap;

use netinverse_base::Result;
use netinverse_network::{
    Bilinear, Dense, Function, Layout, Linear, Network, NetworkBuilder, Op, ParamId, Shape, ValueId,
    WeightOrder,
};

use crate::{Weight, Weights};

/// The first characters of a constant's name in a network that is trained: no file has them.
const MARK: &str = "\u{1}weight:";

/// Builds a network whose constants come from a [`Weights`]. All values are rows `[1, n]`.
#[derive(Debug)]
pub struct Assembly<'w> {
    weights: &'w Weights,
    builder: NetworkBuilder,
    params: HashMap<Weight, ParamId>,
    /// Whether constants get names by which the trainer finds them.
    training: bool,
}

impl<'w> Assembly<'w> {
    /// For a network that is written or evaluated.
    pub fn new(weights: &'w Weights) -> Self {
        Assembly { weights, builder: NetworkBuilder::new(), params: HashMap::new(), training: false }
    }

    /// For a network that [`train`](crate::train) trains.
    pub fn for_training(weights: &'w Weights) -> Self {
        Assembly { training: true, ..Self::new(weights) }
    }

    /// An input of n numbers.
    ///
    /// # Errors
    /// n is 0 or too large.
    pub fn input(&mut self, name: &str, size: usize) -> Result<ValueId> {
        self.builder.input(name, Shape::new([1, size])?)
    }

    /// The number of elements of a value.
    pub fn size(&self, x: ValueId) -> usize {
        self.builder.shape(x).elements()
    }

    fn param(&mut self, weight: Weight) -> Result<ParamId> {
        if let Some(&id) = self.params.get(&weight) {
            return Ok(id);
        }
        let mut param = self.weights.param(weight)?;
        if self.training {
            let name = format!("{MARK}{}", self.params.len());
            param = netinverse_network::Param::from_f32(
                format!("{name}:{}", position(self.weights, weight)),
                param.shape().clone(),
                param.f32().to_vec(),
            )?;
        }
        let id = self.builder.param(param);
        self.params.insert(weight, id);
        Ok(id)
    }

    /// `x W + b`, W of shape `[K, N]`.
    ///
    /// # Errors
    /// The shapes do not fit.
    pub fn dense(&mut self, name: &str, x: ValueId, w: Weight, b: Option<Weight>) -> Result<ValueId> {
        self.affine(name, x, w, b, WeightOrder::InputsFirst)
    }

    /// `x Wᵀ + b`, W of shape `[N, K]`.
    ///
    /// # Errors
    /// The shapes do not fit.
    pub fn dense_transposed(
        &mut self,
        name: &str,
        x: ValueId,
        w: Weight,
        b: Option<Weight>,
    ) -> Result<ValueId> {
        self.affine(name, x, w, b, WeightOrder::OutputsFirst)
    }

    fn affine(
        &mut self,
        name: &str,
        x: ValueId,
        w: Weight,
        b: Option<Weight>,
        order: WeightOrder,
    ) -> Result<ValueId> {
        let weight = self.param(w)?;
        let bias = b.map(|b| self.param(b)).transpose()?;
        self.builder.node(name, Op::Linear(Linear::Dense(Dense { weight, bias, order })), &[x])
    }

    /// `s ⊙ x + t`, s and t of shape `[1, n]`.
    ///
    /// # Errors
    /// The shapes do not fit.
    pub fn scale(&mut self, name: &str, x: ValueId, s: Weight, t: Option<Weight>) -> Result<ValueId> {
        let scale = Some(self.param(s)?);
        let shift = t.map(|t| self.param(t)).transpose()?;
        let scale = netinverse_network::Scale { scale, shift };
        self.builder.node(name, Op::Linear(Linear::Scale(scale)), &[x])
    }

    /// f(x), element by element.
    ///
    /// # Errors
    /// Never for a value of this assembly.
    pub fn function(&mut self, name: &str, function: Function, x: ValueId) -> Result<ValueId> {
        self.builder.node(name, Op::Function(function), &[x])
    }

    /// Any operator.
    ///
    /// # Errors
    /// The shapes do not fit.
    pub fn op(&mut self, name: &str, op: Op, inputs: &[ValueId]) -> Result<ValueId> {
        self.builder.node(name, op, inputs)
    }

    /// Σ cᵢ xᵢ.
    ///
    /// # Errors
    /// The shapes differ.
    pub fn sum(&mut self, name: &str, terms: &[(ValueId, f64)]) -> Result<ValueId> {
        let (inputs, coefficients): (Vec<ValueId>, Vec<f64>) = terms.iter().copied().unzip();
        self.builder.node(name, Op::Linear(Linear::Combine { coefficients }), &inputs)
    }

    /// a ⊙ b.
    ///
    /// # Errors
    /// The shapes differ.
    pub fn multiply(&mut self, name: &str, a: ValueId, b: ValueId) -> Result<ValueId> {
        self.builder.node(name, Op::Bilinear(Bilinear::Multiply), &[a, b])
    }

    /// The elements `start..start + size`.
    ///
    /// # Errors
    /// There are fewer elements.
    pub fn slice(&mut self, name: &str, x: ValueId, start: usize, size: usize) -> Result<ValueId> {
        let slice = Layout::Slice { starts: vec![0, start], steps: vec![1, 1], sizes: vec![1, size] };
        self.builder.node(name, Op::Layout(slice), &[x])
    }

    /// One value after the other.
    ///
    /// # Errors
    /// Never for values of this assembly.
    pub fn concat(&mut self, name: &str, parts: &[ValueId]) -> Result<ValueId> {
        self.builder.node(name, Op::Layout(Layout::Concat { axis: 1 }), parts)
    }

    /// The sum of the elements, as a row of one.
    ///
    /// # Errors
    /// Never for a value of this assembly.
    pub fn total(&mut self, name: &str, x: ValueId) -> Result<ValueId> {
        let reduce = netinverse_network::Reduce { axes: vec![1], keep: true, mean: false };
        self.builder.node(name, Op::Linear(Linear::Reduce(reduce)), &[x])
    }

    /// A frozen network applied to the row x, its outputs as one row.
    ///
    /// # Errors
    /// The sizes do not fit.
    pub fn append(&mut self, network: &Network, x: ValueId) -> Result<ValueId> {
        let mut from = Vec::new();
        let mut start = 0;
        for &id in network.inputs() {
            let shape = network.value(id).shape.clone();
            let size = shape.elements();
            let part = if network.inputs().len() == 1 { x } else { self.slice("part", x, start, size)? };
            from.push(self.builder.node("input", Op::Layout(Layout::Reshape { shape }), &[part])?);
            start += size;
        }
        let outputs = self.builder.append(network, Some(&from))?;
        self.builder.row(&outputs)
    }

    /// Gives a value another name, for the file.
    pub fn rename(&mut self, x: ValueId, name: &str) {
        self.builder.rename(x, name);
    }

    /// The finished network.
    ///
    /// # Errors
    /// There is no input, or an output without elements.
    pub fn finish(self, outputs: &[ValueId]) -> Result<Network> {
        self.builder.finish(outputs)
    }
}

fn position(weights: &Weights, weight: Weight) -> usize {
    weights.iter().position(|other| other == weight).expect("a weight of this store")
}

/// The constants of a network that was assembled for training: which weight each is. Others belong to frozen
/// networks.
pub(crate) fn trained_constants(network: &Network, weights: &Weights) -> Vec<(ParamId, Weight)> {
    let all: Vec<Weight> = weights.iter().collect();
    let index = |name: &str| name.strip_prefix(MARK)?.split(':').nth(1)?.parse::<usize>().ok();
    network
        .param_ids()
        .filter_map(|id| {
            let weight = *all.get(index(network.param(id).name())?)?;
            (network.param(id).shape() == weights.shape(weight)).then_some((id, weight))
        })
        .collect()
}
