//! The search on signs of neurons over a region with many inputs: one tree for each disjunct.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::{Mutex, PoisonError};

use netinverse_base::{Budget, Progress};
use netinverse_bounds::{Method, Workspace};
use rayon::prelude::*;

use super::attack::{Attack, Found};
use super::cell::{Buffers, Cell};
use super::phases::{Expansion, PhaseEffort, PhaseNode, PhaseRow};
use super::proof::Reason;
use super::region::Region;
use super::search::Ending;
use super::tree::{Node, PhaseTree, Tree};

/// Nodes that are expanded together: fixed, so that the answer does not depend on the number of threads.
const BATCH: usize = 16;
/// Steps of ascent at the root, and for the bounds of every neuron there.
const ROOT_STEPS: usize = 60;
const NEURON_STEPS: usize = 10;
const EFFORT: PhaseEffort = PhaseEffort { candidates: 4, steps: 12 };
/// Every so many batches the corners are climbed from.
const CLIMB_EVERY: usize = 8;
const CLIMB_STEPS: usize = 20;

/// A node in the queue: the least bound first, then the newest.
struct Queued {
    row: usize,
    node: PhaseNode,
}

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
    fn cmp(&self, other: &Self) -> Ordering {
        other.node.bound.total_cmp(&self.node.bound).then(self.node.node.cmp(&other.node.node))
    }
}

/// A search over one region.
pub(crate) struct PhaseSearch<'a, 'b> {
    pub(crate) region: &'a Region,
    pub(crate) attack: &'a mut Attack<'b>,
    /// Nodes bounded.
    pub(crate) nodes: u64,
    /// One for each disjunct that the root's bounds left open.
    pub(crate) trees: Vec<PhaseTree>,
    /// What the root's bounds dismissed.
    pub(crate) dismissed: Vec<(u32, Reason)>,
    pub(crate) keep_tree: bool,
    /// Forms pushed back, each there and back again, and how many may be.
    pub(crate) pushes: u64,
    pub(crate) most_pushes: u64,
}

impl<'a, 'b> PhaseSearch<'a, 'b> {
    pub(crate) fn new(region: &'a Region, attack: &'a mut Attack<'b>, keep_tree: bool) -> Self {
        PhaseSearch {
            region,
            attack,
            nodes: 0,
            trees: Vec::new(),
            dismissed: Vec::new(),
            keep_tree,
            pushes: 0,
            most_pushes: u64::MAX,
        }
    }

