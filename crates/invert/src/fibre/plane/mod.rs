//! The complete preimage `{x ∈ B : f(x) = y}` of a value under a piecewise-linear network with two free inputs and
//! one output.
//!
//! Such a network is affine on each of finitely many convex polygons, its linear regions, whose number grows like the
//! square of the number of neurons (Hanin & Rolnick, "Deep ReLU networks have surprisingly few activation patterns",
//! 2019). On every region `{f = y}` is empty, a segment, or the whole region (a *plateau*), so listing the regions
//! that reach y lists the preimage, and nothing is missed:
//!
//! 1. the box is halved into cells until few neurons bend inside each; on a cell every other neuron is affine, and
//!    the network is rewritten with the bending ones only (the *reduced* network, exact on the cell);
//! 2. for every target, cells whose output bounds exclude it are dropped (affine forms plus a remainder: the
//!    relaxation of Zhang et al., CROWN, 2018, carried forwards), and the others halved on;
//! 3. in what is left, the polygon is cut neuron by neuron, and each region sliced by f = y;
//! 4. slices are joined where they meet, into components.
//!
//! Arithmetic is f64: coordinates are those of the exact preimage to rounding (some 1e-12 of the box, times the
//! condition of the crossing), and two pieces closer than [`PlaneOptions::joint`] count as one.

mod cell;
mod hinge;
mod lowered;
mod reduced;
mod region;
#[cfg(test)]
mod tests;
mod trace;

use netinverse_base::{Budget, Error, Result, StopReason};
use netinverse_network::Network;

use cell::Cell;
pub use cell::Point;
use lowered::Lowered;
use reduced::Reduced;
use region::{Slicer, Slices};

/// The settings of [`preimages`]; the defaults suit networks of ten to ten thousand neurons.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlaneOptions {
    /// The most neurons that bend inside a cell which all targets share.
    pub shared_units: usize,
    /// The most neurons that bend inside a cell whose regions are enumerated.
    pub cell_units: usize,
    /// How often a side of the box is halved before a cell is enumerated however many neurons bend in it (they
    /// may all meet in a point).
    pub halvings: u32,
    /// Ends of slices within this share of the box's diagonal are one point.
    pub joint: f64,
}

impl Default for PlaneOptions {
    fn default() -> Self {
        PlaneOptions { shared_units: 96, cell_units: 12, halvings: 12, joint: 1e-9 }
    }
}

/// Everything in the box that a value comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanePreimage {
    /// The connected components, the longest first.
    pub components: Vec<Component>,
    /// The convex polygons (counter-clockwise) on which f is constant and equal to y.
    pub plateaus: Vec<Vec<Point>>,
    /// The linear regions that were sliced.
    pub regions_visited: usize,
}

/// A connected component of a preimage.
#[derive(Debug, Clone, PartialEq)]
pub struct Component {
    /// The one-dimensional part. A single point is a polyline of one point.
    pub polylines: Vec<Polyline>,
    /// The two-dimensional part: positions in [`PlanePreimage::plateaus`].
    pub plateaus: Vec<usize>,
    /// The total length of the polylines.
    pub length: f64,
}

/// Consecutive segments.
#[derive(Debug, Clone, PartialEq)]
pub struct Polyline {
    /// The corners in order; in a closed line the first is not repeated.
    pub points: Vec<Point>,
    /// Whether a segment leads from the last point to the first.
    pub closed: bool,
}

impl Polyline {
    /// The segments in order.
    pub fn segments(&self) -> impl Iterator<Item = [Point; 2]> + '_ {
        let closing = self.closed.then(|| [self.points[self.points.len() - 1], self.points[0]]);
        self.points.windows(2).map(|pair| [pair[0], pair[1]]).chain(closing)
    }
}

/// The preimages of several values, and which of the network's inputs the points' two coordinates are.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanePreimages {
    /// The positions of x and y among the network's inputs.
    pub free: [usize; 2],
    /// One preimage a target.
    pub preimages: Vec<PlanePreimage>,
    /// Why not the whole box was searched, if it was not: then components may be missing.
    pub stopped: Option<StopReason>,
}

