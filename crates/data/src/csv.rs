//! CSV tables of numbers.
//!
//! One row a line, the same number of columns in each; the separator is a comma, or a semicolon or tab
//! where the first line has one and no comma. Lines that begin with `#` and blank lines are skipped. A
//! first row in which nothing is a number is the columns' names; cells may be quoted, but not span
//! lines. Columns count from 1 in errors.
//!
//! The lines are split here rather than by the `csv` crate because that one counts skipped lines as part
//! of the next record, so that errors would name the wrong line.

use std::borrow::Cow;
use std::io::{BufRead, Write};
use std::path::Path;

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

/// Writes a table: numbers in the shortest form that reads back bit for bit. Names are quoted where they
/// must be; a line end in one becomes a space.
pub fn write(writer: &mut dyn Write, table: &Table) -> Result<()> {
    let io = |error: std::io::Error| Error::new(ErrorKind::Io, error.to_string());
    if let Some(names) = &table.names {
        if names.len() != table.columns {
            return Err(Error::input(format!("{} names for {} columns", names.len(), table.columns)));
        }
        let names = names.iter().map(|name| quoted(name)).collect::<Vec<_>>();
        writeln!(writer, "{}", names.join(",")).map_err(io)?;
    }
    for row in table.values.chunks_exact(table.columns.max(1)) {
        for (column, value) in row.iter().enumerate() {
            let separator = if column == 0 { "" } else { "," };
            write!(writer, "{separator}{value:?}").map_err(io)?;
        }
        writer.write_all(b"\n").map_err(io)?;
    }
    Ok(())
}

fn quoted(name: &str) -> Cow<'_, str> {
    let plain = !name.is_empty()
        && !name.contains([',', ';', '\t', '"', '\n', '\r'])
        && !name.starts_with('#')
        && name.trim() == name;
    if plain {
        return Cow::Borrowed(name);
    }
    Cow::Owned(format!("\"{}\"", name.replace(['\n', '\r'], " ").replace('"', "\"\"")))
}

fn read_from(mut reader: impl BufRead) -> Result<Table> {
    let mut table = Table { rows: 0, columns: 0, values: Vec::new(), names: None };
    let mut separator = None;
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        let read = reader
            .read_until(b'\n', &mut bytes)
            .map_err(|error| Error::new(ErrorKind::Io, error.to_string()))?;
        if read == 0 {
            break;
        }
        let start = if line == 1 && bytes.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
        let text = std::str::from_utf8(&bytes[start..]).map_err(|_| {
            Error::input("the line is not UTF-8 text")
                .at(Place::Line(line))
                .hint("is this a csv file? .npy, .npz, .png and idx files need their own extension")
        })?;
        let text = text.trim_end_matches(['\n', '\r']);
        if text.trim().is_empty() || text.starts_with('#') {
            continue;
        }
        let first = separator.is_none();
        let separator = *separator.get_or_insert_with(|| separator_of(text));
        let mut fields = split(text, separator, table.columns).at(|| Place::Line(line))?;
        if first {
            table.columns = fields.len();
            if fields.iter().all(|field| field.parse::<f64>().is_err())
                && fields.iter().any(|f| !f.is_empty())
            {
                table.names = Some(fields.drain(..).map(Cow::into_owned).collect());
                continue;
            }
        }
        if fields.len() != table.columns {
            return Err(Error::input(format!(
                "expects {} columns, the row has {}",
                table.columns,
                fields.len()
            ))
            .at(Place::Line(line))
            .hint("every row must have the same number of columns"));
        }
        for (column, field) in fields.drain(..).enumerate() {
            let value = number(&field, separator, first).at(|| Place::LineColumn(line, column + 1))?;
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

/// The separator that the first line shows, outside quotes.
fn separator_of(line: &str) -> char {
    let mut quoted = false;
    let mut other = None;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => return ',',
            ';' | '\t' if !quoted => other = other.or(Some(c)),
            _ => {}
        }
    }
    other.unwrap_or(',')
}

/// The cells of a line, without the blanks around them; quoted ones without their quotes. `expected`
/// cells are likely.
fn split(line: &str, separator: char, expected: usize) -> Result<Vec<Cow<'_, str>>> {
    let mut fields = Vec::with_capacity(expected);
    let blank = |c: char| c != separator && c.is_whitespace();
    let mut rest = line;
    loop {
        let trimmed = rest.trim_start_matches(blank);
        let (field, after) = match trimmed.strip_prefix('"') {
            None => {
                let end = trimmed.find(separator).unwrap_or(trimmed.len());
                (Cow::Borrowed(trimmed[..end].trim_end_matches(blank)), &trimmed[end..])
            }
            Some(inner) => {
                let (field, after) = unquote(inner).ok_or_else(|| {
                    Error::input("a quoted cell does not end in its line").hint("close it with `\"`")
                })?;
                let after = after.trim_start_matches(blank);
                if !after.is_empty() && !after.starts_with(separator) {
                    return Err(Error::input("text follows a quoted cell")
                        .hint("a `\"` within a quoted cell is written twice"));
                }
                (field, after)
            }
        };
        fields.push(field);
        match after.strip_prefix(separator) {
            Some(next) => rest = next,
            None => return Ok(fields),
        }
    }
}

/// The text up to the closing quote, doubled quotes made single, and what follows the quote.
fn unquote(inner: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut from = 0;
    loop {
        let quote = from + inner[from..].find('"')?;
        if inner[quote + 1..].starts_with('"') {
            from = quote + 2;
            continue;
        }
        let field = &inner[..quote];
        let field = if from == 0 { Cow::Borrowed(field) } else { Cow::Owned(field.replace("\"\"", "\"")) };
        return Some((field, &inner[quote + 1..]));
    }
}

fn number(field: &str, separator: char, first_row: bool) -> Result<f64> {
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
            Err(Error::input("the value is missing")
                .hint("every cell needs a number; look for a comma too many"))
        }
        Err(_) => {
            let error = Error::input(format!("{} is not a number", shown(field)));
            Err(if first_row {
                error.hint("a first row is names only if nothing in it is a number")
            } else if separator == ';' && field.contains(',') {
                error.hint("decimals are written with a point: 0.5, not 0,5")
            } else if field.contains([' ', '\t']) {
                error.hint("values are separated by commas, not by spaces")
            } else {
                error.hint("every row but a first row of names must hold numbers only")
            })
        }
    }
}
