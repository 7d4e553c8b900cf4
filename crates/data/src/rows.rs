//! Rows: what every option that takes data takes, whatever the file.
//!
//! | source | rows | values |
//! |---|---|---|
//! | `0.1,-3,2e5` | one; `;` begins another | as written |
//! | `FILE.csv`, `.tsv` | one a line | as written |
//! | `FILE.npy`, `FILE.npz:KEY` | the first axis; a vector is one row | as stored |
//! | idx, `.gz` or not | the first axis | `u8` of two or more axes are pixels: divided by 255 |
//! | `FILE.png` | one | divided by 255 or 65535; `height × width × channels` |

use std::ops::Range;
use std::path::{Path, PathBuf};

use netinverse_base::{Error, Place, Result, ResultExt};

use crate::array::{Array, Element, Values};
use crate::{csv, files, idx, npy, npz, png};

/// Rows of finite numbers, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// The number of rows, at least 1.
    pub rows: usize,
    /// The number of values in a row, at least 1.
    pub columns: usize,
    /// `rows × columns` values, all finite.
    pub values: Vec<f64>,
    /// The columns' names, where a csv file gives them.
    pub names: Option<Vec<String>>,
    /// The shape of one row in its source, for example `[28, 28]`; its product is `columns`.
    pub sample_shape: Vec<usize>,
}

/// How rows are read.
#[derive(Debug, Clone, Default)]
pub struct RowsOptions {
    /// The rows to take; all by default.
    pub range: Option<RowRange>,
    /// Each stored number is multiplied by this, pixels too; by default pixels are brought to [0, 1]
    /// and everything else is as it stands.
    pub scale: Option<f64>,
    /// The width that is asked for. It tells whether a vector (or a picture) in an array file is one
    /// row or a column of rows; any other width is refused.
    pub columns: Option<usize>,
}

/// A range of rows, `a..b`: from `start` up to, not including, `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowRange {
    /// The first row, 0-based.
    pub start: usize,
    /// The row after the last; the end of the file by default.
    pub end: Option<usize>,
}

impl std::str::FromStr for RowRange {
    type Err = Error;

    /// Reads `a..b`, `a..`, `..b`, or `a` for one row.
    fn from_str(text: &str) -> Result<Self> {
        let bad = || {
            Error::input(format!("`{text}` is not a range of rows"))
                .hint("write a..b: 0..10 takes the first ten rows, 5 the sixth alone")
        };
        let number = |text: &str| text.trim().parse::<usize>().map_err(|_| bad());
        let range = match text.split_once("..") {
            None => {
                let start = number(text)?;
                RowRange { start, end: Some(start.checked_add(1).ok_or_else(bad)?) }
            }
            Some((start, end)) => RowRange {
                start: if start.trim().is_empty() { 0 } else { number(start)? },
                end: if end.trim().is_empty() { None } else { Some(number(end)?) },
            },
        };
        match range.end {
            Some(end) if end <= range.start => {
                Err(Error::input(format!("the range of rows `{text}` is empty"))
                    .hint("a..b takes rows a to b − 1, so b must be larger than a"))
            }
            _ => Ok(range),
        }
    }
}

impl RowRange {
    fn of(self, rows: usize) -> Result<Range<usize>> {
        let end = self.end.unwrap_or(rows);
        if self.start < end && end <= rows {
            return Ok(self.start..end);
        }
        let asked = match self.end {
            Some(end) => format!("{}..{end}", self.start),
            None => format!("{}..", self.start),
        };
        Err(Error::input(format!("rows {asked} are asked for, there are {rows}"))
            .hint("rows count from 0, and a..b leaves b out"))
    }
}

impl Rows {
    /// Rows of the given width; `values` must be finite and fill them.
    pub fn new(columns: usize, values: Vec<f64>) -> Result<Self> {
        if columns == 0 || values.is_empty() || !values.len().is_multiple_of(columns) {
            return Err(Error::input(format!("{} values do not fill rows of {columns}", values.len())));
        }
        let rows = values.len() / columns;
        Rows { rows, columns, values, names: None, sample_shape: vec![columns] }.checked(0)
    }

    /// The values of row `row`, 0-based.
    pub fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.columns..(row + 1) * self.columns]
    }

    /// Refuses what is not a number; the first row is `first` in its file.
    fn checked(self, first: usize) -> Result<Self> {
        let Some(bad) = self.values.iter().position(|value| !value.is_finite()) else { return Ok(self) };
        let (row, column) = (bad / self.columns, bad % self.columns);
        let what = if self.values[bad].is_nan() { "NaN" } else { "infinite" };
        Err(Error::input(format!("the value in column {column} is {what}"))
            .at(Place::Row(first + row))
            .hint("remove the row, or fill in a finite value (rows and columns count from 0)"))
    }

    fn scaled(mut self, scale: Option<f64>) -> Self {
        if let Some(scale) = scale {
            for value in &mut self.values {
                *value *= scale;
            }
        }
        self
    }

    fn with_width(self, columns: Option<usize>) -> Result<Self> {
        match columns {
            Some(columns) if columns != self.columns => {
                Err(Error::input(format!("expects rows of {columns} values, they have {}", self.columns)))
            }
            _ => Ok(self),
        }
    }
}

