//! From options to the question of a preimage.

use std::path::Path;

use netinverse_base::{Error, Place, Result, ResultExt as _};
use netinverse_bounds::Bounder;
use netinverse_data::{RowsOptions, read_rows};
use netinverse_network::{ImportOptions, Network};
use netinverse_preimage::{Answer, Asked, Question};
use netinverse_spec::Specification;

use super::arguments::PreimageOptions;
use netinverse::answers::preimage::{class_condition, target_condition, within_condition};

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
        return class_condition(class, options.margin.unwrap_or(0.0), m).map(Some);
    }
    if let Some(spec) = &options.target {
        let read = RowsOptions { columns: Some(m), ..RowsOptions::default() };
        let rows = read_rows(spec, &read).at(|| Place::Option("--target".into()))?;
        if rows.rows != 1 {
            return Err(Error::input(format!("{} targets, one is asked for at a time", rows.rows))
                .at(Place::Option("--target".into()))
                .hint("`invert` takes many targets in one run"));
        }
        return Ok(Some(target_condition(rows.row(0))));
    }
    let Some(spec) = &options.within else { return Ok(None) };
    within_condition(&pairs(spec, "--within")?, m).map(Some)
}

fn pairs(spec: &str, option: &str) -> Result<Vec<[f64; 2]>> {
    let options = RowsOptions { columns: Some(2), ..RowsOptions::default() };
    let rows = read_rows(spec, &options).at(|| Place::Option(option.into()))?;
    Ok((0..rows.rows).map(|row| [rows.row(row)[0], rows.row(row)[1]]).collect())
}
