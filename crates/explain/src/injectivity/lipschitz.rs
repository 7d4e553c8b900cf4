//! Residual steps: `y = c x + g(x)` is injective where g has a Lipschitz constant below |c|, and |y − y′| ≥ (|c| − L) |x − x′|.

use netinverse_bounds::{Bounder, LinearRows, Ranges, StepKind};
use netinverse_linalg::{Interval, Matrix, Svd};
use netinverse_network::{Function, enclose};

use super::matrix::{UP, rounding};

/// The most entries of a map whose norm is taken from its singular values.
const DENSE: usize = 1 << 20;

/// A residual step, contracted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Residual {
    /// |c| − L > 0
    pub(crate) modulus: f64,
    /// L / |c|, an upper bound.
    pub(crate) constant: f64,
}

/// Whether the last step adds a multiple of the input to something of a smaller constant.
pub(crate) fn residual(bounder: &Bounder, ranges: Option<&Ranges>) -> Option<Residual> {
    let sizes = bounder.value_sizes();
    let steps: Vec<_> = bounder.steps().collect();
    let (last, before) = steps.split_last()?;
    let StepKind::Linear(rows) = &last.kind else { return None };
    let at = last.inputs.iter().position(|&input| input == 0)?;
    if last.inputs.iter().filter(|&&input| input == 0).count() != 1 || sizes[last.output] != sizes[0] {
        return None;
    }
    let factor = identity_factor(rows, at, sizes[0])?;
    let mut constant: Vec<f64> = vec![0.0; sizes.len()];
    constant[0] = 1.0;
    for step in before {
        constant[step.output] = match &step.kind {
            StepKind::Linear(rows) => {
                let norms = (0..step.inputs.len())
                    .map(|input| norm(rows, input, sizes[step.output], sizes[step.inputs[input]]));
                norms.zip(step.inputs).map(|(norm, &input)| norm * constant[input]).sum::<f64>() * UP
            }
            StepKind::Function(function) => {
                let range = ranges.and_then(|ranges| ranges.of(step.inputs[0]));
                steepest(*function, range) * constant[step.inputs[0]] * UP
            }
            StepKind::Softmax { .. } => constant[step.inputs[0]],
            StepKind::Maximum { sources, .. } => {
                let mut uses = vec![0.0f64; sizes[step.inputs[0]]];
                sources.iter().for_each(|&i| uses[i as usize] += 1.0);
                uses.into_iter().fold(0.0, f64::max).sqrt() * constant[step.inputs[0]] * UP
            }
            StepKind::Product => {
                let [a, b] = [step.inputs[0], step.inputs[1]];
                let largest = |value: usize| {
                    let range = ranges.and_then(|ranges| ranges.of(value));
                    range.map_or(f64::INFINITY, |range| {
                        range.iter().map(|x| x.magnitude()).fold(0.0, f64::max)
                    })
                };
                let term = |factor: f64, constant: f64| if constant == 0.0 { 0.0 } else { factor * constant };
                (term(largest(a), constant[b]) + term(largest(b), constant[a])) * UP
            }
        };
    }
    let mut total = 0.0;
    for (index, &input) in last.inputs.iter().enumerate().filter(|&(index, _)| index != at) {
        total += norm(rows, index, sizes[last.output], sizes[input]) * constant[input] * UP;
    }
    let modulus = (factor.abs() - total * UP) * (1.0 - 1e-12);
    (modulus > 0.0).then(|| Residual { modulus, constant: total / factor.abs() * UP })
}

/// c where a map is c times the identity, exactly.
fn identity_factor(rows: &LinearRows, at: usize, size: usize) -> Option<f64> {
    let mut factor = None;
    let mut fits = true;
    for j in 0..size {
        let mut found = 0.0;
        rows.for_row(j, |input, i, w, r| {
            if input == at && (w != 0.0 || r != 0.0) {
                fits &= i == j && r == 0.0 && found == 0.0;
                found = w;
            }
        });
        fits &= *factor.get_or_insert(found) == found && found != 0.0;
        if !fits {
            return None;
        }
    }
    factor
}

