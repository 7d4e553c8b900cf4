//! An answer for people.

use std::fmt::Write as _;

use crate::fibre::{Preimage, Sampling};
use crate::{Answer, Inversion, Optimality, Query, Status};

/// Inputs and outputs longer than this are not printed.
const MAX_SHOWN: usize = 12;
/// With more queries than this, each is one line.
pub const MAX_TABLES: usize = 5;
/// Components and places that are listed.
const MAX_LISTED: usize = 8;

/// Names of inputs and outputs, empty where there are none.
#[derive(Debug, Clone, Copy, Default)]
pub struct Names<'a> {
    /// One an input.
    pub inputs: &'a [String],
    /// One an output.
    pub outputs: &'a [String],
}

/// The answer: a table for each of a few queries, a line for each of many, and a summary.
pub fn render(inversion: &Inversion, names: Names<'_>) -> String {
    let mut text = String::new();
    let few = inversion.queries.len() <= MAX_TABLES;
    for query in &inversion.queries {
        if few { table(&mut text, query, inversion.queries.len() > 1, names) } else { line(&mut text, query) }
    }
    if inversion.queries.len() > 1 {
        let _ = writeln!(text, "{}", summary(inversion));
    }
    text
}

/// How many of what, and how long it took.
pub fn summary(inversion: &Inversion) -> String {
    let counts: Vec<String> = [Status::Solved, Status::Unreachable, Status::NotFound, Status::Limit]
        .into_iter()
        .map(|status| (inversion.count(status), status))
        .filter(|&(count, _)| count > 0)
        .map(|(count, status)| format!("{count} {}", status.words()))
        .collect();
    let worst = inversion.answers().map(|(_, answer)| answer.residual).fold(0.0, f64::max);
    let evaluations: u64 = inversion.queries.iter().map(|query| query.evaluations.total()).sum();
    format!(
        "{}: {}; {}largest residual {}, {evaluations} evaluations, {:.2} s",
        plural(inversion.queries.len(), "query", "queries"),
        counts.join(", "),
        match inversion.answers().count() {
            answers if answers > inversion.count(Status::Solved) => format!("{answers} answers, "),
            _ => String::new(),
        },
        short(worst),
        inversion.seconds
    )
}

