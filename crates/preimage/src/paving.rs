//! Branch and bound over a box: the preimage between an inner and an outer set, proved at every moment.
//!
//! The cells are the leaves of a binary tree of bisections. Those with the most undecided volume are bisected first, a fixed
//! number at a time, so that the tree does not depend on the number of threads. Volumes are summed exactly
//! ([`ExactSum`]): the order does not matter, and shards of a paving add up to the whole, bit for bit.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::{Mutex, PoisonError};

use netinverse_base::{Budget, Error, Result, StopReason};
use netinverse_bounds::Bounder;
use netinverse_geometry::ExactSum;
use netinverse_linalg::interval::add_down;
use rayon::prelude::*;

use crate::cell::{Cell, CellBuffers, State};
use crate::question::Question;

/// Cells that are bisected together: fixed, so that the answer does not depend on the number of threads.
const BATCH: usize = 256;

/// How many bytes the cells of a paving may take together before it stops.
const MEMORY: usize = 4 << 30;

/// A part of a paving that several processes share: of the cells at hand when there are enough, those at
/// `index, index + count, …`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// 0-based.
    pub index: usize,
    /// How many parts there are.
    pub count: usize,
}

/// When to stop, and what not to bisect.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Goals {
    /// Stop when the inner volume is at least this share of the outer one.
    pub coverage: Option<f64>,
    /// Stop when the outer volume is at most this multiple of the inner one.
    pub over: Option<f64>,
    /// Sides no longer than this are not bisected.
    pub min_width: f64,
    /// Stop after this many boxes.
    pub max_boxes: Option<u64>,
}

/// Why a paving stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The goal is reached, or nothing is left to bisect.
    Done,
    /// A limit of time, boxes or memory, or the user.
    Limit(&'static str),
}

/// A node of the tree of bisections.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// Two halves along an input.
    Split {
        /// The input.
        input: u32,
        /// Where.
        at: f64,
        /// The nodes of the halves, below first.
        halves: [u32; 2],
    },
    /// A leaf.
    Leaf(Cell),
    /// A leaf that another shard paves.
    Elsewhere,
}

/// A paving of a question's box.
#[derive(Debug)]
pub struct Paving<'a> {
    bounder: &'a Bounder,
    question: &'a Question,
    nodes: Vec<Node>,
    open: BinaryHeap<Open>,
    inner: ExactSum,
    outer: ExactSum,
    boxes: u64,
    shard: Option<Shard>,
    bytes: usize,
    buffers: Mutex<Vec<CellBuffers>>,
}

/// An open cell: the most unknown volume first, then the oldest.
#[derive(Debug)]
struct Open {
    unknown: f64,
    node: Reverse<u32>,
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
        self.unknown.total_cmp(&other.unknown).then(self.node.cmp(&other.node))
    }
}

impl<'a> Paving<'a> {
    /// The paving that knows nothing but the bounds of the whole box.
    pub fn new(bounder: &'a Bounder, question: &'a Question, min_width: f64) -> Self {
        let mut paving = Self::empty(bounder, question);
        if !question.contradictory {
            let mut root = Cell::new(&question.lower, &question.upper, &question.target);
            let mut buffers = CellBuffers::new(bounder);
            root.bound(bounder, &question.target, min_width, &mut buffers);
            paving.boxes = 1;
            paving.nodes.push(Node::Elsewhere);
            paving.settle(0, root);
        }
        paving
    }

    fn empty(bounder: &'a Bounder, question: &'a Question) -> Self {
        Paving {
            bounder,
            question,
            nodes: Vec::new(),
            open: BinaryHeap::new(),
            inner: ExactSum::new(),
            outer: ExactSum::new(),
            boxes: 0,
            shard: None,
            bytes: 0,
            buffers: Mutex::default(),
        }
    }

    /// A paving that goes on from the nodes of an earlier one, node 0 the root.
    ///
    /// # Errors
    /// Nodes that are no tree over the question's box.
    pub fn resume(
        bounder: &'a Bounder,
        question: &'a Question,
        nodes: Vec<Node>,
        boxes: u64,
        shard: Option<Shard>,
    ) -> Result<Self> {
        let mut paving = Self::empty(bounder, question);
        paving.boxes = boxes;
        paving.shard = shard;
        let leaves = nodes.len();
        paving.nodes = vec![Node::Elsewhere; leaves];
        for (id, node) in nodes.into_iter().enumerate() {
            match node {
                Node::Leaf(cell) => paving.settle(id as u32, cell),
                Node::Split { halves, .. } if halves.iter().any(|&h| h as usize >= leaves) => {
                    return Err(Error::input("the tree refers to a node that does not exist"));
                }
                other => paving.nodes[id] = other,
            }
        }
        Ok(paving)
    }

