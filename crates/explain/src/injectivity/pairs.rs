//! Branch and bound on pairs of boxes: no x in one and x′ in the other with f(x) = f(x′), but x = x′.
//!
//! A pair is settled when the outputs keep apart, when one coordinate of a preconditioned difference does, or when every
//! secant matrix between the boxes has full column rank. A box paired with itself is the hull test of METHODS; since two
//! boxes have secants of their own, close pairs need no common convex cell.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;

use netinverse_base::{Budget, Progress};
use netinverse_bounds::{Bounder, Method, Ranges, Secant, Workspace};
use netinverse_linalg::{Interval, Matrix, Precision, Svd};

use super::matrix::{UP, rounding};
use super::rank::{RankAnswer, full_rank_from};
use crate::Region;

/// How much a search may do.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Pairs looked at.
    pub pairs: usize,
    /// Matrices formed for the rank test of one pair.
    pub matrices: usize,
}

impl Default for Effort {
    fn default() -> Self {
        Effort { pairs: 20_000, matrices: 4096 }
    }
}

/// What a search found.
#[derive(Debug, Clone)]
pub struct PairProof {
    /// Whether f is injective on the region, proved.
    pub injective: bool,
    /// With a proof: |f(x) − f(x′)| ≥ μ |x − x′| on the region, Euclidean.
    pub modulus: f64,
    /// The sign of det of all secants, where the network is square and the region was settled as one cell.
    pub orientation: i8,
    /// Pairs looked at.
    pub pairs: usize,
    /// Without: pairs of points around which nothing was settled, the widest first.
    pub open: Vec<(Vec<f64>, Vec<f64>)>,
}

struct Cell {
    lower: Vec<f64>,
    upper: Vec<f64>,
    ranges: Ranges,
}

struct Pair {
    a: Arc<Cell>,
    b: Arc<Cell>,
    size: f64,
    number: usize,
}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Pair {}
impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Pair {
    fn cmp(&self, other: &Self) -> Ordering {
        self.size.total_cmp(&other.size).then(other.number.cmp(&self.number))
    }
}

/// Searches the region; every cut halves a side of one box.
pub fn prove_injective(
    bounder: &Bounder,
    region: &Region,
    effort: Effort,
    budget: &Budget,
    progress: &dyn Progress,
) -> PairProof {
    let free = region.free();
    let k = free.len();
    let n = region.lower.len();
    let mut directions = vec![0.0; n * k];
    for (column, &i) in free.iter().enumerate() {
        directions[i * k + column] = 1.0;
    }
    let mut search = PairSearch {
        bounder,
        region,
        free,
        directions,
        workspace: bounder.workspace(),
        modulus: f64::INFINITY,
        orientation: 0,
        undefined: false,
        left: effort.matrices.max(effort.pairs).saturating_mul(16),
    };
    search.run(effort, budget, progress)
}

struct PairSearch<'a> {
    bounder: &'a Bounder,
    region: &'a Region,
    free: Vec<usize>,
    directions: Vec<f64>,
    workspace: Workspace,
    modulus: f64,
    orientation: i8,
    /// Whether some box could not be bounded.
    undefined: bool,
    /// Matrices that may still be formed, for all pairs together.
    left: usize,
}

enum Settled {
    Yes,
    /// The input to cut, and whether of the first box.
    Cut(usize, bool),
    /// Nothing to cut.
    Stuck,
}

