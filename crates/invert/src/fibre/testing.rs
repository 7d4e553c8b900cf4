//! Small networks for tests.

use netinverse_base::Rng;
use netinverse_network::{
    Bilinear, Dense, Function, Linear, Network, NetworkBuilder, Op, Param, Shape, ValueId, WeightOrder,
};

/// A network of dense layers and functions with rows of weights and a bias a layer.
pub(super) struct Layers {
    builder: NetworkBuilder,
    at: ValueId,
    width: usize,
}

impl Layers {
    pub(super) fn new(inputs: usize) -> Self {
        let mut builder = NetworkBuilder::new();
        let at = builder.input("x", Shape::new([1, inputs]).unwrap()).unwrap();
        Layers { builder, at, width: inputs }
    }

    pub(super) fn dense(mut self, weight: &[f64], bias: &[f64]) -> Self {
        let shape = Shape::new([bias.len(), self.width]).unwrap();
        let weight = self.builder.param(Param::from_f64("W", shape, weight).unwrap());
        let bias_shape = Shape::vector(bias.len());
        let bias_id = self.builder.param(Param::from_f64("b", bias_shape, bias).unwrap());
        let dense = Dense { weight, bias: Some(bias_id), order: WeightOrder::OutputsFirst };
        self.at = self.builder.node("dense", Op::Linear(Linear::Dense(dense)), &[self.at]).unwrap();
        self.width = bias.len();
        self
    }

    pub(super) fn function(mut self, function: Function) -> Self {
        self.at = self.builder.node("function", Op::Function(function), &[self.at]).unwrap();
        self
    }

    /// The squares of the elements.
    pub(super) fn squared(mut self) -> Self {
        let product = Op::Bilinear(Bilinear::Multiply);
        self.at = self.builder.node("square", product, &[self.at, self.at]).unwrap();
        self
    }

    pub(super) fn random(self, width: usize, rng: &mut Rng) -> Self {
        let scale = (2.0 / self.width as f64).sqrt();
        let weight: Vec<f64> = (0..width * self.width).map(|_| scale * rng.normal()).collect();
        let bias: Vec<f64> = (0..width).map(|_| 0.3 * rng.normal()).collect();
        self.dense(&weight, &bias)
    }

    pub(super) fn finish(self) -> Network {
        self.builder.finish(&[self.at]).unwrap()
    }
}
