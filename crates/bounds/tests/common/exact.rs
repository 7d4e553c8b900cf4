//! A network in exact rational arithmetic.
//!
//! On a convex region of few inputs on which every kink keeps its side, each value is one affine function. Where a
//! kink crosses the region, evaluation says which affine function changes its sign there; cutting along it and
//! starting again gives all linear regions of a piecewise linear network in a box. A point is a region too.
//! Written from the ONNX definitions and from nothing of the bounds' own index arithmetic.

#![allow(clippy::match_wildcard_for_single_variants, reason = "operators that come later are not known here")]

use dashu_ratio::RBig;
use netinverse_base::Rng;
use netinverse_network::{
    Bilinear, Extremum, Function, Layout, Linear, Network, Op, PadMode, ParamId, WeightOrder, Window,
};

use super::affine::{Affine, exact};
use super::region::Region;

/// A network with the constants that it stands for.
#[derive(Debug)]
pub struct Exact<'a> {
    network: &'a Network,
    params: Vec<Vec<RBig>>,
}

/// A value on a region.
#[derive(Debug, Clone)]
struct Tensor {
    shape: Vec<usize>,
    data: Vec<Affine>,
}

/// The function whose sign the region leaves open.
struct Open(Affine);

impl<'a> Exact<'a> {
    /// With the constants as stored.
    pub fn new(network: &'a Network) -> Self {
        let values = |param: &netinverse_network::Param| param.f64().iter().map(|&v| exact(v)).collect();
        Exact { network, params: network.params().iter().map(values).collect() }
    }

    /// With constants at the ends of their radius, or in the middle.
    pub fn shifted(network: &'a Network, rng: &mut Rng) -> Self {
        let mut own = Self::new(network);
        for (values, param) in own.params.iter_mut().zip(network.params()) {
            for (value, &radius) in values.iter_mut().zip(param.radius().unwrap_or_default()) {
                *value += exact(radius) * RBig::from(rng.below(3) as i32 - 1);
            }
        }
        own
    }

    /// Whether every operator is known here: all that is piecewise linear, and products at points.
    pub fn knows(network: &Network) -> bool {
        network.nodes().iter().all(|node| match &node.op {
            Op::Function(function) => kinks(*function).is_some(),
            Op::Linear(linear) => matches!(
                linear,
                Linear::Dense(_)
                    | Linear::Conv(_)
                    | Linear::AveragePool(_)
                    | Linear::Reduce(_)
                    | Linear::Scale(_)
                    | Linear::Combine { .. }
            ),
            Op::Extremum(extremum) => matches!(extremum, Extremum::MaxPool(_)),
            Op::Bilinear(bilinear) => matches!(bilinear, Bilinear::Multiply),
            Op::Layout(_) => true,
            _ => false,
        })
    }

    /// The network's value at a point.
    pub fn outputs(&self, x: &[RBig]) -> Vec<RBig> {
        let x: Vec<Affine> = x.iter().map(|x| Affine::constant(x.clone(), 0)).collect();
        let Ok(values) = self.evaluate(&x, &Region::point()) else { panic!("a point has one sign") };
        values.into_iter().map(|value| value.constant).collect()
    }

    /// The linear regions of a box and the outputs there, as functions of the inputs with lower < upper, of which there
    /// are at most two. `None` where there are more than `most`.
    pub fn regions(&self, lower: &[f64], upper: &[f64], most: usize) -> Option<Vec<(Region, Vec<Affine>)>> {
        let free: Vec<usize> = (0..lower.len()).filter(|&i| lower[i] < upper[i]).collect();
        let mut x: Vec<Affine> =
            lower.iter().map(|&lower| Affine::constant(exact(lower), free.len())).collect();
        for (k, &i) in free.iter().enumerate() {
            x[i] = Affine::constant(RBig::ZERO, free.len());
            x[i].slopes[k] = RBig::ONE;
        }
        let pick = |ends: &[f64]| -> Vec<f64> { free.iter().map(|&i| ends[i]).collect() };
        let mut open = vec![Region::of_box(&pick(lower), &pick(upper))];
        let mut done = Vec::new();
        while let Some(region) = open.pop() {
            match self.evaluate(&x, &region) {
                Ok(outputs) => done.push((region, outputs)),
                Err(Open(function)) => open.extend(region.cut(&function).into_iter().flatten()),
            }
            if open.len() + done.len() > most {
                return None;
            }
        }
        Some(done)
    }

