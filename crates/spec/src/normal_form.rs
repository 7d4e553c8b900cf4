//! The disjunctive normal form: a formula as a union of polyhedra over inputs and outputs.
//!
//! What holds in every disjunct is kept once, beside the disjuncts: a box of 784 inputs with nine
//! cases for the output is 1568 half-spaces and nine short lists. Disjuncts are simplified as they
//! arise: of parallel half-spaces only the tightest stay, and a disjunct in which two of them exclude
//! each other is dropped, so that a product of disjunctions stays small where its meaning is.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use netinverse_base::{Error, Result};

use crate::half_space::{Over, Shared};
use crate::{Formula, Rational, Variable};

/// How many disjuncts a formula may have.
pub const MAX_DISJUNCTS: usize = 100_000;
/// How many half-spaces all disjuncts may have together, and how many a product may look at.
pub(crate) const MAX_ATOMS: usize = 32_000_000;
const MAX_WORK: usize = 400_000_000;

/// Half-spaces that hold together, by what they speak of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Conjunction {
    /// Over inputs only.
    pub inputs: Vec<Shared>,
    /// Over outputs only.
    pub outputs: Vec<Shared>,
    /// Over inputs and outputs together, or over hidden variables.
    pub mixed: Vec<Shared>,
}

impl Conjunction {
    /// Every half-space.
    pub fn iter(&self) -> impl Iterator<Item = &Shared> {
        self.inputs.iter().chain(&self.outputs).chain(&self.mixed)
    }

    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        self.inputs.is_empty() && self.outputs.is_empty() && self.mixed.is_empty()
    }

    /// Whether a point satisfies all of it, exactly; `None` where the point lacks a variable.
    pub fn holds(&self, x: &[f64], y: &[f64]) -> Option<bool> {
        let mut all = true;
        for half_space in self.iter() {
            all &= half_space.contains(x, y)?;
        }
        Some(all)
    }

    fn push(&mut self, half_space: &Shared) {
        let list = match half_space.over() {
            Over::Inputs => &mut self.inputs,
            Over::Outputs => &mut self.outputs,
            Over::Mixed => &mut self.mixed,
        };
        list.push(Arc::clone(half_space));
    }
}

/// Two parallel half-spaces of one disjunct that exclude each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Contradiction(pub Shared, pub Shared);

