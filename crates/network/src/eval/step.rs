//! One step of a plan: its value, its tangents and its cotangents.

use netinverse_linalg::{Real, WindowShape};

use super::Gradients;
use super::linear::Map;
use super::normalizers::{self, Groups};
use super::parameters::Parameters;
use super::products::Matrices;
use super::storage::{Cells, Scratch, fit};
use crate::Function;

/// An operator applied to cells.
#[derive(Debug)]
pub(super) struct Step<T> {
    pub(super) kernel: Kernel<T>,
    pub(super) inputs: Vec<usize>,
    pub(super) output: usize,
    /// For each input, whether its cotangent has another part before this step's.
    pub(super) accumulate: Vec<bool>,
}

/// What a step computes, with all that depends on shapes only worked out.
#[derive(Debug)]
pub(super) enum Kernel<T> {
    Linear(Map<T>),
    Combine(Vec<T>),
    Function(Function),
    /// `index` counts the max-pools of the plan.
    MaxPool {
        window: WindowShape,
        index: usize,
    },
    Multiply,
    MatMul(Matrices),
    /// Along the middle axis of `[…, length, inner]`.
    Softmax {
        length: usize,
        inner: usize,
    },
    LogSoftmax(Groups),
    /// Of each run of `length` elements.
    Standardize {
        length: usize,
        epsilon: f64,
    },
    /// Runs of these lengths, one of each input in turn.
    Concat(Vec<usize>),
}

impl<T: Real> Kernel<T> {
    /// Takes over a Relu of the output, if the kernel can.
    pub(super) fn fuse_relu(&mut self) -> bool {
        match self {
            Kernel::Linear(Map::Dense { bias: Some(_), relu, .. } | Map::Conv { relu, .. }) => {
                !std::mem::replace(relu, true)
            }
            _ => false,
        }
    }

    pub(super) fn has_params(&self) -> bool {
        matches!(self, Kernel::Linear(map) if map.has_params())
    }

    /// Whether a cotangent can be added to what is there, at no cost.
    fn accumulates(&self) -> bool {
        match self {
            Kernel::Linear(map) => map.accumulates(),
            Kernel::Combine(_) | Kernel::Multiply | Kernel::MatMul(_) | Kernel::Concat(_) => true,
            Kernel::Function(_)
            | Kernel::MaxPool { .. }
            | Kernel::Softmax { .. }
            | Kernel::LogSoftmax(_)
            | Kernel::Standardize { .. } => false,
        }
    }

    /// Multiplications and additions for one row; a guess for functions.
    pub(super) fn work(&self, output: usize) -> usize {
        match self {
            Kernel::Linear(map) => map.work(output),
            Kernel::Combine(coefficients) => coefficients.len() * output,
            Kernel::Function(function) if function.is_piecewise_linear() => output,
            Kernel::Function(_)
            | Kernel::Softmax { .. }
            | Kernel::LogSoftmax(_)
            | Kernel::Standardize { .. } => 10 * output,
            Kernel::MatMul(sizes) => 2 * sizes.k * output,
            Kernel::MaxPool { window, .. } => window.kernel_area() * output,
            Kernel::Multiply | Kernel::Concat(_) => output,
        }
    }
}

impl<T: Real> Step<T> {
    /// Writes the output's cell and, where `derivatives` are to follow, what they need.
    pub(super) fn forward(
        &self,
        parameters: &Parameters<T>,
        cells: &mut Cells<T>,
        scratch: &mut Scratch<T>,
        derivatives: bool,
    ) {
        let mut taken = cells.take(self.output);
        let y = &mut *taken;
        let x = cells.read(self.inputs[0]);
        match &self.kernel {
            Kernel::Linear(map) => map.apply(parameters, x, y, true, &mut scratch.columns),
            Kernel::Combine(coefficients) => self.combine(coefficients, cells, y),
            Kernel::Function(function) => function.map(x, y),
            Kernel::MaxPool { window, .. } if !derivatives => T::max_pool_values(window, x, y),
            Kernel::MaxPool { window, index } => T::max_pool(window, x, y, maxima(scratch, *index, y.len())),
            Kernel::Multiply => T::multiply(x, cells.read(self.inputs[1]), y),
            Kernel::MatMul(sizes) => sizes.apply(x, cells.read(self.inputs[1]), y, false),
            Kernel::Softmax { length, inner } => T::softmax(x, y, *length, *inner),
            Kernel::LogSoftmax(groups) => groups.log_softmax(x, y),
            Kernel::Standardize { length, epsilon } => normalizers::standardize(*length, *epsilon, x, y),
            Kernel::Concat(runs) => self.concat(runs, cells, y),
        }
        cells.put(self.output, taken);
    }

