use netinverse_base::{Error, Result, Rng};
use netinverse_network::{
    Dense, Function, Linear, Network, NetworkBuilder, Normalizer, Op, Param, Shape, WeightOrder,
};

use crate::{Assembly, Weight, Weights};

/// What follows the last layer, or the hidden ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Nothing: the outputs are the pre-activations.
    Identity,
    /// max(z, 0)
    Relu,
    /// z, or 0.01 z below zero: the rectifier that keeps its inverse.
    LeakyRelu,
    /// tanh z
    Tanh,
    /// 1 / (1 + e⁻ᶻ)
    Sigmoid,
    /// eᶻⁱ / Σ eᶻʲ, for the last layer only.
    Softmax,
}

impl Activation {
    pub(crate) fn op(self) -> Option<Op> {
        match self {
            Activation::Identity => None,
            Activation::Relu => Some(Op::Function(Function::Relu)),
            Activation::LeakyRelu => Some(Op::Function(Function::LeakyRelu { alpha: f64::from(0.01_f32) })),
            Activation::Tanh => Some(Op::Function(Function::Tanh)),
            Activation::Sigmoid => Some(Op::Function(Function::Sigmoid)),
            Activation::Softmax => Some(Op::Normalizer(Normalizer::Softmax { axis: 1 })),
        }
    }
}

/// A feed-forward network: `x ↦ out(… hidden(xW₁ + b₁) … Wₖ + bₖ)`.
///
/// Weights are float32, stored inputs first (`[K, N]`, the thread's order). The pre-activations of the last
/// layer are the value named `logits`.
#[derive(Debug, Clone)]
pub struct Mlp {
    sizes: Vec<usize>,
    hidden: Activation,
    output: Activation,
    /// W₁, b₁, W₂, b₂, …
    weights: Vec<Vec<f32>>,
}

impl Mlp {
    /// A network of these layer sizes with initial weights drawn from `seed`: He's normal law before a
    /// rectifier, Glorot's otherwise; biases zero.
    pub fn new(sizes: &[usize], hidden: Activation, output: Activation, seed: u64) -> Result<Self> {
        if sizes.len() < 2 {
            return Err(Error::input("a network needs at least two layer sizes, inputs and outputs")
                .hint("for example `--layers 784,10`"));
        }
        if let Some(position) = sizes.iter().position(|&size| size == 0) {
            return Err(Error::input(format!("layer {position} has no units")));
        }
        let parameters = sizes.windows(2).try_fold(0usize, |sum, pair| {
            pair[0].checked_mul(pair[1]).and_then(|product| sum.checked_add(product))
        });
        if parameters.is_none_or(|parameters| parameters > 1 << 28) {
            return Err(Error::input(format!("layers {sizes:?} have more than 2²⁸ weights")));
        }
        if hidden == Activation::Softmax {
            return Err(Error::unsupported("softmax between layers")
                .hint("use it after the last layer: `--output-activation softmax`"));
        }
        let mut weights = Vec::new();
        for (layer, pair) in sizes.windows(2).enumerate() {
            let (inputs, outputs) = (pair[0], pair[1]);
            let rectified =
                layer + 2 < sizes.len() && matches!(hidden, Activation::Relu | Activation::LeakyRelu);
            let variance = if rectified { 2.0 / inputs as f64 } else { 2.0 / (inputs + outputs) as f64 };
            let mut rng = Rng::new(seed, layer as u64);
            let scale = variance.sqrt();
            weights.push((0..inputs * outputs).map(|_| (scale * rng.normal()) as f32).collect());
            weights.push(vec![0.0; outputs]);
        }
        Ok(Mlp { sizes: sizes.to_vec(), hidden, output, weights })
    }

    /// The layer sizes, inputs first.
    pub fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// The weights and bias of layer `layer`: `[K, N]` row-major, and N numbers.
    pub fn layer(&self, layer: usize) -> (&[f32], &[f32]) {
        (&self.weights[2 * layer], &self.weights[2 * layer + 1])
    }

    /// The network, activation after the last layer included.
    pub fn network(&self) -> Result<Network> {
        self.build(self.output)
    }

    /// The network without the last activation: what a [`crate::Loss`] reads.
    pub fn logits_network(&self) -> Result<Network> {
        self.build(Activation::Identity)
    }

    /// The weights as a store, W₁, b₁, W₂, b₂, …, and the network without the last activation, to train.
    pub(crate) fn for_training(&self) -> Result<(Weights, Network)> {
        let mut weights = Weights::new();
        for (index, values) in self.weights.iter().enumerate() {
            let (inputs, outputs) = (self.sizes[index / 2], self.sizes[index / 2 + 1]);
            let shape = if index % 2 == 0 { Shape::new([inputs, outputs])? } else { Shape::vector(outputs) };
            let name = format!("{}{}", ["W", "b"][index % 2], index / 2 + 1);
            weights.free(name, shape, values.clone())?;
        }
        let all: Vec<Weight> = weights.iter().collect();
        let mut assembly = Assembly::for_training(&weights);
        let mut value = assembly.input("x", self.sizes[0])?;
        for (layer, pair) in all.chunks_exact(2).enumerate() {
            if let Some(op) = self.hidden.op().filter(|_| layer > 0) {
                value = assembly.op("h", op, &[value])?;
            }
            value = assembly.dense("z", value, pair[0], Some(pair[1]))?;
        }
        let network = assembly.finish(&[value])?;
        Ok((weights, network))
    }

    /// Takes over weights trained in [`Mlp::for_training`].
    pub(crate) fn set_weights(&mut self, weights: Vec<Vec<f32>>) {
        self.weights = weights;
    }

    fn build(&self, output: Activation) -> Result<Network> {
        let mut builder = NetworkBuilder::new();
        let mut value = builder.input("x", Shape::new([1, self.sizes[0]])?)?;
        let layers = self.sizes.len() - 1;
        for layer in 0..layers {
            let (inputs, outputs) = (self.sizes[layer], self.sizes[layer + 1]);
            let name = |part: &str| format!("{part}{}", layer + 1);
            let (weight, bias) = self.layer(layer);
            let weight = Param::from_f32(name("W"), Shape::new([inputs, outputs])?, weight.to_vec())?;
            let bias = Param::from_f32(name("b"), Shape::vector(outputs), bias.to_vec())?;
            let dense = Dense {
                weight: builder.param(weight),
                bias: Some(builder.param(bias)),
                order: WeightOrder::InputsFirst,
            };
            let last = layer + 1 == layers;
            let own = if last { "logits".to_string() } else { name("z") };
            value = builder.node(own, Op::Linear(Linear::Dense(dense)), &[value])?;
            let activation = if last { output } else { self.hidden };
            if let Some(op) = activation.op() {
                value = builder.node(if last { "y".to_string() } else { name("h") }, op, &[value])?;
            }
        }
        builder.finish(&[value])
    }
}
