//! What is found out while a network is inverted: its linear parts, what is lost where, on which outputs the inverse holds.

use serde::Serialize;

/// A matrix of the inversion.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LinearPart {
    /// The node.
    pub name: String,
    /// Its operator.
    pub op: String,
    /// How many parts of the operator have this matrix: positions, rows, channels.
    pub copies: usize,
    /// Equations.
    pub rows: usize,
    /// Unknowns.
    pub columns: usize,
    /// The rank, by singular values in float64.
    pub rank: usize,
    /// `diagonal`, `permutation`, `triangular`, `orthogonal`, `scaling`, `general` or `rectangular`.
    pub form: String,
    /// The largest singular value; of a scaling the largest factor.
    pub sigma_max: f64,
    /// The smallest singular value that counts for the rank.
    pub sigma_min: f64,
    /// Their ratio; `null` for a matrix of zeros.
    pub condition: Option<f64>,
    /// Whether the rank is proved to be min(rows, columns), in real arithmetic.
    pub proved: bool,
    /// Whether the solution is refined once.
    pub refined: bool,
}

/// What a mark says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkKind {
    /// Information is lost: one of many inputs is chosen.
    Section,
    /// The operator does not reach every output: others are moved to the nearest that it reaches.
    Projection,
    /// The outputs say nothing of these inputs.
    Free,
}

/// An operator where the inverse is not a bijection.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mark {
    /// The node, or the input.
    pub name: String,
    /// Its operator.
    pub op: String,
    /// What the mark says.
    pub kind: MarkKind,
    /// How many elements, or dimensions, it concerns.
    pub elements: usize,
    /// What is lost.
    pub lost: String,
    /// What is chosen.
    pub chosen: String,
}

/// A condition on a value, without which there is no input.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Condition {
    /// The value: an output of the network, or one inside.
    pub value: String,
    /// Whether it is an output.
    pub output: bool,
    /// What makes it.
    pub op: String,
    /// How many of its elements.
    pub elements: usize,
    /// The infimum of what is reached; `null` for −∞.
    pub low: Option<f64>,
    /// The supremum of what is reached; `null` for ∞.
    pub high: Option<f64>,
    /// In words.
    pub text: String,
}

/// A loop of the inverse: the fixed point of a contraction.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoopPart {
    /// The node: the sum `x + g(x)`.
    pub name: String,
    /// An upper bound of g's Lipschitz constant in the Euclidean norm, proved in real arithmetic.
    pub lipschitz: f64,
    /// Iterations at most.
    pub limit: usize,
    /// The loop ends when no element moves by more than this, relative to the largest element or 1.
    pub tolerance: f64,
}

/// All of it.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// The matrices.
    pub parts: Vec<LinearPart>,
    /// Where it is not a bijection.
    pub marks: Vec<Mark>,
    /// Where outputs must lie.
    pub conditions: Vec<Condition>,
    /// The fixed points.
    pub loops: Vec<LoopPart>,
}
