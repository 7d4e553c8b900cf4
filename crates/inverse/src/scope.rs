//! What is known while the inverse is written down: which elements of the network, and where they are in the inverse.

use std::collections::{BTreeSet, HashMap};

use netinverse_network::{Node, ValueId};

use crate::elements::{Atom, Element, Elements, Formula};
use crate::recorder::{Action, Id, Place, Recorder};

const NOWHERE: Place = Place { value: Id::MAX, index: 0 };

/// The inverse so far, and the elements that it knows.
#[derive(Debug)]
pub(crate) struct Scope<'e> {
    pub(crate) elements: &'e Elements,
    pub(crate) recorder: Recorder,
    /// For each base its elements' places; empty while none is known.
    places: Vec<Vec<Place>>,
    /// How many elements of each base are not known.
    unknown: Vec<usize>,
    /// Values of the network that were put together whole.
    whole: HashMap<ValueId, Id>,
    /// Nodes around what was learned last.
    changed: BTreeSet<usize>,
}

impl<'e> Scope<'e> {
    pub(crate) fn new(elements: &'e Elements, recorder: Recorder) -> Self {
        let sizes = (0..elements.bases.len() as u32).map(|base| elements.size(base));
        Scope {
            elements,
            recorder,
            places: vec![Vec::new(); elements.bases.len()],
            unknown: sizes.collect(),
            whole: HashMap::new(),
            changed: BTreeSet::new(),
        }
    }

    pub(crate) fn node(&self, index: usize) -> &'e Node {
        &self.elements.network.nodes()[index]
    }

    /// Where an element is known.
    pub(crate) fn place(&self, element: Element) -> Option<Place> {
        let place = self.places[element.base as usize].get(element.index as usize).copied()?;
        (place != NOWHERE).then_some(place)
    }

    pub(crate) fn knows(&self, element: Element) -> bool {
        self.place(element).is_some()
    }

    pub(crate) fn knows_atom(&self, atom: Atom) -> bool {
        match atom {
            Atom::Constant(_) => true,
            Atom::Element(element) => self.knows(element),
        }
    }

    /// How many elements of a base are not known.
    pub(crate) fn unknown_in(&self, base: u32) -> usize {
        self.unknown[base as usize]
    }

    /// Notes where an element is, unless it was known before.
    pub(crate) fn learn(&mut self, element: Element, place: Place) {
        let base = element.base as usize;
        if self.places[base].is_empty() {
            self.places[base] = vec![NOWHERE; self.elements.size(element.base)];
        }
        let own = &mut self.places[base][element.index as usize];
        if *own == NOWHERE {
            *own = place;
            self.unknown[base] -= 1;
            self.changed.extend(self.elements.neighbours(element.base));
        }
    }

    /// Notes that these elements, in order, are the elements of a value of the inverse.
    pub(crate) fn learn_all(&mut self, elements: impl IntoIterator<Item = Element>, value: Id) {
        for (index, element) in elements.into_iter().enumerate() {
            self.learn(element, Place { value, index: index as u32 });
        }
    }

    /// The next node around which something was learned.
    pub(crate) fn next_changed(&mut self) -> Option<usize> {
        self.changed.pop_first()
    }

    /// Whether every element of a value is known.
    pub(crate) fn knows_value(&self, id: ValueId) -> bool {
        self.whole.contains_key(&id) || self.elements.value(id).iter().all(|&atom| self.knows_atom(atom))
    }

    /// A value of the network in the inverse, if all of it is known.
    pub(crate) fn value(&mut self, id: ValueId) -> Option<Id> {
        if let Some(&known) = self.whole.get(&id) {
            return Some(known);
        }
        let atoms = self.elements.value(id).clone();
        let value = self.elements.network.value(id);
        let made = self.assemble(&value.name, atoms.iter().copied(), &value.shape)?;
        self.whole.insert(id, made);
        Some(made)
    }

    /// A value of these atoms, if all are known.
    pub(crate) fn assemble(
        &mut self,
        name: &str,
        atoms: impl IntoIterator<Item = Atom>,
        shape: &netinverse_network::Shape,
    ) -> Option<Id> {
        let places = &self.places;
        self.recorder.assemble(name, atoms, shape, |element| {
            let place = places[element.base as usize].get(element.index as usize).copied()?;
            (place != NOWHERE).then_some(place)
        })
    }

    /// Computes a node as the network does, where all that it reads is known; whether that told something.
    pub(crate) fn forward(&mut self, index: usize) -> bool {
        let Some(base) = self.elements.base_of(index).filter(|&base| self.unknown_in(base) > 0) else {
            return false;
        };
        let node = self.node(index);
        if !node.inputs.iter().all(|&id| self.knows_value(id)) {
            return false;
        }
        let inputs: Option<Vec<Id>> = node.inputs.iter().map(|&id| self.value(id)).collect();
        let Some(inputs) = inputs else { return false };
        let value = self.elements.network.value(node.output);
        let output = self.recorder.push(&value.name, Action::Forward(index), &inputs, value.shape.clone());
        self.learn_all(self.elements.all(base), output);
        true
    }

    /// The elements that a formula reads and that are not known.
    pub(crate) fn unknown_of(&self, formula: &Formula) -> Vec<Element> {
        let mut unknown = match formula {
            Formula::Affine { terms, .. } => terms.iter().map(|(element, _)| *element).collect(),
            Formula::Function(_, element) => vec![*element],
            Formula::Product(a, b) if a == b => vec![*a],
            Formula::Product(a, b) => vec![*a, *b],
        };
        unknown.retain(|&element| !self.knows(element));
        unknown
    }
}
