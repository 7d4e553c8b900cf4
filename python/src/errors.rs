//! Errors of the library as exceptions of the right type, with their places and hints.

use netinverse::base::{Error, ErrorKind};
use pyo3::PyErr;
use pyo3::exceptions::{PyFileNotFoundError, PyKeyboardInterrupt, PyOSError, PyValueError};

pyo3::create_exception!(
    _core,
    UnsupportedError,
    pyo3::exceptions::PyNotImplementedError,
    "What netinverse does not do, by name."
);

/// The exception of an error: its line, then a line for each hint.
pub(crate) fn exception(error: &Error) -> PyErr {
    let mut text = in_python(&error.to_string());
    for hint in error.hints() {
        text.push_str("\nhint: ");
        text.push_str(&in_python(hint));
    }
    match error.kind() {
        ErrorKind::Unsupported => UnsupportedError::new_err(text),
        ErrorKind::Input => PyValueError::new_err(text),
        ErrorKind::Interrupted => PyKeyboardInterrupt::new_err(text),
        ErrorKind::Io if text.contains("no such file") => PyFileNotFoundError::new_err(text),
        _ => PyOSError::new_err(text),
    }
}

/// The library's errors name the options of the command line; here they are arguments: `--time-limit` is `time_limit`.
fn in_python(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("--") {
        let (before, after) = rest.split_at(at);
        let name: String = after[2..].chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
        let inside = before.ends_with(|c: char| c.is_alphanumeric() || c == '-');
        out.push_str(before);
        if name.is_empty() || inside || name.starts_with('-') {
            out.push_str("--");
            rest = &after[2..];
            continue;
        }
        out.push_str(&match name.as_str() {
            "class" => "class_".to_string(),
            name => name.replace('-', "_"),
        });
        rest = &after[2 + name.len()..];
    }
    out.push_str(rest);
    out
}
