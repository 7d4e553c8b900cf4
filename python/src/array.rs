//! Arrays of inputs and outputs: rows of n numbers, read in place where they are contiguous.

use numpy::{PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

/// Numbers of one of the two precisions, as they came.
pub(crate) enum Numbers<'py> {
    Double(PyReadonlyArrayDyn<'py, f64>),
    Single(PyReadonlyArrayDyn<'py, f32>),
}

/// The shape of the result: rows, or one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) rows: usize,
    /// One row was given by itself.
    pub(crate) single: bool,
}

impl<'py> Numbers<'py> {
    /// A float64 or float32 array that is contiguous; what else there is, converted by NumPy.
    pub(crate) fn of(value: &Bound<'py, PyAny>) -> PyResult<Self> {
        if let Ok(array) = value.cast::<PyArrayDyn<f64>>()
            && array.is_c_contiguous()
        {
            return Ok(Numbers::Double(array.readonly()));
        }
        if let Ok(array) = value.cast::<PyArrayDyn<f32>>()
            && array.is_c_contiguous()
        {
            return Ok(Numbers::Single(array.readonly()));
        }
        let numpy = value.py().import("numpy")?;
        let array = numpy.call_method1("asarray", (value,))?;
        let kind: String = array.getattr("dtype")?.getattr("kind")?.extract()?;
        let single = array.cast::<PyArrayDyn<f32>>().is_ok();
        if !"fiub".contains(&kind) {
            return Err(PyTypeError::new_err(format!(
                "an array of real numbers is needed, not of dtype {}",
                array.getattr("dtype")?
            )));
        }
        let dtype = if single { "float32" } else { "float64" };
        let array = numpy.call_method1("ascontiguousarray", (array, dtype))?;
        if single {
            return Ok(Numbers::Single(array.cast::<PyArrayDyn<f32>>()?.readonly()));
        }
        Ok(Numbers::Double(array.cast::<PyArrayDyn<f64>>()?.readonly()))
    }

    fn shape(&self) -> &[usize] {
        match self {
            Numbers::Double(array) => array.shape(),
            Numbers::Single(array) => array.shape(),
        }
    }

    /// How many rows of `width` numbers these are: one flat row, rows, or rows of the shape of a sample.
    pub(crate) fn layout(&self, width: usize, sample: &[usize], what: &str) -> PyResult<Layout> {
        let shape = self.shape();
        let elements: usize = shape.iter().product();
        let of_sample =
            |shape: &[usize]| shape.iter().filter(|&&s| s != 1).eq(sample.iter().filter(|&&s| s != 1));
        if shape.len() == 1 && elements == width {
            return Ok(Layout { rows: 1, single: true });
        }
        if let [rows, columns] = *shape
            && columns == width
        {
            return Ok(Layout { rows, single: false });
        }
        if shape.len() >= 2 && of_sample(&shape[1..]) && elements == shape[0] * width {
            return Ok(Layout { rows: shape[0], single: false });
        }
        if of_sample(shape) && elements == width {
            return Ok(Layout { rows: 1, single: true });
        }
        Err(PyValueError::new_err(format!(
            "{what} of shape {shape:?}, the network has {width} {what}s\nhint: give a row of {width} numbers, or an array of shape (rows, {width})"
        )))
    }

    /// As [`Numbers::doubles`], and no NaN or infinity among them.
    pub(crate) fn finite(&self, name: &str) -> PyResult<Vec<f64>> {
        let values = self.doubles()?;
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(values),
            Some(at) => Err(PyValueError::new_err(format!(
                "{name} holds {} at element {at} (row-major)\nhint: leave such rows out: `x[numpy.isfinite(x).all(axis=1)]`",
                values[at]
            ))),
        }
    }

    /// All numbers as doubles, copied.
    pub(crate) fn doubles(&self) -> PyResult<Vec<f64>> {
        Ok(match self {
            Numbers::Double(array) => array.as_slice()?.to_vec(),
            Numbers::Single(array) => array.as_slice()?.iter().map(|&v| f64::from(v)).collect(),
        })
    }
}
