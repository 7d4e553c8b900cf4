//! Upper bounds of Lipschitz constants in the Euclidean norm, proved in real arithmetic whatever the rounding.

use std::collections::HashMap;

use netinverse_linalg::interval::{add_up, div_up, mul_up};
use netinverse_linalg::{Interval, Matrix, Svd};
use netinverse_network::{
    Bilinear, Dense, Extremum, Function, Linear, Normalizer, Op, ParamId, WeightOrder, enclose,
};

use crate::elements::{Atom, Element};
use crate::rows;
use crate::scope::Scope;

/// Above this size the norm of a matrix is bounded by its rows and columns alone.
const MAX_SIZE: usize = 1000;
/// A convolution of fewer coefficients is bounded as the matrix that it is.
const MAX_COEFFICIENTS: usize = 1 << 18;

/// √x, rounded up.
fn sqrt_up(x: f64) -> f64 {
    Interval::point(x).sqrt().map_or(f64::INFINITY, Interval::hi)
}

/// A number ≥ ‖A‖₂.
///
/// With V from a singular value decomposition, A V is nearly orthogonal column by column, so that ‖(A V)ᵀ(A V)‖∞ is nearly
/// ‖A‖₂². Whatever V is: ‖A‖ ≤ ‖A V‖ ‖V⁻¹‖, and ‖V⁻¹‖² ≤ 1/(1 − ‖I − VᵀV‖∞). All products are enclosed.
pub fn norm_bound(a: &Matrix) -> f64 {
    let a = if a.rows() < a.columns() { a.transposed() } else { a.clone() };
    let simple = by_rows_and_columns(&a);
    if a.columns() == 0 || a.rows() > MAX_SIZE {
        return simple;
    }
    let vt = Svd::new(&a).v.transposed();
    let (n, k) = (a.rows(), vt.rows());
    if k != a.columns() {
        return simple;
    }
    // (A V)ᵀ, its entries' centres, and the square of the Frobenius norm of their errors.
    let mut image = Matrix::zeros(k, n);
    let mut error = 0.0;
    for j in 0..k {
        for i in 0..n {
            let entry = Interval::dot(a.row(i), vt.row(j));
            let centre = entry.lo() + (entry.hi() - entry.lo()) / 2.0;
            let radius = add_up(entry.hi(), -centre).max(add_up(centre, -entry.lo()));
            image.row_mut(j)[i] = centre;
            error = add_up(error, mul_up(radius, radius));
        }
    }
    let own = add_up(sqrt_up(gram_bound(&image, false)), sqrt_up(error));
    let defect = gram_bound(&vt, true);
    if !(own.is_finite() && defect < 1.0) {
        return simple;
    }
    let distance = -add_up(defect, -1.0); // 1 − defect, rounded down
    div_up(own, -sqrt_down_negated(distance)).min(simple)
}

/// A number ≥ ‖AᵀA − I‖₂: how far the columns of A are from orthonormal. The squares of A's singular values are within
/// it of 1.
pub fn orthonormality_defect(a: &Matrix) -> f64 {
    gram_bound(&a.transposed(), true)
}

/// −√x, x rounded down first.
fn sqrt_down_negated(x: f64) -> f64 {
    -Interval::point(x).sqrt().map_or(0.0, Interval::lo)
}

/// ‖R Rᵀ‖∞ of the rows of R, or ‖R Rᵀ − I‖∞.
fn gram_bound(rows: &Matrix, less_identity: bool) -> f64 {
    let k = rows.rows();
    let mut sums = vec![0.0; k];
    for i in 0..k {
        for j in 0..=i {
            let shift = f64::from(u8::from(less_identity && i == j));
            let size = (Interval::dot(rows.row(i), rows.row(j)) - Interval::point(shift)).magnitude();
            sums[i] = add_up(sums[i], size);
            if i != j {
                sums[j] = add_up(sums[j], size);
            }
        }
    }
    sums.into_iter().fold(0.0, f64::max)
}

/// √(‖A‖₁ ‖A‖∞)
fn by_rows_and_columns(a: &Matrix) -> f64 {
    let mut columns = vec![0.0; a.columns()];
    let mut rows = 0.0f64;
    for row in a.iter_rows() {
        let mut sum = 0.0;
        for (column, v) in columns.iter_mut().zip(row) {
            sum = add_up(sum, v.abs());
            *column = add_up(*column, v.abs());
        }
        rows = rows.max(sum);
    }
    sqrt_up(mul_up(rows, columns.into_iter().fold(0.0, f64::max)))
}

/// Bounds for what is computed from some unknown elements: how far each base moves when these move by 1.
pub(crate) struct Bounds<'s, 'e> {
    scope: &'s Scope<'e>,
    x: std::collections::HashSet<Element>,
    /// Of each base that was looked at.
    bases: HashMap<u32, f64>,
}

