//! `--data`, `--labels`, `--test`, `--held-out`: what is learned from, and what is measured with.

use std::path::{Path, PathBuf};

use netinverse_base::{Budget, Error, Place, Result, ResultExt as _, Rng};
use netinverse_data::{DigitSet, RowRange, Rows, RowsOptions, read_rows};

use super::arguments::SampleOptions;
use crate::cli::data;

/// The random stream that decides which rows are held out.
const HELD_OUT_STREAM: u64 = 0x4E1D;
/// The share that is held out where the user names none.
const HELD_OUT: f64 = 0.1;

/// Rows, and the class of each where there are classes.
#[derive(Debug, Clone, Default)]
pub(super) struct Set {
    pub(super) x: Vec<f32>,
    pub(super) labels: Option<Vec<u8>>,
    pub(super) rows: usize,
}

/// All that a run reads.
#[derive(Debug)]
pub(super) struct Samples {
    /// Numbers in a row.
    pub(super) inputs: usize,
    /// What they are, for the report.
    pub(super) source: String,
    pub(super) train: Set,
    pub(super) held_out: Option<Set>,
    test: Option<Set>,
    /// Whether every number that is learned from lies in [0, 1].
    pub(super) unit: bool,
}

impl Samples {
    /// Reads what the options name; `columns` is the width that is asked for, if it is.
    ///
    /// # Errors
    /// Files that cannot be read, rows of different width, fewer than two rows, labels that do not fit.
    pub(super) fn read(
        options: &SampleOptions,
        patience: Option<usize>,
        columns: Option<usize>,
        budget: &Budget,
    ) -> Result<Self> {
        let folder = options.data.as_deref().map(Path::new).filter(|path| path.is_dir());
        let (source, inputs, all, test) = match (&options.data, folder) {
            (Some(spec), None) => {
                let all = set(spec, options.labels.as_deref(), options, columns, options.rows, "--")?;
                let inputs = all.x.len() / all.rows;
                let test = match &options.test {
                    Some(test) => Some(set(
                        test,
                        options.test_labels.as_deref(),
                        options,
                        Some(inputs),
                        None,
                        "--test-",
                    )?),
                    None => None,
                };
                (spec.clone(), inputs, all, test)
            }
            (Some(spec), Some(folder)) if !pictures(folder)?.is_empty() => {
                let (inputs, all) = picture_set(folder, options)?;
                (spec.clone(), inputs, all, None)
            }
            (_, folder) => {
                let digits = data::digits(folder, budget)?;
                let train = digit_set(&digits.train, options.rows)?;
                let name = format!("{} digits", digits.source.name());
                (name, netinverse_data::digits::PIXELS, train, Some(digit_set(&digits.test, None)?))
            }
        };
        if let Some(wanted) = columns.filter(|&wanted| wanted != inputs) {
            return Err(Error::input(format!("rows of {inputs} values, the network has {wanted} inputs"))
                .at(Place::Option("--data".into())));
        }
        Self::split(source, inputs, all, test, options, patience, budget)
    }

    /// Rows that were made, not read.
    pub(super) fn drawn(
        source: String,
        inputs: usize,
        x: Vec<f32>,
        options: &SampleOptions,
        patience: Option<usize>,
        budget: &Budget,
    ) -> Result<Self> {
        let all = Set { rows: x.len() / inputs, x, labels: None };
        Self::split(source, inputs, all, None, options, patience, budget)
    }

    fn split(
        source: String,
        inputs: usize,
        all: Set,
        test: Option<Set>,
        options: &SampleOptions,
        patience: Option<usize>,
        budget: &Budget,
    ) -> Result<Self> {
        let at = || Place::Option("--held-out".into());
        if all.rows < 2 {
            return Err(Error::input("there is one sample, training needs at least two")
                .at(Place::Option("--data".into())));
        }
        let share = options.held_out.unwrap_or(match (&test, patience) {
            (Some(_), None) => 0.0,
            _ => HELD_OUT,
        });
        if !(0.0..1.0).contains(&share) {
            return Err(Error::input(format!("a share of {share} cannot be held out"))
                .at(at())
                .hint("give a number from 0 on and below 1, such as 0.1"));
        }
        if patience.is_some() && share == 0.0 {
            return Err(Error::input("`--patience` needs rows that are held out").at(at()));
        }
        let mut count = (share * all.rows as f64).round() as usize;
        if share > 0.0 {
            count = count.clamp(1, all.rows - 1);
        }
        let mut order: Vec<usize> = (0..all.rows).collect();
        Rng::new(budget.seed(), HELD_OUT_STREAM).shuffle(&mut order);
        let (held, kept) = order.split_at_mut(count);
        held.sort_unstable();
        kept.sort_unstable();
        let (train, held_out) =
            if count == 0 { (all, None) } else { (all.select(kept, inputs), Some(all.select(held, inputs))) };
        let unit = train.x.iter().all(|value| (0.0..=1.0).contains(value));
        Ok(Samples { inputs, source, train, held_out, test, unit })
    }

