//! Linear programs over a box: minimise cost·x over {x ∈ box : a_k·x + b_k ≥ 0 for all k}.
//!
//! The programs of a polyhedral computation are small (n ≤ ~50 inputs, m ≤ ~500 half-spaces), dense, many,
//! and related. `simplex` is a dual simplex method on the n×n matrix of the constraints that are active at
//! the current vertex: a box always has a dual feasible vertex to start from, a new half-space or offset
//! leaves the last one dual feasible, and m enters a step only through one product with the rows.
//!
//! What it returns is not trusted: `certificate` turns multipliers, however found, into bounds that hold in
//! real arithmetic (Neumaier & Shcherbina 2004; with a bounded box no correction term is needed).

mod certificate;
mod simplex;

pub use certificate::{combination_below_zero, lower_bound};
pub use simplex::Basis;

use crate::axis_box::AxisBox;
use netinverse_base::{Error, Result};

/// minimise cost·x over the points of a box with `normals·x + offsets ≥ 0`.
#[derive(Debug, Clone)]
pub struct LinearProgram {
    pub(crate) domain: AxisBox,
    pub(crate) cost: Vec<f64>,
    /// m × n, by rows.
    pub(crate) normals: Vec<f64>,
    pub(crate) offsets: Vec<f64>,
}

/// What is known of a program after solving it.
#[derive(Debug, Clone)]
pub enum LpOutcome {
    /// The least cost, as the solver found it, with a proved bound.
    Optimal(LpSolution),
    /// No point satisfies all rows: checked by [`combination_below_zero`].
    Infeasible {
        /// m multipliers ≥ 0 whose combination of the rows is negative on the whole box.
        multipliers: Vec<f64>,
    },
    /// The solver stopped for numerical reasons; the bound is still proved.
    Undecided {
        /// A lower bound of cost·x over the feasible points, if there are any.
        bound: f64,
        /// The m multipliers that prove it.
        multipliers: Vec<f64>,
    },
}

/// An optimum: primal and dual.
#[derive(Debug, Clone)]
pub struct LpSolution {
    /// n numbers in the box; rows may be violated by about 10⁻⁹ of their size.
    pub x: Vec<f64>,
    /// cost·x, rounded.
    pub objective: f64,
    /// m multipliers ≥ 0 of the rows.
    pub multipliers: Vec<f64>,
    /// A proved lower bound of cost·x over all feasible points.
    pub bound: f64,
    /// Where a neighbouring program may start.
    pub basis: Basis,
}

impl LinearProgram {
    /// Minimises `cost` (n numbers) over a box, without rows yet.
    ///
    /// # Errors
    /// If the cost is not n finite numbers.
    pub fn new(domain: AxisBox, cost: Vec<f64>) -> Result<Self> {
        check(&cost, domain.dims(), "cost")?;
        Ok(LinearProgram { domain, cost, normals: Vec::new(), offsets: Vec::new() })
    }

    /// Adds the row normal·x + offset ≥ 0.
    ///
    /// # Errors
    /// If it is not n + 1 finite numbers.
    pub fn add_row(&mut self, normal: &[f64], offset: f64) -> Result<()> {
        check(normal, self.domain.dims(), "row")?;
        check(&[offset], 1, "offset")?;
        self.normals.extend_from_slice(normal);
        self.offsets.push(offset);
        Ok(())
    }

    /// Another objective over the same points.
    ///
    /// # Errors
    /// If the cost is not n finite numbers.
    pub fn set_cost(&mut self, cost: &[f64]) -> Result<()> {
        check(cost, self.domain.dims(), "cost")?;
        self.cost.copy_from_slice(cost);
        Ok(())
    }

    /// The number of rows m.
    pub fn rows(&self) -> usize {
        self.offsets.len()
    }

    /// Solves from the vertex of the box that is cheapest.
    pub fn solve(&self) -> LpOutcome {
        simplex::solve(self, None)
    }

    /// Solves from the basis of a program with the same n whose rows were a beginning of this one's, with any
    /// cost and offsets. The outcome is the same; the steps are fewer.
    pub fn solve_from(&self, basis: &Basis) -> LpOutcome {
        simplex::solve(self, Some(basis))
    }
}

impl LpOutcome {
    /// The proved lower bound of the cost; ∞ if there is no feasible point.
    pub fn bound(&self) -> f64 {
        match self {
            LpOutcome::Optimal(solution) => solution.bound,
            LpOutcome::Infeasible { .. } => f64::INFINITY,
            LpOutcome::Undecided { bound, .. } => *bound,
        }
    }

    /// The optimum, if one was found.
    pub fn solution(&self) -> Option<&LpSolution> {
        match self {
            LpOutcome::Optimal(solution) => Some(solution),
            _ => None,
        }
    }
}

fn check(numbers: &[f64], n: usize, what: &str) -> Result<()> {
    if numbers.len() != n {
        return Err(Error::input(format!("a {what} of {} numbers over {n} variables", numbers.len()))
            .hint("give one coefficient for each variable"));
    }
    match numbers.iter().position(|value| !value.is_finite()) {
        Some(i) => Err(Error::input(format!("coefficient {i} of a {what} is {}", numbers[i]))
            .hint("coefficients must be finite numbers")),
        None => Ok(()),
    }
}
