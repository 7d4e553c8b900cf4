//! What every crate of netinverse needs.
//!
//! - [`Error`]: what went wrong, where ([`Place`]), and what to do about it (hints). An error is for
//!   bad input only; "no such input exists" is an answer, not an error.
//! - [`Budget`]: how much a computation may use (deadline, cancellation, threads) and its seed.
//! - [`Progress`]: where long work reports what is known so far.
//! - [`Rng`]: reproducible random streams.

mod budget;
mod error;
mod progress;
mod rng;

pub use budget::{Budget, StopReason};
pub use error::{Error, ErrorKind, Place, Result, ResultExt};
pub use progress::{Progress, Silent};
pub use rng::Rng;