    fn evaluate(&self, x: &[Affine], region: &Region) -> Result<Vec<Affine>, Open> {
        let network = self.network;
        let mut values: Vec<Option<Tensor>> = vec![None; network.values().len()];
        let mut rest = x;
        for &id in network.inputs() {
            let shape = network.value(id).shape.to_vec();
            let (own, after) = rest.split_at(shape.iter().product());
            values[id.index()] = Some(Tensor { shape, data: own.to_vec() });
            rest = after;
        }
        for node in network.nodes() {
            let inputs: Vec<&Tensor> =
                node.inputs.iter().map(|id| values[id.index()].as_ref().unwrap()).collect();
            let output = Evaluation { own: self, region }.apply(&node.op, &inputs)?;
            values[node.output.index()] = Some(output);
        }
        let outputs = network.outputs().iter();
        Ok(outputs.flat_map(|id| values[id.index()].clone().unwrap().data).collect())
    }
}

/// A piecewise linear function: its value at a kink and the slopes on both sides, kink by kink; `None` for others.
fn kinks(function: Function) -> Option<Vec<(RBig, RBig)>> {
    // (kink, change of slope there), after the slope at −∞, whose kink is meaningless
    let zero = RBig::ZERO;
    let row = |left: f64, kinks: &[(f64, f64)]| {
        let mut all = vec![(RBig::ZERO, exact(left))];
        all.extend(kinks.iter().map(|&(kink, change)| (exact(kink), exact(change))));
        all
    };
    match function {
        Function::Relu => Some(row(0.0, &[(0.0, 1.0)])),
        Function::LeakyRelu { alpha } => {
            let mut all = row(alpha, &[]);
            all.push((zero, RBig::ONE - exact(alpha)));
            Some(all)
        }
        Function::Abs => Some(row(-1.0, &[(0.0, 2.0)])),
        Function::Clip { low, high } if low.is_finite() && high.is_finite() && low <= high => {
            Some(row(0.0, &[(low, 1.0), (high, -1.0)]))
        }
        _ => None,
    }
}

/// The value at the first kink, from which the slopes are summed up.
fn value_at_first_kink(function: Function) -> RBig {
    if let Function::Clip { low, .. } = function { exact(low) } else { RBig::ZERO }
}

struct Evaluation<'a, 'n> {
    own: &'a Exact<'n>,
    region: &'a Region,
}

impl Evaluation<'_, '_> {
    fn zero(&self) -> Affine {
        Affine::constant(RBig::ZERO, self.region.dims())
    }

    fn number(&self, value: RBig) -> Affine {
        Affine::constant(value, self.region.dims())
    }

    fn param(&self, id: ParamId) -> (Vec<usize>, &[RBig]) {
        (self.own.network.param(id).shape().to_vec(), &self.own.params[id.index()])
    }

    /// Whether f ≥ 0 on the region, or ≤ 0.
    fn side(&self, function: &Affine) -> Result<bool, Open> {
        self.region.sign(function).ok_or_else(|| Open(function.clone()))
    }

    /// f(z): the left branch, and from every kink on the change of slope times the distance.
    fn function(&self, function: Function, z: &Affine) -> Result<Affine, Open> {
        let kinks = kinks(function).expect("the network was asked for");
        let first = kinks.get(1).map_or(RBig::ZERO, |(kink, _)| kink.clone());
        let mut value = self.number(value_at_first_kink(function));
        value.add_scaled(&kinks[0].1, &z.minus(&self.number(first)));
        for (kink, change) in &kinks[1..] {
            let beyond = z.minus(&self.number(kink.clone()));
            if self.side(&beyond)? {
                value.add_scaled(change, &beyond);
            }
        }
        Ok(value)
    }

