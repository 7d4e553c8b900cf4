//! Injectivity by structure: outputs known, inputs unknown, element by element.
//!
//! Knowledge spreads through the steps in both directions until nothing is added: an element-wise function that is strictly
//! monotone on its range gives its argument back; a sum gives the one term that is not known, a linear map whatever unknown
//! elements enter known outputs with full column rank; a product gives a factor if the other is known and never zero. If all
//! inputs become known, f is injective: couplings split or masked, orthogonal and triangular mixing, and all layers that are
//! bijections by themselves.

use std::collections::{BTreeMap, HashMap};

use netinverse_bounds::{Bounder, LinearRows, Ranges, StepKind};
use netinverse_linalg::{Interval, Matrix, Precision, Svd};
use netinverse_network::{Function, enclose};

use super::matrix::{UP, contraction, rounding};

/// The most unknown elements that are solved for at a time.
const MAX_UNKNOWNS: usize = 1200;

/// What a walk found.
#[derive(Debug, Clone)]
pub(crate) struct Recovered {
    /// Whether every input that is not fixed follows from the outputs.
    pub(crate) all: bool,
}

/// Walks. `fixed` are inputs known from the start; `ranges` holds what functions and products read on the region.
pub(crate) fn recover(bounder: &Bounder, fixed: &[bool], ranges: Option<&Ranges>) -> Recovered {
    let sizes = bounder.value_sizes();
    let mut walk = Walk {
        known: sizes.iter().map(|&size| vec![false; size]).collect(),
        never_zero: never_zero(bounder),
        opposite: opposites(bounder),
        ranges,
        changed: true,
    };
    walk.known[0].copy_from_slice(fixed);
    walk.known[bounder.output_value()].fill(true);
    let steps: Vec<_> = bounder.steps().collect();
    // What was tried of each linear step, so that the costly solve is not repeated for nothing.
    let mut tried = vec![usize::MAX; steps.len()];
    while walk.changed {
        walk.changed = false;
        for step in &steps {
            match &step.kind {
                StepKind::Linear(rows) => walk.linear_forward(rows, step.inputs, step.output),
                _ => walk.forward(&step.kind, step.inputs, step.output),
            }
        }
        for (index, step) in steps.iter().enumerate().rev() {
            match &step.kind {
                StepKind::Linear(rows) => {
                    walk.linear_single(rows, step.inputs, step.output);
                    let unknown: usize = step
                        .inputs
                        .iter()
                        .map(|&input| walk.known[input].iter().filter(|k| !**k).count())
                        .sum();
                    let known = walk.known[step.output].iter().filter(|k| **k).count();
                    let state = unknown * (sizes[step.output] + 1) + known;
                    if unknown > 0 && known > 0 && tried[index] != state {
                        tried[index] = state;
                        walk.linear_solve(rows, step.inputs, step.output);
                    }
                }
                StepKind::Function(function) => {
                    walk.function_backward(*function, step.inputs[0], step.output);
                }
                StepKind::Product => walk.product_backward(step.inputs, step.output),
                StepKind::Softmax { size, stride } => {
                    walk.softmax_backward(*size, *stride, step.inputs[0], step.output);
                }
                StepKind::Maximum { .. } => {}
            }
        }
    }
    Recovered { all: walk.known[0].iter().all(|&known| known) }
}

struct Walk<'a> {
    known: Vec<Vec<bool>>,
    never_zero: Vec<Vec<bool>>,
    /// For each value of which some elements are opposite: pairs (j, k) with `z_k = −d z_j`, d > 0.
    opposite: Vec<Vec<(usize, usize)>>,
    ranges: Option<&'a Ranges>,
    changed: bool,
}

