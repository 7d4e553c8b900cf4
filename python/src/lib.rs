//! The Python module `netinverse._core`: networks, their values and derivatives, and their inverses, NumPy in and out.
//!
//! The typed layer above it (`python/netinverse`) turns what Python has into the question that is asked here, and what is
//! answered into objects. Work runs without the interpreter's lock, on a thread of its own, so that Ctrl-C is heard.

mod array;
mod network;
mod waiting;

use pyo3::exceptions::{PyFileNotFoundError, PyOSError, PyValueError};
use pyo3::prelude::*;

use netinverse::base::{Error, ErrorKind};

pyo3::create_exception!(
    _core,
    UnsupportedError,
    pyo3::exceptions::PyNotImplementedError,
    "What netinverse does not do, by name."
);

/// An error of the library as an exception of the right type, with its places and hints.
fn exception(error: &Error) -> PyErr {
    let text = error.to_string();
    match error.kind() {
        ErrorKind::Unsupported => UnsupportedError::new_err(text),
        ErrorKind::Input => PyValueError::new_err(text),
        ErrorKind::Io if text.contains("no such file") => PyFileNotFoundError::new_err(text),
        _ => PyOSError::new_err(text),
    }
}

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<network::Network>()?;
    module.add_class::<network::Preimage>()?;
    module.add("UnsupportedError", module.py().get_type::<UnsupportedError>())?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    Ok(())
}
