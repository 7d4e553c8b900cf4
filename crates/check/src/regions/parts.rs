//! Parts: what a linear region has of what is asked for, as polytopes without rounding; disjoint tiles of them for volumes.

use std::sync::Arc;

use crate::kernel::{Rational, Wall, volume_bounds, volume_exactly};

use super::cells::{Cell, Region, Setting};
use super::polytope::Polytope;

/// A polytope of the preimage in one linear region.
#[derive(Debug)]
pub(super) struct Part {
    /// Closed; irredundant as far as that is proved. All of the region's preimage satisfies them.
    pub(super) walls: Vec<Arc<Wall>>,
    /// What satisfies these is in the preimage, if they are others.
    pub(super) inner: Option<Vec<Arc<Wall>>>,
    /// Whether there is a point of the preimage.
    pub(super) certain: bool,
    pub(super) lower: Vec<f64>,
    pub(super) upper: Vec<f64>,
    /// The region, by index.
    pub(super) region: usize,
    /// A point inside, about.
    pub(super) point: Vec<f64>,
    /// Over the free inputs; proved where it is less than their number.
    pub(super) dimension: usize,
}

/// What a disjunct has of a cell.
enum Has {
    Nothing,
    All,
    Some(Vec<usize>),
}

impl Setting<'_> {
    /// The parts of a region; those of full dimension do not overlap. `None` where a form is out of reach.
    pub(super) fn parts(&self, whole: &Region, region: usize) -> Option<Vec<Part>> {
        let cell = &whole.cell;
        let mut out = Vec::new();
        let mut full: Vec<Vec<usize>> = Vec::new();
        let mut walls: Vec<Option<Arc<Wall>>> = vec![None; self.targets.len()];
        for &d in &cell.alive {
            let open = match self.has(whole, d, &mut walls)? {
                Has::Nothing => continue,
                Has::All => Vec::new(),
                Has::Some(open) => open,
            };
            let rows = open.iter().filter_map(|&row| walls[row].clone());
            let Some(part) = part(cell.walls.iter().cloned().chain(rows).collect(), cell, region) else {
                continue;
            };
            if part.dimension == self.free() {
                full.push(open);
                if full.len() == 1 {
                    out.push(part);
                }
            } else if !self.is_open_face(whole, &part, d)? {
                out.push(part);
            }
        }
        if full.len() > 1 {
            out.retain(|part| part.dimension < self.free());
            let mut states = vec![None; self.targets.len()];
            self.tile(whole, cell.walls.clone(), region, &full, &mut states, &mut out)?;
        }
        Some(out)
    }

    pub(super) fn free(&self) -> usize {
        (0..self.lower.len()).filter(|&i| self.lower[i] < self.upper[i]).count()
    }

    /// What a disjunct has of a cell; the walls of its rows, closed, are kept.
    fn has(&self, whole: &Region, disjunct: usize, walls: &mut [Option<Arc<Wall>>]) -> Option<Has> {
        let cell = &whole.cell;
        let mut polytope = Polytope::new(&cell.walls, &cell.lower, &cell.upper);
        let mut open = Vec::new();
        for &row in self.disjuncts[disjunct].iter().filter(|row| !cell.held.contains(row)) {
            if walls[row].is_none() {
                walls[row] = Some(Arc::new(self.wall(&whole.target(&self.targets[row])?, false)));
            }
            let closed = walls[row].as_ref()?;
            let wall = Wall { strict: self.targets[row].row.strict, ..(**closed).clone() };
            if polytope.is_within(&wall) {
                continue;
            }
            if polytope.is_beyond(&wall) {
                return Some(Has::Nothing);
            }
            open.push(row);
        }
        Some(if open.is_empty() { Has::All } else { Has::Some(open) })
    }

    /// Whether a strict row of a disjunct is 0 on all of a flat part, which then is none.
    fn is_open_face(&self, whole: &Region, part: &Part, disjunct: usize) -> Option<bool> {
        let mut polytope = Polytope::new(&part.walls, &part.lower, &part.upper);
        for &row in self.disjuncts[disjunct].iter().filter(|&&row| self.targets[row].row.strict) {
            if polytope.is_beyond(&self.wall(&whole.target(&self.targets[row])?, true)) {
                return Some(true);
            }
        }
        Some(false)
    }

    /// Cuts a cell along rows until a disjunct holds on all of it, or none.
    fn tile(
        &self,
        whole: &Region,
        walls: Vec<Arc<Wall>>,
        region: usize,
        disjuncts: &[Vec<usize>],
        states: &mut Vec<Option<bool>>,
        out: &mut Vec<Part>,
    ) -> Option<()> {
        let cell = &whole.cell;
        if disjuncts.iter().any(|rows| rows.iter().all(|&row| states[row] == Some(true))) {
            out.extend(part(walls, cell, region).filter(|part| part.dimension == self.free()));
            return Some(());
        }
        let alive = disjuncts.iter().find(|rows| !rows.iter().any(|&row| states[row] == Some(false)));
        let Some(row) = alive.and_then(|rows| rows.iter().copied().find(|&row| states[row].is_none())) else {
            return Some(());
        };
        let wall = self.wall(&whole.target(&self.targets[row])?, false);
        for (state, side) in [(true, wall.clone()), (false, wall.opposite(false))] {
            let mut polytope = Polytope::new(&walls, &cell.lower, &cell.upper);
            let beyond = polytope.is_within(&side.opposite(false));
            if beyond {
                // At most a face is on this side.
                continue;
            }
            let mut walls = walls.clone();
            walls.push(Arc::new(side));
            states[row] = Some(state);
            self.tile(whole, walls, region, disjuncts, states, out)?;
        }
        states[row] = None;
        Some(())
    }
}

