//! What a network can do on a box, by intervals rounded outward: the cheapest proof that an output is not reached.
//!
//! Every value is enclosed for the graph as stored, in real arithmetic: constants count with their radius
//! ([`netinverse_network::Param::radius`]), sums and products are rounded outward, functions as
//! [`netinverse_network::enclose`] says.

use netinverse_linalg::Interval;
use netinverse_linalg::interval::{add_down, add_up, mul_down, mul_up};
pub use netinverse_network::enclose::function as enclose_function;
use netinverse_network::{
    Bilinear, Extremum, Function, IndexMap, Layout, Linear, Network, Node, Normalizer, Op, Param, ParamId,
    Shape, WeightOrder, Window,
};

/// Enclosures of all outputs over the inputs `lower ≤ x ≤ upper`; `None` where an enclosure is not known: a function
/// outside its domain.
///
/// Panics unless the box has one finite pair of ends an input.
pub fn output_bounds(network: &Network, lower: &[f64], upper: &[f64]) -> Option<Vec<Interval>> {
    assert_eq!((lower.len(), upper.len()), (network.input_size(), network.input_size()), "one end an input");
    let mut values: Vec<Option<Vec<Interval>>> = vec![None; network.values().len()];
    let mut start = 0;
    for &id in network.inputs() {
        let end = start + network.value(id).shape.elements();
        values[id.index()] = Some((start..end).map(|i| Interval::new(lower[i], upper[i])).collect());
        start = end;
    }
    for node in network.nodes() {
        let inputs: Vec<&[Interval]> =
            node.inputs.iter().map(|id| values[id.index()].as_deref()).collect::<Option<_>>()?;
        values[node.output.index()] = Some(enclose(network, node, &inputs)?);
    }
    let outputs = network.outputs().iter().map(|id| values[id.index()].clone());
    outputs.collect::<Option<Vec<_>>>().map(|parts| parts.concat())
}

fn enclose(network: &Network, node: &Node, inputs: &[&[Interval]]) -> Option<Vec<Interval>> {
    let shape_of = |index: usize| &network.value(node.inputs[index]).shape;
    let output = &network.value(node.output).shape;
    match &node.op {
        Op::Linear(linear) => Some(linear_map(network, linear, inputs, shape_of(0), output)),
        Op::Function(function) => inputs[0].iter().map(|&x| enclose_function(*function, x)).collect(),
        Op::Extremum(Extremum::MaxPool(window)) => {
            let mut out = Vec::with_capacity(output.elements());
            for_each_window(window, shape_of(0), |sources| {
                let taps = sources.iter().map(|&source| inputs[0][source]);
                out.push(taps.reduce(|a, b| Interval::new(a.lo().max(b.lo()), a.hi().max(b.hi()))));
            });
            out.into_iter().collect()
        }
        Op::Bilinear(Bilinear::Multiply) => {
            // A square is not negative, which the product of two intervals does not know.
            let square = node.inputs[0] == node.inputs[1];
            let product = |(&a, &b): (&Interval, &Interval)| match a * b {
                both if square => {
                    let nearest = if a.contains(0.0) { 0.0 } else { a.lo().abs().min(a.hi().abs()) };
                    Interval::new(mul_down(nearest, nearest).max(0.0), both.hi())
                }
                both => both,
            };
            Some(inputs[0].iter().zip(inputs[1]).map(product).collect())
        }
        Op::Bilinear(Bilinear::MatMul) => {
            let (&[m, k], &n) = (shape_of(0).last_chunk()?, output.last()?);
            let mut out = Vec::with_capacity(output.elements());
            for element in 0..output.elements() {
                let (matrix, i, j) = (element / (m * n), element / n % m, element % n);
                let term =
                    |l: usize| inputs[0][(matrix * m + i) * k + l] * inputs[1][(matrix * k + l) * n + j];
                out.push((0..k).map(term).fold(Interval::ZERO, |sum, term| sum + term));
            }
            Some(out)
        }
        Op::Normalizer(Normalizer::Softmax { axis }) => softmax(inputs[0], shape_of(0), *axis),
        Op::Normalizer(Normalizer::LogSoftmax { axis }) => log_softmax(inputs[0], shape_of(0), *axis),
        Op::Normalizer(Normalizer::Standardize { axis, epsilon }) => {
            standardize(inputs[0], shape_of(0)[*axis..].iter().product(), *epsilon)
        }
        Op::Layout(Layout::Reshape { .. }) => Some(inputs[0].to_vec()),
        Op::Layout(Layout::Concat { axis }) => {
            let before: usize = output[..*axis].iter().product();
            let mut out = Vec::with_capacity(output.elements());
            for outer in 0..before {
                for values in inputs {
                    let run = values.len() / before;
                    out.extend_from_slice(&values[outer * run..(outer + 1) * run]);
                }
            }
            Some(out)
        }
        Op::Layout(layout) => {
            let map = layout.index_map(shape_of(0))?;
            let pick = |&source: &u32| match source {
                IndexMap::FILL => Interval::point(map.fill),
                source => inputs[0][source as usize],
            };
            Some(map.sources.iter().map(pick).collect())
        }
    }
}

