//! The inverse while it is written down: values, and what computes them.
//!
//! Actions are kept free of the network's own identifiers of constants, so that what turns out not to be needed costs
//! nothing, and the rest can be cut into parts around loops ([`crate::program`]).

use std::collections::HashMap;
use std::sync::Arc;

use netinverse_linalg::Precision;
use netinverse_network::{Function, Layout, PadMode, Shape};

use crate::elements::{Atom, Element};

/// A value of the inverse.
pub(crate) type Id = u32;

/// Constant numbers of the inverse.
#[derive(Debug, Clone)]
pub(crate) struct Numbers {
    pub(crate) shape: Shape,
    pub(crate) values: Arc<[f64]>,
}

impl Numbers {
    /// A row `[1, k]`.
    pub(crate) fn row(values: Vec<f64>) -> Self {
        Numbers { shape: sized(&[1, values.len()]), values: values.into() }
    }

    /// One number.
    pub(crate) fn one(value: f64) -> Self {
        Numbers { shape: sized(&[1]), values: [value].into() }
    }

    /// A matrix of that many rows.
    pub(crate) fn matrix(rows: usize, columns: usize, values: Vec<f64>) -> Self {
        Numbers { shape: sized(&[rows, columns]), values: values.into() }
    }
}

/// A shape whose elements exist already: it cannot be too large.
pub(crate) fn sized(sizes: &[usize]) -> Shape {
    Shape::new(sizes).expect("no larger than the values that it holds")
}

/// What computes a value.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    /// A function of each element.
    Function(Function),
    /// `s ∘ x + t`
    Scale { scale: Option<Numbers>, shift: Option<Numbers> },
    /// `x · W`, W with a row for each element of the last axis.
    Dense(Numbers),
    /// `Σ cᵢ xᵢ`
    Combine(Vec<f64>),
    /// The product of two values.
    Multiply,
    /// Means over the last axis, which stays with size 1.
    Mean,
    /// A rearrangement.
    Layout(Layout),
    /// A node of the network, as it stands.
    Forward(usize),
    /// The fixed point of a contraction.
    FixedPoint(Box<FixedPoint>),
}

/// `x = (b − r(x)) / c`, r contracting: x ← (b − r(x)) / c until it stays.
#[derive(Debug, Clone)]
pub(crate) struct FixedPoint {
    /// Computes the next iterate from the iterate and what follows in the step's inputs.
    pub(crate) body: Recorder,
    /// The body's inputs: the iterate, then one for each input of the step.
    pub(crate) inputs: Vec<Id>,
    /// The next iterate.
    pub(crate) output: Id,
    /// Iterations at most.
    pub(crate) limit: usize,
    /// It stays when no element moves by more than this, times the largest element or 1.
    pub(crate) tolerance: f64,
}

/// One step of the inverse.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) action: Action,
    pub(crate) inputs: Vec<Id>,
    pub(crate) output: Id,
}

/// Where an element of the network is known in the inverse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) value: Id,
    pub(crate) index: u32,
}

/// Values and steps, in order.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    pub(crate) precision: Precision,
    /// Shape and name of each value.
    pub(crate) values: Vec<(Shape, String)>,
    pub(crate) steps: Vec<Step>,
    /// Values as rows `[1, k]`.
    rows: HashMap<Id, Id>,
    /// A value that exists from the start, for constants to be computed beside.
    anchor: Option<Id>,
}

impl Recorder {
    pub(crate) fn new(precision: Precision) -> Self {
        Recorder { precision, values: Vec::new(), steps: Vec::new(), rows: HashMap::new(), anchor: None }
    }

    /// An input of the inverse.
    pub(crate) fn input(&mut self, name: &str, shape: Shape) -> Id {
        let id = self.value(name, shape);
        self.anchor.get_or_insert(id);
        id
    }

    fn value(&mut self, name: &str, shape: Shape) -> Id {
        self.values.push((shape, name.to_string()));
        self.values.len() as Id - 1
    }