/// The polytope of some walls in a cell's box; `None` if there is no point, for certain.
pub(super) fn part(walls: Vec<Arc<Wall>>, cell: &Cell, region: usize) -> Option<Part> {
    let mut own = Cell { walls, ..cell.clone() };
    if Polytope::new(&own.walls, &own.lower, &own.upper).is_empty() || !super::cells::narrow(&mut own) {
        return None;
    }
    let Cell { walls, lower, upper, .. } = own;
    let mut polytope = Polytope::new(&walls, &lower, &upper);
    let inside = polytope.inside();
    // More equations than inputs may leave a point in doubles, and none in truth.
    if !inside.tight.is_empty() && polytope.is_empty_exactly() {
        return None;
    }
    let free: Vec<usize> = (0..lower.len()).filter(|&i| lower[i] < upper[i]).collect();
    let flat: Vec<usize> =
        inside.tight.iter().copied().filter(|&k| polytope.is_within(&walls[k].opposite(false))).collect();
    let mut rows: Vec<Vec<Rational>> = flat
        .iter()
        .map(|&k| free.iter().map(|&i| walls[k].exact.slopes[i].to_rational()).collect())
        .collect();
    let dimension = free.len() - rank(&mut rows);
    let point = inside.point.unwrap_or_else(|| lower.clone());
    Some(Part { walls, inner: None, certain: true, lower, upper, region, point, dimension })
}

fn rank(rows: &mut [Vec<Rational>]) -> usize {
    let columns = rows.first().map_or(0, Vec::len);
    let mut rank = 0;
    for column in 0..columns {
        let Some(pivot) = (rank..rows.len()).find(|&r| rows[r][column] != Rational::ZERO) else { continue };
        rows.swap(rank, pivot);
        for r in rank + 1..rows.len() {
            let factor = &rows[r][column] / &rows[rank][column];
            if factor != Rational::ZERO {
                for k in column..columns {
                    let take = &factor * &rows[rank][k];
                    rows[r][k] -= take;
                }
            }
        }
        rank += 1;
    }
    rank
}

impl Part {
    /// Proved bounds of its volume; (0, ∞) where rounding leaves it open.
    pub(super) fn volume(&self) -> (f64, f64) {
        let bounds = |walls: &[Arc<Wall>]| {
            let walls: Vec<&Wall> = walls.iter().map(|wall| &**wall).collect();
            volume_bounds(&walls, &self.lower, &self.upper).unwrap_or((0.0, f64::INFINITY))
        };
        let outer = bounds(&self.walls);
        self.inner.as_ref().map_or(outer, |inner| (bounds(inner).0, outer.1))
    }

    /// Its volume without rounding.
    pub(super) fn volume_exactly(&self) -> Option<Rational> {
        if self.inner.is_some() {
            return None;
        }
        let walls: Vec<&Wall> = self.walls.iter().map(|wall| &**wall).collect();
        volume_exactly(&walls, &self.lower, &self.upper)
    }
}