impl<'s, 'e> Bounds<'s, 'e> {
    pub(crate) fn new(scope: &'s Scope<'e>, x: &[Element]) -> Self {
        Bounds { scope, x: x.iter().copied().collect(), bases: HashMap::new() }
    }

    /// How far these atoms move together: the elements of each base as often as they occur.
    fn atoms<'a>(&self, atoms: impl Iterator<Item = &'a Atom>) -> f64 {
        let mut counts: HashMap<Element, f64> = HashMap::new();
        for atom in atoms {
            if let Atom::Element(element) = atom {
                *counts.entry(*element).or_insert(0.0) += 1.0;
            }
        }
        // x as a base of its own.
        let mut most: HashMap<Option<u32>, f64> = HashMap::new();
        for (element, count) in counts {
            let key = if self.x.contains(&element) {
                None
            } else if self.scope.knows(element) {
                continue;
            } else {
                Some(element.base)
            };
            let own = most.entry(key).or_insert(0.0);
            *own = own.max(count);
        }
        let mut sum = 0.0;
        for (key, count) in most {
            let own = key.map_or(1.0, |base| self.bases.get(&base).copied().unwrap_or(f64::INFINITY));
            sum = add_up(sum, mul_up(count, mul_up(own, own)));
        }
        sqrt_up(sum)
    }

    /// A bound for `Σ factor · atoms`.
    pub(crate) fn sum(&self, terms: impl Iterator<Item = (f64, Vec<Atom>)>) -> f64 {
        terms.fold(0.0, |sum, (factor, atoms)| add_up(sum, mul_up(factor, self.atoms(atoms.iter()))))
    }

    /// Bounds a node, of whose operands all are bounded; an error says what has no bound.
    pub(crate) fn node(&mut self, index: usize) -> Result<(), String> {
        let elements = self.scope.elements;
        let Some(base) = elements.base_of(index) else { return Ok(()) };
        let node = self.scope.node(index);
        let read: Vec<f64> = node.inputs.iter().map(|&id| self.atoms(elements.value(id).iter())).collect();
        let network = &elements.network;
        let unbounded = || format!("{} at `{}` has no bound of its slope", node.op.name(), node.name);
        let times = |factor: f64| mul_up(factor, read[0]);
        let bound = match &node.op {
            Op::Function(function) => times(slope(*function).ok_or_else(unbounded)?),
            Op::Linear(Linear::Combine { coefficients }) => {
                coefficients.iter().zip(&read).fold(0.0, |sum, (c, r)| add_up(sum, mul_up(c.abs(), *r)))
            }
            Op::Linear(Linear::Scale(scale)) => times(scale.scale.map_or(1.0, |id| {
                let radius = network.param(id).radius();
                let size = |(i, v): (usize, &f64)| add_up(v.abs(), radius.map_or(0.0, |r| r[i]));
                network.param(id).f64().iter().enumerate().map(size).fold(0.0, f64::max)
            })),
            Op::Linear(Linear::Dense(dense)) => times(self.dense(dense)),
            Op::Linear(Linear::Reduce(reduce)) => {
                let shape = &network.value(node.inputs[0]).shape;
                let count = reduce.axes.iter().map(|&axis| shape[axis]).product::<usize>().max(1) as f64;
                times(if reduce.mean { div_up(1.0, -sqrt_down_negated(count)) } else { sqrt_up(count) })
            }
            Op::Linear(_) => times(self.windows(index, base).ok_or_else(unbounded)?),
            Op::Normalizer(Normalizer::Softmax { .. }) => times(1.0),
            Op::Extremum(Extremum::MaxPool(window)) => {
                // An element is read by so many windows at most.
                times(sqrt_up(window.kernel.iter().product::<usize>() as f64))
            }
            Op::Bilinear(Bilinear::Multiply) if read.iter().all(|&r| r == 0.0) => 0.0,
            _ => return Err(unbounded()),
        };
        self.bases.insert(base, bound);
        Ok(())
    }

    fn dense(&self, dense: &Dense) -> f64 {
        let network = &self.scope.elements.network;
        let (inputs, outputs) = dense.sizes(network.params());
        let (rows, columns) = match dense.order {
            WeightOrder::InputsFirst => (inputs, outputs),
            WeightOrder::OutputsFirst => (outputs, inputs),
        };
        let weight = network.param(dense.weight).f64();
        let matrix = Matrix::from_fn(rows, columns, |i, j| weight[i * columns + j]);
        add_up(norm_bound(&matrix), self.radius(dense.weight))
    }

    /// The Frobenius norm of what is not known of a constant.
    fn radius(&self, id: ParamId) -> f64 {
        let radius = self.scope.elements.network.param(id).radius();
        sqrt_up(radius.unwrap_or_default().iter().fold(0.0, |sum, &r| add_up(sum, mul_up(r, r))))
    }

    /// Convolutions and means over windows: as a matrix where small, else the sum over the taps, each of which copies
    /// positions and applies a matrix to the channels.
    fn windows(&self, index: usize, base: u32) -> Option<f64> {
        let elements = self.scope.elements;
        let network = &elements.network;
        let node = self.scope.node(index);
        let read = network.value(node.inputs[0]).shape.elements();
        let taps = match &node.op {
            Op::Linear(Linear::Conv(conv)) => self.taps(conv.weight, conv.groups),
            // The adjoint has the norm of the convolution.
            Op::Linear(Linear::ConvTranspose(conv)) => self.taps(conv.weight, conv.groups),
            // Every mean is over at least one element.
            Op::Linear(Linear::AveragePool(pool)) => pool.window.kernel.iter().product::<usize>() as f64,
            _ => return None,
        };
        let exact = match &node.op {
            Op::Linear(Linear::Conv(conv)) => network.param(conv.weight).radius().is_none(),
            _ => false,
        };
        if !exact || read * elements.size(base) > MAX_COEFFICIENTS {
            return Some(taps);
        }
        let mut matrix = Matrix::zeros(elements.size(base), read);
        let column: HashMap<Element, usize> = elements
            .value(node.inputs[0])
            .iter()
            .enumerate()
            .filter_map(|(position, atom)| match atom {
                Atom::Element(element) => Some((*element, position)),
                Atom::Constant(_) => None,
            })
            .collect();
        // Merged columns are bounded as they are; repetition was counted where the atoms were.
        if column.len()
            < elements.value(node.inputs[0]).iter().filter(|a| matches!(a, Atom::Element(_))).count()
        {
            return Some(taps);
        }
        for row in rows::rows(elements, base) {
            for (element, coefficient) in row.terms {
                matrix.row_mut(row.own.index as usize)[column[&element]] = coefficient;
            }
        }
        Some(norm_bound(&matrix).min(taps))
    }

    fn taps(&self, weight: ParamId, groups: usize) -> f64 {
        let param = self.scope.elements.network.param(weight);
        let (first, second) = (param.shape()[0], param.shape()[1]);
        let kernel: usize = param.shape()[2..].iter().product();
        let per_group = first / groups.max(1);
        let values = param.f64();
        let tap = |tap: usize| {
            let group = |group: usize| {
                norm_bound(&Matrix::from_fn(per_group, second, |i, j| {
                    values[((group * per_group + i) * second + j) * kernel + tap]
                }))
            };
            (0..groups).map(group).fold(0.0, f64::max)
        };
        let radius = mul_up(sqrt_up(kernel as f64), self.radius(weight));
        (0..kernel).fold(radius, |sum, position| add_up(sum, tap(position)))
    }
}

