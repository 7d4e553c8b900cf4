//! The answers of the commands where they are more than what a part of the library gives: put together, as JSON, in words.
//!
//! [`invert`](netinverse_invert) answers with `netinverse_answer::Inversion` itself. What the command line prints and what Python's
//! objects hold is made here, once.

pub mod build;
pub mod exact;
pub mod explain;
pub mod preimage;

use netinverse_base::{Error, ErrorKind, Result};
use serde::Serialize;

/// Indented by two spaces, with a line end.
fn json(answer: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string_pretty(answer);
    text.map(|text| text + "\n").map_err(|error| Error::new(ErrorKind::Io, error.to_string()))
}