/// Where rows come from.
enum Source {
    Numbers(Vec<Vec<f64>>),
    Csv(PathBuf),
    Npy(PathBuf),
    Npz(PathBuf, Option<String>),
    Png(PathBuf),
    Idx(PathBuf),
    Unknown(PathBuf),
}

/// Reads rows from a file or from numbers written out; the module's documentation lists the sources.
///
/// A file whose name reads as numbers is named by its path (`./5`).
///
/// # Errors
/// A missing, empty or malformed file, a folder, a width other than the one asked for, rows beyond the
/// end, a value that is NaN or infinite: named by file and row (or line and column, in text).
pub fn read_rows(spec: &str, options: &RowsOptions) -> Result<Rows> {
    if let Some(scale) = options.scale
        && !(scale.is_finite() && scale != 0.0)
    {
        return Err(Error::input(format!("a scale of {scale} is refused"))
            .hint("stored values are multiplied by the scale; 1 leaves them as they are"));
    }
    match source(spec) {
        Source::Numbers(rows) => from_numbers(&rows, options),
        Source::Csv(path) => {
            csv::read(&path).and_then(|table| from_table(table, options).at(|| Place::file(&path)))
        }
        Source::Npy(path) => {
            npy::read(&path).and_then(|array| from_array(&array, options, false).at(|| Place::file(&path)))
        }
        Source::Npz(path, key) => npz::read_key(&path, key.as_deref())
            .and_then(|array| from_array(&array, options, false).at(|| Place::file(spec))),
        Source::Png(path) => {
            png::read(&path).and_then(|picture| from_picture(&picture, options).at(|| Place::file(&path)))
        }
        Source::Unknown(path) => {
            // The file's absence, or its being a folder, says more than its name.
            files::open(&path)?;
            Err(Error::unsupported("this kind of file is not known by its extension").at(Place::file(&path)).hint(
                "rows are read from .npy, .npz:KEY, .csv, .png, idx (.idx, -ubyte, or gzipped), or numbers",
            ))
        }
        Source::Idx(path) => {
            idx::read(&path).and_then(|array| from_array(&array, options, true).at(|| Place::file(&path)))
        }
    }
}

/// Writes rows as `.npy` (float64), `.npz` or `.npz:KEY` (key `x` by default), `.csv`, or, for one row
/// that is a grey or RGB picture with values in [0, 1], `.png`.
pub fn write_rows(spec: &str, rows: &Rows) -> Result<()> {
    let array = || {
        let mut shape = vec![rows.rows];
        shape.extend_from_slice(&rows.sample_shape);
        Array::new(shape, Values::F64(rows.values.clone()))
    };
    match source(spec) {
        Source::Npy(path) => {
            let array = array()?;
            files::write_atomically(&path, |writer| npy::write(writer, &array))
        }
        Source::Npz(path, key) => {
            let array = array()?;
            let key = key.as_deref().unwrap_or("x");
            files::write_atomically(&path, |writer| npz::write(writer, &[(key, &array)], true))
        }
        Source::Csv(path) => {
            let table = csv::Table {
                rows: rows.rows,
                columns: rows.columns,
                values: rows.values.clone(),
                names: rows.names.clone(),
            };
            files::write_atomically(&path, |writer| csv::write(writer, &table))
        }
        Source::Png(path) => {
            let (height, width, channels) = match (rows.rows, rows.sample_shape.as_slice()) {
                (1, &[height, width]) => (height, width, 1),
                (1, &[height, width, channels]) => (height, width, channels),
                _ => {
                    return Err(Error::input("only one row that is a picture is written as .png")
                        .at(Place::file(&path))
                        .hint("take one row, or write .npy or .csv"));
                }
            };
            let samples = rows
                .values
                .iter()
                .map(|value| (value.clamp(0.0, 1.0) * 255.0).round() as u8)
                .collect::<Vec<_>>();
            files::write_atomically(&path, |writer| png::write(writer, width, height, channels, &samples))
        }
        Source::Idx(_) | Source::Numbers(_) | Source::Unknown(_) => {
            Err(Error::unsupported(format!("rows are not written as `{spec}`"))
                .hint("the extensions are .npy .npz .csv .png"))
        }
    }
}

