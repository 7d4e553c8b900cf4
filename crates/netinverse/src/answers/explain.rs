//! The answer of `netinverse explain`, and the box that it is about.

use netinverse_answer::Model;
use netinverse_base::{Error, Place, Result, ResultExt as _};
use netinverse_explain::{Explanation, Region};
use netinverse_linalg::Matrix;
use netinverse_network::Network;
use serde::Serialize;

/// The name and version of the format.
pub const SCHEMA: &str = "netinverse.explain/1";

/// What is printed as JSON.
#[derive(Debug, Serialize)]
pub struct Answer<'a> {
    /// [`SCHEMA`]
    pub schema: &'static str,
    /// The version of netinverse.
    pub version: &'static str,
    /// The network.
    pub model: &'a Model,
    /// `done`, or `partial` where a limit came first.
    pub status: &'static str,
    /// What is said.
    #[serde(flatten)]
    pub explanation: &'a Explanation,
    /// Wall time.
    pub seconds: f64,
    /// The seed.
    pub seed: u64,
}

impl<'a> Answer<'a> {
    /// An explanation of a model.
    pub fn new(model: &'a Model, explanation: &'a Explanation, seconds: f64, seed: u64) -> Self {
        Answer {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION"),
            model,
            status: if explanation.stopped.is_some() { "partial" } else { "done" },
            explanation,
            seconds,
            seed,
        }
    }

    /// Indented by two spaces, with a line end.
    pub fn json(&self) -> Result<String> {
        super::json(self)
    }
}

/// The box, and where it comes from: the bounds that are given (one pair for all, or one an input; and what they are called), else
/// those of the model's file, else where the data lie, else [-1, 1].
pub fn region(
    network: &Network,
    bounds: Option<(&[[f64; 2]], &str)>,
    data: Option<&Matrix>,
) -> Result<(Region, String)> {
    let n = network.input_size();
    let boxed = |at: &dyn Fn(usize) -> [f64; 2]| {
        Region::boxed((0..n).map(|i| at(i)[0]).collect(), (0..n).map(|i| at(i)[1]).collect())
    };
    if let Some((rows, source)) = bounds {
        if rows.len() != 1 && rows.len() != n {
            return Err(Error::input(format!("{} intervals, the network has {n} inputs", rows.len()))
                .at(Place::Option("--bounds".into()))
                .hint("give one row lo,hi for each input, or a single row for all"));
        }
        let region = boxed(&|i| rows[if rows.len() == 1 { 0 } else { i }]);
        return Ok((region.at(|| Place::Option("--bounds".into()))?, format!("given by --bounds {source}")));
    }
    if let Some(bounds) = network.input_bounds() {
        return Ok((boxed(&|i| bounds[i])?, "as the model's file says".into()));
    }
    if let Some(data) = data {
        if data.data().iter().all(|v| (0.0..=1.0).contains(v)) {
            let source = "[0, 1] for every input, where all data lie; --bounds gives another";
            return Ok((boxed(&|_| [0.0, 1.0])?, source.into()));
        }
        let column = |pick: fn(f64, f64) -> f64, start: f64, j: usize| {
            data.iter_rows().fold(start, |best, row| pick(best, row[j]))
        };
        let region =
            boxed(&|j| [column(f64::min, f64::INFINITY, j), column(f64::max, f64::NEG_INFINITY, j)])?;
        return Ok((
            region,
            "the range of each input in the data (what is constant there counts as fixed); --bounds gives another".into(),
        ));
    }
    Ok((boxed(&|_| [-1.0, 1.0])?, "[-1, 1] for every input, for want of --bounds or --data".into()))
}
