//! A network as steps on flat vectors of real numbers: affine maps, functions of one number, maxima.

use super::curve::Curve;

/// Rows of matrices and vectors are padded with zeros to a multiple of this.
const LANES: usize = 8;

/// The length of a padded row.
pub(crate) fn padded(size: usize) -> usize {
    size.div_ceil(LANES) * LANES
}

/// Value 0 is the input; every step writes the next value.
#[derive(Debug)]
pub(crate) struct Network {
    /// The number of elements of each value.
    pub(crate) sizes: Vec<usize>,
    pub(crate) steps: Vec<Step>,
    /// The value that is the output.
    pub(crate) output: usize,
}

#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) inputs: Vec<usize>,
    pub(crate) output: usize,
    pub(crate) op: Op,
}

#[derive(Debug)]
pub(crate) enum Op {
    /// The sum of a map of each input, and a bias; what is not exact is within a radius.
    Affine { maps: Vec<Map>, bias: Vec<f64>, bias_radius: Option<Vec<f64>> },
    /// One function for all elements, or one for each.
    Curves(Vec<Curve>),
    /// Element j is the largest of the elements `sources[starts[j]..starts[j + 1]]`.
    Maximum { starts: Vec<usize>, sources: Vec<u32> },
}

/// A matrix.
#[derive(Debug)]
pub(crate) struct Map {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) matrix: Matrix,
    /// How far each entry may be off, in the matrix's own order (row-major without padding, or like `weights`).
    pub(crate) radius: Option<Vec<f64>>,
}

#[derive(Debug)]
pub(crate) enum Matrix {
    /// Twice, each row padded: a row an output, and a row an input.
    Dense { by_output: Vec<f64>, by_input: Vec<f64> },
    /// The entries of row j are `starts[j]..starts[j + 1]`.
    Sparse { starts: Vec<usize>, columns: Vec<u32>, weights: Vec<f64> },
}

impl Map {
    /// A dense matrix, row-major, a row an output.
    pub(crate) fn dense(outputs: usize, inputs: usize, weights: &[f64]) -> Self {
        let (si, so) = (padded(inputs), padded(outputs));
        let (mut by_output, mut by_input) = (vec![0.0; outputs * si], vec![0.0; inputs * so]);
        for j in 0..outputs {
            for i in 0..inputs {
                by_output[j * si + i] = weights[j * inputs + i];
                by_input[i * so + j] = weights[j * inputs + i];
            }
        }
        Map { inputs, outputs, matrix: Matrix::Dense { by_output, by_input }, radius: None }
    }

    /// The largest number of entries of a row or column.
    fn longest(&self) -> usize {
        match &self.matrix {
            // Summed in blocks, see `multiply`: 16 products, and a sum a block.
            Matrix::Dense { .. } => {
                let length = self.inputs.max(self.outputs);
                (length + 1).min(17 + length.div_ceil(BLOCK))
            }
            Matrix::Sparse { starts, columns, .. } => {
                let mut counts = vec![0; self.inputs];
                for &i in columns {
                    counts[i as usize] += 1;
                }
                let rows = starts.windows(2).map(|w| w[1] - w[0]);
                rows.chain(counts).max().unwrap_or(0) + 1
            }
        }
    }

    /// Calls `visit(i, weight, radius)` for the entries of row j.
    pub(crate) fn row(&self, j: usize, mut visit: impl FnMut(usize, f64, f64)) {
        let radius = |at: usize| self.radius.as_ref().map_or(0.0, |r| r[at]);
        match &self.matrix {
            Matrix::Dense { by_output, .. } => {
                let row = &by_output[j * padded(self.inputs)..][..self.inputs];
                row.iter().enumerate().for_each(|(i, &w)| visit(i, w, radius(j * self.inputs + i)));
            }
            Matrix::Sparse { starts, columns, weights } => {
                for at in starts[j]..starts[j + 1] {
                    visit(columns[at] as usize, weights[at], radius(at));
                }
            }
        }
    }