    /// The nodes; the root is the first. None if the question contradicts itself.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The leaves that are paved here.
    pub fn cells(&self) -> impl Iterator<Item = &Cell> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Leaf(cell) => Some(cell),
            _ => None,
        })
    }

    /// What is paved.
    pub fn question(&self) -> &'a Question {
        self.question
    }

    /// The part that is paved here, if not all.
    pub fn shard(&self) -> Option<Shard> {
        self.shard
    }

    /// Boxes bounded.
    pub fn boxes(&self) -> u64 {
        self.boxes
    }

    /// Cells that can still be bisected.
    pub fn open_cells(&self) -> usize {
        self.open.len()
    }

    /// Proved: V_lo ≤ volume of the preimage (within this shard's cells) ≤ V_hi, over the inputs that are not fixed.
    pub fn volume(&self) -> (f64, f64) {
        let lower = add_down(self.inner.lower(), -self.question.shell).max(0.0);
        (lower, self.outer.upper().max(0.0))
    }

    /// V_lo / V_hi, rounded down; `None` when V_hi = 0.
    pub fn coverage(&self) -> Option<f64> {
        coverage(self.volume())
    }

    /// Whether the preimage is proved empty: every leaf is out, strictly. A set of volume zero is not empty.
    pub fn is_empty(&self) -> bool {
        is_empty(self.question, &self.nodes)
    }

    fn settle(&mut self, id: u32, cell: Cell) {
        self.inner.add(cell.inner);
        self.outer.add(cell.outer);
        self.bytes += bytes(&cell);
        if cell.state == State::Cut && cell.split != Cell::WHOLE {
            self.open.push(Open { unknown: cell.unknown(), node: Reverse(id) });
        }
        self.nodes[id as usize] = Node::Leaf(cell);
    }

    /// Whether what is known now reaches every goal of volume that is given; `false` where none is.
    pub fn reached(&self, goals: &Goals) -> bool {
        let (lower, upper) = self.volume();
        let any = goals.coverage.is_some() || goals.over.is_some();
        any && goals.coverage.is_none_or(|c| lower >= c * upper)
            && goals.over.is_none_or(|r| upper <= r * lower)
    }

    /// Bisects the cells with the most unknown volume until the goals are reached, nothing is left, or a limit is. `watch` is
    /// called after every batch, and may stop the work by an error.
    pub fn refine(
        &mut self,
        goals: &Goals,
        budget: &Budget,
        watch: &mut dyn FnMut(&Self) -> Result<()>,
    ) -> Result<Stop> {
        loop {
            if self.reached(goals) {
                return Ok(Stop::Done);
            }
            if self.open.is_empty() {
                // What is left has sides too short to be bisected: by the goal's own width, or by the doubles'.
                let asked = goals.min_width > 0.0 || goals.coverage.is_none() && goals.over.is_none();
                return Ok(if asked {
                    Stop::Done
                } else {
                    Stop::Limit("cells that cannot be bisected further")
                });
            }
            if goals.max_boxes.is_some_and(|most| self.boxes >= most) {
                return Ok(Stop::Limit("the limit of boxes"));
            }
            if self.bytes > MEMORY {
                return Ok(Stop::Limit("the limit of memory"));
            }
            match budget.stop() {
                Some(StopReason::TimeLimit) => return Ok(Stop::Limit("the time limit")),
                Some(StopReason::Cancelled) => return Ok(Stop::Limit("the user")),
                None => {}
            }
            self.bisect_batch(goals.min_width);
            watch(self)?;
        }
    }

    fn bisect_batch(&mut self, min_width: f64) {
        let count = BATCH.min(self.open.len().div_ceil(2)).max(1);
        let batch: Vec<u32> = (0..count).filter_map(|_| self.open.pop()).map(|open| open.node.0).collect();
        let mut halves: Vec<Cell> = Vec::with_capacity(2 * batch.len());
        for &id in &batch {
            let first = self.nodes.len() as u32;
            let Node::Leaf(cell) = &self.nodes[id as usize] else { unreachable!("open nodes are leaves") };
            let (input, at) =
                (cell.split, cell.lower[cell.split as usize].midpoint(cell.upper[cell.split as usize]));
            self.inner.add(-cell.inner);
            self.outer.add(-cell.outer);
            self.bytes -= bytes(cell);
            halves.extend(cell.bisect(input as usize));
            self.nodes[id as usize] = Node::Split { input, at, halves: [first, first + 1] };
            self.nodes.extend([Node::Elsewhere, Node::Elsewhere]);
        }
        let first = self.nodes.len() - halves.len();
        let (bounder, target, pool) = (self.bounder, &self.question.target, &self.buffers);
        halves.par_iter_mut().for_each_init(
            || Lease::new(pool, bounder),
            |lease, cell| cell.bound(bounder, target, min_width, lease.buffers.as_mut().expect("leased")),
        );
        self.boxes += halves.len() as u64;
        for (index, cell) in halves.into_iter().enumerate() {
            self.settle((first + index) as u32, cell);
        }
    }

    /// Keeps, of the open cells, those of a shard, after bisecting until there are at least sixteen for each. The cells
    /// that are settled by then belong to the first shard.
    pub fn take_shard(&mut self, shard: Shard, min_width: f64) {
        while !self.open.is_empty() && self.open.len() < 16 * shard.count {
            self.bisect_batch(min_width);
        }
        let mut turn = 0;
        let open: std::collections::BTreeSet<u32> = self.open.drain().map(|open| open.node.0).collect();
        for id in 0..self.nodes.len() as u32 {
            let Node::Leaf(cell) = &self.nodes[id as usize] else { continue };
            let mine = if open.contains(&id) {
                turn += 1;
                (turn - 1) % shard.count == shard.index
            } else {
                shard.index == 0
            };
            if mine && open.contains(&id) {
                self.open.push(Open { unknown: cell.unknown(), node: Reverse(id) });
            } else if !mine {
                self.inner.add(-cell.inner);
                self.outer.add(-cell.outer);
                self.bytes -= bytes(cell);
                self.nodes[id as usize] = Node::Elsewhere;
            }
        }
        self.shard = Some(shard);
    }
}

