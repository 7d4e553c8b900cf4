//! The explanation as a page: the network as a column of layers, pictures where inputs are images.

use std::fmt::Write as _;

use netinverse_explain::{
    Explanation, Question, Verdict, cluster_lines, counting_lines, data_lines, jacobian_lines, point_lines,
};
use netinverse_network::Network;
use netinverse_report::{Bars, Lines, Page, Picture, Section, escape};

use super::{Draw, capital, commanded, image_shape};

/// The page of `netinverse explain`.
pub fn explain(
    e: &Explanation,
    network: &Network,
    question: &Question,
    model: &str,
    seconds: f64,
    command: Option<&str>,
) -> String {
    let lead = format!(
        "{} inputs → {} outputs; box: {}. Every claim says whether it is proved, measured on rows, or an estimate.",
        e.free_inputs, e.outputs, e.domain.source
    );
    let mut page = Page::new(format!("Is there an inverse of {model}?"), lead);
    let region = &question.region;
    let range = (
        region.lower.iter().copied().fold(f64::INFINITY, f64::min),
        region.upper.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    );
    let draw = image_shape(network).map(|image| Draw { image, range });
    let mut verdict = Section::new("Verdict").finding(match e.verdict {
        Verdict::Invertible => "Yes: one input for every output it takes. Proved.",
        Verdict::NotInvertible => "No: different inputs share an output. Proved.",
        Verdict::InvertibleOnData => "On the data it looks so; for the whole box nothing is proved.",
        Verdict::Unknown => "Not known: neither an inverse nor a collision was proved.",
    });
    for statement in &e.evidence {
        verdict = verdict.text(&capital(&statement.labelled()));
    }
    page.push(commanded(verdict, command));
    page.push(
        Section::new("Where the dimensions of the input go")
            .text("Dimensions of the input that are left after each layer on a typical row, at most; singular values of what is linear.")
            .figure(&column(e)),
    );
    if let Some(collision) = &e.collision {
        let mut section = Section::new("Two inputs with one output").text(&format!(
            "They are {:.4} apart; their outputs as computed here differ by {:.1e}. {} (proved).",
            collision.distance,
            collision.output_gap,
            capital(&collision.proof.statement)
        ));
        if let Some(draw) = &draw {
            let difference: Vec<f64> = collision.x1.iter().zip(&collision.x2).map(|(a, b)| b - a).collect();
            section = section.pictures(&[
                (&draw.plain(&collision.x1), "x₁".into()),
                (&draw.plain(&collision.x2), "x₂, with the same output".into()),
                (&draw.signed(&difference), "x₂ − x₁: orange above zero, blue below".into()),
            ]);
        }
        page.push(section);
    }
    let mut jacobian = Section::new("The whole network, to first order");
    for line in jacobian_lines(e).into_iter().chain(counting_lines(e)) {
        jacobian = jacobian.text(&capital(&line));
    }
    if e.jacobian.spectrum.len() > 1 {
        let lines = Lines {
            horizontal: "singular value, by size".into(),
            vertical: "median singular value of the Jacobian (outputs per unit of input)".into(),
            lines: vec![("σ".into(), e.jacobian.spectrum.clone())],
            logarithmic: true,
        };
        jacobian = jacobian
            .chart(&lines.svg(), "The Jacobian's singular values: what lies far down is hard to get back.");
    }
    page.push(jacobian);
    if let Some(draw) = &draw
        && e.on_data
        && !e.taken.is_empty()
    {
        let mut section = Section::new("Seen and unseen");
        for taken in e.taken.iter().take(3) {
            let unseen: Vec<f64> = taken.x.iter().zip(&taken.seen).map(|(x, s)| x - s).collect();
            section = section.pictures(&[
                (&draw.plain(&taken.x), "an input".into()),
                (&draw.signed(&taken.seen), "what the outputs see of it".into()),
                (&draw.signed(&unseen), "what they do not: it can be anything".into()),
            ]);
        }
        page.push(section);
    }
    if let Some(data) = &e.data {
        let mut section = Section::new("The data's view");
        for line in data_lines(e, data) {
            section = section.text(&capital(&line));
        }
        if data.classes.len() > 1 && data.classes.len() <= 32 {
            let bars = Bars {
                scale: "share of a row's energy that the outputs see, %".into(),
                bars: data.classes.iter().map(|c| (format!("class {}", c.class), 100.0 * c.kept)).collect(),
                marks: vec![("random".into(), 100.0 * data.random)],
            };
            section = section.chart(&bars.svg(), "By class, beside what random directions would keep.");
        }
        page.push(section);
    }
    for at in &e.points {
        let mut section = Section::new("At one input");
        for line in point_lines(at) {
            section = section.text(&capital(&line));
        }
        if let Some(draw) = &draw {
            section = section.pictures(&[(&draw.plain(&at.x), "x".into())]);
        }
        page.push(section);
    }
    if let Some(clusters) = &e.clusters {
        let mut section = Section::new("Clusters");
        for line in cluster_lines(clusters) {
            section = section.text(&capital(&line));
        }
        if let (Some(draw), Some(data)) = (&draw, &question.data) {
            let pictures: Vec<(Picture, String)> = clusters
                .clusters
                .iter()
                .filter(|cluster| cluster.rows > 1)
                .take(20)
                .map(|c| {
                    let caption =
                        format!("{} {}: {} rows ({:.0} %)", clusters.kind, c.class, c.rows, 100.0 * c.share);
                    (draw.plain(data.row(c.representative)), caption)
                })
                .collect();
            let pictures: Vec<(&Picture, String)> = pictures.iter().map(|(p, c)| (p, c.clone())).collect();
            section = section.pictures(&pictures);
        }
        page.push(section);
    }
    let mut advice = Section::new("What to use");
    for line in &e.advice {
        advice = advice.text(&capital(line));
    }
    page.push(advice);
    page.footer(format!("netinverse {} · {seconds:.1} s", env!("CARGO_PKG_VERSION")));
    page.html()
}

/// The network as a column of layers, each as wide as what is left of the input.
fn column(e: &Explanation) -> String {
    let mut html = String::from("<ol class=\"layers\">\n");
    let most = e.free_inputs.max(1) as f64;
    let mut item = |title: &str, left: usize, detail: &str, finding: Option<&str>| {
        let width = (100.0 * left as f64 / most).clamp(0.5, 100.0);
        let _ = write!(
            html,
            "<li><div class=\"layer\"><b>{}</b> <span>{}</span></div><div class=\"bar\"><i style=\"width:{width:.2}%\"></i></div><small>{left} of {} dimensions left</small>",
            escape(title),
            escape(detail),
            e.free_inputs
        );
        if let Some(finding) = finding {
            let _ = write!(html, "<p>{}</p>", escape(finding));
        }
        html.push_str("</li>\n");
    };
    item("input", e.free_inputs, "", None);
    for layer in &e.layers {
        let shape = format!("{} → {}", layer.inputs, layer.outputs);
        let detail = match (layer.rank, layer.sigma_max, layer.sigma_min) {
            (Some(rank), Some(max), Some(min)) => format!("{shape}, rank {rank}, σ {max:.3} … {min:.2e}"),
            (_, Some(max), _) => format!("{shape}, σ₁ {max:.3} (estimate)"),
            _ => shape,
        };
        let finding = layer.finding.as_ref().map(netinverse_explain::Statement::labelled);
        item(&format!("{} {}", layer.op, layer.name), layer.left, &detail, finding.as_deref());
    }
    html.push_str("</ol>\n");
    html
}
