//! Sets: the whole preimage `{x ∈ B : f(x) ∈ Y}`, proved from both sides.
//!
//! - [`Question`]: the box and the formula; [`Target`]: the formula's half-spaces as rows that bounds take.
//! - [`Paving`]: branch and bound; its leaves are [`Cell`]s, in, out or cut.
//! - [`compact`]: few polytopes instead of many cells, with proof.

mod cell;
mod compact;
mod knapsack;
mod paving;
mod question;
mod target;

pub use cell::{Cell, CellBuffers, RowForms, State, volume};
pub use compact::{Enough, Piece, Side, compact};
pub use paving::{Goals, Node, Paving, Shard, Stop};
pub use question::Question;
pub use target::{Target, TargetRow};
