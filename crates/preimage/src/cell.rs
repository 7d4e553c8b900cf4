//! One cell of a paving: a box, what is not yet decided there, and how much of it is proved in and possibly in.

use netinverse_bounds::{Bounder, LinearForms, Method, Workspace, minimum_on_box};
use netinverse_geometry::half_space_fraction;
use netinverse_linalg::interval::{add_down, add_up, mul_down, mul_up};

use crate::target::{Target, TargetRow};

/// A box and what is known of the target there.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// The lower corner, n.
    pub lower: Box<[f64]>,
    /// The upper corner, n.
    pub upper: Box<[f64]>,
    /// What is decided.
    pub state: State,
    /// Proved: at least this much of the cell's volume is in the preimage.
    pub inner: f64,
    /// Proved: at most this much is.
    pub outer: f64,
    /// Rows that are neither true nor false on the whole cell; of a cell that is out, one row that is false there, if one is.
    pub open_rows: Box<[u32]>,
    /// Disjuncts of which no row is false on the whole cell.
    pub open_disjuncts: Box<[u32]>,
    /// For each open row of a cut cell the slopes and constant of its lower form, then of the lower form of its negation:
    /// where the first is ≥ 0 the row holds, where the second is > 0 it fails. Empty where nothing could be bounded.
    pub forms: Box<[f64]>,
    /// The input to bisect next, [`Cell::WHOLE`] where the cell cannot be bisected.
    pub split: u32,
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

/// Forms are lowered by this many times their rounding errors more than is needed: whoever checks a leaf with error terms of
/// their own, and so with lines that differ in the last digits, must come to the same claims.
const ROOM: f64 = 64.0;

/// A row that misses a decision by less than this may do so by rounding alone.
const NEARLY: f64 = 1e-9;

/// The buffers of one thread.
#[derive(Debug)]
pub struct CellBuffers {
    workspace: Workspace,
    forms: LinearForms,
    rows: Vec<f64>,
    constants: Vec<f64>,
    scores: Vec<f64>,
    truths: Vec<(u32, bool)>,
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
            truths: Vec::new(),
        }
    }
}

