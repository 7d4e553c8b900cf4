//! Sets: the whole preimage `{x ∈ B : f(x) ∈ Y}`, proved from both sides.

mod cell;
mod paving;
mod target;

pub use cell::{Cell, CellBuffers, State};
pub use paving::Paving;
pub use target::{Target, TargetRow};
