//! Random networks that can be evaluated exactly, and networks made of others.

use netinverse_base::Rng;
use netinverse_network::{
    Bilinear, Dense, Function, Linear, Network, NetworkBuilder, Op, Param, Shape, ValueId, WeightOrder,
};

use super::exact::Exact;
use super::generate;

/// Random networks over every operator that [`Exact`] knows, with the seeds that made them.
pub fn known(from: u64) -> impl Iterator<Item = (u64, Network)> {
    (from..).map(|seed| (seed, generate::network(seed))).filter(|(_, network)| Exact::knows(network))
}

/// The same without products of two values: piecewise linear.
pub fn piecewise_linear(from: u64) -> impl Iterator<Item = (u64, Network)> {
    known(from).filter(|(_, network)| {
        !network.nodes().iter().any(|node| matches!(node.op, Op::Bilinear(Bilinear::Multiply)))
    })
}

/// The network with other constants.
pub fn rebuilt(network: &Network, mut param: impl FnMut(&Param) -> Param) -> Network {
    let mut builder = NetworkBuilder::new();
    let mut of: Vec<Option<ValueId>> = vec![None; network.values().len()];
    for &id in network.inputs() {
        let value = network.value(id);
        of[id.index()] = Some(builder.input(value.name.clone(), value.shape.clone()).unwrap());
    }
    for own in network.params() {
        builder.param(param(own));
    }
    for node in network.nodes() {
        let inputs: Vec<ValueId> = node.inputs.iter().map(|id| of[id.index()].unwrap()).collect();
        of[node.output.index()] = Some(builder.node(node.name.clone(), node.op.clone(), &inputs).unwrap());
    }
    let outputs: Vec<ValueId> = network.outputs().iter().map(|id| of[id.index()].unwrap()).collect();
    builder.finish(&outputs).unwrap()
}

/// Constants that fill the whole mantissa, and some that are known to within a radius only.
pub fn awkward(network: &Network, rng: &mut Rng) -> Network {
    rebuilt(network, |param| {
        let values: Vec<f64> = param
            .f64()
            .iter()
            .map(|value| value * (1.0 + 0.3 * rng.uniform()) + 1e-3 * rng.normal())
            .collect();
        let radius: Option<Vec<f64>> = (rng.below(3) == 0)
            .then(|| values.iter().map(|value| value.abs() * 1e-3 * rng.below(2) as f64).collect());
        let own = Param::from_f64(param.name(), param.shape().clone(), values).unwrap();
        match radius {
            Some(radius) => own.with_radius(radius),
            None => own,
        }
    })
}

/// The network of which every value is an output.
pub fn all_values(network: &Network) -> Network {
    let names: Vec<&str> = network.values().iter().map(|value| value.name.as_str()).collect();
    network.with_outputs(&names).unwrap()
}

/// Dense layers with a function between them.
pub struct Layers {
    builder: NetworkBuilder,
    value: ValueId,
    size: usize,
}

impl Layers {
    pub fn new(inputs: usize) -> Self {
        let mut builder = NetworkBuilder::new();
        let value = builder.input("x", Shape::new([1, inputs]).unwrap()).unwrap();
        Layers { builder, value, size: inputs }
    }

    pub fn builder(&mut self) -> (&mut NetworkBuilder, ValueId) {
        (&mut self.builder, self.value)
    }

    /// `z W + b`, W given row by row of the inputs.
    #[must_use]
    pub fn dense(mut self, weight: &[f64], bias: &[f64]) -> Self {
        let shape = Shape::new([self.size, bias.len()]).unwrap();
        let weight = self.builder.param(Param::from_f64("W", shape, weight.to_vec()).unwrap());
        let bias_param = Param::from_f64("b", Shape::vector(bias.len()), bias.to_vec()).unwrap();
        let bias_id = self.builder.param(bias_param);
        let dense = Dense { weight, bias: Some(bias_id), order: WeightOrder::InputsFirst };
        self.value =
            self.builder.node("z", Op::Linear(Linear::Dense(dense)), &[self.value]).expect("shapes fit");
        self.size = bias.len();
        self
    }

    /// A random layer with weights of size 1/√inputs.
    #[must_use]
    pub fn random(self, outputs: usize, rng: &mut Rng) -> Self {
        let scale = 1.0 / (self.size as f64).sqrt();
        let weight: Vec<f64> = (0..self.size * outputs).map(|_| rng.normal() * scale).collect();
        let bias: Vec<f64> = (0..outputs).map(|_| 0.3 * rng.normal()).collect();
        self.dense(&weight, &bias)
    }

    #[must_use]
    pub fn function(mut self, function: Function) -> Self {
        self.value = self.builder.node("h", Op::Function(function), &[self.value]).unwrap();
        self
    }

    pub fn finish(self) -> Network {
        self.builder.finish(&[self.value]).unwrap()
    }
}

/// `inputs → hidden → … → outputs` with a function after every hidden layer.
pub fn layers(sizes: &[usize], function: Function, rng: &mut Rng) -> Network {
    let mut network = Layers::new(sizes[0]);
    for (index, &size) in sizes[1..].iter().enumerate() {
        network = network.random(size, rng);
        if index + 2 < sizes.len() {
            network = network.function(function);
        }
    }
    network.finish()
}
