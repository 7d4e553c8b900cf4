//! Random networks.

use netinverse_base::Rng;
use netinverse_network::{
    AveragePool, Bilinear, Conv, ConvTranspose, Dense, Extremum, Function, Layout, Linear, Network,
    NetworkBuilder, Normalizer, Op, PadMode, Param, ParamId, Reduce, Scale, Shape, ValueId, WeightOrder,
    Window,
};

/// Every kind of operator that [`network`] draws; a test asserts that all of them come up.
pub const KINDS: usize = 26;

/// A random network of one or two inputs and up to three outputs, with values read more than once, values
/// that are outputs and read on, and sometimes the same output twice. Values stay of moderate size.
pub fn network(seed: u64) -> Network {
    Generator::new(seed).network()
}

/// The Jacobian's two sides and the sizes of everything stay small enough for finite differences.
const MOST_ELEMENTS: usize = 60;

struct Generator {
    rng: Rng,
    builder: NetworkBuilder,
    pool: Vec<ValueId>,
    names: usize,
}

impl Generator {
    fn new(seed: u64) -> Self {
        Generator { rng: Rng::new(seed, 0), builder: NetworkBuilder::new(), pool: Vec::new(), names: 0 }
    }

    fn network(mut self) -> Network {
        let shapes: [&[usize]; 6] = [&[1, 5], &[7], &[1, 2, 4, 5], &[1, 3, 6], &[2, 3, 4], &[1, 4, 5, 3]];
        for name in ["x", "u"].iter().take(1 + usize::from(self.rng.below(3) == 0)) {
            let shape = Shape::new(shapes[self.rng.below(shapes.len())].to_vec()).unwrap();
            let id = self.builder.input(*name, shape).unwrap();
            self.pool.push(id);
        }
        let nodes = 3 + self.rng.below(12);
        for _ in 0..nodes {
            self.grow();
        }
        // Inputs may stay unread; at least the last value is an output.
        let mut outputs = vec![*self.pool.last().unwrap()];
        for _ in 0..self.rng.below(3) {
            outputs.push(self.pool[self.rng.below(self.pool.len())]);
        }
        self.builder.finish(&outputs).unwrap()
    }

    fn add(&mut self, op: Op, inputs: &[ValueId]) -> ValueId {
        self.names += 1;
        let id =
            self.builder.node(format!("n{}", self.names), op, inputs).expect("the generator fits shapes");
        self.pool.push(id);
        id
    }

    /// A value, a recent one more often.
    fn pick(&mut self) -> ValueId {
        let from = if self.rng.below(2) == 0 { self.pool.len().saturating_sub(3) } else { 0 };
        self.pool[from + self.rng.below(self.pool.len() - from)]
    }

    fn shape(&self, id: ValueId) -> Vec<usize> {
        self.builder.shape(id).to_vec()
    }

    fn param(&mut self, shape: &[usize], spread: f64) -> ParamId {
        let shape = Shape::new(shape.to_vec()).unwrap();
        // Multiples of 2⁻¹² are exact in both precisions.
        let mut values = Vec::new();
        for _ in 0..shape.elements() {
            values.push((self.rng.normal() * spread * 4096.0).round() / 4096.0);
        }
        let param = if self.rng.below(2) == 0 {
            let values: Vec<f32> = values.iter().map(|&v| v as f32).collect();
            Param::from_f32("p", shape, values).unwrap()
        } else {
            Param::from_f64("p", shape, values).unwrap()
        };
        self.builder.param(param)
    }

    fn maybe(&mut self) -> bool {
        self.rng.below(2) == 0
    }

