//! Few polytopes instead of many cells, with proof.
//!
//! The inner set of a paving is compacted by a coarse tree of boxes of its own. In a box C the polytope is
//! `C ∩ {a_k·x ≥ t_k for every row k}`: the direction a_k is the mean slope of the row's lower forms in the cells that meet C,
//! and t_k lies above `max a_k·x` over everything in C that is **not** proved to satisfy the row: for each cell the part of it
//! where its lower form is negative, the whole cell where the row is false. So every point of the polytope lies, in whatever
//! cell it is, in that cell's own inner set. Each maximum is a linear program with one constraint ([`crate::knapsack`]), bounded
//! by a multiplier that a checker can find again.
//!
//! The outer set likewise: t_k lies below `min a_k·x` over everything in C that is not proved to fail the row.
//!
//! Boxes are bisected, the one that loses most volume first, across the input along which the slopes change most.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use netinverse_bounds::minimum_on_box;
use netinverse_geometry::{HalfSpaces, refined_intersection_fraction};
use netinverse_linalg::interval::{mul_down, mul_up};

use crate::cell::{Cell, State, volume};
use crate::knapsack::maximum_where_not_positive;
use crate::target::Target;

/// A polytope `{lower ≤ x ≤ upper, rows ≥ 0}` with an enclosure of its volume.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    /// The lower corner of the box.
    pub lower: Vec<f64>,
    /// The upper corner of the box.
    pub upper: Vec<f64>,
    /// Slopes and constant of each row: `slopes·x + constant ≥ 0`.
    pub rows: Vec<(Vec<f64>, f64)>,
    /// The volume, from below and from above, over the inputs that are not fixed.
    pub volume: (f64, f64),
}

/// Which set is compacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Pieces inside the preimage, disjoint but for their faces.
    Inner,
    /// Pieces that cover the preimage.
    Outer,
}

/// When there are pieces enough.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Enough {
    /// Inner: the pieces' volume is at least this. Outer: at most this.
    pub volume: f64,
    /// No more pieces than this.
    pub pieces: usize,
}

/// Effort of a piece's volume in boxes, and the share of its box to which it is found.
const EFFORT: usize = 64;
const PRECISION: f64 = 1e-3;

/// What a cell contributes, by row.
struct Charged<'a> {
    cell: &'a Cell,
    /// Rows and their forms that bound what may not be in the pieces (inner) or must be (outer).
    rows: Vec<Charge<'a>>,
}

/// A row, and the form that says where; the whole cell without.
type Charge<'a> = (u32, Option<(&'a [f64], f64)>);

/// A box of the coarse tree.
struct Coarse {
    piece: Piece,
    cells: Vec<u32>,
    /// How much volume bisecting could win.
    loss: f64,
    split: Option<(usize, f64)>,
}

struct ByLoss(Coarse);

