//! What is said of a fibre `{x ∈ B : f(x) = y}` as a whole: samples of it, or all of it in the plane.

use serde::{Deserialize, Serialize};

/// How samples of a fibre were drawn; the samples themselves are the query's answers, in the same order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// The chain of each answer.
    pub chains: Vec<usize>,
    /// The number of independent draws whose means would be as exact: the least over the inputs.
    pub effective_size: f64,
    /// Gelman and Rubin's R̂, the largest over the inputs; `null` where chains did not move.
    pub r_hat: Option<f64>,
    /// Whether the chains agree, so that the components' shares are those of the conditional law.
    pub mixed: bool,
    /// The share of local steps that were accepted after burn-in.
    pub acceptance: f64,
    /// Local steps that the reverse check rejected.
    pub reverse_rejections: usize,
    /// Global steps that went to another point.
    pub jumps: usize,
    /// The components that were met, in the numbering of [`Answer::component`](crate::Answer::component).
    pub components: Vec<SampledComponent>,
    /// Points where the Jacobian's rank is less than the number of outputs: plateaus, whose mass is an atom
    /// (or of another dimension) and which are not sampled.
    pub plateaus: Vec<Plateau>,
}

/// A component that samples lie in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampledComponent {
    /// The number of samples.
    pub count: usize,
    /// Their share of all.
    pub share: f64,
    /// The share's standard error, by the effective size.
    pub standard_error: f64,
}

/// A point of lower rank.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plateau {
    /// The input.
    pub x: Vec<f64>,
    /// The rank of the Jacobian there.
    pub rank: usize,
}

/// The complete preimage of one value in the plane of two inputs, to double precision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Preimage {
    /// Which two inputs the coordinates are.
    pub inputs: [usize; 2],
    /// The connected components; the answers are the nearest point of each, in another order: an answer's
    /// `component` is a position here.
    pub components: Vec<PreimageComponent>,
    /// Convex polygons, counter-clockwise, on which the output is constant and equal to the value.
    pub plateaus: Vec<Vec<[f64; 2]>>,
    /// The linear regions that were looked at.
    pub regions: usize,
    /// Whether the whole box was searched; otherwise a limit ended the search and components may be missing.
    pub whole: bool,
}

/// A connected component of a preimage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PreimageComponent {
    /// The total length of its lines.
    pub length: f64,
    /// The one-dimensional part; a line of one point is a point.
    pub polylines: Vec<Polyline>,
    /// The two-dimensional part: positions in [`Preimage::plateaus`].
    pub plateaus: Vec<usize>,
}

/// Consecutive segments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Polyline {
    /// The corners in order.
    pub points: Vec<[f64; 2]>,
    /// Whether a segment leads from the last to the first.
    pub closed: bool,
}

impl Polyline {
    /// The segments in order.
    pub fn segments(&self) -> impl Iterator<Item = [[f64; 2]; 2]> + '_ {
        let closing = match (self.points.first(), self.points.last()) {
            (Some(&first), Some(&last)) if self.closed => Some([last, first]),
            _ => None,
        };
        self.points.windows(2).map(|pair| [pair[0], pair[1]]).chain(closing)
    }
}

impl Preimage {
    /// The area of a plateau.
    pub fn area(&self, plateau: usize) -> f64 {
        let corners = &self.plateaus[plateau];
        let twice: f64 = (0..corners.len())
            .map(|i| {
                let (p, q) = (corners[i], corners[(i + 1) % corners.len()]);
                p[0] * q[1] - q[0] * p[1]
            })
            .sum();
        0.5 * twice.abs()
    }
}
