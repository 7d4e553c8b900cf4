use std::sync::{Mutex, OnceLock, PoisonError};

use netinverse_base::Result;
use netinverse_linalg::Real;

use super::Gradients;
use super::parameters::Parameters;
use super::pass::{DIRECTIONS, Pass};
use super::plan::Plan;
use super::storage::Workspace;
use super::tiles::{Rows, for_tiles};
use crate::{Network, ParamId, ValueId};

/// Evaluates a network and its derivatives on batches of points, in f32 or f64.
///
/// A batch of B points is a row-major B × n array. Rows are dealt to the threads of the current rayon pool
/// in tiles that depend on the network and on B only, and each tile is computed serially: **the results are
/// the same, bit for bit, whatever the number of threads.** A small batch runs on the calling thread.
/// Buffers are kept from call to call: after the first calls of each kind nothing is allocated, but for what
/// large products pack their operands in.
///
/// Arrays of lengths that do not fit the network are a mistake of the caller, and panic.
///
/// ```
/// use netinverse_network::{Evaluator, Function, NetworkBuilder, Op, Shape};
/// # fn main() -> netinverse_base::Result<()> {
/// let mut builder = NetworkBuilder::new();
/// let x = builder.input("x", Shape::vector(2))?;
/// let y = builder.node("y", Op::Function(Function::Relu), &[x])?;
/// let evaluator = Evaluator::<f64>::new(&builder.finish(&[y])?);
/// let mut y = [0.0; 4];
/// evaluator.forward(&[1.0, -2.0, 3.0, 4.0], &mut y);
/// assert_eq!(y, [1.0, 0.0, 3.0, 4.0]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Evaluator<T: Real> {
    parameters: Parameters<T>,
    plan: Plan<T>,
    /// Without fused steps, for [`Evaluator::values`].
    unfused: OnceLock<Plan<T>>,
    workspaces: Mutex<Vec<Workspace<T>>>,
    /// Gradients of the lanes after the first.
    lanes: Mutex<Vec<Gradients<T>>>,
}

/// Writes the cotangents of some rows of values: `(first, y, dy)`, where the first of the rows of y and dy is
/// row `first` of the batch.
pub type Cotangent<'a, T> = dyn Fn(usize, &[T], &mut [T]) + Sync + 'a;

/// Writes the derivatives of the losses of some rows of values, as a [`Cotangent`], and returns their sum.
pub type Loss<'a, T> = dyn Fn(usize, &[T], &mut [T]) -> f64 + Sync + 'a;

/// The most lanes that gradients are summed in; their number must not depend on the threads.
const LANES: usize = 8;

/// Elements of all lanes together that are not worth saving.
const LANE_ELEMENTS: usize = 1 << 25;

impl<T: Real> Evaluator<T> {
    /// An evaluator of a network, which it shares.
    pub fn new(network: &Network) -> Self {
        Evaluator {
            parameters: Parameters::new(network),
            plan: Plan::new(network, true),
            unfused: OnceLock::new(),
            workspaces: Mutex::default(),
            lanes: Mutex::default(),
        }
    }

    /// The network, with its constants as they were given; see [`Evaluator::to_network`].
    pub fn network(&self) -> &Network {
        self.parameters.network()
    }

    /// n: the elements of a point.
    pub fn input_size(&self) -> usize {
        self.plan.input_size()
    }

    /// m: the elements of a value.
    pub fn output_size(&self) -> usize {
        self.plan.output_size()
    }

    /// y ← f(x), row by row: x is B × n, y is B × m.
    pub fn forward(&self, x: &[T], y: &mut [T]) {
        let rows = self.rows(x);
        check("y", y.len(), rows, self.output_size());
        self.run(
            1,
            1,
            Rows { first: 0, count: rows, inputs: [x, &[]], outputs: [y, &mut []] },
            &|tile, workspace| {
                let Rows { inputs: [x, _], outputs: [y, _], .. } = tile;
                self.pass().forward(x, y, workspace);
            },
        );
    }

    /// y ← f(x) and dx ← dyᵀ J(x), row by row: x and dx are B × n, y and dy are B × m.
    pub fn vjp(&self, x: &[T], dy: &[T], y: &mut [T], dx: &mut [T]) {
        let rows = self.rows(x);
        check("dy", dy.len(), rows, self.output_size());
        check("y", y.len(), rows, self.output_size());
        check("dx", dx.len(), rows, self.input_size());
        self.run(
            2,
            1,
            Rows { first: 0, count: rows, inputs: [x, dy], outputs: [y, dx] },
            &|tile, workspace| {
                let Rows { inputs: [x, dy], outputs: [y, dx], .. } = tile;
                self.pass().vjp(x, y, &|_, seed| seed.copy_from_slice(dy), dx, workspace);
            },
        );
    }

