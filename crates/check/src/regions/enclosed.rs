//! Parts of cells on which the rows are known to within errors: a polytope that holds all of the preimage there, one that lies in
//! it, and whether there is a point of it at all.

use std::sync::Arc;

use crate::kernel::{ExactForm, Phases, Prover, Wall};

use super::cells::{self, Cell, EnclosedRow, Expanded, Setting};
use super::parts::{self, Part};
use super::polytope::{Polytope, without_implied};

/// How much of the way from the middle of a polytope to its rim points lie that are looked at. Rounding puts the rim itself beyond
/// it; a hair nearer is what sees a row change its sign where the polytope reaches to that side by a hair only.
const NEAR_RIM: [f64; 6] = [1.0, 1.0 - 1e-12, 1.0 - 1e-9, 1.0 - 1e-6, 0.999, 0.9];

/// What a disjunct asks for on a cell.
struct Open<'a> {
    /// One row of each equation.
    equations: Vec<&'a EnclosedRow>,
    /// Rows that stand alone.
    others: Vec<&'a EnclosedRow>,
}

impl Setting<'_> {
    /// The parts of a whole cell. `Err` says why they are out of reach.
    pub(super) fn enclosed_parts(&self, cell: &Cell, region: usize) -> Result<Vec<Part>, &'static str> {
        let mut out: Vec<Part> = Vec::new();
        for &d in &cell.alive {
            let open = self.open(cell, d);
            let wall = |form: &ExactForm| Arc::new(self.wall(form, false));
            let mut outer = cell.walls.clone();
            outer.extend(open.others.iter().map(|row| wall(&row.above)));
            let mut inner = cell.walls.clone();
            inner.extend(open.others.iter().map(|row| wall(&row.below)));
            for row in &open.equations {
                outer.extend([wall(&row.above), wall(&row.below.negated())]);
            }
            let Some(mut part) = parts::part(outer, cell, region) else { continue };
            part.dimension = self.free().saturating_sub(open.equations.len());
            part.certain = match open.equations[..] {
                [] => is_point_inside(cell, &inner, &open.others),
                [equation] => has_zero(cell, &inner, &open.others, equation),
                _ => false,
            };
            part.inner = Some(match open.equations[..] {
                [] if open.others.is_empty() => part.walls.clone(),
                [] if part.certain => without_implied(inner, &cell.lower, &cell.upper),
                [] => inner,
                // Nothing is proved to be inside of an equation's slab.
                [_] => vec![wall(&nowhere(cell))],
                _ => return Err("several equations whose hyperplanes are enclosed, not exact"),
            });
            out.push(part);
        }
        if out.len() > 1 {
            return Err("several disjuncts on one linear region whose hyperplanes are enclosed, not exact");
        }
        Ok(out)
    }

    /// Whether all of a polytope is in the preimage: it is split like the box, and on every cell that is left some disjunct must
    /// hold. `Err` with a point where that is not seen.
    pub(super) fn is_inside(&self, walls: &[Arc<Wall>], phases: &Phases) -> Result<(), Vec<f64>> {
        let mut prover = Prover::new(self.network);
        let mut stack = vec![Cell {
            walls: walls.to_vec(),
            lower: self.lower.clone(),
            upper: self.upper.clone(),
            phases: phases.clone(),
            alive: (0..self.disjuncts.len()).collect(),
            ..Cell::default()
        }];
        while let Some(mut cell) = stack.pop() {
            if !cells::narrow(&mut cell) {
                continue;
            }
            let middle = |l: &f64, u: &f64| f64::midpoint(*l, *u);
            let near: Vec<f64> = cell.lower.iter().zip(&cell.upper).map(|(l, u)| middle(l, u)).collect();
            match self.expand(cell, &mut prover) {
                Expanded::Split(children) => stack.extend(children),
                Expanded::Whole(cell) => {
                    let mut polytope = Polytope::new(&cell.walls, &cell.lower, &cell.upper).enclosed(true);
                    let mut holds = |d: &usize| {
                        let own = cell.rows.iter().filter(|own| self.disjuncts[*d].contains(&own.row));
                        own.into_iter().all(|own| polytope.is_within(&self.wall(&own.below, false)))
                    };
                    if !cell.alive.iter().any(&mut holds) {
                        return Err(near);
                    }
                }
                Expanded::Out | Expanded::Unknown => return Err(near),
            }
        }
        Ok(())
    }

    /// The rows of a disjunct that are not held, equations apart.
    fn open<'a>(&self, cell: &'a Cell, disjunct: usize) -> Open<'a> {
        let rows: Vec<&EnclosedRow> =
            cell.rows.iter().filter(|own| self.disjuncts[disjunct].contains(&own.row)).collect();
        let mut open = Open { equations: Vec::new(), others: Vec::new() };
        for own in &rows {
            match rows.iter().find(|other| self.are_opposite(own.row, other.row)) {
                Some(other) if own.row < other.row => open.equations.push(own),
                Some(_) => {}
                None => open.others.push(own),
            }
        }
        open
    }

    /// Whether one row is the other's negation.
    fn are_opposite(&self, a: usize, b: usize) -> bool {
        let (a, b) = (&self.targets[a], &self.targets[b]);
        let zero = |sum: crate::kernel::Dyadic| sum.is_zero();
        let slopes = a.outputs.slopes.iter().zip(&b.outputs.slopes).chain(a.inputs.iter().zip(&b.inputs));
        slopes.into_iter().all(|(a, b)| zero(a.plus(b)))
            && zero(a.outputs.constant.plus(&b.outputs.constant))
            && !a.row.strict
            && !b.row.strict
    }
}

/// A form that is negative everywhere.
fn nowhere(cell: &Cell) -> ExactForm {
    ExactForm::of(&vec![0.0; cell.lower.len()], -1.0)
}

/// Whether a point is on the right side of all walls, and all rows hold there with room to spare.
fn is_inside(point: &[f64], walls: &[Arc<Wall>], rows: &[&EnclosedRow]) -> bool {
    walls.iter().all(|wall| wall.exact.at(point).sign().is_ge())
        && rows.iter().all(|row| row.below.at(point).sign().is_gt())
}

fn is_point_inside(cell: &Cell, inner: &[Arc<Wall>], rows: &[&EnclosedRow]) -> bool {
    let point = Polytope::new(inner, &cell.lower, &cell.upper).inside().point;
    point.is_some_and(|point| is_inside(&point, inner, rows))
}

/// Whether an equation has a solution in a polytope: its row is 0 or more at one point of it and 0 or less at another, and
/// continuous, as the network is.
fn has_zero(cell: &Cell, inner: &[Arc<Wall>], rows: &[&EnclosedRow], equation: &EnclosedRow) -> bool {
    let mut polytope = Polytope::new(inner, &cell.lower, &cell.upper);
    let Some(middle) = polytope.inside().point else { return false };
    let mut reaches = |sign: f64| {
        let form = if sign > 0.0 { equation.below.clone() } else { equation.above.negated() };
        let down = form.negated();
        let slopes: Vec<f64> = down.slopes.iter().map(crate::kernel::Dyadic::nearest).collect();
        let (_, dual) = polytope.least(&slopes, down.constant.nearest());
        NEAR_RIM.iter().any(|share| {
            let toward = |(m, p): (&f64, &f64)| m + share * (p - m);
            let point: Vec<f64> = middle.iter().zip(&dual.point).map(toward).collect();
            point.iter().all(|v| v.is_finite())
                && is_inside(&point, inner, rows)
                && form.at(&point).sign().is_ge()
        })
    };
    reaches(1.0) && reaches(-1.0)
}