/// What the text names: the extension decides; idx files, which have none, are known by their name.
fn source(spec: &str) -> Source {
    if let Some(numbers) = numbers(spec) {
        return Source::Numbers(numbers);
    }
    // The key follows the last `.npz:`, so that folders may have colons in their names.
    if let Some(at) = spec.rfind(".npz:") {
        let (path, key) = (&spec[..at + 4], &spec[at + 5..]);
        let key = if key.is_empty() { None } else { Some(key.to_string()) };
        return Source::Npz(PathBuf::from(path), key);
    }
    let path = PathBuf::from(spec);
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    match extension.as_deref() {
        Some("csv" | "tsv") => Source::Csv(path),
        Some("npy") => Source::Npy(path),
        Some("npz") => Source::Npz(path, None),
        Some("png") => Source::Png(path),
        _ if is_idx_name(&path) => Source::Idx(path),
        _ => Source::Unknown(path),
    }
}

/// `train-images-idx3-ubyte`, `x.idx`, `x.idx3`, with or without `.gz`.
fn is_idx_name(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let stem = name.strip_suffix(".gz").unwrap_or(&name);
    let after_idx = stem.rsplit_once(".idx").map(|(_, rest)| rest);
    stem.ends_with("ubyte") || after_idx.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Numbers written out, if every item is one.
fn numbers(spec: &str) -> Option<Vec<Vec<f64>>> {
    spec.split(';')
        .map(|row| row.split(',').map(|item| item.trim().parse::<f64>().ok()).collect::<Option<Vec<_>>>())
        .collect()
}

fn from_numbers(numbers: &[Vec<f64>], options: &RowsOptions) -> Result<Rows> {
    let columns = numbers[0].len();
    if let Some(row) = numbers.iter().position(|row| row.len() != columns) {
        return Err(Error::input(format!("expects {columns} values, the row has {}", numbers[row].len()))
            .at(Place::Row(row))
            .hint("rows written out are separated by `;` and must be equally long"));
    }
    let range = options.range.map_or(Ok(0..numbers.len()), |range| range.of(numbers.len()))?;
    let first = range.start;
    let rows = Rows {
        rows: range.len(),
        columns,
        values: numbers[range].concat(),
        names: None,
        sample_shape: vec![columns],
    };
    rows.scaled(options.scale).checked(first)?.with_width(options.columns)
}

fn from_table(table: csv::Table, options: &RowsOptions) -> Result<Rows> {
    let csv::Table { rows, columns, mut values, names } = table;
    let range = options.range.map_or(Ok(0..rows), |range| range.of(rows))?;
    values.truncate(range.end * columns);
    values.drain(..range.start * columns);
    let rows = Rows { rows: range.len(), columns, values, names, sample_shape: vec![columns] };
    rows.scaled(options.scale).checked(range.start)?.with_width(options.columns)
}

fn from_picture(picture: &png::Picture, options: &RowsOptions) -> Result<Rows> {
    options.range.map_or(Ok(0..1), |range| range.of(1))?;
    let sample_shape = match picture.channels {
        1 => vec![picture.height, picture.width],
        channels => vec![picture.height, picture.width, channels],
    };
    let values = match options.scale {
        Some(_) => picture.samples.iter().map(|&sample| f64::from(sample)).collect(),
        None => picture.unit_values(),
    };
    let rows = Rows { rows: 1, columns: values.len(), values, names: None, sample_shape };
    rows.scaled(options.scale).checked(0)?.with_width(options.columns)
}

/// Rows from an array: its first axis counts them. Where a width is asked for and the whole array has
/// it, the array is one row; a vector is one row unless it is idx (labels) or rows of 1 are asked for.
fn from_array(array: &Array, options: &RowsOptions, idx: bool) -> Result<Rows> {
    let shape = array.shape();
    let total = array.values().len();
    if total == 0 {
        return Err(Error::input(format!("an array of shape {shape:?} holds no value")));
    }
    let (rows, sample_shape) = match shape {
        [] => (1, &[][..]),
        [rows, tail @ ..] => {
            let tail_is_row = !tail.is_empty() && options.columns == Some(tail.iter().product());
            let whole_is_row = options.columns == Some(total) && !tail_is_row;
            let column_of_rows = tail.is_empty() && (idx || options.columns == Some(1));
            if whole_is_row || (tail.is_empty() && !column_of_rows) { (1, shape) } else { (*rows, tail) }
        }
    };
    let columns = total / rows;
    let range = options.range.map_or(Ok(0..rows), |range| range.of(rows))?;
    let mut values = array.values().to_f64(range.start * columns..range.end * columns)?;
    let pixels = idx && shape.len() > 1 && array.values().element() == Element::U8;
    if pixels && options.scale.is_none() {
        for value in &mut values {
            *value /= 255.0;
        }
    }
    let sample_shape = if sample_shape.is_empty() { vec![1] } else { sample_shape.to_vec() };
    let rows = Rows { rows: range.len(), columns, values, names: None, sample_shape };
    rows.scaled(options.scale).checked(range.start)?.with_width(options.columns)
}
