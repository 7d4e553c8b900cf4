//! `netinverse invert`.

pub(crate) mod arguments;
mod question;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use netinverse_answer::files::{self, FileFormat, Layout};
use netinverse_answer::sheet::ImageShape;
use netinverse_answer::text::{Names, render, summary};
use netinverse_answer::{Inversion, Line, Model, Query, SCHEMA, Status, earlier};
use netinverse_base::{Error, ErrorKind, Result};
use netinverse_invert::question::{Prepared, Problem, invert_rows};
use netinverse_network::Network;
use serde::Serialize;

use super::{Console, Outcome, output};
use arguments::{InvertFormat, InvertOptions};

pub(crate) fn run(options: &InvertOptions, console: &Console) -> Result<Outcome> {
    let start = Instant::now();
    let budget = super::budget(&options.limits)?;
    if let Some(path) = &options.file {
        FileFormat::of(path)?;
    }
    let network = question::network(options)?;
    for warning in network.warnings() {
        console.line(&format!("note: {warning}"));
    }
    let model = Model::of(&options.model)?;
    let problem = question::problem(options, &network)?;
    let hash = question_hash(&model, options.output.as_deref(), &problem)?;
    let prepared = Prepared::new(&network, problem)?;
    let layout = layout(&network, &prepared);
    if let Some(path) = &options.file {
        FileFormat::of(path)?.check(path, &layout)?;
    }
    if let Some(path) = &options.save_problem {
        save_problem(path, &model, options.output.as_deref(), prepared.problem())?;
    }
    let done = match &options.resume {
        Some(path) => earlier::read(path, &hash)?,
        None => BTreeMap::new(),
    };
    if !done.is_empty() {
        console.line(&format!("{} of {} rows are done", done.len(), prepared.problem().rows.len()));
    }

    let lines = options.format == InvertFormat::Jsonl;
    let mut queries: Vec<Query> = Vec::new();
    let stopped = invert_rows(&prepared, done, &budget, console, &mut |query| {
        if lines {
            output::print(&files::json_line(&hash, &query)?)?;
        }
        queries.push(query);
        Ok(())
    })?;
    console.clear();
    let inversion = Inversion {
        schema: SCHEMA.into(),
        model,
        status: Inversion::overall(&queries),
        question: hash,
        stopped: stopped.filter(|_| queries.iter().any(|q| q.status == Status::Limit)).map(Into::into),
        queries,
        seconds: start.elapsed().as_secs_f64(),
        seed: options.limits.seed,
    };
    if let Some(path) = &options.file {
        if FileFormat::of(path)? == FileFormat::Png && inversion.answers().next().is_none() {
            console.line(&format!("note: there is no answer to draw, {} is not written", path.display()));
        } else {
            files::write(path, &inversion, &layout)?;
            console.line(&format!("written: {}", path.display()));
        }
    }
    match options.format {
        InvertFormat::Text => {
            let problem = prepared.problem();
            let names = Names { inputs: &problem.input_names, outputs: &problem.output_names };
            output::print(&render(&inversion, names))?;
        }
        InvertFormat::Json => output::print(&files::json(&inversion)?)?,
        InvertFormat::Jsonl => console.line(&summary(&inversion)),
    }
    let short = inversion.queries.iter().filter(|q| !q.answers.is_empty() && q.answers.len() < options.count);
    let short = short.count();
    if short > 0 {
        console.line(&format!(
            "note: fewer than {} answers at the separation asked for in {short} of {} rows",
            options.count,
            inversion.queries.len()
        ));
    }
    Ok(match inversion.status {
        Status::Solved => Outcome::Answered,
        Status::Unreachable => Outcome::Impossible,
        Status::NotFound | Status::Limit => Outcome::Unsettled,
    })
}

/// How inputs look, for files.
fn layout(network: &Network, prepared: &Prepared) -> Layout {
    let image = match network.inputs() {
        [only] => ImageShape::of(&network.value(*only).shape),
        _ => None,
    };
    let problem = prepared.problem();
    Layout {
        inputs: network.input_size(),
        outputs: network.output_size(),
        image,
        range: prepared.range(),
        input_names: problem.input_names.clone(),
        output_names: problem.output_names.clone(),
    }
}

/// Question and options in one file.
#[derive(Serialize)]
struct SavedProblem<'a> {
    schema: &'static str,
    version: &'static str,
    model: &'a Model,
    output: Option<&'a str>,
    problem: &'a Problem,
}

fn save_problem(path: &Path, model: &Model, output: Option<&str>, problem: &Problem) -> Result<()> {
    let saved = SavedProblem {
        schema: "netinverse.problem/1",
        version: env!("CARGO_PKG_VERSION"),
        model,
        output,
        problem,
    };
    let failed = |error: &dyn std::fmt::Display| Error::new(ErrorKind::Io, error.to_string());
    let text = serde_json::to_string_pretty(&saved).map_err(|error| failed(&error))?;
    netinverse_data::files::write_atomically(path, |writer| {
        use std::io::Write as _;
        writeln!(writer, "{text}").map_err(|error| Error::io(path, &error))
    })
}

/// What two runs must share for one to go on where the other stopped.
fn question_hash(model: &Model, output: Option<&str>, problem: &Problem) -> Result<String> {
    let mut bytes = format!("{}\n{}\n", model.sha256, output.unwrap_or("")).into_bytes();
    bytes.extend(problem.json()?);
    Ok(Line::hash(&bytes))
}