    /// Writes the output's tangents, `directions` blocks of all rows, from those of the inputs.
    pub(super) fn tangent(
        &self,
        parameters: &Parameters<T>,
        values: &Cells<T>,
        tangents: &mut Cells<T>,
        scratch: &mut Scratch<T>,
    ) {
        let mut taken = tangents.take(self.output);
        let dy = &mut *taken;
        let dx = tangents.read(self.inputs[0]);
        let y = values.read(self.output);
        // The values are the same in every direction.
        let block = y.len().max(1);
        match &self.kernel {
            Kernel::Linear(map) if map.has_relu() => {
                let dz = fit(&mut scratch.masked, dy.len());
                map.apply(parameters, dx, dz, false, &mut scratch.columns);
                for (dz, dy) in dz.chunks_exact(block).zip(dy.chunks_exact_mut(block)) {
                    T::relu_vjp(y, y, dz, dy);
                }
            }
            Kernel::Linear(map) => map.apply(parameters, dx, dy, false, &mut scratch.columns),
            Kernel::Combine(coefficients) => self.combine(coefficients, tangents, dy),
            Kernel::Function(function) => {
                let x = values.read(self.inputs[0]);
                for (dx, dy) in dx.chunks_exact(block).zip(dy.chunks_exact_mut(block)) {
                    function.multiply_by_derivative(x, y, dx, dy);
                }
            }
            Kernel::MaxPool { window, index } => {
                let maxima = maxima(scratch, *index, block);
                let (input, output) = (window.input_area(), window.output_area());
                for (plane, dy) in dy.chunks_exact_mut(output).enumerate() {
                    let dx = &dx[plane * input..][..input];
                    for (dy, &source) in dy.iter_mut().zip(&maxima[plane * output % block..]) {
                        *dy = dx.get(source as usize).copied().unwrap_or(T::ZERO);
                    }
                }
            }
            Kernel::Multiply => {
                let (a, b) = (values.read(self.inputs[0]), values.read(self.inputs[1]));
                let da = dx.chunks_exact(block);
                let db = tangents.read(self.inputs[1]).chunks_exact(block);
                for ((da, db), dy) in da.zip(db).zip(dy.chunks_exact_mut(block)) {
                    T::multiply(da, b, dy);
                    T::multiply_add(a, db, dy);
                }
            }
            Kernel::Softmax { length, inner } => {
                for (dx, dy) in dx.chunks_exact(block).zip(dy.chunks_exact_mut(block)) {
                    // The Jacobian is symmetric.
                    T::softmax_vjp(y, dx, dy, *length, *inner);
                }
            }
            Kernel::MatMul(sizes) => {
                let (a, b) = (values.read(self.inputs[0]), values.read(self.inputs[1]));
                sizes.apply(dx, b, dy, false);
                sizes.apply(a, tangents.read(self.inputs[1]), dy, true);
            }
            Kernel::LogSoftmax(groups) => {
                for (dx, dy) in dx.chunks_exact(block).zip(dy.chunks_exact_mut(block)) {
                    groups.log_softmax_jvp(y, dx, dy);
                }
            }
            Kernel::Standardize { length, epsilon } => {
                let x = values.read(self.inputs[0]);
                for (dx, dy) in dx.chunks_exact(block).zip(dy.chunks_exact_mut(block)) {
                    normalizers::standardize_vjp(*length, *epsilon, x, dx, dy);
                }
            }
            Kernel::Concat(runs) => self.concat(runs, tangents, dy),
        }
        tangents.put(self.output, taken);
    }

    /// Writes or adds to the cotangents of the inputs that are `wanted`, in every direction, and adds to the
    /// gradients of the constants, if any are asked for.
    pub(super) fn backward(
        &self,
        parameters: &Parameters<T>,
        values: &Cells<T>,
        cotangents: &mut Cells<T>,
        scratch: &mut Scratch<T>,
        wanted: &dyn Fn(usize) -> bool,
        gradients: Option<&mut Gradients<T>>,
    ) {
        let Scratch { columns, part, masked, maxima } = scratch;
        let relu = matches!(&self.kernel, Kernel::Linear(map) if map.has_relu());
        if relu {
            let (y, dy) = (values.read(self.output), cotangents.read(self.output));
            let block = y.len().max(1);
            for (dy, dz) in dy.chunks_exact(block).zip(fit(masked, dy.len()).chunks_exact_mut(block)) {
                T::relu_vjp(y, y, dy, dz);
            }
        }
        if let (Kernel::Linear(map), Some(gradients)) = (&self.kernel, gradients) {
            let dy = cotangents.read(self.output);
            let dy = if relu { &masked[..dy.len()] } else { dy };
            map.gradient(values.read(self.inputs[0]), dy, gradients, columns);
        }
        for (k, (&input, &accumulate)) in self.inputs.iter().zip(&self.accumulate).enumerate() {
            if !wanted(input) {
                continue;
            }
            let mut dx = cotangents.take(input);
            let dy = cotangents.read(self.output);
            let dy = if relu { &masked[..dy.len()] } else { dy };
            if accumulate && !self.kernel.accumulates() {
                let part = fit(part, dx.len());
                self.pull(k, parameters, values, dy, part, false, columns, maxima);
                T::axpy(T::ONE, part, &mut dx);
            } else {
                self.pull(k, parameters, values, dy, &mut dx, accumulate, columns, maxima);
            }
            cotangents.put(input, dx);
        }
    }

