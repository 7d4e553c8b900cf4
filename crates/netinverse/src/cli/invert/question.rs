//! From options to a [`Problem`]: reads the files that they name.

use std::path::Path;

use netinverse_base::{Error, Place, Result, ResultExt};
use netinverse_data::{RowRange, Rows, RowsOptions, read_rows};
use netinverse_invert::question::{Asked, NormName, Objective, Problem, Resources};
use netinverse_network::{ImportOptions, Network};
use netinverse_spec::Specification;

use super::arguments::{InvertOptions, NormOption};
use super::prior;

/// The network, with the outputs that are asked about.
pub(super) fn network(options: &InvertOptions) -> Result<Network> {
    let mut import = ImportOptions::default();
    if let Some(name) = &options.output {
        import.outputs = vec![name.clone()];
    } else if let Some(path) = &options.asked.spec {
        // A specification of hidden tensors only is about them.
        let specification = specification(path)?.1;
        let names =
            specification.hidden_outputs().map(|t| t.onnx_name.clone().unwrap_or_else(|| t.name.clone()));
        import.outputs = names.collect();
    }
    let read = Network::read_with(&options.model, &import);
    if options.output.is_some() && Network::read(&options.model).is_ok() {
        return read.at(|| Place::Option("--output".into()));
    }
    read
}

/// The question, every file read, and what it names.
pub(super) fn problem(options: &InvertOptions, network: &Network) -> Result<(Problem, Resources)> {
    let (n, m) = (network.input_size(), network.output_size());
    let range = match &options.rows {
        Some(text) => Some(text.parse::<RowRange>().at(|| Place::Option("--rows".into()))?),
        None => None,
    };
    let rows_of = |spec: &str, columns: usize, option: &str| -> Result<NamedRows> {
        let whole = RowsOptions { range: None, scale: options.scale, columns: Some(columns) };
        let ranged = RowsOptions { range, ..whole.clone() };
        let rows = match read_rows(spec, &ranged) {
            // A single row stands for all, whatever rows are taken.
            Err(error) if range.is_some() => match read_rows(spec, &whole) {
                Ok(rows) if rows.rows == 1 => Ok(rows),
                _ => Err(error),
            },
            other => other,
        };
        let rows = rows.at(|| Place::Option(option.into()))?;
        Ok((split(&rows), rows.names))
    };

    let mut input_names = element_names(network, true);
    let mut output_names = element_names(network, false);
    let near = match &options.near {
        Some(spec) => {
            // One number stands for all inputs: `--near 0` is the black image.
            let repeated = spec.trim().parse::<f64>().ok().map(|value| vec![value.to_string(); n].join(","));
            let (rows, names) = rows_of(repeated.as_deref().unwrap_or(spec), n, "--near")?;
            input_names = names.unwrap_or(input_names);
            Some(rows)
        }
        None => None,
    };
    let asked = match asked(options, &rows_of, m, &mut output_names)? {
        Some(asked) => asked,
        None if options.maximize.is_some() || options.minimize.is_some() => Asked::Anything,
        None => {
            return Err(Error::input("nothing is asked of the outputs")
                .hint("give --target, --within, --class, --where, --spec, --maximize or --minimize"));
        }
    };

    let mut problem = Problem::new(asked);
    let queries = problem.rows.len().max(near.as_ref().map_or(1, Vec::len));
    let first = range.filter(|_| queries > 1).map_or(0, |range| range.start);
    problem.rows = (first..first + queries).collect();
    problem.near = near;
    problem.objective = match (&options.maximize, &options.minimize) {
        (Some(text), _) => Some(Objective { text: text.clone(), maximize: true }),
        (None, Some(text)) => Some(Objective { text: text.clone(), maximize: false }),
        (None, None) => None,
    };
    // Without bounds of the question, those that the network's own file has.
    problem.bounds = match pairs(options.bounds.as_deref(), "--bounds")? {
        Some(bounds) => Some(bounds),
        None => network.input_bounds().map(<[[f64; 2]]>::to_vec),
    };
    problem.input_scale = pairs(options.input_scale.as_deref(), "--input-scale")?;
    problem.output_scale = pairs(options.output_scale.as_deref(), "--output-scale")?;
    problem.weights = match &options.weights {
        Some(spec) => Some(flat(spec, n).at(|| Place::Option("--weights".into()))?),
        None => None,
    };
    for text in &options.fix {
        problem.fixed.push(fixed(text, &input_names, n).at(|| Place::Option("--fix".into()))?);
    }
    for text in &options.integer {
        problem.integers.push(index(text, &input_names, n).at(|| Place::Option("--integer".into()))?);
    }
    problem.subject_to.clone_from(&options.subject_to);
    problem.input_names = input_names;
    problem.output_names = output_names;
    problem.norm = match options.norm {
        NormOption::L1 => NormName::L1,
        NormOption::L2 => NormName::L2,
        NormOption::Linf => NormName::Linf,
    };
    problem.count = options.count;
    problem.sample = options.sample;
    problem.complete = options.complete;
    problem.separation = options.separation;
    problem.tolerance = options.tolerance;
    problem.starts = options.starts;
    problem.certify = options.certify;
    problem.keep_proofs = options.proof.is_some();
    problem.seed = options.limits.seed;
    let mut resources = Resources::default();
    if let Some(spec) = &options.data {
        let (source, rows) = prior::data(spec, options.scale, n).at(|| Place::Option("--data".into()))?;
        (problem.data, resources.data) = (Some(source), Some(rows));
    }
    if let Some(text) = &options.prior {
        (problem.prior, resources.network) = prior::read(text).at(|| Place::Option("--prior".into()))?;
    }
    if let Some(path) = &options.start {
        let (file, inverse) = prior::named_network(path).at(|| Place::Option("--start".into()))?;
        (problem.start, resources.start) = (Some(file), Some(inverse));
    }
    Ok((problem, resources))
}