/// The constant's elements as intervals.
fn constant(param: &Param) -> Vec<Interval> {
    let values = param.f64();
    match param.radius() {
        Some(radius) => values.iter().zip(radius).map(|(&v, &r)| Interval::around(v, r)).collect(),
        None => values.iter().map(|&v| Interval::point(v)).collect(),
    }
}

/// A sum of intervals times constants, its ends accumulated outward.
struct Sum {
    lo: f64,
    hi: f64,
}

impl Sum {
    fn of(first: Interval) -> Self {
        Sum { lo: first.lo(), hi: first.hi() }
    }

    fn add(&mut self, x: Interval, w: Interval) {
        let product = if w.lo() == w.hi() {
            // The common case, without the comparisons of the general product.
            let w = w.lo();
            let (low, high) = if w >= 0.0 { (x.lo(), x.hi()) } else { (x.hi(), x.lo()) };
            (mul_down(low, w), mul_up(high, w))
        } else {
            let product = x * w;
            (product.lo(), product.hi())
        };
        self.lo = add_down(self.lo, product.0);
        self.hi = add_up(self.hi, product.1);
    }

    fn enclosure(&self) -> Interval {
        Interval::new(self.lo, self.hi)
    }
}

fn linear_map(
    network: &Network,
    linear: &Linear,
    inputs: &[&[Interval]],
    input: &Shape,
    output: &Shape,
) -> Vec<Interval> {
    let x = inputs[0];
    let param = |id: ParamId| constant(network.param(id));
    match linear {
        Linear::Dense(dense) => {
            let (rows, columns) = dense.sizes(network.params());
            let weight = param(dense.weight);
            let bias = dense.bias.map(param);
            let mut out = Vec::with_capacity(output.elements());
            for x in x.chunks_exact(rows) {
                for j in 0..columns {
                    let mut sum = Sum::of(bias.as_ref().map_or(Interval::ZERO, |bias| bias[j]));
                    for (i, &x) in x.iter().enumerate() {
                        let position = match dense.order {
                            WeightOrder::InputsFirst => i * columns + j,
                            WeightOrder::OutputsFirst => j * rows + i,
                        };
                        sum.add(x, weight[position]);
                    }
                    out.push(sum.enclosure());
                }
            }
            out
        }
        Linear::Conv(conv) => {
            let weight = param(conv.weight);
            let bias = conv.bias.map(param);
            let channels_out = output[1];
            let (group_in, group_out) = (input[1] / conv.groups, channels_out / conv.groups);
            let taps: usize = conv.window.kernel.iter().product();
            let plane: usize = input[2..].iter().product();
            let positions: usize = conv.window.output.iter().product();
            let sources = window_sources(&conv.window, &input[2..]);
            let mut out = Vec::with_capacity(output.elements());
            for sample in 0..input[0] {
                for channel in 0..channels_out {
                    for position in 0..positions {
                        let mut sum = Sum::of(bias.as_ref().map_or(Interval::ZERO, |bias| bias[channel]));
                        for inner in 0..group_in {
                            let from = channel / group_out * group_in + inner;
                            let start = (sample * input[1] + from) * plane;
                            for (tap, source) in sources[position].iter().enumerate() {
                                if let Some(source) = source {
                                    sum.add(
                                        x[start + source],
                                        weight[(channel * group_in + inner) * taps + tap],
                                    );
                                }
                            }
                        }
                        out.push(sum.enclosure());
                    }
                }
            }
            out
        }
        Linear::ConvTranspose(conv) => {
            let weight = param(conv.weight);
            let bias = conv.bias.map(param);
            let written: usize = output[2..].iter().product();
            let read: usize = input[2..].iter().product();
            let (group_in, group_out) = (input[1] / conv.groups, output[1] / conv.groups);
            let taps: usize = conv.window.kernel.iter().product();
            let mut sums: Vec<Sum> = (0..output.elements())
                .map(|j| {
                    let channel = j / written % output[1];
                    Sum::of(bias.as_ref().map_or(Interval::ZERO, |bias| bias[channel]))
                })
                .collect();
            // Each position read adds to what the convolution would have read there.
            let sources = window_sources(&conv.window, &output[2..]);
            for (i, &x) in x.iter().enumerate() {
                let (sample, from, position) = (i / read / input[1], i / read % input[1], i % read);
                for own in 0..group_out {
                    let channel = from / group_in * group_out + own;
                    let start = (sample * output[1] + channel) * written;
                    for (tap, source) in sources[position].iter().enumerate() {
                        if let Some(source) = source {
                            sums[start + source].add(x, weight[(from * group_out + own) * taps + tap]);
                        }
                    }
                }
            }
            sums.iter().map(Sum::enclosure).collect()
        }
        Linear::AveragePool(pool) => {
            let mut out = Vec::with_capacity(output.elements());
            let positions: Vec<Vec<usize>> = window_positions(&pool.window);
            let mut index = 0;
            for_each_window(&pool.window, input, |sources| {
                let mut sum = Sum::of(Interval::ZERO);
                for &source in sources {
                    sum.add(x[source], Interval::point(1.0));
                }
                let divisor = pool.divisor(&positions[index % positions.len()], &input[2..]);
                index += 1;
                out.push(sum.enclosure().divided_by(Interval::point(divisor as f64)));
            });
            out
        }
        Linear::Reduce(reduce) => {
            let mut sums: Vec<Sum> = (0..output.elements()).map(|_| Sum::of(Interval::ZERO)).collect();
            let kept: Vec<usize> = (0..input.rank()).filter(|axis| !reduce.axes.contains(axis)).collect();
            let strides = input.strides();
            for (flat, &x) in x.iter().enumerate() {
                let to =
                    kept.iter().fold(0, |to, &axis| to * input[axis] + flat / strides[axis] % input[axis]);
                sums[to].add(x, Interval::point(1.0));
            }
            let count = (input.elements() / output.elements().max(1)) as f64;
            let divisor = Interval::point(if reduce.mean { count } else { 1.0 });
            sums.iter().map(|sum| sum.enclosure().divided_by(divisor)).collect()
        }
        Linear::Scale(scale) => {
            let factor = scale.scale.map(|id| broadcast(&param(id), network.param(id).shape(), input));
            let shift = scale.shift.map(|id| broadcast(&param(id), network.param(id).shape(), input));
            let element = |(i, &x): (usize, &Interval)| {
                let mut sum = Sum::of(shift.as_ref().map_or(Interval::ZERO, |shift| shift[i]));
                sum.add(x, factor.as_ref().map_or(Interval::point(1.0), |factor| factor[i]));
                sum.enclosure()
            };
            x.iter().enumerate().map(element).collect()
        }
        Linear::Combine { coefficients } => (0..x.len())
            .map(|i| {
                let mut sum = Sum::of(Interval::ZERO);
                for (values, &c) in inputs.iter().zip(coefficients) {
                    sum.add(values[i], Interval::point(c));
                }
                sum.enclosure()
            })
            .collect(),
    }
}

