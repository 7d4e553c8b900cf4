use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

/// The result of everything that can meet bad input.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What was wrong with the input, where, and what to do about it.
///
/// Displayed on one line, outermost place first; the hints are separate ([`Error::hints`]), so that
/// the command line can print each on a line of its own.
///
/// ```
/// use netinverse_base::{Error, Place};
/// let error = Error::input("expects 784 columns, the row has 783")
///     .at(Place::Line(7))
///     .at(Place::file("digits.csv"))
///     .hint("every row must have the same number of columns");
/// assert_eq!(error.to_string(), "digits.csv: line 7: expects 784 columns, the row has 783");
/// ```
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    /// Innermost first: each caller that knows more adds its own.
    places: Vec<Place>,
    hints: Vec<String>,
}

/// The kind of an [`Error`], for callers that act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The input is malformed, contradictory, or of the wrong shape.
    Input,
    /// The input is valid, and netinverse does not support it.
    Unsupported,
    /// A file or connection could not be read or written.
    Io,
    /// The user or the budget stopped the work before it had a result.
    Interrupted,
}

/// Where an [`Error`] happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// A file, or the name of another source of bytes (a URL, `standard input`).
    File(PathBuf),
    /// A line of a text file, 1-based.
    Line(usize),
    /// A line and column of a text file or expression, both 1-based.
    LineColumn(usize, usize),
    /// A byte offset in a binary file.
    Byte(u64),
    /// A node of a model: its name (may be empty) and operator.
    Node {
        /// The node's name; its first output's name where it has none.
        name: String,
        /// The operator, for example `Conv`.
        op: String,
    },
    /// A tensor of a model or an array of a file, by name.
    Tensor(String),
    /// A row of data, 0-based.
    Row(usize),
    /// An option of the command line, for example `--target`.
    Option(String),
}

impl Place {
    /// The place of everything that happens in `path`.
    pub fn file(path: impl AsRef<Path>) -> Self {
        Place::File(path.as_ref().to_path_buf())
    }

    /// The place of a node of a model.
    pub fn node(name: impl Into<String>, op: impl Into<String>) -> Self {
        Place::Node { name: name.into(), op: op.into() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File(path) => write!(f, "{}", path.display()),
            Place::Line(line) => write!(f, "line {line}"),
            Place::LineColumn(line, column) => write!(f, "line {line}, column {column}"),
            Place::Byte(offset) => write!(f, "byte {offset}"),
            Place::Node { name, op } => write!(f, "node `{name}` ({op})"),
            Place::Tensor(name) => write!(f, "tensor `{name}`"),
            Place::Row(row) => write!(f, "row {row}"),
            Place::Option(option) => write!(f, "`{option}`"),
        }
    }
}

impl Error {
    /// An error of the given kind. Messages are one line, without a trailing period.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error(Box::new(Inner { kind, message: message.into(), places: Vec::new(), hints: Vec::new() }))
    }

    /// Malformed or contradictory input.
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Input, message)
    }

    /// Valid input that netinverse does not support.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, message)
    }

    /// A failed read or write, in the words of the operating system, with its usual remedy.
    pub fn io(path: impl AsRef<Path>, source: &std::io::Error) -> Self {
        use std::io::ErrorKind as Io;
        let (message, hint) = match source.kind() {
            Io::NotFound => ("no such file or directory".to_string(), None),
            Io::PermissionDenied => ("permission denied".to_string(), None),
            Io::IsADirectory => ("is a directory, a file is expected".to_string(), None),
            Io::StorageFull => ("no space left on the device".to_string(), None),
            Io::ReadOnlyFilesystem => {
                ("the file system is read-only".to_string(), Some("choose another path with `-o`"))
            }
            _ => (source.to_string(), None),
        };
        let error = Self::new(ErrorKind::Io, message).at(Place::file(path));
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }

    /// Work that was stopped before it had a result.
    pub fn interrupted(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Interrupted, message)
    }

    /// Adds the place as the new outermost one.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.0.places.push(place);
        self
    }

    /// Adds what the user can do about it. The same hint is kept once.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        let hint = hint.into();
        if !self.0.hints.contains(&hint) {
            self.0.hints.push(hint);
        }
        self
    }

    /// The kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The message without its places.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The places, innermost first.
    pub fn places(&self) -> &[Place] {
        &self.0.places
    }

    /// What the user can do, in the order in which it was added.
    pub fn hints(&self) -> &[String] {
        &self.0.hints
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = OneLine(f);
        for place in self.0.places.iter().rev() {
            write!(line, "{place}: ")?;
        }
        line.write_str(&self.0.message)
    }
}

/// Writes control characters escaped: names come from files, and may hold line ends or a terminal's commands.
struct OneLine<'a, 'f>(&'a mut fmt::Formatter<'f>);

impl fmt::Write for OneLine<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for part in text.split_inclusive(char::is_control) {
            match part.char_indices().next_back() {
                Some((start, last)) if last.is_control() => {
                    self.0.write_str(&part[..start])?;
                    write!(self.0, "{}", last.escape_default())?;
                }
                _ => self.0.write_str(part)?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// Adds places and hints to the error of a result.
pub trait ResultExt<T> {
    /// Adds the place as the outermost one, computed only on error.
    fn at(self, place: impl FnOnce() -> Place) -> Result<T>;
    /// Adds a hint, computed only on error.
    fn hint<H: Into<String>>(self, hint: impl FnOnce() -> H) -> Result<T>;
}

impl<T> ResultExt<T> for Result<T> {
    fn at(self, place: impl FnOnce() -> Place) -> Result<T> {
        self.map_err(|error| error.at(place()))
    }

    fn hint<H: Into<String>>(self, hint: impl FnOnce() -> H) -> Result<T> {
        self.map_err(|error| error.hint(hint()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_files_stay_on_the_line() {
        let error = Error::input("reads `a\nb\u{1b}[2J`, ü").at(Place::node("\u{15}", "Gemm\r\n"));
        assert_eq!(error.to_string(), "node `\\u{15}` (Gemm\\r\\n): reads `a\\nb\\u{1b}[2J`, ü");
    }
}
