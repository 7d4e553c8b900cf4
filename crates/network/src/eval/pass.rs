//! The passes over one tile of rows: values, cotangents, tangents, Jacobians, gradients.

use netinverse_linalg::Real;

use super::Gradients;
use super::parameters::Parameters;
use super::plan::{Plan, Port};
use super::storage::{Cells, Scratch, Workspace, fit};

/// A plan with its constants.
pub(super) struct Pass<'a, T> {
    pub(super) plan: &'a Plan<T>,
    pub(super) parameters: &'a Parameters<T>,
}

/// The most directions of a Jacobian at a time.
pub(super) const DIRECTIONS: usize = 256;

impl<T: Real> Pass<'_, T> {
    /// y ← f(x).
    pub(super) fn forward(&self, x: &[T], y: &mut [T], workspace: &mut Workspace<T>) {
        self.values(false, &mut workspace.primal, &mut workspace.scratch, x, y);
    }

    /// y ← f(x), dx ← dyᵀ J, with dy computed from y.
    pub(super) fn vjp(
        &self,
        x: &[T],
        y: &mut [T],
        cotangent: &dyn Fn(&[T], &mut [T]),
        dx: &mut [T],
        workspace: &mut Workspace<T>,
    ) {
        let plan = self.plan;
        let Workspace { primal, dual, seed, scratch, .. } = workspace;
        self.values(true, primal, scratch, x, y);
        let seed = fit(seed, y.len());
        cotangent(y, seed);
        let values = self.computed(primal, x, y);
        let (sink, copied) = match plan.whole_input() {
            Some(cell) => (Some((cell, dx)), None),
            None => (None, Some(dx)),
        };
        let mut cotangents = Cells::new(&plan.sizes, &plan.backward, self.rows(x), dual, [None; 2], sink);
        self.seed(seed, &mut cotangents);
        self.backward(&values, &mut cotangents, scratch, &|_| true, None);
        if let Some(dx) = copied {
            for port in &plan.inputs {
                join(cotangents.read(port.cell), plan.input_size(), port, dx);
            }
        }
    }

    /// y ← f(x), dy ← J dx.
    pub(super) fn jvp(&self, x: &[T], dx: &[T], y: &mut [T], dy: &mut [T], workspace: &mut Workspace<T>) {
        let plan = self.plan;
        let Workspace { primal, dual, scratch, .. } = workspace;
        self.values(true, primal, scratch, x, y);
        let values = self.computed(primal, x, y);
        let source = plan.whole_input().map(|cell| (cell, dx));
        let mut tangents = Cells::new(&plan.sizes, &plan.forward, self.rows(x), dual, [source, None], None);
        if source.is_none() {
            for port in &plan.inputs {
                let mut cell = tangents.take(port.cell);
                split(dx, plan.input_size(), port, &mut cell);
                tangents.put(port.cell, cell);
            }
        }
        for step in &plan.steps {
            step.tangent(self.parameters, &values, &mut tangents, scratch);
        }
        for port in &plan.outputs {
            join(tangents.read(port.cell), plan.output_size(), port, dy);
        }
    }

    /// y ← f(x), jacobian ← J, one m × n matrix a row; all directions of one side together.
    pub(super) fn jacobian(&self, x: &[T], y: &mut [T], jacobian: &mut [T], workspace: &mut Workspace<T>) {
        let plan = self.plan;
        let (n, m, rows) = (plan.input_size(), plan.output_size(), self.rows(x));
        let Workspace { primal, dual, scratch, .. } = workspace;
        self.values(true, primal, scratch, x, y);
        let values = self.computed(primal, x, y);
        let reverse = plan.reverse();
        let all = if reverse { m } else { n };
        for first in (0..all).step_by(DIRECTIONS) {
            let directions = DIRECTIONS.min(all - first);
            let storage = if reverse { &plan.backward } else { &plan.forward };
            let mut cells = Cells::new(&plan.sizes, storage, rows * directions, dual, [None; 2], None);
            let ports = if reverse { &plan.outputs } else { &plan.inputs };
            for port in ports {
                let mut cell = cells.take(port.cell);
                basis(first, directions, rows, port, &mut cell);
                cells.put(port.cell, cell);
            }
            if reverse {
                self.backward(&values, &mut cells, scratch, &|_| true, None);
                for port in &plan.inputs {
                    for (index, part) in cells.read(port.cell).chunks_exact(port.size).enumerate() {
                        let (direction, row) = (first + index / rows, index % rows);
                        jacobian[(row * m + direction) * n + port.offset..][..port.size]
                            .copy_from_slice(part);
                    }
                }
            } else {
                for step in &plan.steps {
                    step.tangent(self.parameters, &values, &mut cells, scratch);
                }
                for port in &plan.outputs {
                    for (index, part) in cells.read(port.cell).chunks_exact(port.size).enumerate() {
                        let (direction, row) = (first + index / rows, index % rows);
                        for (j, &value) in part.iter().enumerate() {
                            jacobian[(row * m + port.offset + j) * n + direction] = value;
                        }
                    }
                }
            }
        }
    }

    /// Adds the gradients of the losses of the rows to `gradients` and returns the sum of the losses.
    pub(super) fn gradient(
        &self,
        x: &[T],
        loss: &dyn Fn(&[T], &mut [T]) -> f64,
        gradients: &mut Gradients<T>,
        workspace: &mut Workspace<T>,
    ) -> f64 {
        let plan = self.plan;
        let Workspace { primal, dual, seed, output, scratch } = workspace;
        let length = self.rows(x) * plan.output_size();
        let y = fit(output, length);
        self.values(true, primal, scratch, x, y);
        let seed = fit(seed, length);
        let sum = loss(y, seed);
        let values = self.computed(primal, x, y);
        let mut cotangents = Cells::new(&plan.sizes, &plan.backward, self.rows(x), dual, [None; 2], None);
        self.seed(seed, &mut cotangents);
        self.backward(&values, &mut cotangents, scratch, &|cell| plan.learns[cell], Some(gradients));
        sum
    }

    /// The values of all cells, which `visit` may read.
    pub(super) fn cells(&self, x: &[T], workspace: &mut Workspace<T>, visit: &mut dyn FnMut(&Cells<T>)) {
        let Workspace { primal, output, scratch, .. } = workspace;
        let y = fit(output, self.rows(x) * self.plan.output_size());
        self.values(true, primal, scratch, x, y);
        visit(&self.computed(primal, x, y));
    }

    fn rows(&self, x: &[T]) -> usize {
        x.len() / self.plan.input_size()
    }

    /// Runs all steps. Where they `retain` what derivatives need, [`Pass::computed`] can read every cell after it.
    fn values(&self, retain: bool, slots: &mut Vec<Vec<T>>, scratch: &mut Scratch<T>, x: &[T], y: &mut [T]) {
        let plan = self.plan;
        let source = plan.whole_input().map(|cell| (cell, x));
        let (sink, copied) = match plan.whole_output() {
            Some(cell) => (Some((cell, y)), None),
            None => (None, Some(y)),
        };
        let storage = if retain { &plan.retained } else { &plan.forward };
        let mut cells = Cells::new(&plan.sizes, storage, self.rows(x), slots, [source, None], sink);
        if source.is_none() {
            for port in &plan.inputs {
                let mut cell = cells.take(port.cell);
                split(x, plan.input_size(), port, &mut cell);
                cells.put(port.cell, cell);
            }
        }
        for step in &plan.steps {
            step.forward(self.parameters, &mut cells, scratch, retain);
        }
        if let Some(y) = copied {
            for port in &plan.outputs {
                join(cells.read(port.cell), plan.output_size(), port, y);
            }
        }
    }

    /// The cells that [`Pass::values`] retained.
    fn computed<'w>(&'w self, slots: &'w mut Vec<Vec<T>>, x: &'w [T], y: &'w [T]) -> Cells<'w, T> {
        let plan = self.plan;
        let sources = [plan.whole_input().map(|cell| (cell, x)), plan.whole_output().map(|cell| (cell, y))];
        Cells::new(&plan.sizes, &plan.retained, self.rows(x), slots, sources, None)
    }

    /// The cotangents of the outputs, one row each.
    fn seed(&self, dy: &[T], cotangents: &mut Cells<T>) {
        let m = self.plan.output_size();
        for port in &self.plan.outputs {
            let mut cell = cotangents.take(port.cell);
            if port.accumulate {
                for (dy, cell) in dy.chunks_exact(m).zip(cell.chunks_exact_mut(port.size)) {
                    T::axpy(T::ONE, &dy[port.offset..][..port.size], cell);
                }
            } else {
                split(dy, m, port, &mut cell);
            }
            cotangents.put(port.cell, cell);
        }
    }

    fn backward(
        &self,
        values: &Cells<T>,
        cotangents: &mut Cells<T>,
        scratch: &mut Scratch<T>,
        wanted: &dyn Fn(usize) -> bool,
        mut gradients: Option<&mut Gradients<T>>,
    ) {
        for step in self.plan.steps.iter().rev() {
            // In a pass for gradients, what depends on no constant ends the way back.
            if wanted(step.output) {
                step.backward(self.parameters, values, cotangents, scratch, wanted, gradients.as_deref_mut());
            }
        }
        // Last, as these cells are alive at the end only.
        for &cell in self.plan.idle.iter().filter(|&&cell| wanted(cell)) {
            let mut zeros = cotangents.take(cell);
            zeros.fill(T::ZERO);
            cotangents.put(cell, zeros);
        }
    }
}

