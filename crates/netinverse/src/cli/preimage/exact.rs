//! `netinverse preimage --exact`: every linear region that meets the target.

use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use netinverse_answer::Model;
use netinverse_base::{Budget, Error, Place, Result, ResultExt as _};
use netinverse_bounds::{Bounder, PiecewiseLinear};
use netinverse_data::files::write_atomically;
use netinverse_network::Network;
use netinverse_preimage::exact::{ExactAnswer, ExactOptions, exact_preimage};
use netinverse_preimage::{Asked, Question, Status};
use netinverse_spec::Formula;

use super::arguments::PreimageOptions;
use super::{has_extension, question, using};
use crate::cli::typed::typed;
use crate::cli::{Console, Outcome, arguments::Format, output};
use netinverse::answers::exact::{facts, json, middle};
use netinverse::answers::preimage::{first_axes, lines};
use netinverse::pages;

/// Whether the exact preimage is what is asked for.
pub(super) fn wanted(options: &PreimageOptions) -> bool {
    options.exact || options.regions || options.target.is_some()
}

/// Whether a paving to the very end is an exact preimage: with a piecewise-linear network, and not of a part.
pub(super) fn finishes(options: &PreimageOptions, network: &Network, bounder: &Bounder) -> bool {
    options.coverage == Some(1.0)
        && options.over.is_none()
        && options.shard.is_none()
        && options.resume.is_none()
        && PiecewiseLinear::new(network, bounder).is_ok()
}

/// The question; without a condition all outputs are asked for, if it is about regions.
pub(super) fn build(
    options: &PreimageOptions,
    asked: &Asked,
    network: &Network,
    bounder: &Bounder,
) -> Result<Question> {
    if options.regions && asked.spec.is_none() && asked.condition.is_none() {
        let given = asked.given_bounds(network.input_size()).at(|| Place::Option("--bounds".into()))?;
        return Question::new(bounder, &Formula::all(Vec::new()), given.as_ref());
    }
    question::build(options, asked, network, bounder)
}

/// The exact answer.
pub(super) fn run(
    options: &PreimageOptions,
    (network, bounder): (&Network, &Bounder),
    (question, asked, model): (&Question, Asked, Model),
    start: Instant,
    budget: &Budget,
    console: &Console,
) -> Result<ExactAnswer> {
    let wanted = ExactOptions {
        merge: !options.no_compact,
        // Only text has no place for them.
        maps: options.format == Format::Json || options.file.is_some(),
        all_regions: options.regions,
        ..ExactOptions::default()
    };
    let set = exact_preimage(network, bounder, question, &wanted, budget, console)?;
    let mut answer = ExactAnswer::of(set, question, options.regions, model, asked);
    answer.header.seconds = start.elapsed().as_secs_f64();
    Ok(answer)
}

/// Prints and saves an answer.
pub(super) fn tell(options: &PreimageOptions, answer: &ExactAnswer, console: &Console) -> Result<Outcome> {
    console.clear();
    output::print(&match options.format {
        Format::Text => lines(&facts(answer)),
        Format::Json => json(answer)?,
    })?;
    if let Some(path) = &options.file {
        save(answer, path)?;
    }
    Ok(match answer.header.status {
        Status::Complete => Outcome::Answered,
        Status::Empty => Outcome::Impossible,
        Status::Partial => Outcome::Unsettled,
    })
}

/// Writes the answer as its path's extension says; pictures are of the first two free inputs, the others in the middle.
pub(super) fn save(answer: &ExactAnswer, path: &Path) -> Result<()> {
    if using::is_preimage(path) {
        return answer.write(path);
    }
    if has_extension(path, "json") {
        return write_text(path, json(answer)?.as_bytes());
    }
    let axes = first_axes(&answer.header.lower, &answer.header.upper);
    if has_extension(path, "html") {
        return written_page(answer, axes.map(|axes| (axes, middle(answer))), path);
    }
    let Some(axes) = axes else {
        return Err(Error::input("a picture needs two inputs that are not fixed").at(Place::file(path)));
    };
    picture(answer, axes, &middle(answer), path)
}

/// The report, with the slice along two inputs through a point.
fn written_page(answer: &ExactAnswer, plane: Option<([usize; 2], Vec<f64>)>, path: &Path) -> Result<()> {
    write_text(path, pages::exact(answer, plane, Some(&typed()))?.as_bytes())
}

pub(super) fn picture(answer: &ExactAnswer, axes: [usize; 2], at: &[f64], path: &Path) -> Result<()> {
    if has_extension(path, "html") {
        return written_page(answer, Some((axes, at.to_vec())), path);
    }
    if !has_extension(path, "svg") {
        return Err(Error::unsupported("a picture of an exact preimage other than .svg")
            .at(Place::file(path))
            .hint("write it as .svg or .html"));
    }
    write_text(path, answer.svg(axes, at)?.as_bytes())
}

fn write_text(path: &Path, bytes: &[u8]) -> Result<()> {
    write_atomically(path, |file| file.write_all(bytes).map_err(|error| Error::io(path, &error)))
}
