//! Sets of inputs and how large they are, proved.
//!
//! - [`AxisBox`]: a box, the unit of every paving.
//! - [`half_space_fraction`]: how much of a box lies in a half-space, enclosed; the innermost loop of a
//!   paving.
//! - [`intersection_fraction`], [`refined_intersection_fraction`]: the same for several half-spaces at once.
//! - [`Polytope`]: half-spaces within a box; membership, emptiness, supports and volumes proved, samples,
//!   nearest points and polygons.
//! - [`LinearProgram`]: small linear programs, whose bounds and whose "there is no such point" are proved.
//! - [`Distance`], [`Ball`]: how far a box or a half-space is from a point, and what a linear form is in a ball, proved.
//! - [`VertexPolytope`]: facets and vertices together, with exact signs; parts, faces, volumes and convex unions.
//! - [`ExactSum`]: sums of doubles without any rounding, the same in whatever order they were added.
//!
//! Every enclosure holds in real arithmetic for the doubles given, whatever the rounding.

mod axis_box;
mod distance;
mod exact_sum;
mod half_space;
mod intersection;
mod lp;
mod polytope;
mod vertex_polytope;

pub use axis_box::AxisBox;
pub use distance::{Ball, Distance};
pub use exact_sum::ExactSum;
pub use half_space::half_space_fraction;
pub use intersection::{HalfSpaces, intersection_fraction, refined_intersection_fraction};
pub use lp::{Basis, LinearProgram, LpOutcome, LpSolution, combination_below_zero, lower_bound};
pub use polytope::{EmptinessCertificate, Membership, Norm, Polytope, Samples, SamplingMethod, Support};
pub use vertex_polytope::{
    Facet, Hyperplane, MAX_DIMS, Point, Position, Vertex, VertexPolytope, determinant_sign, position,
};
