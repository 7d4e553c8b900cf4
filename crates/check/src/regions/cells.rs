//! Cells: parts of the box between the kinks of functions, split until every element that matters is in one phase.
//!
//! A cell is left out only where every disjunct is proved to fail, and the parts of a split cover it (see `cuts`): what is asked for
//! lies in the cells that are kept.

use std::sync::Arc;

use crate::kernel::{Claim, Curve, Dyadic, ExactForm, Network, Op, Phases, Prover, Row, Wall, affine};

use super::polytope::{Polytope, without_implied};

/// A half-space that is asked for.
#[derive(Debug)]
pub(super) struct Target {
    /// In doubles: `inner` implies it, it implies `outer`.
    pub(super) row: Row,
    /// The form over the outputs, without rounding, times a positive number; its constant is that of both.
    pub(super) outputs: ExactForm,
    /// What is added over the inputs.
    pub(super) inputs: Vec<Dyadic>,
}

/// What cells are looked for.
#[derive(Debug)]
pub(super) struct Setting<'a> {
    pub(super) network: &'a Network,
    pub(super) targets: Vec<Target>,
    pub(super) disjuncts: Vec<Vec<usize>>,
    /// The box of doubles.
    pub(super) lower: Vec<f64>,
    pub(super) upper: Vec<f64>,
    /// Whether cells where nothing holds are wanted too.
    pub(super) all: bool,
    /// Whether every output matters, or only those that are asked about.
    pub(super) maps: bool,
    /// Whether forms are known to within errors only: cells are then split near kinks, and units are near their phases.
    pub(super) enclosed: bool,
}

/// A part of the box.
#[derive(Debug, Clone, Default)]
pub(super) struct Cell {
    pub(super) walls: Vec<Arc<Wall>>,
    /// A box around it.
    pub(super) lower: Vec<f64>,
    pub(super) upper: Vec<f64>,
    pub(super) phases: Phases,
    /// Disjuncts that are not proved to fail.
    pub(super) alive: Vec<usize>,
    /// Rows that are proved to hold, with room to spare, on all of a cell that is whole.
    pub(super) held: Vec<usize>,
    /// Of a cell that is whole, if maps are wanted: n slopes and a constant of a form below each output, then of one below its
    /// negation.
    pub(super) below: Vec<f64>,
    /// Of a cell that is whole, if forms are enclosed: the rows that are not held.
    pub(super) rows: Vec<EnclosedRow>,
}

/// A row on a cell: its value is between two forms.
#[derive(Debug, Clone)]
pub(super) struct EnclosedRow {
    pub(super) row: usize,
    pub(super) below: ExactForm,
    pub(super) above: ExactForm,
}

/// A cell on which the network is one affine map.
#[derive(Debug)]
pub(super) struct Region {
    pub(super) cell: Cell,
    /// The outputs, those that matter.
    pub(super) outputs: Vec<Option<ExactForm>>,
}

impl Region {
    /// The exact form of a target.
    pub(super) fn target(&self, target: &Target) -> Option<ExactForm> {
        let constant = target.outputs.constant.clone();
        let mut form = ExactForm { slopes: target.inputs.clone(), constant };
        for (c, output) in target.outputs.slopes.iter().zip(&self.outputs).filter(|(c, _)| !c.is_zero()) {
            form.subtract(&c.negated(), output.as_ref()?);
        }
        Some(form)
    }
}

/// What becomes of a cell.
#[derive(Debug)]
pub(super) enum Expanded {
    /// Nothing that is asked for is in it.
    Out,
    Split(Vec<Cell>),
    /// The network is one affine map on it.
    Whole(Box<Cell>),
    /// Its numbers are too large.
    Unknown,
}

