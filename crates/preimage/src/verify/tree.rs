//! The search as a tree: what was split, cut off and dismissed, and why, for a checker.
//!
//! As lines of JSON: `docs/format-verify.md`.

use netinverse_spec::Shared;
use serde_json::{Value, json};

use super::cell::Cut;
use super::phases::PhaseNode;
use super::proof::Reason;
use super::region::{Region, Row};

/// A tree of boxes, and of signs of neurons on the root box.
#[derive(Debug, Default)]
pub struct Tree {
    /// The rows by number, exactly and in doubles.
    pub(crate) half_spaces: Vec<Shared>,
    pub(crate) rows: Vec<Row>,
    /// Rows of each disjunct.
    pub(crate) disjuncts: Vec<Vec<u32>>,
    pub(crate) lower: Vec<f64>,
    pub(crate) upper: Vec<f64>,
    /// Boxes in the order in which they were made.
    pub(crate) nodes: Vec<Node>,
    pub(crate) phases: Vec<PhaseTree>,
}

/// A box: what became of it.
#[derive(Debug, Default)]
pub(crate) struct Node {
    pub(crate) dismissed: Vec<(u32, Reason)>,
    pub(crate) cuts: Vec<Cut>,
    /// What is left on the box, cut, is beyond the ball.
    pub(crate) far: bool,
    /// A single point, where the outputs were computed without rounding.
    pub(crate) exact: bool,
    pub(crate) split: Option<Split>,
}

/// Input `input` was split at `at` into the nodes `first` and `first + 1`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Split {
    pub(crate) input: u32,
    pub(crate) at: f64,
    pub(crate) first: u32,
}

/// A tree of signs for one disjunct.
#[derive(Debug)]
pub(crate) struct PhaseTree {
    disjunct: u32,
    members: Vec<(u32, f64)>,
    keep: bool,
    nodes: Vec<Value>,
    count: u32,
}

impl PhaseTree {
    pub(crate) fn new(disjunct: u32, members: Vec<(u32, f64)>, keep: bool) -> Self {
        PhaseTree { disjunct, members, keep, nodes: Vec::new(), count: 0 }
    }

    /// Notes a node, with its slopes where it is a leaf; its number.
    pub(crate) fn push(&mut self, node: &PhaseNode) -> u32 {
        if self.keep {
            self.nodes.push(if node.bound > 0.0 { leaf(node) } else { Value::Null });
        }
        self.count += 1;
        self.count - 1
    }

    /// Notes a split, and numbers the parts.
    pub(crate) fn split(&mut self, node: u32, parts: &mut [PhaseNode]) {
        let Some(&phase) = parts.first().and_then(|part| part.phases.last()) else { return };
        for part in parts.iter_mut() {
            part.node = self.push(part);
        }
        if self.keep {
            self.nodes[node as usize] = json!({
                "neuron": parts[0].plan.slot(&phase),
                "first": parts[0].node,
                "positive": phase.positive,
            });
        }
    }
}

impl Tree {
    /// The tree of a region before anything is known of it.
    pub(crate) fn of(region: &Region) -> Self {
        Tree {
            half_spaces: region.half_spaces.clone(),
            rows: region.rows.clone(),
            disjuncts: region.disjuncts.clone(),
            lower: region.lower.clone(),
            upper: region.upper.clone(),
            ..Tree::default()
        }
    }

    pub(crate) fn push(&mut self) -> u32 {
        self.nodes.push(Node::default());
        (self.nodes.len() - 1) as u32
    }

    /// The number of boxes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The lines of the region: a head, then a line a box, then a line a node of each tree of signs.
    pub fn lines(&self, region: usize) -> Vec<String> {
        let row = |(half_space, row): (&Shared, &Row)| {
            json!({
                "text": half_space.to_string(), "outputs": row.outputs, "inputs": row.inputs,
                "outer": row.constant, "strict": row.strict,
            })
        };
        let rows: Vec<Value> = self.half_spaces.iter().zip(&self.rows).map(row).collect();
        let head = json!({
            "region": region, "lower": self.lower, "upper": self.upper,
            "rows": rows, "disjuncts": self.disjuncts, "boxes": self.nodes.len(),
        });
        let mut lines = vec![head.to_string()];
        lines.extend(self.nodes.iter().map(|node| node.value().to_string()));
        for tree in &self.phases {
            let head =
                json!({"signs": tree.disjunct, "rows": members(&tree.members), "nodes": tree.nodes.len()});
            lines.push(head.to_string());
            lines.extend(tree.nodes.iter().map(ToString::to_string));
        }
        lines
    }
}

impl Node {
    fn value(&self) -> Value {
        let mut value = json!({});
        if !self.dismissed.is_empty() {
            value["out"] = self.dismissed.iter().map(|(disjunct, reason)| out(*disjunct, reason)).collect();
        }
        if !self.cuts.is_empty() {
            let cut = |cut: &Cut| json!({"input": cut.input, "at": cut.at, "low": cut.low, "rows": cut.rows});
            value["cut"] = self.cuts.iter().map(cut).collect();
        }
        if self.far {
            value["far"] = true.into();
        }
        if self.exact {
            value["exact"] = true.into();
        }
        if let Some(Split { input, at, first }) = self.split {
            value["split"] = json!({"input": input, "at": at, "first": first});
        }
        value
    }
}

fn out(disjunct: u32, reason: &Reason) -> Value {
    match reason {
        Reason::Row(row) => json!({"disjunct": disjunct, "rows": [[row, 1.0]]}),
        Reason::Combination(rows) => json!({"disjunct": disjunct, "rows": members(rows)}),
        Reason::Phases(rows, leaves) => {
            let leaves: Vec<Value> = leaves.iter().map(leaf).collect();
            json!({"disjunct": disjunct, "rows": members(rows), "leaves": leaves})
        }
        Reason::Far => json!({"disjunct": disjunct, "rows": []}),
    }
}

fn members(rows: &[(u32, f64)]) -> Value {
    rows.iter().map(|(row, factor)| json!([row, factor])).collect()
}

/// The signs of a leaf, the slopes that differ from the rule's in parts of 256, its multipliers in the order of the signs.
fn leaf(node: &PhaseNode) -> Value {
    let signs: Vec<Value> = node.phases.iter().map(|p| json!([node.plan.slot(p), p.positive])).collect();
    let moved =
        node.slopes.alpha.iter().zip(&node.plan.start).enumerate().filter(|(_, (own, start))| own != start);
    let alpha: Vec<Value> =
        moved.map(|(slot, (own, _))| json!([slot, (own * 256.0).round() as u32])).collect();
    json!({"signs": signs, "alpha": alpha, "beta": node.slopes.beta})
}