impl PartialEq for ByLoss {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for ByLoss {}

impl PartialOrd for ByLoss {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ByLoss {
    fn cmp(&self, other: &Self) -> Ordering {
        let corners = self.0.piece.lower.iter().zip(&other.0.piece.lower);
        self.0.loss.total_cmp(&other.0.loss).then_with(|| {
            corners.map(|(a, b)| b.total_cmp(a)).find(|o| *o != Ordering::Equal).unwrap_or(Ordering::Equal)
        })
    }
}

/// Pieces of one side of a paving's cells over the box `lower ≤ x ≤ upper`, and the sum of their volumes: of the inner side a
/// lower bound, of the outer an upper bound.
pub fn compact(
    cells: &[&Cell],
    target: &Target,
    lower: &[f64],
    upper: &[f64],
    side: Side,
    enough: Enough,
    stop: &mut dyn FnMut(usize, f64) -> bool,
) -> (Vec<Piece>, f64) {
    let charged: Vec<Charged> = cells.iter().filter_map(|cell| charge(cell, target, side)).collect();
    let mut fitting = Fitting { charged: &charged, target, side, order: Vec::new() };
    let mut heap = BinaryHeap::new();
    let mut done: Vec<Piece> = Vec::new();
    let all: Vec<u32> = (0..charged.len() as u32).collect();
    let mut total = 0.0;
    let mut count = 0;
    let mut keep =
        |coarse: Option<Coarse>, heap: &mut BinaryHeap<ByLoss>, total: &mut f64, count: &mut usize| {
            let Some(coarse) = coarse else { return };
            let own = if side == Side::Inner { coarse.piece.volume.0 } else { coarse.piece.volume.1 };
            *total += own;
            *count += usize::from(own > 0.0);
            if coarse.split.is_some() && coarse.loss > 0.0 {
                heap.push(ByLoss(coarse));
            } else if own > 0.0 {
                done.push(coarse.piece);
            }
        };
    keep(fitting.fit(lower, upper, &all), &mut heap, &mut total, &mut count);
    loop {
        let reached = match side {
            Side::Inner => total >= enough.volume,
            Side::Outer => total <= enough.volume,
        };
        if reached || count >= enough.pieces || stop(count, total) {
            break;
        }
        let Some(ByLoss(worst)) = heap.pop() else { break };
        let (input, at) = worst.split.expect("boxes in the heap can be bisected");
        let own = if side == Side::Inner { worst.piece.volume.0 } else { worst.piece.volume.1 };
        total -= own;
        count -= usize::from(own > 0.0);
        for half in 0..2 {
            let (mut low, mut high) = (worst.piece.lower.clone(), worst.piece.upper.clone());
            *(if half == 0 { &mut high[input] } else { &mut low[input] }) = at;
            let inside = |&&id: &&u32| overlaps(charged[id as usize].cell, &low, &high);
            let cells: Vec<u32> = worst.cells.iter().filter(inside).copied().collect();
            keep(fitting.fit(&low, &high, &cells), &mut heap, &mut total, &mut count);
        }
    }
    let volume_of = |piece: &Piece| if side == Side::Inner { piece.volume.0 } else { piece.volume.1 };
    done.extend(heap.into_iter().map(|ByLoss(coarse)| coarse.piece).filter(|piece| volume_of(piece) > 0.0));
    done.sort_by(|a, b| {
        volume_of(b).total_cmp(&volume_of(a)).then_with(|| {
            let corners = a.lower.iter().zip(&b.lower);
            corners.map(|(a, b)| a.total_cmp(b)).find(|o| *o != Ordering::Equal).unwrap_or(Ordering::Equal)
        })
    });
    let total = done.iter().map(volume_of).fold(0.0, |sum: f64, v| {
        if side == Side::Inner {
            netinverse_linalg::interval::add_down(sum, v)
        } else {
            netinverse_linalg::interval::add_up(sum, v)
        }
    });
    (done, total)
}

/// What a cell forbids (inner) or demands (outer), row by row; `None` where it has no say.
fn charge<'a>(cell: &'a Cell, target: &Target, side: Side) -> Option<Charged<'a>> {
    let rows = match (side, cell.state) {
        (Side::Outer, State::Out) => return None,
        (Side::Inner, State::In) => Vec::new(),
        (Side::Outer, State::In) => (0..target.rows().len() as u32).map(|row| (row, None)).collect(),
        // The whole cell is forbidden, by one row that is false there.
        (Side::Inner, State::Out) => vec![(cell.open_rows.first().copied().unwrap_or(0), None)],
        (Side::Inner, State::Cut) => {
            if cell.forms.is_empty() {
                return Some(Charged {
                    cell,
                    rows: vec![(cell.open_rows.first().copied().unwrap_or(0), None)],
                });
            }
            let best = cell.best_disjunct(target).expect("a bounded cut cell has an open disjunct");
            let mut own: Vec<Charge<'a>> = cell
                .rows_of(best, target)
                .map(|(row, index)| (row, Some(cell.row_forms(index).expect("the cell was bounded").lower)))
                .collect();
            // A row that nothing in the cell is proved to satisfy forbids the cell by itself.
            let hopeless = own.iter().position(|(_, form)| {
                let (slopes, constant) = form.expect("set above");
                let negated: Vec<f64> = slopes.iter().map(|s| -s).collect();
                minimum_on_box(&negated, -constant, &cell.lower, &cell.upper) >= 0.0
            });
            if let Some(index) = hopeless {
                own = vec![(own[index].0, None)];
            }
            own
        }
        // Demanded is, by each row, what may satisfy it where the row is open and the only disjunct asks for it; else all of
        // the cell.
        (Side::Outer, State::Cut) => {
            let only = (cell.open_disjuncts.len() == 1)
                .then(|| &target.disjuncts()[cell.open_disjuncts[0] as usize]);
            let form = |row: u32| {
                let index = cell.open_rows.iter().position(|&r| r == row)?;
                only.filter(|asked| asked.contains(&row))?;
                Some(cell.row_forms(index)?.negated)
            };
            (0..target.rows().len() as u32).map(|row| (row, form(row))).collect()
        }
    };
    Some(Charged { cell, rows })
}