/// V_lo and V_hi of a tree's leaves, summed exactly: what the shell may add is taken off below.
pub(crate) fn proved_volume(question: &Question, nodes: &[Node]) -> (f64, f64) {
    let (mut inner, mut outer) = (ExactSum::new(), ExactSum::new());
    for node in nodes {
        if let Node::Leaf(cell) = node {
            inner.add(cell.inner);
            outer.add(cell.outer);
        }
    }
    (add_down(inner.lower(), -question.shell).max(0.0), outer.upper().max(0.0))
}

pub(crate) fn coverage((lower, upper): (f64, f64)) -> Option<f64> {
    (upper > 0.0).then(|| (lower / upper).next_down().clamp(0.0, 1.0))
}

pub(crate) fn is_empty(question: &Question, nodes: &[Node]) -> bool {
    question.contradictory
        || nodes.iter().all(|node| match node {
            Node::Leaf(cell) => cell.state == State::Out,
            Node::Split { .. } => true,
            Node::Elsewhere => false,
        })
}

fn bytes(cell: &Cell) -> usize {
    size_of::<Node>()
        + 8 * (2 * cell.lower.len() + cell.forms.len())
        + 4 * (cell.open_rows.len() + cell.open_disjuncts.len())
}

/// Buffers on loan from the pool.
struct Lease<'p> {
    pool: &'p Mutex<Vec<CellBuffers>>,
    buffers: Option<CellBuffers>,
}

impl<'p> Lease<'p> {
    fn new(pool: &'p Mutex<Vec<CellBuffers>>, bounder: &Bounder) -> Self {
        let idle = pool.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Lease { pool, buffers: Some(idle.unwrap_or_else(|| CellBuffers::new(bounder))) }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if let Some(buffers) = self.buffers.take() {
            self.pool.lock().unwrap_or_else(PoisonError::into_inner).push(buffers);
        }
    }
}
