//! One cell of a paving: a box, what is not yet decided there, and how much of it is proved in and possibly in.

use netinverse_bounds::{Bounder, LinearForms, Method, Workspace, minimum_on_box};
use netinverse_geometry::half_space_fraction;
use netinverse_linalg::interval::{add_down, add_up, mul_down, mul_up};

use crate::target::{Target, TargetRow};

/// A box and what is known of the target there.
#[derive(Debug, Clone)]
pub struct Cell {
    /// The corners.
    pub lower: Box<[f64]>,
    /// The corners.
    pub upper: Box<[f64]>,
    /// Rows that are neither true nor false on the whole cell.
    pub open_rows: Box<[u32]>,
    /// Disjuncts of which no row is false on the whole cell.
    pub open_disjuncts: Box<[u32]>,
    /// What is decided.
    pub state: State,
    /// Proved: at least this much of the cell's volume is in the preimage.
    pub inner: f64,
    /// Proved: at most this much.
    pub outer: f64,
}

/// What is decided of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Every point is in the preimage.
    In,
    /// No point is.
    Out,
    /// Neither.
    Cut,
}

/// The buffers of one thread.
#[derive(Debug)]
pub struct CellBuffers {
    workspace: Workspace,
    forms: LinearForms,
    rows: Vec<f64>,
    constants: Vec<f64>,
    scores: Vec<f64>,
}

impl CellBuffers {
    /// Buffers for a network.
    pub fn new(bounder: &Bounder) -> Self {
        CellBuffers {
            workspace: bounder.workspace(),
            forms: LinearForms::default(),
            rows: Vec::new(),
            constants: Vec::new(),
            scores: Vec::new(),
        }
    }

    /// The forms of the last cell that was bounded: lower forms of its rows, then those of their negations.
    pub fn forms(&self) -> &LinearForms {
        &self.forms
    }
}

impl Cell {
    /// A cell of which nothing is known.
    pub fn new(lower: &[f64], upper: &[f64], target: &Target) -> Self {
        Cell {
            lower: lower.into(),
            upper: upper.into(),
            open_rows: (0..target.rows().len() as u32).collect(),
            open_disjuncts: (0..target.disjuncts().len() as u32).collect(),
            state: State::Cut,
            inner: 0.0,
            outer: volume(lower, upper).1,
        }
    }

    /// Bounds the network on the cell, decides rows and disjuncts, and encloses the volume. Returns the input to bisect next.
    pub fn bound(&mut self, bounder: &Bounder, target: &Target, buffers: &mut CellBuffers) -> usize {
        let whole = volume(&self.lower, &self.upper);
        self.decide(&[], target);
        if self.state != State::Cut {
            (self.inner, self.outer) = if self.state == State::In { whole } else { (0.0, 0.0) };
            return 0;
        }
        if !bounder.analyse(&self.lower, &self.upper, Method::Linear, &mut buffers.workspace) {
            (self.inner, self.outer) = (0.0, whole.1);
            return longest(&self.lower, &self.upper);
        }
        let count = self.open_rows.len();
        self.push_forms(bounder, target, buffers);
        let mut truths: Vec<(u32, bool)> = Vec::new();
        for (k, &row) in self.open_rows.iter().enumerate() {
            let (slopes, constant) = buffers.forms.form(k);
            if minimum_on_box(slopes, constant, &self.lower, &self.upper) >= 0.0 {
                truths.push((row, true));
                continue;
            }
            let (slopes, constant) = buffers.forms.form(count + k);
            if minimum_on_box(slopes, constant, &self.lower, &self.upper) > 0.0 {
                truths.push((row, false));
            }
        }
        let before = self.open_rows.clone();
        self.decide(&truths, target);
        match self.state {
            State::In => (self.inner, self.outer) = whole,
            State::Out => (self.inner, self.outer) = (0.0, 0.0),
            State::Cut => {
                let fractions: Vec<(f64, f64)> = before
                    .iter()
                    .enumerate()
                    .map(|(k, row)| {
                        if !self.open_rows.contains(row) {
                            return (0.0, 1.0);
                        }
                        let (slopes, constant) = buffers.forms.form(k);
                        let inner = half_space_fraction(slopes, constant, &self.lower, &self.upper).lo();
                        let (slopes, constant) = buffers.forms.form(count + k);
                        let outside = half_space_fraction(slopes, constant, &self.lower, &self.upper).lo();
                        (inner, add_up(1.0, -outside))
                    })
                    .collect();
                let of = |row: u32| before.iter().position(|&r| r == row).map(|k| fractions[k]);
                let (mut inner, mut outer) = (0.0f64, 0.0f64);
                for &disjunct in &self.open_disjuncts {
                    let (mut own_inner, mut own_outer) = (1.0f64, 1.0f64);
                    for &row in &target.disjuncts()[disjunct as usize] {
                        if !self.open_rows.contains(&row) {
                            continue;
                        }
                        let (low, high) = of(row).expect("an open row was bounded");
                        own_inner = add_down(own_inner, -add_up(1.0, -low));
                        own_outer = own_outer.min(high);
                    }
                    inner = inner.max(own_inner);
                    outer = add_up(outer, own_outer).min(1.0);
                }
                self.inner = mul_down(inner.max(0.0), whole.0).max(0.0);
                self.outer = mul_up(outer, whole.1);
            }
        }
        self.choose(bounder, buffers, count)
    }