fn overlaps(cell: &Cell, lower: &[f64], upper: &[f64]) -> bool {
    (0..lower.len()).all(|i| {
        let (lo, hi) = (cell.lower[i].max(lower[i]), cell.upper[i].min(upper[i]));
        lo < hi || lo == hi && (cell.lower[i] == cell.upper[i] || lower[i] == upper[i])
    })
}

struct Fitting<'a> {
    charged: &'a [Charged<'a>],
    target: &'a Target,
    side: Side,
    order: Vec<(f64, f64)>,
}

impl Fitting<'_> {
    /// The piece of a box that is first shrunk to what matters in it; `None` where nothing does.
    fn fit(&mut self, lower: &[f64], upper: &[f64], cells: &[u32]) -> Option<Coarse> {
        let n = lower.len();
        let useful = |cell: &Cell| match self.side {
            Side::Inner => cell.inner > 0.0,
            Side::Outer => cell.state != State::Out,
        };
        let (mut low, mut high) = (upper.to_vec(), lower.to_vec());
        for &id in cells {
            let cell = self.charged[id as usize].cell;
            if useful(cell) {
                for i in 0..n {
                    low[i] = low[i].min(cell.lower[i].max(lower[i]));
                    high[i] = high[i].max(cell.upper[i].min(upper[i]));
                }
            }
        }
        if (0..n).any(|i| low[i] > high[i]) {
            return None;
        }
        let kept: Vec<u32> = cells
            .iter()
            .copied()
            .filter(|&id| overlaps(self.charged[id as usize].cell, &low, &high))
            .collect();
        let shares: Vec<f64> =
            kept.iter().map(|&id| share(self.charged[id as usize].cell, &low, &high)).collect();
        let mut piece = Piece { lower: low, upper: high, rows: Vec::new(), volume: (0.0, 0.0) };
        let mut curvature = vec![0.0; n];
        let rows = self.target.rows().len();
        let mut asked: Vec<bool> = vec![false; rows];
        let mut binding = self.side == Side::Inner;
        if self.side == Side::Outer {
            // A row bounds the outer piece only if every cell that counts is bounded by it.
            asked = vec![true; rows];
            for &id in &kept {
                let own = &self.charged[id as usize].rows;
                for (row, asked) in asked.iter_mut().enumerate() {
                    *asked &= own.iter().any(|(r, _)| *r as usize == row);
                }
            }
            binding = asked.iter().any(|&a| a);
        } else {
            for &id in &kept {
                for (row, _) in &self.charged[id as usize].rows {
                    asked[*row as usize] = true;
                }
            }
        }
        if binding {
            for row in (0..rows).filter(|&row| asked[row]) {
                let Some(direction) = self.direction(row as u32, &kept, &shares, &piece, &mut curvature)
                else {
                    // Nothing says which way: the row forbids whole cells only, and takes the box with them.
                    if self.side == Side::Inner {
                        return self.nothing(piece, kept, &shares);
                    }
                    continue;
                };
                let offset = self.offset(row as u32, &direction, &kept, &piece);
                if offset.is_finite() {
                    piece.rows.push((direction, offset));
                } else {
                    match (self.side, offset > 0.0) {
                        // Nothing in the box may satisfy the row.
                        (Side::Outer, false) => return None,
                        // Nothing is known of where the row holds: numbers overflow.
                        (Side::Inner, false) => return self.nothing(piece, kept, &shares),
                        // All of the box is proved to satisfy it, or may.
                        (_, true) => {}
                    }
                }
            }
        }
        self.finish(piece, kept, &shares, &curvature)
    }

    /// The weighted mean slope of a row's forms in the cells that meet a piece's box, and by how much the form's value
    /// bends along every input, added to `curvature`.
    fn direction(
        &self,
        row: u32,
        kept: &[u32],
        shares: &[f64],
        piece: &Piece,
        curvature: &mut [f64],
    ) -> Option<Vec<f64>> {
        let n = piece.lower.len();
        let sign = if self.side == Side::Inner { 1.0 } else { -1.0 };
        let mut total = 0.0;
        let mut mean = vec![0.0; n];
        let mut centre = vec![0.0; n];
        let forms = || {
            kept.iter().zip(shares).filter_map(|(&id, &share)| {
                let charged = &self.charged[id as usize];
                let form = charged.rows.iter().find(|(r, _)| *r == row)?.1?;
                Some((charged.cell, share, form.0))
            })
        };
        for (cell, share, slopes) in forms() {
            total += share;
            for i in 0..n {
                mean[i] += share * slopes[i];
                centre[i] += share * cell.lower[i].midpoint(cell.upper[i]);
            }
        }
        if total <= 0.0 {
            return None;
        }
        for i in 0..n {
            mean[i] *= sign / total;
            centre[i] /= total;
        }
        let mut variance = vec![0.0; n];
        let mut bends = vec![0.0; n * n];
        for (cell, share, slopes) in forms() {
            for i in 0..n {
                let x = cell.lower[i].midpoint(cell.upper[i]) - centre[i];
                variance[i] += share * x * x;
                for j in 0..n {
                    bends[i * n + j] += share * x * (sign * slopes[j] - mean[j]);
                }
            }
        }
        for i in 0..n {
            let width = piece.upper[i] - piece.lower[i];
            if variance[i] > 1e-12 * total * width * width {
                for j in 0..n {
                    let bend = (bends[i * n + j] / variance[i]).abs();
                    curvature[i] += total * bend * width * (piece.upper[j] - piece.lower[j]);
                }
            }
        }
        mean.iter().any(|&a| a != 0.0).then_some(mean)
    }

    /// The constant with which `direction·x + constant ≥ 0` keeps away from what is forbidden, or contains what is demanded.
    fn offset(&mut self, row: u32, direction: &[f64], kept: &[u32], piece: &Piece) -> f64 {
        let n = direction.len();
        let along: Vec<f64> =
            direction.iter().map(|&a| if self.side == Side::Inner { a } else { -a }).collect();
        let mut most = f64::NEG_INFINITY;
        let (mut low, mut high) = (vec![0.0; n], vec![0.0; n]);
        let zeros = vec![0.0; n];
        for &id in kept {
            let charged = &self.charged[id as usize];
            let Some((_, form)) = charged.rows.iter().find(|(r, _)| *r == row) else { continue };
            for i in 0..n {
                low[i] = charged.cell.lower[i].max(piece.lower[i]);
                high[i] = charged.cell.upper[i].min(piece.upper[i]);
            }
            let (slopes, constant) = form.unwrap_or((&zeros, 0.0));
            if let Some(value) =
                maximum_where_not_positive(&along, slopes, constant, &low, &high, &mut self.order)
            {
                most = if value.is_nan() { f64::INFINITY } else { most.max(value) };
            }
        }
        match self.side {
            Side::Inner if most == f64::NEG_INFINITY => f64::INFINITY,
            // Strictly beyond: the boundary itself may be forbidden.
            Side::Inner => -(most + most.abs() * f64::EPSILON + 1e-290).next_up(),
            Side::Outer => most,
        }
    }

    fn nothing(&self, piece: Piece, kept: Vec<u32>, shares: &[f64]) -> Option<Coarse> {
        let curvature = vec![0.0; piece.lower.len()];
        let mut coarse = self.finish(piece, kept, shares, &curvature)?;
        coarse.loss += coarse.piece.volume.0;
        coarse.piece.volume = (0.0, 0.0);
        Some(coarse)
    }

    fn finish(&self, mut piece: Piece, kept: Vec<u32>, shares: &[f64], curvature: &[f64]) -> Option<Coarse> {
        let n = piece.lower.len();
        // Rows that the whole box satisfies say nothing.
        piece
            .rows
            .retain(|(slopes, constant)| minimum_on_box(slopes, *constant, &piece.lower, &piece.upper) < 0.0);
        let whole = volume(&piece.lower, &piece.upper);
        let fraction = if piece.rows.is_empty() {
            (1.0, 1.0)
        } else {
            let normals: Vec<f64> =
                piece.rows.iter().flat_map(|(slopes, _)| slopes.iter().copied()).collect();
            let offsets: Vec<f64> = piece.rows.iter().map(|(_, constant)| *constant).collect();
            let rows = HalfSpaces { normals: &normals, offsets: &offsets };
            let share = refined_intersection_fraction(rows, &piece.lower, &piece.upper, PRECISION, EFFORT);
            (share.lo(), share.hi())
        };
        piece.volume = (mul_down(fraction.0, whole.0).max(0.0), mul_up(fraction.1, whole.1));
        let cells = || kept.iter().map(|&id| self.charged[id as usize].cell).zip(shares);
        let loss = match self.side {
            Side::Inner => {
                cells().map(|(cell, share)| part(cell, cell.inner, *share)).sum::<f64>() - piece.volume.0
            }
            Side::Outer => {
                piece.volume.1 - cells().map(|(cell, share)| part(cell, cell.outer, *share)).sum::<f64>()
            }
        };
        if self.side == Side::Outer && piece.volume.1 <= 0.0 && whole.1 > 0.0 {
            return None;
        }
        let wide = |i: &usize| {
            let at = piece.lower[*i].midpoint(piece.upper[*i]);
            piece.lower[*i] < at && at < piece.upper[*i]
        };
        let by = |score: &dyn Fn(usize) -> f64| {
            (0..n).filter(wide).max_by(|&a, &b| score(a).total_cmp(&score(b)).then(b.cmp(&a)))
        };
        let best = by(&|i| curvature[i])
            .filter(|&i| curvature[i] > 0.0)
            .or_else(|| by(&|i| piece.upper[i] - piece.lower[i]));
        let split = best.map(|i| (i, piece.lower[i].midpoint(piece.upper[i])));
        Some(Coarse { piece, cells: kept, loss, split })
    }
}

/// The share of a cell's volume inside a box.
fn share(cell: &Cell, lower: &[f64], upper: &[f64]) -> f64 {
    let mut volume = 1.0;
    for i in 0..lower.len() {
        if cell.lower[i] < cell.upper[i] {
            volume *= (cell.upper[i].min(upper[i]) - cell.lower[i].max(lower[i])).max(0.0);
        }
    }
    volume
}

/// The part of a cell's inner or outer volume that its share of the volume stands for.
fn part(cell: &Cell, value: f64, share: f64) -> f64 {
    let whole = volume(&cell.lower, &cell.upper).1;
    if whole > 0.0 { value * share / whole } else { 0.0 }
}
