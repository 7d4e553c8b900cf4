//! An answer in files: the extension says which.

use std::io::Write;
use std::path::Path;

use netinverse_base::{Error, ErrorKind, Place, Result};
use netinverse_data::{Array, Values, csv, files, npy, npz};

use crate::sheet::{self, ImageShape};
use crate::{Inversion, Line, Query, SCHEMA};

/// Answers of a single query that are shown in one line.
const LINE: usize = 12;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFormat {
    /// The whole answer.
    Json,
    /// One query a line.
    Jsonl,
    /// `x`, `y`, `residual`, `row`: one line an answer.
    Npz,
    /// `x`: one line an answer.
    Npy,
    /// One line an answer, with names.
    Csv,
    /// The inputs as pictures.
    Png,
    /// The complete preimage as a drawing, which the report draws.
    Svg,
    /// Everything as a page, which the report draws.
    Html,
}

/// What a file needs to know of the network's inputs.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    /// n
    pub inputs: usize,
    /// m
    pub outputs: usize,
    /// How an input is an image, if it is one.
    pub image: Option<ImageShape>,
    /// Whether there is a complete preimage to draw.
    pub plane: bool,
    /// The values shown as black and white; those of the answers when absent.
    pub range: Option<(f64, f64)>,
    /// Names of the inputs, empty where there are none.
    pub input_names: Vec<String>,
    /// Names of the outputs, empty where there are none.
    pub output_names: Vec<String>,
}

impl FileFormat {
    /// The format of a path by its extension.
    pub fn of(path: &Path) -> Result<Self> {
        let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
        match extension.as_deref() {
            Some("json") => Ok(FileFormat::Json),
            Some("jsonl") => Ok(FileFormat::Jsonl),
            Some("npz") => Ok(FileFormat::Npz),
            Some("npy") => Ok(FileFormat::Npy),
            Some("csv") => Ok(FileFormat::Csv),
            Some("png") => Ok(FileFormat::Png),
            Some("svg") => Ok(FileFormat::Svg),
            Some("html") => Ok(FileFormat::Html),
            _ => Err(Error::input(format!("`{}` has no extension that is known here", path.display()))
                .at(Place::Option("-o".into()))
                .hint("answers are written as .json .jsonl .npz .npy .csv .png .html, a complete preimage as .svg too")),
        }
    }

    /// Refuses, before any work, what could not be written in the end.
    pub fn check(self, path: &Path, layout: &Layout) -> Result<()> {
        if self == FileFormat::Png && layout.image.is_none() {
            return Err(Error::input("the network's inputs are not images")
                .at(Place::file(path))
                .at(Place::Option("-o".into()))
                .hint("write .npz, .csv or .json"));
        }
        if self == FileFormat::Svg && !layout.plane {
            return Err(Error::input("only a complete preimage is drawn")
                .at(Place::file(path))
                .at(Place::Option("-o".into()))
                .hint("ask for it with `--complete`, or write .npz, .csv or .json"));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        match folder {
            Some(folder) if !folder.is_dir() => {
                Err(Error::new(ErrorKind::Io, format!("there is no folder `{}`", folder.display()))
                    .at(Place::Option("-o".into())))
            }
            _ => Ok(()),
        }
    }
}

/// The whole answer as JSON, indented by two spaces, with a line end.
pub fn json(inversion: &Inversion) -> Result<String> {
    let text = serde_json::to_string_pretty(inversion);
    text.map(|text| text + "\n").map_err(|error| Error::new(ErrorKind::Io, error.to_string()))
}

/// One query as a line of JSON, with its line end.
pub fn json_line(question: &str, query: &Query) -> Result<String> {
    #[derive(serde::Serialize)]
    struct Borrowed<'a> {
        schema: &'a str,
        question: &'a str,
        #[serde(flatten)]
        query: &'a Query,
    }
    let line = serde_json::to_string(&Borrowed { schema: SCHEMA, question, query });
    line.map(|text| text + "\n").map_err(|error| Error::new(ErrorKind::Io, error.to_string()))
}

/// Reads a line that [`json_line`] wrote.
pub fn parse_line(line: &str) -> Result<Line> {
    serde_json::from_str(line).map_err(|error| Error::input(error.to_string()))
}

