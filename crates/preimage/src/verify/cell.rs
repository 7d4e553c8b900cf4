//! One cell of the search over inputs: a box, what of the question is open there, and what bounds say of it.

use netinverse_bounds::{Bounder, LinearForms, Method, Workspace};

use super::FEW_INPUTS;
use super::phases::{PhaseEffort, PhaseRow};
use super::proof::{Against, Reason};
use super::region::Region;

/// A box with the disjuncts that are not yet false on it.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    pub(crate) lower: Box<[f64]>,
    pub(crate) upper: Box<[f64]>,
    pub(crate) open: Box<[u32]>,
    /// An upper bound of the best margin on the parent: the likeliest cells come first.
    pub(crate) priority: f64,
    /// In a ball: a lower bound of the distance from its centre to what is asked on the cell.
    pub(crate) distance: f64,
    /// The node of the tree.
    pub(crate) node: u32,
}

/// A disjunct that is open on a cell.
struct Ranked {
    /// An upper bound of its margin, by the combination.
    bound: f64,
    disjunct: u32,
    /// Rows and multipliers of the combination that speaks most against it.
    members: Vec<(u32, f64)>,
}

/// Rows with their multipliers.
pub(crate) type Members = Vec<(u32, f64)>;

/// A slab at one end of a side that was proved to hold nothing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cut {
    pub(crate) input: u32,
    pub(crate) at: f64,
    /// Whether the slab below `at` was cut off, else the one above.
    pub(crate) low: bool,
    /// A row for each disjunct that was open.
    pub(crate) rows: Vec<(u32, u32)>,
}

/// What became of a cell.
#[derive(Debug, Default)]
pub(crate) struct Bounded {
    /// Disjuncts that hold nowhere on the cell, with the reason.
    pub(crate) dismissed: Vec<(u32, Reason)>,
    pub(crate) cuts: Vec<Cut>,
    /// The input to split and where; `None` where nothing is open, or no side has a double inside.
    pub(crate) split: Option<(usize, f64)>,
    /// The point where the bounds leave most room.
    pub(crate) point: Vec<f64>,
}

/// The buffers of one thread.
pub(crate) struct Buffers {
    pub(crate) workspace: Workspace,
    /// Whether the network has linear maps and ReLUs only.
    relus: bool,
    forms: LinearForms,
    rows: Vec<f64>,
    constants: Vec<f64>,
    scores: Vec<f64>,
    /// Forms pushed back so far, there and back again, about.
    pub(crate) pushes: u64,
}

/// A side is not halved below this part of the region's: what is open then touches, or nearly does.
const SMALLEST: f64 = 1e-18;

/// A slab is cut off where it takes at least this share of its side.
const WORTHWHILE: f64 = 0.05;

/// How many disjuncts decide the next split.
const LOOK_AT: usize = 8;

/// A cell's slopes are ascended where at most twice as many ReLUs are unstable, and their signs split where no more are.
const FEW_UNSTABLE: usize = 20;
/// How many splits of signs a cell may take: beyond, halving it is cheaper.
const MAX_EXPANSIONS: usize = 24;
/// Steps of ascent for each form.
const ASCENT_STEPS: usize = 8;

impl Buffers {
    pub(crate) fn new(bounder: &Bounder) -> Self {
        Buffers {
            workspace: bounder.workspace(),
            relus: bounder.is_relu_network(),
            forms: LinearForms::default(),
            rows: Vec::new(),
            constants: Vec::new(),
            scores: Vec::new(),
            pushes: 0,
        }
    }
}