/// One open row of a cell: linear functions of x below the row and below its negation.
#[derive(Debug, Clone, Copy)]
pub struct RowForms<'a> {
    /// Slopes, n, and constant: where this is ≥ 0 the row holds.
    pub lower: (&'a [f64], f64),
    /// Where this is > 0 the row fails.
    pub negated: (&'a [f64], f64),
}

impl Cell {
    /// [`Cell::split`] of a cell that cannot be bisected.
    pub const WHOLE: u32 = u32::MAX;

    /// A cell of which nothing is known.
    pub fn new(lower: &[f64], upper: &[f64], target: &Target) -> Self {
        Cell {
            lower: lower.into(),
            upper: upper.into(),
            state: State::Cut,
            inner: 0.0,
            outer: volume(lower, upper).1,
            open_rows: (0..target.rows().len() as u32).collect(),
            open_disjuncts: (0..target.disjuncts().len() as u32).collect(),
            forms: Box::default(),
            split: Cell::WHOLE,
        }
    }

    /// The forms of open row number `index` of a cut cell; `None` where nothing could be bounded.
    pub fn row_forms(&self, index: usize) -> Option<RowForms<'_>> {
        let n = self.lower.len();
        let own = self.forms.get(index * 2 * (n + 1)..(index + 1) * 2 * (n + 1))?;
        let (lower, negated) = own.split_at(n + 1);
        Some(RowForms { lower: (&lower[..n], lower[n]), negated: (&negated[..n], negated[n]) })
    }

    /// The undecided volume.
    pub fn unknown(&self) -> f64 {
        self.outer - self.inner
    }

    /// The two halves along an input; nothing is bounded yet.
    pub fn bisect(&self, input: usize) -> [Cell; 2] {
        let at = self.lower[input].midpoint(self.upper[input]);
        [0, 1].map(|side| {
            let mut half = Cell {
                lower: self.lower.clone(),
                upper: self.upper.clone(),
                state: State::Cut,
                inner: 0.0,
                outer: 0.0,
                open_rows: self.open_rows.clone(),
                open_disjuncts: self.open_disjuncts.clone(),
                forms: Box::default(),
                split: Cell::WHOLE,
            };
            *(if side == 0 { &mut half.upper[input] } else { &mut half.lower[input] }) = at;
            half
        })
    }

    /// Bounds the network on the cell, decides rows and disjuncts, encloses the volume, and chooses the input to bisect
    /// next among those wider than `min_width`.
    pub fn bound(&mut self, bounder: &Bounder, target: &Target, min_width: f64, buffers: &mut CellBuffers) {
        let whole = volume(&self.lower, &self.upper);
        self.outer = whole.1;
        self.decide(&[], target);
        if self.state == State::Cut {
            if bounder.analyse(&self.lower, &self.upper, Method::Linear, &mut buffers.workspace) {
                self.push_forms(bounder, target, buffers);
                self.decide_by_forms(bounder, target, buffers);
                self.choose(bounder, min_width, buffers);
                if self.state == State::Cut {
                    self.measure(target, whole);
                }
            } else {
                self.split = longest(&self.lower, &self.upper, min_width);
            }
        }
        match self.state {
            State::In => (self.inner, self.outer) = whole,
            State::Out => (self.inner, self.outer) = (0.0, 0.0),
            State::Cut => {}
        }
    }

    /// The forms of the open rows, those of the rows first, then those of their negations.
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
        forms.slacken(ROOM);
        let count = self.open_rows.len();
        for (k, row) in open().enumerate() {
            self.add_inputs(row, 1.0, k, forms);
            self.add_inputs(row, -1.0, count + k, forms);
        }
    }

    /// Adds the row's own slopes over the inputs to form k.
    fn add_inputs(&self, row: &TargetRow, sign: f64, k: usize, forms: &mut LinearForms) {
        if row.inputs.is_empty() {
            return;
        }
        let n = self.lower.len();
        let mut error = 0.0;
        for i in 0..n {
            let sum = forms.slopes[k * n + i] + sign * row.inputs[i];
            // One rounding of a sum, times the largest |x|.
            error += (sum.abs() * f64::EPSILON) * self.lower[i].abs().max(self.upper[i].abs());
            forms.slopes[k * n + i] = sum;
        }
        forms.constants[k] = (forms.constants[k] - error * (1.0 + 1e-9) - 1e-290).next_down();
    }

    /// Rows that the forms decide on the whole cell, and the forms of those that stay open.
    fn decide_by_forms(&mut self, bounder: &Bounder, target: &Target, buffers: &mut CellBuffers) {
        let CellBuffers { workspace, forms, truths, .. } = buffers;
        let mut directed = None;
        let count = self.open_rows.len();
        truths.clear();
        for (k, &row) in self.open_rows.iter().enumerate() {
            let least = |k: usize| {
                let (slopes, constant) = forms.form(k);
                minimum_on_box(slopes, constant, &self.lower, &self.upper)
            };
            let low = least(k);
            let asked = &target.rows()[row as usize];
            let negated = least(count + k);
            if low > 0.0 || low == 0.0 && !asked.strict {
                truths.push((row, true));
            } else if negated > 0.0 || negated == 0.0 && asked.strict {
                truths.push((row, false));
            } else if asked.inputs.is_empty() && low.abs().min(negated.abs()) < NEARLY {
                // The forms' error terms may be all that is between the row and its truth.
                let outputs = directed.get_or_insert_with(|| bounder.output_intervals(workspace));
                let values = outputs
                    .as_ref()
                    .map(|outputs| (asked.value(outputs, asked.inner), asked.value(outputs, asked.outer)));
                match values {
                    Some((inner, _)) if inner.lo() > 0.0 || inner.lo() == 0.0 && !asked.strict => {
                        truths.push((row, true));
                    }
                    Some((_, outer)) if outer.hi() < 0.0 || outer.hi() == 0.0 && asked.strict => {
                        truths.push((row, false));
                    }
                    _ => {}
                }
            }
        }
        let before = std::mem::take(&mut self.open_rows);
        self.open_rows.clone_from(&before);
        self.decide(truths, target);
        if self.state == State::Out {
            self.open_rows = truths.iter().filter(|(_, truth)| !truth).map(|(row, _)| *row).take(1).collect();
        }
        if self.state != State::Cut {
            return;
        }
        let n = self.lower.len();
        let mut own = Vec::with_capacity(self.open_rows.len() * 2 * (n + 1));
        for row in &self.open_rows {
            let k = before.iter().position(|r| r == row).expect("open rows only become fewer");
            for k in [k, count + k] {
                let (slopes, constant) = forms.form(k);
                own.extend_from_slice(slopes);
                own.push(constant);
            }
        }
        if own.iter().all(|number| number.is_finite()) {
            self.forms = own.into();
        }
    }

    /// Takes rows that are true or false off the open ones, and settles disjuncts.
    fn decide(&mut self, truths: &[(u32, bool)], target: &Target) {
        let truth = |row: u32| truths.iter().find(|(r, _)| *r == row).map(|(_, truth)| *truth);
        if !truths.is_empty() {
            self.open_rows = self.open_rows.iter().copied().filter(|&row| truth(row).is_none()).collect();
            let alive =
                |&d: &u32| !target.disjuncts()[d as usize].iter().any(|&row| truth(row) == Some(false));
            self.open_disjuncts = self.open_disjuncts.iter().copied().filter(alive).collect();
        }
        let satisfied =
            |&d: &u32| !target.disjuncts()[d as usize].iter().any(|row| self.open_rows.contains(row));
        if self.open_disjuncts.is_empty() {
            self.state = State::Out;
        } else if self.open_disjuncts.iter().any(satisfied) {
            self.state = State::In;
        } else if self.open_disjuncts.len() < target.disjuncts().len() {
            // Rows that no open disjunct asks for are of no more interest.
            let asked =
                |row: &u32| self.open_disjuncts.iter().any(|&d| target.disjuncts()[d as usize].contains(row));
            self.open_rows = self.open_rows.iter().copied().filter(asked).collect();
        }
    }

    /// Encloses the volume of a cut cell. Of a disjunct with the rows k: at least 1 − Σ(1 − inner share of k), at most the
    /// least outer share. Of the union: at least the best disjunct's, at most the sum.
    fn measure(&mut self, target: &Target, whole: (f64, f64)) {
        if self.forms.is_empty() {
            return;
        }
        let shares: Vec<(f64, f64)> = (0..self.open_rows.len())
            .map(|index| {
                let forms = self.row_forms(index).expect("the cell was bounded");
                let share = |(slopes, constant): (&[f64], f64)| {
                    half_space_fraction(slopes, constant, &self.lower, &self.upper).lo()
                };
                // {form > 0} and {form ≥ 0} differ by a set of measure zero, unless the form is constant: then it decides the
                // row on the whole cell, or nothing.
                let flat = |slopes: &[f64]| {
                    slopes.iter().enumerate().all(|(i, &s)| s == 0.0 || self.lower[i] == self.upper[i])
                };
                let inner = if flat(forms.lower.0) { 0.0 } else { share(forms.lower) };
                (inner, if flat(forms.negated.0) { 1.0 } else { add_up(1.0, -share(forms.negated)) })
            })
            .collect();
        let (mut inner, mut outer) = (0.0f64, 0.0f64);
        for &disjunct in &self.open_disjuncts {
            let (mut own_inner, mut own_outer) = (1.0f64, 1.0f64);
            for row in &target.disjuncts()[disjunct as usize] {
                let Some(index) = self.open_rows.iter().position(|r| r == row) else { continue };
                own_inner = add_down(own_inner, -add_up(1.0, -shares[index].0));
                own_outer = own_outer.min(shares[index].1);
            }
            inner = inner.max(own_inner);
            outer = add_up(outer, own_outer).min(1.0);
        }
        self.inner = mul_down(inner.max(0.0), whole.0).max(0.0);
        self.outer = mul_up(outer, whole.1);
    }

    /// The input to bisect: that which the looseness of the forms is most due to.
    fn choose(&mut self, bounder: &Bounder, min_width: f64, buffers: &mut CellBuffers) {
        if self.state != State::Cut {
            return;
        }
        let CellBuffers { workspace, scores, constants, .. } = buffers;
        let n = self.lower.len();
        scores.clear();
        scores.resize(n, 0.0);
        bounder.split_scores(workspace, constants.len(), scores);
        let wide = |i: &usize| splittable(self.lower[*i], self.upper[*i], min_width);
        let best = (0..n).filter(wide).max_by(|&a, &b| scores[a].total_cmp(&scores[b]).then(b.cmp(&a)));
        self.split = match best {
            Some(best) if scores[best] > 0.0 => best as u32,
            _ => longest(&self.lower, &self.upper, min_width),
        };
    }
}