/// sup |f′|
fn slope(function: Function) -> Option<f64> {
    let slope = enclose::derivative(function, Interval::ENTIRE)?.magnitude();
    slope.is_finite().then_some(slope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn norms_are_bounded_from_above_and_tightly() {
        for (n, m) in [(1, 1), (5, 5), (12, 4), (4, 12), (40, 40)] {
            let a = Matrix::from_fn(n, m, |i, j| ((i * 31 + j * 17) as f64 * 0.37).sin());
            let sigma = Svd::new(&a).singular_values[0];
            let bound = norm_bound(&a);
            assert!(
                bound >= sigma * (1.0 - 1e-15) && bound <= sigma * (1.0 + 1e-9),
                "{n}×{m}: {sigma} ≤ {bound}"
            );
        }
        // Exactly known: the norm of [[3, 0], [4, 5]] is √45 (its Gram matrix has the eigenvalues 45 and 5).
        let a = Matrix::new(2, 2, vec![3.0, 0.0, 4.0, 5.0]).unwrap();
        assert!(norm_bound(&a) >= 45f64.sqrt() && norm_bound(&a) < 45f64.sqrt() + 1e-12);
        assert_eq!(norm_bound(&Matrix::zeros(3, 2)), 0.0);
    }

    #[test]
    fn slopes_of_functions_are_known() {
        let near = |function: Function, wanted: f64| {
            let bound = slope(function).unwrap();
            assert!(bound >= wanted && bound <= wanted + 1e-9, "{function:?}: {bound}");
        };
        near(Function::Relu, 1.0);
        near(Function::LeakyRelu { alpha: 0.1 }, 1.0);
        near(Function::Elu { alpha: 1.0 }, 1.0);
        near(Function::Tanh, 1.0);
        near(Function::Sigmoid, 0.25);
        near(Function::Softplus, 1.0);
        assert!(slope(Function::Silu { beta: 1.0 }).is_some_and(|s| s > 1.099 && s < 1.2));
        assert!(slope(Function::Exp).is_none());
        assert!(slope(Function::Log).is_none());
    }
}