    /// y ← f(x) and dx ← dyᵀ J(x), where dy is computed from y: one forward pass for both.
    ///
    /// `cotangent` gets some rows of y and writes the same rows of dy.
    pub fn vjp_with(&self, x: &[T], cotangent: &Cotangent<T>, y: &mut [T], dx: &mut [T]) {
        let rows = self.rows(x);
        check("y", y.len(), rows, self.output_size());
        check("dx", dx.len(), rows, self.input_size());
        self.run(
            2,
            1,
            Rows { first: 0, count: rows, inputs: [x, &[]], outputs: [y, dx] },
            &|tile, workspace| {
                let Rows { first, inputs: [x, _], outputs: [y, dx], .. } = tile;
                self.pass().vjp(x, y, &|y, dy| cotangent(first, y, dy), dx, workspace);
            },
        );
    }

    /// y ← f(x) and dy ← J(x) dx, row by row: x and dx are B × n, y and dy are B × m.
    pub fn jvp(&self, x: &[T], dx: &[T], y: &mut [T], dy: &mut [T]) {
        let rows = self.rows(x);
        check("dx", dx.len(), rows, self.input_size());
        check("y", y.len(), rows, self.output_size());
        check("dy", dy.len(), rows, self.output_size());
        self.run(
            2,
            1,
            Rows { first: 0, count: rows, inputs: [x, dx], outputs: [y, dy] },
            &|tile, workspace| {
                let Rows { inputs: [x, dx], outputs: [y, dy], .. } = tile;
                self.pass().jvp(x, dx, y, dy, workspace);
            },
        );
    }

    /// y ← f(x) and the Jacobians, row by row: x is B × n, y is B × m, `jacobian` is B × m × n with
    /// ∂yⱼ/∂xᵢ at \[j, i\].
    ///
    /// Reverse mode where m ≤ n, forward mode elsewhere; all directions go through each product together.
    pub fn jacobian(&self, x: &[T], y: &mut [T], jacobian: &mut [T]) {
        let (rows, n, m) = (self.rows(x), self.input_size(), self.output_size());
        check("y", y.len(), rows, m);
        check("jacobian", jacobian.len(), rows, m * n);
        let directions = n.min(m).min(DIRECTIONS);
        let batch = Rows { first: 0, count: rows, inputs: [x, &[]], outputs: [y, jacobian] };
        self.run(1 + n.min(m), directions, batch, &|tile, workspace| {
            let Rows { inputs: [x, _], outputs: [y, jacobian], .. } = tile;
            self.pass().jacobian(x, y, jacobian, workspace);
        });
    }

    /// The gradients of `Σ loss` over the batch with respect to all constants, which replace what
    /// `gradients` holds. Returns the sum of the losses.
    ///
    /// `loss` gets some rows of y, writes their derivatives to dy and returns the sum of their losses.
    pub fn gradient(&self, x: &[T], loss: &Loss<T>, gradients: &mut Gradients<T>) -> f64 {
        let rows = self.rows(x);
        gradients.clear();
        if rows == 0 {
            return 0.0;
        }
        let n = self.input_size();
        let (tile, parallel) = self.tiling(rows, 3, 1);
        // The order of the sum is fixed: tiles in turn inside a lane, then lane after lane.
        let affordable = (LANE_ELEMENTS / gradients.elements().max(1)).clamp(2, LANES);
        let lanes = rows.div_ceil(tile).min(affordable);
        let lane_rows = rows.div_ceil(tile).div_ceil(lanes) * tile;
        let lane = |lane: usize, gradients: &mut Gradients<T>| {
            self.with_workspace(|workspace| {
                let end = ((lane + 1) * lane_rows).min(rows);
                let mut sum = 0.0;
                for first in (lane * lane_rows..end).step_by(tile) {
                    let x = &x[first * n..(first + tile).min(end) * n];
                    sum += self.pass().gradient(x, &|y, dy| loss(first, y, dy), gradients, workspace);
                }
                sum
            })
        };
        let lanes = rows.div_ceil(lane_rows);
        if lanes == 1 {
            return lane(0, gradients);
        }
        let mut others = std::mem::take(&mut *self.lanes.lock().unwrap_or_else(PoisonError::into_inner));
        others.resize_with(others.len().max(lanes - 1), || Gradients::new(self.network()));
        let mut sums = [0.0; LANES];
        let mut work: [Option<(usize, &mut f64, &mut Gradients<T>)>; LANES] = [const { None }; LANES];
        let parts = std::iter::once(&mut *gradients).chain(&mut others);
        for (index, ((slot, sum), part)) in work.iter_mut().zip(&mut sums).zip(parts).take(lanes).enumerate()
        {
            *slot = Some((index, sum, part));
        }
        for_lanes(&mut work[..lanes], parallel, &|(index, sum, part)| {
            if index > 0 {
                part.clear();
            }
            *sum = lane(index, part);
        });
        for other in &others[..lanes - 1] {
            gradients.add(other);
        }
        *self.lanes.lock().unwrap_or_else(PoisonError::into_inner) = others;
        sums.iter().sum()
    }