impl Cell {
    /// Bounds the rows of the open disjuncts, dismisses those that are false, cuts off what holds nothing, and chooses the
    /// next split. The cell shrinks, and keeps only what is open.
    pub(crate) fn bound(&mut self, bounder: &Bounder, region: &Region, buffers: &mut Buffers) -> Bounded {
        let mut result = Bounded::default();
        // Backward for every unstable neuron: dearer by a factor of a few, and it takes a tenth to a thousandth of the boxes.
        // In a ball, forms are bounded over it where inputs are many; where they are few, its cells are small against it.
        let ball = region.ball.as_ref().filter(|_| region.free_inputs() > FEW_INPUTS);
        let workspace = &mut buffers.workspace;
        if !bounder.analyse_within(&self.lower, &self.upper, ball, Method::Backward, workspace) {
            self.priority = f64::INFINITY;
            result.split = self.longest_side(region);
            return result;
        }
        let unstable = bounder.unstable(&buffers.workspace).into_iter().filter(|u| *u).count();
        buffers.pushes += (unstable + self.lower.len() + 1 + region.rows.len()) as u64;
        let rows = self.push_rows(bounder, region, buffers);
        let position = |row: u32| rows.binary_search(&row).expect("rows of open disjuncts are bounded");
        let against = Against {
            forms: &buffers.forms,
            lower: &self.lower,
            upper: &self.upper,
            ball: region.ball.as_deref(),
        };
        let least: Vec<f64> = (0..rows.len()).map(|k| against.minimum(k)).collect();
        let is_false = |row: u32| {
            let value = least[position(row)];
            // A strict row is false at zero already.
            if region.rows[row as usize].strict { value >= 0.0 } else { value > 0.0 }
        };
        // The open disjuncts: an upper bound of their margin, and the rows that speak against them.
        let mut ranked: Vec<Ranked> = Vec::new();
        let mut nearest = f64::INFINITY;
        for &disjunct in &self.open {
            let own = &region.disjuncts[disjunct as usize];
            if let Some(&row) = own.iter().find(|&&row| is_false(row)) {
                result.dismissed.push((disjunct, Reason::Row(row)));
                continue;
            }
            if let Some(ball) = &region.ball {
                // The forms are below −g: what is asked is where all of them are not positive.
                let negated: Vec<(Vec<f64>, f64)> = own
                    .iter()
                    .map(|&row| buffers.forms.form(position(row)))
                    .map(|(slopes, constant)| (slopes.iter().map(|s| -s).collect(), -constant))
                    .collect();
                let rows: Vec<(&[f64], f64)> = negated.iter().map(|(s, c)| (&s[..], *c)).collect();
                let distance = ball.distance.to_half_spaces(&rows, &self.lower, &self.upper);
                if distance > ball.radius || distance.is_infinite() {
                    result.dismissed.push((disjunct, Reason::Far));
                    continue;
                }
                nearest = nearest.min(distance);
            }
            let positions: Vec<usize> = own.iter().map(|&row| position(row)).collect();
            let (members, value) = match positions[..] {
                [] => {
                    // A disjunct that asks nothing: any point is a witness.
                    result.point = self.centre();
                    self.priority = f64::INFINITY;
                    return result;
                }
                [only] => (vec![(own[0], 1.0)], least[only] * region.rows[own[0] as usize].scale),
                _ => {
                    let (multipliers, value) = against.multipliers(&positions);
                    let members: Vec<(u32, f64)> =
                        own.iter().copied().zip(multipliers).filter(|(_, g)| *g > 0.0).collect();
                    let scale: f64 =
                        members.iter().map(|&(row, g)| g * region.rows[row as usize].scale).sum();
                    (members, value * scale)
                }
            };
            ranked.push(Ranked { bound: -value, disjunct, members });
        }
        if nearest.is_finite() {
            self.distance = self.distance.max(nearest);
        }
        ranked.sort_by(|a, b| b.bound.total_cmp(&a.bound));
        let mut cuts = cuts(region, &ranked, &against, &position);
        // Combined rows, and those that decide the split, once more together: a combined row is bounded better as one row.
        let combined = ranked.len() <= LOOK_AT || ranked.iter().any(|r| r.members.len() > 1);
        if combined && !ranked.is_empty() {
            self.push_combined(bounder, region, &ranked, buffers);
            let against = Against {
                forms: &buffers.forms,
                lower: &self.lower,
                upper: &self.upper,
                ball: region.ball.as_deref(),
            };
            let least: Vec<f64> = (0..ranked.len()).map(|k| against.minimum(k)).collect();
            let mut k = 0;
            let mut kept = Vec::new();
            ranked.retain(|own| {
                k += 1;
                let reason = if least[k - 1] > 0.0 {
                    Some(Reason::Combination(own.members.clone()))
                } else {
                    finish(bounder, region, own, k - 1, buffers)
                };
                let open = reason.is_none();
                match reason {
                    Some(reason) => result.dismissed.push((own.disjunct, reason)),
                    None => kept.push(k - 1),
                }
                open
            });
            // A disjunct that is gone allows more to be cut off, which the next cell finds out.
            cuts.retain_mut(|cut| {
                cut.rows.retain(|(disjunct, _)| ranked.iter().any(|own| own.disjunct == *disjunct));
                !cut.rows.is_empty()
            });
            self.decide(bounder, &kept, buffers, &mut result, &ranked);
        } else if !ranked.is_empty() {
            let kept: Vec<usize> = ranked.iter().map(|own| position(own.members[0].0)).collect();
            self.decide(bounder, &kept, buffers, &mut result, &ranked);
        }
        let mut open: Vec<u32> = ranked.iter().map(|own| own.disjunct).collect();
        open.sort_unstable();
        self.open = open.into();
        if self.open.is_empty() {
            return result;
        }
        result.cuts = cuts;
        for cut in &result.cuts {
            let side = if cut.low { &mut self.lower } else { &mut self.upper };
            side[cut.input as usize] = cut.at;
        }
        if result.cuts.iter().any(|cut| self.lower[cut.input as usize] >= self.upper[cut.input as usize]) {
            // The slabs from both ends meet: nothing is left between them.
            self.open = Box::default();
            result.point.clear();
            return result;
        }
        let scores = &buffers.scores;
        let halves = |i: &usize| self.middle(region, *i).is_some();
        let best = (0..scores.len()).filter(halves).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
        result.split = match best {
            Some(i) if scores[i] > 0.0 => self.middle(region, i).map(|at| (i, at)),
            _ => self.longest_side(region),
        };
        result
    }