impl Walk<'_> {
    fn learn(&mut self, value: usize, element: usize) {
        self.changed |= !std::mem::replace(&mut self.known[value][element], true);
    }

    /// What follows from known inputs.
    fn forward(&mut self, kind: &StepKind, inputs: &[usize], output: usize) {
        for j in 0..self.known[output].len() {
            let known = match kind {
                StepKind::Linear(_) => false,
                StepKind::Function(_) => self.known[inputs[0]][j],
                StepKind::Product => self.known[inputs[0]][j] && self.known[inputs[1]][j],
                StepKind::Maximum { starts, sources } => {
                    sources[starts[j]..starts[j + 1]].iter().all(|&i| self.known[inputs[0]][i as usize])
                }
                StepKind::Softmax { size, stride } => {
                    let first = j - j / stride % size * stride;
                    (0..*size).all(|i| self.known[inputs[0]][first + i * stride])
                }
            };
            if known {
                self.learn(output, j);
            }
        }
    }

    fn linear_forward(&mut self, rows: &LinearRows, inputs: &[usize], output: usize) {
        for j in 0..self.known[output].len() {
            if !self.known[output][j] {
                let mut known = true;
                rows.for_row(j, |input, i, w, r| {
                    known &= (w == 0.0 && r == 0.0) || self.known[inputs[input]][i];
                });
                if known {
                    self.learn(output, j);
                }
            }
        }
    }

    /// Rows with one unknown term.
    fn linear_single(&mut self, rows: &LinearRows, inputs: &[usize], output: usize) {
        for j in 0..self.known[output].len() {
            if !self.known[output][j] {
                continue;
            }
            // The unknown element, its coefficient summed up where it is stored more than once.
            let mut only: Option<(usize, usize, Interval)> = None;
            let mut single = true;
            rows.for_row(j, |input, i, w, r| {
                let value = inputs[input];
                if self.known[value][i] || (w == 0.0 && r == 0.0) {
                    return;
                }
                let w = Interval::around(w, r);
                match &mut only {
                    None => only = Some((value, i, w)),
                    Some((v, e, sum)) if *v == value && *e == i => *sum = *sum + w,
                    Some(_) => single = false,
                }
            });
            if let Some((value, i, w)) = only
                && single
                && !w.contains(0.0)
            {
                self.learn(value, i);
            }
        }
    }

    /// Sets of unknown elements that known rows connect, solved together.
    fn linear_solve(&mut self, rows: &LinearRows, inputs: &[usize], output: usize) {
        let mut offsets = vec![0];
        let mut distinct: Vec<usize> = inputs.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        for &input in &distinct {
            offsets.push(offsets[offsets.len() - 1] + self.known[input].len());
        }
        let place = |value: usize, i: usize| {
            let at = distinct.binary_search(&value).expect("an input of the step");
            offsets[at] + i
        };
        let total = offsets[distinct.len()];
        let mut sets = Sets::new(total);
        let mut of_row = vec![usize::MAX; self.known[output].len()];
        for j in (0..of_row.len()).filter(|&j| self.known[output][j]) {
            rows.for_row(j, |input, i, w, r| {
                if !self.known[inputs[input]][i] && (w != 0.0 || r != 0.0) {
                    let at = place(inputs[input], i);
                    if of_row[j] == usize::MAX {
                        of_row[j] = at;
                    } else {
                        sets.join(of_row[j], at);
                    }
                }
            });
        }
        // Rows and unknowns by set.
        let mut members: BTreeMap<usize, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
        for (j, &at) in of_row.iter().enumerate().filter(|(_, at)| **at != usize::MAX) {
            members.entry(sets.root(at)).or_default().0.push(j);
        }
        for (index, &value) in distinct.iter().enumerate() {
            for i in (0..self.known[value].len()).filter(|&i| !self.known[value][i]) {
                if let Some(entry) = members.get_mut(&sets.root(offsets[index] + i)) {
                    entry.1.push(offsets[index] + i);
                }
            }
        }
        for (equations, unknowns) in members.into_values() {
            if unknowns.len() < 2 || unknowns.len() > equations.len() || unknowns.len() > MAX_UNKNOWNS {
                continue;
            }
            let mut column = HashMap::with_capacity(unknowns.len());
            unknowns.iter().enumerate().for_each(|(c, &at)| {
                column.insert(at, c);
            });
            let (m, k) = (equations.len(), unknowns.len());
            let (mut centre, mut radius) = (Matrix::zeros(m, k), Matrix::zeros(m, k));
            for (row, &j) in equations.iter().enumerate() {
                rows.for_row(j, |input, i, w, r| {
                    if let Some(&c) = column.get(&place(inputs[input], i)) {
                        let sum = centre.row(row)[c] + w;
                        radius.row_mut(row)[c] += r + f64::EPSILON * sum.abs();
                        centre.row_mut(row)[c] = sum;
                    }
                });
            }
            if has_full_column_rank(&centre, Some(&radius)) {
                for at in unknowns {
                    let index = offsets.partition_point(|&offset| offset <= at) - 1;
                    self.learn(distinct[index], at - offsets[index]);
                }
            }
        }
    }

    fn function_backward(&mut self, function: Function, input: usize, output: usize) {
        for j in 0..self.known[output].len() {
            if !self.known[output][j] || self.known[input][j] {
                continue;
            }
            let strict = || {
                let range = self.ranges.and_then(|ranges| ranges.of(input)).map(|range| range[j]);
                let slope = range.and_then(|range| enclose::derivative(function, range));
                slope.is_some_and(|slope| slope.lo() > 0.0 || slope.hi() < 0.0)
            };
            if function.is_injective() || strict() {
                self.learn(input, j);
            }
        }
        // max(z, 0) and max(−d z, 0) together tell z.
        if function == Function::Relu {
            for index in 0..self.opposite[input].len() {
                let (j, k) = self.opposite[input][index];
                if self.known[output][j] && self.known[output][k] {
                    self.learn(input, j);
                    self.learn(input, k);
                }
            }
        }
    }

    fn product_backward(&mut self, inputs: &[usize], output: usize) {
        let [a, b] = [inputs[0], inputs[1]];
        for j in 0..self.known[output].len() {
            if !self.known[output][j] {
                continue;
            }
            for (given, wanted) in [(a, b), (b, a)] {
                let range = self.ranges.and_then(|ranges| ranges.of(given)).map(|range| range[j]);
                let nonzero = self.never_zero[given][j] || range.is_some_and(|range| !range.contains(0.0));
                if self.known[given][j] && !self.known[wanted][j] && nonzero && given != wanted {
                    self.learn(wanted, j);
                }
            }
        }
    }

    /// A softmax fixes its logits up to a common shift.
    fn softmax_backward(&mut self, size: usize, stride: usize, input: usize, output: usize) {
        for first in (0..self.known[output].len()).filter(|i| (i / stride).is_multiple_of(size)) {
            let group = || (0..size).map(|i| first + i * stride);
            if group().all(|i| self.known[output][i]) && group().any(|i| self.known[input][i]) {
                for i in group() {
                    self.learn(input, i);
                }
            }
        }
    }
}

