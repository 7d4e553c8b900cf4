//! The affine maps of one value: apply, adjoint, and the gradients of their constants.

use netinverse_linalg::{ConvShape, Real, View, ViewMut, WindowShape};

use super::broadcast::Pattern;
use super::means::{Pool, Sums};
use super::parameters::Parameters;
use super::{Gradients, storage::fit};
use crate::{Dense, IndexMap, Linear, Param, ParamId, Shape, WeightOrder, Window};

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
        relu: bool,
    },
    /// The adjoint of the convolution of this shape.
    ConvTranspose {
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
                Map::Conv { weight: conv.weight, bias: conv.bias, shape, relu: false }
            }
            Linear::ConvTranspose(conv) => {
                let weight = params[conv.weight.index()].shape();
                let written = [&[input[0], weight[1] * conv.groups], &conv.output[..]].concat();
                let shape = ConvShape {
                    groups: conv.groups,
                    channels_in: written[1],
                    channels_out: input[1],
                    window: window_over(&conv.window, &conv.output),
                };
                Map::ConvTranspose { weight: conv.weight, bias: conv.bias, shape }
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
            Map::ConvTranspose { shape, .. } => 2 * shape.taps() * shape.output_len(),
            Map::Pool(pool) => 2 * pool.taps() * output / pool.windows().max(1),
            Map::Reduce(sums) => sums.inputs(),
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
            Map::Conv { weight, bias, shape, relu } => {
                let bias = bias.filter(|_| affine).map(|bias| parameters.get(bias));
                let convolve = if affine && *relu { T::convolve_relu } else { T::convolve };
                convolve(shape, x, parameters.get(*weight), bias, y, fit(columns, shape.scratch_len()));
            }
            Map::ConvTranspose { weight, bias, shape } => {
                T::convolve_adjoint(shape, x, parameters.get(*weight), y, fit(columns, shape.scratch_len()));
                if let Some(bias) = bias.filter(|_| affine) {
                    let bias = parameters.get(bias);
                    let plane = (shape.input_len() / shape.channels_in.max(1)).max(1);
                    for (index, plane) in y.chunks_exact_mut(plane).enumerate() {
                        let bias = bias[index % bias.len()];
                        for y in plane {
                            *y += bias;
                        }
                    }
                }
            }
            Map::Pool(pool) => pool.apply(x, y, columns),
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
            Map::ConvTranspose { weight, shape, .. } => {
                let scratch = fit(columns, shape.scratch_len());
                T::convolve(shape, dy, parameters.get(*weight), None, dx, scratch);
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
        matches!(self, Map::Dense { relu: true, .. } | Map::Conv { relu: true, .. })
    }

    /// Whether the map has constants.
    pub(super) fn has_params(&self) -> bool {
        matches!(self, Map::Dense { .. } | Map::Conv { .. } | Map::ConvTranspose { .. } | Map::Scale { .. })
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
            Map::Conv { weight, bias, shape, .. } => {
                let scratch = fit(columns, shape.scratch_len());
                let (weight, bias) = gradients.pair_mut(*weight, *bias);
                T::convolve_gradient(shape, x, dy, weight, bias, scratch);
            }
            Map::ConvTranspose { weight, bias, shape } => {
                // ⟨dy, wᵀ ∗ x⟩ = ⟨w ∗ dy, x⟩: the convolution's gradient with the two changed over.
                let scratch = fit(columns, shape.scratch_len());
                T::convolve_gradient(shape, dy, x, gradients.of_mut(*weight), None, scratch);
                if let Some(bias) = bias {
                    let bias = gradients.of_mut(*bias);
                    let (channels, plane) = (bias.len(), shape.input_len() / shape.channels_in.max(1));
                    for (index, plane) in dy.chunks_exact(plane.max(1)).enumerate() {
                        bias[index % channels] += T::total(plane);
                    }
                }
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
    window_over(window, &input[2..])
}

/// The window over planes of these sizes.
fn window_over(window: &Window, spatial: &[usize]) -> WindowShape {
    let pair = |sizes: &[usize], missing: usize| match sizes {
        [height, width] => [*height, *width],
        [width] => [missing, *width],
        _ => unreachable!("a window has 1 or 2 spatial axes"),
    };
    WindowShape {
        input: pair(spatial, 1),
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