/// A constant's elements repeated to the shape that it broadcasts to.
fn broadcast(values: &[Interval], shape: &Shape, to: &Shape) -> Vec<Interval> {
    let (strides, full) = (shape.strides(), to.strides());
    let lead = to.rank() - shape.rank();
    let source = |flat: usize| -> usize {
        (0..shape.rank())
            .filter(|&axis| shape[axis] > 1)
            .map(|axis| flat / full[lead + axis] % to[lead + axis] * strides[axis])
            .sum()
    };
    (0..to.elements()).map(|flat| values[source(flat)]).collect()
}

/// eˣⁱ / Σⱼ eˣʲ = 1 / Σⱼ eˣʲ⁻ˣⁱ, each end where the differences are largest and smallest.
fn softmax(x: &[Interval], shape: &Shape, axis: usize) -> Option<Vec<Interval>> {
    let (size, stride) = (shape[axis], shape.strides()[axis]);
    let mut out = Vec::with_capacity(x.len());
    for (flat, &own) in x.iter().enumerate() {
        let first = flat - flat / stride % size * stride;
        let mut sum = Interval::point(1.0);
        for j in (0..size).map(|j| first + j * stride).filter(|&j| j != flat) {
            sum = sum + enclose_function(Function::Exp, x[j] - own)?;
        }
        let share = Interval::point(1.0).divided_by(sum);
        out.push(Interval::new(share.lo().max(0.0), share.hi().min(1.0)));
    }
    Some(out)
}