/// Rows, and the names of their columns.
type NamedRows = (Vec<Vec<f64>>, Option<Vec<String>>);

type ReadRows<'a> = dyn Fn(&str, usize, &str) -> Result<NamedRows> + 'a;

fn asked(
    options: &InvertOptions,
    rows_of: &ReadRows<'_>,
    m: usize,
    output_names: &mut Vec<String>,
) -> Result<Option<Asked>> {
    let asked = &options.asked;
    Ok(Some(if let Some(spec) = &asked.target {
        let (rows, names) = rows_of(spec, m, "--target")?;
        if let Some(names) = names {
            *output_names = names;
        }
        Asked::Values { rows }
    } else if let Some(spec) = &asked.within {
        Asked::Within { intervals: pairs(Some(spec), "--within")?.unwrap_or_default() }
    } else if let Some(class) = &asked.class {
        let margin = options.margin.unwrap_or(0.0);
        match (class.as_str(), class.parse::<usize>()) {
            ("other", _) if options.probability.is_some() => {
                return Err(Error::input("another class is asked for by `--margin`, not by probability")
                    .at(Place::Option("--probability".into())));
            }
            ("other", _) => Asked::OtherClass { margin },
            (_, Ok(class)) => Asked::Class { classes: vec![class], margin, probability: options.probability },
            (file, Err(_)) => {
                let classes = classes(file, rows_of)?;
                Asked::Class { classes, margin, probability: options.probability }
            }
        }
    } else if let Some(text) = &asked.condition {
        Asked::Where { text: text.clone() }
    } else if let Some(path) = &asked.spec {
        Asked::Spec { text: specification(path)?.0 }
    } else {
        return Ok(None);
    }))
}

