//! A network: its values and its derivatives.

use std::path::Path;

use netinverse::base::{Error, Result};
use netinverse::linalg::{Matrix, Real};
use netinverse::network::{Evaluator, ImportOptions, Network as Graph};
use netinverse::onnx::Model;
use netinverse_answer::Model as File;
use numpy::{Element, IntoPyArray, PyArrayDyn, PyArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::array::{Layout, Numbers};
use crate::exception;

/// A network that has been read: `network(x)` evaluates it.
#[pyclass(subclass, frozen, module = "netinverse._core")]
pub(crate) struct Network {
    graph: Graph,
    double: Evaluator<f64>,
    single: Evaluator<f32>,
    file: File,
    /// Of a network that came as bytes.
    bytes: Option<Vec<u8>>,
    names: Vec<String>,
    inputs: Vec<usize>,
    outputs: Vec<usize>,
}

#[pymethods]
impl Network {
    /// From a path or the bytes of an ONNX file; `outputs` names intermediate values to compute instead, `name` is what bytes are
    /// called.
    #[new]
    #[pyo3(signature = (source, outputs=None, name=None))]
    fn new(source: &Bound<'_, PyAny>, outputs: Option<Vec<String>>, name: Option<String>) -> PyResult<Self> {
        let names = outputs.unwrap_or_default();
        let options = ImportOptions { outputs: names.clone(), ..ImportOptions::default() };
        let (graph, file, bytes) = if let Ok(bytes) = source.cast::<PyBytes>() {
            let bytes = bytes.as_bytes().to_vec();
            let graph = Model::parse(&bytes).and_then(|model| Graph::import(&model, &options));
            let path = name.unwrap_or_else(|| "<bytes>".into());
            (graph, File { path, sha256: File::hash(&bytes) }, Some(bytes))
        } else {
            let path: String = source.str()?.extract()?;
            let graph = Graph::read_with(Path::new(&path), &options);
            let file = match &graph {
                Ok(_) => File::of(Path::new(&path)).map_err(|error| exception(&error))?,
                Err(_) => File { path, sha256: String::new() },
            };
            (graph, file, None)
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
            file,
            bytes,
            names,
        })
    }

    /// The SHA-256 of the file, by which answers know the network.
    #[getter]
    fn sha256(&self) -> &str {
        &self.file.sha256
    }

    /// The intermediate values that are computed instead of the graph's outputs.
    #[getter]
    fn output_names(&self) -> Vec<String> {
        self.names.clone()
    }

    /// Seconds of one of `count` calls of the library on a row, for `benches/python_call.py`: what Python adds is the rest.
    fn _seconds(&self, x: &Bound<'_, PyAny>, count: u32) -> PyResult<f64> {
        let numbers = Numbers::of(x)?;
        let m = self.graph.output_size();
        let start = std::time::Instant::now();
        match &numbers {
            Numbers::Double(array) => {
                let (x, mut y) = (array.as_slice()?, vec![0.0; m]);
                (0..count).for_each(|_| self.double.forward(std::hint::black_box(x), &mut y));
                std::hint::black_box(&y);
            }
            Numbers::Single(array) => {
                let (x, mut y) = (array.as_slice()?, vec![0.0; m]);
                (0..count).for_each(|_| self.single.forward(std::hint::black_box(x), &mut y));
                std::hint::black_box(&y);
            }
        }
        Ok(start.elapsed().as_secs_f64() / f64::from(count.max(1)))
    }

    /// The bytes of the ONNX file; None where it is not one file by itself.
    fn _bytes<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        if let Some(bytes) = &self.bytes {
            return Some(PyBytes::new(py, bytes));
        }
        let bytes = std::fs::read(&self.file.path).ok()?;
        Model::parse(&bytes).is_ok().then(|| PyBytes::new(py, &bytes))
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
    pub(crate) fn path(&self) -> &str {
        &self.file.path
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
}

impl Network {
    pub(crate) fn graph(&self) -> &Graph {
        &self.graph
    }

    /// What answers call it.
    pub(crate) fn file(&self) -> File {
        self.file.clone()
    }

    /// The only intermediate value that is asked about, where there is one.
    pub(crate) fn output(&self) -> Option<String> {
        self.names.first().filter(|_| self.names.len() == 1).cloned()
    }

    /// The graph as stored, with the bytes of its file.
    pub(crate) fn stored(&self) -> Result<(Model, Vec<u8>)> {
        match &self.bytes {
            Some(bytes) => Ok((Model::parse(bytes)?, bytes.clone())),
            None => {
                let path = Path::new(&self.file.path);
                let bytes = std::fs::read(path).map_err(|error| Error::io(path, &error))?;
                Ok((Model::read(path)?, bytes))
            }
        }
    }

    /// Rows of inputs as a matrix.
    pub(crate) fn matrix(&self, value: &Bound<'_, PyAny>) -> PyResult<Matrix> {
        let n = self.graph.input_size();
        let numbers = Numbers::of(value)?;
        let layout = numbers.layout(n, &self.inputs, "input")?;
        Matrix::new(layout.rows, n, numbers.finite("data")?).map_err(|error| exception(&error))
    }

    /// Rows of inputs.
    pub(crate) fn input_rows(&self, value: &Bound<'_, PyAny>, name: &str) -> PyResult<Vec<Vec<f64>>> {
        self.rows(value, self.graph.input_size(), &self.inputs, "input", name)
    }

    /// Rows of outputs.
    pub(crate) fn output_rows(&self, value: &Bound<'_, PyAny>, name: &str) -> PyResult<Vec<Vec<f64>>> {
        self.rows(value, self.graph.output_size(), &self.outputs, "output", name)
    }

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
        name: &str,
    ) -> PyResult<Vec<Vec<f64>>> {
        let numbers = Numbers::of(value)?;
        numbers.layout(width, sample, what)?;
        Ok(numbers.finite(name)?.chunks(width.max(1)).map(<[f64]>::to_vec).collect())
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
pub(crate) fn shaped<'py, T: Element>(
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