    /// Scores the inputs by the forms that decide, and notes where these leave most room.
    fn decide(
        &mut self,
        bounder: &Bounder,
        kept: &[usize],
        buffers: &mut Buffers,
        result: &mut Bounded,
        ranked: &[Ranked],
    ) {
        let Buffers { workspace, forms, scores, .. } = buffers;
        scores.clear();
        scores.resize(self.lower.len(), 0.0);
        let (Some(&first), Some(best)) = (kept.first(), ranked.first()) else { return };
        self.priority = best.bound;
        let slopes = forms.form(first).0;
        let corner = |i: usize| if slopes[i] >= 0.0 { self.lower[i] } else { self.upper[i] };
        result.point = (0..slopes.len()).map(corner).collect();
        let deciding = &kept[..kept.len().min(LOOK_AT)];
        bounder.split_scores_of(workspace, deciding, scores);
    }

    /// What speaks against one disjunct on the cell, as one row: coefficients, constant, and the rows with multipliers that it
    /// is made of; `None` where it asks nothing, or speaks of inputs.
    pub(crate) fn combined(
        &self,
        bounder: &Bounder,
        region: &Region,
        disjunct: u32,
        buffers: &mut Buffers,
    ) -> Option<(Vec<f64>, f64, Members)> {
        let own = &region.disjuncts[disjunct as usize];
        if own.is_empty() || own.iter().any(|&row| !region.rows[row as usize].inputs.is_empty()) {
            return None;
        }
        let alone = Cell { open: [disjunct].into(), ..self.clone() };
        alone.push_rows(bounder, region, buffers);
        let against = Against {
            forms: &buffers.forms,
            lower: &self.lower,
            upper: &self.upper,
            ball: region.ball.as_deref(),
        };
        let positions: Vec<usize> = (0..own.len()).collect();
        let (multipliers, value) = against.multipliers(&positions);
        let members: Vec<(u32, f64)> =
            own.iter().copied().zip(multipliers).filter(|(_, g)| *g > 0.0).collect();
        let ranked = [Ranked { bound: -value, disjunct, members: members.clone() }];
        alone.push_combined(bounder, region, &ranked, buffers);
        Some((buffers.rows.clone(), buffers.constants[0], members))
    }

