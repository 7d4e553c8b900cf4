//! A network: its values, its derivatives, and its inverses.

use std::path::Path;

use netinverse::base::{Error, Place};
use netinverse::bounds::Bounder;
use netinverse::invert::question::{Prepared, Problem, Resources, invert_rows};
use netinverse::linalg::{Matrix, Real};
use netinverse::network::{Evaluator, ImportOptions, Network as Graph};
use netinverse::onnx::Model;
use netinverse::preimage::{Answer, Asked, Goals, Paving, Plan, Question, solve};
use numpy::{Element, IntoPyArray, PyArray1, PyArray2, PyArrayDyn, PyArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::array::{Layout, Numbers};
use crate::{exception, waiting};

/// A network that has been read: `network(x)` evaluates it.
#[pyclass(subclass, frozen, module = "netinverse._core")]
pub(crate) struct Network {
    graph: Graph,
    double: Evaluator<f64>,
    single: Evaluator<f32>,
    path: String,
    sha256: String,
    inputs: Vec<usize>,
    outputs: Vec<usize>,
}

#[pymethods]
impl Network {
    /// From a path or the bytes of an ONNX file; `outputs` names intermediate values to compute instead.
    #[new]
    #[pyo3(signature = (source, outputs=None))]
    fn new(source: &Bound<'_, PyAny>, outputs: Option<Vec<String>>) -> PyResult<Self> {
        let options = ImportOptions { outputs: outputs.unwrap_or_default(), ..ImportOptions::default() };
        let (graph, path, sha256) = if let Ok(bytes) = source.extract::<Vec<u8>>() {
            let graph = Model::parse(&bytes).and_then(|model| Graph::import(&model, &options));
            (graph, String::from("<bytes>"), String::new())
        } else {
            let path: String = source.str()?.extract()?;
            let graph = Graph::read_with(Path::new(&path), &options);
            let sha256 = match &graph {
                Ok(_) => netinverse_answer::Model::of(Path::new(&path)).map_err(|e| exception(&e))?.sha256,
                Err(_) => String::new(),
            };
            (graph, path, sha256)
        };
        let graph = graph.map_err(|error| exception(&error))?;
        let shape = |ids: &[netinverse::network::ValueId]| match ids {
            [only] => graph.value(*only).shape.to_vec(),
            _ => Vec::new(),
        };
        Ok(Network {
            double: Evaluator::new(&graph),
            single: Evaluator::new(&graph),
            inputs: shape(graph.inputs()),
            outputs: shape(graph.outputs()),
            graph,
            path,
            sha256,
        })
    }

    /// n, the numbers of all inputs together.
    #[getter]
    fn input_size(&self) -> usize {
        self.graph.input_size()
    }

    /// m
    #[getter]
    fn output_size(&self) -> usize {
        self.graph.output_size()
    }

    /// The shape of one sample's input; empty where there are several inputs.
    #[getter]
    fn input_shape(&self) -> Vec<usize> {
        self.inputs.clone()
    }

    /// Likewise of the output.
    #[getter]
    fn output_shape(&self) -> Vec<usize> {
        self.outputs.clone()
    }

    /// What had to be assumed while reading.
    #[getter]
    fn warnings(&self) -> Vec<String> {
        self.graph.warnings().to_vec()
    }

    /// The path, or `<bytes>`.
    #[getter]
    fn path(&self) -> &str {
        &self.path
    }

    /// Bounds of the inputs that the file itself gives, one `[lo, hi]` an input.
    #[getter]
    fn input_bounds(&self) -> Option<Vec<[f64; 2]>> {
        self.graph.input_bounds().map(<[[f64; 2]]>::to_vec)
    }

    /// f(x) for a row of n numbers or for rows of them, in the precision of x.
    fn __call__<'py>(&self, x: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let numbers = Numbers::of(x)?;
        let layout = numbers.layout(self.graph.input_size(), &self.inputs, "input")?;
        match &numbers {
            Numbers::Double(array) => self.values(x.py(), &self.double, array.as_slice()?, layout),
            Numbers::Single(array) => self.values(x.py(), &self.single, array.as_slice()?, layout),
        }
    }

    /// ∂f/∂x: (m, n) for a row, (rows, m, n) for rows.
    fn jacobian<'py>(&self, x: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let numbers = Numbers::of(x)?;
        let layout = numbers.layout(self.graph.input_size(), &self.inputs, "input")?;
        match &numbers {
            Numbers::Double(array) => self.jacobians(x.py(), &self.double, array.as_slice()?, layout),
            Numbers::Single(array) => self.jacobians(x.py(), &self.single, array.as_slice()?, layout),
        }
    }

    /// `(f(x), vᵀ ∂f/∂x)`: v has a row of m numbers for each row of x. In double precision.
    fn vjp<'py>(
        &self,
        x: &Bound<'py, PyAny>,
        v: &Bound<'py, PyAny>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let (n, m) = (self.graph.input_size(), self.graph.output_size());
        let (numbers, layout, v) = self.pair(x, v, m, &self.outputs, "output")?;
        let (mut y, mut dx) = (vec![0.0; layout.rows * m], vec![0.0; layout.rows * n]);
        let py = x.py();
        py.detach(|| self.double.vjp(&numbers, &v, &mut y, &mut dx));
        Ok((shaped(py, y, layout, &[m])?, shaped(py, dx, layout, &[n])?))
    }

    /// `(f(x), ∂f/∂x v)`: v has a row of n numbers for each row of x. In double precision.
    fn jvp<'py>(
        &self,
        x: &Bound<'py, PyAny>,
        v: &Bound<'py, PyAny>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let (n, m) = (self.graph.input_size(), self.graph.output_size());
        let (numbers, layout, v) = self.pair(x, v, n, &self.inputs, "input")?;
        let (mut y, mut dy) = (vec![0.0; layout.rows * m], vec![0.0; layout.rows * m]);
        let py = x.py();
        py.detach(|| self.double.jvp(&numbers, &v, &mut y, &mut dy));
        Ok((shaped(py, y, layout, &[m])?, shaped(py, dy, layout, &[m])?))
    }

    /// Answers a problem given as JSON; `target`, `near` and `data` are rows that replace what it says. Returns the envelope
    /// as JSON, without the vectors of answers; their inputs and outputs, one row an answer.
    #[pyo3(signature = (problem, target=None, near=None, data=None, beside=None, time_limit=None, threads=None, progress=None))]
    fn _invert<'py>(
        &self,
        py: Python<'py>,
        problem: &str,
        target: Option<&Bound<'py, PyAny>>,
        near: Option<&Bound<'py, PyAny>>,
        data: Option<&Bound<'py, PyAny>>,
        beside: Option<&Network>,
        time_limit: Option<f64>,
        threads: Option<usize>,
        progress: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<(String, Bound<'py, PyArray2<f64>>, Bound<'py, PyArray2<f64>>)> {
        let (n, m) = (self.graph.input_size(), self.graph.output_size());
        let mut problem: Problem =
            serde_json::from_str(problem).map_err(|error| PyValueError::new_err(error.to_string()))?;
        if let Some(target) = target {
            let rows = self.rows(target, m, &self.outputs, "output")?;
            problem.asked = netinverse::invert::question::Asked::Values { rows };
        }
        if let Some(near) = near {
            problem.near = Some(self.rows(near, n, &self.inputs, "input")?);
        }
        let mut resources = Resources { network: beside.map(|other| other.graph.clone()), ..Resources::default() };
        if let Some(data) = data {
            let numbers = Numbers::of(data)?;
            let layout = numbers.layout(n, &self.inputs, "input")?;
            resources.data =
                Some(Matrix::new(layout.rows, n, numbers.doubles()?).map_err(|error| exception(&error))?);
        }
        let seed = problem.seed;
        let budget = waiting::budget(time_limit, threads, seed)?;
        let (queries, stopped) = waiting::run(py, &budget, progress, |progress| {
            let prepared = Prepared::with(&self.graph, problem, &resources)?;
            let mut queries = Vec::new();
            let stopped = invert_rows(&prepared, Default::default(), &budget, progress, &mut |query| {
                queries.push(query);
                Ok(())
            })?;
            Ok((queries, stopped))
        })?;
        let (mut x, mut y) = (Vec::new(), Vec::new());
        let mut queries = queries;
        for answer in queries.iter_mut().flat_map(|query| &mut query.answers) {
            x.extend(std::mem::take(&mut answer.x));
            y.extend(std::mem::take(&mut answer.y));
        }
        let inversion = netinverse_answer::Inversion {
            schema: netinverse_answer::SCHEMA.into(),
            model: netinverse_answer::Model { path: self.path.clone(), sha256: self.sha256.clone() },
            status: netinverse_answer::Inversion::overall(&queries),
            question: String::new(),
            stopped: stopped.map(Into::into),
            queries,
            seconds: 0.0,
            seed,
        };
        let text =
            serde_json::to_string(&inversion).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let array = |values: Vec<f64>, width: usize| {
            let rows = values.len() / width.max(1);
            PyArray1::from_vec(py, values).reshape([rows, width])
        };
        Ok((text, array(x, n)?, array(y, m)?))
    }

    /// Paves the preimage of a condition or a VNN-LIB text; the text of a `.preimage` file.
    #[pyo3(signature = (condition=None, spec=None, bounds=None, coverage=None, over=None, min_width=None, max_pieces=None,
                        compact=true, time_limit=None, threads=None, progress=None))]
    fn _preimage<'py>(
        &self,
        py: Python<'py>,
        condition: Option<String>,
        spec: Option<String>,
        bounds: Option<Vec<[f64; 2]>>,
        coverage: Option<f64>,
        over: Option<f64>,
        min_width: Option<f64>,
        max_pieces: Option<usize>,
        compact: bool,
        time_limit: Option<f64>,
        threads: Option<usize>,
        progress: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Preimage> {
        let asked = Asked { condition, spec, bounds, ..Asked::default() };
        let budget = waiting::budget(time_limit, threads, 0)?;
        let none = coverage.is_none() && over.is_none() && min_width.is_none();
        let min_width = min_width.unwrap_or(0.0);
        let plan = Plan {
            goals: Goals { coverage: coverage.or(none.then_some(0.9)), over, min_width, max_boxes: None },
            compact,
            max_pieces,
        };
        let model = netinverse_answer::Model { path: self.path.clone(), sha256: self.sha256.clone() };
        let answer = waiting::run(py, &budget, progress, |progress| {
            let bounder = Bounder::new(&self.graph)?;
            let formula = asked.formula(&self.graph)?;
            let given = asked.given_bounds(self.graph.input_size())?;
            let question = Question::new(&bounder, &formula, given.as_ref())
                .map_err(|error| error.at(Place::Option("bounds".into())))?;
            let mut paving = Paving::new(&bounder, &question, min_width);
            let mut watch = |paving: &Paving<'_>| {
                let (lower, upper) = paving.volume();
                progress.update(paving.boxes(), &format!("{lower:e} <= V <= {upper:e}"));
                Ok(())
            };
            solve(&mut paving, &plan, model, asked.clone(), &budget, &mut watch)
        })?;
        Ok(Preimage { answer })
    }
}

