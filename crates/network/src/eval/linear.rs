//! The affine maps of one value: apply, adjoint, and the gradients of their constants.

use netinverse_linalg::{ConvShape, Real, View, ViewMut, WindowShape};

use super::broadcast::Pattern;
use super::parameters::Parameters;
use super::{Gradients, storage::fit};
use crate::{AveragePool, Dense, IndexMap, Linear, Param, ParamId, Reduce, Shape, WeightOrder, Window};

/// An affine map of one value, with all that depends on shapes only worked out.
#[derive(Debug)]
pub(super) enum Map<T> {
    Dense {
        weight: ParamId,
        bias: Option<ParamId>,
        order: WeightOrder,
        inputs: usize,
        outputs: usize,
        relu: bool,
    },
    Conv {
        weight: ParamId,
        bias: Option<ParamId>,
        shape: ConvShape,
    },
    Pool(Pool<T>),
    Reduce(Sums<T>),
    Scale {
        scale: Option<(ParamId, Pattern)>,
        shift: Option<(ParamId, Pattern)>,
        size: usize,
    },
    Gather {
        map: IndexMap,
        inputs: usize,
    },
}

/// Means over the windows of each plane: output o is `weights[o]` times the sum of `sources[starts[o]..starts[o + 1]]`.
#[derive(Debug)]
pub(super) struct Pool<T> {
    starts: Vec<u32>,
    sources: Vec<u32>,
    weights: Vec<T>,
    inputs: usize,
}

/// Sums of elements, times a factor.
#[derive(Debug)]
pub(super) struct Sums<T> {
    factor: T,
    inputs: usize,
    outputs: usize,
    kind: SumKind,
}

#[derive(Debug)]
enum SumKind {
    /// The middle axis of `[…, length, inner]`.
    Middle { length: usize, inner: usize },
    /// The output element of each input element.
    Targets(Vec<u32>),
}

impl<T: Real> Map<T> {
    /// The map of an operator, for all but `Combine`.
    pub(super) fn new(linear: &Linear, input: &Shape, params: &[Param]) -> Option<Self> {
        Some(match linear {
            Linear::Dense(dense) => {
                let Dense { weight, bias, order } = *dense;
                let (inputs, outputs) = dense.sizes(params);
                Map::Dense { weight, bias, order, inputs, outputs, relu: false }
            }
            Linear::Conv(conv) => {
                let shape = ConvShape {
                    groups: conv.groups,
                    channels_in: input[1],
                    channels_out: params[conv.weight.index()].shape()[0],
                    window: window_shape(&conv.window, input),
                };
                Map::Conv { weight: conv.weight, bias: conv.bias, shape }
            }
            Linear::AveragePool(pool) => Map::Pool(Pool::new(pool, input)),
            Linear::Reduce(reduce) => Map::Reduce(Sums::new(reduce, input)),
            Linear::Scale(scale) => {
                let part =
                    |id: Option<ParamId>| id.map(|id| (id, Pattern::new(params[id.index()].shape(), input)));
                Map::Scale { scale: part(scale.scale), shift: part(scale.shift), size: input.elements() }
            }
            Linear::Combine { .. } => return None,
        })
    }

    /// Multiplications and additions for one row of the batch.
    pub(super) fn work(&self, output: usize) -> usize {
        match self {
            Map::Dense { inputs, .. } => 2 * inputs * output,
            Map::Conv { shape, .. } => 2 * shape.taps() * output,
            Map::Pool(pool) => 2 * pool.sources.len() * output / pool.weights.len().max(1),
            Map::Reduce(sums) => sums.inputs,
            Map::Scale { .. } | Map::Gather { .. } => 2 * output,
        }
    }

