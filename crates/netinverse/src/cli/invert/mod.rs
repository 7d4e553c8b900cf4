//! `netinverse invert`.

pub(crate) mod arguments;
mod prior;
mod proof;
mod question;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use netinverse_answer::files::{self, FileFormat, Layout};
use netinverse_answer::text::{MAX_TABLES, Names, render, summary};
use netinverse_answer::{Inversion, Line, Model, Query, SCHEMA, Status, earlier};
use netinverse_base::{Budget, Error, ErrorKind, Result, StopReason};
use netinverse_data::files::write_atomically;
use netinverse_invert::question::{Prepared, Problem, invert_rows};
use netinverse_network::Network;
use serde::Serialize;

use super::typed::typed;
use super::{Console, Outcome, output};
use arguments::{InvertFormat, InvertOptions};
use netinverse::pages;

pub(crate) fn run(options: &InvertOptions, console: &Console) -> Result<Outcome> {
    let start = Instant::now();
    let budget = super::budget(&options.limits)?;
    let format = match &options.file {
        Some(path) => Some(FileFormat::of(path)?),
        None => None,
    };
    if let Some(path) = &options.proof {
        super::verify::check_name(path, "--proof")?;
    }
    let network = question::network(options)?;
    for warning in network.warnings() {
        console.line(&format!("note: {warning}"));
    }
    let model = Model::of(&options.model)?;
    let (problem, resources) = question::problem(options, &network)?;
    let hash = question_hash(&model, options.output.as_deref(), &problem)?;
    let prepared = Prepared::with(&network, problem, &resources)?;
    let layout = layout(&network, &prepared);
    if let (Some(path), Some(format)) = (&options.file, format) {
        format.check(path, &layout)?;
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

    let run = Run { options, prepared: &prepared, hash: &hash, budget: &budget, console };
    let (queries, stopped) = match (&options.file, format) {
        // Lines are written as they come.
        (Some(path), Some(FileFormat::Jsonl)) => {
            let mut result = None;
            write_atomically(path, |writer| {
                result = Some(run.answer(done, Some((path, writer)))?);
                Ok(())
            })?;
            result.unwrap_or_default()
        }
        _ => run.answer(done, None)?,
    };
    console.clear();
    if let Some(path) = &options.proof {
        proof::write(path, &model, options.output.as_deref(), prepared.problem(), &queries)?;
        console.line(&format!("written: {}", path.display()));
    }
    let inversion = Inversion {
        schema: SCHEMA.into(),
        model,
        status: Inversion::overall(&queries),
        question: hash.clone(),
        stopped: stopped.filter(|_| queries.iter().any(|q| q.status == Status::Limit)).map(Into::into),
        queries,
        seconds: start.elapsed().as_secs_f64(),
        seed: options.limits.seed,
    };
    if let (Some(path), Some(format)) = (&options.file, format) {
        save(path, format, &inversion, &layout, &prepared, console)?;
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

/// What answering needs.
struct Run<'a> {
    options: &'a InvertOptions,
    prepared: &'a Prepared,
    hash: &'a str,
    budget: &'a Budget,
    console: &'a Console,
}

impl Run<'_> {
    /// Answers every row; lines go to standard output and to a file as they come. What is returned holds the inputs
    /// only where something is still to be made of them: otherwise memory does not grow with them.
    fn answer(
        &self,
        done: BTreeMap<usize, Query>,
        mut file: Option<(&Path, &mut dyn Write)>,
    ) -> Result<(Vec<Query>, Option<StopReason>)> {
        let format = self.options.format;
        let lines = format == InvertFormat::Jsonl;
        let rows = self.prepared.problem().rows.len();
        let whole_file = self.options.file.is_some() && file.is_none();
        let keep = whole_file || format == InvertFormat::Json || (!lines && rows <= MAX_TABLES);
        let mut queries: Vec<Query> = Vec::new();
        let stopped = invert_rows(self.prepared, done, self.budget, self.console, &mut |mut query| {
            if lines || file.is_some() {
                let line = files::json_line(self.hash, &query)?;
                if lines {
                    output::print(&line)?;
                }
                if let Some((path, writer)) = &mut file {
                    writer.write_all(line.as_bytes()).map_err(|error| Error::io(*path, &error))?;
                }
            }
            if !keep && self.options.proof.is_none() {
                query.forget_inputs();
            }
            queries.push(query);
            Ok(())
        })?;
        Ok((queries, stopped))
    }
}

/// Writes what a file holds, all of it at once.
fn save(
    path: &Path,
    format: FileFormat,
    inversion: &Inversion,
    layout: &Layout,
    prepared: &Prepared,
    console: &Console,
) -> Result<()> {
    match format {
        FileFormat::Jsonl => {} // written as the lines came
        FileFormat::Png if inversion.answers().next().is_none() => {
            console.line(&format!("note: there is no answer to draw, {} is not written", path.display()));
            return Ok(());
        }
        FileFormat::Svg => {
            let Some(plane) = pages::plane(inversion, prepared.problem(), &inversion.model.path) else {
                console.line(&format!("note: there is nothing to draw, {} is not written", path.display()));
                return Ok(());
            };
            write_text(path, &plane.svg())?;
        }
        FileFormat::Html => {
            write_text(path, &pages::invert(inversion, prepared.problem(), layout, Some(&typed())))?;
        }
        _ => files::write(path, inversion, layout)?,
    }
    console.line(&format!("written: {}", path.display()));
    Ok(())
}

fn write_text(path: &Path, text: &str) -> Result<()> {
    write_atomically(path, |writer| {
        writer.write_all(text.as_bytes()).map_err(|error| Error::io(path, &error))
    })
}

/// How inputs look, for files.
fn layout(network: &Network, prepared: &Prepared) -> Layout {
    let problem = prepared.problem();
    Layout {
        inputs: network.input_size(),
        outputs: network.output_size(),
        plane: problem.complete,
        image: pages::image_shape(network),
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
    write_atomically(path, |writer| writeln!(writer, "{text}").map_err(|error| Error::io(path, &error)))
}

/// What two runs must share for one to go on where the other stopped.
fn question_hash(model: &Model, output: Option<&str>, problem: &Problem) -> Result<String> {
    let mut bytes = format!("{}\n{}\n", model.sha256, output.unwrap_or("")).into_bytes();
    bytes.extend(prior::without_paths(problem.clone()).json()?);
    Ok(Line::hash(&bytes))
}
