//! The Python module `netinverse._core`: networks, their values and derivatives, and their inverses, NumPy in and out.
//!
//! The typed layer above it (`python/netinverse`) turns what Python has into the question that is asked here, and what is
//! answered into objects. Work runs without the interpreter's lock, on a thread of its own, so that Ctrl-C is heard.

mod array;
mod check;
mod errors;
mod explain;
mod frontier;
mod inverse;
mod invert;
mod network;
mod preimage;
mod waiting;

use pyo3::prelude::*;

use errors::{UnsupportedError, exception};

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<network::Network>()?;
    module.add_class::<explain::Explanation>()?;
    module.add_class::<inverse::Inverse>()?;
    module.add_class::<preimage::Preimage>()?;
    module.add_class::<frontier::Frontier>()?;
    module.add_function(wrap_pyfunction!(check::check, module)?)?;
    module.add_function(wrap_pyfunction!(explain::explain, module)?)?;
    module.add_function(wrap_pyfunction!(inverse::build, module)?)?;
    module.add_function(wrap_pyfunction!(invert::invert, module)?)?;
    module.add_function(wrap_pyfunction!(invert::invert_page, module)?)?;
    module.add_function(wrap_pyfunction!(preimage::preimage, module)?)?;
    module.add_function(wrap_pyfunction!(preimage::merge, module)?)?;
    module.add("UnsupportedError", module.py().get_type::<UnsupportedError>())?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    Ok(())
}
