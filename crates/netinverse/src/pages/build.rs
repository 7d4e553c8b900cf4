//! The report of `netinverse build` as one HTML page.

use netinverse_report::{Page, Section};

use super::commanded;
use crate::answers::build::{Answer, domain, errors, exact, ports};

/// The page of `netinverse build`.
pub fn build(answer: &Answer, command: Option<&str>) -> String {
    let mut page = Page::new(
        format!("The inverse of {} as a network", answer.model.path),
        format!("It takes {} and gives {}.", ports(&answer.inputs), ports(&answer.outputs)),
    );
    let mut section = Section::new("Is it exact?").finding(&exact(answer));
    if let Some(shortfall) = answer.shortfall() {
        section = section.text(&shortfall);
    }
    section = section.text(&format!(
        "{} nodes and {} constants in {}.",
        answer.nodes, answer.parameters, answer.precision
    ));
    page.push(commanded(section, command));

    let trips = [("f(g(y)) = y", &answer.f_of_g), ("g(f(x)) = x", &answer.g_of_f)];
    let rows: Vec<Vec<String>> = trips
        .iter()
        .map(|(name, trip)| {
            vec![(*name).to_string(), errors(&trip.f32), errors(&trip.f64), trip.rows.to_string()]
        })
        .collect();
    let mut section = Section::new("Round trips")
        .text("The largest error of a row, relative to its largest element, over all points; both networks in the precision of the column.")
        .table(&["what", "float32", "float64", "points"], &rows)
        .text(&format!("x: {}; y: {}.", answer.samples.x, answer.samples.y));
    if let Some(conditioning) = &answer.conditioning {
        let rounding =
            conditioning.rounding_f32.map_or("an unknown amount".into(), |r| format!("{r:.1e} of its size"));
        section = section.text(&format!(
            "The Jacobian of f has singular values from {:.2e} to {:.2e} at {} of them: rounding y to float32 alone moves x by up to {rounding}, to first order.",
            conditioning.sigma_min, conditioning.sigma_max, conditioning.points
        ));
    }
    page.push(section);

    if !answer.marked_ops.is_empty() {
        let rows: Vec<Vec<String>> = answer
            .marked_ops
            .iter()
            .map(|mark| {
                vec![
                    mark.name.clone(),
                    mark.op.clone(),
                    mark.elements.to_string(),
                    mark.lost.clone(),
                    mark.chosen.clone(),
                ]
            })
            .collect();
        page.push(
            Section::new("Marked operators")
                .table(&["node", "operator", "elements", "what is lost", "what is chosen"], &rows),
        );
    }
    let mut section = Section::new("Where it holds");
    if answer.domain.is_empty() {
        section = section.text("For every y.");
    }
    for condition in &answer.domain {
        section = section.text(&domain(condition));
    }
    page.push(section);
    if !answer.linear_parts.is_empty() {
        let number = |value: f64| format!("{value:.3e}");
        let rows: Vec<Vec<String>> = answer
            .linear_parts
            .iter()
            .map(|part| {
                vec![
                    part.name.clone(),
                    part.op.clone(),
                    format!(
                        "{} × {}{}",
                        part.rows,
                        part.columns,
                        if part.copies > 1 { format!(", {} times", part.copies) } else { String::new() }
                    ),
                    part.form.clone(),
                    part.rank.to_string(),
                    number(part.sigma_max),
                    number(part.sigma_min),
                    part.condition.map_or("∞".into(), number),
                    if part.proved { "proved" } else { "in float64" }.into(),
                ]
            })
            .collect();
        page.push(Section::new("Linear parts").table(
            &["node", "operator", "size", "form", "rank", "σ max", "σ min", "condition", "full rank"],
            &rows,
        ));
    }
    if !answer.loops.is_empty() {
        let rows: Vec<Vec<String>> = answer
            .loops
            .iter()
            .map(|part| {
                vec![
                    part.name.clone(),
                    format!("{:.4}", part.lipschitz),
                    part.limit.to_string(),
                    format!("{:.1e}", part.tolerance),
                ]
            })
            .collect();
        page.push(
            Section::new("Loops")
                .text("x + g(x) with a contraction g: the fixed point of x ← y − g(x).")
                .table(
                    &["node", "Lipschitz constant of g, at most (proved)", "iterations, at most", "ends at"],
                    &rows,
                ),
        );
    }
    page.footer(format!("netinverse {}, seed {}", env!("CARGO_PKG_VERSION"), answer.seed));
    page.html()
}