    /// What is measured with in the end, and what it is.
    pub(super) fn measured(&self) -> (&Set, &'static str) {
        match (&self.test, &self.held_out) {
            (Some(test), _) => (test, "test rows"),
            (None, Some(held_out)) => (held_out, "rows held out"),
            (None, None) => (&self.train, "rows learned from"),
        }
    }

    /// The number of classes, every one of which has a sample.
    ///
    /// # Errors
    /// No labels, a label beyond the classes, a class without a sample, one class only.
    pub(super) fn classes(&self, wanted: Option<usize>) -> Result<usize> {
        let at = || Place::Option("--labels".into());
        let Some(labels) = &self.train.labels else {
            return Err(Error::input("a classifier is learned from labelled rows")
                .at(at())
                .hint("give the class of each row: `--labels FILE`"));
        };
        let all = [Some(&self.train), self.held_out.as_ref(), self.test.as_ref()];
        let largest = labels.iter().copied().max().unwrap_or(0);
        let classes = wanted.unwrap_or(usize::from(largest) + 1);
        for set in all.into_iter().flatten() {
            let Some(labels) = &set.labels else {
                return Err(Error::input("the rows to measure with have no labels")
                    .at(Place::Option("--test-labels".into())));
            };
            if let Some(row) = labels.iter().position(|&label| usize::from(label) >= classes) {
                let message = format!(
                    "label {} is out of range: there are {classes} classes, counted from 0",
                    labels[row]
                );
                return Err(Error::input(message).at(Place::Row(row)).at(at()));
            }
        }
        if classes < 2 {
            return Err(Error::input("all rows are of one class: there is nothing to tell apart").at(at()));
        }
        let mut counts = vec![0usize; classes];
        for &label in labels {
            counts[usize::from(label)] += 1;
        }
        if let Some(empty) = counts.iter().position(|&count| count == 0) {
            return Err(Error::input(format!(
                "class {empty} has no sample among the {} to learn from",
                self.train.rows
            ))
            .at(at())
            .hint("number the classes that there are from 0 on without gaps, or take more rows"));
        }
        Ok(classes)
    }
}

impl Set {
    fn select(&self, rows: &[usize], inputs: usize) -> Set {
        Set {
            x: rows.iter().flat_map(|&row| &self.x[row * inputs..(row + 1) * inputs]).copied().collect(),
            labels: self.labels.as_ref().map(|labels| rows.iter().map(|&row| labels[row]).collect()),
            rows: rows.len(),
        }
    }
}

/// Rows and labels from files; options are named `{prefix}data` (or `--test`) and `{prefix}labels`.
fn set(
    spec: &str,
    labels: Option<&str>,
    options: &SampleOptions,
    columns: Option<usize>,
    range: Option<RowRange>,
    prefix: &str,
) -> Result<Set> {
    let option = if prefix == "--" { "--data" } else { "--test" };
    let rows = read_rows(spec, &RowsOptions { range, scale: options.scale, columns })
        .at(|| Place::Option(option.into()))?;
    let at = || Place::Option(format!("{prefix}labels"));
    let labels = match labels {
        Some(spec) => {
            let read = RowsOptions { range, scale: Some(1.0), columns: Some(1) };
            Some(classes_of(&read_rows(spec, &read).at(at)?, rows.rows).at(at)?)
        }
        None => None,
    };
    Ok(Set { rows: rows.rows, x: narrow(&rows)?, labels })
}

/// Numbers as training takes them.
fn narrow(rows: &Rows) -> Result<Vec<f32>> {
    let x: Vec<f32> = rows.values.iter().map(|&value| value as f32).collect();
    match x.iter().position(|value| !value.is_finite()) {
        Some(index) => {
            Err(Error::input(format!("the value in column {} is beyond float32", index % rows.columns))
                .at(Place::Row(index / rows.columns)))
        }
        None => Ok(x),
    }
}

