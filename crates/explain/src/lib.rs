//! Where information is lost.
mod region;
mod tail;
pub mod injectivity;
pub mod collision;
mod verdict;
pub use region::{Ball, Region};
pub use tail::{Headless, behead};
pub use verdict::{Basis, DecideOptions, Decision, Statement, Verdict, decide};
