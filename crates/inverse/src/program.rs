//! The inverse as it runs: networks, and loops between them.

use std::collections::{HashMap, HashSet};

use netinverse_base::Result;
use netinverse_linalg::{Precision, Real};
use netinverse_network::{
    Bilinear, Dense, Evaluator, Layout, Linear, Network, NetworkBuilder, Op, Param, ParamId, Reduce, Scale,
    Shape, ValueId, WeightOrder,
};

use crate::convolution;
use crate::recorder::{Action, FixedPoint, Id, Numbers, Recorder, Step};

/// A value that stages hand over: its name, unique in the inverse, and its shape for one sample.
#[derive(Debug, Clone)]
pub struct Slot {
    /// The name.
    pub name: String,
    /// The shape.
    pub shape: Shape,
}

/// A part of an inverse. Numbers are positions in the list of slots.
#[derive(Debug, Clone)]
pub(crate) enum Stage {
    Network { network: Network, inputs: Vec<usize>, outputs: Vec<usize> },
    Loop(LoopStage),
}

/// `x ← body(x, given…)` until x stays.
#[derive(Debug, Clone)]
pub(crate) struct LoopStage {
    /// Takes the iterate and then the given values, gives the next iterate.
    pub(crate) body: Network,
    /// The first one is where the iteration starts.
    pub(crate) given: Vec<usize>,
    pub(crate) output: usize,
    pub(crate) limit: usize,
    pub(crate) tolerance: f64,
}

/// The inverse of a network, as a network with loops where it needs them.
///
/// Its inputs are outputs of the network, its outputs the network's inputs, in the network's shapes and under its names.
#[derive(Debug, Clone)]
pub struct Inverse {
    pub(crate) slots: Vec<Slot>,
    pub(crate) stages: Vec<Stage>,
    pub(crate) inputs: Vec<usize>,
    pub(crate) outputs: Vec<usize>,
    pub(crate) precision: Precision,
}

impl Inverse {
    /// Makes the inverse run that was written down; inputs that nothing reads are left out.
    ///
    /// # Errors
    /// A constant is too large for the precision.
    pub(crate) fn new(
        network: &Network,
        recorder: &Recorder,
        inputs: &[(Id, String)],
        outputs: &[(Id, String)],
    ) -> Result<Self> {
        let mut recorder = recorder.clone();
        // Each output is written by a step of its own, which carries its name.
        let outputs: Vec<(Id, String)> = outputs
            .iter()
            .map(|(id, name)| {
                let shape = recorder.shape(*id).clone();
                let action = Action::Layout(Layout::Reshape { shape: shape.clone() });
                (recorder.push(name, action, &[*id], shape), name.clone())
            })
            .collect();
        let steps = needed(&recorder, outputs.iter().map(|(id, _)| *id));
        let read: HashSet<Id> = steps.iter().flat_map(|step| step.inputs.iter().copied()).collect();
        let inputs: Vec<(Id, String)> = inputs.iter().filter(|(id, _)| read.contains(id)).cloned().collect();
        let names = names(&recorder, &steps, &inputs, &outputs);
        Compiler { network, recorder: &recorder, names, slots: Vec::new(), slot_of: HashMap::new() }
            .compile(&steps, &inputs, &outputs)
    }

    /// What it takes.
    pub fn inputs(&self) -> impl Iterator<Item = &Slot> {
        self.inputs.iter().map(|&slot| &self.slots[slot])
    }

    /// What it gives.
    pub fn outputs(&self) -> impl Iterator<Item = &Slot> {
        self.outputs.iter().map(|&slot| &self.slots[slot])
    }

    /// The number of elements that it takes for one sample.
    pub fn input_size(&self) -> usize {
        self.inputs().map(|slot| slot.shape.elements()).sum()
    }

    /// The number of elements that it gives for one sample.
    pub fn output_size(&self) -> usize {
        self.outputs().map(|slot| slot.shape.elements()).sum()
    }

    /// The precision in which it is stored and meant to run.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The inverse as one network, if it has no loop.
    pub fn as_network(&self) -> Option<&Network> {
        match &self.stages[..] {
            [Stage::Network { network, .. }] => Some(network),
            _ => None,
        }
    }

    /// The number of nodes, those of loops included.
    pub fn nodes(&self) -> usize {
        let count = |stage: &Stage| match stage {
            Stage::Network { network, .. } => network.nodes().len(),
            Stage::Loop(stage) => 1 + stage.body.nodes().len(),
        };
        self.stages.iter().map(count).sum()
    }

    /// The number of stored constants, element by element.
    pub fn parameters(&self) -> usize {
        let count = |network: &Network| network.params().iter().map(Param::elements).sum::<usize>();
        self.stages
            .iter()
            .map(|stage| match stage {
                Stage::Network { network, .. } => count(network),
                Stage::Loop(stage) => count(&stage.body),
            })
            .sum()
    }
}