    /// y ← A x, plus the constant part where `affine`.
    pub(super) fn apply(
        &self,
        parameters: &Parameters<T>,
        x: &[T],
        y: &mut [T],
        affine: bool,
        columns: &mut Vec<T>,
    ) {
        match self {
            Map::Dense { weight, bias, order, inputs, outputs, relu } => {
                let rows = y.len() / outputs.max(&1);
                let weight = matrix(parameters.get(*weight), *order, *inputs, *outputs);
                T::product(
                    T::ONE,
                    View::new(x, rows, *inputs),
                    weight,
                    T::ZERO,
                    ViewMut::new(y, rows, *outputs),
                );
                match bias {
                    Some(bias) if affine && *relu => T::bias_relu_rows(y, parameters.get(*bias)),
                    Some(bias) if affine => T::bias_add_rows(y, parameters.get(*bias)),
                    _ => {}
                }
            }
            Map::Conv { weight, bias, shape } => {
                let bias = bias.filter(|_| affine).map(|bias| parameters.get(bias));
                T::convolve(shape, x, parameters.get(*weight), bias, y, fit(columns, shape.scratch_len()));
            }
            Map::Pool(pool) => pool.apply(x, y),
            Map::Reduce(sums) => sums.apply(x, y),
            Map::Scale { scale, shift, size } => {
                let shift =
                    shift.as_ref().filter(|_| affine).map(|(id, pattern)| (parameters.get(*id), pattern));
                match (scale, shift) {
                    (Some((scale, pattern)), Some((shift, same))) if pattern == same => {
                        pattern.scale_shift(parameters.get(*scale), shift, x, y, *size);
                    }
                    (scale, shift) => {
                        match scale {
                            Some((scale, pattern)) => pattern.scale(parameters.get(*scale), x, y, *size),
                            None => y.copy_from_slice(x),
                        }
                        if let Some((shift, pattern)) = shift {
                            pattern.shift(shift, y, *size);
                        }
                    }
                }
            }
            Map::Gather { map, inputs } => {
                let fill = if affine { T::from_f64(map.fill) } else { T::ZERO };
                gather(&map.sources, x, *inputs, fill, y);
            }
        }
    }

    /// dx ← Aᵀ dy, or dx ← dx + Aᵀ dy where `accumulate`, which only a dense map can do
    /// ([`Map::accumulates`]).
    pub(super) fn adjoint(
        &self,
        parameters: &Parameters<T>,
        dy: &[T],
        dx: &mut [T],
        accumulate: bool,
        columns: &mut Vec<T>,
    ) {
        assert!(!accumulate || self.accumulates(), "this adjoint overwrites");
        match self {
            Map::Dense { weight, order, inputs, outputs, .. } => {
                let rows = dx.len() / inputs.max(&1);
                let weight = matrix(parameters.get(*weight), *order, *inputs, *outputs).transposed();
                let beta = if accumulate { T::ONE } else { T::ZERO };
                T::product(
                    T::ONE,
                    View::new(dy, rows, *outputs),
                    weight,
                    beta,
                    ViewMut::new(dx, rows, *inputs),
                );
            }
            Map::Conv { weight, shape, .. } => {
                T::convolve_adjoint(
                    shape,
                    dy,
                    parameters.get(*weight),
                    dx,
                    fit(columns, shape.scratch_len()),
                );
            }
            Map::Pool(pool) => pool.adjoint(dy, dx),
            Map::Reduce(sums) => sums.adjoint(dy, dx),
            Map::Scale { scale, size, .. } => match scale {
                Some((scale, pattern)) => pattern.scale(parameters.get(*scale), dy, dx, *size),
                None => dx.copy_from_slice(dy),
            },
            Map::Gather { map, inputs } => {
                dx.fill(T::ZERO);
                scatter(&map.sources, dy, *inputs, dx);
            }
        }
    }

    /// Whether [`Map::adjoint`] can add to what is there.
    pub(super) fn accumulates(&self) -> bool {
        matches!(self, Map::Dense { .. })
    }

    /// Whether a Relu of the output is part of [`Map::apply`], where it is affine.
    pub(super) fn has_relu(&self) -> bool {
        matches!(self, Map::Dense { relu: true, .. })
    }

    /// Whether the map has constants.
    pub(super) fn has_params(&self) -> bool {
        matches!(self, Map::Dense { .. } | Map::Conv { .. } | Map::Scale { .. })
    }

