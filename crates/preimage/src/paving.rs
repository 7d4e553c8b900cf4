//! Branch and bound over a box: the preimage between an inner and an outer set, proved at every moment.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Mutex;

use netinverse_base::Budget;
use netinverse_bounds::Bounder;
use rayon::prelude::*;

use crate::cell::{Cell, CellBuffers, State};
use crate::target::Target;

/// Cells that are bisected together: fixed, so that the answer does not depend on the number of threads.
const BATCH: usize = 256;

/// A paving in the making.
#[derive(Debug)]
pub struct Paving<'a> {
    bounder: &'a Bounder,
    target: &'a Target,
    open: BinaryHeap<Open>,
    /// Cells that are decided, or will not be split further.
    pub settled: Vec<Cell>,
    /// Σ inner over all cells, Σ outer: running sums for decisions; proofs sum anew.
    pub inner: f64,
    /// See `inner`.
    pub outer: f64,
    /// Boxes bounded.
    pub boxes: u64,
    buffers: Mutex<Vec<CellBuffers>>,
}

#[derive(Debug)]
struct Open {
    cell: Cell,
    split: usize,
}

impl Open {
    fn unknown(&self) -> f64 {
        self.cell.outer - self.cell.inner
    }
}

impl PartialEq for Open {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Open {}
impl PartialOrd for Open {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Open {
    fn cmp(&self, other: &Self) -> Ordering {
        self.unknown().total_cmp(&other.unknown()).then_with(|| {
            let corners = self.cell.lower.iter().zip(&other.cell.lower);
            corners.map(|(a, b)| b.total_cmp(a)).find(|o| *o != Ordering::Equal).unwrap_or(Ordering::Equal)
        })
    }
}

impl<'a> Paving<'a> {
    /// The paving that knows nothing: the whole box, bounded once.
    pub fn new(bounder: &'a Bounder, target: &'a Target, lower: &[f64], upper: &[f64]) -> Self {
        let mut paving = Paving {
            bounder,
            target,
            open: BinaryHeap::new(),
            settled: Vec::new(),
            inner: 0.0,
            outer: 0.0,
            boxes: 0,
            buffers: Mutex::default(),
        };
        let mut root = Cell::new(lower, upper, target);
        let mut buffers = CellBuffers::new(bounder);
        let split = root.bound(bounder, target, &mut buffers);
        paving.boxes = 1;
        paving.keep(root, split);
        paving.buffers.lock().unwrap().push(buffers);
        paving
    }

    fn keep(&mut self, cell: Cell, split: usize) {
        self.inner += cell.inner;
        self.outer += cell.outer;
        if cell.state == State::Cut {
            self.open.push(Open { cell, split });
        } else {
            self.settled.push(cell);
        }
    }

    /// The number of cells that are not decided.
    pub fn open_cells(&self) -> usize {
        self.open.len()
    }

    /// Bisects the cells with the most unknown volume until `done` or the budget says stop.
    pub fn refine(&mut self, budget: &Budget, mut done: impl FnMut(&Self) -> bool) {
        while !self.open.is_empty() && !done(self) && budget.stop().is_none() {
            let count = BATCH.min(self.open.len().div_ceil(2)).max(1);
            let batch: Vec<Open> = (0..count).filter_map(|_| self.open.pop()).collect();
            let halves: Vec<Cell> = batch.iter().flat_map(|open| open.cell.bisect(open.split)).collect();
            let (bounder, target, pool) = (self.bounder, self.target, &self.buffers);
            let done: Vec<(Cell, usize)> = halves
                .into_par_iter()
                .map_init(
                    || Lease::new(pool, bounder),
                    |lease, mut cell| {
                        let split = cell.bound(bounder, target, lease.buffers.as_mut().expect("leased"));
                        (cell, split)
                    },
                )
                .collect();
            for open in &batch {
                self.inner -= open.cell.inner;
                self.outer -= open.cell.outer;
            }
            self.boxes += done.len() as u64;
            for (cell, split) in done {
                self.keep(cell, split);
            }
        }
    }
}

/// Buffers on loan from the pool.
struct Lease<'p> {
    pool: &'p Mutex<Vec<CellBuffers>>,
    buffers: Option<CellBuffers>,
}

impl<'p> Lease<'p> {
    fn new(pool: &'p Mutex<Vec<CellBuffers>>, bounder: &Bounder) -> Self {
        let buffers = pool.lock().unwrap().pop().unwrap_or_else(|| CellBuffers::new(bounder));
        Lease { pool, buffers: Some(buffers) }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if let Some(buffers) = self.buffers.take() {
            self.pool.lock().unwrap().push(buffers);
        }
    }
}