/// The most elements of a layer whose rows are compared with each other.
const MAX_COMPARED: usize = 4096;

/// The entries of a row: which input, which element, the weight.
type Row = Vec<(usize, usize, f64)>;

/// Where a row has entries.
type Places = Vec<(usize, usize)>;

/// Pairs of elements of linear values of which one is a negative multiple of the other, exactly.
fn opposites(bounder: &Bounder) -> Vec<Vec<(usize, usize)>> {
    let sizes = bounder.value_sizes();
    let mut pairs = vec![Vec::new(); sizes.len()];
    let read_by_relu: Vec<usize> = bounder
        .steps()
        .filter(|step| matches!(step.kind, StepKind::Function(Function::Relu)))
        .map(|step| step.inputs[0])
        .collect();
    for step in bounder.steps().filter(|step| read_by_relu.contains(&step.output)) {
        let StepKind::Linear(rows) = &step.kind else { continue };
        if sizes[step.output] > MAX_COMPARED {
            continue;
        }
        // Rows by the places of their entries: only those can be multiples of each other.
        let mut alike: BTreeMap<Places, Vec<(usize, Row)>> = BTreeMap::new();
        for j in 0..sizes[step.output] {
            let mut row: Row = Vec::new();
            let mut certain = rows.exact_bias(j).is_some();
            rows.for_row(j, |input, i, w, r| {
                certain &= r == 0.0;
                if w != 0.0 {
                    row.push((input, i, w));
                }
            });
            if certain && !row.is_empty() {
                // The bias stands for an input that is 1.
                row.push((usize::MAX, 0, rows.exact_bias(j).unwrap_or(0.0)));
                let places = row.iter().map(|&(input, i, _)| (input, i)).collect();
                alike.entry(places).or_default().push((j, row));
            }
        }
        for rows in alike.into_values() {
            for (index, (j, a)) in rows.iter().enumerate() {
                for (k, b) in &rows[index + 1..] {
                    let (head_a, head_b) = (a[0].2, b[0].2);
                    let multiple = a.iter().zip(b).all(|(p, q)| same_product(p.2, head_b, q.2, head_a));
                    if (head_a < 0.0) != (head_b < 0.0) && multiple {
                        pairs[step.output].push((*j, *k));
                    }
                }
            }
        }
    }
    pairs
}

