//! Times our evaluation, for `engine.py`, which runs it in turn with the peers.
//!
//! Reads one measurement a line from the standard input, `NETWORK PASS BATCH THREADS SECONDS` (for example
//! `mlp vjp 1024 2 0.3`; a network may also be an ONNX file), repeats it for that long, and answers with the best
//! time in seconds and the sum of the results' magnitudes, which must equal the peer's: both sides build the same
//! networks, from a formula.

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

use netinverse_base::{Error, Result};
use netinverse_network::{
    Conv, Dense, Evaluator, Extremum, Function, Layout, Linear, Network, NetworkBuilder, Op, Param, ParamId,
    Shape, ValueId, WeightOrder, Window,
};

fn main() -> Result<()> {
    let mut evaluators = HashMap::new();
    let mut pools = HashMap::new();
    let mut out = std::io::stdout();
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|error| Error::io("standard input", &error))?;
        let [network, pass, batch, threads, seconds] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            return Err(Error::input("a line is NETWORK PASS BATCH THREADS SECONDS"));
        };
        let number = |text: &str| text.parse().map_err(|_| Error::input(format!("`{text}` is not a number")));
        let seconds: f64 = seconds.parse().map_err(|_| Error::input("SECONDS is not a number"))?;
        if !evaluators.contains_key(network) {
            evaluators.insert(network.to_string(), Evaluator::<f32>::new(&build(network)?));
        }
        let threads: usize = number(threads)?;
        let pool = pools.entry(threads).or_insert_with(|| {
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be started")
        });
        let evaluator = &evaluators[network];
        let (best, sum) = pool.install(|| measure(evaluator, pass, number(batch)?, seconds))?;
        writeln!(out, "{best:e} {sum:e}")
            .and_then(|()| out.flush())
            .map_err(|error| Error::io("output", &error))?;
    }
    Ok(())
}

/// The best time of one call, and the sum of the magnitudes of what it computed.
fn measure(evaluator: &Evaluator<f32>, pass: &str, batch: usize, seconds: f64) -> Result<(f64, f64)> {
    let (n, m) = (evaluator.input_size(), evaluator.output_size());
    let x = numbers(batch * n, 1, 1.0);
    let dy = vec![1.0; batch * m];
    let mut y = vec![0.0; batch * m];
    let mut result = match pass {
        "forward" => Vec::new(),
        "vjp" => vec![0.0; batch * n],
        "jacobian" => vec![0.0; batch * m * n],
        _ => return Err(Error::input(format!("no pass is named `{pass}`"))),
    };
    let mut best = f64::INFINITY;
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    while Instant::now() < end {
        // Short calls by the dozen: the clock takes some 30 ns.
        let calls = if batch == 1 { 16 } else { 1 };
        let start = Instant::now();
        for _ in 0..calls {
            match pass {
                "forward" => evaluator.forward(&x, &mut y),
                "vjp" => evaluator.vjp(&x, &dy, &mut y, &mut result),
                _ => evaluator.jacobian(&x, &mut y, &mut result),
            }
        }
        best = best.min(start.elapsed().as_secs_f64() / calls as f64);
    }
    let computed = if result.is_empty() { &y } else { &result };
    Ok((best, computed.iter().map(|&value| f64::from(value.abs())).sum()))
}

/// The same numbers on both sides: sin(0.7 i² mod 1000 + seed), times a scale.
fn numbers(count: usize, seed: usize, scale: f64) -> Vec<f32> {
    let number = |i: usize| ((7 * i * i % 10_000) as f64 / 10.0 + seed as f64).sin();
    (0..count).map(|i| (scale * number(i)) as f32).collect()
}

struct Builder {
    builder: NetworkBuilder,
    constants: usize,
}

fn build(network: &str) -> Result<Network> {
    if std::path::Path::new(network).extension().is_some_and(|extension| extension == "onnx") {
        return Network::read(network);
    }
    let builder = NetworkBuilder::new();
    let mut own = Builder { builder, constants: 1 };
    let output = match network {
        "mlp" => own.mlp(&[784, 256, 256, 10])?,
        "acas" => own.mlp(&[5, 50, 50, 50, 50, 50, 50, 5])?,
        "conv" => own.conv()?,
        "strided" => own.strided()?,
        _ => return Err(Error::input(format!("no network is named `{network}`"))),
    };
    own.builder.finish(&[output])
}

