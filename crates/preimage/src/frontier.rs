//! A paving that others work on: cells are lent, and what was made of them comes back.
//!
//! A loan is an answer whose tree holds the lent cells and, of all others, [`Node::Elsewhere`]; whoever has it goes on from it
//! ([`crate::Paving::resume`]) and gives back an answer of the same kind. Until then the lent cells stay here as they were, so that
//! the volumes are proved at every moment, and a loan that never comes back costs the work on it and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use netinverse_base::{Error, Result};
use netinverse_geometry::ExactSum;
use netinverse_linalg::interval::add_down;

use crate::answer::{Answer, Status};
use crate::cell::{Cell, State};
use crate::paving::{Node, coverage};
use crate::question::Question;

/// A paving without a network: it cannot bisect, only lend.
#[derive(Debug)]
pub struct Frontier {
    answer: Answer,
    question: Question,
    inner: ExactSum,
    outer: ExactSum,
    /// Open cells that are not lent, by undecided volume (its bits: volumes are not negative) and node.
    open: BTreeSet<(u64, u32)>,
    loans: BTreeMap<u64, Vec<u32>>,
    next: u64,
}

impl Frontier {
    /// Of the answer of a paving, whole and not yet compacted.
    ///
    /// # Errors
    /// A shard; an answer whose question contradicts itself.
    pub fn new(answer: Answer) -> Result<Self> {
        if answer.header.shard.is_some() || answer.nodes.contains(&Node::Elsewhere) {
            return Err(Error::input("the answer is a shard, a whole paving is needed")
                .hint("put the shards together first"));
        }
        let question = Question::of_header(&answer.header)?;
        let mut frontier = Frontier {
            answer,
            question,
            inner: ExactSum::new(),
            outer: ExactSum::new(),
            open: BTreeSet::new(),
            loans: BTreeMap::new(),
            next: 0,
        };
        for id in 0..frontier.answer.nodes.len() as u32 {
            frontier.settle(id);
        }
        Ok(frontier)
    }

    fn cell(&self, id: u32) -> Option<&Cell> {
        match &self.answer.nodes[id as usize] {
            Node::Leaf(cell) => Some(cell),
            _ => None,
        }
    }

    fn settle(&mut self, id: u32) {
        let Some(cell) = self.cell(id) else { return };
        let (inner, outer) = (cell.inner, cell.outer);
        let open = is_open(cell).then(|| (key(cell), id));
        self.inner.add(inner);
        self.outer.add(outer);
        self.open.extend(open);
    }

    /// Proved: V_lo ≤ volume of the preimage ≤ V_hi, with everything that has come back.
    pub fn volume(&self) -> (f64, f64) {
        let lower = add_down(self.inner.lower(), -self.question.shell).max(0.0);
        (lower, self.outer.upper().max(0.0))
    }

    /// V_lo / V_hi, rounded down; `None` when V_hi = 0.
    pub fn coverage(&self) -> Option<f64> {
        coverage(self.volume())
    }

    /// Boxes bounded, those of loans that came back included.
    pub fn boxes(&self) -> u64 {
        self.answer.header.boxes
    }

    /// Open cells that are not lent.
    pub fn open_cells(&self) -> usize {
        self.open.len()
    }

    /// Loans that are out.
    pub fn loans(&self) -> usize {
        self.loans.len()
    }

    /// Lends every `parts`-th of the open cells, by undecided volume, the most undecided first, `most` cells at most: as many loans
    /// as there are workers are then of one kind. The loan's number and its answer; `None` where no cell is open.
    pub fn lend(&mut self, parts: usize, most: usize) -> Option<(u64, Answer)> {
        let lent: Vec<(u64, u32)> =
            self.open.iter().rev().step_by(parts.max(1)).take(most.max(1)).copied().collect();
        if lent.is_empty() {
            return None;
        }
        for own in &lent {
            self.open.remove(own);
        }
        let ids: BTreeSet<u32> = lent.iter().map(|&(_, id)| id).collect();
        let number = self.next;
        self.next += 1;
        let answer = self.part(&ids);
        self.loans.insert(number, ids.into_iter().collect());
        Some((number, answer))
    }

    /// The tree with these leaves and nothing else.
    fn part(&self, ids: &BTreeSet<u32>) -> Answer {
        // Halves come after what they are halves of: one pass from the end says which splits lead to a lent leaf.
        let own = &self.answer.nodes;
        let mut kept = vec![false; own.len()];
        for id in (0..own.len()).rev() {
            kept[id] = match &own[id] {
                Node::Split { halves, .. } => halves.iter().any(|&half| kept[half as usize]),
                _ => ids.contains(&(id as u32)),
            };
        }
        let mut nodes = vec![Node::Elsewhere];
        let mut open = vec![(0usize, 0usize)];
        while let Some((from, to)) = open.pop() {
            if !kept[from] {
                continue;
            }
            nodes[to] = match &own[from] {
                Node::Split { input, at, halves } => {
                    let first = nodes.len();
                    nodes.extend([Node::Elsewhere, Node::Elsewhere]);
                    open.extend([(halves[0] as usize, first), (halves[1] as usize, first + 1)]);
                    Node::Split { input: *input, at: *at, halves: [first as u32, first as u32 + 1] }
                }
                other => other.clone(),
            };
        }
        let header = &self.answer.header;
        let (model, asked) = (header.model.clone(), header.asked.clone());
        let mut answer =
            Answer::of(&self.question, nodes, None, 0, model, asked, header.min_width, Status::Partial);
        answer.header.rows.clone_from(&header.rows);
        answer
    }

