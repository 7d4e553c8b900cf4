//! Direct convolution: tiles of output channels × vectors of output positions, kept in registers over all taps.
//!
//! A sample is first copied with its padding, one plane for each phase of the stride, so that every tap of every
//! window is the same distance from its window's origin and any stride reads contiguous vectors.
#![allow(unsafe_code, reason = "vector loads and stores")]

use pulp::{Simd, WithSimd};

use crate::WindowShape;
use crate::elementwise::{Function, Relu};
use crate::simd::{Lane, dispatch};

/// Kernels of more taps in a plane than this go through the matrix product.
const MAX_TAPS: usize = 128;
/// The most output channels in a tile.
const MAX_ROWS: usize = 8;
/// The most vectors of positions in a tile.
const MAX_VECTORS: usize = 8;
/// The most numbers in a vector (f32 with AVX-512).
const MAX_LANES: usize = 16;
/// What a tile can read behind the last plane.
const SLACK: usize = MAX_VECTORS * MAX_LANES;

/// A convolution of one group: its sizes, and the layout of the padded copy of a sample.
pub(super) struct Direct {
    inputs: usize,
    outputs: usize,
    window: WindowShape,
    /// Phases of the stride that some tap sees, in each axis.
    phases: [usize; 2],
    /// Rows and columns of a plane of the copy.
    plane: [usize; 2],
    /// The offset of each tap of a plane in the copy.
    offsets: [usize; MAX_TAPS],
}

/// Which weight stands at (output, input, tap).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Weights {
    /// `[outputs, inputs, taps]`, as stored.
    Stored,
    /// `[inputs, outputs, taps reversed]`: the adjoint's.
    Adjoint,
}

impl Direct {
    /// None when the kernel has too many taps.
    pub(super) fn new(inputs: usize, outputs: usize, window: &WindowShape) -> Option<Direct> {
        let mut window = *window;
        if window.kernel == [1, 1]
            && window.strides == [1, 1]
            && window.pads == [0, 0]
            && window.input == window.output
        {
            // Each position by itself: one long row.
            window.input = [1, window.input_area()];
            window.output = window.input;
        }
        let taps = window.kernel_area();
        if taps == 0 || taps > MAX_TAPS || window.output_area() == 0 {
            return None;
        }
        let reach = [0, 1].map(|axis| (window.kernel[axis] - 1) * window.dilations[axis]);
        let phases = [0, 1].map(|axis| window.strides[axis].min(reach[axis] + 1));
        let plane = [0, 1].map(|axis| window.output[axis] + reach[axis] / window.strides[axis]);
        let mut offsets = [0; MAX_TAPS];
        for (tap, offset) in offsets[..taps].iter_mut().enumerate() {
            let at = [tap / window.kernel[1], tap % window.kernel[1]];
            let at = [0, 1].map(|axis| at[axis] * window.dilations[axis]);
            let phase = [0, 1].map(|axis| at[axis] % window.strides[axis]);
            let cell = [0, 1].map(|axis| at[axis] / window.strides[axis]);
            *offset = (phase[0] * phases[1] + phase[1]) * plane[0] * plane[1] + cell[0] * plane[1] + cell[1];
        }
        Some(Direct { inputs, outputs, window, phases, plane, offsets })
    }

    /// Numbers from an input channel to the next in the copy.
    fn channel(&self) -> usize {
        self.phases[0] * self.phases[1] * self.plane[0] * self.plane[1]
    }

    fn taps(&self) -> usize {
        self.window.kernel_area()
    }

    fn weights_len(&self) -> usize {
        self.outputs * self.inputs * self.taps()
    }

    /// Positions of a plane of results whose rows are as far apart as the copy's.
    fn flat_len(&self) -> usize {
        self.window.output[0] * self.plane[1] + SLACK
    }

    /// Numbers of scratch: the reordered weights, the copy, and results that are not yet in rows.
    pub(super) fn scratch_len(&self) -> usize {
        self.weights_len() + self.inputs * self.channel() + SLACK + MAX_ROWS * self.flat_len()
    }