    /// Adds ⟨dy, ∂(A x + b)⟩ to the gradients of the constants, summed over the rows.
    pub(super) fn gradient(&self, x: &[T], dy: &[T], gradients: &mut Gradients<T>, columns: &mut Vec<T>) {
        match self {
            Map::Dense { weight, bias, order, inputs, outputs, .. } => {
                let rows = dy.len() / outputs.max(&1);
                let (x, dy_rows) = (View::new(x, rows, *inputs), View::new(dy, rows, *outputs));
                let weight = gradients.of_mut(*weight);
                match order {
                    WeightOrder::InputsFirst => {
                        let weight = ViewMut::new(weight, *inputs, *outputs);
                        T::product(T::ONE, x.transposed(), dy_rows, T::ONE, weight);
                    }
                    WeightOrder::OutputsFirst => {
                        let weight = ViewMut::new(weight, *outputs, *inputs);
                        T::product(T::ONE, dy_rows.transposed(), x, T::ONE, weight);
                    }
                }
                if let Some(bias) = bias {
                    let bias = gradients.of_mut(*bias);
                    for row in dy.chunks_exact(*outputs) {
                        T::axpy(T::ONE, row, bias);
                    }
                }
            }
            Map::Conv { weight, bias, shape } => {
                let scratch = fit(columns, shape.scratch_len());
                let (weight, bias) = gradients.pair_mut(*weight, *bias);
                T::convolve_gradient(shape, x, dy, weight, bias, scratch);
            }
            Map::Scale { scale, shift, size, .. } => {
                if let Some((scale, pattern)) = scale {
                    pattern.scale_gradient(x, dy, gradients.of_mut(*scale), *size);
                }
                if let Some((shift, pattern)) = shift {
                    pattern.shift_gradient(dy, gradients.of_mut(*shift), *size);
                }
            }
            Map::Pool(_) | Map::Reduce(_) | Map::Gather { .. } => {}
        }
    }
}

/// W as a matrix of inputs × outputs.
fn matrix<T>(weight: &[T], order: WeightOrder, inputs: usize, outputs: usize) -> View<'_, T> {
    match order {
        WeightOrder::InputsFirst => View::new(weight, inputs, outputs),
        WeightOrder::OutputsFirst => View::new(weight, outputs, inputs).transposed(),
    }
}

/// The window over planes: one spatial axis becomes the width of planes of height 1.
pub(super) fn window_shape(window: &Window, input: &Shape) -> WindowShape {
    let pair = |sizes: &[usize], missing: usize| match sizes {
        [height, width] => [*height, *width],
        [width] => [missing, *width],
        _ => unreachable!("a window has 1 or 2 spatial axes"),
    };
    WindowShape {
        input: pair(&input[2..], 1),
        kernel: pair(&window.kernel, 1),
        strides: pair(&window.strides, 1),
        dilations: pair(&window.dilations, 1),
        pads: pair(&window.pads_begin, 0),
        output: pair(&window.output, 1),
    }
}

/// y ← the elements of each row of x that `sources` names.
pub(super) fn gather<T: Real>(sources: &[u32], x: &[T], inputs: usize, fill: T, y: &mut [T]) {
    if sources.is_empty() {
        return;
    }
    for (row, y) in y.chunks_exact_mut(sources.len()).enumerate() {
        let x = &x[row * inputs..][..inputs];
        for (y, &source) in y.iter_mut().zip(sources) {
            // `FILL` is outside of any value (`MAX_ELEMENTS`).
            *y = x.get(source as usize).copied().unwrap_or(fill);
        }
    }
}

/// dx ← dx + the adjoint of [`gather`].
fn scatter<T: Real>(sources: &[u32], dy: &[T], inputs: usize, dx: &mut [T]) {
    if sources.is_empty() {
        return;
    }
    for (row, dy) in dy.chunks_exact(sources.len()).enumerate() {
        let dx = &mut dx[row * inputs..][..inputs];
        for (&dy, &source) in dy.iter().zip(sources) {
            if let Some(dx) = dx.get_mut(source as usize) {
                *dx += dy;
            }
        }
    }
}

impl<T: Real> Pool<T> {
    fn new(pool: &AveragePool, input: &Shape) -> Self {
        let window = &pool.window;
        let (plane, spatial) = (window_shape(window, input), &input[2..]);
        let (mut starts, mut sources, mut weights) = (vec![0], Vec::new(), Vec::new());
        let source = |axis: usize, position: usize, tap: usize| {
            (position * plane.strides[axis] + tap * plane.dilations[axis])
                .checked_sub(plane.pads[axis])
                .filter(|&source| source < plane.input[axis])
        };
        for oy in 0..plane.output[0] {
            for ox in 0..plane.output[1] {
                for iy in (0..plane.kernel[0]).filter_map(|tap| source(0, oy, tap)) {
                    for ix in (0..plane.kernel[1]).filter_map(|tap| source(1, ox, tap)) {
                        sources.push((iy * plane.input[1] + ix) as u32);
                    }
                }
                starts.push(sources.len() as u32);
                let divisor = pool.divisor(&[oy, ox][2 - window.rank()..], spatial);
                weights.push(T::from_f64(1.0 / divisor.max(1) as f64));
            }
        }
        Pool { starts, sources, weights, inputs: plane.input_area() }
    }