    /// Adds one operator, or a few that belong together.
    fn grow(&mut self) {
        let x = self.pick();
        let shape = self.shape(x);
        let rank = shape.len();
        let elements: usize = shape.iter().product();
        match self.rng.below(KINDS) {
            0 | 1 => self.dense(x, &shape),
            2 => {
                let conv = self.conv(&shape);
                if let Some(conv) = conv {
                    self.add(Op::Linear(Linear::Conv(conv)), &[x]);
                }
            }
            3 => {
                if let Some(window) = self.window(&shape) {
                    let count_padding = self.maybe();
                    self.add(Op::Linear(Linear::AveragePool(AveragePool { window, count_padding })), &[x]);
                }
            }
            4 => {
                let axes: Vec<_> = (0..rank).filter(|_| self.rng.below(2) == 0).collect();
                if !axes.is_empty() {
                    let (keep, mean) = (self.maybe(), self.maybe());
                    self.add(Op::Linear(Linear::Reduce(Reduce { axes, keep, mean })), &[x]);
                }
            }
            5 => {
                let part = |generator: &mut Self| {
                    generator.maybe().then(|| {
                        let skip = generator.rng.below(rank + 1);
                        let own: Vec<_> = shape[skip..]
                            .iter()
                            .map(|&size| if generator.rng.below(3) == 0 { 1 } else { size })
                            .collect();
                        generator.param(&own, 0.8)
                    })
                };
                let (scale, shift) = (part(self), part(self));
                self.add(Op::Linear(Linear::Scale(Scale { scale, shift })), &[x]);
            }
            6 => {
                let mut inputs = self.alike(&shape);
                inputs.truncate(1 + self.rng.below(3));
                let pool = [1.0, 1.0, -1.0, 0.5];
                let coefficients = inputs.iter().map(|_| pool[self.rng.below(4)]).collect();
                self.add(Op::Linear(Linear::Combine { coefficients }), &inputs);
            }
            7 => {
                let other = self.alike(&shape)[0];
                let product = self.add(Op::Bilinear(Bilinear::Multiply), &[x, other]);
                self.add(Op::Function(Function::Tanh), &[product]);
            }
            8 => {
                let axis = self.rng.below(rank.max(1));
                if rank > 0 {
                    self.add(Op::Normalizer(Normalizer::Softmax { axis }), &[x]);
                }
            }
            9 => {
                if let Some(window) = self.window(&shape) {
                    self.add(Op::Extremum(Extremum::MaxPool(window)), &[x]);
                }
            }
            10 => {
                let sizes = match self.rng.below(3) {
                    0 => vec![1, elements],
                    1 => vec![elements],
                    _ => shape.iter().rev().copied().collect(),
                };
                let shape = Shape::new(sizes).unwrap();
                self.add(Op::Layout(Layout::Reshape { shape }), &[x]);
            }
            11 => {
                let mut axes: Vec<_> = (0..rank).collect();
                self.rng.shuffle(&mut axes);
                self.add(Op::Layout(Layout::Transpose { axes }), &[x]);
            }
            12 => {
                let (mut starts, mut steps, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
                for &size in &shape {
                    let step = 1 + self.rng.below(2);
                    let start = self.rng.below(size);
                    let backwards = self.maybe();
                    let room = if backwards { start / step + 1 } else { (size - start).div_ceil(step) };
                    starts.push(start);
                    steps.push(if backwards { -(step as isize) } else { step as isize });
                    sizes.push(1 + self.rng.below(room));
                }
                self.add(Op::Layout(Layout::Slice { starts, steps, sizes }), &[x]);
            }
            13 if rank > 0 => {
                let axis = self.rng.below(rank);
                let own = [vec![], vec![3], vec![2, 2]][self.rng.below(3)].clone();
                let count = own.iter().product();
                let indices = (0..count).map(|_| self.rng.below(shape[axis])).collect();
                if elements / shape[axis] * count <= MOST_ELEMENTS {
                    self.add(Op::Layout(Layout::Gather { axis, indices, shape: own }), &[x]);
                }
            }
            14 => {
                let mode = [PadMode::Constant(0.25), PadMode::Reflect, PadMode::Edge][self.rng.below(3)];
                let mut pads = || -> Vec<usize> {
                    shape.iter().map(|&size| self.rng.below(2).min(size.saturating_sub(1))).collect()
                };
                let (before, after) = (pads(), pads());
                let padded: usize = (0..rank).map(|a| shape[a] + before[a] + after[a]).product();
                if padded <= MOST_ELEMENTS {
                    self.add(Op::Layout(Layout::Pad { before, after, mode }), &[x]);
                }
            }
            15 => {
                let mut sizes: Vec<_> =
                    shape.iter().map(|&s| if s == 1 { 1 + self.rng.below(2) } else { s }).collect();
                if self.maybe() {
                    sizes.insert(0, 2);
                }
                if sizes.iter().product::<usize>() <= MOST_ELEMENTS {
                    let shape = Shape::new(sizes).unwrap();
                    self.add(Op::Layout(Layout::Expand { shape }), &[x]);
                }
            }
            16 if rank > 0 => {
                let axis = self.rng.below(rank);
                let fits = |other: &[usize]| {
                    other.len() == rank && (0..rank).all(|a| a == axis || other[a] == shape[a])
                };
                let others: Vec<_> = self.pool.iter().copied().filter(|&id| fits(&self.shape(id))).collect();
                let mut inputs = vec![x];
                inputs.push(others[self.rng.below(others.len())]);
                let total: usize = inputs.iter().map(|&id| self.shape(id).iter().product::<usize>()).sum();
                if total <= MOST_ELEMENTS {
                    self.add(Op::Layout(Layout::Concat { axis }), &inputs);
                }
            }
            17 if rank > 0 => {
                let axis = self.rng.below(rank);
                self.add(Op::Normalizer(Normalizer::LogSoftmax { axis }), &[x]);
            }
            18 if rank > 0 => {
                let axis = self.rng.below(rank);
                self.add(Op::Normalizer(Normalizer::Standardize { axis, epsilon: 0.125 }), &[x]);
            }
            19 if rank > 1 => self.matmul(x, &shape),
            20 => {
                if let Some(conv) = self.conv_transpose(&shape) {
                    self.add(Op::Linear(Linear::ConvTranspose(conv)), &[x]);
                }
            }
            _ => self.function(x),
        }
    }

    /// The product with a value of the same shape, transposed.
    fn matmul(&mut self, x: ValueId, shape: &[usize]) {
        let rank = shape.len();
        let other = self.alike(shape)[0];
        let mut axes: Vec<_> = (0..rank).collect();
        axes.swap(rank - 1, rank - 2);
        if shape[..rank - 1].iter().product::<usize>() * shape[rank - 2] > MOST_ELEMENTS {
            return;
        }
        let turned = self.add(Op::Layout(Layout::Transpose { axes }), &[other]);
        let product = self.add(Op::Bilinear(Bilinear::MatMul), &[x, turned]);
        self.add(Op::Function(Function::Tanh), &[product]);
    }

    fn conv_transpose(&mut self, shape: &[usize]) -> Option<ConvTranspose> {
        shape.len().checked_sub(2).filter(|rank| (1..=2).contains(rank))?;
        let mut window = Window {
            kernel: vec![],
            strides: vec![],
            dilations: vec![],
            pads_begin: vec![],
            pads_end: vec![],
            output: shape[2..].to_vec(),
        };
        let mut output = Vec::new();
        for &size in &shape[2..] {
            let (kernel, dilation, stride) =
                (1 + self.rng.below(3), 1 + self.rng.below(2), 1 + self.rng.below(2));
            let reached = (size - 1) * stride + (kernel - 1) * dilation + 1;
            let (begin, end, extra) = (self.rng.below(2), self.rng.below(2), self.rng.below(stride));
            output.push((reached + extra).checked_sub(begin + end).filter(|&size| size > 0)?);
            window.kernel.push(kernel);
            window.strides.push(stride);
            window.dilations.push(dilation);
            window.pads_begin.push(begin);
            window.pads_end.push(end.saturating_sub(extra));
        }
        let channels = shape[1];
        let groups = if channels.is_multiple_of(2) && self.maybe() { 2 } else { 1 };
        let own = 1 + self.rng.below(2);
        if shape[0] * own * groups * output.iter().product::<usize>() > MOST_ELEMENTS {
            return None;
        }
        let sizes = [&[channels, own], &window.kernel[..]].concat();
        let taps: usize = window.kernel.iter().product();
        let weight = self.param(&sizes, 1.0 / ((taps * channels / groups) as f64).sqrt());
        let bias = self.maybe().then(|| self.param(&[own * groups], 0.3));
        Some(ConvTranspose { weight, bias, window, output, groups })
    }

    /// Values of this shape in random order, at least one.
    fn alike(&mut self, shape: &[usize]) -> Vec<ValueId> {
        let mut alike: Vec<_> = self.pool.iter().copied().filter(|&id| self.shape(id) == shape).collect();
        self.rng.shuffle(&mut alike);
        alike
    }

    fn dense(&mut self, x: ValueId, shape: &[usize]) {
        let Some(&inputs) = shape.last() else { return };
        let outputs = 1 + self.rng.below(6);
        if shape.iter().product::<usize>() / inputs * outputs > MOST_ELEMENTS {
            return;
        }
        let (order, sizes) = if self.maybe() {
            (WeightOrder::InputsFirst, [inputs, outputs])
        } else {
            (WeightOrder::OutputsFirst, [outputs, inputs])
        };
        let weight = self.param(&sizes, 1.0 / (inputs as f64).sqrt());
        let bias = (self.rng.below(4) > 0).then(|| self.param(&[outputs], 0.3));
        let z = self.add(Op::Linear(Linear::Dense(Dense { weight, bias, order })), &[x]);
        if self.maybe() {
            self.add(Op::Function(Function::Relu), &[z]);
        }
    }

    fn window(&mut self, shape: &[usize]) -> Option<Window> {
        shape.len().checked_sub(2).filter(|rank| (1..=2).contains(rank))?;
        let mut window = Window {
            kernel: vec![],
            strides: vec![],
            dilations: vec![],
            pads_begin: vec![],
            pads_end: vec![],
            output: vec![],
        };
        for &size in &shape[2..] {
            let (kernel, dilation) = (1 + self.rng.below(3), 1 + self.rng.below(2));
            let stride = 1 + self.rng.below(2);
            let reach = (kernel - 1) * dilation + 1;
            // Less padding than the reach: no window lies in the padding alone.
            let mut pads = || self.rng.below(2).min(kernel - 1);
            let (begin, end) = (pads(), pads());
            let room = (size + begin + end).checked_sub(reach)?;
            if dilation > 1 && reach > size {
                return None;
            }
            window.kernel.push(kernel);
            window.strides.push(stride);
            window.dilations.push(dilation);
            window.pads_begin.push(begin);
            window.pads_end.push(end);
            window.output.push(room / stride + 1);
        }
        Some(window)
    }

    fn conv(&mut self, shape: &[usize]) -> Option<Conv> {
        let window = self.window(shape)?;
        let channels = shape[1];
        let groups = if channels.is_multiple_of(2) && self.maybe() { 2 } else { 1 };
        let outputs = groups * (1 + self.rng.below(2));
        if shape[0] * outputs * window.output.iter().product::<usize>() > MOST_ELEMENTS {
            return None;
        }
        let mut sizes = vec![outputs, channels / groups];
        sizes.extend(&window.kernel);
        let taps: usize = sizes[1..].iter().product();
        let weight = self.param(&sizes, 1.0 / (taps as f64).sqrt());
        let bias = self.maybe().then(|| self.param(&[outputs], 0.3));
        Some(Conv { weight, bias, window, groups })
    }

    fn function(&mut self, x: ValueId) {
        // What is not defined everywhere, or grows fast, gets an argument that suits it.
        let (first, second) = match self.rng.below(22) {
            0 => (Function::Relu, None),
            1 => (Function::LeakyRelu { alpha: 0.125 }, None),
            2 => (Function::Elu { alpha: 0.75 }, None),
            3 => (Function::Softplus, None),
            4 => (Function::Sigmoid, None),
            5 => (Function::Tanh, None),
            6 => (Function::Tanh, Some(Function::Exp)),
            7 => (Function::Softplus, Some(Function::Log)),
            8 => (Function::Abs, None),
            9 => (Function::Clip { low: -0.5, high: 0.75 }, None),
            10 => (Function::Celu { alpha: 0.5 }, None),
            11 => (Function::Softsign, None),
            12 => (Function::HardSwish, None),
            13 => (Function::Mish, None),
            14 => (Function::Gelu, None),
            15 => (Function::GeluTanh, None),
            16 => (Function::Silu { beta: [1.0, 1.5][self.rng.below(2)] }, None),
            17 => (Function::Erf, None),
            18 => (Function::Softplus, Some(Function::Sqrt)),
            19 => (Function::Exp, Some(Function::Power { exponent: -1.5 })),
            20 => ([Function::Sin, Function::Cos][self.rng.below(2)], None),
            _ => (Function::Exp, Some(Function::Reciprocal)),
        };
        let mut id = x;
        if first == Function::Exp || second.is_some() {
            id = self.add(Op::Function(Function::Tanh), &[id]);
        }
        id = self.add(Op::Function(first), &[id]);
        if let Some(second) = second {
            self.add(Op::Function(second), &[id]);
        }
    }
}