    /// y ← w ∗ x + bias, or its positive part where `relu`, for samples `x_step` and `y_step` apart.
    pub(super) fn run<T: Lane>(
        &self,
        x: (&[T], usize),
        w: (&[T], Weights),
        (bias, relu): (Option<&[T]>, bool),
        y: (&mut [T], usize),
        samples: usize,
        scratch: &mut [T],
    ) {
        let (inputs, outputs) =
            (self.inputs * self.window.input_area(), self.outputs * self.window.output_area());
        if samples == 0 {
            return;
        }
        assert!(x.0.len() >= (samples - 1) * x.1 + inputs, "x is too short");
        assert!(y.0.len() >= (samples - 1) * y.1 + outputs, "y is too short");
        assert!(w.0.len() >= self.weights_len(), "w is too short");
        assert!(bias.is_none_or(|bias| bias.len() >= self.outputs), "the bias is too short");
        assert!(scratch.len() >= self.scratch_len(), "the scratch is too short");
        dispatch(Run { shape: self, x, w, bias, relu, y, samples, scratch });
    }

    /// The copy of a sample with its padding, by phases.
    ///
    /// Whole vectors are written, over the beginning of the next line, which is written later; the last line's reach
    /// into the slack.
    #[inline(always)]
    fn copy<T: Lane, S: Simd>(&self, s: S, x: &[T], copy: &mut [T]) {
        let window = &self.window;
        let [rows, columns] = self.plane;
        let lanes = T::lanes(s);
        let (pad, stride) = (window.pads[1], window.strides[1]);
        let before = pad.min(columns);
        let inside = window.input[1].min(columns - before);
        let tail = T::head(s, inside % lanes);
        assert!(copy.len() >= self.inputs * self.channel() + SLACK, "the copy is too short");
        let mut at = 0;
        for x in x.chunks_exact(window.input_area()) {
            for phase_y in 0..self.phases[0] {
                for phase_x in 0..self.phases[1] {
                    for row in 0..rows {
                        let y = (row * window.strides[0] + phase_y).wrapping_sub(window.pads[0]);
                        let from = x.get(y.wrapping_mul(window.input[1])..).filter(|_| y < window.input[0]);
                        // SAFETY: a line ends inside the copy before its slack, which is longer than a vector; the
                        // `inside` numbers read are a part of the row of x.
                        unsafe {
                            let line = copy.as_mut_ptr().add(at);
                            match from {
                                None => zeros::<T, S>(s, line, 0..columns),
                                Some(from) if stride == 1 => {
                                    zeros::<T, S>(s, line, 0..before);
                                    let from = from[..inside].as_ptr();
                                    let whole = inside / lanes * lanes;
                                    for at in (0..whole).step_by(lanes) {
                                        T::store(s, line.add(before + at), T::load(s, from.add(at)));
                                    }
                                    let mut end = before + whole;
                                    if whole < inside {
                                        T::store(s, line.add(end), T::load_masked(s, tail, from.add(whole)));
                                        end += lanes;
                                    }
                                    zeros::<T, S>(s, line, end..columns);
                                }
                                Some(from) => {
                                    zeros::<T, S>(s, line, 0..columns);
                                    let line = std::slice::from_raw_parts_mut(line, columns);
                                    pick(&from[..window.input[1]], window, phase_x, line);
                                }
                            }
                        }
                        at += columns;
                    }
                }
            }
        }
    }
}

/// Zeros at the places of a range, and up to the end of the last vector.
///
/// # Safety
/// The line is valid for these writes.
#[inline(always)]
unsafe fn zeros<T: Lane, S: Simd>(s: S, line: *mut T, range: std::ops::Range<usize>) {
    for at in range.step_by(T::lanes(s)) {
        // SAFETY: the caller's.
        unsafe { T::store(s, line.add(at), T::splat(s, T::ZERO)) };
    }
}

/// Every `stride`-th number of a row from a phase on, where the line is inside the row.
#[inline(always)]
fn pick<T: Lane>(row: &[T], window: &WindowShape, phase: usize, line: &mut [T]) {
    /// Numbers picked at a time.
    const BLOCK: usize = 8;
    let (pad, stride) = (window.pads[1], window.strides[1]);
    let first = pad.saturating_sub(phase).div_ceil(stride);
    let end = (row.len() + pad).saturating_sub(phase).div_ceil(stride).min(line.len());
    if first >= end {
        return;
    }
    let (mut row, mut line) = (&row[first * stride + phase - pad..], &mut line[first..end]);
    if stride == 2 {
        while let (Some(from), Some(to)) =
            (row.first_chunk::<{ 2 * BLOCK - 1 }>(), line.first_chunk_mut::<BLOCK>())
        {
            *to = std::array::from_fn(|i| from[2 * i]);
            (row, line) = (row.get(2 * BLOCK..).unwrap_or_default(), &mut line[BLOCK..]);
        }
    }
    for (to, from) in line.iter_mut().zip(row.iter().step_by(stride)) {
        *to = *from;
    }
}