    /// Pushes forms below the negated rows of the open disjuncts; the rows, ascending, one a form.
    fn push_rows(&self, bounder: &Bounder, region: &Region, buffers: &mut Buffers) -> Vec<u32> {
        let mut used: Vec<u32> =
            self.open.iter().flat_map(|&d| region.disjuncts[d as usize].iter().copied()).collect();
        used.sort_unstable();
        used.dedup();
        let Buffers { workspace, forms, rows, constants, .. } = buffers;
        rows.clear();
        constants.clear();
        for &row in &used {
            let row = &region.rows[row as usize];
            rows.extend(row.outputs.iter().map(|c| -c));
            constants.push(-row.constant);
        }
        bounder.lower_forms(rows, constants, workspace, forms);
        for (k, &row) in used.iter().enumerate() {
            self.subtract_inputs(forms, k, &region.rows[row as usize].inputs);
        }
        used
    }

    /// Pushes forms below the negated combinations.
    fn push_combined(&self, bounder: &Bounder, region: &Region, ranked: &[Ranked], buffers: &mut Buffers) {
        let (m, n) = (bounder.output_size(), self.lower.len());
        let Buffers { workspace, forms, rows, constants, .. } = buffers;
        rows.clear();
        constants.clear();
        let mut inputs = vec![0.0; ranked.len() * n];
        for (r, own) in ranked.iter().enumerate() {
            let start = rows.len();
            rows.resize(start + m, 0.0);
            let (mut constant, mut magnitude) = (0.0, 0.0);
            let mut sizes = vec![0.0; m];
            let mut input_sizes = 0.0;
            for &(row, factor) in &own.members {
                let row = &region.rows[row as usize];
                for (j, c) in row.outputs.iter().enumerate() {
                    rows[start + j] -= factor * c;
                    sizes[j] += (factor * c).abs();
                }
                for (i, c) in row.inputs.iter().enumerate() {
                    inputs[r * n + i] += factor * c;
                    input_sizes += (factor * c).abs() * self.lower[i].abs().max(self.upper[i].abs());
                }
                constant -= factor * row.constant;
                magnitude += (factor * row.constant).abs();
            }
            // What the sums have rounded, over the outputs' intervals; nothing where there was nothing to add.
            if own.members.len() > 1 || own.members.first().is_some_and(|(_, g)| *g != 1.0) {
                let (low, high) = bounder.output(workspace);
                let reach: f64 = (0..m).map(|j| sizes[j] * low[j].abs().max(high[j].abs())).sum();
                let terms = 2.0 * (own.members.len() + 4) as f64;
                constant -= terms * f64::EPSILON * (reach + input_sizes + magnitude) * (1.0 + 1e-9) + 1e-290;
            }
            constants.push(constant);
        }
        bounder.lower_forms(rows, constants, workspace, forms);
        for (r, own) in inputs.chunks_exact(n.max(1)).enumerate() {
            if own.iter().any(|&c| c != 0.0) {
                self.subtract_inputs(forms, r, own);
            }
        }
    }

    /// Subtracts `inputs · x` from a form, rounded down.
    fn subtract_inputs(&self, forms: &mut LinearForms, k: usize, inputs: &[f64]) {
        if inputs.is_empty() {
            return;
        }
        let n = self.lower.len();
        let mut error = 0.0;
        for i in 0..n {
            let sum = forms.slopes[k * n + i] - inputs[i];
            // One rounding of a sum, times the largest |x|.
            error += sum.abs() * f64::EPSILON * self.lower[i].abs().max(self.upper[i].abs());
            forms.slopes[k * n + i] = sum;
        }
        forms.constants[k] = (forms.constants[k] - error * (1.0 + 1e-9) - 1e-290).next_down();
    }