/// The largest slope of a function on its range.
fn steepest(function: Function, range: Option<&[Interval]>) -> f64 {
    let on = |x: Interval| enclose::derivative(function, x).map_or(f64::INFINITY, Interval::magnitude);
    match range {
        Some(range) => range.iter().map(|&x| on(x)).fold(0.0, f64::max),
        None => on(Interval::ENTIRE),
    }
}

/// An upper bound of ‖W‖₂ of one map of a linear step.
pub(crate) fn norm(rows: &LinearRows, at: usize, outputs: usize, inputs: usize) -> f64 {
    let mut columns = vec![0.0; inputs];
    let mut largest_row = 0.0f64;
    let mut squares = 0.0;
    for j in 0..outputs {
        let mut row = 0.0;
        rows.for_row(j, |input, i, w, r| {
            if input == at {
                let size = w.abs() + r;
                row += size;
                columns[i] += size;
                squares += size * size;
            }
        });
        largest_row = largest_row.max(row);
    }
    let largest_column = columns.into_iter().fold(0.0, f64::max);
    let simple = (largest_row * largest_column).sqrt().min(f64::sqrt(squares)) * UP;
    if outputs.saturating_mul(inputs) > DENSE || outputs.min(inputs) <= 1 {
        return simple;
    }
    let mut matrix = Matrix::zeros(outputs, inputs);
    let mut spread = 0.0;
    for j in 0..outputs {
        rows.for_row(j, |input, i, w, r| {
            if input == at {
                matrix.row_mut(j)[i] += w;
                spread += r + f64::EPSILON * w.abs();
            }
        });
    }
    simple.min(spectral_norm(&matrix) + spread * UP)
}

/// An upper bound of ‖W‖₂ that holds whatever the rounding: W = U Σ Vᵀ + R, and U and V are nearly orthonormal.
pub(crate) fn spectral_norm(w: &Matrix) -> f64 {
    let svd = Svd::new(w);
    let largest = svd.singular_values.first().copied().unwrap_or(0.0);
    let k = svd.singular_values.len();
    let scaled = Matrix::from_fn(svd.u.rows(), k, |i, j| svd.u.row(i)[j] * svd.singular_values[j]);
    let back = scaled.product_transposed(&svd.v);
    let unit = rounding(k);
    let frobenius = |a: &Matrix| a.data().iter().map(|v| v * v).sum::<f64>().sqrt();
    let difference: f64 = w.data().iter().zip(back.data()).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
    // Each entry of the product is off by at most the unit times a sum of magnitudes, at most √k σ₁ in all.
    let residual = difference + unit * frobenius(&scaled) * frobenius(&svd.v) + unit * frobenius(w);
    let departure = |q: &Matrix| {
        let gram = q.transposed_product(q);
        let off = (0..k * k).map(|at| {
            let target = f64::from(u8::from(at / k == at % k));
            (gram.data()[at] - target).powi(2)
        });
        off.sum::<f64>().sqrt() + rounding(q.rows()) * frobenius(q).powi(2)
    };
    let grown = ((1.0 + departure(&svd.u)) * (1.0 + departure(&svd.v))).sqrt();
    (largest * grown * UP + residual) * UP
}

#[cfg(test)]
mod tests {
    use super::*;
    use netinverse_base::Rng;

    #[test]
    fn the_spectral_norm_is_a_tight_upper_bound() {
        let mut rng = Rng::new(3, 0);
        for (m, n) in [(3, 5), (20, 20), (40, 7)] {
            let a = Matrix::from_fn(m, n, |_, _| rng.normal());
            let bound = spectral_norm(&a);
            let sigma = netinverse_linalg::singular_values(&a)[0];
            assert!(bound >= sigma && bound <= sigma * (1.0 + 1e-10), "{bound} {sigma}");
        }
    }
}
