//! Inputs for outputs: the batched solver.
//!
//! - [`Goal`]: what a query asks of the outputs, a union of polyhedra.
//! - [`Domain`]: where inputs may lie.
//! - [`Oracle`]: the one evaluator; it counts, and keeps the best point.
//! - [`LeastDistance`]: the quadratic program behind every step.
//! - `feasible`: from starts to answers (Levenberg–Marquardt in the box).
//! - [`solve`]: starts and both phases.
//! - `choice`: the choice among what was found.
//! - `refine`: from single to double precision.
//! - `nearest`: from answers to nearest answers (sequential quadratic programming).

mod approach;
mod choice;
mod components;
mod distinct;
mod feasible;
mod goal;
mod lane;
pub mod least_distance;
mod nearest;
mod norm;
mod oracle;
mod peel;
mod pursue;
mod refine;
mod solver;
mod starts;
mod tournament;

pub use choice::Found;
pub use feasible::FeasibleOptions;
pub use goal::{Goal, Polyhedron};
pub use lane::Domain;
pub use least_distance::LeastDistance;
pub use norm::Norm;
pub use oracle::{Engines, Evaluations, Linearised, Oracle, Seen};
pub use peel::{Peeled, PeeledGoal, peel};
pub use solver::{Options, QueryResult, solve};
