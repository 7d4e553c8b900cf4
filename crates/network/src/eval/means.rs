//! Sums and means: over sliding windows, and over whole axes.

use netinverse_linalg::{Real, WindowShape};

use super::linear::{gather, window_shape};
use super::storage::fit;
use crate::{AveragePool, Reduce, Shape};

/// Means over the windows of each plane: output o is `weights[o]` times the sum of `sources[starts[o]..starts[o + 1]]`.
#[derive(Debug)]
pub(super) struct Pool<T> {
    window: WindowShape,
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

impl<T: Real> Pool<T> {
    /// The number of windows of a plane.
    pub(super) fn windows(&self) -> usize {
        self.weights.len()
    }

    /// The elements of all windows of a plane.
    pub(super) fn taps(&self) -> usize {
        self.sources.len()
    }

    pub(super) fn new(pool: &AveragePool, input: &Shape) -> Self {
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
        Pool { window: plane, starts, sources, weights, inputs: plane.input_area() }
    }

    pub(super) fn apply(&self, x: &[T], y: &mut [T], columns: &mut Vec<T>) {
        T::sum_pool(&self.window, &self.weights, x, y, fit(columns, self.window.pool_scratch_len()));
    }

    pub(super) fn adjoint(&self, dy: &[T], dx: &mut [T]) {
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
    /// The elements of a row.
    pub(super) fn inputs(&self) -> usize {
        self.inputs
    }

    pub(super) fn new(reduce: &Reduce, input: &Shape) -> Self {
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

    pub(super) fn apply(&self, x: &[T], y: &mut [T]) {
        match &self.kind {
            SumKind::Middle { length, inner: 1 } if *length > 0 => {
                for (x, y) in x.chunks_exact(*length).zip(y) {
                    *y = self.factor * T::total(x);
                }
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

    pub(super) fn adjoint(&self, dy: &[T], dx: &mut [T]) {
        match &self.kind {
            SumKind::Middle { length, inner } => {
                for (index, dx) in dx.chunks_exact_mut((*inner).max(1)).enumerate() {
                    T::scale(self.factor, &dy[index / length * inner..][..*inner], dx);
                }
            }
            SumKind::Targets(targets) => {
                gather(targets, dy, self.outputs, T::ZERO, dx);
                for dx in dx {
                    *dx *= self.factor;
                }
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