/// The steps that outputs need, in order.
fn needed(recorder: &Recorder, outputs: impl Iterator<Item = Id>) -> Vec<Step> {
    let mut wanted: HashSet<Id> = outputs.collect();
    let mut steps: Vec<Step> = Vec::new();
    for step in recorder.steps.iter().rev() {
        if wanted.contains(&step.output) {
            wanted.extend(&step.inputs);
            steps.push(step.clone());
        }
    }
    steps.reverse();
    steps
}

/// A name for each value that is needed, no two the same; inputs and outputs have those that were asked for.
fn names(
    recorder: &Recorder,
    steps: &[Step],
    inputs: &[(Id, String)],
    outputs: &[(Id, String)],
) -> HashMap<Id, String> {
    let mut names: HashMap<Id, String> = HashMap::new();
    let mut taken: HashSet<String> = HashSet::new();
    let mut count: HashMap<String, usize> = HashMap::new();
    let mut unique = |wanted: &str| {
        let mut name = wanted.to_string();
        while name.is_empty() || !taken.insert(name.clone()) {
            let number = count.entry(wanted.to_string()).or_insert(0);
            *number += 1;
            name = format!("{wanted}_{number}");
        }
        name
    };
    for (id, name) in inputs.iter().chain(outputs) {
        names.insert(*id, unique(name));
    }
    for step in steps {
        names.entry(step.output).or_insert_with(|| unique(recorder.name(step.output)));
    }
    names
}

struct Compiler<'a> {
    network: &'a Network,
    recorder: &'a Recorder,
    names: HashMap<Id, String>,
    slots: Vec<Slot>,
    slot_of: HashMap<Id, usize>,
}

impl Compiler<'_> {
    fn slot(&mut self, id: Id) -> usize {
        if let Some(&slot) = self.slot_of.get(&id) {
            return slot;
        }
        self.slots.push(Slot { name: self.names[&id].clone(), shape: self.recorder.shape(id).clone() });
        self.slot_of.insert(id, self.slots.len() - 1);
        self.slots.len() - 1
    }

    fn compile(
        mut self,
        steps: &[Step],
        inputs: &[(Id, String)],
        outputs: &[(Id, String)],
    ) -> Result<Inverse> {
        let own_inputs: Vec<usize> = inputs.iter().map(|(id, _)| self.slot(*id)).collect();
        // The last position at which each value is read; outputs are read in the end.
        let mut last_read: HashMap<Id, usize> = outputs.iter().map(|(id, _)| (*id, usize::MAX)).collect();
        for (position, step) in steps.iter().enumerate() {
            for &id in &step.inputs {
                let last = last_read.entry(id).or_insert(position);
                *last = (*last).max(position);
            }
        }
        let mut stages = Vec::new();
        let mut start = 0;
        while start < steps.len() {
            if let Action::FixedPoint(fixed) = &steps[start].action {
                let step = &steps[start];
                let given = step.inputs.iter().map(|&id| self.slot(id)).collect();
                let output = self.slot(step.output);
                stages.push(Stage::Loop(self.fixed_point(fixed, given, output)?));
                start += 1;
                continue;
            }
            let is_loop = |step: &Step| matches!(step.action, Action::FixedPoint(_));
            let end = steps[start..].iter().position(is_loop).map_or(steps.len(), |length| start + length);
            let part = &steps[start..end];
            let made: HashSet<Id> = part.iter().map(|step| step.output).collect();
            let mut read: Vec<Id> = Vec::new();
            for id in part.iter().flat_map(|step| &step.inputs) {
                if !made.contains(id) && !read.contains(id) {
                    read.push(*id);
                }
            }
            // As declared, where they are the inverse's own.
            read.sort_by_key(|id| inputs.iter().position(|(input, _)| input == id).unwrap_or(usize::MAX));
            let mut written: Vec<Id> = part.iter().map(|step| step.output).collect();
            written.retain(|id| last_read.get(id).is_some_and(|&last| last >= end));
            written
                .sort_by_key(|id| outputs.iter().position(|(output, _)| output == id).unwrap_or(usize::MAX));
            let network = build(self.network, self.recorder, part, &read, &written, &self.names)?;
            let [inputs, outputs] =
                [&read, &written].map(|ids| ids.iter().map(|&id| self.slot(id)).collect());
            stages.push(Stage::Network { network, inputs, outputs });
            start = end;
        }
        let own_outputs = outputs.iter().map(|(id, _)| self.slot(*id)).collect();
        Ok(Inverse {
            slots: self.slots,
            stages,
            inputs: own_inputs,
            outputs: own_outputs,
            precision: self.recorder.precision,
        })
    }

    fn fixed_point(&self, fixed: &FixedPoint, given: Vec<usize>, output: usize) -> Result<LoopStage> {
        let FixedPoint { body, inputs, output: next, limit, tolerance } = fixed;
        let steps = needed(body, std::iter::once(*next));
        let inputs_named: Vec<(Id, String)> =
            inputs.iter().map(|&id| (id, body.name(id).to_string())).collect();
        let names = names(body, &steps, &inputs_named, &[]);
        let body = build(self.network, body, &steps, inputs, &[*next], &names)?;
        Ok(LoopStage { body, given, output, limit: *limit, tolerance: *tolerance })
    }
}

