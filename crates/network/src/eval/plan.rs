//! A network made ready to run: steps over cells.

use netinverse_linalg::Real;

use super::linear::{Map, window_shape};
use super::normalizers::Groups;
use super::products::Matrices;
use super::step::{Kernel, Step};
use super::storage::{Lifetime, Storage};
use crate::{Bilinear, Extremum, Function, Layout, Linear, Network, Normalizer, Op, ValueId};

/// The bytes that a tile should stay in: a second-level cache.
const CACHE: usize = 1 << 20;

/// Rows of a product that do not waste its set-up (at 32 it costs some 5 %); half of them at the least.
const ROWS: usize = 32;

/// The bytes of a tile, and the rows that it is a multiple of, where most of the work is convolutions: these go sample
/// by sample, have their weights to set up, and want what they read in the cache.
const CONVOLVED: (usize, usize) = (1 << 19, 4);

/// Tiles that a batch is cut into where it has the rows.
const TILES: usize = 8;

/// Multiplications and additions that take longer than waking another thread (about 5 µs).
const WORTH_THREADS: usize = 1 << 20;

/// The steps of a network and where their values lie.
///
/// A **cell** is what a value lives in. Values that are the same elements in another shape share a cell, so
/// that a Reshape is no step at all; a Relu that alone reads a dense map or a convolution is a part of that step.
#[derive(Debug)]
pub(super) struct Plan<T> {
    pub(super) steps: Vec<Step<T>>,
    /// The elements a row of each cell.
    pub(super) sizes: Vec<usize>,
    /// The cell of each value that has one.
    pub(super) cells: Vec<Option<usize>>,
    pub(super) inputs: Vec<Port>,
    pub(super) outputs: Vec<Port>,
    /// Cells of inputs that no output depends on.
    pub(super) idle: Vec<usize>,
    /// For each cell, whether it depends on a constant that has a gradient.
    pub(super) learns: Vec<bool>,
    /// For values alone: cells share slots.
    pub(super) forward: Storage,
    /// For values that derivatives need: every cell has its own slot.
    pub(super) retained: Storage,
    /// For cotangents, which are born in the order opposite to values.
    pub(super) backward: Storage,
    /// Multiplications and additions of one row of a forward pass, and those of them in convolutions.
    pub(super) work: usize,
    pub(super) convolutions: usize,
}

/// A part of a point, or of the network's value, and the cell that it comes from or goes to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Port {
    pub(super) cell: usize,
    pub(super) offset: usize,
    pub(super) size: usize,
    /// Whether the cotangent of the cell has another part before this one.
    pub(super) accumulate: bool,
}

impl<T: Real> Plan<T> {
    /// The plan; `fuse` drops values that are no output and that only the next step reads.
    pub(super) fn new(network: &Network, fuse: bool) -> Self {
        let mut plan = Plan {
            steps: Vec::new(),
            sizes: Vec::new(),
            cells: vec![None; network.values().len()],
            inputs: Vec::new(),
            outputs: Vec::new(),
            idle: Vec::new(),
            learns: Vec::new(),
            forward: Storage::default(),
            retained: Storage::default(),
            backward: Storage::default(),
            work: 0,
            convolutions: 0,
        };
        let mut offset = 0;
        for &id in network.inputs() {
            let cell = plan.new_cell(network, id);
            plan.inputs.push(Port { cell, offset, size: plan.sizes[cell], accumulate: false });
            offset += plan.sizes[cell];
        }
        let readers = readers(network);
        for node in network.nodes() {
            let inputs: Vec<_> = node.inputs.iter().map(|&id| plan.cell(id)).collect();
            match &node.op {
                Op::Layout(Layout::Reshape { .. }) => {
                    plan.cells[node.output.index()] = Some(inputs[0]);
                    continue;
                }
                Op::Function(Function::Relu) if fuse && readers[node.inputs[0].index()] == 1 => {
                    // A reshaped view of the same cell may have readers of its own.
                    let names = plan.cells.iter().filter(|&&cell| cell == Some(inputs[0])).count();
                    let writer = plan.steps.iter_mut().find(|step| step.output == inputs[0]);
                    if names == 1 && writer.is_some_and(|step| step.kernel.fuse_relu()) {
                        plan.cells[node.output.index()] = Some(inputs[0]);
                        continue;
                    }
                }
                _ => {}
            }
            let kernel = plan.kernel(network, &node.op, &node.inputs);
            let output = plan.new_cell(network, node.output);
            let work = kernel.work(plan.sizes[output]);
            plan.work += work;
            if matches!(kernel, Kernel::Linear(Map::Conv { .. } | Map::ConvTranspose { .. })) {
                plan.convolutions += work;
            }
            let accumulate = vec![false; inputs.len()];
            plan.steps.push(Step { kernel, inputs, output, accumulate });
        }
        offset = 0;
        for &id in network.outputs() {
            let cell = plan.cell(id);
            plan.outputs.push(Port { cell, offset, size: plan.sizes[cell], accumulate: false });
            offset += plan.sizes[cell];
        }
        plan.link();
        plan.store();
        plan
    }