impl PairSearch<'_> {
    fn run(&mut self, effort: Effort, budget: &Budget, progress: &dyn Progress) -> PairProof {
        let mut heap = BinaryHeap::new();
        let mut number = 0;
        let mut stuck: Vec<(Vec<f64>, Vec<f64>)> = Vec::new();
        let mut pairs = 0;
        match self.cell(self.region.lower.clone(), self.region.upper.clone()) {
            Some(cell) => {
                let cell = Arc::new(cell);
                heap.push(Pair { a: cell.clone(), b: cell, size: f64::INFINITY, number });
            }
            None => stuck.push((self.region.centre(), self.region.centre())),
        }
        let mut push = |heap: &mut BinaryHeap<Pair>, a: &Arc<Cell>, b: &Arc<Cell>, size: f64| {
            number += 1;
            heap.push(Pair { a: a.clone(), b: b.clone(), size, number });
        };
        while let Some(pair) = heap.pop() {
            if pairs >= effort.pairs || self.left == 0 || budget.stop().is_some() {
                heap.push(pair);
                break;
            }
            pairs += 1;
            if pairs % 64 == 0 {
                progress.update(pairs as u64, &format!("{pairs} pairs of boxes, {} open", heap.len()));
            }
            match self.settle(&pair, effort) {
                Settled::Yes => {}
                Settled::Stuck => {
                    stuck.push((middle(&pair.a), middle(&pair.b)));
                    if stuck.len() > 16 {
                        break;
                    }
                }
                Settled::Cut(input, first) => {
                    let cut = if first { &pair.a } else { &pair.b };
                    let halves = self.halves(cut, input);
                    let halves: Vec<Arc<Cell>> = halves.into_iter().flatten().map(Arc::new).collect();
                    if Arc::ptr_eq(&pair.a, &pair.b) {
                        for (index, a) in halves.iter().enumerate() {
                            for b in &halves[index..] {
                                push(&mut heap, a, b, self.size(a, b));
                            }
                        }
                    } else {
                        let other = if first { &pair.b } else { &pair.a };
                        for half in &halves {
                            push(&mut heap, half, other, self.size(half, other));
                        }
                    }
                }
            }
        }
        let injective = heap.is_empty() && stuck.is_empty() && !self.undefined;
        let rest =
            heap.into_sorted_vec().into_iter().rev().take(64).map(|pair| (middle(&pair.a), middle(&pair.b)));
        stuck.extend(rest);
        PairProof {
            injective,
            modulus: if injective { self.modulus } else { 0.0 },
            orientation: if pairs == 1 { self.orientation } else { 0 },
            pairs,
            open: stuck,
        }
    }

    /// A box with what is known on it; `None` where the network is not defined there.
    fn cell(&mut self, lower: Vec<f64>, upper: Vec<f64>) -> Option<Cell> {
        let valid = self.bounder.analyse(&lower, &upper, Method::Linear, &mut self.workspace);
        valid.then(|| Cell { ranges: self.bounder.ranges(&self.workspace), lower, upper })
    }

    /// The halves that meet the region; an empty place is a half that misses it.
    fn halves(&mut self, cell: &Cell, input: usize) -> [Option<Cell>; 2] {
        let middle = cell.lower[input].midpoint(cell.upper[input]);
        [false, true].map(|upper_half| {
            let (mut lower, mut upper) = (cell.lower.clone(), cell.upper.clone());
            if upper_half {
                lower[input] = middle;
            } else {
                upper[input] = middle;
            }
            if self.region.misses(&lower, &upper) {
                return None;
            }
            let half = self.cell(lower, upper);
            // Rounding alone can make this of a part of a box that was bounded.
            self.undefined |= half.is_none();
            half
        })
    }

    fn size(&self, a: &Cell, b: &Cell) -> f64 {
        let width = |cell: &Cell| -> f64 {
            self.free
                .iter()
                .map(|&i| (cell.upper[i] - cell.lower[i]) / (self.region.upper[i] - self.region.lower[i]))
                .fold(0.0, f64::max)
        };
        width(a).max(width(b))
    }

    fn settle(&mut self, pair: &Pair, effort: Effort) -> Settled {
        let (a, b) = (&*pair.a, &*pair.b);
        let same = Arc::ptr_eq(&pair.a, &pair.b);
        let farthest = self.farthest(a, b);
        if !same {
            let gap = |(p, q): (&Interval, &Interval)| (p.lo() - q.hi()).max(q.lo() - p.hi());
            let gap = a.ranges.output.iter().zip(&b.ranges.output).map(gap).fold(0.0, f64::max);
            if gap > 0.0 {
                self.modulus = self.modulus.min(gap / farthest * (1.0 - 1e-11));
                return Settled::Yes;
            }
        }
        let k = self.free.len();
        let Some(mut slopes) = self.bounder.slopes(&a.ranges, &b.ranges) else {
            return self.cut(a, b, same, None);
        };
        let secant = self.bounder.secant(&slopes, &self.directions, k);
        if !same && self.apart(&secant, a, b, farthest) {
            return Settled::Yes;
        }
        // Boxes that are far apart are told apart by their outputs; the rank of what lies between need not be full.
        let touching = same || self.touching(a, b);
        let allowed = if touching { effort.matrices } else { effort.matrices / 16 }.min(self.left);
        let mut work = allowed;
        let answer = full_rank_from(self.bounder, &secant, &mut slopes, &self.directions, k, &mut work);
        self.left -= (allowed - work).min(self.left);
        match answer {
            RankAnswer::Full(proof) => {
                self.modulus = self.modulus.min(proof.modulus);
                self.orientation = proof.orientation;
                Settled::Yes
            }
            RankAnswer::Singular if same && slopes.open().is_empty() => Settled::Stuck,
            _ => self.cut(a, b, same, Some(&secant)),
        }
    }

    /// An upper bound of |x − x′| between two boxes.
    fn farthest(&self, a: &Cell, b: &Cell) -> f64 {
        let reach = |&i: &usize| (a.upper[i] - b.lower[i]).abs().max((b.upper[i] - a.lower[i]).abs());
        self.free.iter().map(|i| reach(i).powi(2)).sum::<f64>().sqrt() * UP
    }

    fn touching(&self, a: &Cell, b: &Cell) -> bool {
        self.free.iter().all(|&i| a.lower[i] <= b.upper[i] && b.lower[i] <= a.upper[i])
    }

    /// Whether a row of P (f(x) − f(x′)) ∈ P A (x − x′) keeps away from zero.
    fn apart(&mut self, secant: &Secant, a: &Cell, b: &Cell, farthest: f64) -> bool {
        let (k, m) = (self.free.len(), secant.rows);
        let centre = Matrix::from_fn(m, k, |i, j| secant.centre[i * k + j]);
        if !centre.data().iter().all(|v| v.is_finite()) || secant.radius.iter().any(|r| !r.is_finite()) {
            return false;
        }
        let svd = Svd::new(&centre);
        let rank = svd.rank(Precision::F64);
        if rank == 0 {
            return false;
        }
        let p = svd.pseudo_inverse(rank);
        // x − x′ by input: the middle and the reach around it.
        let difference: Vec<Interval> = (self.free.iter())
            .map(|&i| Interval::new(a.lower[i], a.upper[i]) - Interval::new(b.lower[i], b.upper[i]))
            .collect();
        // Rows of P, and the directions of the boxes' centres seen through A.
        let middle: Vec<f64> = difference.iter().map(|d| 0.5 * d.lo() + 0.5 * d.hi()).collect();
        let through = centre.apply(&middle);
        let rows = (0..p.rows()).map(|r| p.row(r)).chain(std::iter::once(&through[..]));
        let mut best = 0.0f64;
        for row in rows {
            let length = row.iter().map(|v| v * v).sum::<f64>().sqrt();
            if !(length > 0.0 && length.is_finite()) {
                continue;
            }
            // c · A (x − x′) with every entry of A an interval.
            let mut sum = Interval::ZERO;
            for j in 0..k {
                let (mut entry, mut spread) = (0.0, 0.0);
                for l in 0..m {
                    entry += row[l] * centre.row(l)[j];
                    spread +=
                        row[l].abs() * (secant.radius[l * k + j] + rounding(m) * centre.row(l)[j].abs());
                }
                sum = sum + Interval::around(entry, spread * UP + 1e-280) * difference[j];
            }
            best = best.max(sum.lo().max(-sum.hi()) / length);
        }
        if best > 0.0 && farthest > 0.0 {
            self.modulus = self.modulus.min(best / farthest * (1.0 - 1e-11));
            return true;
        }
        false
    }

    /// The side whose halving promises most: the widest, weighted by what moves the outputs.
    fn cut(&self, a: &Cell, b: &Cell, same: bool, secant: Option<&Secant>) -> Settled {
        let k = self.free.len();
        let weight = |column: usize| {
            secant.map_or(1.0, |secant| {
                let entries = (0..secant.rows).map(|l| {
                    let at = l * k + column;
                    secant.centre[at].abs() + secant.radius[at]
                });
                let sum: f64 = entries.sum();
                if sum.is_finite() { sum + 1e-12 } else { 1.0 }
            })
        };
        let mut best = (0.0, Settled::Stuck);
        for (column, &i) in self.free.iter().enumerate() {
            let weight = weight(column);
            for (cell, first) in [(a, true), (b, false)] {
                if same && !first {
                    continue;
                }
                let width = cell.upper[i] - cell.lower[i];
                let middle = cell.lower[i].midpoint(cell.upper[i]);
                let relative = width / (self.region.upper[i] - self.region.lower[i]);
                if relative > 1e-7
                    && cell.lower[i] < middle
                    && middle < cell.upper[i]
                    && width * weight > best.0
                {
                    best = (width * weight, Settled::Cut(i, first));
                }
            }
        }
        best.1
    }
}

fn middle(cell: &Cell) -> Vec<f64> {
    cell.lower.iter().zip(&cell.upper).map(|(lo, hi)| lo.midpoint(*hi)).collect()
}
