//! The answer of `netinverse invert` as a page: pictures where inputs are images, tables where they are numbers.

use netinverse_answer::files::Layout;
use netinverse_answer::text::{number, plural, short, short_down, summary};
use netinverse_answer::{Answer, Inversion, Optimality, Query, Status};
use netinverse_invert::question::Problem;
use netinverse_report::{Page, Picture, Section};

use super::{Draw, capital, commanded, file_name, plane};

/// Queries that have a section of their own.
const SECTIONS: usize = 8;
/// Queries in the table of all.
const ROWS: usize = 200;
/// Answers of a query that are shown.
const ANSWERS: usize = 24;
/// Inputs or outputs that a table has columns for.
const COLUMNS: usize = 24;

/// The page of `netinverse invert`.
pub fn invert(inversion: &Inversion, problem: &Problem, layout: &Layout, command: Option<&str>) -> String {
    let queries = &inversion.queries;
    let mut page = Page::new(
        format!("Inputs of {} for a given output", file_name(&inversion.model.path)),
        format!(
            "{} inputs, {} outputs. Residuals are in units of the outputs, replayed in float64 through the graph as stored; \
             distances are from the reference, in the norm asked for.",
            layout.inputs, layout.outputs
        ),
    );
    let solved = inversion.count(Status::Solved);
    let finding = match (queries.len(), solved) {
        (1, 1) => "Such inputs exist: here they are.".to_string(),
        (1, _) if inversion.count(Status::Unreachable) == 1 => "No input gives this output. Proved.".into(),
        (1, _) => "None was found, and nothing is proved.".into(),
        (all, solved) => format!("{solved} of {all} queries are solved."),
    };
    let mut section = Section::new("What was found").finding(&finding).text(&capital(&summary(inversion)));
    if let Some(why) = inversion.stopped {
        section = section.text(match why {
            netinverse_answer::Stopped::TimeLimit => "The time limit ended the search before it was done.",
            netinverse_answer::Stopped::Cancelled => "The search was interrupted.",
        });
    }
    page.push(commanded(section, command));
    if let Some(drawing) = plane(inversion, problem, &inversion.model.path) {
        page.push(Section::new("All of the preimage").drawing(
            &drawing.svg(),
            "Lines and areas that the network maps to the value; circles are answers.",
        ));
    }
    let draw =
        layout.image.map(|image| Draw { image, range: layout.range.unwrap_or_else(|| extent(inversion)) });
    if queries.len() > 1 {
        page.push(overview(inversion, draw.as_ref()));
    }
    for query in queries.iter().take(if queries.len() > SECTIONS { 0 } else { SECTIONS }) {
        page.push(details(query, queries.len() > 1, problem, layout, draw.as_ref()));
    }
    page.footer(format!(
        "netinverse {} · {:.2} s · seed {} · model SHA-256 {}",
        env!("CARGO_PKG_VERSION"),
        inversion.seconds,
        inversion.seed,
        inversion.model.sha256
    ));
    page.html()
}

fn extent(inversion: &Inversion) -> (f64, f64) {
    let values = || inversion.answers().flat_map(|(_, answer)| answer.x.iter().copied());
    (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max))
}

/// All queries, a line each.
fn overview(inversion: &Inversion, draw: Option<&Draw>) -> Section {
    let queries = &inversion.queries;
    let mut section = Section::new("Row by row");
    if let Some(draw) = draw
        && queries.len() > SECTIONS
    {
        let first = queries.iter().filter_map(|query| Some((query.row, query.answers.first()?)));
        let pictures: Vec<(Picture, String)> =
            first.take(ANSWERS).map(|(row, answer)| (draw.plain(&answer.x), format!("row {row}"))).collect();
        section = section.pictures(&borrowed(&pictures));
    }
    let line = |query: &Query| {
        let best = query.answers.first();
        let of = |value: Option<f64>| value.map_or(String::new(), short);
        vec![
            query.row.to_string(),
            query.status.words().to_string(),
            query.answers.len().to_string(),
            of(best
                .map(|best| best.residual)
                .or_else(|| query.nearest.as_ref().map(|nearest| nearest.residual))),
            of(best.map(|best| best.distance)),
            query.certified.map_or(String::new(), short_down),
            query.evaluations.total().to_string(),
        ]
    };
    let rows: Vec<Vec<String>> = queries.iter().take(ROWS).map(line).collect();
    section = section.table(
        &["row", "status", "answers", "residual", "distance", "proved at least", "evaluations"],
        &rows,
    );
    if queries.len() > ROWS {
        section =
            section.text(&format!("And {} more, which -o FILE.jsonl or FILE.npz has.", queries.len() - ROWS));
    }
    section
}

