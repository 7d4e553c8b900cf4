//! The answer of `netinverse build`, as its JSON says it.

use netinverse_answer::Model;
use netinverse_base::{Error, ErrorKind, Result};
use netinverse_inverse::{Condition, Conditioning, LinearPart, LoopPart, Mark, RoundTrip};
use serde::Serialize;

/// The name and version of the format.
pub(crate) const SCHEMA: &str = "netinverse.build/1";

/// What was built, and how well it inverts.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    pub(crate) schema: &'static str,
    pub(crate) model: Model,
    pub(crate) status: &'static str,
    /// Whether g(f(x)) = x for every x.
    pub(crate) exact: bool,
    /// The file that holds the inverse, if one was asked for.
    pub(crate) inverse: Option<String>,
    /// `float32` or `float64`.
    pub(crate) precision: &'static str,
    /// What the inverse takes.
    pub(crate) inputs: Vec<Port>,
    /// What it gives.
    pub(crate) outputs: Vec<Port>,
    /// Outputs of the network that it does not need.
    pub(crate) unused_outputs: Vec<String>,
    /// Inputs of the network that it takes.
    pub(crate) given: Vec<String>,
    pub(crate) nodes: usize,
    pub(crate) parameters: usize,
    pub(crate) marked_ops: Vec<Mark>,
    /// Without these conditions on y there is no x.
    pub(crate) domain: Vec<Condition>,
    pub(crate) linear_parts: Vec<LinearPart>,
    pub(crate) loops: Vec<LoopPart>,
    /// How the points of the round trips were made.
    pub(crate) samples: Points,
    pub(crate) f_of_g: RoundTrip,
    pub(crate) g_of_f: RoundTrip,
    pub(crate) conditioning: Option<Conditioning>,
    pub(crate) warnings: Vec<String>,
    pub(crate) seconds: f64,
    pub(crate) seed: u64,
}

/// A value for one sample.
#[derive(Debug, Serialize)]
pub(crate) struct Port {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
}

/// The points of the round trips, in words.
#[derive(Debug, Serialize)]
pub(crate) struct Points {
    /// Of the inputs.
    pub(crate) x: String,
    /// Of the outputs.
    pub(crate) y: String,
}

impl Answer {
    /// Indented by two spaces, with a line end.
    pub(crate) fn json(&self) -> Result<String> {
        let text = serde_json::to_string_pretty(self);
        text.map(|text| text + "\n").map_err(|error| Error::new(ErrorKind::Io, error.to_string()))
    }

    /// The largest condition number of a linear part, with the part.
    pub(crate) fn worst_part(&self) -> Option<&LinearPart> {
        self.linear_parts
            .iter()
            .filter(|part| part.condition.is_some())
            .max_by(|a, b| a.condition.unwrap_or(0.0).total_cmp(&b.condition.unwrap_or(0.0)))
    }

    /// The round trip that an inverse of its kind is judged by: g(f(x)) = x where it is exact, else f(g(y)) = y.
    pub(crate) fn judged(&self) -> (&'static str, &RoundTrip) {
        if self.exact { ("g(f(x)) = x", &self.g_of_f) } else { ("f(g(y)) = y", &self.f_of_g) }
    }

    /// What to say where float32 does not bring the round trip below 1e-4.
    pub(crate) fn shortfall(&self) -> Option<String> {
        const WANTED: f64 = 1e-4;
        let (name, trip) = self.judged();
        if trip.f32.relative.is_some_and(|error| error <= WANTED) {
            return None;
        }
        let measured =
            trip.f32.relative.map_or("not a finite number".to_string(), |error| format!("{error:.1e}"));
        let rounding = self.conditioning.and_then(|conditioning| conditioning.rounding_f32);
        let reason = match rounding {
            Some(rounding) if self.exact && rounding > 0.01 * WANTED => format!(
                "rounding y to float32 alone may move x by {rounding:.1e} of its size: `--precision f64` stores an inverse in float64"
            ),
            _ if !self.exact => "the sections of single operators are not one of the whole network".into(),
            _ => "float32 is too coarse on the way: `--precision f64` stores an inverse in float64".into(),
        };
        Some(format!("{name} holds to {measured} in float32, not to 1e-4: {reason}"))
    }
}