    fn new_cell(&mut self, network: &Network, id: ValueId) -> usize {
        self.sizes.push(network.value(id).shape.elements());
        self.cells[id.index()] = Some(self.sizes.len() - 1);
        self.sizes.len() - 1
    }

    /// The cell of a value that the steps so far have written.
    fn cell(&self, id: ValueId) -> usize {
        self.cells[id.index()].expect("nodes are in topological order")
    }

    fn kernel(&self, network: &Network, op: &Op, inputs: &[ValueId]) -> Kernel<T> {
        let shape = &network.value(inputs[0]).shape;
        match op {
            Op::Linear(Linear::Combine { coefficients }) => {
                Kernel::Combine(coefficients.iter().map(|&c| T::from_f64(c)).collect())
            }
            Op::Linear(linear) => {
                Kernel::Linear(Map::new(linear, shape, network.params()).expect("sums are dealt with above"))
            }
            Op::Function(function) => Kernel::Function(*function),
            Op::Extremum(Extremum::MaxPool(window)) => {
                let index =
                    self.steps.iter().filter(|step| matches!(step.kernel, Kernel::MaxPool { .. })).count();
                Kernel::MaxPool { window: window_shape(window, shape), index }
            }
            Op::Bilinear(Bilinear::Multiply) => Kernel::Multiply,
            Op::Bilinear(Bilinear::MatMul) => {
                let (&[m, k], &n) = (
                    shape.last_chunk().expect("checked: a matrix"),
                    network.value(inputs[1]).shape.last().expect("checked: a matrix"),
                );
                Kernel::MatMul(Matrices { m, k, n })
            }
            Op::Normalizer(Normalizer::Softmax { axis }) => {
                Kernel::Softmax { length: shape[*axis], inner: shape[*axis + 1..].iter().product() }
            }
            Op::Normalizer(Normalizer::LogSoftmax { axis }) => {
                let inner = shape[*axis + 1..].iter().product();
                Kernel::LogSoftmax(Groups { length: shape[*axis], inner })
            }
            Op::Normalizer(Normalizer::Standardize { axis, epsilon }) => {
                Kernel::Standardize { length: shape[*axis..].iter().product(), epsilon: *epsilon }
            }
            Op::Layout(Layout::Concat { axis }) => Kernel::Concat(
                inputs.iter().map(|&id| network.value(id).shape[*axis..].iter().product()).collect(),
            ),
            Op::Layout(layout) => {
                let map =
                    layout.index_map(shape).expect("a layout of one value that moves elements has a map");
                Kernel::Linear(Map::Gather { map, inputs: shape.elements() })
            }
        }
    }

