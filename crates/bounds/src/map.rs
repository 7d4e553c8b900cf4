//! Linear maps between values: dense, convolutional, sparse, with the constants as stored.

use netinverse_linalg::{ROW_ALIGNMENT, Sign, add_selected_rows};
use netinverse_network::{Conv, Param, Shape};

use crate::window;

/// A linear map from `inputs` to `outputs` elements, entry (j, i) from input i to output j.
#[derive(Debug)]
pub(crate) enum Map {
    Dense(Dense),
    Convolution(Convolution),
    Sparse(Sparse),
}

/// A matrix in both orders, rows padded to a multiple of [`ROW_ALIGNMENT`] with zeros.
#[derive(Debug)]
pub(crate) struct Dense {
    inputs: usize,
    outputs: usize,
    /// `outputs` rows.
    by_output: Vec<f64>,
    /// `inputs` rows.
    by_input: Vec<f64>,
    /// How far an entry may be from the true one, rows as `by_output` without padding.
    radius: Option<Vec<f64>>,
}

/// A convolution: output `(c, p)` reads the elements under the taps at position p, of the channels of c's group.
#[derive(Debug)]
pub(crate) struct Convolution {
    inputs: usize,
    outputs: usize,
    /// Elements of one channel of the input, and positions of the window.
    plane: usize,
    positions: usize,
    channels_in: usize,
    channels_out: usize,
    /// Input channels and output channels of a group.
    group_in: usize,
    group_out: usize,
    /// The element of the plane under each tap at each position, or [`window::OUTSIDE`].
    sources: Vec<u32>,
    taps: usize,
    weight: Vec<f64>,
    radius: Option<Vec<f64>>,
}

/// Entries row by row.
#[derive(Debug, Default)]
pub(crate) struct Sparse {
    inputs: usize,
    starts: Vec<usize>,
    indices: Vec<u32>,
    weights: Vec<f64>,
    radius: Option<Vec<f64>>,
}

/// Elements with their padding.
pub(crate) fn padded(size: usize) -> usize {
    size.next_multiple_of(ROW_ALIGNMENT)
}

impl Dense {
    /// The matrix of which entry (j, i) is `entry(j, i)`; `radius` likewise.
    pub(crate) fn new(
        inputs: usize,
        outputs: usize,
        entry: impl Fn(usize, usize) -> f64,
        radius: Option<&dyn Fn(usize, usize) -> f64>,
    ) -> Self {
        let (in_stride, out_stride) = (padded(inputs), padded(outputs));
        let mut by_output = vec![0.0; outputs * in_stride];
        let mut by_input = vec![0.0; inputs * out_stride];
        for j in 0..outputs {
            for i in 0..inputs {
                let w = entry(j, i);
                by_output[j * in_stride + i] = w;
                by_input[i * out_stride + j] = w;
            }
        }
        let radius = radius.map(|radius| {
            let mut all = Vec::with_capacity(inputs * outputs);
            for j in 0..outputs {
                all.extend((0..inputs).map(|i| radius(j, i)));
            }
            all
        });
        Dense { inputs, outputs, by_output, by_input, radius }
    }
}

impl Convolution {
    pub(crate) fn new(conv: &Conv, weight: &Param, input: &Shape, output: &Shape) -> Self {
        let sources = window::sources(&conv.window, &input[2..]);
        let positions: usize = conv.window.output.iter().product();
        Convolution {
            inputs: input.elements(),
            outputs: output.elements(),
            plane: input[2..].iter().product(),
            positions,
            channels_in: input[1],
            channels_out: output[1],
            group_in: input[1] / conv.groups,
            group_out: output[1] / conv.groups,
            taps: conv.window.kernel.iter().product(),
            sources,
            weight: weight.f64().to_vec(),
            radius: weight.radius().map(<[f64]>::to_vec),
        }
    }
}

impl Sparse {
    pub(crate) fn new(inputs: usize) -> Self {
        Sparse { inputs, starts: vec![0], ..Sparse::default() }
    }

    /// Adds an entry to the row that is being filled.
    pub(crate) fn entry(&mut self, input: usize, weight: f64) {
        self.indices.push(input as u32);
        self.weights.push(weight);
    }

    /// Adds an entry that is known only to within `radius`.
    pub(crate) fn uncertain_entry(&mut self, input: usize, weight: f64, radius: f64) {
        self.entry(input, weight);
        if radius > 0.0 || self.radius.is_some() {
            let known = self.indices.len() - 1;
            self.radius.get_or_insert_with(|| vec![0.0; known]).push(radius);
        }
    }

    /// Ends the row.
    pub(crate) fn end_row(&mut self) {
        if let Some(radius) = &mut self.radius {
            radius.resize(self.indices.len(), 0.0);
        }
        self.starts.push(self.indices.len());
    }

    /// The same elements.
    pub(crate) fn scaled_identity(size: usize, factor: f64) -> Self {
        let mut map = Sparse::new(size);
        for i in 0..size {
            map.entry(i, factor);
            map.end_row();
        }
        map
    }
}

impl Map {
    pub(crate) fn inputs(&self) -> usize {
        match self {
            Map::Dense(map) => map.inputs,
            Map::Convolution(map) => map.inputs,
            Map::Sparse(map) => map.inputs,
        }
    }

    pub(crate) fn outputs(&self) -> usize {
        match self {
            Map::Dense(map) => map.outputs,
            Map::Convolution(map) => map.outputs,
            Map::Sparse(map) => map.starts.len() - 1,
        }
    }