impl Builder {
    fn constant(&mut self, shape: &[usize], scale: f64) -> Result<ParamId> {
        self.constants += 1;
        let shape = Shape::new(shape)?;
        let values = numbers(shape.elements(), self.constants, scale);
        Ok(self.builder.param(Param::from_f32(format!("c{}", self.constants), shape, values)?))
    }

    fn relu(&mut self, z: ValueId) -> Result<ValueId> {
        self.builder.node("relu", Op::Function(Function::Relu), &[z])
    }

    /// Weights as PyTorch stores them, outputs first.
    fn dense(&mut self, x: ValueId, inputs: usize, outputs: usize) -> Result<ValueId> {
        let weight = self.constant(&[outputs, inputs], (2.0 / inputs as f64).sqrt())?;
        let bias = Some(self.constant(&[outputs], 0.1)?);
        let dense = Dense { weight, bias, order: WeightOrder::OutputsFirst };
        self.builder.node("dense", Op::Linear(Linear::Dense(dense)), &[x])
    }

    fn mlp(&mut self, sizes: &[usize]) -> Result<ValueId> {
        let mut value = self.builder.input("x", Shape::new([1, sizes[0]])?)?;
        for (layer, pair) in sizes.windows(2).enumerate() {
            value = self.dense(value, pair[0], pair[1])?;
            if layer + 2 < sizes.len() {
                value = self.relu(value)?;
            }
        }
        Ok(value)
    }

    /// 28 × 28, two convolutions of 3 × 3 (16 and 32 channels), each with a maximum over 2 × 2, one dense map to 10.
    fn conv(&mut self) -> Result<ValueId> {
        let mut value = self.builder.input("x", Shape::new([1, 1, 28, 28])?)?;
        for (channels, outputs, side) in [(1, 16, 28), (16, 32, 14)] {
            value = self.convolution(value, (channels, outputs), 3, window(3, 1, 1, side))?;
            let pool = Extremum::MaxPool(window(2, 2, 0, side / 2));
            value = self.builder.node("pool", Op::Extremum(pool), &[value])?;
        }
        self.classify(value)
    }

    /// The same without pools: two convolutions of 4 × 4 with stride 2.
    fn strided(&mut self) -> Result<ValueId> {
        let mut value = self.builder.input("x", Shape::new([1, 1, 28, 28])?)?;
        for (channels, outputs, side) in [(1, 16, 14), (16, 32, 7)] {
            value = self.convolution(value, (channels, outputs), 4, window(4, 2, 1, side))?;
        }
        self.classify(value)
    }

    /// A convolution and its rectifier.
    fn convolution(
        &mut self,
        value: ValueId,
        (channels, outputs): (usize, usize),
        side: usize,
        window: Window,
    ) -> Result<ValueId> {
        let scale = (2.0 / (side * side * channels) as f64).sqrt();
        let weight = self.constant(&[outputs, channels, side, side], scale)?;
        let bias = Some(self.constant(&[outputs], 0.1)?);
        let conv = Conv { weight, bias, window, groups: 1 };
        let value = self.builder.node("conv", Op::Linear(Linear::Conv(conv)), &[value])?;
        self.relu(value)
    }

    /// The dense map from 32 × 7 × 7 to 10.
    fn classify(&mut self, value: ValueId) -> Result<ValueId> {
        let shape = Shape::new([1, 32 * 7 * 7])?;
        let value = self.builder.node("flat", Op::Layout(Layout::Reshape { shape }), &[value])?;
        self.dense(value, 32 * 7 * 7, 10)
    }
}

fn window(kernel: usize, stride: usize, pad: usize, output: usize) -> Window {
    Window {
        kernel: vec![kernel; 2],
        strides: vec![stride; 2],
        dilations: vec![1; 2],
        pads_begin: vec![pad; 2],
        pads_end: vec![pad; 2],
        output: vec![output; 2],
    }
}