    pub(crate) fn shape(&self, id: Id) -> &Shape {
        &self.values[id as usize].0
    }

    pub(crate) fn name(&self, id: Id) -> &str {
        &self.values[id as usize].1
    }

    /// Notes a step that writes a value of that shape.
    pub(crate) fn push(&mut self, name: &str, action: Action, inputs: &[Id], shape: Shape) -> Id {
        let output = self.value(name, shape);
        self.steps.push(Step { action, inputs: inputs.to_vec(), output });
        output
    }

    /// A step that writes what it reads, changed: the shape stays.
    pub(crate) fn map(&mut self, name: &str, action: Action, input: Id) -> Id {
        let shape = self.shape(input).clone();
        self.push(name, action, &[input], shape)
    }

    /// A function of each element.
    pub(crate) fn function(&mut self, name: &str, function: Function, input: Id) -> Id {
        self.map(name, Action::Function(function), input)
    }

    /// `factor · x + shift`
    pub(crate) fn line(&mut self, name: &str, factor: f64, shift: f64, input: Id) -> Id {
        let scale = (factor != 1.0).then(|| Numbers::one(factor));
        let shift = (shift != 0.0).then(|| Numbers::one(shift));
        if scale.is_none() && shift.is_none() {
            return input;
        }
        self.map(name, Action::Scale { scale, shift }, input)
    }

    /// `Σ cᵢ xᵢ` of values of one shape.
    pub(crate) fn combine(&mut self, name: &str, terms: &[(Id, f64)]) -> Id {
        if let [(only, 1.0)] = terms {
            return *only;
        }
        let shape = self.shape(terms[0].0).clone();
        let inputs: Vec<Id> = terms.iter().map(|(id, _)| *id).collect();
        self.push(name, Action::Combine(terms.iter().map(|(_, c)| *c).collect()), &inputs, shape)
    }

    /// The product of two values of one shape.
    pub(crate) fn multiply(&mut self, name: &str, a: Id, b: Id) -> Id {
        let shape = self.shape(a).clone();
        self.push(name, Action::Multiply, &[a, b], shape)
    }

    /// `x · W` along the last axis; W has a row for each element of it.
    pub(crate) fn dense(&mut self, name: &str, weight: Numbers, input: Id) -> Id {
        let mut sizes = self.shape(input).to_vec();
        if let Some(last) = sizes.last_mut() {
            *last = weight.shape[1];
        }
        self.push(name, Action::Dense(weight), &[input], sized(&sizes))
    }

    /// The same elements in another shape.
    pub(crate) fn reshape(&mut self, input: Id, shape: &Shape) -> Id {
        if self.shape(input) == shape {
            return input;
        }
        let name = self.name(input).to_string();
        self.push(&name, Action::Layout(Layout::Reshape { shape: shape.clone() }), &[input], shape.clone())
    }

    /// The value as a row `[1, k]`.
    fn row(&mut self, id: Id) -> Id {
        if let Some(&row) = self.rows.get(&id) {
            return row;
        }
        let shape = sized(&[1, self.shape(id).elements()]);
        let row = self.reshape(id, &shape);
        self.rows.insert(id, row);
        row
    }

    /// A value of these atoms, whose elements are where `place` says; `None` where an element is not known.
    pub(crate) fn assemble(
        &mut self,
        name: &str,
        atoms: impl IntoIterator<Item = Atom>,
        shape: &Shape,
        place: impl Fn(Element) -> Option<Place>,
    ) -> Option<Id> {
        let mut parts = Parts::default();
        for atom in atoms {
            match atom {
                Atom::Constant(value) => parts.constant(value),
                Atom::Element(element) => parts.element(place(element)?),
            }
        }
        Some(self.joined(name, parts, shape))
    }