    /// The values of intermediate results, each B × its size. Serial, and it allocates: for inspection.
    ///
    /// Inside, every value has the name of the file; nothing is skipped that other passes fuse.
    pub fn values(&self, x: &[T], ids: &[ValueId]) -> Vec<Vec<T>> {
        let (rows, n) = (self.rows(x), self.input_size());
        let plan = self.unfused.get_or_init(|| Plan::new(self.network(), false));
        let pass = Pass { plan, parameters: &self.parameters };
        let mut values: Vec<Vec<T>> = ids.iter().map(|_| Vec::new()).collect();
        let (tile, _) = self.tiling(rows, 1, 1);
        self.with_workspace(|workspace| {
            for x in x.chunks(tile * n) {
                pass.cells(x, workspace, &mut |cells| {
                    for (values, id) in values.iter_mut().zip(ids) {
                        let cell = plan.cells[id.index()].expect("every value of the network has a cell");
                        values.extend_from_slice(cells.read(cell));
                    }
                });
            }
        });
        values
    }

    /// A constant, to read.
    pub fn param(&self, id: ParamId) -> &[T] {
        self.parameters.get(id)
    }

    /// A constant, to change; the network that the evaluator was made from stays as it is.
    pub fn param_mut(&mut self, id: ParamId) -> &mut [T] {
        self.parameters.get_mut(id)
    }

    /// The network with the constants as they are now, each in the precision in which it was stored.
    ///
    /// An error names a constant that is not finite any more (training diverged).
    pub fn to_network(&self) -> Result<Network> {
        self.parameters.to_network()
    }

    fn pass(&self) -> Pass<'_, T> {
        Pass { plan: &self.plan, parameters: &self.parameters }
    }

    /// B.
    fn rows(&self, x: &[T]) -> usize {
        let n = self.input_size();
        assert!(x.len().is_multiple_of(n), "x has {} elements: not a whole number of points of {n}", x.len());
        x.len() / n
    }

    /// Runs `work` tile by tile; `passes` counts the products with the network, of which `directions` go
    /// together.
    fn run(
        &self,
        passes: usize,
        directions: usize,
        rows: Rows<T>,
        work: &(dyn Fn(Rows<T>, &mut Workspace<T>) + Sync),
    ) {
        let (tile, parallel) = self.tiling(rows.count, passes, directions);
        for_tiles(rows, tile, parallel, &|tile| self.with_workspace(|workspace| work(tile, workspace)));
    }

    /// Rows a tile, and whether to use threads. A function of the network and the batch alone.
    fn tiling(&self, rows: usize, passes: usize, directions: usize) -> (usize, bool) {
        self.plan.tiling(rows, passes, directions)
    }

    fn with_workspace<R>(&self, work: impl FnOnce(&mut Workspace<T>) -> R) -> R {
        let pool = || self.workspaces.lock().unwrap_or_else(PoisonError::into_inner);
        let mut workspace = pool().pop().unwrap_or_default();
        let result = work(&mut workspace);
        pool().push(workspace);
        result
    }
}

fn check(name: &str, length: usize, rows: usize, width: usize) {
    assert!(length == rows * width, "{name} has {length} elements: {rows} rows of {width} are expected");
}

/// Calls `work` with every item, on threads where `parallel`.
fn for_lanes<I: Send>(items: &mut [Option<I>], parallel: bool, work: &(dyn Fn(I) + Sync)) {
    match items {
        [] => {}
        [item] => item.take().into_iter().for_each(work),
        _ => {
            let (left, right) = items.split_at_mut(items.len() / 2);
            if parallel {
                rayon::join(|| for_lanes(left, true, work), || for_lanes(right, true, work));
            } else {
                for_lanes(left, false, work);
                for_lanes(right, false, work);
            }
        }
    }
}
