//! A naive interpreter: one element at a time, from the ONNX definitions.

use netinverse_network::{
    Bilinear, Extremum, Function, Layout, Linear, Network, Normalizer, Op, PadMode, ParamId, WeightOrder,
    Window,
};

/// A value of one sample.
#[derive(Debug, Clone)]
pub struct Tensor {
    pub shape: Vec<usize>,
    pub data: Vec<f64>,
}

/// All values of a network at one point, by the number of the value.
pub fn values(network: &Network, x: &[f64]) -> Vec<Option<Tensor>> {
    let mut values: Vec<Option<Tensor>> = vec![None; network.values().len()];
    let mut rest = x;
    for &id in network.inputs() {
        let shape = network.value(id).shape.to_vec();
        let (own, after) = rest.split_at(shape.iter().product());
        values[id.index()] = Some(Tensor { shape, data: own.to_vec() });
        rest = after;
    }
    for node in network.nodes() {
        let inputs: Vec<_> = node.inputs.iter().map(|id| values[id.index()].as_ref().unwrap()).collect();
        values[node.output.index()] = Some(apply(network, &node.op, &inputs));
    }
    values
}

/// The network's value at one point.
pub fn outputs(network: &Network, x: &[f64]) -> Vec<f64> {
    let values = values(network, x);
    network.outputs().iter().flat_map(|id| values[id.index()].clone().unwrap().data).collect()
}

impl Tensor {
    fn from_fn(shape: &[usize], mut f: impl FnMut(&[usize]) -> f64) -> Self {
        let mut data = Vec::new();
        visit(shape, &mut |index| data.push(f(index)));
        Tensor { shape: shape.to_vec(), data }
    }

    fn at(&self, index: &[usize]) -> f64 {
        assert_eq!(index.len(), self.shape.len());
        let mut flat = 0;
        for (&i, &size) in index.iter().zip(&self.shape) {
            assert!(i < size);
            flat = flat * size + i;
        }
        self.data[flat]
    }

    /// The element at `index` of the value broadcast to a larger shape.
    fn broadcast_at(&self, index: &[usize]) -> f64 {
        let own = &index[index.len() - self.shape.len()..];
        let own: Vec<_> =
            own.iter().zip(&self.shape).map(|(&i, &size)| if size == 1 { 0 } else { i }).collect();
        self.at(&own)
    }
}

/// Calls `f` with every index of a shape, the last axis fastest.
fn visit(shape: &[usize], f: &mut dyn FnMut(&[usize])) {
    fn inner(shape: &[usize], index: &mut Vec<usize>, f: &mut dyn FnMut(&[usize])) {
        match shape.split_first() {
            None => f(index),
            Some((&size, rest)) => {
                for i in 0..size {
                    index.push(i);
                    inner(rest, index, f);
                    index.pop();
                }
            }
        }
    }
    inner(shape, &mut Vec::new(), f);
}

fn function(function: Function, x: f64) -> f64 {
    match function {
        Function::Relu => {
            if x > 0.0 {
                x
            } else {
                0.0
            }
        }
        Function::LeakyRelu { alpha } => {
            if x < 0.0 {
                alpha * x
            } else {
                x
            }
        }
        Function::Elu { alpha } => {
            if x < 0.0 {
                alpha * (x.exp() - 1.0)
            } else {
                x
            }
        }
        Function::Softplus => (x.exp() + 1.0).ln(),
        Function::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Function::Tanh => (x.exp() - (-x).exp()) / (x.exp() + (-x).exp()),
        Function::Exp => x.exp(),
        Function::Log => x.ln(),
        Function::Abs => {
            if x < 0.0 {
                -x
            } else {
                x
            }
        }
        Function::Clip { low, high } => {
            if x < low {
                low
            } else if x > high {
                high
            } else {
                x
            }
        }
        Function::Reciprocal => 1.0 / x,
        Function::Celu { alpha } => x.max(0.0) + (alpha * ((x / alpha).exp() - 1.0)).min(0.0),
        Function::Softsign => x / (1.0 + x.abs()),
        Function::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
        Function::Mish => x * (x.exp() + 1.0).ln().tanh(),
        Function::Gelu => 0.5 * x * (1.0 + libm::erf(x / 2.0_f64.sqrt())),
        Function::GeluTanh => {
            let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
            0.5 * x * (1.0 + u.tanh())
        }
        Function::Silu { beta } => x / (1.0 + (-beta * x).exp()),
        Function::Erf => libm::erf(x),
        Function::Sqrt => x.powf(0.5),
        Function::Power { exponent } => x.powf(exponent),
        Function::Sin => x.sin(),
        Function::Cos => x.cos(),
    }
}