    fn product(x: &Affine, y: &Affine) -> Affine {
        if x.is_constant() {
            y.scaled(&x.constant)
        } else {
            assert!(y.is_constant(), "a product is affine at points only");
            x.scaled(&y.constant)
        }
    }

    fn largest(&self, values: &[&Affine]) -> Result<Affine, Open> {
        let mut largest = values.first().copied().expect("a window holds an element").clone();
        for value in &values[1..] {
            if self.side(&value.minus(&largest))? {
                largest = (*value).clone();
            }
        }
        Ok(largest)
    }

    fn apply(&self, op: &Op, inputs: &[&Tensor]) -> Result<Tensor, Open> {
        let x = inputs[0];
        Ok(match op {
            Op::Function(function) => Tensor {
                shape: x.shape.clone(),
                data: x.data.iter().map(|z| self.function(*function, z)).collect::<Result<_, _>>()?,
            },
            Op::Bilinear(Bilinear::Multiply) => Tensor {
                shape: x.shape.clone(),
                data: x.data.iter().zip(&inputs[1].data).map(|(x, y)| Self::product(x, y)).collect(),
            },
            Op::Extremum(Extremum::MaxPool(window)) => {
                let mut open = None;
                let pooled = Self::pool(x, window, &mut |values, _| {
                    self.largest(values).unwrap_or_else(|Open(function)| {
                        open = Some(function);
                        self.zero()
                    })
                });
                if let Some(function) = open {
                    return Err(Open(function));
                }
                pooled
            }
            Op::Linear(linear) => self.linear(linear, inputs),
            Op::Layout(layout) => self.rearrange(layout, inputs),
            other => panic!("{other:?} is not known here"),
        })
    }

