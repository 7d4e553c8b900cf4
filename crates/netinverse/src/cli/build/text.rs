//! The answer of `netinverse build` for people.

use std::fmt::Write as _;

use netinverse::answers::build::{Answer, domain, errors, exact, ports};

/// Marks and conditions that are listed one by one.
const LISTED: usize = 12;

pub(super) fn render(answer: &Answer) -> String {
    let mut text = String::new();
    let mut line = |label: &str, value: &str| {
        let _ = writeln!(text, "{label:<11} {value}");
    };
    line(
        "inverse",
        &format!(
            "{} -> {}, {}, {} nodes, {} constants{}",
            ports(&answer.inputs),
            ports(&answer.outputs),
            answer.precision,
            answer.nodes,
            answer.parameters,
            answer.inverse.as_ref().map_or(String::new(), |file| format!(": {file}"))
        ),
    );
    for (label, names) in [("not needed", &answer.unused_outputs), ("given", &answer.given)] {
        if !names.is_empty() {
            line(label, &names.join(", "));
        }
    }
    line("exact", &exact(answer));
    let mut label = "marked";
    for mark in answer.marked_ops.iter().take(LISTED) {
        line(label, &format!("{} ({}): loses {}; chosen: {}", mark.name, mark.op, mark.lost, mark.chosen));
        label = "";
    }
    if answer.marked_ops.len() > LISTED {
        line("", &format!("and {} more (`--format json`)", answer.marked_ops.len() - LISTED));
    }
    let mut label = "holds for";
    for condition in answer.domain.iter().take(LISTED) {
        line(label, &domain(condition));
        label = "";
    }
    if answer.domain.is_empty() {
        line(label, "every y");
    }
    if let Some(worst) = answer.worst_part() {
        let proved = answer.linear_parts.iter().filter(|part| part.proved).count();
        line(
            "linear",
            &format!(
                "{} parts, largest condition {:.3} ({}, {} x {}, {}); full rank proved for {proved} of them",
                answer.linear_parts.len(),
                worst.condition.unwrap_or(f64::INFINITY),
                worst.name,
                worst.rows,
                worst.columns,
                worst.form,
            ),
        );
    }
    for part in &answer.loops {
        line(
            "loop",
            &format!(
                "{}: x <- y - g(x), Lipschitz constant of g at most {:.4} (proved), {} iterations at most, ends when x moves by less than {:.1e}",
                part.name, part.lipschitz, part.limit, part.tolerance
            ),
        );
    }
    line("points", &format!("x: {}; y: {}", answer.samples.x, answer.samples.y));
    for (name, trip) in [("f(g(y)) = y", &answer.f_of_g), ("g(f(x)) = x", &answer.g_of_f)] {
        line(
            name,
            &format!("float32 {}; float64 {}; {} points", errors(&trip.f32), errors(&trip.f64), trip.rows),
        );
    }
    if let Some(conditioning) = &answer.conditioning {
        line(
            "Jacobian",
            &format!(
                "singular values of f from {:.2e} to {:.2e} at {} points{}",
                conditioning.sigma_min,
                conditioning.sigma_max,
                conditioning.points,
                conditioning.rounding_f32.map_or(String::new(), |rounding| format!(
                    "; rounding y to float32 alone moves x by up to {rounding:.1e} of its size (first order)"
                ))
            ),
        );
    }
    if let Some(shortfall) = answer.shortfall() {
        line("bound", &shortfall);
    }
    text
}
