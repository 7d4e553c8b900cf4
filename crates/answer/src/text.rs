//! An answer for people.

use std::fmt::Write as _;

use crate::{Answer, Inversion, Query, Status};

/// Inputs and outputs longer than this are not printed.
const MAX_SHOWN: usize = 12;
/// With more queries than this, each is one line.
const MAX_TABLES: usize = 5;

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
            if let Some(objective) = best.objective {
                let _ = write!(text, " objective {}", number(objective));
            }
            if query.radius.is_some() {
                let _ = write!(text, " {}", plural(query.answers.len(), "answer", "answers"));
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
    if query.answers.len() > 1 {
        let _ = write!(text, ", {} answers", query.answers.len());
    }
    let _ = writeln!(text, ", {} evaluations", query.evaluations.total());
    if let Some(certificate) = &query.certificate {
        let _ = writeln!(text, "  proof: {}", certificate.reason);
    }
    for (index, answer) in query.answers.iter().enumerate() {
        details(text, index, query.answers.len(), answer, names);
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
    vector(text, "x", &answer.x, names.inputs);
    vector(text, "y", &answer.y, names.outputs);
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

fn plural(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Ten digits: enough to see, the files have all of them.
fn number(value: f64) -> String {
    let rounded: f64 = format!("{value:.9e}").parse().unwrap_or(value);
    let size = rounded.abs();
    if size != 0.0 && !(1e-5..1e10).contains(&size) { format!("{rounded:e}") } else { format!("{rounded}") }
}

/// Three digits.
fn short(value: f64) -> String {
    let rounded: f64 = format!("{value:.2e}").parse().unwrap_or(value);
    let size = rounded.abs();
    if size != 0.0 && !(1e-4..1e6).contains(&size) { format!("{rounded:e}") } else { format!("{rounded}") }
}
