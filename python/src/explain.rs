//! `netinverse explain`.

use netinverse::answers::explain::{Answer, region};
use netinverse::explain as library;
use netinverse::explain::{DecideOptions, Question, RadiusOptions};
use netinverse::network::Network as Graph;
use netinverse::pages;
use netinverse_answer::Model;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::network::Network;
use crate::{exception, waiting};

/// What was explained, with what its page needs.
#[pyclass(frozen, module = "netinverse._core")]
pub(crate) struct Explanation {
    graph: Graph,
    model: Model,
    question: Question,
    explanation: library::Explanation,
    seconds: f64,
    seed: u64,
}

#[pymethods]
impl Explanation {
    /// As `netinverse explain --format json` prints it.
    fn _json(&self) -> PyResult<String> {
        let answer = Answer::new(&self.model, &self.explanation, self.seconds, self.seed);
        answer.json().map_err(|error| exception(&error))
    }

    /// As `netinverse explain` prints it.
    fn _text(&self) -> String {
        library::render(&self.explanation, &self.model.path)
    }

    /// As `netinverse explain -o FILE.html` writes it.
    fn _page(&self) -> String {
        let (model, seconds) = (&self.model.path, self.seconds);
        pages::explain(&self.explanation, &self.graph, &self.question, model, seconds, None)
    }
}

/// Explains.
#[pyfunction]
#[pyo3(name = "_explain", signature = (network, data=None, labels=None, bounds=None, points=None, clusters=false, seed=0,
                                      time_limit=None, threads=None, progress=None))]
pub(crate) fn explain(
    py: Python<'_>,
    network: &Network,
    data: Option<&Bound<'_, PyAny>>,
    labels: Option<Vec<usize>>,
    bounds: Option<(Vec<[f64; 2]>, String)>,
    points: Option<&Bound<'_, PyAny>>,
    clusters: bool,
    seed: u64,
    time_limit: Option<f64>,
    threads: Option<usize>,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<Explanation> {
    let start = std::time::Instant::now();
    let data = data.map(|data| network.matrix(data)).transpose()?;
    let rows = data.as_ref().map_or(0, netinverse::linalg::Matrix::rows);
    if let Some(labels) = &labels
        && labels.len() != rows
    {
        let fault = format!("{} labels for {rows} rows\nhint: one class a row of data", labels.len());
        return Err(PyValueError::new_err(fault));
    }
    let points = points.map(|points| network.input_rows(points, "point")).transpose()?.unwrap_or_default();
    let graph = network.graph().clone();
    let bounds = bounds.as_ref().map(|(rows, source)| (&rows[..], source.as_str()));
    let (region, region_source) = region(&graph, bounds, data.as_ref()).map_err(|error| exception(&error))?;
    let question = Question {
        region,
        region_source,
        data,
        labels,
        points,
        clusters,
        decide: DecideOptions::default(),
        radius: RadiusOptions::default(),
    };
    let budget = waiting::budget(time_limit, threads, seed)?;
    let explanation = waiting::run(py, &budget, progress, |progress| {
        library::explain(&graph, &question, &budget, progress)
    })?;
    let seconds = start.elapsed().as_secs_f64();
    Ok(Explanation { graph, model: network.file(), question, explanation, seconds, seed })
}
