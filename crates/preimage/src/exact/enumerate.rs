//! The linear regions that may meet a target, by splitting the box along the functions' kinks.
//!
//! A cell is split by a hyperplane of a unit that is affine on it (all units before it being decided), the one that cuts
//! deepest. Units are decided, and cells left out, by proved bounds first and by exact signs at the cell's vertices where these
//! touch: every cell that is left out is proved to hold no point of the target.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering as Memory};

use dashu_ratio::RBig;
use netinverse_base::Budget;
use netinverse_geometry::{Hyperplane, MAX_DIMS, Position, VertexPolytope, position};
use rayon::prelude::*;

use super::basis::{Basis, Enclosed};
use super::forms::{Combination, Setting, UNKNOWN};
use super::reduced::{Alive, Doubt, Reduced, decide};
use super::rows::TargetRows;

/// Cells above this depth are shared between threads; the order of the regions does not depend on them.
const SHARED_DEPTH: usize = 9;

/// Units that are decided are folded in when there are this many, and at least half of all.
const FOLD: usize = 16;

/// Labels of hyperplanes of target rows begin here.
pub(super) const ROWS: u64 = 1 << 61;

/// A cell on which every unit that matters is decided.
#[derive(Debug)]
pub(super) struct Region {
    pub(super) cell: VertexPolytope,
    /// The phase of every function and maximum; [`UNKNOWN`] nowhere that matters.
    pub(super) phases: Box<[u8]>,
    /// The rows of the target there, and how far each may be off.
    pub(super) rows: Vec<RowForm>,
    /// The outputs there, where maps are wanted.
    pub(super) outputs: Vec<Enclosed>,
    /// The disjuncts of which no row is false on the whole cell.
    pub(super) disjuncts: Vec<u32>,
}

/// A row of the target on a cell.
#[derive(Debug, Clone)]
pub(super) struct RowForm {
    /// The constant, then a slope for each t.
    pub(super) form: [f64; MAX_DIMS + 1],
    pub(super) error: f64,
    /// Whether it is proved to be true on the whole cell.
    pub(super) holds: bool,
    /// Whether it is proved to be false on the whole cell.
    pub(super) fails: bool,
}

/// What an enumeration found, in an order that depends on the question only.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) regions: Vec<Region>,
    /// Cells that were not looked at, where the work was stopped.
    pub(super) open: Vec<VertexPolytope>,
}

/// An enumeration.
pub(super) struct Enumeration<'a> {
    pub(super) setting: Arc<Setting>,
    pub(super) targets: TargetRows,
    pub(super) budget: &'a Budget,
    /// The most regions that are kept.
    pub(super) most: u64,
    /// Whether the affine maps of regions are wanted.
    pub(super) maps: bool,
    /// Whether regions that do not meet the target are wanted too.
    pub(super) all: bool,
    pub(super) cells: AtomicU64,
    pub(super) kept: AtomicU64,
    pub(super) stopped: AtomicBool,
    pub(super) watch: &'a (dyn Fn(u64, u64) + Sync),
}

/// A cell with the network on it.
#[derive(Debug)]
struct Node {
    cell: VertexPolytope,
    reduced: Arc<Reduced>,
    alive: Vec<Alive>,
    doubts: Vec<Doubt>,
    phases: Vec<u8>,
    disjuncts: Vec<u32>,
    depth: usize,
}

/// What an evaluation of a cell says.
enum Verdict {
    Out,
    /// Nothing is undecided: the rows of the target, the outputs.
    Region(Vec<RowForm>, Vec<Enclosed>),
    /// Unit and what it can be split by.
    Undecided(usize, Cut),
}

/// How a unit is split.
#[derive(Debug, Clone)]
enum Cut {
    /// At a kink, of a function whose argument is this.
    Kink(usize, Enclosed),
    /// By which source is the largest, of these.
    Sources(Vec<(usize, Enclosed)>),
}

#[derive(Debug, Default)]
struct Scratch {
    basis: Basis,
}

