//! Exact preimages of piecewise-linear networks: every linear region that meets the target, as polytopes with affine pieces.
//!
//! Inside a linear region the network is affine, so that the part of the region in the target is a polytope: the preimage is
//! the finite union of these, found by [`exact_preimage`]. With constants that are stored exactly, hyperplanes are those of the
//! graph in real arithmetic, and every sign is decided without rounding; else, and where that would take too long, hyperplanes
//! are doubles next to them, and what is said carries the distance.
//!
//! | file | what |
//! |---|---|
//! | `frame` | the exact box, in coordinates around its centre |
//! | `forms`, `dyadic` | an element as an affine function of the input, without rounding |
//! | `basis`, `reduced` | what is not decided on a cell, with bounds |
//! | `enumerate` | the regions |
//! | `rows`, `pieces` | the target's rows, and what they leave of a region |
//! | `merge` | unions that are convex |
//! | `set` | the whole, measured |
//! | `answer`, `file`, `picture` | what is printed, saved and drawn |
//! | `maps` | the affine map of each region, determinants, preimages counted |

mod answer;
mod basis;
mod dyadic;
mod enumerate;
mod file;
mod forms;
mod frame;
mod maps;
mod merge;
mod picture;
mod pieces;
mod reduced;
mod rows;
mod set;

pub use answer::{
    Arithmetic, EXACT_SCHEMA, ExactAnswer, ExactHeader, ExactRow, ExactVolume, FoldText, Origin, PieceText,
    RegionText,
};
pub use file::is_exact;
pub use maps::{AffineMap, Orientation};
pub use set::{
    ExactOptions, ExactPiece, ExactSet, Fold, HalfSpaceRow, LinearRegion, RowOrigin, exact_preimage,
};
