//! CSV tables of numbers.
//!
//! One row a line, the same number of columns in each; the separator is a comma, or a semicolon or tab
//! where the first line has one and no comma. Lines that begin with `#` and blank lines are skipped. A
//! first row in which nothing is a number is the columns' names. Columns count from 1 in errors.

use std::io::{BufRead, BufReader, Cursor, Read, Write};
use std::path::Path;

use csv::{ReaderBuilder, StringRecord, Trim};
use netinverse_base::{Error, ErrorKind, Place, Result, ResultExt};

use crate::files;

/// A table of finite numbers, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The number of rows, at least 1.
    pub rows: usize,
    /// The number of columns, at least 1.
    pub columns: usize,
    /// `rows × columns` values.
    pub values: Vec<f64>,
    /// The columns' names, where the first row has them.
    pub names: Option<Vec<String>>,
}

/// Reads a table from the bytes of a csv file.
pub fn parse(bytes: &[u8]) -> Result<Table> {
    read_from(bytes)
}

/// Reads a csv file.
pub fn read(path: &Path) -> Result<Table> {
    let (reader, _) = files::open(path)?;
    read_from(reader).at(|| Place::file(path))
}

/// Writes a table: numbers in the shortest form that reads back bit for bit.
pub fn write(writer: &mut dyn Write, table: &Table) -> Result<()> {
    let io = |error: csv::Error| Error::new(ErrorKind::Io, error.to_string());
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(writer);
    if let Some(names) = &table.names {
        if names.len() != table.columns {
            return Err(Error::input(format!("{} names for {} columns", names.len(), table.columns)));
        }
        writer.write_record(names).map_err(io)?;
    }
    for row in table.values.chunks_exact(table.columns.max(1)) {
        writer.write_record(row.iter().map(|value| format!("{value:?}"))).map_err(io)?;
    }
    writer.flush().map_err(|error| Error::new(ErrorKind::Io, error.to_string()))
}

fn read_from(reader: impl Read) -> Result<Table> {
    let mut reader = BufReader::new(reader);
    let (head, delimiter) = separator(&mut reader)?;
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .comment(Some(b'#'))
        .trim(Trim::All)
        .delimiter(delimiter)
        .from_reader(Cursor::new(head).chain(reader));

    let mut table = Table { rows: 0, columns: 0, values: Vec::new(), names: None };
    let mut record = StringRecord::new();
    let mut first = true;
    while reader.read_record(&mut record).map_err(|error| read_error(&error))? {
        let line = record.position().map_or(0, |position| position.line() as usize);
        if first {
            first = false;
            table.columns = record.len();
            if record.iter().all(|field| field.parse::<f64>().is_err()) && record.iter().any(|f| !f.is_empty())
            {
                table.names = Some(record.iter().map(str::to_string).collect());
                continue;
            }
        }
        if record.len() != table.columns {
            return Err(Error::input(format!(
                "expects {} columns, the row has {}",
                table.columns,
                record.len()
            ))
            .at(Place::Line(line))
            .hint("every row must have the same number of columns"));
        }
        for (column, field) in record.iter().enumerate() {
            let value = number(field, delimiter, table.names.is_none() && table.rows == 0)
                .at(|| Place::LineColumn(line, column + 1))?;
            table.values.push(value);
        }
        table.rows += 1;
    }
    if table.rows == 0 {
        let error = Error::input("holds no row of numbers");
        return Err(if table.names.is_some() {
            error.hint("its only row is read as the columns' names")
        } else {
            error.hint("expects rows of numbers, separated by commas")
        });
    }
    Ok(table)
}

/// The separator of the file, from its first line that is not a comment; the bytes read to find it are
/// handed back to be read again.
fn separator(reader: &mut impl BufRead) -> Result<(Vec<u8>, u8)> {
    let mut head = Vec::new();
    loop {
        let start = head.len();
        let read = reader
            .take(1 << 20)
            .read_until(b'\n', &mut head)
            .map_err(|error| Error::new(ErrorKind::Io, error.to_string()))?;
        let line = head[start..].trim_ascii();
        if read > 0 && (line.is_empty() || line.starts_with(b"#")) {
            continue;
        }
        let delimiter = if line.contains(&b',') {
            b','
        } else {
            *line.iter().find(|byte| matches!(byte, b';' | b'\t')).unwrap_or(&b',')
        };
        return Ok((head, delimiter));
    }
}

fn number(field: &str, delimiter: u8, first_row: bool) -> Result<f64> {
    const SHOWN: usize = 40;
    let shown = |field: &str| {
        let text = field.chars().take(SHOWN).collect::<String>().escape_debug().to_string();
        if field.chars().count() > SHOWN { format!("`{text}…`") } else { format!("`{text}`") }
    };
    match field.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        Ok(value) if value.is_nan() => {
            Err(Error::input("the value is NaN").hint("remove the row, or fill in the value"))
        }
        Ok(_) if field.bytes().any(|byte| byte.is_ascii_digit()) => {
            Err(Error::input(format!("{} is beyond the largest number (1.8e308)", shown(field)))
                .hint("rescale the column"))
        }
        Ok(_) => Err(Error::input("the value is infinite").hint("remove the row, or fill in a finite value")),
        Err(_) if field.is_empty() => {
            Err(Error::input("the value is missing").hint("every cell needs a number; look for a comma too many"))
        }
        Err(_) => {
            let error = Error::input(format!("{} is not a number", shown(field)));
            Err(if first_row {
                error.hint("a first row is names only if nothing in it is a number")
            } else if delimiter == b';' && field.contains(',') {
                error.hint("decimals are written with a point: 0.5, not 0,5")
            } else if field.contains([' ', '\t']) {
                error.hint("values are separated by commas, not by spaces")
            } else {
                error.hint("every row but a first row of names must hold numbers only")
            })
        }
    }
}

fn read_error(error: &csv::Error) -> Error {
    let line = error.position().map(|position| position.line() as usize);
    let error = match error.kind() {
        csv::ErrorKind::Io(source) => Error::new(ErrorKind::Io, source.to_string()),
        csv::ErrorKind::Utf8 { err, .. } => {
            Error::input(format!("column {} is not UTF-8 text", err.field() + 1))
                .hint("is this a csv file? .npy, .npz, .png and idx files need their own extension")
        }
        _ => Error::input(error.to_string()),
    };
    match line {
        Some(line) => error.at(Place::Line(line)),
        None => error,
    }
}