impl Enumeration<'_> {
    /// All regions of the box that may meet the target.
    pub(super) fn run(&self) -> Found {
        let setting = &self.setting;
        let cell = setting.frame.cell();
        let (lower, upper) = cell.bounding_box();
        let mut phases = vec![UNKNOWN; setting.phases];
        let reduced = setting.reduce(&self.targets, self.maps, &lower, &upper, &mut phases);
        let alive =
            reduced.units.iter().map(|unit| alternatives(setting, unit.hinge, unit.rows.len())).collect();
        let node = Node {
            cell,
            alive,
            doubts: vec![Doubt::default(); reduced.units.len()],
            reduced: Arc::new(reduced),
            phases,
            disjuncts: (0..self.targets.disjuncts.len() as u32).collect(),
            depth: 0,
        };
        self.visit(node)
    }

    fn visit(&self, node: Node) -> Found {
        if node.depth < SHARED_DEPTH {
            let mut found = Found::default();
            let children = self.expand(node, &mut Scratch::default(), &mut found);
            let parts: Vec<Found> = children.into_par_iter().map(|child| self.visit(child)).collect();
            for part in parts {
                found.regions.extend(part.regions);
                found.open.extend(part.open);
            }
            return found;
        }
        let (mut found, mut scratch) = (Found::default(), Scratch::default());
        let mut stack = vec![node];
        while let Some(node) = stack.pop() {
            let mut children = self.expand(node, &mut scratch, &mut found);
            children.reverse();
            stack.extend(children);
        }
        found
    }

    /// Settles a cell, or splits it.
    fn expand(&self, mut node: Node, scratch: &mut Scratch, found: &mut Found) -> Vec<Node> {
        let count = self.cells.fetch_add(1, Memory::Relaxed) + 1;
        if count.is_multiple_of(64) {
            let kept = self.kept.load(Memory::Relaxed);
            (self.watch)(count, kept);
            if self.budget.stop().is_some() || kept >= self.most {
                self.stopped.store(true, Memory::Relaxed);
            }
        }
        if self.stopped.load(Memory::Relaxed) {
            found.open.push(node.cell);
            return Vec::new();
        }
        loop {
            match self.evaluate(&mut node, scratch) {
                Verdict::Out => return Vec::new(),
                Verdict::Region(rows, outputs) => {
                    self.kept.fetch_add(1, Memory::Relaxed);
                    found.regions.push(Region {
                        cell: node.cell,
                        phases: node.phases.into(),
                        rows,
                        outputs,
                        disjuncts: node.disjuncts,
                    });
                    return Vec::new();
                }
                Verdict::Undecided(unit, Cut::Kink(kink, number)) => {
                    let own = &node.reduced.units[unit];
                    let hinge = self.setting.network.hinge(own.hinge.unwrap_or(0));
                    let at = hinge.kinks[kink];
                    let label = u64::from(own.ordinal) << 8 | kink as u64;
                    let exact = [(own.sources[0], 1.0)];
                    let doubt = self.doubt(number.error(), number.norm() + at.abs());
                    let plane = self.plane(&number, at, &exact, &node.phases, label, doubt);
                    let below: Alive = (2 << kink) - 1;
                    let signs = node.cell.signs(&plane);
                    let kept = match position(&signs) {
                        Position::Across => {
                            let parts = node.cell.split(&plane, &signs);
                            let alive = node.alive[unit];
                            return parts
                                .into_iter()
                                .zip([alive & !below, alive & below])
                                .map(|(cell, alive)| node.child(cell, unit, alive, doubt))
                                .collect();
                        }
                        Position::Above => !below,
                        Position::Below | Position::Within => below,
                    };
                    node.decide(unit, kept, doubt);
                }
                Verdict::Undecided(unit, Cut::Sources(numbers)) => {
                    return self.split_maximum(&node, unit, &numbers);
                }
            }
            if node.folds() {
                node = self.folded(node);
            }
        }
    }

    /// The parts of a cell on which each source is the largest; equal ones count for the first.
    fn split_maximum(&self, node: &Node, unit: usize, numbers: &[(usize, Enclosed)]) -> Vec<Node> {
        let own = &node.reduced.units[unit];
        let mut children = Vec::new();
        for (a, (chosen, number)) in numbers.iter().enumerate() {
            let mut cell = Some(node.cell.clone());
            let mut doubt: f64 = 0.0;
            for (b, (other, against)) in numbers.iter().enumerate().filter(|(b, _)| *b != a) {
                let Some(current) = cell.take() else { break };
                // One function for both orders, so that the parts share their face.
                let (first, second, turned) =
                    if a < b { (number, against, false) } else { (against, number, true) };
                let gap = first.minus(second);
                let (one, two) = if a < b { (*chosen, *other) } else { (*other, *chosen) };
                let exact = [(own.sources[one], 1.0), (own.sources[two], -1.0)];
                let label = u64::from(own.ordinal) << 8 | (128 + ((one * 31 + two) as u64 & 127));
                let own_doubt = self.doubt(gap.error(), first.norm() + second.norm());
                let plane = self.plane(&gap, 0.0, &exact, &node.phases, label, own_doubt);
                doubt = doubt.max(own_doubt);
                let signs = current.signs(&plane);
                cell = match (position(&signs), turned) {
                    (Position::Across, _) => {
                        let [above, below] = current.split(&plane, &signs);
                        Some(if turned { below } else { above })
                    }
                    (Position::Above | Position::Within, false) | (Position::Below, true) => Some(current),
                    _ => None,
                };
            }
            if let Some(cell) = cell {
                children.push(node.child(cell, unit, 1 << chosen, doubt));
            }
        }
        children
    }

    /// How far a decision by a hyperplane may be wrong: not at all where it is the exact one.
    fn doubt(&self, error: f64, norm: f64) -> f64 {
        if self.setting.exact { 0.0 } else { error + 4.0 * f64::EPSILON * norm }
    }

    /// The hyperplane where a number is `at`: exactly, or the doubles, which may be off by `doubt`.
    fn plane(
        &self,
        number: &Enclosed,
        at: f64,
        exact: &[(u32, f64)],
        phases: &[u8],
        label: u64,
        doubt: f64,
    ) -> Arc<Hyperplane> {
        let dims = self.setting.frame.dims();
        if !self.setting.exact {
            let plane = Hyperplane::of_doubles(&number.form[1..=dims], number.form[0] - at, label);
            return Arc::new(plane.with_doubt(doubt));
        }
        let whole = |value: f64| RBig::try_from(value).unwrap_or(RBig::ZERO);
        let combination = Combination {
            terms: exact.iter().map(|&(element, factor)| (element, whole(factor))).collect(),
            constant: whole(-at),
        };
        Arc::new(Hyperplane::of_integers(self.setting.integers(&combination, phases), label))
    }

    /// The hyperplane of a target row on a region.
    pub(super) fn row_plane(&self, region: &Region, row: u32, shift: f64) -> Arc<Hyperplane> {
        let dims = self.setting.frame.dims();
        let form = &region.rows[row as usize].form;
        if self.setting.exact {
            let exact = &self.targets.rows[row as usize].exact;
            let integers = self.setting.integers(exact, &region.phases);
            return Arc::new(Hyperplane::of_integers(integers, ROWS + u64::from(row)));
        }
        let plane = Hyperplane::of_doubles(&form[1..=dims], form[0] + shift, ROWS + u64::from(row));
        Arc::new(plane.with_doubt(region.rows[row as usize].error))
    }

    /// Bounds every unit and row on a cell, decides what can be, and chooses what to split by.
    fn evaluate(&self, node: &mut Node, scratch: &mut Scratch) -> Verdict {
        let Node { cell, reduced, alive, doubts, phases, disjuncts, depth } = node;
        let basis = &mut scratch.basis;
        let (lower, upper) = cell.bounding_box();
        basis.start(&lower, &upper);
        // Values at few vertices are found as fast as those at a box around them, and closer.
        let few = cell.vertices().len() <= 12;
        let mut best: Option<(f64, usize, Cut)> = None;
        // Deep in a large network every second cell is bounded whole; the others are split by what is affine already.
        let quick = *depth % 2 != 0 && reduced.is_large();
        for (k, unit) in reduced.units.iter().enumerate() {
            if quick && best.is_some() && !unit.rows.iter().all(|row| basis.is_affine(row)) {
                break;
            }
            let before = alive[k];
            if let Some(hinge) = unit.hinge {
                let hinge = self.setting.network.hinge(hinge);
                let number = basis.combine(&unit.rows[0]);
                if alive[k].count_ones() > 1 {
                    let mut range = basis.range(&number);
                    if number.affine {
                        let (low, high, error) = at_vertices(cell, &number);
                        range = tightened(range, (low, high, error));
                        restrict(&mut alive[k], &mut doubts[k], possible(&hinge.kinks, range), &number);
                        if alive[k].count_ones() > 1 {
                            let kink = alive[k].trailing_zeros() as usize;
                            let at = hinge.kinks[kink];
                            let score = cut_depth(&number, low - at, high - at);
                            if best.as_ref().is_none_or(|best| score > best.0) {
                                best = Some((score, k, Cut::Kink(kink, number)));
                            }
                        }
                    } else {
                        if few {
                            range = tightened(range, at_vertices(cell, &number));
                        }
                        restrict(&mut alive[k], &mut doubts[k], possible(&hinge.kinks, range), &number);
                    }
                    if alive[k].count_ones() > 1 {
                        basis.push_hinge(&number, hinge, range);
                    }
                }
                if alive[k].is_power_of_two() {
                    let (slope, intercept) = hinge.pieces[alive[k].trailing_zeros() as usize];
                    let doubt = 2.0 * hinge.steepness() * doubts[k].0;
                    basis.push_line(&number, slope, intercept, doubt);
                }
            } else {
                let own: Vec<usize> = (0..unit.rows.len()).filter(|c| alive[k] >> c & 1 == 1).collect();
                let numbers: Vec<Enclosed> = own.iter().map(|&c| basis.combine(&unit.rows[c])).collect();
                if own.len() > 1 {
                    alive[k] &= largest(basis, cell, &own, &numbers);
                }
                let left: Vec<(usize, Enclosed)> = own
                    .into_iter()
                    .zip(numbers)
                    .filter(|(candidate, _)| alive[k] >> candidate & 1 == 1)
                    .collect();
                if let [(_, only)] = &left[..] {
                    basis.push_line(only, 1.0, 0.0, doubts[k].0);
                } else {
                    let numbers: Vec<Enclosed> = left.iter().map(|(_, number)| *number).collect();
                    basis.push_maximum(&numbers);
                    if numbers.iter().all(|number| number.affine) {
                        let gap = numbers[0].minus(&numbers[1]);
                        let (low, high, _) = at_vertices(cell, &gap);
                        let score = cut_depth(&gap, low, high);
                        if best.as_ref().is_none_or(|best| score > best.0) {
                            best = Some((score, k, Cut::Sources(left)));
                        }
                    }
                }
            }
            if alive[k] != before {
                decide(phases, unit, alive[k]);
            }
        }
        if let (true, Some((_, unit, cut))) = (quick, &best) {
            return Verdict::Undecided(*unit, cut.clone());
        }
        let rows: Vec<RowForm> = reduced
            .targets
            .iter()
            .zip(&self.targets.rows)
            .map(|(row, spec)| {
                let number = basis.combine(row);
                let (mut low, mut high) = basis.range(&number);
                if number.affine || few {
                    (low, high) = tightened((low, high), at_vertices(cell, &number));
                }
                let holds = if spec.strict { low > 0.0 } else { low >= 0.0 };
                RowForm { form: number.form, error: number.error(), holds, fails: high < 0.0 }
            })
            .collect();
        disjuncts
            .retain(|&d| !self.targets.disjuncts[d as usize].iter().any(|&row| rows[row as usize].fails));
        if disjuncts.is_empty() && !self.all {
            return Verdict::Out;
        }
        if let Some((_, unit, cut)) = best {
            return Verdict::Undecided(unit, cut);
        }
        let outputs = reduced.outputs.iter().map(|row| basis.combine(row)).collect();
        Verdict::Region(rows, outputs)
    }

    fn folded(&self, node: Node) -> Node {
        let (lower, upper) = node.cell.bounding_box();
        let mut kept = Vec::new();
        let reduced = node.reduced.fold(&self.setting, &node.alive, &node.doubts, &lower, &upper, &mut kept);
        Node {
            alive: kept.iter().map(|&k| node.alive[k]).collect(),
            doubts: kept.iter().map(|&k| node.doubts[k]).collect(),
            reduced: Arc::new(reduced),
            ..node
        }
    }
}