/// The network of some steps.
fn build(
    network: &Network,
    recorder: &Recorder,
    steps: &[Step],
    inputs: &[Id],
    outputs: &[Id],
    names: &HashMap<Id, String>,
) -> Result<Network> {
    let mut make = Maker {
        builder: NetworkBuilder::new(),
        network,
        precision: recorder.precision,
        adopted: HashMap::new(),
        constants: HashMap::new(),
    };
    let mut values: HashMap<Id, ValueId> = HashMap::new();
    for &id in inputs {
        values.insert(id, make.builder.input(names[&id].clone(), recorder.shape(id).clone())?);
    }
    for step in steps {
        let read: Vec<ValueId> = step.inputs.iter().map(|id| values[id]).collect();
        let written = make.step(&names[&step.output], &step.action, &read)?;
        values.insert(step.output, written);
    }
    make.builder.finish(&outputs.iter().map(|id| values[id]).collect::<Vec<_>>())
}

/// Adds steps to a network.
pub(crate) struct Maker<'a> {
    pub(crate) builder: NetworkBuilder,
    pub(crate) network: &'a Network,
    precision: Precision,
    adopted: HashMap<ParamId, ParamId>,
    /// Matrices and vectors that several steps use, by address.
    constants: HashMap<(usize, Vec<usize>), ParamId>,
}

impl Maker<'_> {
    fn step(&mut self, name: &str, action: &Action, read: &[ValueId]) -> Result<ValueId> {
        let op = match action {
            Action::Function(function) => Op::Function(*function),
            Action::Scale { scale, shift } => {
                let scale = scale.as_ref().map(|numbers| self.numbers(name, numbers)).transpose()?;
                let shift = shift.as_ref().map(|numbers| self.numbers(name, numbers)).transpose()?;
                Op::Linear(Linear::Scale(Scale { scale, shift }))
            }
            Action::Dense(weight) => {
                let weight = self.numbers(name, weight)?;
                Op::Linear(Linear::Dense(Dense { weight, bias: None, order: WeightOrder::InputsFirst }))
            }
            Action::Combine(coefficients) => {
                Op::Linear(Linear::Combine { coefficients: coefficients.clone() })
            }
            Action::Multiply => Op::Bilinear(Bilinear::Multiply),
            Action::Mean => {
                let axis = self.builder.shape(read[0]).rank() - 1;
                Op::Linear(Linear::Reduce(Reduce { axes: vec![axis], keep: true, mean: true }))
            }
            Action::Layout(layout) => Op::Layout(layout.clone()),
            Action::Forward(index) => return self.forward(name, *index, read),
            Action::FixedPoint(_) => unreachable!("a loop is a stage of its own"),
        };
        self.builder.node(name, op, read)
    }

    fn forward(&mut self, name: &str, index: usize, read: &[ValueId]) -> Result<ValueId> {
        let network = self.network;
        let node = &network.nodes()[index];
        if let (Precision::F64, Op::Linear(Linear::Conv(conv))) = (self.precision, &node.op) {
            return convolution::as_products(self, name, conv, read[0]);
        }
        let (adopted, precision) = (&mut self.adopted, self.precision);
        self.builder.adopt(name, node, read, |builder, id| {
            if let Some(&own) = adopted.get(&id) {
                return Ok(own);
            }
            let param = network.param(id);
            let own = builder.param(match precision {
                Precision::F32 => Param::from_f32(param.name(), param.shape().clone(), param.f32())?,
                Precision::F64 => Param::from_f64(param.name(), param.shape().clone(), param.f64())?,
            });
            adopted.insert(id, own);
            Ok(own)
        })
    }

    /// A constant in the inverse's precision.
    pub(crate) fn numbers(&mut self, name: &str, numbers: &Numbers) -> Result<ParamId> {
        let key = (numbers.values.as_ptr() as usize, numbers.shape.to_vec());
        if let Some(&id) = self.constants.get(&key) {
            return Ok(id);
        }
        let (name, shape) = (format!("{name}_constant"), numbers.shape.clone());
        let param = match self.precision {
            Precision::F32 => {
                Param::from_f32(name, shape, numbers.values.iter().map(|&v| v as f32).collect::<Vec<f32>>())?
            }
            Precision::F64 => Param::from_f64(name, shape, numbers.values.clone())?,
        };
        let id = self.builder.param(param);
        self.constants.insert(key, id);
        Ok(id)
    }
}