fn splittable(lo: f64, hi: f64, min_width: f64) -> bool {
    let at = lo.midpoint(hi);
    lo < at && at < hi && hi - lo > min_width
}

/// The longest side that can be bisected.
fn longest(lower: &[f64], upper: &[f64], min_width: f64) -> u32 {
    let width = |i: usize| upper[i] - lower[i];
    let wide = |i: &usize| splittable(lower[*i], upper[*i], min_width);
    let best = (0..lower.len()).filter(wide).max_by(|&a, &b| width(a).total_cmp(&width(b)).then(b.cmp(&a)));
    best.map_or(Cell::WHOLE, |i| i as u32)
}

/// The volume over the sides that are not points, enclosed.
pub fn volume(lower: &[f64], upper: &[f64]) -> (f64, f64) {
    let (mut low, mut high) = (1.0f64, 1.0f64);
    for (&lo, &hi) in lower.iter().zip(upper) {
        if lo < hi {
            low = mul_down(low, add_down(hi, -lo));
            high = mul_up(high, add_up(hi, -lo));
        }
    }
    (low.max(0.0), high)
}

impl Cell {
    /// What the forms of a cut cell prove of a point in it.
    pub fn decides(&self, target: &Target, x: &[f64]) -> Option<bool> {
        let mut all_out = true;
        for &disjunct in &self.open_disjuncts {
            let (mut holds, mut fails) = (true, false);
            for row in &target.disjuncts()[disjunct as usize] {
                let Some(index) = self.open_rows.iter().position(|r| r == row) else { continue };
                let forms = self.row_forms(index)?;
                let low = minimum_on_box(forms.lower.0, forms.lower.1, x, x);
                let strict = target.rows()[*row as usize].strict;
                holds &= low > 0.0 || low == 0.0 && !strict;
                fails |= minimum_on_box(forms.negated.0, forms.negated.1, x, x) > 0.0;
            }
            if holds {
                return Some(true);
            }
            all_out &= fails;
        }
        all_out.then_some(false)
    }

