//! Operators that are written as steps that bounds are known for: products of matrices, log-softmax, standardisation,
//! transposed convolution.

use netinverse_network::{ConvTranspose, Function, Param, Shape};

use crate::map::{Map, Sparse, padded};
use crate::program::{Kind, Lowering, share};
use crate::window;

impl Lowering<'_> {
    /// The elements that `source` names, in order.
    fn gather(&mut self, input: usize, size: usize, source: impl Fn(usize) -> usize) -> usize {
        let mut map = Sparse::new(self.program.sizes[input]);
        for j in 0..size {
            map.entry(source(j), 1.0);
            map.end_row();
        }
        self.push_map(Map::Sparse(map), input)
    }

    /// Sums of runs of `length` elements, each times a factor that is known to within a radius.
    fn runs(&mut self, input: usize, length: usize, (factor, radius): (f64, f64), shift: f64) -> usize {
        let size = self.program.sizes[input];
        let mut map = Sparse::new(size);
        for j in 0..size / length {
            for i in 0..length {
                map.uncertain_entry(j * length + i, factor, radius);
            }
            map.end_row();
        }
        let written = size / length;
        let mut bias = vec![0.0; padded(written)];
        bias[..written].fill(shift);
        self.push(
            Kind::Linear { maps: vec![Map::Sparse(map)], bias, bias_radius: None },
            vec![input],
            written,
        )
    }

    /// `C[…, i, j] = Σ A[…, i, l] B[…, l, j]`: every product of two elements by itself, then the sums.
    pub(crate) fn matrix_product(&mut self, a: usize, b: usize, inner: usize, output: &Shape) -> usize {
        let [.., rows, columns] = output[..] else { unreachable!("a product of matrices is a matrix") };
        let size = output.elements() * inner;
        let split = |t: usize| {
            (t / inner / columns / rows, t / inner / columns % rows, t / inner % columns, t % inner)
        };
        let left = self.gather(a, size, |t| {
            let (batch, i, _, l) = split(t);
            (batch * rows + i) * inner + l
        });
        let right = self.gather(b, size, |t| {
            let (batch, _, j, l) = split(t);
            (batch * inner + l) * columns + j
        });
        let products = self.push(Kind::Product, vec![left, right], size);
        self.runs(products, inner, (1.0, 0.0), 0.0)
    }

    /// `yᵢ = −log Σⱼ e^(xⱼ − xᵢ)`, whose differences bounds keep.
    pub(crate) fn log_softmax(&mut self, x: usize, group: usize, stride: usize) -> usize {
        let size = self.program.sizes[x];
        let mut differences = Sparse::new(size);
        for i in 0..size {
            let first = i - i / stride % group * stride;
            for j in (0..group).map(|j| first + j * stride) {
                if j != i {
                    differences.entry(j, 1.0);
                    differences.entry(i, -1.0);
                }
                differences.end_row();
            }
        }
        let differences = self.push_map(Map::Sparse(differences), x);
        let powers = self.push(Kind::Function(Function::Exp), vec![differences], size * group);
        let sums = self.runs(powers, group, (1.0, 0.0), 0.0);
        let logs = self.push(Kind::Function(Function::Log), vec![sums], size);
        self.push_map(Map::Sparse(Sparse::scaled_identity(size, -1.0)), logs)
    }

    /// `(x − μ) / √(v + ε)` for each run of `length` elements.
    pub(crate) fn standardize(&mut self, x: usize, length: usize, epsilon: f64) -> usize {
        let size = self.program.sizes[x];
        let (part, radius) = share(length);
        let mut deviations = Sparse::new(size);
        for i in 0..size {
            let first = i / length * length;
            for j in first..first + length {
                if i == j {
                    // 1 − 1/n, rounded once more.
                    deviations.uncertain_entry(j, 1.0 - part, radius + f64::EPSILON);
                } else {
                    deviations.uncertain_entry(j, -part, radius);
                }
            }
            deviations.end_row();
        }
        let deviations = self.push_map(Map::Sparse(deviations), x);
        let square = Function::Power { exponent: 2.0 };
        let squares = self.push(Kind::Function(square), vec![deviations], size);
        let variances = self.runs(squares, length, (part, radius), epsilon);
        let inverse_root = Function::Power { exponent: -0.5 };
        let factors = self.push(Kind::Function(inverse_root), vec![variances], size / length);
        let factors = self.gather(factors, size, |i| i / length);
        self.push(Kind::Product, vec![deviations, factors], size)
    }
}

/// The matrix of a transposed convolution.
pub(crate) fn transposed(conv: &ConvTranspose, weight: &Param, input: &Shape, output: &Shape) -> Sparse {
    let values = weight.f64();
    let taps: usize = conv.window.kernel.iter().product();
    let read: usize = input[2..].iter().product();
    let written: usize = output[2..].iter().product();
    let (group_in, group_out) = (input[1] / conv.groups, output[1] / conv.groups);
    // For each position written, the (position, tap) pairs that reach it: the convolution's windows, turned around.
    let sources = window::sources(&conv.window, &output[2..]);
    let mut reaching = vec![Vec::new(); written];
    for (position, taps) in sources.chunks_exact(taps).enumerate() {
        for (tap, &source) in taps.iter().enumerate().filter(|&(_, &source)| source != window::OUTSIDE) {
            reaching[source as usize].push((position, tap));
        }
    }
    let mut map = Sparse::new(input.elements());
    for sample in 0..input[0] {
        for channel in 0..output[1] {
            let (group, own) = (channel / group_out, channel % group_out);
            for reaching in &reaching {
                for from in group * group_in..(group + 1) * group_in {
                    for &(position, tap) in reaching {
                        let at = (from * group_out + own) * taps + tap;
                        let radius = weight.radius().map_or(0.0, |radius| radius[at]);
                        map.uncertain_entry((sample * input[1] + from) * read + position, values[at], radius);
                    }
                }
                map.end_row();
            }
        }
    }
    map
}
