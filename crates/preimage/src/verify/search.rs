//! Branch and bound on inputs: boxes are bounded, cut and halved until none is left, or a witness is found.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::{Mutex, PoisonError};

use netinverse_base::{Budget, Progress};
use netinverse_bounds::Bounder;
use rayon::prelude::*;

use super::attack::{Attack, Found};
use super::cell::{Bounded, Buffers, Cell};
use super::region::Region;
use super::tree::{Split, Tree};
use super::witness::exact_truth;

/// Cells that are bounded together: fixed, so that the answer does not depend on the number of threads.
const BATCH: usize = 64;

/// Every so many batches the most promising points are climbed from.
const CLIMB_EVERY: usize = 32;
/// How many points, and how many steps.
const CLIMB_POINTS: usize = 32;
const CLIMB_STEPS: usize = 16;

/// The most open cells; beyond, the search gives up.
const MAX_OPEN: usize = 4 << 20;

/// How a search ended.
pub(crate) enum Ending {
    Found(Found),
    /// Every cell was proved to hold nothing.
    Empty,
    /// The budget ended it.
    Stopped,
    /// Cells are left that cannot be split further.
    Undecided(String),
}

struct Queued(Cell, (usize, f64));

impl PartialEq for Queued {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Queued {}
impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Queued {
    /// The largest margin first, then the newest.
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.priority.total_cmp(&other.0.priority).then(self.0.node.cmp(&other.0.node))
    }
}

/// A search over one region.
pub(crate) struct Search<'a, 'b> {
    pub(crate) region: &'a Region,
    pub(crate) attack: &'a mut Attack<'b>,
    /// Whether the tree is kept.
    pub(crate) keep_tree: bool,
    pub(crate) tree: Tree,
    /// Cells bounded.
    pub(crate) boxes: u64,
}

impl Search<'_, '_> {
    pub(crate) fn run(&mut self, budget: &Budget, progress: &dyn Progress) -> Ending {
        let bounder = self.attack.bounder;
        let pool: Mutex<Vec<Buffers>> = Mutex::default();
        let region = self.region;
        let root = Cell {
            lower: region.lower.clone().into(),
            upper: region.upper.clone().into(),
            open: (0..region.disjuncts.len() as u32).collect(),
            priority: f64::INFINITY,
            distance: 0.0,
            node: self.new_node(),
        };
        let mut heap: BinaryHeap<Queued> = BinaryHeap::new();
        let mut next = vec![root];
        let mut undecided = 0usize;
        let mut promising: Vec<(f64, Vec<f64>)> = Vec::new();
        for round in 1.. {
            if budget.stop().is_some() {
                return Ending::Stopped;
            }
            let done: Vec<(Cell, Bounded)> = next
                .into_par_iter()
                .map_init(
                    || Lease::new(&pool, bounder),
                    |lease, mut cell| {
                        let buffers = lease.buffers.as_mut().expect("on loan");
                        let bounded = cell.bound(bounder, region, buffers);
                        (cell, bounded)
                    },
                )
                .collect();
            self.boxes += done.len() as u64;
            if let Some(found) = self.look(&done, &mut promising) {
                return Ending::Found(found);
            }
            for (cell, bounded) in done {
                self.record(&cell, &bounded);
                if cell.open.is_empty() {
                    continue;
                }
                match bounded.split {
                    Some(split) => heap.push(Queued(cell, split)),
                    None if cell.is_point() && exact_truth(bounder, region, &cell.lower) == Some(false) => {
                        if self.keep_tree {
                            self.tree.nodes[cell.node as usize].exact = true;
                        }
                    }
                    None => undecided += 1,
                }
            }
            if round % CLIMB_EVERY == 0 && !promising.is_empty() {
                let points = promising.drain(..).flat_map(|(_, x)| x).collect();
                if let Some(found) = self.attack.climb(region, points, CLIMB_STEPS, budget) {
                    return Ending::Found(found);
                }
            }
            if heap.is_empty() {
                break;
            }
            if heap.len() > MAX_OPEN {
                return Ending::Undecided(format!("more than {MAX_OPEN} open boxes"));
            }
            progress.update(self.boxes, &format!("{} boxes, {} open", self.boxes, heap.len()));
            let batch = (BATCH / 2).min(heap.len());
            next = Vec::with_capacity(2 * batch);
            for _ in 0..batch {
                let Some(Queued(cell, (input, at))) = heap.pop() else { break };
                let mut halves = cell.split(input, at);
                let nodes = [self.new_node(), self.new_node()];
                if self.keep_tree {
                    let split = Split { input: input as u32, at, first: nodes[0] };
                    self.tree.nodes[cell.node as usize].split = Some(split);
                }
                for (half, node) in halves.iter_mut().zip(nodes) {
                    half.node = node;
                }
                next.extend(halves);
            }
        }
        if undecided == 0 {
            return Ending::Empty;
        }
        Ending::Undecided(format!("{undecided} boxes too small to split are not decided"))
    }

    fn new_node(&mut self) -> u32 {
        if self.keep_tree { self.tree.push() } else { self.boxes as u32 }
    }

    fn record(&mut self, cell: &Cell, bounded: &Bounded) {
        if self.keep_tree {
            let node = &mut self.tree.nodes[cell.node as usize];
            node.dismissed.clone_from(&bounded.dismissed);
            node.cuts.clone_from(&bounded.cuts);
        }
    }

    /// Evaluates the network at the centre and at the most promising corner of every open cell.
    fn look(&mut self, done: &[(Cell, Bounded)], promising: &mut Vec<(f64, Vec<f64>)>) -> Option<Found> {
        let region = self.region;
        let (n, m) = (region.lower.len(), self.attack.evaluator.output_size());
        let mut x: Vec<f64> = Vec::new();
        for (cell, bounded) in done.iter().filter(|(cell, _)| !cell.open.is_empty()) {
            x.extend(cell.centre());
            x.extend(&bounded.point);
            if bounded.point.is_empty() {
                x.extend(cell.centre());
            }
        }
        for point in x.chunks_exact_mut(n.max(1)) {
            for i in 0..n {
                point[i] = point[i].clamp(region.inner_lower[i], region.inner_upper[i]);
            }
        }
        if x.is_empty() {
            return None;
        }
        let mut y = vec![0.0; x.len() / n * m];
        self.attack.evaluator.forward(&x, &mut y);
        if let Some(found) = self.attack.look(region, &x, &y) {
            return Some(found);
        }
        for (x, y) in x.chunks_exact(n).zip(y.chunks_exact(m)) {
            let margin = region.best_margin(x, y);
            if promising.len() < CLIMB_POINTS || promising.last().is_some_and(|(least, _)| margin > *least) {
                let at = promising.partition_point(|(other, _)| *other >= margin);
                promising.insert(at, (margin, x.to_vec()));
                promising.truncate(CLIMB_POINTS);
            }
        }
        None
    }
}

/// Buffers on loan from the pool.
struct Lease<'p> {
    pool: &'p Mutex<Vec<Buffers>>,
    buffers: Option<Buffers>,
}

impl<'p> Lease<'p> {
    fn new(pool: &'p Mutex<Vec<Buffers>>, bounder: &Bounder) -> Self {
        let kept = pool.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Lease { pool, buffers: Some(kept.unwrap_or_else(|| Buffers::new(bounder))) }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if let Some(buffers) = self.buffers.take() {
            self.pool.lock().unwrap_or_else(PoisonError::into_inner).push(buffers);
        }
    }
}