    /// `out[j] += Σ_i radius[j, i] x[i]`, each sum with at most as many roundings as there are inputs.
    pub(crate) fn add_uncertainty(&self, x: &[f64], out: &mut [f64]) {
        let Some(radius) = &self.radius else { return };
        match &self.matrix {
            Matrix::Dense { .. } if self.inputs > 0 => pulp::Arch::new().dispatch(Loop(
                #[inline(always)]
                || {
                    for (row, out) in radius.chunks_exact(self.inputs).zip(&mut *out) {
                        let (rows, rest) = row.as_chunks::<LANES>();
                        let (xs, last) = x[..self.inputs].as_chunks::<LANES>();
                        let mut sums = [0.0f64; LANES];
                        for (row, x) in rows.iter().zip(xs) {
                            for lane in 0..LANES {
                                sums[lane] += row[lane] * x[lane];
                            }
                        }
                        *out +=
                            sums.iter().sum::<f64>() + rest.iter().zip(last).map(|(r, x)| r * x).sum::<f64>();
                    }
                },
            )),
            Matrix::Dense { .. } => {}
            Matrix::Sparse { starts, columns, .. } => {
                for (j, out) in out.iter_mut().enumerate() {
                    let entries = starts[j]..starts[j + 1];
                    *out += entries.map(|at| radius[at] * x[columns[at] as usize]).sum::<f64>();
                }
            }
        }
    }

    /// `out += x Wᵀ` for padded rows x, or with |W|; of x only the `active` elements are read.
    pub(crate) fn forward(&self, x: &[f64], active: &[u32], absolute: bool, out: &mut [f64]) {
        let (si, so) = (padded(self.inputs), padded(self.outputs));
        match &self.matrix {
            Matrix::Dense { by_input, .. } => multiply(x, si, active, by_input, so, absolute, out),
            Matrix::Sparse { starts, columns, weights } => {
                for (x, out) in x.chunks_exact(si).zip(out.chunks_exact_mut(so)) {
                    for j in 0..self.outputs {
                        let entries = starts[j]..starts[j + 1];
                        let terms = columns[entries.clone()].iter().zip(&weights[entries]);
                        out[j] += terms
                            .map(|(&i, &w)| (if absolute { w.abs() } else { w }) * x[i as usize])
                            .sum::<f64>();
                    }
                }
            }
        }
    }

    /// `out += x W` for padded rows x, of which only the `active` elements are read.
    pub(crate) fn backward(&self, x: &[f64], active: &[u32], out: &mut [f64]) {
        let (si, so) = (padded(self.inputs), padded(self.outputs));
        match &self.matrix {
            Matrix::Dense { by_output, .. } => multiply(x, so, active, by_output, si, false, out),
            Matrix::Sparse { starts, columns, weights } => {
                for (x, out) in x.chunks_exact(so).zip(out.chunks_exact_mut(si)) {
                    for &j in active {
                        let factor = x[j as usize];
                        for at in starts[j as usize]..starts[j as usize + 1] {
                            out[columns[at] as usize] += factor * weights[at];
                        }
                    }
                }
            }
        }
    }
}

/// Products that are summed before they are added to the rest, which keeps the chains of roundings short.
const BLOCK: usize = 16;

/// `out[r, c] += Σ_k x[r, k] w[k, c]` over the active k, w with rows of `width`.
fn multiply(
    x: &[f64],
    stride: usize,
    active: &[u32],
    w: &[f64],
    width: usize,
    absolute: bool,
    out: &mut [f64],
) {
    if stride == 0 || width == 0 {
        return;
    }
    pulp::Arch::new().dispatch(Loop(
        #[inline(always)]
        || {
            for (x, out) in x.chunks(4 * stride).zip(out.chunks_mut(4 * width)) {
                match x.len() / stride {
                    // As many columns as sixteen registers hold.
                    4 => strip::<4, 8>(x, stride, active, w, width, absolute, out),
                    3 => strip::<3, 16>(x, stride, active, w, width, absolute, out),
                    2 => strip::<2, 16>(x, stride, active, w, width, absolute, out),
                    _ => strip::<1, 16>(x, stride, active, w, width, absolute, out),
                }
            }
        },
    ));
}

