//! `netinverse build`: the inverse as a network.

use std::path::Path;

use netinverse::answers::build::{Answer, Targets, measure, quasi_random_samples};
use netinverse::inverse as library;
use netinverse::inverse::{BuildOptions, Runner, Samples};
use netinverse::linalg::Precision;
use netinverse::pages;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::array::Numbers;
use crate::network::{Network, shaped};
use crate::{exception, waiting};

/// An inverse and what was measured of it.
#[pyclass(frozen, module = "netinverse._core")]
pub(crate) struct Inverse {
    inverse: library::Inverse,
    answer: Answer,
}

#[pymethods]
impl Inverse {
    /// As `netinverse build --format json` prints it.
    fn _json(&self) -> PyResult<String> {
        self.answer.json().map_err(|error| exception(&error))
    }

    /// As `netinverse build --report FILE.html` writes it.
    fn _page(&self) -> String {
        pages::build(&self.answer, None)
    }

    /// The numbers of all that it takes together.
    #[getter]
    fn input_size(&self) -> usize {
        self.inverse.input_size()
    }

    /// Likewise of what it gives.
    #[getter]
    fn output_size(&self) -> usize {
        self.inverse.output_size()
    }

    /// Whether it is iterated: then it is no network that netinverse reads.
    #[getter]
    fn has_loops(&self) -> bool {
        self.inverse.as_network().is_none()
    }

    /// The ONNX file that `netinverse build -o` writes.
    fn _onnx<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.inverse.to_onnx().to_bytes())
    }

    /// Writes it.
    fn _write(&self, path: &str) -> PyResult<()> {
        self.inverse.write(Path::new(path)).map_err(|error| exception(&error))
    }

    /// g(y) for a row or rows, in the precision of y.
    fn __call__<'py>(&self, y: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let numbers = Numbers::of(y)?;
        let layout = numbers.layout(self.inverse.input_size(), &[], "input")?;
        let (py, width) = (y.py(), self.inverse.output_size());
        match &numbers {
            Numbers::Double(array) => {
                let y = array.as_slice()?;
                let x = py.detach(|| Runner::<f64>::new(&self.inverse).run(y));
                shaped(py, x, layout, &[width])
            }
            Numbers::Single(array) => {
                let y = array.as_slice()?;
                let x = py.detach(|| Runner::<f32>::new(&self.inverse).run(y));
                shaped(py, x, layout, &[width])
            }
        }
    }
}

/// Builds and measures.
#[pyfunction]
#[pyo3(name = "_build", signature = (network, precision=None, given=None, data=None, targets=None, bounds=None, samples=256,
                                    seed=0, time_limit=None, threads=None, progress=None))]
pub(crate) fn build(
    py: Python<'_>,
    network: &Network,
    precision: Option<&str>,
    given: Option<Vec<String>>,
    data: Option<&Bound<'_, PyAny>>,
    targets: Option<&Bound<'_, PyAny>>,
    bounds: Option<(Vec<[f64; 2]>, String)>,
    samples: usize,
    seed: u64,
    time_limit: Option<f64>,
    threads: Option<usize>,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<Inverse> {
    let start = std::time::Instant::now();
    let precision = match precision {
        None => None,
        Some("f32") => Some(Precision::F32),
        Some("f64") => Some(Precision::F64),
        Some(other) => {
            let fault = format!("precision = {other:?}\nhint: \"f32\" or \"f64\"");
            return Err(PyValueError::new_err(fault));
        }
    };
    let asked = BuildOptions { precision, given: given.unwrap_or_default() };
    let graph = network.graph();
    let points = match data {
        Some(data) => {
            let rows = network.matrix(data)?;
            let source = format!("{} rows of data", rows.rows());
            Samples { rows: rows.rows(), x: rows.data().to_vec(), source }
        }
        None => quasi_random_samples(graph, bounds, samples, seed).map_err(|error| exception(&error))?,
    };
    let targets = match targets {
        Some(targets) => {
            let rows = Numbers::of(targets)?;
            Some(Targets { y: rows.finite("targets")?, source: "targets".into() })
        }
        None => None,
    };
    let budget = waiting::budget(time_limit, threads, seed)?;
    let (inverse, mut answer) = waiting::run(py, &budget, progress, |progress| {
        let built = library::build(graph, &asked, &budget, progress)?;
        let width = built.network.output_size();
        if let Some(targets) = &targets
            && (targets.y.is_empty() || !targets.y.len().is_multiple_of(width))
        {
            return Err(netinverse::base::Error::input(format!(
                "targets of {} numbers, the inverse takes rows of {width}",
                targets.y.len()
            )));
        }
        progress.stage("measuring the round trips", None);
        let answer = measure(graph, &asked, &built, &points, targets.as_ref(), network.file(), &budget);
        Ok((built.inverse, answer))
    })?;
    answer.seconds = start.elapsed().as_secs_f64();
    Ok(Inverse { inverse, answer })
}
