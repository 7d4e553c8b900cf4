//! A network as bounds need it: a short list of steps on flat values, linear maps with the constants as stored.

use netinverse_base::{Error, Place, Result};
use netinverse_network::{
    Bilinear, Extremum, Function, IndexMap, Layout, Linear, Network, Node, Normalizer, Op, Param, ParamId,
    Shape, ValueId, WeightOrder,
};

use crate::composed;
use crate::map::{Convolution, Dense, Map, Sparse, padded};
use crate::window;

/// The steps of a network, each reading values that were written before it. Value 0 is the point.
#[derive(Debug)]
pub(crate) struct Program {
    /// Elements of each value.
    pub(crate) sizes: Vec<usize>,
    pub(crate) steps: Vec<Step>,
    /// The value that is the network's output.
    pub(crate) output: usize,
    /// The length of the longest sum that makes an element.
    pub(crate) longest: usize,
}

#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) kind: Kind,
    /// The values read.
    pub(crate) inputs: Vec<usize>,
    /// The value written.
    pub(crate) output: usize,
    /// The length of the longest sum that makes a coefficient of one of the inputs on the way back, over all steps that
    /// read it.
    pub(crate) back_terms: usize,
}

#[derive(Debug)]
pub(crate) enum Kind {
    /// `Σ maps[i] · inputs[i] + bias`
    Linear {
        maps: Vec<Map>,
        /// Padded.
        bias: Vec<f64>,
        /// How far the bias may be from the true one; padded.
        bias_radius: Option<Vec<f64>>,
    },
    /// A scalar function on every element.
    Function(Function),
    /// Output element j is the maximum of the input elements `sources[starts[j]..starts[j + 1]]`.
    Maximum { starts: Vec<usize>, sources: Vec<u32> },
    /// The product of two values, element by element.
    Product,
    /// Softmax over groups of elements: element i is in the group of `i - i / stride % size * stride`.
    Softmax { size: usize, stride: usize },
}

impl Kind {
    /// The largest number of outputs that one element of input `at` enters; an upper bound.
    fn longest_column(&self, at: usize, size: usize) -> usize {
        match self {
            Kind::Linear { maps, .. } => maps[at].longest_column(),
            Kind::Function(_) | Kind::Product => 1,
            Kind::Maximum { sources, .. } => {
                let mut counts = vec![0usize; size];
                for &source in sources {
                    counts[source as usize] += 1;
                }
                counts.into_iter().max().unwrap_or(0)
            }
            Kind::Softmax { size, .. } => *size,
        }
    }
}

impl Program {
    /// Refuses what bounds are not known for, by node.
    pub(crate) fn new(network: &Network) -> Result<Program> {
        let mut lowering = Lowering {
            network,
            program: Program { sizes: vec![network.input_size()], steps: Vec::new(), output: 0, longest: 1 },
            of: vec![usize::MAX; network.values().len()],
        };
        lowering.inputs();
        for node in network.nodes() {
            lowering.node(node).map_err(|error| {
                error
                    .at(Place::node(node.name.clone(), node.op.name()))
                    .hint("points (`invert`) need no bounds; sets and proofs do")
            })?;
        }
        lowering.outputs();
        let mut program = lowering.program;
        let mut gathered = vec![0; program.sizes.len()];
        for step in &program.steps {
            if let Kind::Linear { maps, .. } = &step.kind {
                let terms = maps.iter().map(Map::longest_row).sum::<usize>() + maps.len();
                program.longest = program.longest.max(terms);
            }
            for (at, &input) in step.inputs.iter().enumerate() {
                gathered[input] += step.kind.longest_column(at, program.sizes[input]) + 1;
            }
        }
        for step in &mut program.steps {
            step.back_terms = step.inputs.iter().map(|&input| gathered[input]).max().unwrap_or(0);
        }
        Ok(program)
    }

    /// n
    pub(crate) fn input_size(&self) -> usize {
        self.sizes[0]
    }

    /// m
    pub(crate) fn output_size(&self) -> usize {
        self.sizes[self.output]
    }