/// The classes of a file, one a row.
fn classes(file: &str, rows_of: &ReadRows<'_>) -> Result<Vec<usize>> {
    let (rows, _) = rows_of(file, 1, "--class")?;
    let class = |(row, value): (usize, &Vec<f64>)| {
        let value = value[0];
        if value >= 0.0 && value.fract() == 0.0 && value < 2f64.powi(53) {
            return Ok(value as usize);
        }
        Err(Error::input(format!("{value} is not a class"))
            .at(Place::Row(row))
            .at(Place::Option("--class".into()))
            .hint("classes are counted from 0; `other` asks for any but the network's own"))
    };
    rows.iter().enumerate().map(class).collect()
}

fn specification(path: &Path) -> Result<(String, Specification)> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::io(path, &error))
        .at(|| Place::Option("--spec".into()))?;
    if text.trim().is_empty() {
        return Err(Error::input("the file is empty")
            .at(Place::file(path))
            .at(Place::Option("--spec".into())));
    }
    let parsed =
        Specification::parse(&text).at(|| Place::file(path)).at(|| Place::Option("--spec".into()))?;
    Ok((text, parsed))
}

/// Rows of two numbers.
fn pairs(spec: Option<&str>, option: &str) -> Result<Option<Vec<[f64; 2]>>> {
    let Some(spec) = spec else { return Ok(None) };
    let options = RowsOptions { columns: Some(2), ..RowsOptions::default() };
    let rows = read_rows(spec, &options).at(|| Place::Option(option.into()))?;
    Ok(Some((0..rows.rows).map(|row| [rows.row(row)[0], rows.row(row)[1]]).collect()))
}

/// One number an input, in a row or a column.
fn flat(spec: &str, n: usize) -> Result<Vec<f64>> {
    let rows = read_rows(spec, &RowsOptions::default())?;
    if rows.values.len() != n {
        return Err(Error::input(format!("{} numbers, the network has {n} inputs", rows.values.len())));
    }
    Ok(rows.values)
}

fn split(rows: &Rows) -> Vec<Vec<f64>> {
    (0..rows.rows).map(|row| rows.row(row).to_vec()).collect()
}

/// `I=V`, I an index or a name.
fn fixed(text: &str, names: &[String], n: usize) -> Result<(usize, f64)> {
    let bad = |why: &str| {
        Error::input(format!("`{text}` {why}")).hint("write input=value, for example `--fix 3=0.5`")
    };
    let (name, value) = text.rsplit_once('=').ok_or_else(|| bad("does not fix an input"))?;
    let value = value.trim().parse::<f64>().map_err(|_| bad("does not end in a number"))?;
    Ok((index(name.trim(), names, n)?, value))
}

/// An input by its name or index (`3`, `x3`).
fn index(text: &str, names: &[String], n: usize) -> Result<usize> {
    let text = text.trim();
    if let Some(index) = names.iter().position(|name| name == text) {
        return Ok(index);
    }
    match text.strip_prefix('x').unwrap_or(text).parse::<usize>() {
        Ok(index) if index < n => Ok(index),
        Ok(_) => Err(Error::input(format!("input {text} does not exist: the network has {n} inputs"))
            .hint(format!("inputs are counted from 0 to {}", n - 1))),
        Err(_) => Err(Error::input(format!("no input is named `{text}`")).hint(match names {
            [] => format!("inputs are `0` to `{}`; a csv file given to `--near` may name them", n - 1),
            names => {
                format!("the inputs are {}", names.iter().take(12).cloned().collect::<Vec<_>>().join(", "))
            }
        })),
    }
}

/// Names of single elements from the names of the model's tensors: the name itself for a tensor of one
/// element, `name_i` otherwise; none where a single tensor holds them all, and `x0`, `y0` say as much.
fn element_names(network: &Network, inputs: bool) -> Vec<String> {
    let tensors = if inputs { network.inputs() } else { network.outputs() };
    if let [only] = tensors
        && network.value(*only).shape.elements() > 1
    {
        return Vec::new();
    }
    let mut names = Vec::new();
    for &id in tensors {
        let value = network.value(id);
        match value.shape.elements() {
            1 => names.push(value.name.clone()),
            elements => names.extend((0..elements).map(|i| format!("{}_{i}", value.name))),
        }
    }
    names
}