    pub(crate) fn run(&mut self, budget: &Budget, progress: &dyn Progress) -> Ending {
        let (bounder, region) = (self.attack.bounder, self.region);
        let mut buffers = Buffers::new(bounder);
        let mut root = Cell {
            lower: region.lower.clone().into(),
            upper: region.upper.clone().into(),
            open: (0..region.disjuncts.len() as u32).collect(),
            priority: f64::INFINITY,
            distance: 0.0,
            node: 0,
        };
        let bounded = root.bound(bounder, region, &mut buffers);
        self.nodes += 1;
        if bounder.is_relu_network() {
            let unstable = bounder.unstable(&buffers.workspace).into_iter().filter(|u| *u).count() as u64;
            self.pushes += unstable;
            if !root.open.is_empty() && self.pushes > self.most_pushes {
                return Ending::Stopped;
            }
            self.pushes += 2 * unstable * (NEURON_STEPS as u64 + 1);
        }
        self.dismissed = bounded.dismissed;
        if root.open.is_empty() {
            return Ending::Empty;
        }
        let undecided =
            || Ending::Undecided("the bounds of the whole box leave it open, and it cannot be split".into());
        let workspace = &mut buffers.workspace;
        if !bounder.is_relu_network()
            || !bounder.analyse_within(
                &region.lower,
                &region.upper,
                region.ball.as_ref(),
                Method::Backward,
                workspace,
            )
            || !bounder.refine(workspace, NEURON_STEPS, &|| budget.stop().is_some())
        {
            return if budget.stop().is_some() { Ending::Stopped } else { undecided() };
        }
        let mut rows = Vec::new();
        let mut heap = BinaryHeap::new();
        for &disjunct in &root.open {
            let Some((row, constant, members)) = root.combined(bounder, region, disjunct, &mut buffers)
            else {
                return undecided();
            };
            let workspace = &mut buffers.workspace;
            let row = PhaseRow::new(bounder, workspace, &row, constant);
            let (mut node, corner) = row.root(bounder, workspace, ROOT_STEPS);
            self.nodes += 1;
            self.pushes += ROOT_STEPS as u64 + 1;
            if let Some(found) = self.try_points(&[corner], false, budget) {
                return Ending::Found(found);
            }
            let mut tree = PhaseTree::new(disjunct, members, self.keep_tree);
            node.node = tree.push(&node);
            let index = rows.len();
            if node.bound <= 0.0 {
                heap.push(Queued { row: index, node });
            }
            rows.push(row);
            self.trees.push(tree);
        }
        let pool: Mutex<Vec<Workspace>> = Mutex::default();
        let prepared = &buffers.workspace;
        let rows = &rows;
        let mut stuck = 0;
        for round in 1.. {
            if heap.is_empty() {
                break;
            }
            if budget.stop().is_some() || self.pushes > self.most_pushes {
                return Ending::Stopped;
            }
            let batch: Vec<Queued> = (0..BATCH).map_while(|_| heap.pop()).collect();
            let done: Vec<(Queued, Expansion)> = batch
                .into_par_iter()
                .map(|queued| {
                    let kept = pool.lock().unwrap_or_else(PoisonError::into_inner).pop();
                    let mut own = kept.unwrap_or_else(|| prepared.clone());
                    let expansion = rows[queued.row].expand(bounder, &mut own, &queued.node, EFFORT);
                    pool.lock().unwrap_or_else(PoisonError::into_inner).push(own);
                    (queued, expansion)
                })
                .collect();
            let mut corners = Vec::new();
            for (queued, expansion) in done {
                corners.extend(expansion.corners);
                self.pushes += EFFORT.pushes();
                self.nodes += expansion.parts.len() as u64;
                if expansion.parts.is_empty() {
                    stuck += 1;
                    continue;
                }
                let tree = &mut self.trees[queued.row];
                let mut parts = expansion.parts;
                tree.split(queued.node.node, &mut parts);
                for node in parts.into_iter().filter(|node| node.bound <= 0.0) {
                    heap.push(Queued { row: queued.row, node });
                }
            }
            if let Some(found) = self.try_points(&corners, round % CLIMB_EVERY == 0, budget) {
                return Ending::Found(found);
            }
            let least = heap.peek().map_or(0.0, |queued| queued.node.bound);
            progress
                .update(self.nodes, &format!("{} nodes, {} open, bound {least:.3}", self.nodes, heap.len()));
        }
        if stuck > 0 {
            return Ending::Undecided(format!("{stuck} parts with all signs given are not decided"));
        }
        Ending::Empty
    }

    /// What was proved, as the root and the trees of signs.
    pub(crate) fn give(self, tree: &mut Tree) {
        tree.nodes.push(Node { dismissed: self.dismissed, ..Node::default() });
        tree.phases = self.trees;
    }

    /// Looks at points, and climbs from them where asked.
    fn try_points(&mut self, points: &[Vec<f64>], climb: bool, budget: &Budget) -> Option<Found> {
        let region = self.region;
        if region.ball.is_some() {
            // The nearest witness is known; here it is asked whether there is a nearer one.
            return None;
        }
        let m = self.attack.evaluator.output_size();
        let mut x: Vec<f64> = points.concat();
        for point in x.chunks_exact_mut(region.lower.len()) {
            for (i, v) in point.iter_mut().enumerate() {
                *v = v.clamp(region.inner_lower[i], region.inner_upper[i]);
            }
        }
        let mut y = vec![0.0; points.len() * m];
        self.attack.evaluator.forward(&x, &mut y);
        if let Some(found) = self.attack.look(region, &x, &y) {
            return Some(found);
        }
        if climb { self.attack.climb(region, x, CLIMB_STEPS, budget) } else { None }
    }
}
