//! `netinverse invert`.

use std::path::PathBuf;

use netinverse::invert::question::{Asked, NormName, Prepared, Problem, Resources, invert_rows};
use netinverse::pages;
use netinverse_answer::files::Layout;
use netinverse_answer::{Inversion, Measured, SCHEMA, proof_lines};
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;

use crate::network::Network;
use crate::{exception, waiting};

/// The envelope as JSON; inputs and outputs, one row an answer.
type Found<'py> = (String, Bound<'py, PyArray2<f64>>, Bound<'py, PyArray2<f64>>);

/// Answers a problem given as JSON; `target`, `near` and `data` are rows that replace what it says, `beside` is the network of the
/// prior, `start` an inverse to start from, `proof` where proofs of distances go. Returns the envelope as JSON, without the vectors
/// of answers; their inputs and outputs, one row an answer.
#[pyfunction]
#[pyo3(name = "_invert", signature = (network, problem, target=None, near=None, data=None, beside=None, start=None, proof=None,
                                     time_limit=None, threads=None, progress=None))]
pub(crate) fn invert<'py>(
    py: Python<'py>,
    network: &Network,
    problem: &str,
    target: Option<&Bound<'py, PyAny>>,
    near: Option<&Bound<'py, PyAny>>,
    data: Option<&Bound<'py, PyAny>>,
    beside: Option<&Network>,
    start: Option<&Network>,
    proof: Option<PathBuf>,
    time_limit: Option<f64>,
    threads: Option<usize>,
    progress: Option<&Bound<'py, PyAny>>,
) -> PyResult<Found<'py>> {
    let graph = network.graph();
    let (n, m) = (graph.input_size(), graph.output_size());
    let mut problem = parse(problem)?;
    if let Some(target) = target {
        problem.asked = Asked::Values { rows: network.output_rows(target, "target")? };
    }
    if let Some(near) = near {
        problem.near = Some(network.input_rows(near, "near")?);
    }
    let resources = Resources {
        network: beside.map(|other| other.graph().clone()),
        start: start.map(|other| other.graph().clone()),
        data: data.map(|data| network.matrix(data)).transpose()?,
    };
    problem.keep_proofs = proof.is_some();
    let seed = problem.seed;
    let budget = waiting::budget(time_limit, threads, seed)?;
    let ((mut queries, stopped), norm, weights) = waiting::run(py, &budget, progress, |progress| {
        let prepared = Prepared::with(graph, problem, &resources)?;
        let mut queries = Vec::new();
        let stopped = invert_rows(&prepared, Default::default(), &budget, progress, &mut |query| {
            queries.push(query);
            Ok(())
        })?;
        let problem = prepared.problem();
        Ok(((queries, stopped), problem.norm, problem.weights.clone()))
    })?;
    if let Some(path) = proof {
        let norm = match norm {
            NormName::L1 => "l1",
            NormName::L2 => "l2",
            NormName::Linf => "linf",
        };
        let (model, output) = (network.file(), network.output());
        let measured =
            Measured { model: &model, output: output.as_deref(), norm, weights: weights.as_deref() };
        let mut text = String::new();
        proof_lines(&measured, &queries, &mut |line| {
            text.push_str(line);
            text.push('\n');
            Ok::<(), netinverse::base::Error>(())
        })
        .map_err(|error| exception(&error))?;
        std::fs::write(&path, text)
            .map_err(|error| PyOSError::new_err(format!("{}: {error}", path.display())))?;
    }
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for answer in queries.iter_mut().flat_map(|query| &mut query.answers) {
        x.extend(std::mem::take(&mut answer.x));
        y.extend(std::mem::take(&mut answer.y));
    }
    let inversion = Inversion {
        schema: SCHEMA.into(),
        model: network.file(),
        status: Inversion::overall(&queries),
        question: String::new(),
        stopped: stopped.map(Into::into),
        queries,
        seconds: 0.0,
        seed,
    };
    let text = serde_json::to_string(&inversion).map_err(|error| PyValueError::new_err(error.to_string()))?;
    let array = |values: Vec<f64>, width: usize| {
        let rows = values.len() / width.max(1);
        PyArray1::from_vec(py, values).reshape([rows, width])
    };
    Ok((text, array(x, n)?, array(y, m)?))
}

/// The page that `netinverse invert -o FILE.html` writes, of an envelope with its vectors and of its problem.
#[pyfunction]
#[pyo3(name = "_invert_page", signature = (network, problem, envelope, near=None))]
pub(crate) fn invert_page(
    network: &Network,
    problem: &str,
    envelope: &str,
    near: Option<&Bound<'_, PyAny>>,
) -> PyResult<String> {
    let graph = network.graph();
    let mut problem = parse(problem)?;
    if let Some(near) = near {
        problem.near = Some(network.input_rows(near, "near")?);
    }
    let inversion: Inversion =
        serde_json::from_str(envelope).map_err(|error| PyValueError::new_err(error.to_string()))?;
    let bounds = problem.bounds.as_deref().unwrap_or_default();
    let extent = |pick: fn(f64, f64) -> f64, side: usize| {
        bounds.iter().map(|pair| pair[side]).filter(|side| side.is_finite()).reduce(pick)
    };
    let layout = Layout {
        inputs: graph.input_size(),
        outputs: graph.output_size(),
        plane: problem.complete,
        image: pages::image_shape(graph),
        range: extent(f64::min, 0).zip(extent(f64::max, 1)),
        input_names: problem.input_names.clone(),
        output_names: problem.output_names.clone(),
    };
    Ok(pages::invert(&inversion, &problem, &layout, None))
}

fn parse(problem: &str) -> PyResult<Problem> {
    serde_json::from_str(problem).map_err(|error| PyValueError::new_err(error.to_string()))
}