impl Node {
    fn child(&self, cell: VertexPolytope, unit: usize, alive: Alive, doubt: f64) -> Node {
        let mut child = Node {
            cell,
            reduced: Arc::clone(&self.reduced),
            alive: self.alive.clone(),
            doubts: self.doubts.clone(),
            phases: self.phases.clone(),
            disjuncts: self.disjuncts.clone(),
            depth: self.depth + 1,
        };
        child.decide(unit, alive, doubt);
        child
    }

    fn decide(&mut self, unit: usize, kept: Alive, doubt: f64) {
        self.alive[unit] &= kept;
        self.doubts[unit].0 = self.doubts[unit].0.max(doubt);
        decide(&mut self.phases, &self.reduced.units[unit], self.alive[unit]);
    }

    fn folds(&self) -> bool {
        let decided = self.alive.iter().filter(|alive| alive.is_power_of_two()).count();
        decided >= FOLD && 2 * decided >= self.alive.len()
    }
}

/// All alternatives of a unit.
fn alternatives(setting: &Setting, hinge: Option<u32>, rows: usize) -> Alive {
    let count = hinge.map_or(rows, |hinge| setting.network.hinge(hinge).pieces.len());
    if count >= 32 { Alive::MAX } else { (1 << count) - 1 }
}

/// The pieces of a function that an argument in a range may be in; where it only touches a kink, those on its side.
fn possible(kinks: &[f64], (low, high): (f64, f64)) -> Alive {
    let first = kinks.iter().filter(|&&kink| kink <= low).count();
    let last = kinks.iter().filter(|&&kink| kink < high).count().max(first);
    ((2u64 << last) - (1u64 << first)) as Alive
}