struct Run<'a, T> {
    shape: &'a Direct,
    x: (&'a [T], usize),
    w: (&'a [T], Weights),
    bias: Option<&'a [T]>,
    relu: bool,
    y: (&'a mut [T], usize),
    samples: usize,
    scratch: &'a mut [T],
}

impl<T: Lane> WithSimd for Run<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let shape = self.shape;
        let (weights, rest) = self.scratch.split_at_mut(shape.weights_len());
        let (copy, flat) = rest.split_at_mut(shape.inputs * shape.channel() + SLACK);
        let rows = if S::REGISTER_COUNT >= 32 { 8 } else { 4 };
        reorder(shape, rows, self.w, weights);
        let lanes = T::lanes(s);
        let [height, width] = shape.window.output;
        let area = height * width;
        // Vectors along each row of the output, or along all rows with the columns between them.
        let in_rows = height * width.div_ceil(lanes);
        let in_flat = ((height - 1) * shape.plane[1] + width).div_ceil(lanes);
        let use_flat = 4 * in_flat < 3 * in_rows;
        for sample in 0..self.samples {
            let x = &self.x.0[sample * self.x.1..][..shape.inputs * shape.window.input_area()];
            shape.copy(s, x, copy);
            let y = &mut self.y.0[sample * self.y.1..][..shape.outputs * area];
            let mut tiles = Tiles {
                shape,
                copy: copy.as_ptr(),
                weights: weights.as_ptr(),
                bias: std::ptr::null(),
                relu: self.relu,
                y: y.as_mut_ptr(),
                y_step: area,
                line: width,
                pitch: shape.plane[1],
                per_line: width.div_ceil(lanes),
                units: in_rows,
                last: (width - 1) % lanes + 1,
            };
            if use_flat {
                // One long line of whole vectors, into the scratch.
                tiles.y_step = shape.flat_len();
                (tiles.per_line, tiles.units, tiles.last) = (in_flat, in_flat, lanes);
            }
            let mut output = 0;
            while output < shape.outputs {
                let block = block(shape.outputs - output, rows);
                let y = &mut y[output * area..][..block * area];
                tiles.y = if use_flat { flat.as_mut_ptr() } else { y.as_mut_ptr() };
                // SAFETY: `run` checked all lengths; the tiles' positions are inside y or the flat scratch, and what
                // they read is inside the copy with its slack.
                unsafe {
                    tiles.weights = weights.as_ptr().add(output * shape.inputs * shape.taps());
                    tiles.bias = self.bias.map_or(std::ptr::null(), |bias| bias.as_ptr().add(output));
                    match (block, S::REGISTER_COUNT >= 32) {
                        (8, _) => tiles.all::<S, 8, 3>(s),
                        (4, true) => tiles.all::<S, 4, 6>(s),
                        (4, false) => tiles.all::<S, 4, 3>(s),
                        (2, true) => tiles.all::<S, 2, 8>(s),
                        (2, false) => tiles.all::<S, 2, 5>(s),
                        _ => tiles.all::<S, 1, 8>(s),
                    }
                }
                if use_flat {
                    for (y, flat) in y.chunks_exact_mut(area).zip(flat.chunks_exact(shape.flat_len())) {
                        for (y, flat) in y.chunks_exact_mut(width).zip(flat.chunks(shape.plane[1])) {
                            copy_row(s, &flat[..width], y);
                        }
                    }
                }
                output += block;
            }
        }
    }
}

/// y ← x, for a few numbers.
#[inline(always)]
fn copy_row<T: Lane, S: Simd>(s: S, x: &[T], y: &mut [T]) {
    assert!(x.len() == y.len(), "rows of one length");
    let lanes = T::lanes(s);
    for (x, y) in x.chunks(lanes).zip(y.chunks_mut(lanes)) {
        let head = T::head(s, x.len());
        // SAFETY: the mask is true in as many lanes as both have numbers.
        unsafe { T::store_masked(s, head, y.as_mut_ptr(), T::load_masked(s, head, x.as_ptr())) };
    }
}

/// How many of `left` channels the next tile takes.
#[inline(always)]
fn block(left: usize, rows: usize) -> usize {
    [8, 4, 2].into_iter().find(|&size| size <= rows && size <= left).unwrap_or(1)
}