    fn linear(&self, linear: &Linear, inputs: &[&Tensor]) -> Tensor {
        let x = inputs[0];
        match linear {
            Linear::Dense(dense) => {
                let (sizes, weight) = self.param(dense.weight);
                let bias = dense.bias.map(|id| self.param(id).1);
                let outputs_first = dense.order == WeightOrder::OutputsFirst;
                let (rows, columns) = if outputs_first { (sizes[1], sizes[0]) } else { (sizes[0], sizes[1]) };
                let mut shape = x.shape.clone();
                *shape.last_mut().unwrap() = columns;
                let mut data = Vec::new();
                for lead in 0..x.data.len() / rows {
                    for j in 0..columns {
                        let mut sum = self.number(bias.map_or(RBig::ZERO, |bias| bias[j].clone()));
                        for i in 0..rows {
                            let at = if outputs_first { j * rows + i } else { i * columns + j };
                            sum.add_scaled(&weight[at], &x.data[lead * rows + i]);
                        }
                        data.push(sum);
                    }
                }
                Tensor { shape, data }
            }
            Linear::Conv(conv) => {
                let (sizes, weight) = self.param(conv.weight);
                let weight_at = |index: &[usize]| &weight[flat(index, &sizes)];
                let bias = conv.bias.map(|id| self.param(id).1);
                let shape = [&[x.shape[0], sizes[0]], &conv.window.output[..]].concat();
                let (out_group, in_group) = (sizes[0] / conv.groups, x.shape[1] / conv.groups);
                Tensor::from_fn(&shape, |i| {
                    let group = i[1] / out_group;
                    let mut sum = self.number(bias.map_or(RBig::ZERO, |bias| bias[i[1]].clone()));
                    for (tap, place) in taps(&conv.window, &i[2..], &x.shape[2..]) {
                        for c in 0..in_group {
                            sum.add_scaled(
                                weight_at(&[&[i[1], c], &tap[..]].concat()),
                                x.at(&[&[i[0], group * in_group + c], &place[..]].concat()),
                            );
                        }
                    }
                    sum
                })
            }
            Linear::AveragePool(average) => {
                let all = average.window.kernel.iter().product::<usize>();
                Self::pool(x, &average.window, &mut |values, hanging| {
                    let count = if average.count_padding { all - hanging } else { values.len() };
                    let total = values.iter().fold(self.zero(), |sum, value| sum.plus(value));
                    total.scaled(&(RBig::ONE / RBig::from(count)))
                })
            }
            Linear::Reduce(reduce) => {
                let kept = |axis: usize| !reduce.axes.contains(&axis);
                let rank = x.shape.len();
                let shape: Vec<usize> = (0..rank)
                    .filter(|&axis| reduce.keep || kept(axis))
                    .map(|axis| if kept(axis) { x.shape[axis] } else { 1 })
                    .collect();
                let count: usize = reduce.axes.iter().map(|&axis| x.shape[axis]).product();
                let mut data = vec![self.zero(); shape.iter().product()];
                let mut place = 0;
                visit(&x.shape, &mut |index| {
                    let own: Vec<usize> = (0..rank)
                        .filter(|&axis| reduce.keep || kept(axis))
                        .map(|axis| if kept(axis) { index[axis] } else { 0 })
                        .collect();
                    data[flat(&own, &shape)].add_scaled(&RBig::ONE, &x.data[place]);
                    place += 1;
                });
                if reduce.mean {
                    let share = RBig::ONE / RBig::from(count);
                    data = data.iter().map(|sum| sum.scaled(&share)).collect();
                }
                Tensor { shape, data }
            }
            Linear::Scale(affine) => {
                let part = |id: Option<ParamId>| id.map(|id| self.param(id));
                let (scale, shift) = (part(affine.scale), part(affine.shift));
                let pick = |part: &(Vec<usize>, &[RBig]), index: &[usize]| {
                    let (sizes, values) = part;
                    let own = &index[index.len() - sizes.len()..];
                    let own: Vec<_> =
                        own.iter().zip(sizes).map(|(&i, &size)| if size == 1 { 0 } else { i }).collect();
                    values[flat(&own, sizes)].clone()
                };
                Tensor::from_fn(&x.shape, |i| {
                    let mut value = self.number(shift.as_ref().map_or(RBig::ZERO, |part| pick(part, i)));
                    value.add_scaled(&scale.as_ref().map_or(RBig::ONE, |part| pick(part, i)), x.at(i));
                    value
                })
            }
            Linear::Combine { coefficients } => Tensor::from_fn(&x.shape, |i| {
                let mut sum = self.zero();
                for (x, &c) in inputs.iter().zip(coefficients) {
                    sum.add_scaled(&exact(c), x.at(i));
                }
                sum
            }),
            other => panic!("{other:?} is not known here"),
        }
    }

    /// `f` of the elements under each window, and of the number of taps that hang over the padded value.
    fn pool(x: &Tensor, window: &Window, f: &mut dyn FnMut(&[&Affine], usize) -> Affine) -> Tensor {
        let shape = [&x.shape[..2], &window.output[..]].concat();
        Tensor::from_fn(&shape, |i| {
            let places = taps(window, &i[2..], &x.shape[2..]);
            let values: Vec<&Affine> =
                places.iter().map(|(_, place)| x.at(&[&i[..2], &place[..]].concat())).collect();
            let mut hanging = 0;
            visit(&window.kernel, &mut |tap| {
                let over = (0..tap.len()).any(|a| {
                    i[2 + a] * window.strides[a] + tap[a] * window.dilations[a]
                        >= x.shape[2 + a] + window.pads_begin[a] + window.pads_end[a]
                });
                hanging += usize::from(over);
            });
            f(&values, hanging)
        })
    }

