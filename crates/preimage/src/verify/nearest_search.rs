//! Branch and bound on inputs towards the nearest one with what is asked: the nearest boxes first.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use netinverse_base::{Budget, Progress};
use rayon::prelude::*;

use super::attack::Attack;
use super::cell::{Bounded, Buffers, Cell};
use super::region::Region;
use super::tree::{Split, Tree};
use super::witness::exact_truth;

/// Cells that are bounded together: fixed, so that the answer does not depend on the number of threads.
const BATCH: usize = 64;

/// A batch takes no more than about this part of the work.
const SLICES: u64 = 64;

/// The search ends where the nearest open cell is this close to what was found, relative to that.
const GAP: f64 = 1e-7;

/// The most open cells.
const MAX_OPEN: usize = 1 << 21;

/// A cell with its split, the nearest first.
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
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.distance.total_cmp(&self.0.distance).then(other.0.node.cmp(&self.0.node))
    }
}

/// A search in the ball of a region.
pub(crate) struct NearestSearch<'a, 'b> {
    region: &'a Region,
    attack: &'a mut Attack<'b>,
    work: u64,
    pub(crate) boxes: u64,
    /// The nearest point seen with what is asked, where it is nearer than the ball's radius.
    pub(crate) nearer: Option<(f64, Vec<f64>)>,
    /// The search as it went, if it is kept.
    pub(crate) tree: Option<Tree>,
}

impl<'a, 'b> NearestSearch<'a, 'b> {
    pub(crate) fn new(region: &'a Region, attack: &'a mut Attack<'b>, work: u64, keep_tree: bool) -> Self {
        let tree = keep_tree.then(|| Tree::of(region));
        NearestSearch { region, attack, work, boxes: 0, nearer: None, tree }
    }

    /// A lower bound of the distance of everything asked in the region; the ball's radius where that is as far.
    pub(crate) fn run(&mut self, budget: &Budget, progress: &dyn Progress) -> f64 {
        let (bounder, region) = (self.attack.bounder, self.region);
        let ball = region.ball.clone().expect("a ball");
        let mut radius = ball.radius;
        let most = self.work / (2 * bounder.multiplications());
        let mut pushes = 0;
        // Cells too small to be split: what is asked may be there.
        let mut floor = f64::INFINITY;
        let mut heap = BinaryHeap::new();
        let mut next = vec![Cell {
            lower: region.lower.clone().into(),
            upper: region.upper.clone().into(),
            open: (0..region.disjuncts.len() as u32).collect(),
            priority: f64::INFINITY,
            distance: ball.distance.to_box(&region.lower, &region.upper),
            node: 0,
        }];
        let mut nodes = 1u32;
        if let Some(tree) = &mut self.tree {
            tree.push();
        }
        loop {
            let done: Vec<(Cell, Bounded, u64)> = next
                .into_par_iter()
                .map_init(
                    || Buffers::new(bounder),
                    |buffers, mut cell| {
                        let before = buffers.pushes;
                        let bounded = cell.bound(bounder, region, buffers);
                        let boxed = ball.distance.to_box(&cell.lower, &cell.upper);
                        cell.distance = cell.distance.max(boxed);
                        (cell, bounded, buffers.pushes - before)
                    },
                )
                .collect();
            self.boxes += done.len() as u64;
            pushes += done.iter().map(|(_, _, own)| own).sum::<u64>();
            let done: Vec<(Cell, Bounded)> =
                done.into_iter().map(|(cell, bounded, _)| (cell, bounded)).collect();
            if let Some(found) = self.look(&done, radius) {
                radius = found.0;
                self.nearer = Some(found);
            }
            for (cell, bounded) in done {
                let mut node = self.tree.as_mut().map(|tree| &mut tree.nodes[cell.node as usize]);
                if let Some(node) = &mut node {
                    node.dismissed.clone_from(&bounded.dismissed);
                    node.cuts.clone_from(&bounded.cuts);
                    // Unless it is split or looked at closer, it is beyond what is proved in the end.
                    node.far = !cell.open.is_empty();
                }
                if cell.open.is_empty() || cell.distance >= radius {
                    continue;
                }
                match bounded.split {
                    Some(split) => heap.push(Queued(cell, split)),
                    None if cell.is_point() && exact_truth(bounder, region, &cell.lower) == Some(false) => {
                        if let Some(node) = node {
                            (node.exact, node.far) = (true, false);
                        }
                    }
                    None => floor = floor.min(cell.distance),
                }
            }
            let open = heap.peek().map_or(f64::INFINITY, |queued: &Queued| queued.0.distance);
            let proved = open.min(floor).min(radius);
            let near_enough = proved >= radius * (1.0 - GAP);
            if heap.is_empty() || near_enough || floor <= open {
                return proved;
            }
            if pushes >= most || heap.len() > MAX_OPEN || budget.stop().is_some() {
                return proved;
            }
            progress.update(self.boxes, &format!("{} boxes, at least {proved:.6}", self.boxes));
            // Where boxes are dear, few at a time: the work is looked at in between.
            let affordable = most / SLICES / (pushes / self.boxes).max(1);
            next = Vec::with_capacity(BATCH);
            for _ in 0..affordable.clamp(1, BATCH as u64 / 2) {
                let Some(Queued(cell, (input, at))) = heap.pop() else { break };
                let mut halves = cell.split(input, at);
                if let Some(tree) = &mut self.tree {
                    let parent = &mut tree.nodes[cell.node as usize];
                    parent.split = Some(Split { input: input as u32, at, first: nodes });
                    parent.far = false;
                    for _ in &halves {
                        tree.push();
                    }
                }
                for half in &mut halves {
                    half.node = nodes;
                    nodes = nodes.wrapping_add(1);
                }
                next.extend(halves);
            }
        }
    }

    /// Evaluates the network at the nearest point and the centre of every open cell.
    fn look(&self, done: &[(Cell, Bounded)], radius: f64) -> Option<(f64, Vec<f64>)> {
        let region = self.region;
        let distance = &region.ball.as_ref()?.distance;
        let mut x: Vec<f64> = Vec::new();
        for (cell, _) in done.iter().filter(|(cell, _)| !cell.open.is_empty()) {
            let inside = |i: usize, v: f64| {
                v.max(cell.lower[i]).min(cell.upper[i]).clamp(region.inner_lower[i], region.inner_upper[i])
            };
            x.extend(distance.centre().iter().enumerate().map(|(i, &c)| inside(i, c)));
            x.extend(cell.centre().into_iter().enumerate().map(|(i, c)| inside(i, c)));
        }
        let (n, m) = (region.lower.len(), self.attack.evaluator.output_size());
        let mut y = vec![0.0; x.len() / n.max(1) * m];
        self.attack.evaluator.forward(&x, &mut y);
        let mut best: Option<(f64, Vec<f64>)> = None;
        for (x, y) in x.chunks_exact(n).zip(y.chunks_exact(m)) {
            let far = distance.of(x);
            if far < best.as_ref().map_or(radius, |b| b.0) && region.best_margin(x, y) >= 0.0 {
                best = Some((far, x.to_vec()));
            }
        }
        best
    }
}