impl Setting<'_> {
    /// The rows that matter and are not held, between forms.
    fn enclosed_rows(&self, cell: &Cell, prover: &Prover) -> Option<Vec<EnclosedRow>> {
        let rows: Vec<usize> = self.rows(cell).into_iter().filter(|row| !cell.held.contains(row)).collect();
        let claims = |holds: bool| -> Vec<Claim> {
            rows.iter().map(|&row| Claim::row(&self.targets[row].row, holds)).collect()
        };
        let [below, above] = [true, false].map(|holds| prover.forms(&claims(holds), &[]));
        let one = |(k, &row): (usize, &usize)| {
            let known = below.constants[k].is_finite() && above.constants[k].is_finite();
            known.then(|| EnclosedRow {
                row,
                below: ExactForm::of(below.slopes(k), below.constants[k]),
                above: ExactForm::of(above.slopes(k), above.constants[k]).negated(),
            })
        };
        rows.iter().enumerate().map(one).collect()
    }

    /// The exact form of a target on a cell.
    fn target(&self, phases: &Phases, target: usize) -> Option<ExactForm> {
        if self.enclosed {
            return None;
        }
        let own = &self.targets[target];
        let mut form = affine(self.network, phases, self.network.output, own.outputs.clone())?;
        for (slope, more) in form.slopes.iter_mut().zip(&own.inputs) {
            *slope = slope.plus(more);
        }
        Some(form)
    }

    /// An output as a function of the input on a cell that is whole; `None` where it is out of reach.
    pub(super) fn output(&self, cell: &Cell, j: usize) -> Option<ExactForm> {
        if self.enclosed {
            return None;
        }
        let mut slopes = vec![Dyadic::ZERO; self.network.outputs()];
        slopes[j] = Dyadic::of(1.0);
        let form = ExactForm { slopes, constant: Dyadic::ZERO };
        affine(self.network, &cell.phases, self.network.output, form)
    }

    /// A cell that is whole, with the outputs that rows speak of which are not held; those out of reach are left out, as an output
    /// that only a dead disjunct speaks of may depend on what is not decided.
    pub(super) fn region(&self, cell: Cell) -> Region {
        let open = |row: &usize| !cell.held.contains(row);
        let open: Vec<usize> = self.rows(&cell).into_iter().filter(open).collect();
        let speaks = |j: usize| open.iter().any(|&row| !self.targets[row].outputs.slopes[j].is_zero());
        let outputs = (0..self.network.outputs())
            .map(|j| if speaks(j) { self.output(&cell, j) } else { None })
            .collect();
        Region { cell, outputs }
    }

    pub(super) fn wall(&self, form: &ExactForm, strict: bool) -> Wall {
        Wall::new(form, strict, &self.lower, &self.upper)
    }

    /// Bounds a cell, decides what can be, and splits it if something is left.
    pub(super) fn expand(&self, mut cell: Cell, prover: &mut Prover) -> Expanded {
        if !narrow(&mut cell) {
            return Expanded::Out;
        }
        let Some(cuts) = self.bound(&mut cell, prover) else { return Expanded::Unknown };
        let relevant = self.relevant(&cell);
        let best = cuts
            .into_iter()
            .filter(|cut| relevant[cell.phases.unit(cut.step, cut.element)])
            .max_by(|a, b| a.depth.total_cmp(&b.depth));
        let whole = best.is_none();
        let failed = self.failed(&cell, prover, whole);
        cell.alive.retain(|&d| !self.disjuncts[d].iter().any(|row| failed.contains(row)));
        if cell.alive.is_empty() && !self.all {
            return Expanded::Out;
        }
        match best {
            None => {
                cell.held = self.held(&cell, prover);
                if self.enclosed {
                    let Some(rows) = self.enclosed_rows(&cell, prover) else { return Expanded::Unknown };
                    cell.rows = rows;
                }
                if self.maps {
                    let outputs: Vec<_> = (0..self.network.outputs()).map(|j| (j, None)).collect();
                    let forms = self.forms(prover, self.network.output, &outputs);
                    for k in 0..2 * outputs.len() {
                        cell.below.extend(forms.slopes(k));
                        cell.below.push(forms.constants[k]);
                    }
                }
                Expanded::Whole(Box::new(cell))
            }
            Some(cut) => self.split(&cell, &cut, prover).map_or(Expanded::Unknown, Expanded::Split),
        }
    }

    /// The rows of the disjuncts that are alive.
    fn rows(&self, cell: &Cell) -> Vec<usize> {
        let mut rows: Vec<usize> =
            cell.alive.iter().flat_map(|&d| self.disjuncts[d].iter().copied()).collect();
        rows.sort_unstable();
        rows.dedup();
        rows
    }

    /// The rows that are proved to fail on all of the cell; with ties where the network is affine.
    fn failed(&self, cell: &Cell, prover: &mut Prover, whole: bool) -> Vec<usize> {
        let rows = self.rows(cell);
        let claims: Vec<Claim> = rows.iter().map(|&row| Claim::row(&self.targets[row].row, false)).collect();
        let forms = prover.forms(&claims, &[]);
        let mut polytope = Polytope::new(&cell.walls, &cell.lower, &cell.upper);
        let mut fails = |k: usize| {
            let (slopes, constant) = (forms.slopes(k), forms.constants[k]);
            let (bound, dual) = polytope.least(slopes, constant);
            bound > 0.0
                || whole && dual.value >= -polytope.near(slopes, constant) && {
                    let form = self.target(&cell.phases, rows[k]);
                    let strict = !self.targets[rows[k]].row.strict;
                    form.is_some_and(|form| polytope.follows_exactly(&form.negated(), &dual, strict))
                }
        };
        (0..rows.len()).filter(|&k| fails(k)).map(|k| rows[k]).collect()
    }

    /// The rows that forms in doubles prove to hold, and not to be 0, on all of the cell.
    fn held(&self, cell: &Cell, prover: &mut Prover) -> Vec<usize> {
        let rows = self.rows(cell);
        let claims: Vec<Claim> = rows.iter().map(|&row| Claim::row(&self.targets[row].row, true)).collect();
        let forms = prover.forms(&claims, &[]);
        let mut polytope = Polytope::new(&cell.walls, &cell.lower, &cell.upper);
        let mut holds = |k: usize| polytope.least(forms.slopes(k), forms.constants[k]).0 > 0.0;
        (0..rows.len()).filter(|&k| holds(k)).map(|k| rows[k]).collect()
    }

    /// The elements that what is asked for, or the outputs, depend on.
    pub(super) fn relevant(&self, cell: &Cell) -> Vec<bool> {
        let network = self.network;
        let mut needed: Vec<Vec<bool>> = network.sizes.iter().map(|&size| vec![false; size]).collect();
        let mut units = vec![false; cell.phases.count()];
        if self.maps {
            needed[network.output].fill(true);
        } else {
            for &row in cell.alive.iter().flat_map(|&d| &self.disjuncts[d]) {
                let outputs = &self.targets[row].outputs.slopes;
                needed[network.output].iter_mut().zip(outputs).for_each(|(n, c)| *n |= !c.is_zero());
            }
        }
        for (index, step) in network.steps.iter().enumerate().rev() {
            let own = std::mem::take(&mut needed[step.output]);
            let asked = (0..own.len()).filter(|&j| own[j]);
            match &step.op {
                Op::Affine { maps, .. } => {
                    for (map, &input) in maps.iter().zip(&step.inputs) {
                        let needed = &mut needed[input];
                        // Of a dense matrix the first row needs them all.
                        let mut left = needed.iter().filter(|&&n| !n).count();
                        for j in asked.clone() {
                            if left == 0 {
                                break;
                            }
                            map.row(j, |i, w, _| {
                                left -= usize::from(w != 0.0 && !std::mem::replace(&mut needed[i], true));
                            });
                        }
                    }
                }
                Op::Curves(curves) => {
                    for j in asked {
                        units[cell.phases.unit(index, j)] = true;
                        let phase = cell.phases.decided(index, j);
                        let flat = phase.is_some_and(|phase| {
                            let curve = &curves[if curves.len() == 1 { 0 } else { j }];
                            matches!(curve, Curve::Piecewise { segments, .. } if segments[phase].0 == 0.0)
                        });
                        needed[step.inputs[0]][j] |= !flat;
                    }
                }
                Op::Maximum { starts, sources } => {
                    for j in asked {
                        units[cell.phases.unit(index, j)] = true;
                        let taps = &sources[starts[j]..starts[j + 1]];
                        let phase = cell.phases.decided(index, j);
                        for (k, &source) in taps.iter().enumerate() {
                            needed[step.inputs[0]][source as usize] |= phase.is_none_or(|phase| phase == k);
                        }
                    }
                }
            }
        }
        units
    }
}