    /// The open disjunct of a cut cell whose worst row is best in the middle of the cell; `None` where nothing is bounded.
    pub(crate) fn best_disjunct(&self, target: &Target) -> Option<u32> {
        if self.forms.is_empty() {
            return None;
        }
        let middle: Vec<f64> = self.lower.iter().zip(&self.upper).map(|(lo, hi)| lo.midpoint(*hi)).collect();
        let worst = |disjunct: u32| {
            let value = |index: usize| {
                let (slopes, constant) = self.row_forms(index).expect("the cell was bounded").lower;
                slopes.iter().zip(&middle).map(|(s, x)| s * x).sum::<f64>() + constant
            };
            self.rows_of(disjunct, target).map(|(_, index)| value(index)).fold(f64::INFINITY, f64::min)
        };
        let alive = self.open_disjuncts.iter().copied();
        alive.max_by(|&a, &b| worst(a).total_cmp(&worst(b)).then(b.cmp(&a)))
    }

    /// The open rows of a disjunct, with their positions among the open rows.
    pub(crate) fn rows_of<'a>(
        &'a self,
        disjunct: u32,
        target: &'a Target,
    ) -> impl Iterator<Item = (u32, usize)> + 'a {
        let index_of = |row: u32| self.open_rows.iter().position(|&r| r == row);
        target.disjuncts()[disjunct as usize].iter().filter_map(move |&row| Some((row, index_of(row)?)))
    }

    /// The rows of a cut cell's inner polytope: where all of them are ≥ 0 the best disjunct holds.
    pub(crate) fn inner_rows(&self, target: &Target) -> Option<Vec<(&[f64], f64)>> {
        let best = self.best_disjunct(target)?;
        Some(self.rows_of(best, target).filter_map(|(_, index)| Some(self.row_forms(index)?.lower)).collect())
    }
}