    /// The cotangent of input `k` from that of the output; `accumulate` adds to what is there, where the
    /// kernel can ([`Kernel::accumulates`]).
    fn pull(
        &self,
        k: usize,
        parameters: &Parameters<T>,
        values: &Cells<T>,
        dy: &[T],
        dx: &mut [T],
        accumulate: bool,
        columns: &mut Vec<T>,
        maxima: &[Vec<u32>],
    ) {
        let y = values.read(self.output);
        let block = y.len().max(1);
        match &self.kernel {
            Kernel::Linear(map) => map.adjoint(parameters, dy, dx, accumulate, columns),
            Kernel::Combine(coefficients) if accumulate => T::axpy(coefficients[k], dy, dx),
            Kernel::Combine(coefficients) => T::scale(coefficients[k], dy, dx),
            Kernel::Function(function) => {
                let x = values.read(self.inputs[0]);
                for (dy, dx) in dy.chunks_exact(block).zip(dx.chunks_exact_mut(block)) {
                    function.multiply_by_derivative(x, y, dy, dx);
                }
            }
            Kernel::MaxPool { window, index } => {
                let input = dx.len() / (dy.len() / block).max(1);
                for (dy, dx) in dy.chunks_exact(block).zip(dx.chunks_exact_mut(input)) {
                    T::max_pool_vjp(window, &maxima[*index][..block], dy, dx);
                }
            }
            Kernel::Multiply => {
                let other = values.read(self.inputs[1 - k]);
                for (dy, dx) in dy.chunks_exact(block).zip(dx.chunks_exact_mut(block)) {
                    if accumulate {
                        T::multiply_add(dy, other, dx);
                    } else {
                        T::multiply(dy, other, dx);
                    }
                }
            }
            Kernel::Softmax { length, inner } => {
                for (dy, dx) in dy.chunks_exact(block).zip(dx.chunks_exact_mut(block)) {
                    T::softmax_vjp(y, dy, dx, *length, *inner);
                }
            }
            Kernel::MatMul(sizes) => {
                let other = values.read(self.inputs[1 - k]);
                if k == 0 {
                    sizes.pull_left(dy, other, dx, accumulate);
                } else {
                    sizes.pull_right(dy, other, dx, accumulate);
                }
            }
            Kernel::LogSoftmax(groups) => {
                for (dy, dx) in dy.chunks_exact(block).zip(dx.chunks_exact_mut(block)) {
                    groups.log_softmax_vjp(y, dy, dx);
                }
            }
            Kernel::Standardize { length, epsilon } => {
                let x = values.read(self.inputs[0]);
                for (dy, dx) in dy.chunks_exact(block).zip(dx.chunks_exact_mut(block)) {
                    normalizers::standardize_vjp(*length, *epsilon, x, dy, dx);
                }
            }
            Kernel::Concat(runs) => {
                let (run, total) = (runs[k], runs.iter().sum::<usize>().max(1));
                let before: usize = runs[..k].iter().sum();
                for (dy, dx) in dy.chunks_exact(total).zip(dx.chunks_exact_mut(run.max(1))) {
                    let dy = &dy[before..before + run];
                    if accumulate {
                        T::axpy(T::ONE, dy, dx);
                    } else {
                        dx.copy_from_slice(dy);
                    }
                }
            }
        }
    }

    /// y ← Σ cᵢ xᵢ.
    fn combine(&self, coefficients: &[T], cells: &Cells<T>, y: &mut [T]) {
        let x = |k: usize| cells.read(self.inputs[k]);
        let one = T::ONE;
        let rest = match coefficients {
            [a, b, ..] if *a == one && *b == one => {
                T::plus(x(0), x(1), y);
                2
            }
            [a, b, ..] if *a == one && *b == -one => {
                T::minus(x(0), x(1), y);
                2
            }
            _ => {
                T::scale(coefficients[0], x(0), y);
                1
            }
        };
        for (k, &coefficient) in coefficients.iter().enumerate().skip(rest) {
            T::axpy(coefficient, x(k), y);
        }
    }

    /// y ← the inputs' runs in turn.
    fn concat(&self, runs: &[usize], cells: &Cells<T>, y: &mut [T]) {
        let total = runs.iter().sum::<usize>().max(1);
        let mut before = 0;
        for (&input, &run) in self.inputs.iter().zip(runs) {
            for (x, y) in cells.read(input).chunks_exact(run.max(1)).zip(y.chunks_exact_mut(total)) {
                y[before..before + run].copy_from_slice(x);
            }
            before += run;
        }
    }
}

/// The positions of the maxima of one max-pool over a tile.
fn maxima<T>(scratch: &mut Scratch<T>, index: usize, length: usize) -> &mut [u32] {
    if scratch.maxima.len() <= index {
        scratch.maxima.resize_with(index + 1, Vec::new);
    }
    fit(&mut scratch.maxima[index], length)
}