impl std::fmt::Display for Contradiction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` and `{}`", self.0, self.1)
    }
}

/// `common ∧ (disjunct₀ ∨ disjunct₁ ∨ …)`.
#[derive(Debug, Clone, PartialEq)]
pub struct NormalForm {
    common: Conjunction,
    disjuncts: Vec<Conjunction>,
    /// Disjuncts with the same half-spaces over inputs share a number, counted up from 0.
    groups: Vec<usize>,
    dropped: usize,
    contradiction: Option<Contradiction>,
}

impl NormalForm {
    /// The normal form of `formula`; refused beyond [`MAX_DISJUNCTS`] disjuncts.
    pub fn of(formula: &Formula) -> Result<Self> {
        Self::with_limit(formula, MAX_DISJUNCTS)
    }

    /// The normal form of `formula`; refused beyond `limit` disjuncts.
    pub fn with_limit(formula: &Formula, limit: usize) -> Result<Self> {
        let mut expansion = Expansion { limit, ..Expansion::default() };
        let single = std::slice::from_ref(formula);
        let parts = if let Formula::And(parts) = formula { parts } else { single };
        let (atoms, rest): (Vec<_>, Vec<_>) = parts.iter().partition(|p| matches!(p, Formula::Atom(_)));
        let ids = atoms.iter().filter_map(|p| expansion.atom_of(p)).collect::<Vec<_>>();
        let Some(mut common) = expansion.simplify(&ids) else {
            return Ok(Self::assemble(&expansion, &[], &[]));
        };
        expansion.settle(&common);
        let mut disjuncts = expansion.product(vec![Box::default()], &rest)?;
        if disjuncts.iter().any(|own| own.is_empty()) {
            disjuncts = vec![Box::default()]; // one disjunct asks no more than what is common
        }
        if disjuncts.len() == 1 {
            let all: Vec<u32> = common.iter().chain(&disjuncts[0]).copied().collect();
            expansion.settle(&[]);
            if let Some(merged) = expansion.simplify(&all) {
                (common, disjuncts) = (merged, vec![Box::default()]);
            }
        }
        Ok(Self::assemble(&expansion, &common, &disjuncts))
    }

    fn assemble(expansion: &Expansion, common: &[u32], disjuncts: &[Box<[u32]>]) -> Self {
        let conjunction = |ids: &[u32]| {
            let mut conjunction = Conjunction::default();
            for &id in ids {
                conjunction.push(&expansion.atoms[id as usize].half_space);
            }
            conjunction
        };
        let mut numbers: HashMap<Vec<u32>, usize> = HashMap::new();
        let mut groups = Vec::with_capacity(disjuncts.len());
        for own in disjuncts {
            let over_inputs = |id: &&u32| expansion.atoms[**id as usize].over == Over::Inputs;
            let key: Vec<u32> = own.iter().filter(over_inputs).copied().collect();
            let next = numbers.len();
            groups.push(*numbers.entry(key).or_insert(next));
        }
        NormalForm {
            common: conjunction(common),
            disjuncts: disjuncts.iter().map(|own| conjunction(own)).collect(),
            groups,
            dropped: expansion.dropped,
            contradiction: expansion.contradiction.clone(),
        }
    }

    /// What every disjunct asks.
    pub fn common(&self) -> &Conjunction {
        &self.common
    }

    /// What each disjunct asks beside that.
    pub fn disjuncts(&self) -> &[Conjunction] {
        &self.disjuncts
    }

    /// The number of the group of each disjunct: those with equal input constraints.
    pub fn groups(&self) -> &[usize] {
        &self.groups
    }

    /// Disjunct `index` in full, what is common included.
    pub fn conjunction(&self, index: usize) -> Conjunction {
        let mut whole = self.common.clone();
        for half_space in self.disjuncts[index].iter() {
            whole.push(half_space);
        }
        whole
    }

    /// Whether no disjunct is left: nothing satisfies the formula, whatever the network.
    pub fn is_contradictory(&self) -> bool {
        self.disjuncts.is_empty()
    }

    /// How many disjuncts were dropped because two of their half-spaces exclude each other.
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// The first such pair.
    pub fn contradiction(&self) -> Option<&Contradiction> {
        self.contradiction.as_ref()
    }

    /// Whether a point satisfies the formula, exactly; `None` where the point lacks a variable.
    pub fn holds(&self, x: &[f64], y: &[f64]) -> Option<bool> {
        let common = self.common.holds(x, y)?;
        let mut any = false;
        for own in &self.disjuncts {
            any |= own.holds(x, y)?;
        }
        Some(common && any)
    }
}

/// A half-space as the expansion sees it: a bound on the direction of number `slot`.
struct Atom {
    half_space: Shared,
    over: Over,
    slot: u32,
    threshold: Rational,
    is_lower: bool,
}

/// The tightest half-spaces of a direction, by number of atom.
#[derive(Clone, Copy, Default)]
struct Interval {
    lower: Option<u32>,
    upper: Option<u32>,
    /// Which simplification wrote this.
    stamp: u32,
}

#[derive(Default)]
struct Expansion {
    limit: usize,
    atoms: Vec<Atom>,
    /// The number of each direction, those of a single variable apart.
    slots: HashMap<Vec<(Variable, Rational)>, u32>,
    single_slots: HashMap<Variable, u32>,
    /// The first atom of each hash; a second one of the same hash is not looked for again, at worst a
    /// half-space has two numbers.
    known: HashMap<u64, u32>,
    /// What is common to all disjuncts, by slot.
    settled: Vec<Interval>,
    /// Scratch of the simplification under way, by slot.
    current: Vec<Interval>,
    stamp: u32,
    work: usize,
    dropped: usize,
    contradiction: Option<Contradiction>,
}

impl Expansion {
    fn atom_of(&mut self, formula: &Formula) -> Option<u32> {
        if let Formula::Atom(half_space) = formula { Some(self.intern(half_space)) } else { None }
    }

    /// The number of a half-space; those that are the same set have the same number.
    fn intern(&mut self, half_space: &Shared) -> u32 {
        let next = self.current.len() as u32;
        let (slot, (threshold, is_lower)) = if let [(variable, _)] = half_space.form.terms() {
            (*self.single_slots.entry(*variable).or_insert(next), half_space.threshold())
        } else {
            let side = half_space.side();
            (*self.slots.entry(side.direction).or_insert(next), (side.threshold, side.is_lower))
        };
        if slot == next {
            self.settled.push(Interval::default());
            self.current.push(Interval::default());
        }
        let strict = half_space.strict;
        let mut hasher = DefaultHasher::new();
        (slot, is_lower, strict, &threshold).hash(&mut hasher);
        let number = self.atoms.len() as u32;
        let known = *self.known.entry(hasher.finish()).or_insert(number);
        if let Some(old) = self.atoms.get(known as usize)
            && (old.slot, old.is_lower, old.half_space.strict) == (slot, is_lower, strict)
            && old.threshold == threshold
        {
            return known;
        }
        let over = half_space.over();
        self.atoms.push(Atom { half_space: Arc::clone(half_space), over, slot, threshold, is_lower });
        number
    }

    /// The disjuncts of a formula, simplified, in the order of the text, each once.
    fn expand(&mut self, formula: &Formula) -> Result<Vec<Box<[u32]>>> {
        match formula {
            Formula::Atom(half_space) => {
                let id = self.intern(half_space);
                Ok(self.simplify(&[id]).into_iter().collect())
            }
            Formula::And(parts) => {
                let (atoms, rest): (Vec<_>, Vec<_>) =
                    parts.iter().partition(|p| matches!(p, Formula::Atom(_)));
                let ids = atoms.iter().filter_map(|p| self.atom_of(p)).collect::<Vec<_>>();
                match self.simplify(&ids) {
                    Some(own) => self.product(vec![own], &rest),
                    None => Ok(Vec::new()),
                }
            }
            Formula::Or(parts) => {
                let mut union = Union::default();
                for part in parts {
                    for own in self.expand(part)? {
                        union.insert(own, self.limit)?;
                    }
                }
                Ok(union.list)
            }
        }
    }

    /// `disjuncts ∧ factor₁ ∧ factor₂ ∧ …`
    fn product(&mut self, disjuncts: Vec<Box<[u32]>>, factors: &[&Formula]) -> Result<Vec<Box<[u32]>>> {
        let mut product = disjuncts;
        for factor in factors {
            let right = self.expand(factor)?;
            if product.len() == 1 && product[0].is_empty() {
                product = right;
                continue;
            }
            let mut union = Union::default();
            let mut both = Vec::new();
            for a in &product {
                for b in &right {
                    self.work += a.len() + b.len() + 1;
                    if self.work > MAX_WORK {
                        return Err(too_many(self.limit));
                    }
                    both.clear();
                    both.extend_from_slice(a);
                    both.extend_from_slice(b);
                    if let Some(own) = self.simplify(&both) {
                        union.insert(own, self.limit)?;
                    }
                }
            }
            product = union.list;
        }
        Ok(product)
    }

    /// Makes `ids` what every further simplification takes for granted.
    fn settle(&mut self, ids: &[u32]) {
        self.settled.fill(Interval::default());
        for &id in ids {
            let atom = &self.atoms[id as usize];
            let interval = &mut self.settled[atom.slot as usize];
            *(if atom.is_lower { &mut interval.lower } else { &mut interval.upper }) = Some(id);
        }
    }

    /// Of each direction the tightest half-spaces, without those that the settled ones imply, numbers
    /// ascending; `None` (and counted) if two of them exclude each other.
    fn simplify(&mut self, ids: &[u32]) -> Option<Box<[u32]>> {
        self.stamp += 1;
        for &id in ids {
            let atom = &self.atoms[id as usize];
            let slot = atom.slot as usize;
            if self.current[slot].stamp != self.stamp {
                self.current[slot] = Interval { stamp: self.stamp, ..self.settled[slot] };
            }
            let Interval { lower, upper, .. } = self.current[slot];
            let (same, opposite) = if atom.is_lower { (lower, upper) } else { (upper, lower) };
            if let Some(other) = opposite.map(|o| &self.atoms[o as usize])
                && excludes(atom, other)
            {
                self.dropped += 1;
                if self.contradiction.is_none() {
                    let pair = (Arc::clone(&other.half_space), Arc::clone(&atom.half_space));
                    self.contradiction = Some(Contradiction(pair.0, pair.1));
                }
                return None;
            }
            if same.is_none_or(|s| tighter(atom, &self.atoms[s as usize])) {
                let interval = &mut self.current[slot];
                *(if atom.is_lower { &mut interval.lower } else { &mut interval.upper }) = Some(id);
            }
        }
        let stays = |id: &u32| {
            let slot = self.atoms[*id as usize].slot as usize;
            let (now, before) = (&self.current[slot], &self.settled[slot]);
            (now.lower == Some(*id) && before.lower != Some(*id))
                || (now.upper == Some(*id) && before.upper != Some(*id))
        };
        let mut kept: Vec<u32> = ids.iter().copied().filter(stays).collect();
        kept.sort_unstable();
        kept.dedup();
        Some(kept.into())
    }
}

/// Whether two opposite bounds on one direction leave nothing between them.
fn excludes(a: &Atom, b: &Atom) -> bool {
    let (lower, upper) = if a.is_lower { (a, b) } else { (b, a) };
    let strict = a.half_space.strict || b.half_space.strict;
    lower.threshold > upper.threshold || (strict && lower.threshold == upper.threshold)
}

/// Whether a bound cuts off more than another on the same side of the same direction.
fn tighter(a: &Atom, b: &Atom) -> bool {
    if a.threshold == b.threshold {
        return a.half_space.strict && !b.half_space.strict;
    }
    (a.threshold > b.threshold) == a.is_lower
}

/// Disjuncts in the order of their arrival, each once, no more than allowed.
#[derive(Default)]
struct Union {
    list: Vec<Box<[u32]>>,
    seen: HashSet<Box<[u32]>>,
    atoms: usize,
}

impl Union {
    fn insert(&mut self, own: Box<[u32]>, limit: usize) -> Result<()> {
        if self.seen.contains(&own) {
            return Ok(());
        }
        self.atoms += own.len();
        if self.list.len() >= limit || self.atoms > MAX_ATOMS {
            return Err(too_many(limit));
        }
        self.seen.insert(own.clone());
        self.list.push(own);
        Ok(())
    }
}

fn too_many(limit: usize) -> Error {
    Error::unsupported(format!(
        "the formula has more than {limit} cases once its disjunctions are multiplied out"
    ))
    .hint("split it into several questions, one for each case of its outermost `or`")
}
