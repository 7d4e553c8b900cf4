//! Branch and bound on the signs of neurons, for one row on one box.
//!
//! Where inputs are many, halving one of them says little; that a ReLU's input is positive or negative says much. A node is a
//! set of signs; its bound comes from slopes and multipliers that were ascended ([`netinverse_bounds::PhaseTask`]). The two
//! parts of a node are the two signs of one more neuron, chosen by trying a few: those where the bound loses most.

use std::sync::Arc;

use netinverse_bounds::{Ascent, Bounder, Phase, PhaseTask, Slopes, Workspace};

/// A part of the box: signs, and what was found for it.
#[derive(Debug, Clone)]
pub(crate) struct PhaseNode {
    pub(crate) phases: Vec<Phase>,
    pub(crate) slopes: Slopes,
    pub(crate) bound: f64,
    /// The node of the tree.
    pub(crate) node: u32,
    /// What the slopes are told from in a file.
    pub(crate) plan: Arc<Plan>,
}

/// The ReLUs' elements, numbered through all of them (slots), and the slopes before any ascent.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Step and element of each slot.
    pub(crate) places: Vec<(u32, u32)>,
    pub(crate) start: Vec<f64>,
}

impl Plan {
    /// The slot of a sign.
    pub(crate) fn slot(&self, phase: &Phase) -> usize {
        let place = (phase.step, phase.element);
        self.places.binary_search(&place).expect("signs are those of ReLUs")
    }
}

/// How hard to try.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PhaseEffort {
    /// Neurons that are tried for the next split.
    pub(crate) candidates: usize,
    /// Steps of ascent for each part.
    pub(crate) steps: usize,
}

impl PhaseEffort {
    /// Forms pushed back for one expansion: a look at the losses, both signs of every candidate, and the ascent of the two parts.
    pub(crate) const fn pushes(self) -> u64 {
        1 + 2 * (self.candidates as u64 + self.steps as u64 + 1)
    }
}

/// What became of a node.
pub(crate) struct Expansion {
    /// The two parts, proved or not; empty where no neuron is left to split.
    pub(crate) parts: Vec<PhaseNode>,
    /// Where their forms are least.
    pub(crate) corners: Vec<Vec<f64>>,
}

/// A row on a box whose analysis a workspace holds.
#[derive(Debug, Clone)]
pub(crate) struct PhaseRow {
    pub(crate) row: Vec<f64>,
    pub(crate) constant: f64,
    /// Unstable ReLU elements in the order of the slopes.
    unstable: Vec<bool>,
    plan: Arc<Plan>,
}

impl PhaseRow {
    pub(crate) fn new(bounder: &Bounder, workspace: &Workspace, row: &[f64], constant: f64) -> Self {
        let elements = |(step, size): (u32, usize)| (0..size as u32).map(move |j| (step, j));
        PhaseRow {
            row: row.to_vec(),
            constant,
            unstable: bounder.unstable(workspace),
            plan: Arc::new(Plan {
                places: bounder.relu_steps().into_iter().flat_map(elements).collect(),
                start: bounder.default_slopes(workspace),
            }),
        }
    }

    pub(crate) fn unstable_count(&self) -> usize {
        self.unstable.iter().filter(|u| **u).count()
    }

    fn task(&self, phases: Vec<Phase>, mut slopes: Slopes) -> PhaseTask {
        slopes.beta.resize(phases.len(), 0.0);
        PhaseTask { row: self.row.clone(), constant: self.constant, phases, slopes, ..PhaseTask::default() }
    }

    /// The whole box, its slopes ascended.
    pub(crate) fn root(
        &self,
        bounder: &Bounder,
        workspace: &mut Workspace,
        steps: usize,
    ) -> (PhaseNode, Vec<f64>) {
        let slopes = Slopes { alpha: self.plan.start.clone(), beta: Vec::new() };
        let mut tasks = [self.task(Vec::new(), slopes)];
        let best = ascend(bounder, workspace, &mut tasks, steps);
        let [task] = tasks;
        let [(bound, slopes)] = <[_; 1]>::try_from(best).expect("one task");
        let plan = Arc::clone(&self.plan);
        (PhaseNode { phases: Vec::new(), slopes, bound, node: 0, plan }, task.corner)
    }