/// Makes the box around the cell smaller, and leaves out walls that others imply; `false` if the cell is proved to be empty.
///
/// In the smaller box a wall w may be implied although it is needed to make that box. Of a cell P that has a point it may be
/// left out all the same: from P to a point that only the others leave in, w would have to become 0, which it is nowhere on P.
pub(super) fn narrow(cell: &mut Cell) -> bool {
    let (mut lower, mut upper) = (cell.lower.clone(), cell.upper.clone());
    let mut middle = vec![0.0; lower.len()];
    let free: Vec<usize> = (0..lower.len()).filter(|&i| lower[i] < upper[i]).collect();
    {
        let mut polytope = Polytope::new(&cell.walls, &cell.lower, &cell.upper);
        for &i in &free {
            let mut slopes = vec![0.0; lower.len()];
            slopes[i] = 1.0;
            let (low, least) = polytope.least(&slopes, 0.0);
            slopes[i] = -1.0;
            let (high, greatest) = polytope.least(&slopes, 0.0);
            if low == f64::INFINITY || high == f64::INFINITY {
                return false;
            }
            for point in [&least.point, &greatest.point] {
                let share = 0.5 / free.len() as f64;
                middle.iter_mut().zip(point).for_each(|(m, p)| *m += share * p);
            }
            (lower[i], upper[i]) = (lower[i].max(low), upper[i].min(-high));
            if lower[i] >= upper[i] {
                // Thinner than rounding: the box stays as it was.
                (lower[i], upper[i]) = (cell.lower[i], cell.upper[i]);
            }
        }
    }
    for i in (0..lower.len()).filter(|i| !free.contains(i)) {
        middle[i] = lower[i];
    }
    (cell.lower, cell.upper) = (lower, upper);
    if cell.walls.iter().all(|wall| wall.exact.at(&middle).sign().is_ge()) {
        cell.walls = without_implied(std::mem::take(&mut cell.walls), &cell.lower, &cell.upper);
    }
    true
}