/// Unit vectors: block d of `cell` holds, for every row, the part of basis vector `first + d` that the port
/// takes. Added where another part of the same output came before.
fn basis<T: Real>(first: usize, directions: usize, rows: usize, port: &Port, cell: &mut [T]) {
    if !port.accumulate {
        cell.fill(T::ZERO);
    }
    for direction in 0..directions {
        let Some(element) =
            (first + direction).checked_sub(port.offset).filter(|&element| element < port.size)
        else {
            continue;
        };
        for row in 0..rows {
            cell[(direction * rows + row) * port.size + element] += T::ONE;
        }
    }
}

/// The port's columns of `rows`, which are `width` wide.
fn split<T: Copy>(rows: &[T], width: usize, port: &Port, cell: &mut [T]) {
    for (row, cell) in rows.chunks_exact(width).zip(cell.chunks_exact_mut(port.size)) {
        cell.copy_from_slice(&row[port.offset..][..port.size]);
    }
}

/// The inverse of [`split`].
fn join<T: Copy>(cell: &[T], width: usize, port: &Port, rows: &mut [T]) {
    for (row, cell) in rows.chunks_exact_mut(width).zip(cell.chunks_exact(port.size)) {
        row[port.offset..][..port.size].copy_from_slice(cell);
    }
}