/// xᵢ − log Σⱼ eˣʲ = −log Σⱼ eˣʲ⁻ˣⁱ
fn log_softmax(x: &[Interval], shape: &Shape, axis: usize) -> Option<Vec<Interval>> {
    let (size, stride) = (shape[axis], shape.strides()[axis]);
    let mut out = Vec::with_capacity(x.len());
    for (flat, &own) in x.iter().enumerate() {
        let first = flat - flat / stride % size * stride;
        let mut sum = Interval::point(1.0);
        for j in (0..size).map(|j| first + j * stride).filter(|&j| j != flat) {
            sum = sum + enclose_function(Function::Exp, x[j] - own)?;
        }
        let log = -enclose_function(Function::Log, sum)?;
        out.push(Interval::new(log.lo().min(0.0), log.hi().min(0.0)));
    }
    Some(out)
}

/// d / √((d² + R) / n + ε) for each deviation d from the mean, R the sum of the others' squares: rising in d, and falling
/// in R where d > 0.
fn standardize(x: &[Interval], length: usize, epsilon: f64) -> Option<Vec<Interval>> {
    let count = Interval::point(length as f64);
    let mut out = Vec::with_capacity(x.len());
    for x in x.chunks_exact(length) {
        let total = |skipped: usize| {
            let others = x.iter().enumerate().filter(|&(j, _)| j != skipped);
            others.fold(Interval::ZERO, |sum, (_, &x)| sum + x)
        };
        let rest = Interval::point(1.0) - Interval::point(1.0).divided_by(count);
        let deviations: Vec<Interval> =
            (0..length).map(|i| x[i] * rest - total(i).divided_by(count)).collect();
        let squares: Vec<Interval> = deviations
            .iter()
            .map(|&d| enclose_function(Function::Power { exponent: 2.0 }, d))
            .collect::<Option<_>>()?;
        let end = |d: f64, others: f64| -> Option<Interval> {
            let d = Interval::point(d);
            let variance = (d * d + Interval::point(others)).divided_by(count) + Interval::point(epsilon);
            if d == Interval::ZERO {
                return Some(Interval::ZERO);
            }
            (variance.lo() > 0.0).then(|| variance.sqrt().map(|root| d.divided_by(root))).flatten()
        };
        for (i, d) in deviations.iter().enumerate() {
            let others = squares.iter().enumerate().filter(|&(j, _)| j != i);
            let others = others.fold(Interval::ZERO, |sum, (_, &square)| sum + square);
            let least = others.lo().max(0.0);
            let high = end(d.hi(), if d.hi() > 0.0 { least } else { others.hi() });
            let low = end(d.lo(), if d.lo() < 0.0 { least } else { others.hi() });
            // |d| ≤ √((n − 1) v) whatever the values; where ε and v may both be 0 nothing else is known.
            let most = Interval::point((length - 1) as f64).sqrt()?.hi();
            if epsilon == 0.0 && (high.is_none() || low.is_none()) {
                return None;
            }
            let (low, high) = (low.map_or(-most, Interval::lo), high.map_or(most, Interval::hi));
            out.push(Interval::new(low.max(-most), high.min(most)));
        }
    }
    Some(out)
}

/// The window's positions, one index an axis.
fn window_positions(window: &Window) -> Vec<Vec<usize>> {
    grid(&window.output)
}

/// All index tuples below `sizes`, the last axis fastest.
fn grid(sizes: &[usize]) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for &size in sizes {
        all = all.iter().flat_map(|head| (0..size).map(|i| [head.as_slice(), &[i]].concat())).collect();
    }
    all
}

/// For each position of the window, the element of the plane under each tap; `None` in the padding.
fn window_sources(window: &Window, spatial: &[usize]) -> Vec<Vec<Option<usize>>> {
    let taps = grid(&window.kernel);
    let source = |position: &[usize], tap: &[usize]| {
        (0..spatial.len()).try_fold(0, |flat, axis| {
            window
                .source(axis, position[axis], tap[axis], spatial[axis])
                .map(|source| flat * spatial[axis] + source)
        })
    };
    window_positions(window).iter().map(|p| taps.iter().map(|tap| source(p, tap)).collect()).collect()
}

/// Calls `visit` with the elements under the window, for every plane and position.
fn for_each_window(window: &Window, input: &Shape, mut visit: impl FnMut(&[usize])) {
    let sources = window_sources(window, &input[2..]);
    let plane: usize = input[2..].iter().product();
    let mut inside = Vec::new();
    for start in (0..input[0] * input[1]).map(|index| index * plane) {
        for taps in &sources {
            inside.clear();
            inside.extend(taps.iter().flatten().map(|source| start + source));
            visit(&inside);
        }
    }
}