    /// Splits a node by one more neuron.
    pub(crate) fn expand(
        &self,
        bounder: &Bounder,
        workspace: &mut Workspace,
        node: &PhaseNode,
        effort: PhaseEffort,
    ) -> Expansion {
        let mut own = [self.task(node.phases.clone(), node.slopes.clone())];
        bounder.push_phases(workspace, &mut own);
        let loss = &own[0].loss;
        let given = |slot: usize| {
            let (step, element) = self.plan.places[slot];
            node.phases.iter().any(|p| (p.step, p.element) == (step, element))
        };
        let mut candidates: Vec<usize> =
            (0..loss.len()).filter(|&slot| self.unstable[slot] && loss[slot] > 0.0 && !given(slot)).collect();
        candidates.sort_by(|&a, &b| loss[b].total_cmp(&loss[a]).then(a.cmp(&b)));
        candidates.truncate(effort.candidates);
        if candidates.is_empty() {
            return Expansion { parts: Vec::new(), corners: vec![own[0].corner.clone()] };
        }
        let with = |slot: usize, positive: bool| {
            let (step, element) = self.plan.places[slot];
            let mut phases = node.phases.clone();
            phases.push(Phase { step, element, positive });
            self.task(phases, node.slopes.clone())
        };
        let mut tries: Vec<PhaseTask> =
            candidates.iter().flat_map(|&slot| [with(slot, true), with(slot, false)]).collect();
        if candidates.len() > 1 {
            bounder.push_phases(workspace, &mut tries);
        }
        let merit = |pair: &[PhaseTask]| {
            let (a, b) = (pair[0].bound.min(0.0), pair[1].bound.min(0.0));
            a.min(b) + 0.25 * a.max(b)
        };
        let best = (0..candidates.len())
            .max_by(|&a, &b| merit(&tries[2 * a..]).total_cmp(&merit(&tries[2 * b..])).then(b.cmp(&a)))
            .unwrap_or(0);
        let mut tasks = [tries.swap_remove(2 * best + 1), PhaseTask::default()];
        tasks[1] = with(candidates[best], true);
        let bounds = ascend(bounder, workspace, &mut tasks, effort.steps);
        let corners = tasks.iter().map(|task| task.corner.clone()).collect();
        let parts = tasks.into_iter().zip(bounds).map(|(task, (bound, slopes))| {
            // What holds on the whole node holds on its parts.
            let plan = Arc::clone(&self.plan);
            PhaseNode { phases: task.phases, slopes, bound: bound.max(node.bound), node: 0, plan }
        });
        Expansion { parts: parts.collect(), corners }
    }

    /// Whether the row is positive on the whole box, by at most `limit` expansions, depth first. The leaves with their
    /// slopes, if so.
    pub(crate) fn settle(
        &self,
        bounder: &Bounder,
        workspace: &mut Workspace,
        steps: usize,
        limit: usize,
        effort: PhaseEffort,
        pushes: &mut u64,
    ) -> Option<Vec<PhaseNode>> {
        let (root, _) = self.root(bounder, workspace, steps);
        *pushes += steps as u64 + 1;
        if root.bound > 0.0 {
            return Some(vec![root]);
        }
        let (mut open, mut leaves) = (vec![root], Vec::new());
        for _ in 0..limit {
            let Some(node) = open.pop() else { return Some(leaves) };
            *pushes += effort.pushes();
            let expansion = self.expand(bounder, workspace, &node, effort);
            if expansion.parts.is_empty() {
                return None;
            }
            for part in expansion.parts {
                if part.bound > 0.0 { leaves.push(part) } else { open.push(part) }
            }
            if open.len() > limit {
                return None;
            }
        }
        open.is_empty().then_some(leaves)
    }
}

/// Ascends the tasks' slopes together until all bounds are positive; the best bounds with their slopes. The corners left in
/// the tasks are those of the last step.
fn ascend(
    bounder: &Bounder,
    workspace: &mut Workspace,
    tasks: &mut [PhaseTask],
    steps: usize,
) -> Vec<(f64, Slopes)> {
    let mut best: Vec<(f64, Slopes)> = tasks.iter().map(|t| (f64::NEG_INFINITY, t.slopes.clone())).collect();
    let mut ascents: Vec<Ascent> = tasks.iter().map(|_| Ascent::default()).collect();
    for step in 0..=steps {
        bounder.push_phases(workspace, tasks);
        for (task, best) in tasks.iter().zip(&mut best) {
            if task.bound > best.0 {
                *best = (task.bound, task.slopes.clone());
            }
        }
        if step == steps || best.iter().all(|(bound, _)| *bound > 0.0) {
            break;
        }
        let fade = 0.97f64.powi(step as i32);
        for (task, ascent) in tasks.iter_mut().zip(&mut ascents) {
            // Multipliers are of the size of the form's coefficients.
            let size = task.row.iter().fold(0.0f64, |size, c| size.max(c.abs()));
            ascent.advance(task, 0.1 * fade, 0.1 * fade * size);
        }
    }
    best
}
