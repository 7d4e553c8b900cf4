//! `netinverse check`, of what is in memory.

use std::path::PathBuf;

use netinverse::base::{Error, ErrorKind};
use netinverse::check::{Options, TroubleKind, check_read};
use pyo3::prelude::*;

use crate::network::Network;
use crate::waiting;

/// The report of a check as JSON. `answer` is the text of an answer, `name` what the report calls it.
#[pyfunction]
#[pyo3(name = "_check", signature = (answer, name, network, spec=None, condition=None, bounds=None, threads=None))]
pub(crate) fn check(
    py: Python<'_>,
    answer: &str,
    name: PathBuf,
    network: &Network,
    spec: Option<PathBuf>,
    condition: Option<String>,
    bounds: Option<Vec<[f64; 2]>>,
    threads: Option<usize>,
) -> PyResult<String> {
    let budget = waiting::budget(None, threads, 0)?;
    let options = Options {
        answer: name,
        model: PathBuf::from(network.path()),
        specification: spec,
        condition,
        bounds,
        stop: Some(budget.cancel_flag()),
    };
    waiting::run(py, &budget, None, |_| {
        let (model, bytes) = network.stored()?;
        let report = check_read(answer, model, &bytes, &options).map_err(|trouble| match trouble.kind() {
            TroubleKind::Stopped => Error::new(ErrorKind::Interrupted, trouble.message()),
            _ => Error::input(trouble.message()),
        })?;
        Ok(report.json().to_string())
    })
}