/// Writes the answer in the format of the path's extension, under a temporary name, then renames it.
pub fn write(path: &Path, inversion: &Inversion, layout: &Layout) -> Result<()> {
    let write_text = |text: &str| {
        files::write_atomically(path, |writer| {
            writer.write_all(text.as_bytes()).map_err(|error| Error::io(path, &error))
        })
    };
    match FileFormat::of(path)? {
        FileFormat::Json => write_text(&json(inversion)?),
        FileFormat::Jsonl => files::write_atomically(path, |writer| {
            for query in &inversion.queries {
                let line = json_line(&inversion.question, query)?;
                writer.write_all(line.as_bytes()).map_err(|error| Error::io(path, &error))?;
            }
            Ok(())
        }),
        FileFormat::Npz => {
            let (x, y) = (matrix(inversion, layout, true)?, matrix(inversion, layout, false)?);
            let residual: Vec<f64> = inversion.answers().map(|(_, answer)| answer.residual).collect();
            let row: Vec<i64> = inversion.answers().map(|(query, _)| query.row as i64).collect();
            let residual = Array::new(vec![residual.len()], Values::F64(residual))?;
            let row = Array::new(vec![row.len()], Values::I64(row))?;
            let mut arrays = vec![("x", &x), ("y", &y), ("residual", &residual), ("row", &row)];
            // −1 where components were not told apart.
            let component: Vec<i64> =
                inversion.answers().map(|(_, answer)| answer.component.map_or(-1, |c| c as i64)).collect();
            let told_apart = component.iter().any(|&c| c >= 0);
            let component = Array::new(vec![component.len()], Values::I64(component))?;
            let plausibility: Option<Vec<f64>> =
                inversion.answers().map(|(_, answer)| answer.plausibility).collect();
            let judged = plausibility.as_ref().is_some_and(|p| !p.is_empty());
            let plausibility = plausibility.unwrap_or_default();
            let plausibility = Array::new(vec![plausibility.len()], Values::F64(plausibility))?;
            if told_apart {
                arrays.push(("component", &component));
            }
            if judged {
                arrays.push(("plausibility", &plausibility));
            }
            files::write_atomically(path, |writer| npz::write(writer, &arrays, true))
        }
        FileFormat::Npy => {
            let x = matrix(inversion, layout, true)?;
            files::write_atomically(path, |writer| npy::write(writer, &x))
        }
        FileFormat::Csv => {
            let table = table(inversion, layout);
            files::write_atomically(path, |writer| csv::write(writer, &table))
        }
        FileFormat::Png => {
            let Some(shape) = layout.image else {
                return Err(Error::input("the network's inputs are not images").at(Place::file(path)));
            };
            let mut inputs: Vec<&[f64]> = inversion.answers().map(|(_, answer)| &answer.x[..]).collect();
            let range = layout.range.unwrap_or_else(|| extent(&inputs));
            let widest = inversion.queries.iter().map(|query| query.answers.len()).max().unwrap_or(1);
            let one_line = inversion.queries.len() > 1 || widest <= LINE;
            // Several answers a query: a line each, filled up with blanks; otherwise nearly a square.
            let columns = if widest > 1 && one_line {
                inputs.clear();
                for query in inversion.queries.iter().filter(|query| !query.answers.is_empty()) {
                    let own = query.answers.iter().map(|answer| &answer.x[..]);
                    inputs.extend(own.chain(std::iter::repeat(&[][..])).take(widest));
                }
                widest
            } else {
                inputs.len().isqrt().max(1)
            };
            sheet::write(path, &inputs, shape, columns, range)
        }
        FileFormat::Svg | FileFormat::Html => {
            Err(Error::input("drawings and pages are the report's").at(Place::file(path)))
        }
    }
}

fn extent(inputs: &[&[f64]]) -> (f64, f64) {
    let values = || inputs.iter().flat_map(|input| input.iter().copied());
    (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max))
}

/// The inputs or outputs of all answers, one a line.
fn matrix(inversion: &Inversion, layout: &Layout, inputs: bool) -> Result<Array> {
    let mut values = Vec::new();
    for (_, answer) in inversion.answers() {
        values.extend_from_slice(if inputs { &answer.x } else { &answer.y });
    }
    let columns = if inputs { layout.inputs } else { layout.outputs };
    Array::new(vec![values.len() / columns.max(1), columns], Values::F64(values))
}

fn table(inversion: &Inversion, layout: &Layout) -> csv::Table {
    let name = |names: &[String], letter: char, index: usize| {
        names.get(index).cloned().unwrap_or_else(|| format!("{letter}{index}"))
    };
    let told_apart = inversion.answers().any(|(_, answer)| answer.component.is_some());
    let judged = inversion.answers().any(|(_, answer)| answer.plausibility.is_some());
    let mut names: Vec<String> = ["row", "residual", "distance"].map(String::from).to_vec();
    names.extend(told_apart.then(|| "component".to_string()));
    names.extend(judged.then(|| "plausibility".to_string()));
    names.extend((0..layout.inputs).map(|i| name(&layout.input_names, 'x', i)));
    names.extend((0..layout.outputs).map(|j| name(&layout.output_names, 'y', j)));
    let mut values = Vec::new();
    let mut rows = 0;
    for (query, answer) in inversion.answers() {
        rows += 1;
        values.extend([query.row as f64, answer.residual, answer.distance]);
        values.extend(told_apart.then(|| answer.component.map_or(-1.0, |c| c as f64)));
        values.extend(judged.then(|| answer.plausibility.unwrap_or(0.0)));
        values.extend_from_slice(&answer.x);
        values.extend_from_slice(&answer.y);
    }
    csv::Table { rows, columns: names.len(), values, names: Some(names) }
}