    /// Finds which part of a cell's cotangent comes first, the way back, and what depends on constants.
    fn link(&mut self) {
        let mut written = vec![false; self.sizes.len()];
        for port in &mut self.outputs {
            port.accumulate = std::mem::replace(&mut written[port.cell], true);
        }
        for step in self.steps.iter_mut().rev() {
            for (&input, accumulate) in step.inputs.iter().zip(&mut step.accumulate) {
                *accumulate = std::mem::replace(&mut written[input], true);
            }
        }
        self.idle = self.inputs.iter().map(|port| port.cell).filter(|&cell| !written[cell]).collect();
        self.learns = vec![false; self.sizes.len()];
        for step in &self.steps {
            self.learns[step.output] =
                step.kernel.has_params() || step.inputs.iter().any(|&input| self.learns[input]);
        }
    }

    fn store(&mut self) {
        let end = self.steps.len() + 1;
        // Moments: 0 for what is there before the first step, i + 1 for step i.
        let mut values = vec![Lifetime { first: 0, last: 0 }; self.sizes.len()];
        for (moment, step) in (1..).zip(&self.steps) {
            step.inputs.iter().for_each(|&input| values[input].last = moment);
            values[step.output] = Lifetime { first: moment, last: moment };
        }
        self.outputs.iter().for_each(|port| values[port.cell].last = end);
        // The way back: moment 0 for the outputs, end − m for the step of moment m.
        let mut cotangents: Vec<_> = values
            .iter()
            .map(|&Lifetime { first, last }| Lifetime { first: end - last, last: end - first })
            .collect();
        self.inputs.iter().for_each(|port| cotangents[port.cell].last = end);
        self.forward = Storage::shared(&self.sizes, &values);
        self.backward = Storage::shared(&self.sizes, &cotangents);
        self.retained = Storage::separate(&self.sizes);
    }

    /// n.
    pub(super) fn input_size(&self) -> usize {
        self.inputs.iter().map(|port| port.size).sum()
    }

    /// m.
    pub(super) fn output_size(&self) -> usize {
        self.outputs.iter().map(|port| port.size).sum()
    }

    /// Whether Jacobians are made from cotangents (m ≤ n) rather than tangents.
    pub(super) fn reverse(&self) -> bool {
        self.output_size() <= self.input_size()
    }

    /// Rows a tile, and whether the batch is worth the threads, for `passes` products with the network of
    /// which `directions` go together. A function of the network and the batch alone.
    pub(super) fn tiling(&self, rows: usize, passes: usize, directions: usize) -> (usize, bool) {
        let width = self.forward.width() + directions * self.backward.width();
        let row = (width * size_of::<T>()).max(1);
        let most = if 2 * self.convolutions > self.work {
            let (bytes, rows) = CONVOLVED;
            (bytes / row / rows * rows).clamp(rows, 256)
        } else {
            (CACHE / row / 16 * 16).clamp(ROWS.div_ceil(2 * directions), 256)
        };
        let work = rows.saturating_mul(self.work).saturating_mul(passes);
        if work < WORTH_THREADS {
            return (most, false);
        }
        // Tiles for several threads, as far as products do not waste their set-up.
        let share = rows.div_ceil(TILES).next_multiple_of(16).max(ROWS.div_ceil(directions));
        (most.min(share), true)
    }

    /// The cell that the rows of the caller's points are, without a copy: that of a single input.
    pub(super) fn whole_input(&self) -> Option<usize> {
        if let [port] = self.inputs[..] { Some(port.cell) } else { None }
    }

    /// The cell that the rows of the caller's values are: that of a single output, if a step writes it.
    pub(super) fn whole_output(&self) -> Option<usize> {
        match self.outputs[..] {
            [port] if self.inputs.iter().all(|input| input.cell != port.cell) => Some(port.cell),
            _ => None,
        }
    }
}

/// How many times each value is read by nodes or is an output.
fn readers(network: &Network) -> Vec<usize> {
    let mut readers = vec![0; network.values().len()];
    let read = network.nodes().iter().flat_map(|node| &node.inputs);
    for id in read.chain(network.outputs()) {
        readers[id.index()] += 1;
    }
    readers
}