/// One query.
fn details(
    query: &Query,
    numbered: bool,
    problem: &Problem,
    layout: &Layout,
    draw: Option<&Draw>,
) -> Section {
    let heading =
        if numbered { format!("Row {}: {}", query.row, query.status.words()) } else { "The answers".into() };
    let mut section = Section::new(&heading);
    if let Some(certificate) = &query.certificate {
        section = section.finding(&format!("Unreachable, proved: {}", certificate.reason));
    }
    if let Some(certified) = query.certified.filter(|&bound| bound > 0.0 || !query.answers.is_empty()) {
        let nearest = query.answers.first().is_some_and(|best| best.optimality == Optimality::Proved);
        section = section.text(&format!(
            "Proved: no answer is nearer to the reference than {}{}.",
            short_down(certified),
            if nearest { ", which the first one is" } else { "" }
        ));
    }
    let shown: Vec<&Answer> = query.answers.iter().take(ANSWERS).collect();
    if let Some(draw) = draw {
        section = section.pictures(&borrowed(&pictures(&shown, reference(query.row, problem), draw)));
    }
    if !shown.is_empty() {
        section = quality(section, &shown);
        section = values(section, &shown, layout);
    } else if let Some(nearest) = &query.nearest {
        section = section.text(&format!("The nearest output found is off by {}.", short(nearest.residual)));
    }
    if query.answers.len() > shown.len() {
        section = section.text(&format!(
            "And {} more, which -o FILE.json or FILE.npz has.",
            query.answers.len() - shown.len()
        ));
    }
    if let Some(components) = query.components {
        section = section.text(&format!(
            "Answers lie on {} of the preimage, as far as paths on it could join them (an estimate).",
            plural(components, "component", "components")
        ));
    }
    if let Some(radius) = query.radius.filter(|_| query.answers.len() > 1) {
        section = section.text(&format!("Every other answer met lies within {} of these.", short(radius)));
    }
    if let Some(sampling) = &query.sampling {
        section = section.text(&format!(
            "Samples of the preimage: effective size {}, {} by the reverse check, {}.",
            short(sampling.effective_size),
            sampling.reverse_rejections,
            if sampling.mixed {
                "chains agree"
            } else {
                "chains do not agree: shares of components are those of the starts"
            }
        ));
    }
    section
}

/// The row's reference, where one is given.
fn reference(row: usize, problem: &Problem) -> Option<&[f64]> {
    let rows = problem.near.as_ref()?;
    rows.get(if rows.len() == 1 { 0 } else { row }).map(Vec::as_slice)
}

/// The reference, the answers, and, of a few, what had to change.
fn pictures(answers: &[&Answer], reference: Option<&[f64]>, draw: &Draw) -> Vec<(Picture, String)> {
    let mut pictures = Vec::new();
    let reference = reference.filter(|near| answers.iter().all(|answer| answer.x.len() == near.len()));
    if let Some(near) = reference {
        pictures.push((draw.plain(near), "the reference".to_string()));
    }
    for (index, answer) in answers.iter().enumerate() {
        pictures
            .push((draw.plain(&answer.x), format!("answer {index}: distance {}", short(answer.distance))));
        if let Some(near) = reference.filter(|_| answers.len() <= 4) {
            let change: Vec<f64> = answer.x.iter().zip(near).map(|(x, r)| x - r).collect();
            pictures.push((draw.signed(&change), "the change: orange above zero, blue below".into()));
        }
    }
    pictures
}

fn borrowed(pictures: &[(Picture, String)]) -> Vec<(&Picture, String)> {
    pictures.iter().map(|(picture, caption)| (picture, caption.clone())).collect()
}

/// How good each answer is.
fn quality(section: Section, answers: &[&Answer]) -> Section {
    let judged = answers.iter().any(|answer| answer.plausibility.is_some());
    let valued = answers.iter().any(|answer| answer.objective.is_some());
    let mut head = vec!["answer", "residual", "distance", "rank", "smallest σ", "dimension of the preimage"];
    head.extend(judged.then_some("plausibility"));
    head.extend(valued.then_some("objective"));
    let line = |(index, answer): (usize, &&Answer)| {
        let mut cells = vec![
            index.to_string(),
            short(answer.residual),
            short(answer.distance),
            answer.rank.to_string(),
            short(answer.sigma_min),
            answer.fibre_dimension.to_string(),
        ];
        cells.extend(judged.then(|| answer.plausibility.map_or(String::new(), short)));
        cells.extend(valued.then(|| answer.objective.map_or(String::new(), number)));
        cells
    };
    section.table(&head, &answers.iter().enumerate().map(line).collect::<Vec<_>>())
}

/// The inputs and outputs, where they are few.
fn values(mut section: Section, answers: &[&Answer], layout: &Layout) -> Section {
    let parts = [
        ('x', layout.inputs, &layout.input_names, "Inputs"),
        ('y', layout.outputs, &layout.output_names, "Outputs"),
    ];
    for (letter, count, names, what) in parts {
        if count > COLUMNS {
            continue;
        }
        let name = |i: usize| names.get(i).cloned().unwrap_or_else(|| format!("{letter}{i}"));
        let names: Vec<String> = std::iter::once("answer".to_string()).chain((0..count).map(name)).collect();
        let line = |(index, answer): (usize, &&Answer)| {
            let of = if letter == 'x' { &answer.x } else { &answer.y };
            std::iter::once(index.to_string()).chain(of.iter().map(|&value| number(value))).collect()
        };
        let rows: Vec<Vec<String>> = answers.iter().enumerate().map(line).collect();
        let head: Vec<&str> = names.iter().map(String::as_str).collect();
        section = section.text(&format!("{what}:")).table(&head, &rows);
    }
    section
}
