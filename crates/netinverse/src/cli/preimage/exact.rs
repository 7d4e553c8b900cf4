//! `netinverse preimage --exact`: every linear region that meets the target.

use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use netinverse_answer::Model;
use netinverse_base::{Budget, Error, ErrorKind, Place, Result, ResultExt as _};
use netinverse_bounds::{Bounder, PiecewiseLinear};
use netinverse_data::files::write_atomically;
use netinverse_network::Network;
use netinverse_preimage::exact::{
    Arithmetic, ExactAnswer, ExactHeader, ExactOptions, FoldText, PieceText, RegionText, exact_preimage,
};
use netinverse_preimage::{Asked, Question, Status};
use netinverse_spec::Formula;
use serde::Serialize;

use super::arguments::PreimageOptions;
use super::text::{Facts, down, lines, up};
use super::{free_inputs, has_extension, page, question, using};
use crate::cli::{Console, Outcome, arguments::Format, output};

/// Solutions of lower dimension that are printed one by one.
const SHOWN: usize = 20;

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

/// What an exact answer says.
fn facts(answer: &ExactAnswer) -> Facts {
    let header = &answer.header;
    let volume = &header.volume;
    let mut facts = Facts::new();
    let mut line = |name: &'static str, value: String| facts.push((name, value));
    let count =
        |n: usize, one: &str, many: &str| if n == 1 { format!("1 {one}") } else { format!("{n} {many}") };
    let inputs = count(volume.dimensions, "input", "inputs");
    let highest = answer.pieces.iter().map(|piece| piece.dimension).max();
    match highest {
        None if header.status == Status::Empty => {
            line("preimage", "empty, proved: no input of the box has such outputs".into());
        }
        None => line("preimage", "nothing found yet".into()),
        Some(dimension) if dimension < volume.dimensions && header.open == 0 => {
            line("volume", format!("0, exactly; the box has {:.6e} over {inputs}", volume.whole));
        }
        Some(_) => {
            if let Some(exact) = volume.exact.as_ref().filter(|exact| exact.len() <= 60) {
                line("volume", format!("V = {exact}, exactly"));
            }
            line(
                "volume",
                format!(
                    "{} <= V <= {}, {}; the box has {:.6e} over {inputs}",
                    narrow(volume.lower, volume.upper).0,
                    narrow(volume.lower, volume.upper).1,
                    if volume.exact.is_some() { "exact, rounded outward" } else { "proved" },
                    volume.whole
                ),
            );
        }
    }
    for dimension in (0..=volume.dimensions).rev() {
        let own: Vec<&PieceText> = answer.pieces.iter().filter(|p| p.dimension == dimension).collect();
        if own.is_empty() {
            continue;
        }
        let doubtful = own.iter().filter(|piece| !piece.certain).count();
        let doubt = if doubtful == 0 {
            String::new()
        } else {
            format!("; of {doubtful} it is not proved that they hold a solution")
        };
        let what = match dimension {
            0 => count(own.len(), "isolated point", "isolated points"),
            1 => count(own.len(), "segment", "segments"),
            d => format!("{} of dimension {d}", count(own.len(), "polytope", "polytopes")),
        };
        line(if dimension == volume.dimensions { "inner" } else { "pieces" }, what + &doubt);
        if dimension < 2 && dimension < volume.dimensions && own.len() <= SHOWN {
            for piece in own {
                let ends: Vec<String> = piece.vertices.iter().map(|x| format!("({})", numbers(x))).collect();
                line("", ends.join(" to "));
            }
        }
    }
    let regions = count(header.regions, "linear region", "linear regions");
    let meet = if header.all_regions { "in the box".to_string() } else { "meet it".to_string() };
    let hyperplanes = match header.arithmetic {
        Arithmetic::Exact => "hyperplanes exact",
        Arithmetic::Enclosed => "hyperplanes enclosed",
    };
    line("regions", format!("{regions} {meet}, {} cells looked at; {hyperplanes}", header.cells));
    if answer.regions.iter().any(|region| region.determinant.is_some()) {
        let of = |sign: i8| answer.regions.iter().filter(|region| region.determinant == Some(sign)).count();
        line(
            "det A",
            format!(
                "positive in {}, negative in {}, 0 in {}; it changes sign across {}",
                of(1),
                of(-1),
                of(0),
                count(answer.folds.len(), "facet", "facets")
            ),
        );
    }
    line("time", format!("{:.3} s", header.seconds));
    if let Some(why) = &header.stopped_by {
        line("stopped by", format!("{why}: {} left", count(header.open, "cell", "cells")));
    }
    facts
}

/// Both ends with enough digits to tell them apart.
fn narrow(lower: f64, upper: f64) -> (String, String) {
    if upper - lower > 1e-6 * upper {
        return (down(lower), up(upper));
    }
    // The shortest decimal that reads back as the double may be on its wrong side: by one unit in the last place.
    (format!("{:e}", lower.next_down().max(0.0)), format!("{:e}", upper.next_up()))
}

fn numbers(x: &[f64]) -> String {
    x.iter().map(|x| format!("{x}")).collect::<Vec<_>>().join(", ")
}

/// One object: the header, the polytopes, the regions.
fn json(answer: &ExactAnswer) -> Result<String> {
    #[derive(Serialize)]
    struct Whole<'a> {
        #[serde(flatten)]
        header: &'a ExactHeader,
        polytopes: &'a [PieceText],
        linear_regions: &'a [RegionText],
        folds: &'a [FoldText],
    }
    let ExactAnswer { header, pieces, regions, folds } = answer;
    let whole = Whole { header, polytopes: pieces, linear_regions: regions, folds };
    let text = serde_json::to_string_pretty(&whole);
    text.map(|text| text + "\n").map_err(|error| Error::new(ErrorKind::Io, error.to_string()))
}

/// Writes the answer as its path's extension says; pictures are of the first two free inputs, the others in the middle.
pub(super) fn save(answer: &ExactAnswer, path: &Path) -> Result<()> {
    if using::is_preimage(path) {
        return answer.write(path);
    }
    if has_extension(path, "json") {
        return write_text(path, json(answer)?.as_bytes());
    }
    let header = &answer.header;
    let free: Vec<usize> = free_inputs(&header.lower, &header.upper).take(2).collect();
    if has_extension(path, "html") {
        let plane = match free[..] {
            [i, j] => Some(([i, j], middle(answer))),
            _ => None,
        };
        return written_page(answer, plane, path);
    }
    let &[i, j] = &free[..] else {
        return Err(Error::input("a picture needs two inputs that are not fixed").at(Place::file(path)));
    };
    picture(answer, [i, j], &middle(answer), path)
}

/// The middle of the box.
pub(super) fn middle(answer: &ExactAnswer) -> Vec<f64> {
    answer.header.lower.iter().zip(&answer.header.upper).map(|(lo, hi)| lo.midpoint(*hi)).collect()
}

/// The report, with the slice along two inputs through a point.
fn written_page(answer: &ExactAnswer, plane: Option<([usize; 2], Vec<f64>)>, path: &Path) -> Result<()> {
    let drawing = match plane {
        Some((axes, at)) => Some((answer.svg(axes, &at)?, page::slice(axes, &at))),
        None => None,
    };
    let header = &answer.header;
    let told = page::Told {
        model: &header.model,
        question: &header.asked,
        bounds: (&header.lower, &header.upper),
        volume: (header.volume.lower, header.volume.upper, header.volume.whole),
        facts: facts(answer),
        exact: true,
        drawing,
    };
    write_text(path, page::page(&told).as_bytes())
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