/// The weights of each block of channels as `[input, tap, channel of the block]`.
#[inline(always)]
fn reorder<T: Lane>(shape: &Direct, rows: usize, (w, order): (&[T], Weights), weights: &mut [T]) {
    let (inputs, taps) = (shape.inputs, shape.taps());
    let mut output = 0;
    while output < shape.outputs {
        let size = block(shape.outputs - output, rows);
        let weights = &mut weights[output * inputs * taps..][..size * inputs * taps];
        for row in 0..size {
            let mut places = weights[row..].iter_mut().step_by(size);
            match order {
                Weights::Stored => {
                    let w = &w[(output + row) * inputs * taps..][..inputs * taps];
                    places.zip(w).for_each(|(place, w)| *place = *w);
                }
                Weights::Adjoint => {
                    for input in 0..inputs {
                        let w = &w[(input * shape.outputs + output + row) * taps..][..taps];
                        // The reversed taps first: `zip` asks its first side for one more than it uses.
                        w.iter().rev().zip(&mut places).for_each(|(w, place)| *place = *w);
                    }
                }
            }
        }
        output += size;
    }
}

/// Where a block of channels reads and writes. Its positions are `units` vectors, `per_line` to a line.
struct Tiles<'a, T> {
    shape: &'a Direct,
    copy: *const T,
    weights: *const T,
    bias: *const T,
    relu: bool,
    y: *mut T,
    /// From a channel to the next in y.
    y_step: usize,
    /// From a line to the next in y.
    line: usize,
    /// From a line to the next in the copy.
    pitch: usize,
    per_line: usize,
    units: usize,
    /// Numbers in the last vector of a line.
    last: usize,
}

impl<T: Lane> Tiles<'_, T> {
    /// All positions of R channels, V vectors at a time.
    ///
    /// # Safety
    /// The pointers are valid for what the sizes say.
    #[inline(always)]
    unsafe fn all<S: Simd, const R: usize, const V: usize>(&self, s: S) {
        let mut unit = 0;
        // SAFETY: the caller's.
        unsafe {
            while unit + V <= self.units {
                self.tile::<S, R, V>(s, unit);
                unit += V;
            }
            while unit + 2 <= self.units {
                self.tile::<S, R, 2>(s, unit);
                unit += 2;
            }
            if unit < self.units {
                self.tile::<S, R, 1>(s, unit);
            }
        }
    }

    /// # Safety
    /// As [`Tiles::all`], with `unit + V ≤ units`.
    #[inline(always)]
    unsafe fn tile<S: Simd, const R: usize, const V: usize>(&self, s: S, unit: usize) {
        let lanes = T::lanes(s);
        let last = T::head(s, self.last);
        let at: [(usize, usize); V] = std::array::from_fn(|v| {
            let unit = unit + v;
            (unit / self.per_line, unit % self.per_line)
        });
        // SAFETY: the caller's.
        unsafe {
            let mut x: [*const T; V] =
                at.map(|(line, vector)| self.copy.add(line * self.pitch + vector * lanes));
            let mut sums = [[T::splat(s, T::ZERO); V]; R];
            if !self.bias.is_null() {
                for (r, sums) in sums.iter_mut().enumerate() {
                    *sums = [T::splat(s, *self.bias.add(r)); V];
                }
            }
            let offsets = &self.shape.offsets[..self.shape.taps()];
            let channel = self.shape.channel();
            let mut w = self.weights;
            for _ in 0..self.shape.inputs {
                for &offset in offsets {
                    let values = x.map(|x| T::load(s, x.add(offset)));
                    for (r, sums) in sums.iter_mut().enumerate() {
                        let weight = T::splat(s, *w.add(r));
                        for v in 0..V {
                            sums[v] = T::fused(s, weight, values[v], sums[v]);
                        }
                    }
                    w = w.add(R);
                }
                x = x.map(|x| x.wrapping_add(channel));
            }
            if self.relu {
                for sums in &mut sums {
                    for sum in sums {
                        *sum = Function::<T>::value(Relu, s, *sum);
                    }
                }
            }
            for (r, sums) in sums.into_iter().enumerate() {
                for (v, (line, vector)) in at.into_iter().enumerate() {
                    let y = self.y.add(r * self.y_step + line * self.line + vector * lanes);
                    if vector + 1 == self.per_line {
                        T::store_masked(s, last, y, sums[v]);
                    } else {
                        T::store(s, y, sums[v]);
                    }
                }
            }
        }
    }
}