/// The taps of a window at `position` that lie inside: (tap, place).
fn taps(window: &Window, position: &[usize], spatial: &[usize]) -> Vec<(Vec<usize>, Vec<usize>)> {
    let mut taps = Vec::new();
    visit(&window.kernel, &mut |tap| {
        let place: Vec<i64> = (0..tap.len())
            .map(|a| {
                position[a] as i64 * window.strides[a] as i64 + tap[a] as i64 * window.dilations[a] as i64
                    - window.pads_begin[a] as i64
            })
            .collect();
        if place.iter().zip(spatial).all(|(&p, &size)| p >= 0 && p < size as i64) {
            taps.push((tap.to_vec(), place.iter().map(|&p| p as usize).collect()));
        }
    });
    taps
}

fn apply(network: &Network, op: &Op, inputs: &[&Tensor]) -> Tensor {
    let param = |id: ParamId| {
        let param = network.param(id);
        Tensor { shape: param.shape().to_vec(), data: param.f64().to_vec() }
    };
    let x = inputs[0];
    match op {
        Op::Function(f) => {
            Tensor { shape: x.shape.clone(), data: x.data.iter().map(|&x| function(*f, x)).collect() }
        }
        Op::Bilinear(Bilinear::Multiply) => Tensor::from_fn(&x.shape, |i| x.at(i) * inputs[1].at(i)),
        Op::Bilinear(Bilinear::MatMul) => {
            let (rank, inner) = (x.shape.len(), *x.shape.last().unwrap());
            let mut shape = x.shape.clone();
            shape[rank - 1] = *inputs[1].shape.last().unwrap();
            Tensor::from_fn(&shape, |i| {
                let (mut left, mut right) = (i.to_vec(), i.to_vec());
                (0..inner)
                    .map(|l| {
                        left[rank - 1] = l;
                        right[rank - 2] = l;
                        x.at(&left) * inputs[1].at(&right)
                    })
                    .sum()
            })
        }
        Op::Normalizer(Normalizer::LogSoftmax { axis }) => Tensor::from_fn(&x.shape, |i| {
            let mut at = i.to_vec();
            let mut sum = 0.0;
            for k in 0..x.shape[*axis] {
                at[*axis] = k;
                sum += (x.at(&at) - x.at(i)).exp();
            }
            -sum.ln()
        }),
        Op::Normalizer(Normalizer::Standardize { axis, epsilon }) => Tensor::from_fn(&x.shape, |i| {
            let mut group = Vec::new();
            visit(&x.shape[*axis..], &mut |tail| group.push(x.at(&[&i[..*axis], tail].concat())));
            let count = group.len() as f64;
            let mean = group.iter().sum::<f64>() / count;
            let variance = group.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
            (x.at(i) - mean) / (variance + epsilon).sqrt()
        }),
        Op::Linear(Linear::ConvTranspose(conv)) => {
            let (weight, bias) = (param(conv.weight), conv.bias.map(param));
            let written = weight.shape[1];
            let shape = [&[x.shape[0], written * conv.groups], &conv.output[..]].concat();
            let group_in = x.shape[1] / conv.groups;
            Tensor::from_fn(&shape, |i| {
                let mut sum = bias.as_ref().map_or(0.0, |bias| bias.data[i[1]]);
                visit(&x.shape[2..], &mut |position| {
                    for (tap, place) in taps(&conv.window, position, &conv.output) {
                        if place == i[2..] {
                            for c in i[1] / written * group_in..(i[1] / written + 1) * group_in {
                                sum += x.at(&[&[i[0], c], position].concat())
                                    * weight.at(&[&[c, i[1] % written], &tap[..]].concat());
                            }
                        }
                    }
                });
                sum
            })
        }
        Op::Normalizer(Normalizer::Softmax { axis }) => Tensor::from_fn(&x.shape, |i| {
            let mut at = i.to_vec();
            let mut sum = 0.0;
            for k in 0..x.shape[*axis] {
                at[*axis] = k;
                sum += x.at(&at).exp();
            }
            x.at(i).exp() / sum
        }),
        Op::Extremum(Extremum::MaxPool(window)) => {
            pool(x, window, &|taps, _| taps.iter().copied().fold(f64::NEG_INFINITY, f64::max))
        }
        Op::Linear(Linear::Dense(dense)) => {
            let (weight, bias) = (param(dense.weight), dense.bias.map(param));
            let outputs_first = dense.order == WeightOrder::OutputsFirst;
            let mut shape = x.shape.clone();
            *shape.last_mut().unwrap() = weight.shape[usize::from(!outputs_first)];
            Tensor::from_fn(&shape, |i| {
                let (j, lead) = i.split_last().unwrap();
                let mut sum = bias.as_ref().map_or(0.0, |bias| bias.data[*j]);
                for k in 0..*x.shape.last().unwrap() {
                    let w = if outputs_first { weight.at(&[*j, k]) } else { weight.at(&[k, *j]) };
                    sum += w * x.at(&[lead, &[k]].concat());
                }
                sum
            })
        }
        Op::Linear(Linear::Conv(conv)) => {
            let (weight, bias) = (param(conv.weight), conv.bias.map(param));
            let shape = [&[x.shape[0], weight.shape[0]], &conv.window.output[..]].concat();
            let (out_group, in_group) = (weight.shape[0] / conv.groups, x.shape[1] / conv.groups);
            Tensor::from_fn(&shape, |i| {
                let group = i[1] / out_group;
                let mut sum = bias.as_ref().map_or(0.0, |bias| bias.data[i[1]]);
                for (tap, place) in taps(&conv.window, &i[2..], &x.shape[2..]) {
                    for c in 0..in_group {
                        sum += weight.at(&[&[i[1], c], &tap[..]].concat())
                            * x.at(&[&[i[0], group * in_group + c], &place[..]].concat());
                    }
                }
                sum
            })
        }
        Op::Linear(Linear::AveragePool(average)) => {
            // The generator's windows stay inside the padded value, so that padding counts wholly or not at all.
            let all = average.window.kernel.iter().product::<usize>();
            pool(x, &average.window, &|taps, _| {
                taps.iter().sum::<f64>() / if average.count_padding { all } else { taps.len() } as f64
            })
        }
        Op::Linear(Linear::Reduce(reduce)) => {
            let shape: Vec<_> = x
                .shape
                .iter()
                .enumerate()
                .filter(|(axis, _)| reduce.keep || !reduce.axes.contains(axis))
                .map(|(axis, &size)| if reduce.axes.contains(&axis) { 1 } else { size })
                .collect();
            let count: usize = reduce.axes.iter().map(|&axis| x.shape[axis]).product();
            Tensor::from_fn(&shape, |i| {
                let mut own = i.iter();
                let kept: Vec<Option<usize>> = (0..x.shape.len())
                    .map(|axis| {
                        let reduced = reduce.axes.contains(&axis);
                        let index = if reduce.keep || !reduced { own.next().copied() } else { None };
                        index.filter(|_| !reduced)
                    })
                    .collect();
                let mut sum = 0.0;
                visit(&x.shape, &mut |j| {
                    if kept.iter().zip(j).all(|(kept, j)| kept.is_none_or(|kept| kept == *j)) {
                        sum += x.at(j);
                    }
                });
                if reduce.mean { sum / count as f64 } else { sum }
            })
        }
        Op::Linear(Linear::Scale(affine)) => {
            let (scale, shift) = (affine.scale.map(param), affine.shift.map(param));
            Tensor::from_fn(&x.shape, |i| {
                let scale = scale.as_ref().map_or(1.0, |s| s.broadcast_at(i));
                scale * x.at(i) + shift.as_ref().map_or(0.0, |t| t.broadcast_at(i))
            })
        }
        Op::Linear(Linear::Combine { coefficients }) => {
            Tensor::from_fn(&x.shape, |i| inputs.iter().zip(coefficients).map(|(x, c)| c * x.at(i)).sum())
        }
        Op::Layout(layout) => rearrange(layout, inputs),
    }
}