/// Whether a b = c d, exactly, for numbers whose products neither overflow nor underflow.
fn same_product(a: f64, b: f64, c: f64, d: f64) -> bool {
    let (p, q) = (a * b, c * d);
    if p == 0.0 || q == 0.0 {
        return (a == 0.0 || b == 0.0) && (c == 0.0 || d == 0.0);
    }
    let normal = |x: f64| x.abs() > 1e-250 && x.abs() < 1e250;
    p == q && normal(p) && a.mul_add(b, -p) == c.mul_add(d, -q)
}

/// Elements that are positive whatever the point.
fn never_zero(bounder: &Bounder) -> Vec<Vec<bool>> {
    let mut positive: Vec<Vec<bool>> = bounder.value_sizes().iter().map(|&size| vec![false; size]).collect();
    for step in bounder.steps() {
        for j in 0..positive[step.output].len() {
            positive[step.output][j] = match &step.kind {
                StepKind::Function(Function::Exp | Function::Sigmoid | Function::Softplus)
                | StepKind::Softmax { .. } => true,
                StepKind::Function(Function::Reciprocal | Function::Sqrt) => positive[step.inputs[0]][j],
                StepKind::Product => step.inputs.iter().all(|&input| positive[input][j]),
                // Without a bias that is known here: an element picked as it is.
                StepKind::Linear(rows) => {
                    let (mut entries, mut only) = (0, false);
                    rows.for_row(j, |input, i, w, r| {
                        entries += 1;
                        only = w - r > 0.0 && positive[step.inputs[input]][i];
                    });
                    entries == 1 && only && rows.bias(j) >= 0.0
                }
                _ => false,
            };
        }
    }
    positive
}

/// Whether every matrix within `radius` of `a` has full column rank, proved.
pub(crate) fn has_full_column_rank(a: &Matrix, radius: Option<&Matrix>) -> bool {
    let (m, k) = (a.rows(), a.columns());
    if m < k {
        return false;
    }
    let svd = Svd::new(a);
    if svd.rank(Precision::F64) < k {
        return false;
    }
    let p = svd.pseudo_inverse(k);
    let product = p.product(a);
    let absolute = |a: &Matrix| Matrix::from_fn(a.rows(), a.columns(), |i, j| a.row(i)[j].abs());
    let p = absolute(&p);
    let magnitude = p.product(&absolute(a));
    let spread = radius.map(|radius| p.product(radius));
    let unit = rounding(m);
    let e: Vec<f64> = (0..k * k)
        .map(|at| {
            let target = f64::from(u8::from(at / k == at % k));
            let spread = spread.as_ref().map_or(0.0, |spread| spread.data()[at]);
            ((target - product.data()[at]).abs() + unit * (1.0 + magnitude.data()[at]) + spread) * UP
        })
        .collect();
    contraction(&e, k).is_some()
}

/// Disjoint sets.
struct Sets(Vec<usize>);

impl Sets {
    fn new(count: usize) -> Self {
        Sets((0..count).collect())
    }

    fn root(&mut self, mut at: usize) -> usize {
        while self.0[at] != at {
            self.0[at] = self.0[self.0[at]];
            at = self.0[at];
        }
        at
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b);
    }
}
