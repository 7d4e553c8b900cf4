//! One input: what the network does around it, and the largest ball on which it is proved one-to-one.
//!
//! With more inputs than outputs the network is restricted to `x + R(Jᵀ)`, the directions that its outputs see to first
//! order: `h(t) = f(x + Q t)`, Q an orthonormal basis. That is the restricted domain on which a pseudo-inverse is an inverse.

use netinverse_base::{Budget, ErrorKind, Progress, Result};
use netinverse_linalg::{Matrix, Precision, Svd};
use netinverse_network::{Dense, Evaluator, Linear, Network, NetworkBuilder, Op, Param, Shape, WeightOrder};
use serde::Serialize;

use crate::collision::{Finder, distance};
use crate::injectivity::{Effort, prove_by_pairs, prove_by_parts};
use crate::{Region, behead};

/// What is known around one input.
#[derive(Debug, Clone, Serialize)]
pub struct AtPoint {
    /// The input.
    pub x: Vec<f64>,
    /// f(x)
    pub y: Vec<f64>,
    /// The singular values of J(x), descending.
    pub singular_values: Vec<f64>,
    /// Its numerical rank in f64.
    pub rank: usize,
    /// Inputs that can vary less the rank.
    pub fibre_dimension: usize,
    /// Whether the network was restricted to `x + R(Jᵀ)`.
    pub restricted: bool,
    /// The dimension of the ball.
    pub dimension: usize,
    /// Whether it is proved one-to-one everywhere, on every ball.
    pub everywhere: bool,
    /// The radius (L2, input units) of a ball around x on which it is proved one-to-one; 0 where nothing is proved.
    pub radius: f64,
    /// On that ball |g(x) − g(x′)| ≥ μ |x − x′|, g the network without its tail of bijections.
    pub modulus: Option<f64>,
    /// The radius of the smallest ball around x in which a collision was found; searched for with 8 dimensions or fewer.
    pub collision_radius: Option<f64>,
    /// Why nothing is proved, where an operator has no bounds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// How much may be done.
#[derive(Debug, Clone, Copy)]
pub struct RadiusOptions {
    /// Pairs of boxes for each radius that is tried.
    pub pairs: usize,
    /// Halvings between a radius that is proved and one that is not.
    pub refinements: usize,
    /// Random pairs in each ball that is searched for a collision.
    pub starts: usize,
}

impl Default for RadiusOptions {
    fn default() -> Self {
        RadiusOptions { pairs: 1500, refinements: 7, starts: 120 }
    }
}

/// Looks at one input. `free` are the inputs that may vary.
///
/// # Errors
/// The restricted network cannot be built.
pub fn at_point(
    network: &Network,
    x: &[f64],
    free: &[usize],
    options: &RadiusOptions,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<AtPoint> {
    let (n, m) = (network.input_size(), network.output_size());
    let evaluator = Evaluator::<f64>::new(network);
    let (mut y, mut jacobian) = (vec![0.0; m], vec![0.0; m * n]);
    evaluator.jacobian(x, &mut y, &mut jacobian);
    let of = Svd::new(&Matrix::from_fn(m, free.len(), |j, c| jacobian[j * n + free[c]]));
    let rank = of.rank(Precision::F64);
    let headless = behead(network)?.network;
    let mut point = AtPoint {
        x: x.to_vec(),
        y,
        singular_values: of.singular_values.clone(),
        rank,
        fibre_dimension: free.len() - rank,
        restricted: false,
        dimension: free.len(),
        everywhere: false,
        radius: 0.0,
        modulus: None,
        collision_radius: None,
        refused: None,
    };
    // The Jacobian of the network without its tail spans the same row space, and is better conditioned.
    let (mut z, mut inner) = (vec![0.0; headless.output_size()], vec![0.0; headless.output_size() * n]);
    Evaluator::<f64>::new(&headless).jacobian(x, &mut z, &mut inner);
    let svd = Svd::new(&Matrix::from_fn(z.len(), free.len(), |j, c| inner[j * n + free[c]]));
    let rank = svd.rank(Precision::F32);
    if rank == 0 {
        return Ok(point);
    }
    let fixed = free.len() < n;
    let (local, centre) = if free.len() > headless.output_size() {
        point.restricted = true;
        point.dimension = rank;
        let basis = Matrix::from_fn(n, rank, |i, c| {
            free.iter().position(|&f| f == i).map_or(0.0, |row| svd.v.row(row)[c])
        });
        (restricted(&headless, x, &basis)?, vec![0.0; rank])
    } else if fixed {
        let basis = Matrix::from_fn(n, free.len(), |i, c| f64::from(u8::from(free[c] == i)));
        let mut start = x.to_vec();
        for &i in free {
            start[i] = 0.0;
        }
        (restricted(&headless, &start, &basis)?, free.iter().map(|&i| x[i]).collect())
    } else {
        (headless, x.to_vec())
    };
    match search(&local, &centre, options, budget, progress, &mut point) {
        Err(error) if error.kind() == ErrorKind::Unsupported => point.refused = Some(error.to_string()),
        Err(error) => return Err(error),
        Ok(()) => {}
    }
    Ok(point)
}

fn search(
    network: &Network,
    centre: &[f64],
    options: &RadiusOptions,
    budget: &Budget,
    progress: &dyn Progress,
    point: &mut AtPoint,
) -> Result<()> {
    progress.stage("the ball around the point", None);
    let k = centre.len();
    let size = centre.iter().map(|c| c.abs()).fold(1.0, f64::max);
    // Pairs cost as much as the network is large; counted, not timed.
    let parameters: usize = network.params().iter().map(Param::elements).sum();
    let affordable = (1usize << 30) / (parameters.max(1) * (k + 2) * 16);
    let pairs = options.pairs.min(affordable).max(1);
    let proved = |radius: f64, pairs: usize| -> Result<Option<Option<f64>>> {
        if budget.stop().is_some() {
            return Ok(None);
        }
        let region = Region::ball(centre, radius);
        let parts = prove_by_parts(network, &region, budget, progress)?;
        if parts.proved() && parts.modulus.is_some() {
            return Ok(Some(parts.modulus));
        }
        // Structure says that there is an inverse, not how steep it is.
        let found = prove_by_pairs(network, &region, Effort { pairs, matrices: 256 }, budget, progress)?;
        Ok((parts.proved() || found.proved()).then_some(found.modulus))
    };
    // Structure settles all of space at once, or nothing.
    let far = 1e6 * size;
    if let Some(modulus) = proved(far, 1)? {
        (point.everywhere, point.radius, point.modulus) = (true, far, modulus);
        return Ok(());
    }
    // What collides bounds what can be proved.
    let mut limit = f64::INFINITY;
    if k <= 8 {
        let mut radius = 4.0 * size;
        for _ in 0..24 {
            let region = Region::ball(centre, radius);
            let finder = Finder::new(network, &region)?;
            let Some(found) = finder.anywhere(options.starts, &[], budget) else { break };
            let own =
                distance(&found.x1, centre).max(distance(&found.x2, centre)) + found.proof.radius * k as f64;
            if own < limit {
                limit = own;
            }
            radius = 0.8 * limit;
            progress.update(0, &format!("a collision within {limit:.3}"));
        }
        point.collision_radius = limit.is_finite().then_some(limit);
    }
    let (mut low, mut high) = (0.0, limit);
    let mut radius = (1e-3 * size).min(0.5 * limit);
    if proved(radius, 1)?.is_none() {
        high = radius;
        radius *= 1e-3;
    }
    // Outward by factors of two, then halving the gap in the exponent.
    while radius < high && radius < far {
        match proved(radius, pairs.min(64))? {
            Some(modulus) => {
                (low, point.modulus) = (radius, modulus);
                progress.update(0, &format!("one-to-one within {low:.3e}"));
                radius *= 2.0;
            }
            None => {
                high = high.min(radius);
            }
        }
    }
    // What a quick look did not settle may be true.
    let mut top = if limit.is_finite() { limit } else { high };
    if low > 0.0 {
        top = top.min(32.0 * low);
        for _ in 0..options.refinements {
            if top / low < 1.05 || budget.stop().is_some() {
                break;
            }
            let middle = (low * top).sqrt();
            match proved(middle, pairs)? {
                Some(modulus) => {
                    (low, point.modulus) = (middle, modulus);
                    progress.update(0, &format!("one-to-one within {low:.3e}"));
                }
                None => top = middle,
            }
        }
    }
    point.radius = low * (1.0 - 1e-9);
    Ok(())
}

/// t ↦ f(x + Q t)
fn restricted(network: &Network, x: &[f64], basis: &Matrix) -> Result<Network> {
    let mut builder = NetworkBuilder::new();
    let t = builder.input("t", Shape::new([1, basis.columns()])?)?;
    let shape = Shape::new([basis.rows(), basis.columns()])?;
    let weight = builder.param(Param::from_f64("basis", shape, basis.data().to_vec())?);
    let bias = builder.param(Param::from_f64("x", Shape::vector(x.len()), x.to_vec())?);
    let dense = Dense { weight, bias: Some(bias), order: WeightOrder::OutputsFirst };
    let y = builder.node("restriction", Op::Linear(Linear::Dense(dense)), &[t])?;
    let line = builder.finish(&[y])?;
    network.after(&line, false)
}