fn classes_of(rows: &Rows, count: usize) -> Result<Vec<u8>> {
    if rows.values.len() != count {
        return Err(Error::input(format!("{} labels for {count} rows", rows.values.len()))
            .hint("one number a row of the data; `--rows` takes the same rows of both"));
    }
    let class = |(row, &value): (usize, &f64)| {
        if (0.0..=255.0).contains(&value) && value.fract() == 0.0 {
            return Ok(value as u8);
        }
        Err(Error::input(format!("{value} is not a class"))
            .at(Place::Row(row))
            .hint("classes are whole numbers from 0 to 255"))
    };
    rows.values.iter().enumerate().map(class).collect()
}

fn digit_set(digits: &DigitSet, range: Option<RowRange>) -> Result<Set> {
    let (start, end) = range.map_or((0, digits.len()), |r| (r.start, r.end.unwrap_or(digits.len())));
    if start >= end || end > digits.len() {
        return Err(Error::input(format!("rows {start}..{end} are asked for, there are {}", digits.len()))
            .at(Place::Option("--rows".into())));
    }
    let pixels = netinverse_data::digits::PIXELS;
    let images = digits.images();
    Ok(Set {
        x: images[start * pixels..end * pixels].to_vec(),
        labels: Some(digits.labels()[start..end].to_vec()),
        rows: end - start,
    })
}

/// `--bounds`: an interval for each of n inputs.
pub(super) fn intervals(spec: &str, n: usize) -> Result<Vec<[f64; 2]>> {
    let at = || Place::Option("--bounds".into());
    let rows = read_rows(spec, &RowsOptions { columns: Some(2), ..RowsOptions::default() }).at(at)?;
    if rows.rows != 1 && rows.rows != n {
        return Err(Error::input(format!("{} intervals, there are {n} inputs", rows.rows))
            .at(at())
            .hint("give one row lo,hi for each input, or a single row for all"));
    }
    let row = |i: usize| rows.row(if rows.rows == 1 { 0 } else { i });
    if let Some(i) = (0..n).find(|&i| row(i)[0] > row(i)[1]) {
        let message = format!("the lower bound {} is above the upper one, {}", row(i)[0], row(i)[1]);
        return Err(Error::input(message).at(Place::Row(i)).at(at()));
    }
    Ok((0..n).map(|i| [row(i)[0], row(i)[1]]).collect())
}

/// The pictures of a folder, by name.
fn pictures(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).map_err(|error| Error::io(folder, &error))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| Error::io(folder, &error))?.path();
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png")) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// All pictures of a folder, which must be of one size.
fn picture_set(folder: &Path, options: &SampleOptions) -> Result<(usize, Set)> {
    let at = || Place::Option("--data".into());
    let mut paths = pictures(folder)?;
    if let Some(range) = options.rows {
        let end = range.end.unwrap_or(paths.len());
        if range.start >= end || end > paths.len() {
            let message = format!("rows {}..{end} are asked for, there are {}", range.start, paths.len());
            return Err(Error::input(message).at(Place::Option("--rows".into())));
        }
        paths = paths[range.start..end].to_vec();
    }
    let (mut x, mut shape): (Vec<f32>, Option<Vec<usize>>) = (Vec::new(), None);
    for path in &paths {
        let spec = path.to_string_lossy();
        let rows =
            read_rows(&spec, &RowsOptions { scale: options.scale, ..RowsOptions::default() }).at(at)?;
        let first = shape.get_or_insert_with(|| rows.sample_shape.clone());
        if *first != rows.sample_shape {
            return Err(Error::input(format!(
                "the picture is {}, those before it are {}",
                words(&rows.sample_shape),
                words(first)
            ))
            .at(Place::file(path))
            .at(at())
            .hint("all pictures must be of one size, and all grey or all in colour"));
        }
        x.extend(narrow(&rows)?);
    }
    let labels = match &options.labels {
        Some(spec) => {
            let at = || Place::Option("--labels".into());
            let read = RowsOptions { range: options.rows, scale: Some(1.0), columns: Some(1) };
            Some(classes_of(&read_rows(spec, &read).at(at)?, paths.len()).at(at)?)
        }
        None => None,
    };
    Ok((x.len() / paths.len(), Set { x, labels, rows: paths.len() }))
}

/// height × width (× channels)
fn words(shape: &[usize]) -> String {
    shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" × ")
}