    fn rearrange(&self, layout: &Layout, inputs: &[&Tensor]) -> Tensor {
        let x = inputs[0];
        match layout {
            Layout::Reshape { shape } => Tensor { shape: shape.to_vec(), data: x.data.clone() },
            Layout::Transpose { axes } => {
                let shape: Vec<_> = axes.iter().map(|&axis| x.shape[axis]).collect();
                Tensor::from_fn(&shape, |i| {
                    let mut at = vec![0; i.len()];
                    axes.iter().zip(i).for_each(|(&axis, &index)| at[axis] = index);
                    x.at(&at).clone()
                })
            }
            Layout::Slice { starts, steps, sizes } => Tensor::from_fn(sizes, |i| {
                let place = |a: usize| (starts[a] as i64 + steps[a] as i64 * i[a] as i64) as usize;
                x.at(&(0..i.len()).map(place).collect::<Vec<_>>()).clone()
            }),
            Layout::Gather { axis, indices, shape } => {
                let all = [&x.shape[..*axis], shape, &x.shape[axis + 1..]].concat();
                Tensor::from_fn(&all, |i| {
                    let picked = indices[flat(&i[*axis..axis + shape.len()], shape)];
                    x.at(&[&i[..*axis], &[picked], &i[axis + shape.len()..]].concat()).clone()
                })
            }
            Layout::Pad { before, after, mode } => {
                let shape: Vec<_> = (0..x.shape.len()).map(|a| before[a] + x.shape[a] + after[a]).collect();
                Tensor::from_fn(&shape, |i| {
                    let mut at = Vec::new();
                    for a in 0..i.len() {
                        let (p, size) = (i[a] as i64 - before[a] as i64, x.shape[a] as i64);
                        at.push(match mode {
                            PadMode::Constant(value) if p < 0 || p >= size => {
                                return self.number(exact(*value));
                            }
                            PadMode::Constant(_) => p,
                            PadMode::Edge => p.clamp(0, size - 1),
                            PadMode::Reflect if p.abs() >= size => 2 * (size - 1) - p.abs(),
                            PadMode::Reflect => p.abs(),
                        } as usize);
                    }
                    x.at(&at).clone()
                })
            }
            Layout::Expand { shape } => Tensor::from_fn(shape, |i| {
                let own = &i[i.len() - x.shape.len()..];
                let at: Vec<_> =
                    own.iter().zip(&x.shape).map(|(&i, &size)| if size == 1 { 0 } else { i }).collect();
                x.at(&at).clone()
            }),
            Layout::Concat { axis } => {
                let mut shape = x.shape.clone();
                shape[*axis] = inputs.iter().map(|input| input.shape[*axis]).sum();
                Tensor::from_fn(&shape, |i| {
                    let mut at = i.to_vec();
                    let mut parts = inputs.iter();
                    loop {
                        let part = parts.next().expect("the index is inside");
                        if at[*axis] < part.shape[*axis] {
                            return part.at(&at).clone();
                        }
                        at[*axis] -= part.shape[*axis];
                    }
                })
            }
            #[allow(unreachable_patterns, reason = "kinds that come later are to be added here")]
            other => panic!("{other:?} is not known here"),
        }
    }
}

impl Tensor {
    fn from_fn(shape: &[usize], mut f: impl FnMut(&[usize]) -> Affine) -> Self {
        let mut data = Vec::new();
        visit(shape, &mut |index| data.push(f(index)));
        Tensor { shape: shape.to_vec(), data }
    }

    fn at(&self, index: &[usize]) -> &Affine {
        &self.data[flat(index, &self.shape)]
    }
}

fn flat(index: &[usize], shape: &[usize]) -> usize {
    assert_eq!(index.len(), shape.len());
    index.iter().zip(shape).fold(0, |flat, (&i, &size)| {
        assert!(i < size);
        flat * size + i
    })
}

/// Calls `f` with every index of a shape, the last axis fastest.
fn visit(shape: &[usize], f: &mut dyn FnMut(&[usize])) {
    if shape.contains(&0) {
        return;
    }
    let mut index = vec![0; shape.len()];
    loop {
        f(&index);
        let Some(axis) = (0..shape.len()).rev().find(|&axis| index[axis] + 1 < shape[axis]) else { return };
        index[axis] += 1;
        index[axis + 1..].fill(0);
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