/// Leaves of the alternatives those that are possible. Where a decision by doubles and a later bound leave none, the number is at
/// the kink between them to within its radius: the nearest alternative is off by no more.
fn restrict(alive: &mut Alive, doubt: &mut Doubt, possible: Alive, number: &Enclosed) {
    let both = *alive & possible;
    if both != 0 {
        *alive = both;
        return;
    }
    let lowest = 1 << alive.trailing_zeros();
    let highest = 1 << (Alive::BITS - 1 - alive.leading_zeros());
    *alive = if possible < lowest { lowest } else { highest };
    doubt.0 = doubt.0.max(4.0 * number.error());
}

/// The least and the largest value at the vertices, and how far they may be off.
fn at_vertices(cell: &VertexPolytope, number: &Enclosed) -> (f64, f64, f64) {
    let dims = cell.coordinates();
    let slopes = &number.form[1..=dims];
    let steepness: f64 = slopes.iter().map(|a| a.abs()).sum();
    let (mut low, mut high, mut radius) = (f64::INFINITY, f64::NEG_INFINITY, 0.0f64);
    for vertex in cell.vertices() {
        let terms = slopes.iter().zip(vertex.at());
        let value = terms.fold(number.form[0], |sum, (a, x)| sum + a * x);
        low = low.min(value);
        high = high.max(value);
        radius = radius.max(vertex.radius());
    }
    // No coordinate exceeds 1 by more than rounding.
    let rounding = (dims + 4) as f64 * f64::EPSILON * (steepness + number.form[0].abs());
    (low, high, (number.error() + steepness * radius + rounding) * (1.0 + 1e-9))
}