    fn push_forms(&self, bounder: &Bounder, target: &Target, buffers: &mut CellBuffers) {
        let CellBuffers { workspace, forms, rows, constants, .. } = buffers;
        rows.clear();
        constants.clear();
        let open = || self.open_rows.iter().map(|&row| &target.rows()[row as usize]);
        for row in open() {
            rows.extend_from_slice(&row.outputs);
            constants.push(row.inner);
        }
        for row in open() {
            rows.extend(row.outputs.iter().map(|c| -c));
            constants.push(-row.outer);
        }
        bounder.lower_forms(rows, constants, workspace, forms);
        let n = target.inputs();
        let count = self.open_rows.len();
        for (k, row) in open().enumerate() {
            add_inputs(row, 1.0, k, n, &self.lower, &self.upper, forms);
            add_inputs(row, -1.0, count + k, n, &self.lower, &self.upper, forms);
        }
    }

    /// Takes rows that are true or false off the open ones, and settles disjuncts.
    fn decide(&mut self, truths: &[(u32, bool)], target: &Target) {
        let truth = |row: u32| truths.iter().find(|(r, _)| *r == row).map(|(_, truth)| *truth);
        if !truths.is_empty() {
            self.open_rows = self.open_rows.iter().copied().filter(|&row| truth(row).is_none()).collect();
            self.open_disjuncts = self
                .open_disjuncts
                .iter()
                .copied()
                .filter(|&d| !target.disjuncts()[d as usize].iter().any(|&row| truth(row) == Some(false)))
                .collect();
        }
        if self.open_disjuncts.is_empty() {
            self.state = State::Out;
        } else if self
            .open_disjuncts
            .iter()
            .any(|&d| !target.disjuncts()[d as usize].iter().any(|row| self.open_rows.contains(row)))
        {
            self.state = State::In;
        } else if !truths.is_empty() {
            // Rows that no open disjunct asks for are of no more interest.
            let asked =
                |row: &u32| self.open_disjuncts.iter().any(|&d| target.disjuncts()[d as usize].contains(row));
            self.open_rows = self.open_rows.iter().copied().filter(asked).collect();
        }
    }

    fn choose(&self, bounder: &Bounder, buffers: &mut CellBuffers, count: usize) -> usize {
        if self.state != State::Cut {
            return 0;
        }
        let CellBuffers { workspace, scores, .. } = buffers;
        let n = self.lower.len();
        scores.clear();
        scores.resize(n, 0.0);
        bounder.split_scores(workspace, 2 * count, scores);
        let mut best = 0;
        for i in 1..n {
            if scores[i] > scores[best] {
                best = i;
            }
        }
        if scores[best] > 0.0 && splittable(self.lower[best], self.upper[best]) {
            best
        } else {
            longest(&self.lower, &self.upper)
        }
    }

    /// The two halves along an input, nothing bounded yet.
    pub fn bisect(&self, input: usize) -> [Cell; 2] {
        let at = self.lower[input].midpoint(self.upper[input]);
        let mut halves = [self.clone(), self.clone()];
        halves[0].upper[input] = at;
        halves[1].lower[input] = at;
        halves
    }
}

fn add_inputs(
    row: &TargetRow,
    sign: f64,
    k: usize,
    n: usize,
    lower: &[f64],
    upper: &[f64],
    forms: &mut LinearForms,
) {
    if row.inputs.is_empty() {
        return;
    }
    let mut error = 0.0;
    for i in 0..n {
        let slope = forms.slopes[k * n + i];
        let sum = slope + sign * row.inputs[i];
        // One rounding of a sum, times the largest |x|.
        error += (sum.abs() * f64::EPSILON) * lower[i].abs().max(upper[i].abs());
        forms.slopes[k * n + i] = sum;
    }
    forms.constants[k] = (forms.constants[k] - error * (1.0 + 1e-9) - 1e-300).next_down();
}

fn splittable(lo: f64, hi: f64) -> bool {
    let at = lo.midpoint(hi);
    lo < at && at < hi
}

fn longest(lower: &[f64], upper: &[f64]) -> usize {
    let width = |i: &usize| upper[*i] - lower[*i];
    (0..lower.len()).max_by(|a, b| width(a).total_cmp(&width(b))).unwrap_or(0)
}

/// The volume over the sides that are not points, enclosed.
pub(crate) fn volume(lower: &[f64], upper: &[f64]) -> (f64, f64) {
    let (mut low, mut high) = (1.0f64, 1.0f64);
    for (&lo, &hi) in lower.iter().zip(upper) {
        if lo < hi {
            low = mul_down(low, add_down(hi, -lo));
            high = mul_up(high, add_up(hi, -lo));
        }
    }
    (low.max(0.0), high)
}
