//! Everything that an evaluator computes, on one batch.

use netinverse_base::Rng;
use netinverse_network::{
    Dense, Evaluator, Function, Gradients, Linear, Network, NetworkBuilder, Op, Param, Shape, WeightOrder,
};
use rayon::ThreadPool;

use super::normals;

/// A pool of so many threads.
pub fn pool(threads: usize) -> ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

/// Wide enough that batches are worth several tiles and threads.
pub fn wide() -> Network {
    let mut rng = Rng::new(3, 0);
    let mut builder = NetworkBuilder::new();
    let mut value = builder.input("x", Shape::new([1, 40]).unwrap()).unwrap();
    for (inputs, outputs) in [(40, 96), (96, 96), (96, 12)] {
        let mut param = |shape: Shape| {
            let values: Vec<f32> =
                normals(&mut rng, shape.elements()).iter().map(|v| 0.2 * *v as f32).collect();
            builder.param(Param::from_f32("p", shape, values).unwrap())
        };
        let weight = param(Shape::new([outputs, inputs]).unwrap());
        let bias = Some(param(Shape::vector(outputs)));
        let dense = Dense { weight, bias, order: WeightOrder::OutputsFirst };
        value = builder.node("z", Op::Linear(Linear::Dense(dense)), &[value]).unwrap();
        value = builder.node("a", Op::Function(Function::Tanh), &[value]).unwrap();
    }
    builder.finish(&[value]).unwrap()
}

/// Every result of an evaluator on one batch, in buffers of its own.
pub struct Run {
    evaluator: Evaluator<f32>,
    x: Vec<f32>,
    v: Vec<f32>,
    y: Vec<f32>,
    dx: Vec<f32>,
    dy: Vec<f32>,
    jacobian: Vec<f32>,
    gradients: Gradients<f32>,
    loss: f64,
}

impl Run {
    pub fn new(network: &Network, rows: usize) -> Self {
        let (n, m) = (network.input_size(), network.output_size());
        let mut rng = Rng::new(5, 0);
        let mut single = |count| normals(&mut rng, count).iter().map(|&v| v as f32).collect::<Vec<_>>();
        Run {
            evaluator: Evaluator::new(network),
            x: single(rows * n),
            v: single(rows * m),
            y: vec![0.0; rows * m],
            dx: vec![0.0; rows * n],
            dy: vec![0.0; rows * m],
            jacobian: vec![0.0; rows * m * n],
            gradients: Gradients::new(network),
            loss: 0.0,
        }
    }

    /// Calls everything.
    pub fn all(&mut self) {
        self.evaluator.forward(&self.x, &mut self.y);
        self.evaluator.vjp(&self.x, &self.v, &mut self.y, &mut self.dx);
        self.evaluator.jvp(&self.x, &self.x, &mut self.y, &mut self.dy);
        self.evaluator.jacobian(&self.x, &mut self.y, &mut self.jacobian);
        let loss = |_: usize, y: &[f32], dy: &mut [f32]| {
            dy.copy_from_slice(y);
            y.iter().map(|&y| 0.5 * f64::from(y) * f64::from(y)).sum()
        };
        self.loss = self.evaluator.gradient(&self.x, &loss, &mut self.gradients);
    }

    /// All results, bit for bit.
    pub fn bits(&self) -> Vec<u64> {
        let parts = [&self.y, &self.dx, &self.dy, &self.jacobian];
        let values = parts.into_iter().flatten().chain(self.gradients.iter().flatten());
        values.map(|v| u64::from(v.to_bits())).chain([self.loss.to_bits()]).collect()
    }
}
