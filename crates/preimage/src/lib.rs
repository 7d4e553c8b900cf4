//! Sets: the whole preimage `{x ∈ B : f(x) ∈ Y}`, proved from both sides.
//!
//! - [`Question`]: the box and the formula; [`Target`]: the formula's half-spaces as rows that bounds take.
//! - [`Paving`]: branch and bound; its leaves are [`Cell`]s, in, out or cut.
//! - [`Frontier`]: a paving whose cells are lent to others, elsewhere.
//! - [`exact`]: every linear region that meets the target, for piecewise-linear networks.
//! - [`verify`]: whether there is such an input at all.
//! - [`compact`]: few polytopes instead of many cells, with proof.

mod answer;
mod cell;
mod compact;
pub mod exact;
mod file;
mod frontier;
mod knapsack;
mod merge;
mod paving;
mod picture;
mod question;
mod solve;
mod target;
mod uses;
pub mod verify;

pub use answer::{Answer, Asked, Header, Pieces, RowText, SCHEMA, Status, Volume};
pub use cell::{Cell, CellBuffers, RowForms, State, volume};
pub use compact::{Enough, Piece, Side, compact};
pub use frontier::Frontier;
pub use merge::merge;
pub use paving::{Goals, Node, Paving, Shard, Stop};
pub use picture::{Picture, View};
pub use question::Question;
pub use solve::{Plan, solve};
pub use target::{Target, TargetRow};
pub use uses::{Drawn, Nearest};