impl Network {
    fn values<'py, T: Real + Element>(
        &self,
        py: Python<'py>,
        evaluator: &Evaluator<T>,
        x: &[T],
        layout: Layout,
    ) -> PyResult<Bound<'py, PyAny>> {
        let m = self.graph.output_size();
        let mut y = vec![T::default(); layout.rows * m];
        if layout.single {
            evaluator.forward(x, &mut y);
        } else {
            py.detach(|| evaluator.forward(x, &mut y));
        }
        shaped(py, y, layout, &[m])
    }

    fn jacobians<'py, T: Real + Element>(
        &self,
        py: Python<'py>,
        evaluator: &Evaluator<T>,
        x: &[T],
        layout: Layout,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (n, m) = (self.graph.input_size(), self.graph.output_size());
        let mut y = vec![T::default(); layout.rows * m];
        let mut jacobian = vec![T::default(); layout.rows * m * n];
        py.detach(|| evaluator.jacobian(x, &mut y, &mut jacobian));
        shaped(py, jacobian, layout, &[m, n])
    }

    fn rows(
        &self,
        value: &Bound<'_, PyAny>,
        width: usize,
        sample: &[usize],
        what: &str,
    ) -> PyResult<Vec<Vec<f64>>> {
        let numbers = Numbers::of(value)?;
        numbers.layout(width, sample, what)?;
        Ok(numbers.doubles()?.chunks(width.max(1)).map(<[f64]>::to_vec).collect())
    }

    fn pair(
        &self,
        x: &Bound<'_, PyAny>,
        v: &Bound<'_, PyAny>,
        width: usize,
        sample: &[usize],
        what: &str,
    ) -> PyResult<(Vec<f64>, Layout, Vec<f64>)> {
        let (x, v) = (Numbers::of(x)?, Numbers::of(v)?);
        let layout = x.layout(self.graph.input_size(), &self.inputs, "input")?;
        let other = v.layout(width, sample, what)?;
        if other.rows != layout.rows {
            let fault = format!(
                "{} rows of x and {} rows of v\nhint: give a row of v for each row of x",
                layout.rows, other.rows
            );
            return Err(PyValueError::new_err(fault));
        }
        Ok((x.doubles()?, layout, v.doubles()?))
    }
}