    /// Whether every element of some value is stored in full rows: what a forward pass of linear forms would take.
    pub(crate) fn elements(&self) -> usize {
        self.sizes.iter().map(|&size| padded(size)).sum()
    }
}

pub(crate) struct Lowering<'a> {
    network: &'a Network,
    pub(crate) program: Program,
    /// The program's value of each of the network's.
    of: Vec<usize>,
}

impl Lowering<'_> {
    fn value(&mut self, size: usize) -> usize {
        self.program.sizes.push(size);
        self.program.sizes.len() - 1
    }

    pub(crate) fn push(&mut self, kind: Kind, inputs: Vec<usize>, size: usize) -> usize {
        let output = self.value(size);
        self.program.steps.push(Step { kind, inputs, output, back_terms: 0 });
        output
    }

    pub(crate) fn push_map(&mut self, map: Map, input: usize) -> usize {
        let size = map.outputs();
        let kind = Kind::Linear { maps: vec![map], bias: vec![0.0; padded(size)], bias_radius: None };
        self.push(kind, vec![input], size)
    }

    /// Each input of the network is a part of the point.
    fn inputs(&mut self) {
        let ids: Vec<ValueId> = self.network.inputs().to_vec();
        if let [only] = ids[..] {
            self.of[only.index()] = 0;
            return;
        }
        let n = self.network.input_size();
        let mut start = 0;
        for id in ids {
            let size = self.network.value(id).shape.elements();
            let mut part = Sparse::new(n);
            for i in start..start + size {
                part.entry(i, 1.0);
                part.end_row();
            }
            self.of[id.index()] = self.push_map(Map::Sparse(part), 0);
            start += size;
        }
    }

    fn outputs(&mut self) {
        let values: Vec<usize> = self.network.outputs().iter().map(|id| self.of[id.index()]).collect();
        self.program.output = match values[..] {
            [only] => only,
            _ => self.concatenation(&values, 1),
        };
    }

    /// Values one after the other, in `before` interleaved runs each.
    fn concatenation(&mut self, values: &[usize], before: usize) -> usize {
        let sizes: Vec<usize> = values.iter().map(|&value| self.program.sizes[value]).collect();
        let total: usize = sizes.iter().sum();
        let maps = (0..values.len())
            .map(|own| {
                let mut map = Sparse::new(sizes[own]);
                for outer in 0..before {
                    for (part, &size) in sizes.iter().enumerate() {
                        let run = size / before;
                        for i in 0..run {
                            if part == own {
                                map.entry(outer * run + i, 1.0);
                            }
                            map.end_row();
                        }
                    }
                }
                Map::Sparse(map)
            })
            .collect();
        let kind = Kind::Linear { maps, bias: vec![0.0; padded(total)], bias_radius: None };
        self.push(kind, values.to_vec(), total)
    }

    fn param(&self, id: ParamId) -> &Param {
        self.network.param(id)
    }

    fn node(&mut self, node: &Node) -> Result<()> {
        let network = self.network;
        let inputs: Vec<usize> = node.inputs.iter().map(|id| self.of[id.index()]).collect();
        let shape = node.inputs.first().map(|&id| &network.value(id).shape);
        let input = shape.cloned().unwrap_or_default();
        let output = &network.value(node.output).shape;
        let size = output.elements();
        self.of[node.output.index()] = match &node.op {
            Op::Linear(linear) => self.linear(linear, &inputs, &input, output)?,
            Op::Function(function) => self.push(Kind::Function(*function), inputs, size),
            Op::Extremum(Extremum::MaxPool(window)) => {
                let plane: usize = input[2..].iter().product();
                let taps: usize = window.kernel.iter().product();
                let positions = window::sources(window, &input[2..]);
                let (mut starts, mut sources) = (vec![0], Vec::new());
                for start in (0..input[0] * input[1]).map(|index| index * plane) {
                    for taps in positions.chunks_exact(taps) {
                        let inside = taps.iter().filter(|&&source| source != window::OUTSIDE);
                        sources.extend(inside.map(|&source| start as u32 + source));
                        if starts.last() == Some(&sources.len()) {
                            return Err(Error::unsupported("a window that lies in the padding alone"));
                        }
                        starts.push(sources.len());
                    }
                }
                self.push(Kind::Maximum { starts, sources }, inputs, size)
            }
            Op::Bilinear(Bilinear::Multiply) => self.push(Kind::Product, inputs, size),
            Op::Bilinear(Bilinear::MatMul) => {
                let inner = input.last().copied().unwrap_or(1);
                self.matrix_product(inputs[0], inputs[1], inner, output)
            }
            Op::Normalizer(Normalizer::LogSoftmax { axis }) => {
                self.log_softmax(inputs[0], input[*axis], input.strides()[*axis])
            }
            Op::Normalizer(Normalizer::Standardize { axis, epsilon }) => {
                self.standardize(inputs[0], input[*axis..].iter().product(), *epsilon)
            }
            Op::Normalizer(Normalizer::Softmax { axis }) => {
                let kind = Kind::Softmax { size: input[*axis], stride: input.strides()[*axis] };
                self.push(kind, inputs, size)
            }
            Op::Layout(Layout::Reshape { .. }) => inputs[0],
            Op::Layout(Layout::Concat { axis }) => {
                self.concatenation(&inputs, output[..*axis].iter().product())
            }
            Op::Layout(layout) => {
                let map = layout
                    .index_map(&input)
                    .ok_or_else(|| Error::unsupported("bounds are not known for this layout"))?;
                let mut part = Sparse::new(input.elements());
                let mut bias = vec![0.0; padded(size)];
                for (j, &source) in map.sources.iter().enumerate() {
                    if source == IndexMap::FILL {
                        bias[j] = map.fill;
                    } else {
                        part.entry(source as usize, 1.0);
                    }
                    part.end_row();
                }
                let kind = Kind::Linear { maps: vec![Map::Sparse(part)], bias, bias_radius: None };
                self.push(kind, inputs, size)
            }
        };
        Ok(())
    }

    fn linear(&mut self, linear: &Linear, inputs: &[usize], input: &Shape, output: &Shape) -> Result<usize> {
        let size = output.elements();
        // A bias for each output element, and how far it may be off.
        let mut bias = vec![0.0; padded(size)];
        let mut bias_radius: Option<Vec<f64>> = None;
        let mut set_bias = |param: &Param, element: &dyn Fn(usize) -> usize| {
            let values = param.f64();
            for j in 0..size {
                bias[j] = values[element(j)];
            }
            bias_radius = param.radius().map(|radius| {
                let mut all = vec![0.0; padded(size)];
                for j in 0..size {
                    all[j] = radius[element(j)];
                }
                all
            });
        };
        let maps = match linear {
            Linear::Dense(dense) => {
                let (rows, columns) = dense.sizes(self.network.params());
                let weight = self.param(dense.weight);
                if let Some(id) = dense.bias {
                    set_bias(self.param(id), &|j| j % columns);
                }
                let at = |j: usize, i: usize| match dense.order {
                    WeightOrder::InputsFirst => i * columns + j,
                    WeightOrder::OutputsFirst => j * rows + i,
                };
                let values = weight.f64();
                let repeats = input.elements() / rows.max(1);
                if repeats == 1 {
                    let radius = weight.radius().map(|radius| move |j: usize, i: usize| radius[at(j, i)]);
                    let radius = radius.as_ref().map(|radius| radius as &dyn Fn(usize, usize) -> f64);
                    vec![Map::Dense(Dense::new(rows, columns, |j, i| values[at(j, i)], radius))]
                } else {
                    let mut map = Sparse::new(input.elements());
                    for repeat in 0..repeats {
                        for j in 0..columns {
                            for i in 0..rows {
                                let radius = weight.radius().map_or(0.0, |radius| radius[at(j, i)]);
                                map.uncertain_entry(repeat * rows + i, values[at(j, i)], radius);
                            }
                            map.end_row();
                        }
                    }
                    vec![Map::Sparse(map)]
                }
            }
            Linear::Conv(conv) => {
                let positions: usize = conv.window.output.iter().product();
                if let Some(id) = conv.bias {
                    set_bias(self.param(id), &|j| j / positions % output[1]);
                }
                vec![Map::Convolution(Convolution::new(conv, self.param(conv.weight), input, output))]
            }
            Linear::ConvTranspose(conv) => {
                let positions: usize = conv.output.iter().product();
                if let Some(id) = conv.bias {
                    set_bias(self.param(id), &|j| j / positions % output[1]);
                }
                vec![Map::Sparse(composed::transposed(conv, self.param(conv.weight), input, output))]
            }
            Linear::AveragePool(pool) => {
                let sources = window::sources(&pool.window, &input[2..]);
                let positions = window::grid(&pool.window.output);
                let taps: usize = pool.window.kernel.iter().product();
                let plane: usize = input[2..].iter().product();
                let mut map = Sparse::new(input.elements());
                for start in (0..input[0] * input[1]).map(|index| index * plane) {
                    for (position, taps) in positions.iter().zip(sources.chunks_exact(taps)) {
                        let divisor = pool.divisor(position, &input[2..]);
                        if divisor == 0 {
                            return Err(Error::unsupported("a window that lies in the padding alone"));
                        }
                        let (share, radius) = share(divisor);
                        for &source in taps.iter().filter(|&&source| source != window::OUTSIDE) {
                            map.uncertain_entry(start + source as usize, share, radius);
                        }
                        map.end_row();
                    }
                }
                vec![Map::Sparse(map)]
            }
            Linear::Reduce(reduce) => {
                let kept: Vec<usize> = (0..input.rank()).filter(|axis| !reduce.axes.contains(axis)).collect();
                let strides = input.strides();
                let mut members = vec![Vec::new(); size];
                for flat in 0..input.elements() {
                    let to = kept
                        .iter()
                        .fold(0, |to, &axis| to * input[axis] + flat / strides[axis] % input[axis]);
                    members[to].push(flat);
                }
                let count = if reduce.mean { input.elements() / size.max(1) } else { 1 };
                let (share, radius) = share(count);
                let mut map = Sparse::new(input.elements());
                for members in &members {
                    for &i in members {
                        map.uncertain_entry(i, share, radius);
                    }
                    map.end_row();
                }
                vec![Map::Sparse(map)]
            }
            Linear::Scale(scale) => {
                if let Some(id) = scale.shift {
                    let sources = broadcast(self.param(id).shape(), input);
                    set_bias(self.param(id), &|j| sources[j]);
                }
                let mut map = Sparse::new(size);
                match scale.scale {
                    None => map = Sparse::scaled_identity(size, 1.0),
                    Some(id) => {
                        let param = self.param(id);
                        for (j, &source) in broadcast(param.shape(), input).iter().enumerate() {
                            let radius = param.radius().map_or(0.0, |radius| radius[source]);
                            map.uncertain_entry(j, param.f64()[source], radius);
                            map.end_row();
                        }
                    }
                }
                vec![Map::Sparse(map)]
            }
            Linear::Combine { coefficients } => coefficients
                .iter()
                .map(|&factor| Map::Sparse(Sparse::scaled_identity(size, factor)))
                .collect(),
        };
        Ok(self.push(Kind::Linear { maps, bias, bias_radius }, inputs.to_vec(), size))
    }
}

/// 1 / count, and how far the double is from it.
pub(crate) fn share(count: usize) -> (f64, f64) {
    let share = 1.0 / count as f64;
    (share, if count.is_power_of_two() { 0.0 } else { share * f64::EPSILON })
}

/// The element of a constant for each element of the shape that it broadcasts to.
fn broadcast(shape: &Shape, to: &Shape) -> Vec<usize> {
    let (strides, full) = (shape.strides(), to.strides());
    let lead = to.rank() - shape.rank();
    let source = |flat: usize| -> usize {
        (0..shape.rank())
            .filter(|&axis| shape[axis] > 1)
            .map(|axis| flat / full[lead + axis] % to[lead + axis] * strides[axis])
            .sum()
    };
    (0..to.elements()).map(source).collect()
}