    /// The multiplications that applying it takes.
    pub(crate) fn multiplications(&self) -> usize {
        match self {
            Map::Dense(map) => map.inputs * map.outputs,
            Map::Convolution(map) => map.outputs * map.group_in * map.taps,
            Map::Sparse(map) => map.weights.len(),
        }
    }

    /// The largest number of entries of a row: the length of the sums that are rounded.
    pub(crate) fn longest_row(&self) -> usize {
        match self {
            Map::Dense(map) => map.inputs,
            Map::Convolution(map) => map.group_in * map.taps,
            Map::Sparse(map) => map.starts.windows(2).map(|w| w[1] - w[0]).max().unwrap_or(0),
        }
    }

    /// The largest number of entries of a column, likewise for the adjoint; an upper bound.
    pub(crate) fn longest_column(&self) -> usize {
        match self {
            Map::Dense(map) => map.outputs,
            Map::Convolution(map) => map.group_out * map.taps,
            Map::Sparse(map) => {
                let mut counts = vec![0usize; map.inputs];
                map.indices.iter().for_each(|&i| counts[i as usize] += 1);
                counts.into_iter().max().unwrap_or(0)
            }
        }
    }

    pub(crate) fn has_radius(&self) -> bool {
        match self {
            Map::Dense(map) => map.radius.is_some(),
            Map::Convolution(map) => map.radius.is_some(),
            Map::Sparse(map) => map.radius.is_some(),
        }
    }

    /// Calls `visit(i, weight, radius)` for every entry of row j.
    #[inline(always)]
    pub(crate) fn for_row(&self, j: usize, mut visit: impl FnMut(usize, f64, f64)) {
        match self {
            Map::Dense(map) => {
                let stride = padded(map.inputs);
                let row = &map.by_output[j * stride..j * stride + map.inputs];
                match &map.radius {
                    None => row.iter().enumerate().for_each(|(i, &w)| visit(i, w, 0.0)),
                    Some(radius) => {
                        let radius = &radius[j * map.inputs..];
                        row.iter().zip(radius).enumerate().for_each(|(i, (&w, &r))| visit(i, w, r));
                    }
                }
            }
            Map::Convolution(map) => {
                let (plane, position) = (j / map.positions, j % map.positions);
                let (sample, channel) = (plane / map.channels_out, plane % map.channels_out);
                let first = sample * map.channels_in + channel / map.group_out * map.group_in;
                let taps = &map.sources[position * map.taps..(position + 1) * map.taps];
                for inner in 0..map.group_in {
                    let start = (first + inner) * map.plane;
                    let weights = (channel * map.group_in + inner) * map.taps;
                    for (tap, &source) in taps.iter().enumerate() {
                        if source != window::OUTSIDE {
                            let radius = map.radius.as_ref().map_or(0.0, |radius| radius[weights + tap]);
                            visit(start + source as usize, map.weight[weights + tap], radius);
                        }
                    }
                }
            }
            Map::Sparse(map) => {
                for at in map.starts[j]..map.starts[j + 1] {
                    let radius = map.radius.as_ref().map_or(0.0, |radius| radius[at]);
                    visit(map.indices[at] as usize, map.weights[at], radius);
                }
            }
        }
    }

    /// `out[k, j] += Σ_i W[j, i] x[k, i]`, or with |W|; `x` and `out` are `width` padded rows, and only the inputs that
    /// are `selected` are read. `packed` is scratch.
    pub(crate) fn apply(
        &self,
        width: usize,
        x: &[f64],
        selected: &[u32],
        sign: Sign,
        out: &mut [f64],
        packed: &mut Vec<f64>,
    ) {
        let (in_stride, out_stride) = (padded(self.inputs()), padded(self.outputs()));
        if let Map::Dense(map) = self {
            pack(width, x, in_stride, selected, packed);
            add_selected_rows(width, packed, selected, &map.by_input, out_stride, sign, out);
            return;
        }
        for k in 0..width {
            let x = &x[k * in_stride..];
            let out = &mut out[k * out_stride..];
            match sign {
                Sign::Kept => (0..self.outputs()).for_each(|j| self.for_row(j, |i, w, _| out[j] += w * x[i])),
                Sign::Dropped => {
                    (0..self.outputs()).for_each(|j| self.for_row(j, |i, w, _| out[j] += w.abs() * x[i]));
                }
            }
        }
    }

    /// `out[k, i] += Σ_j x[k, j] W[j, i]` over the `selected` outputs j.
    pub(crate) fn apply_adjoint(
        &self,
        width: usize,
        x: &[f64],
        selected: &[u32],
        out: &mut [f64],
        packed: &mut Vec<f64>,
    ) {
        let (in_stride, out_stride) = (padded(self.inputs()), padded(self.outputs()));
        if let Map::Dense(map) = self {
            pack(width, x, out_stride, selected, packed);
            add_selected_rows(width, packed, selected, &map.by_output, in_stride, Sign::Kept, out);
            return;
        }
        for k in 0..width {
            let x = &x[k * out_stride..];
            let out = &mut out[k * in_stride..];
            for &j in selected {
                let factor = x[j as usize];
                if factor != 0.0 {
                    self.for_row(j as usize, |i, w, _| out[i] += factor * w);
                }
            }
        }
    }
}

/// The selected columns of `width` rows, one after the other.
fn pack(width: usize, x: &[f64], stride: usize, selected: &[u32], packed: &mut Vec<f64>) {
    packed.clear();
    packed.resize(selected.len() * width, 0.0);
    for k in 0..width {
        let row = &x[k * stride..(k + 1) * stride];
        for (s, &i) in selected.iter().enumerate() {
            packed[s * width + k] = row[i as usize];
        }
    }
}