    /// Takes a loan back with what was made of it.
    ///
    /// # Errors
    /// A loan that is not out; an answer of another question, or one whose tree does not go on from the lent cells: the loan is
    /// then still out.
    pub fn take_back(&mut self, loan: u64, answer: &Answer) -> Result<()> {
        let Some(ids) = self.loans.get(&loan) else {
            return Err(Error::input(format!("loan {loan} is not out")));
        };
        answer.check_same(&self.answer.header)?;
        let wanted: BTreeSet<u32> = ids.iter().copied().collect();
        // Where each lent cell is in the answer; both trees are walked together.
        let mut found: BTreeMap<u32, u32> = BTreeMap::new();
        let mut open = vec![(0u32, 0u32)];
        while let Some((own, other)) = open.pop() {
            let fault = || Error::input("the answer's tree does not go on from the loan's");
            match (&self.answer.nodes[own as usize], answer.nodes.get(other as usize).ok_or_else(fault)?) {
                (_, Node::Elsewhere) => {}
                (Node::Split { input, at, halves }, Node::Split { input: i, at: a, halves: others })
                    if input == i && at == a =>
                {
                    open.extend([(halves[0], others[0]), (halves[1], others[1])]);
                }
                (Node::Leaf(_), _) if wanted.contains(&own) => {
                    found.insert(own, other);
                }
                _ => return Err(fault()),
            }
        }
        if found.len() != wanted.len() {
            return Err(Error::input("the answer leaves out cells of the loan"));
        }
        // Nothing below a lent cell is left to others: checked before anything changes.
        for &other in found.values() {
            let mut below = vec![other];
            while let Some(id) = below.pop() {
                match answer.nodes.get(id as usize) {
                    Some(Node::Split { halves, .. }) if halves.iter().all(|&half| half > id) => {
                        below.extend(halves);
                    }
                    Some(Node::Leaf(_)) => {}
                    _ => return Err(Error::input("the answer leaves out a part of a lent cell")),
                }
            }
        }
        for (own, other) in found {
            self.graft(own, answer, other);
        }
        self.answer.header.boxes += answer.header.boxes;
        self.loans.remove(&loan);
        Ok(())
    }

    /// Puts a subtree in the place of a leaf.
    fn graft(&mut self, leaf: u32, answer: &Answer, root: u32) {
        if let Some(cell) = self.cell(leaf) {
            let (inner, outer) = (cell.inner, cell.outer);
            self.inner.add(-inner);
            self.outer.add(-outer);
        }
        let mut open = vec![(root, leaf)];
        while let Some((from, to)) = open.pop() {
            match &answer.nodes[from as usize] {
                Node::Split { input, at, halves } => {
                    let nodes = &mut self.answer.nodes;
                    let first = nodes.len() as u32;
                    nodes.extend([Node::Elsewhere, Node::Elsewhere]);
                    nodes[to as usize] = Node::Split { input: *input, at: *at, halves: [first, first + 1] };
                    open.extend([(halves[1], first + 1), (halves[0], first)]);
                }
                other => {
                    self.answer.nodes[to as usize] = other.clone();
                    self.settle(to);
                }
            }
        }
    }

    /// Gives a loan up: its cells are open again, as they were.
    pub fn give_up(&mut self, loan: u64) -> Result<()> {
        let ids = self.loans.remove(&loan).ok_or_else(|| Error::input(format!("loan {loan} is not out")))?;
        for id in ids {
            let open = self.cell(id).map(|cell| (key(cell), id));
            self.open.extend(open);
        }
        Ok(())
    }

    /// The answer with everything that has come back, without pieces.
    pub fn answer(&self, status: Status) -> Answer {
        let header = &self.answer.header;
        let (model, asked) = (header.model.clone(), header.asked.clone());
        let mut answer = Answer::of(
            &self.question,
            self.answer.nodes.clone(),
            None,
            header.boxes,
            model,
            asked,
            header.min_width,
            status,
        );
        answer.header.rows.clone_from(&header.rows);
        answer
    }
}

fn is_open(cell: &Cell) -> bool {
    cell.state == State::Cut && cell.split != Cell::WHOLE
}

/// Undecided volumes as integers in the same order; 0 has no sign then.
fn key(cell: &Cell) -> u64 {
    (cell.unknown().max(0.0) + 0.0).to_bits()
}