/// A closure for [`pulp::Arch`]. `FnMut`: the `call_once` of one that can be called again is a function of its own, compiled
/// for the least instruction set.
struct Loop<F>(F);

impl<F: FnMut()> pulp::WithSimd for Loop<F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(mut self, _: S) {
        (self.0)();
    }
}

/// R rows of x. Blocks outermost: the rows of w are then read in order, once, and not a sliver of each from far apart.
#[inline(always)]
fn strip<const R: usize, const C: usize>(
    x: &[f64],
    stride: usize,
    active: &[u32],
    w: &[f64],
    width: usize,
    absolute: bool,
    out: &mut [f64],
) {
    for block in active.chunks(BLOCK) {
        let mut at = 0;
        while at + C <= width {
            tile::<R, C>(x, stride, block, w, width, absolute, at, out);
            at += C;
        }
        if at < width {
            tile::<R, LANES>(x, stride, block, w, width, absolute, at, out);
        }
    }
}

/// C columns of R rows of a block.
#[inline(always)]
fn tile<const R: usize, const C: usize>(
    x: &[f64],
    stride: usize,
    block: &[u32],
    w: &[f64],
    width: usize,
    absolute: bool,
    at: usize,
    out: &mut [f64],
) {
    let mut sums = [[0.0f64; C]; R];
    for &k in block {
        let k = k as usize;
        let mut row: [f64; C] = w[k * width + at..][..C].try_into().expect("C numbers");
        if absolute {
            row = row.map(f64::abs);
        }
        for r in 0..R {
            let factor = x[r * stride + k];
            for c in 0..C {
                sums[r][c] += factor * row[c];
            }
        }
    }
    for r in 0..R {
        let own = &mut out[r * width + at..][..C];
        for c in 0..C {
            own[c] += sums[r][c];
        }
    }
}

impl Network {
    pub(crate) fn inputs(&self) -> usize {
        self.sizes[0]
    }

    pub(crate) fn outputs(&self) -> usize {
        self.sizes[self.output]
    }

    /// How many roundings a coefficient may take part in when it is pushed through a step, either way.
    pub(crate) fn roundings(&self, step: usize) -> usize {
        let own = &self.steps[step];
        let joins: usize = own.inputs.iter().map(|&v| self.readers(v)).sum();
        joins
            + match &own.op {
                Op::Affine { maps, .. } => maps.iter().map(Map::longest).sum::<usize>() + 2,
                Op::Curves(_) => 8,
                Op::Maximum { sources, .. } => {
                    let mut counts = vec![0; self.sizes[own.inputs[0]]];
                    for &i in sources {
                        counts[i as usize] += 1;
                    }
                    counts.into_iter().max().unwrap_or(0) + 8
                }
            }
    }

    /// How many steps read a value (a step that reads it twice counts twice).
    pub(crate) fn readers(&self, value: usize) -> usize {
        self.steps.iter().flat_map(|s| &s.inputs).filter(|&&v| v == value).count()
    }

    /// Where the elements of each step that is a ReLU begin among all elements of ReLUs, by step; and their number.
    pub(crate) fn relu_slots(&self) -> (Vec<Option<usize>>, usize) {
        let mut next = 0;
        let slots = self.steps.iter().map(|step| {
            let relu = matches!(&step.op, Op::Curves(curves) if curves.iter().all(Curve::is_relu));
            relu.then(|| {
                next += self.sizes[step.output];
                next - self.sizes[step.output]
            })
        });
        (slots.collect(), next)
    }
}