/// An inverse ready to run, in f32 or f64.
#[derive(Debug)]
pub struct Runner<'a, T: Real> {
    inverse: &'a Inverse,
    evaluators: Vec<Evaluator<T>>,
}

impl<'a, T: Real> Runner<'a, T> {
    /// A runner of an inverse, whatever the precision in which it is stored.
    pub fn new(inverse: &'a Inverse) -> Self {
        let evaluator = |stage: &Stage| match stage {
            Stage::Network { network, .. } => Evaluator::new(network),
            Stage::Loop(stage) => Evaluator::new(&stage.body),
        };
        Runner { inverse, evaluators: inverse.stages.iter().map(evaluator).collect() }
    }

    /// x = g(y), row by row: y has the inputs of each sample one after the other, x the outputs.
    pub fn run(&self, y: &[T]) -> Vec<T> {
        let inverse = self.inverse;
        let size = |slot: usize| inverse.slots[slot].shape.elements();
        let total = inverse.input_size();
        assert!(total > 0 && y.len().is_multiple_of(total), "{} numbers are not rows of {total}", y.len());
        let rows = y.len() / total;
        let mut values: HashMap<usize, Vec<T>> = HashMap::new();
        let mut offset = 0;
        for &slot in &inverse.inputs {
            let part = (0..rows).flat_map(|row| &y[row * total + offset..row * total + offset + size(slot)]);
            values.insert(slot, part.copied().collect());
            offset += size(slot);
        }
        for (stage, evaluator) in inverse.stages.iter().zip(&self.evaluators) {
            match stage {
                Stage::Network { inputs, outputs, .. } => {
                    let x = joined(&values, inputs, rows, &size);
                    let mut made = vec![T::from_f64(0.0); rows * evaluator.output_size()];
                    evaluator.forward(&x, &mut made);
                    let mut offset = 0;
                    for &slot in outputs {
                        let width = evaluator.output_size();
                        let part = (0..rows)
                            .flat_map(|row| &made[row * width + offset..row * width + offset + size(slot)]);
                        values.insert(slot, part.copied().collect());
                        offset += size(slot);
                    }
                }
                Stage::Loop(stage) => {
                    let given = joined(&values, &stage.given, rows, &size);
                    let x = fixed_point(stage, evaluator, &values[&stage.given[0]], &given, rows);
                    values.insert(stage.output, x);
                }
            }
        }
        joined(&values, &inverse.outputs, rows, &size)
    }
}

/// Values side by side, sample by sample.
fn joined<T: Copy>(
    values: &HashMap<usize, Vec<T>>,
    slots: &[usize],
    rows: usize,
    size: &dyn Fn(usize) -> usize,
) -> Vec<T> {
    let mut all = Vec::with_capacity(rows * slots.iter().map(|&slot| size(slot)).sum::<usize>());
    for row in 0..rows {
        for &slot in slots {
            all.extend_from_slice(&values[&slot][row * size(slot)..(row + 1) * size(slot)]);
        }
    }
    all
}

/// As the loop of the ONNX file does it: all samples until the last one stays.
fn fixed_point<T: Real>(
    stage: &LoopStage,
    body: &Evaluator<T>,
    start: &[T],
    given: &[T],
    rows: usize,
) -> Vec<T> {
    if rows == 0 {
        return Vec::new();
    }
    let (size, width) = (start.len() / rows, given.len() / rows);
    let mut x = start.to_vec();
    let mut next = x.clone();
    let mut read = vec![T::from_f64(0.0); rows * (size + width)];
    for _ in 0..stage.limit {
        for row in 0..rows {
            let own = &mut read[row * (size + width)..(row + 1) * (size + width)];
            own[..size].copy_from_slice(&x[row * size..(row + 1) * size]);
            own[size..].copy_from_slice(&given[row * width..(row + 1) * width]);
        }
        body.forward(&read, &mut next);
        let (mut moved, mut largest) = (0.0f64, 1.0f64);
        for (a, b) in x.iter().zip(&next) {
            moved = moved.max((b.to_f64() - a.to_f64()).abs());
            largest = largest.max(b.to_f64().abs());
        }
        std::mem::swap(&mut x, &mut next);
        if moved.partial_cmp(&(stage.tolerance * largest)) != Some(std::cmp::Ordering::Greater) {
            break;
        }
    }
    x
}