    fn joined(&mut self, name: &str, mut parts: Parts, shape: &Shape) -> Id {
        if parts.chunks.is_empty() {
            // Constants alone: beside a value, which is then left out.
            parts.chunks.push(self.anchor.expect("the inverse has an input"));
        }
        if let ([only], []) = (&parts.chunks[..], &parts.constants[..]) {
            let size = self.shape(*only).elements();
            if parts.picks.len() == size
                && parts.picks.iter().enumerate().all(|(i, pick)| *pick == (0, i as u32))
            {
                return self.reshape(*only, shape);
            }
        }
        let mut offsets = Vec::with_capacity(parts.chunks.len() + 1);
        let mut total = 0;
        let mut rows = Vec::with_capacity(parts.chunks.len());
        for &chunk in &parts.chunks {
            offsets.push(total);
            total += self.shape(chunk).elements();
            rows.push(self.row(chunk));
        }
        let mut joined = if let [only] = rows[..] {
            only
        } else {
            let axis = Action::Layout(Layout::Concat { axis: 1 });
            self.push(name, axis, &rows, sized(&[1, total]))
        };
        let constants_at = total;
        if !parts.constants.is_empty() {
            joined = self.with_constants(name, joined, &parts.constants);
            total += parts.constants.len();
        }
        let indices: Vec<usize> = parts
            .picks
            .iter()
            .map(|&(chunk, index)| match chunk {
                CONSTANT => constants_at + index as usize,
                chunk => offsets[chunk as usize] + index as usize,
            })
            .collect();
        let picked = self.pick(name, joined, total, indices);
        self.reshape(picked, shape)
    }

    /// Elements of a row, by position.
    fn pick(&mut self, name: &str, row: Id, size: usize, indices: Vec<usize>) -> Id {
        let count = indices.len();
        let runs = count > 0 && indices.windows(2).all(|pair| pair[1] == pair[0] + 1);
        if runs && count == size {
            return row;
        }
        let layout = if runs {
            Layout::Slice { starts: vec![0, indices[0]], steps: vec![1, 1], sizes: vec![1, count] }
        } else {
            Layout::Gather { axis: 1, indices, shape: vec![count] }
        };
        self.push(name, Action::Layout(layout), &[row], sized(&[1, count]))
    }

    /// A row with constants after it.
    fn with_constants(&mut self, name: &str, row: Id, constants: &[f64]) -> Id {
        let size = self.shape(row).elements();
        let wide = sized(&[1, size + constants.len()]);
        let fill = if let [only] = constants { *only } else { 0.0 };
        let pad = Layout::Pad {
            before: vec![0, 0],
            after: vec![0, constants.len()],
            mode: PadMode::Constant(fill),
        };
        let padded = self.push(name, Action::Layout(pad), &[row], wide);
        if constants.len() == 1 || constants.iter().all(|&value| value == 0.0) {
            return padded;
        }
        let mut shift = vec![0.0; size];
        shift.extend_from_slice(constants);
        self.map(name, Action::Scale { scale: None, shift: Some(Numbers::row(shift)) }, padded)
    }
}

/// Marks a pick of a constant.
const CONSTANT: u32 = u32::MAX;

/// What a value is put together from.
#[derive(Default)]
struct Parts {
    chunks: Vec<Id>,
    number: HashMap<Id, u32>,
    constants: Vec<f64>,
    of_constant: HashMap<u64, u32>,
    /// (number of the chunk, position in it)
    picks: Vec<(u32, u32)>,
}

impl Parts {
    fn element(&mut self, place: Place) {
        let chunks = &mut self.chunks;
        let chunk = *self.number.entry(place.value).or_insert_with(|| {
            chunks.push(place.value);
            chunks.len() as u32 - 1
        });
        self.picks.push((chunk, place.index));
    }

    fn constant(&mut self, value: f64) {
        let constants = &mut self.constants;
        let index = *self.of_constant.entry(value.to_bits()).or_insert_with(|| {
            constants.push(value);
            constants.len() as u32 - 1
        });
        self.picks.push((CONSTANT, index));
    }
}