    pub(crate) fn centre(&self) -> Vec<f64> {
        self.lower.iter().zip(&self.upper).map(|(lo, hi)| lo.midpoint(*hi)).collect()
    }

    /// Whether the cell is one point.
    pub(crate) fn is_point(&self) -> bool {
        self.lower == self.upper
    }

    /// The two parts of the cell.
    pub(crate) fn split(&self, input: usize, at: f64) -> [Cell; 2] {
        let mut halves = [self.clone(), self.clone()];
        halves[0].upper[input] = at;
        halves[1].lower[input] = at;
        halves
    }

    /// A double strictly inside a side, where the side is not too small a part of the region's.
    fn middle(&self, region: &Region, i: usize) -> Option<f64> {
        let at = self.lower[i].midpoint(self.upper[i]);
        let large = self.upper[i] - self.lower[i] > SMALLEST * (region.upper[i] - region.lower[i]);
        (large && self.lower[i] < at && at < self.upper[i]).then_some(at)
    }

    fn longest_side(&self, region: &Region) -> Option<(usize, f64)> {
        let width = |i: usize| self.upper[i] - self.lower[i];
        let sides = (0..self.lower.len()).filter(|&i| self.middle(region, i).is_some());
        let longest = sides.max_by(|&a, &b| width(a).total_cmp(&width(b)))?;
        self.middle(region, longest).map(|at| (longest, at))
    }
}

/// Where few neurons are unstable: the combined row k once more, with slopes ascended and signs split.
fn finish(
    bounder: &Bounder,
    region: &Region,
    own: &Ranked,
    k: usize,
    buffers: &mut Buffers,
) -> Option<Reason> {
    if !buffers.relus || own.members.iter().any(|(row, _)| !region.rows[*row as usize].inputs.is_empty()) {
        return None;
    }
    let m = bounder.output_size();
    let row = &buffers.rows[k * m..(k + 1) * m];
    let row = PhaseRow::new(bounder, &buffers.workspace, row, buffers.constants[k]);
    let unstable = row.unstable_count();
    if unstable > 2 * FEW_UNSTABLE {
        return None;
    }
    let limit = if unstable > FEW_UNSTABLE { 0 } else { MAX_EXPANSIONS };
    let effort = PhaseEffort { candidates: 3, steps: ASCENT_STEPS };
    let Buffers { workspace, pushes, .. } = buffers;
    let leaves = row.settle(bounder, workspace, ASCENT_STEPS, limit, effort, pushes)?;
    Some(Reason::Phases(own.members.clone(), leaves))
}

/// The slabs at the ends of the sides where every open disjunct has a row that is false.
fn cuts(region: &Region, ranked: &[Ranked], against: &Against, position: &dyn Fn(u32) -> usize) -> Vec<Cut> {
    let mut all = Vec::new();
    if ranked.is_empty() {
        return all;
    }
    for i in 0..against.lower.len() {
        let width = against.upper[i] - against.lower[i];
        for low in [true, false] {
            // The least that every disjunct allows to be cut off.
            let mut at = if low { f64::INFINITY } else { f64::NEG_INFINITY };
            let mut rows = Vec::with_capacity(ranked.len());
            let complete = ranked.iter().map(|own| own.disjunct).all(|disjunct| {
                let candidates = region.disjuncts[disjunct as usize].iter();
                let cuts = candidates.filter_map(|&row| Some((against.cut(position(row), i, low)?, row)));
                let best = cuts.max_by(|a, b| if low { a.0.total_cmp(&b.0) } else { b.0.total_cmp(&a.0) });
                let Some((own, row)) = best else { return false };
                at = if low { at.min(own) } else { at.max(own) };
                rows.push((disjunct, row));
                true
            });
            if !complete {
                continue;
            }
            let share = if low { at - against.lower[i] } else { against.upper[i] - at } / width;
            if share >= WORTHWHILE
                && rows.iter().all(|&(_, row)| against.holds_beyond(position(row), i, at, low))
            {
                all.push(Cut { input: i as u32, at, low, rows });
            }
        }
    }
    all
}