fn pool(x: &Tensor, window: &Window, f: &dyn Fn(&[f64], &[usize]) -> f64) -> Tensor {
    let shape = [&x.shape[..2], &window.output[..]].concat();
    Tensor::from_fn(&shape, |i| {
        let places = taps(window, &i[2..], &x.shape[2..]);
        let values: Vec<_> = places.iter().map(|(_, place)| x.at(&[&i[..2], &place[..]].concat())).collect();
        f(&values, i)
    })
}

fn rearrange(layout: &Layout, inputs: &[&Tensor]) -> Tensor {
    let x = inputs[0];
    match layout {
        Layout::Reshape { shape } => Tensor { shape: shape.to_vec(), data: x.data.clone() },
        Layout::Transpose { axes } => {
            let shape: Vec<_> = axes.iter().map(|&axis| x.shape[axis]).collect();
            Tensor::from_fn(&shape, |i| {
                let mut at = vec![0; i.len()];
                for (&axis, &index) in axes.iter().zip(i) {
                    at[axis] = index;
                }
                x.at(&at)
            })
        }
        Layout::Slice { starts, steps, sizes } => Tensor::from_fn(sizes, |i| {
            let at: Vec<_> =
                (0..i.len()).map(|a| (starts[a] as i64 + steps[a] as i64 * i[a] as i64) as usize).collect();
            x.at(&at)
        }),
        Layout::Gather { axis, indices, shape } => {
            let all = [&x.shape[..*axis], shape, &x.shape[axis + 1..]].concat();
            let table = Tensor { shape: shape.clone(), data: indices.iter().map(|&i| i as f64).collect() };
            Tensor::from_fn(&all, |i| {
                let picked = table.at(&i[*axis..axis + shape.len()]) as usize;
                x.at(&[&i[..*axis], &[picked], &i[axis + shape.len()..]].concat())
            })
        }
        Layout::Pad { before, after, mode } => {
            let shape: Vec<_> = (0..x.shape.len()).map(|a| before[a] + x.shape[a] + after[a]).collect();
            Tensor::from_fn(&shape, |i| {
                let mut at = Vec::new();
                for a in 0..i.len() {
                    let (p, size) = (i[a] as i64 - before[a] as i64, x.shape[a] as i64);
                    at.push(match mode {
                        PadMode::Constant(value) if p < 0 || p >= size => return *value,
                        PadMode::Constant(_) => p,
                        PadMode::Edge => p.max(0).min(size - 1),
                        PadMode::Reflect => {
                            let mirrored = p.abs();
                            if mirrored >= size { 2 * (size - 1) - mirrored } else { mirrored }
                        }
                    } as usize);
                }
                x.at(&at)
            })
        }
        Layout::Expand { shape } => Tensor::from_fn(shape, |i| x.broadcast_at(i)),
        Layout::Concat { axis } => {
            let mut shape = x.shape.clone();
            shape[*axis] = inputs.iter().map(|input| input.shape[*axis]).sum();
            Tensor::from_fn(&shape, |i| {
                let mut at = i.to_vec();
                for input in inputs {
                    if at[*axis] < input.shape[*axis] {
                        return input.at(&at);
                    }
                    at[*axis] -= input.shape[*axis];
                }
                unreachable!("the index is inside")
            })
        }
    }
}
