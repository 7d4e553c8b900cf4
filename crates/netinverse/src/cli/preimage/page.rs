//! The answer of `netinverse preimage` as a page: what is proved, and a picture of two inputs.

use netinverse_answer::Model;
use netinverse_preimage::Asked;
use netinverse_report::{Bars, Page, Section};

use super::text::{Facts, down, up};
use crate::cli::page::{capital, file_name, typed};

/// Inputs whose bounds are listed.
const LISTED: usize = 32;
/// Letters of a specification that are shown.
const LETTERS: usize = 4_000;

/// What there is to tell, of a paving or of an exact answer.
pub(super) struct Told<'a> {
    pub(super) model: &'a Model,
    pub(super) question: &'a Asked,
    /// Lower and upper corner of the box.
    pub(super) bounds: (&'a [f64], &'a [f64]),
    /// Proved from below, proved from above, of the box.
    pub(super) volume: (f64, f64, f64),
    pub(super) facts: Facts,
    /// Whether every linear region was enumerated.
    pub(super) exact: bool,
    /// An SVG file, and what it shows.
    pub(super) drawing: Option<(String, String)>,
}

pub(super) fn page(told: &Told) -> String {
    let (lower, upper) = told.bounds;
    let mut page = Page::new(
        format!("All inputs of {} that give the output", file_name(&told.model.path)),
        "The set of inputs in a box whose outputs are as asked, bounded from both sides. What is called proved holds in \
         real arithmetic for the graph as stored, whatever the rounding.",
    );
    let (low, high, whole) = told.volume;
    let finding = if high == 0.0 {
        "Its volume is 0, proved.".to_string()
    } else if whole > 0.0 {
        format!(
            "Between {} % and {} % of the box, proved.",
            share(low, whole, f64::next_down),
            share(high, whole, f64::next_up)
        )
    } else {
        format!("Its volume lies between {} and {}, proved.", down(low), up(high))
    };
    let mut section = Section::new("How much of the box").finding(&finding);
    if whole > 0.0 && high > 0.0 {
        let bars = Bars {
            scale: "volume, % of the box".into(),
            bars: vec![("at least".into(), 100.0 * low / whole), ("at most".into(), 100.0 * high / whole)],
            ..Bars::default()
        };
        section = section.chart(
            &bars.svg(),
            "The preimage's volume: at least what lies in inner polytopes, at most what outer ones cover.",
        );
    }
    let rows: Vec<Vec<String>> =
        told.facts.iter().map(|(name, value)| vec![(*name).to_string(), capital(value)]).collect();
    page.push(section.table(&["what", "found"], &rows).command(&typed()));
    if let Some((svg, caption)) = &told.drawing {
        page.push(Section::new("In two inputs").drawing(svg, caption));
    }
    page.push(question(told.question, lower, upper));
    page.push(reading(told.exact));
    page.footer(format!("netinverse {} · model SHA-256 {}", env!("CARGO_PKG_VERSION"), told.model.sha256));
    page.html()
}

/// Per cent with five digits, on the proved side.
fn share(volume: f64, whole: f64, outward: fn(f64) -> f64) -> String {
    let exact = outward(100.0 * volume / whole);
    // `down` and `up` print on their side; which one follows from where `outward` goes.
    let text = if outward(1.0) < 1.0 { down(exact.max(0.0)) } else { up(exact.min(100.0)) };
    text.parse::<f64>().map_or(text, |value| format!("{value}"))
}

/// What was asked.
fn question(asked: &Asked, lower: &[f64], upper: &[f64]) -> Section {
    let mut section = Section::new("The question");
    if let Some(condition) = &asked.condition {
        section = section.text("The outputs must satisfy").command(condition);
    }
    if let Some(spec) = &asked.spec {
        let shown: String = spec.chars().take(LETTERS).collect();
        let rest = if shown.len() < spec.len() { "\n…" } else { "" };
        section = section.text("The specification (VNN-LIB):").command(&(shown + rest));
    }
    if let Some(output) = &asked.output {
        section = section.text(&format!("The outputs are those of `{output}` inside the graph."));
    }
    if lower.len() <= LISTED {
        let rows: Vec<Vec<String>> = (0..lower.len())
            .map(|i| vec![format!("x{i}"), format!("{}", lower[i]), format!("{}", upper[i])])
            .collect();
        section.text("The box:").table(&["input", "from", "to"], &rows)
    } else {
        section.text(&format!("The box has {} inputs.", lower.len()))
    }
}

/// How to read the answer.
fn reading(exact: bool) -> Section {
    let section = Section::new("Reading it");
    if exact {
        return section
            .text("Inside one linear region the network is an affine map; the preimage there is a polytope, found exactly. All regions that meet the preimage were visited.")
            .command("netinverse preimage contains ANSWER.preimage POINT\nnetinverse check ANSWER.preimage --model MODEL");
    }
    section
        .text("Green: proved to be in. Orange: not decided, for no inner polytope holds it and an outer one does. The rest: proved to be out. More time narrows what lies between; --resume goes on from a saved .preimage file.")
        .command("netinverse preimage contains ANSWER.preimage POINT\nnetinverse preimage sample ANSWER.preimage --count 100\nnetinverse check ANSWER.preimage --model MODEL")
}

/// What a slice shows.
pub(super) fn slice([i, j]: [usize; 2], at: &[f64]) -> String {
    if at.len() == 2 {
        return format!("x{i} to the right, x{j} upwards.");
    }
    let others: Vec<String> = (0..at.len())
        .filter(|&k| k != i && k != j)
        .take(8)
        .map(|k| format!("x{k} = {}", (at[k] * 1e4).round() / 1e4))
        .collect();
    let more = if at.len() > 10 { ", …" } else { "" };
    format!("The slice with {}{more}: x{i} to the right, x{j} upwards.", others.join(", "))
}

/// What a shadow shows.
pub(super) fn projection([i, j]: [usize; 2]) -> String {
    format!("The shadow of the inner polytopes on x{i} (to the right) and x{j} (upwards).")
}
