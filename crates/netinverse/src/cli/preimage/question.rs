//! From options to the question of a preimage.

use std::fmt::Write as _;
use std::path::Path;

use netinverse_base::{Error, Place, Result, ResultExt as _};
use netinverse_bounds::Bounder;
use netinverse_data::{RowsOptions, read_rows};
use netinverse_network::{ImportOptions, Network};
use netinverse_preimage::{Answer, Asked, Question};
use netinverse_spec::Specification;

use super::arguments::PreimageOptions;

/// What is asked, in words that can be saved; of an earlier answer where nothing is asked here.
pub(super) fn asked(options: &PreimageOptions, earlier: Option<&Answer>) -> Result<Asked> {
    let mut asked = Asked { output: options.output.clone(), ..Asked::default() };
    if let Some(path) = &options.spec {
        // Read once for its errors, which name the file.
        Specification::read(path)?;
        asked.spec = Some(std::fs::read_to_string(path).map_err(|error| Error::io(path, &error))?);
    }
    asked.condition.clone_from(&options.condition);
    if let Some(spec) = &options.bounds {
        asked.bounds = Some(pairs(spec, "--bounds")?);
    }
    let nothing = asked.spec.is_none()
        && asked.condition.is_none()
        && options.class.is_none()
        && options.within.is_none()
        && options.target.is_none();
    match earlier {
        Some(earlier) if nothing && asked.bounds.is_none() => Ok(earlier.header.asked.clone()),
        _ => Ok(asked),
    }
}

/// The network, with the output that is asked about.
pub(super) fn network(path: &Path, asked: &Asked) -> Result<Network> {
    let mut import = ImportOptions::default();
    if let Some(name) = &asked.output {
        import.outputs = vec![name.clone()];
    } else if let Some(text) = &asked.spec {
        // A specification of hidden tensors only is about them.
        let specification = Specification::parse(text)?;
        let names = specification.hidden_outputs();
        import.outputs = names.map(|t| t.onnx_name.clone().unwrap_or_else(|| t.name.clone())).collect();
    }
    let read = Network::read_with(path, &import);
    if asked.output.is_some() && Network::read(path).is_ok() {
        return read.at(|| Place::Option("--output".into()));
    }
    read
}

/// The question over the network.
pub(super) fn build(
    options: &PreimageOptions,
    asked: &Asked,
    network: &Network,
    bounder: &Bounder,
) -> Result<Question> {
    let n = network.input_size();
    let formula = asked.formula(network).map_err(|error| match (&options.spec, &options.condition) {
        (Some(path), None) => error.at(Place::file(path)),
        (None, Some(_)) => error.at(Place::Option("--where".into())),
        _ => error,
    })?;
    let given = asked.given_bounds(n).at(|| Place::Option("--bounds".into()))?;
    Question::new(bounder, &formula, given.as_ref())
}

/// The condition that a class or intervals stand for.
pub(super) fn condition(options: &PreimageOptions, m: usize) -> Result<Option<String>> {
    if let Some(class) = options.class {
        if class >= m {
            return Err(Error::input(format!("class {class} does not exist, the network has {m} outputs"))
                .at(Place::Option("--class".into()))
                .hint("classes are outputs, counted from 0"));
        }
        if m < 2 {
            return Err(Error::input("a network of one output has no classes")
                .at(Place::Option("--class".into()))
                .hint("use --where, for example --where \"y0 >= 0\""));
        }
        let margin = options.margin.unwrap_or(0.0);
        if !margin.is_finite() {
            return Err(Error::input(format!("a margin of {margin}")).at(Place::Option("--margin".into())));
        }
        let others = (0..m).filter(|&j| j != class);
        let parts: Vec<String> = others.map(|j| format!("y{class} - y{j} >= {margin:?}")).collect();
        return Ok(Some(parts.join(" && ")));
    }
    if let Some(spec) = &options.target {
        let read = RowsOptions { columns: Some(m), ..RowsOptions::default() };
        let rows = read_rows(spec, &read).at(|| Place::Option("--target".into()))?;
        if rows.rows != 1 {
            return Err(Error::input(format!("{} targets, one is asked for at a time", rows.rows))
                .at(Place::Option("--target".into()))
                .hint("`invert` takes many targets in one run"));
        }
        let parts: Vec<String> =
            rows.row(0).iter().enumerate().map(|(j, y)| format!("y{j} == {y:?}")).collect();
        return Ok(Some(parts.join(" && ")));
    }
    let Some(spec) = &options.within else { return Ok(None) };
    let rows = pairs(spec, "--within")?;
    if rows.len() != 1 && rows.len() != m {
        return Err(Error::input(format!("{} intervals, the network has {m} outputs", rows.len()))
            .at(Place::Option("--within".into()))
            .hint("give one row lo,hi for each output, or a single row for all"));
    }
    let mut text = String::new();
    for j in 0..m {
        let [lo, hi] = rows[if rows.len() == 1 { 0 } else { j }];
        if lo > hi {
            return Err(Error::input(format!("the interval {lo},{hi} is empty"))
                .at(Place::Row(j))
                .at(Place::Option("--within".into()))
                .hint("intervals are lo,hi with lo <= hi"));
        }
        let and = if j == 0 { "" } else { " && " };
        let _ = write!(text, "{and}y{j} >= {lo:?} && y{j} <= {hi:?}");
    }
    Ok(Some(text))
}

fn pairs(spec: &str, option: &str) -> Result<Vec<[f64; 2]>> {
    let options = RowsOptions { columns: Some(2), ..RowsOptions::default() };
    let rows = read_rows(spec, &options).at(|| Place::Option(option.into()))?;
    Ok((0..rows.rows).map(|row| [rows.row(row)[0], rows.row(row)[1]]).collect())
}