/// A NumPy array of rows of a shape, or one of them.
fn shaped<'py, T: Element>(
    py: Python<'py>,
    values: Vec<T>,
    layout: Layout,
    shape: &[usize],
) -> PyResult<Bound<'py, PyAny>> {
    let array = values.into_pyarray(py);
    if layout.single && shape.len() == 1 {
        return Ok(array.into_any());
    }
    let mut whole = shape.to_vec();
    if !layout.single {
        whole.insert(0, layout.rows);
    }
    let array: Bound<'py, PyArrayDyn<T>> = array.reshape(whole)?;
    Ok(array.into_any())
}

/// A preimage with its proof.
#[pyclass(frozen, module = "netinverse._core")]
pub(crate) struct Preimage {
    answer: Answer,
}

#[pymethods]
impl Preimage {
    /// The answer's JSON, as `netinverse preimage --format json` prints it, without its leaves.
    fn _header(&self) -> PyResult<String> {
        serde_json::to_string(&self.answer.header).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// True: proved inside; False: proved outside; None: not decided at this resolution. One verdict a row.
    fn _contains(&self, x: &Bound<'_, PyAny>) -> PyResult<Vec<Option<bool>>> {
        let n = self.answer.header.lower.len();
        let numbers = Numbers::of(x)?;
        numbers.layout(n, &[], "input")?;
        let question = Question::of_header(&self.answer.header).map_err(|error| exception(&error))?;
        let rows = numbers.doubles()?;
        Ok(rows.chunks(n.max(1)).map(|x| self.answer.contains(&question, x)).collect())
    }

    /// Points drawn uniformly from the inner set, one a row.
    fn _sample<'py>(&self, py: Python<'py>, count: usize, seed: u64) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let question = Question::of_header(&self.answer.header).map_err(|error| exception(&error))?;
        let drawn = self.answer.sample(&question, count, seed).map_err(|error| exception(&error))?;
        let n = self.answer.header.lower.len();
        let flat: Vec<f64> = drawn.points.concat();
        PyArray1::from_vec(py, flat).reshape([drawn.points.len(), n])
    }

    /// Writes a `.preimage` file.
    fn _save(&self, path: &str) -> PyResult<()> {
        self.answer.write(Path::new(path)).map_err(|error: Error| exception(&error))
    }

    /// Reads one.
    #[staticmethod]
    fn _load(path: &str) -> PyResult<Preimage> {
        let answer = Answer::read(Path::new(path)).map_err(|error| exception(&error))?;
        Ok(Preimage { answer })
    }
}