/// The complete preimage of every target in the box `lower ≤ x ≤ upper`.
///
/// Inputs with equal bounds are fixed; two others must be left. The part of the work that does not depend on the
/// target is done once for all.
///
/// # Errors
/// A network that is not piecewise linear (the operator is named), or that has not two free inputs and one
/// output; bounds that are missing, crossed or infinite; targets that are not finite.
pub fn preimages(
    network: &Network,
    lower: &[f64],
    upper: &[f64],
    targets: &[f64],
    options: &PlaneOptions,
    budget: &Budget,
) -> Result<PlanePreimages> {
    let free = check(network, lower, upper, targets)?;
    let lowered = Lowered::new(network, lower, free)?;
    let root = Cell { lower: free.map(|i| lower[i]), upper: free.map(|i| upper[i]) };
    let search = Search { root, options, targets };
    let mut found = vec![Slices::default(); targets.len()];

    let mut stopped = None;
    let mut cells = vec![(root, 0)];
    'cells: while let Some((cell, depth)) = cells.pop() {
        stopped = budget.stop();
        if stopped.is_some() {
            break;
        }
        let last = depth >= 2 * options.halvings;
        let most = if last { usize::MAX } else { options.shared_units };
        match lowered.reduce(cell, most) {
            Some((reduced, bounds)) => {
                for (k, slices) in found.iter_mut().enumerate() {
                    stopped = budget.stop();
                    if stopped.is_some() {
                        break 'cells;
                    }
                    search.explore(&reduced, bounds, (cell, depth), k, slices);
                }
            }
            None => cells.extend(cell.halves(&root).map(|half| (half, depth + 1))),
        }
    }
    let joint = options.joint * root.diameter();
    let preimages = found.into_iter().map(|slices| trace::join(slices, &root, joint)).collect();
    Ok(PlanePreimages { free, preimages, stopped })
}

/// The two free inputs, if [`preimages`] takes this network in this box.
///
/// # Errors
/// Those of [`preimages`].
pub fn supported(network: &Network, lower: &[f64], upper: &[f64]) -> Result<[usize; 2]> {
    let free = check(network, lower, upper, &[])?;
    Lowered::new(network, lower, free)?;
    Ok(free)
}

struct Search<'a> {
    root: Cell,
    options: &'a PlaneOptions,
    targets: &'a [f64],
}

impl Search<'_> {
    /// Collects target k's slices in a cell.
    fn explore(
        &self,
        reduced: &Reduced,
        (low, high): (f64, f64),
        (cell, depth): (Cell, u32),
        k: usize,
        slices: &mut Slices,
    ) {
        let target = self.targets[k];
        if target < low || high < target {
            return;
        }
        if reduced.units.len() <= self.options.cell_units || depth >= 2 * self.options.halvings {
            Slicer::new(reduced, self.root.magnitude(), target, slices).polygon(cell.corners());
            return;
        }
        for half in cell.halves(&self.root) {
            let (part, bounds) = reduced.restrict(half);
            self.explore(&part, bounds, (half, depth + 1), k, slices);
        }
    }
}

fn check(network: &Network, lower: &[f64], upper: &[f64], targets: &[f64]) -> Result<[usize; 2]> {
    let n = network.input_size();
    if network.output_size() != 1 {
        return Err(Error::input(format!(
            "the complete preimage needs one output, the network has {}",
            network.output_size()
        ))
        .hint("`--output` chooses another value of the network"));
    }
    if lower.len() != n || upper.len() != n {
        return Err(Error::input(format!(
            "the network has {n} inputs, the bounds have {} and {}",
            lower.len(),
            upper.len()
        )));
    }
    for (i, (l, u)) in lower.iter().zip(upper).enumerate() {
        if !(l.is_finite() && u.is_finite() && l <= u) {
            return Err(Error::input(format!("input {i} has bounds {l} and {u}"))
                .hint("the complete preimage is enumerated in a bounded box"));
        }
    }
    if let Some(k) = targets.iter().position(|y| !y.is_finite()) {
        return Err(Error::input(format!("target {k} is {}", targets[k])));
    }
    let free: Vec<usize> = (0..n).filter(|&i| lower[i] < upper[i]).collect();
    <[usize; 2]>::try_from(free).map_err(|free| {
        Error::input(format!(
            "the complete preimage needs two inputs that are not fixed, {} are free",
            free.len()
        ))
        .hint("fix the others with bounds of equal ends; `--count` and `--sample` take any number")
    })
}