fn line(text: &mut String, query: &Query) {
    let _ = write!(text, "row {:<6} {:<11}", query.row, query.status.words());
    match (query.answers.first(), &query.nearest) {
        (Some(best), _) => {
            let _ =
                write!(text, " residual {:<9} distance {:<10}", short(best.residual), short(best.distance));
            if let Some(certified) = query.certified {
                let _ = write!(text, " proved >= {:<10}", short_down(certified));
            }
            if let Some(objective) = best.objective {
                let _ = write!(text, " objective {}", number(objective));
            }
            if let Some(plausibility) = best.plausibility {
                let _ = write!(text, " plausibility {:<6}", short(plausibility));
            }
            if query.radius.is_some() || query.components.is_some() {
                let _ = write!(text, " {}", plural(query.answers.len(), "answer", "answers"));
                if let Some(components) = query.components {
                    let _ = write!(text, " on {}", plural(components, "component", "components"));
                }
            }
        }
        (None, _) if query.certificate.is_some() => {
            let reason = query.certificate.as_ref().map_or("", |certificate| &certificate.reason);
            let _ = write!(text, " {reason}");
        }
        (None, Some(nearest)) => {
            let _ = write!(text, " nearest residual {}", short(nearest.residual));
        }
        (None, None) => {}
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
}

fn table(text: &mut String, query: &Query, numbered: bool, names: Names<'_>) {
    if numbered {
        let _ = write!(text, "row {}: ", query.row);
    }
    text.push_str(query.status.words());
    if query.preimage.is_some() {
        let _ = write!(text, ", {}", plural(query.components.unwrap_or(0), "component", "components"));
    } else if query.answers.len() > 1 || query.sampling.is_some() {
        let (one, many) =
            if query.sampling.is_some() { ("sample", "samples") } else { ("answer", "answers") };
        let _ = write!(text, ", {}", plural(query.answers.len(), one, many));
        if let Some(components) = query.components {
            let _ = write!(text, " on {}", plural(components, "component", "components"));
        }
    }
    let _ = writeln!(text, ", {} evaluations", query.evaluations.total());
    if let Some(certificate) = &query.certificate {
        let _ = writeln!(text, "  proof: {}", certificate.reason);
    }
    if let Some(sampling) = &query.sampling {
        samples(text, query, sampling, names);
    } else if let Some(preimage) = &query.preimage {
        complete(text, query, preimage, names);
    } else {
        for (index, answer) in query.answers.iter().enumerate() {
            details(text, index, query.answers.len(), answer, names);
        }
    }
    if let Some(certified) = query.certified.filter(|&bound| bound > 0.0 || !query.answers.is_empty()) {
        let proved = query.answers.first().is_some_and(|best| best.optimality == Optimality::Proved);
        let note = if proved { ": none is nearer than the first" } else { "" };
        let _ = writeln!(
            text,
            "  proved: every answer is at a distance of at least {}{note}",
            short_down(certified)
        );
    }
    if let Some(radius) = query.radius.filter(|_| query.answers.len() > 1) {
        let _ = writeln!(text, "  every other answer met lies within {} of these", short(radius));
    }
    if let (Some(nearest), true) = (&query.nearest, query.answers.is_empty()) {
        let _ = writeln!(text, "  nearest output found: residual {}", short(nearest.residual));
        vector(text, "x", &nearest.x, names.inputs);
        vector(text, "y", &nearest.y, names.outputs);
    }
}

fn details(text: &mut String, index: usize, count: usize, answer: &Answer, names: Names<'_>) {
    let _ = write!(text, "  ");
    if count > 1 {
        let _ = write!(text, "answer {index}: ");
    }
    if let Some(objective) = answer.objective {
        let _ = write!(text, "objective {}, ", number(objective));
    }
    let _ = writeln!(
        text,
        "residual {}, distance {}, rank {}, smallest singular value {}, fibre of dimension {}",
        short(answer.residual),
        short(answer.distance),
        answer.rank,
        short(answer.sigma_min),
        answer.fibre_dimension
    );
    plausibility(text, answer);
    vector(text, "x", &answer.x, names.inputs);
    vector(text, "y", &answer.y, names.outputs);
}

fn plausibility(text: &mut String, answer: &Answer) {
    let mut parts = Vec::new();
    if let Some(energy) = answer.prior {
        parts.push(format!("energy {} under the prior", short(energy)));
    }
    if let Some(share) = answer.plausibility {
        parts.push(format!("plausibility {}", short(share)));
    }
    if let Some(distance) = answer.data_distance {
        parts.push(format!("{} times the data's own distance from the data", short(distance)));
    }
    if !parts.is_empty() {
        let _ = writeln!(text, "    {}", parts.join(", "));
    }
}

/// How samples were drawn, and what they say of components; the samples themselves are for files.
fn samples(text: &mut String, query: &Query, sampling: &Sampling, names: Names<'_>) {
    if !query.answers.is_empty() {
        let _ = writeln!(
            text,
            "  effective size {}, R-hat {} ({}), acceptance {}, {}, {} by the reverse check",
            short(sampling.effective_size),
            sampling.r_hat.map_or("infinite".into(), short),
            if sampling.mixed { "mixed" } else { "not mixed: shares of components are those of the starts" },
            short(sampling.acceptance),
            plural(sampling.jumps, "jump", "jumps"),
            plural(sampling.reverse_rejections, "rejection", "rejections"),
        );
        let residual = query.answers.iter().map(|answer| answer.residual).fold(0.0, f64::max);
        let _ = writeln!(
            text,
            "  largest residual {} (`-o FILE` or `--format json` has the samples)",
            short(residual)
        );
    }
    for (index, component) in sampling.components.iter().enumerate().take(MAX_LISTED) {
        let _ = writeln!(
            text,
            "  component {index}: {}, share {} ± {}",
            plural(component.count, "sample", "samples"),
            short(component.share),
            short(component.standard_error)
        );
    }
    if let Some(first) = sampling.plateaus.first() {
        let _ = writeln!(
            text,
            "  plateaus, not sampled: the Jacobian has rank {} at {} that were met, such as",
            first.rank,
            plural(sampling.plateaus.len(), "place", "places")
        );
        vector(text, "x", &first.x, names.inputs);
    }
}

/// The components of a complete preimage, each with its nearest answer.
fn complete(text: &mut String, query: &Query, preimage: &Preimage, names: Names<'_>) {
    if !preimage.whole {
        let _ = writeln!(text, "  a limit ended the search: components may be missing");
    } else if preimage.components.is_empty() && query.certificate.is_none() {
        let _ = writeln!(
            text,
            "  the complete preimage within the bounds is empty (in double precision: no proof)"
        );
    }
    for answer in query.answers.iter().take(MAX_LISTED) {
        let Some((index, component)) = answer.component.and_then(|i| Some((i, preimage.components.get(i)?)))
        else {
            continue;
        };
        let segments: usize = component.polylines.iter().map(|line| line.segments().count()).sum();
        let closed = component.polylines.len() == 1 && component.polylines[0].closed;
        let mut parts = Vec::new();
        if segments > 0 {
            parts.push(format!(
                "{} of length {} ({})",
                if closed { "a closed line" } else { "lines" },
                short(component.length),
                plural(segments, "segment", "segments")
            ));
        }
        if !component.plateaus.is_empty() {
            let area: f64 = component.plateaus.iter().map(|&plateau| preimage.area(plateau)).sum();
            parts.push(format!(
                "{} of area {}",
                plural(component.plateaus.len(), "plateau", "plateaus"),
                short(area)
            ));
        }
        if parts.is_empty() {
            parts.push("a point".into());
        }
        let _ = writeln!(
            text,
            "  component {index}: {}; nearest answer: residual {}, distance {}",
            parts.join(" and "),
            short(answer.residual),
            short(answer.distance)
        );
        vector(text, "x", &answer.x, names.inputs);
    }
    if query.answers.len() > MAX_LISTED {
        let _ = writeln!(
            text,
            "  and {} (`-o FILE.svg` draws them, `--format json` has them)",
            plural(query.answers.len() - MAX_LISTED, "more", "more")
        );
    }
}

fn vector(text: &mut String, letter: &str, values: &[f64], names: &[String]) {
    if values.len() > MAX_SHOWN {
        let _ =
            writeln!(text, "    {letter}: {} values (`-o FILE` or `--format json` has them)", values.len());
        return;
    }
    let shown: Vec<String> = values
        .iter()
        .enumerate()
        .map(|(index, &value)| match names.get(index) {
            Some(name) => format!("{name} = {}", number(value)),
            None => number(value),
        })
        .collect();
    let _ = writeln!(text, "    {letter}: {}", shown.join(", "));
}

/// A count and its noun.
pub fn plural(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Ten digits: enough to see, the files have all of them.
pub fn number(value: f64) -> String {
    let rounded: f64 = format!("{value:.9e}").parse().unwrap_or(value);
    let size = rounded.abs();
    if size != 0.0 && !(1e-5..1e10).contains(&size) { format!("{rounded:e}") } else { format!("{rounded}") }
}

/// Three digits, rounded down: what is proved stays proved.
pub fn short_down(value: f64) -> String {
    let rounded: f64 = format!("{value:.2e}").parse().unwrap_or(value);
    // A unit of the third digit lower where the nearest three digits are more.
    let unit = 10f64.powf(value.abs().log10().floor() - 2.0);
    short(if rounded > value { rounded - unit } else { value.min(rounded) })
}

/// Three digits.
pub fn short(value: f64) -> String {
    let rounded: f64 = format!("{value:.2e}").parse().unwrap_or(value);
    let size = rounded.abs();
    if size != 0.0 && !(1e-4..1e6).contains(&size) { format!("{rounded:e}") } else { format!("{rounded}") }
}