    fn apply(&self, x: &[T], y: &mut [T]) {
        for (plane, y) in y.chunks_exact_mut(self.weights.len()).enumerate() {
            let x = &x[plane * self.inputs..][..self.inputs];
            for o in 0..y.len() {
                let sources = &self.sources[self.starts[o] as usize..self.starts[o + 1] as usize];
                y[o] = self.weights[o] * sources.iter().map(|&source| x[source as usize]).sum();
            }
        }
    }

    fn adjoint(&self, dy: &[T], dx: &mut [T]) {
        dx.fill(T::ZERO);
        for (plane, dy) in dy.chunks_exact(self.weights.len()).enumerate() {
            let dx = &mut dx[plane * self.inputs..][..self.inputs];
            for o in 0..dy.len() {
                let share = self.weights[o] * dy[o];
                for &source in &self.sources[self.starts[o] as usize..self.starts[o + 1] as usize] {
                    dx[source as usize] += share;
                }
            }
        }
    }
}

impl<T: Real> Sums<T> {
    fn new(reduce: &Reduce, input: &Shape) -> Self {
        let (first, last) = (reduce.axes.first(), reduce.axes.last());
        let length: usize = reduce.axes.iter().map(|&axis| input[axis]).product();
        let (inputs, outputs) = (
            input.elements(),
            input
                .iter()
                .enumerate()
                .filter(|(axis, _)| !reduce.axes.contains(axis))
                .map(|(_, size)| size)
                .product(),
        );
        let kind = match (first, last) {
            (Some(first), Some(last)) if last - first + 1 == reduce.axes.len() => {
                SumKind::Middle { length, inner: input[last + 1..].iter().product() }
            }
            (None, _) => SumKind::Middle { length: 1, inner: 1 },
            _ => SumKind::Targets(targets(&reduce.axes, input)),
        };
        let factor = T::from_f64(if reduce.mean { 1.0 / length.max(1) as f64 } else { 1.0 });
        Sums { factor, inputs, outputs, kind }
    }

    fn apply(&self, x: &[T], y: &mut [T]) {
        match &self.kind {
            SumKind::Middle { length, inner: 1 } if *length > 0 => {
                for (x, y) in x.chunks_exact(*length).zip(y) {
                    *y = self.factor * T::total(x);
                }
                return;
            }
            SumKind::Middle { length, inner } => {
                y.fill(T::ZERO);
                for (index, x) in x.chunks_exact((*inner).max(1)).enumerate() {
                    T::axpy(self.factor, x, &mut y[index / length * inner..][..*inner]);
                }
            }
            SumKind::Targets(targets) => {
                y.fill(T::ZERO);
                for (x, y) in x.chunks_exact(self.inputs.max(1)).zip(y.chunks_exact_mut(self.outputs.max(1)))
                {
                    for (&x, &target) in x.iter().zip(targets) {
                        y[target as usize] += self.factor * x;
                    }
                }
            }
        }
    }

    fn adjoint(&self, dy: &[T], dx: &mut [T]) {
        match &self.kind {
            SumKind::Middle { length, inner } => {
                for (index, dx) in dx.chunks_exact_mut((*inner).max(1)).enumerate() {
                    T::scale(self.factor, &dy[index / length * inner..][..*inner], dx);
                }
            }
            SumKind::Targets(targets) => {
                gather(targets, dy, self.outputs, T::ZERO, dx);
                dx.iter_mut().for_each(|dx| *dx *= self.factor);
            }
        }
    }
}

/// The output element of each input element of a sum over `axes`.
fn targets(axes: &[usize], input: &Shape) -> Vec<u32> {
    let mut strides = vec![0; input.rank()];
    let mut stride = 1;
    for axis in (0..input.rank()).rev().filter(|axis| !axes.contains(axis)) {
        strides[axis] = stride;
        stride *= input[axis];
    }
    let own = input.strides();
    (0..input.elements())
        .map(|element| {
            (0..input.rank()).map(|axis| element / own[axis] % input[axis] * strides[axis]).sum::<usize>()
                as u32
        })
        .collect()
}