/// A range, and one by values at vertices.
fn tightened((low, high): (f64, f64), (least, most, error): (f64, f64, f64)) -> (f64, f64) {
    (low.max(least - error), high.min(most + error))
}

/// How far a hyperplane goes into a cell, on the side where that is less.
fn cut_depth(number: &Enclosed, low: f64, high: f64) -> f64 {
    let length = number.form[1..].iter().map(|a| a * a).sum::<f64>().sqrt();
    if length > 0.0 { (-low).min(high).max(0.0) / length } else { 0.0 }
}

/// The candidates for the largest number on a cell.
fn largest(basis: &Basis, cell: &VertexPolytope, own: &[usize], numbers: &[Enclosed]) -> Alive {
    let ranges: Vec<(f64, f64)> = numbers.iter().map(|number| basis.range(number)).collect();
    let mut out = vec![false; own.len()];
    for b in 0..own.len() {
        out[b] = (0..own.len()).any(|a| {
            if a == b || out[a] {
                return false;
            }
            if ranges[a].0 >= ranges[b].1 && (ranges[a].0 > ranges[b].1 || a < b) {
                return true;
            }
            if !(numbers[a].affine && numbers[b].affine) {
                return false;
            }
            let gap = numbers[a].minus(&numbers[b]);
            let (low, _, error) = at_vertices(cell, &gap);
            low - error > 0.0
        });
    }
    own.iter().zip(out).filter(|(_, out)| !out).fold(0, |alive, (candidate, _)| alive | 1 << candidate)
}
