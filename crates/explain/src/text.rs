//! The explanation in words.

use std::fmt::Write as _;

use crate::collision::Collision;
use crate::{AtPoint, Basis, Clusters, Explanation, Statement, Verdict};

/// Characters of the longest bar.
const BAR: usize = 40;

/// Coordinates of a point that are shown.
const SHOWN: usize = 8;

impl Statement {
    /// The sentence with how it is known.
    pub fn labelled(&self) -> String {
        let basis = match (self.basis, self.rows) {
            (Basis::Proved, _) => "proved".to_string(),
            (Basis::Measured, Some(1)) => "computed in floating point".to_string(),
            (Basis::Measured, Some(rows)) => format!("measured on {rows} rows"),
            (Basis::Measured, None) => "measured".to_string(),
            (Basis::Estimate, _) => "estimate".to_string(),
        };
        format!("{} ({basis})", self.text)
    }
}

impl Verdict {
    /// The verdict in words.
    pub fn words(self) -> &'static str {
        match self {
            Verdict::Invertible => "invertible: one input for every output it takes, proved",
            Verdict::NotInvertible => "not invertible, proved",
            Verdict::InvertibleOnData => {
                "invertible on the data, as far as was measured; nothing is proved for the whole box"
            }
            Verdict::Unknown => "unknown: neither an inverse nor a collision was proved",
        }
    }
}

/// The explanation for people.
pub fn render(explanation: &Explanation, model: &str) -> String {
    let mut text = String::new();
    let e = explanation;
    let fixed = e.inputs - e.free_inputs;
    let of = if fixed > 0 { format!(" ({fixed} more are fixed)") } else { String::new() };
    let _ = writeln!(text, "{model}: {} inputs{of} → {} outputs", e.free_inputs, e.outputs);
    let _ = writeln!(text, "box         {}", e.domain.source);
    let _ = writeln!(text, "verdict     {}", e.verdict.words());
    for statement in &e.evidence {
        let _ = writeln!(text, "            {}", statement.labelled());
    }
    if let Some(modulus) = e.modulus {
        let _ = writeln!(
            text,
            "            outputs (before the tail of bijections) differ by at least {modulus:.2e} times what inputs do (proved)"
        );
    }
    if let Some(collision) = &e.collision {
        text.push_str(&collision_text(collision));
    }
    if let Some(turn) = &e.turn {
        let _ = writeln!(text, "turns over  between {} and {} (proved)", point(&turn.x1), point(&turn.x2));
    }
    let _ = writeln!(
        text,
        "\nwhere the dimensions of the input go (left after each layer on a typical row, at most)"
    );
    text.push_str(&bars(e));
    let findings: Vec<_> =
        e.layers.iter().filter_map(|layer| layer.finding.as_ref().map(|f| (layer, f))).collect();
    if !findings.is_empty() {
        text.push('\n');
    }
    for (layer, finding) in findings {
        let _ = writeln!(text, "  {} ({}): {}", layer.name, layer.op, finding.labelled());
    }
    let _ = writeln!(text, "\nthe whole network, to first order");
    for line in jacobian_lines(e) {
        let _ = writeln!(text, "  {line}");
    }
    for line in counting_lines(e) {
        let _ = writeln!(text, "  {line}");
    }
    if let Some(data) = &e.data {
        let _ = writeln!(text, "\nthe data's view");
        for line in data_lines(e, data) {
            let _ = writeln!(text, "  {line}");
        }
    }
    for at in &e.points {
        let _ = writeln!(text, "\nat {}", point(&at.x));
        for line in point_lines(at) {
            let _ = writeln!(text, "  {line}");
        }
    }
    if let Some(clusters) = &e.clusters {
        let _ = writeln!(text, "\nclusters");
        for line in cluster_lines(clusters) {
            let _ = writeln!(text, "  {line}");
        }
    }
    let _ = writeln!(text, "\nwhat to use");
    for advice in &e.advice {
        let _ = writeln!(text, "  {advice}");
    }
    if let Some(why) = e.stopped {
        let _ = writeln!(text, "\nstopped by {why}: not everything was looked at");
    }
    text
}

fn collision_text(collision: &Collision) -> String {
    let near = collision.near.map_or(String::new(), |near| {
        format!(", near rows {} and {}, which are {:.4} apart", near.rows[0], near.rows[1], near.distance)
    });
    format!(
        "collision   two inputs {:.4} apart{near}; their outputs as computed differ by {:.1e}\n            {} (proved)\n            x1 = {}\n            x2 = {}\n",
        floor4(collision.distance),
        collision.output_gap,
        collision.proof.statement,
        point(&collision.x1),
        point(&collision.x2)
    )
}

/// Rounded down to what is shown: what is printed as proved is.
fn floor4(value: f64) -> f64 {
    if value >= 1e-3 { (value * 1e4).floor() / 1e4 } else { value }
}

/// The first coordinates.
pub(crate) fn point(x: &[f64]) -> String {
    let shown: Vec<String> = x.iter().take(SHOWN).map(|x| format!("{x:.4}")).collect();
    let more = if x.len() > SHOWN { format!(", … {} numbers", x.len()) } else { String::new() };
    format!("({}{more})", shown.join(", "))
}

fn bars(e: &Explanation) -> String {
    let mut text = String::new();
    let most = e.free_inputs.max(1);
    let mut row = |name: &str, left: usize, rest: &str| {
        let cells = (left * BAR).div_ceil(most).min(BAR);
        let _ =
            writeln!(text, "  {name:<28} {left:>6} {}{}{rest}", "█".repeat(cells), "·".repeat(BAR - cells));
    };
    row("input", e.free_inputs, "");
    let width = |layer: &crate::account::Layer| {
        if layer.inputs == layer.outputs {
            format!("{}", layer.outputs)
        } else {
            format!("{}→{}", layer.inputs, layer.outputs)
        }
    };
    for layer in &e.layers {
        let spectrum = match (layer.rank, layer.sigma_max, layer.sigma_min) {
            (Some(rank), Some(max), Some(min)) => format!("  rank {rank}, σ {max:.3} … {min:.2e}"),
            (_, Some(max), _) => format!("  σ₁ {max:.3} (estimate)"),
            _ => String::new(),
        };
        let lost = if layer.lost > 0 { format!("  −{}", layer.lost) } else { String::new() };
        let name = format!("{} {}", layer.op, width(layer));
        row(&name, layer.left, &format!("{lost}{spectrum}"));
    }
    text
}

/// Sentences about the Jacobian.
pub fn jacobian_lines(e: &Explanation) -> Vec<String> {
    let j = &e.jacobian;
    let rows =
        if e.on_data { format!("{} rows of data", j.rows) } else { format!("{} samples of the box", j.rows) };
    let ranks = match &j.ranks[..] {
        [(rank, _)] => format!("the Jacobian has rank {rank} everywhere"),
        ranks => {
            let total = j.rows as f64;
            let parts: Vec<String> = ranks
                .iter()
                .rev()
                .take(6)
                .map(|(rank, count)| format!("{rank} ({:.1} %)", 100.0 * *count as f64 / total))
                .collect();
            format!("the Jacobian's rank is {}", parts.join(", "))
        }
    };
    let mut lines = vec![
        format!(
            "{ranks}: the inputs that share an output form a set of dimension {} (measured on {rows})",
            j.fibre_dimension
        ),
        format!(
            "σ₁ {:.3e} (from {:.3e} to {:.3e}), the smallest σ {:.3e} (from {:.3e} to {:.3e}) (measured on {rows})",
            j.sigma_max.median,
            j.sigma_max.least,
            j.sigma_max.largest,
            j.sigma_min.median,
            j.sigma_min.least,
            j.sigma_min.largest
        ),
    ];
    if let Some(condition) = &j.condition {
        lines.push(format!(
            "condition number {:.2e} (up to {:.2e}): relative errors of an output grow by up to this in the input (measured)",
            condition.median, condition.largest
        ));
    }
    if let Some(shared) = j.shared_null {
        lines.push(if shared == 0 {
            "no direction is invisible on all rows at once (measured)".into()
        } else {
            format!("{shared} directions are invisible on every row looked at (measured)")
        });
    }
    lines
}

/// Sentences about counting.
pub fn counting_lines(e: &Explanation) -> Vec<String> {
    let c = &e.counting;
    let mut lines = Vec::new();
    if c.input_bits > c.output_bits {
        lines.push(format!(
            "pigeonholes: {} bits of float32 go in, {} come out, so on average 2^{} inputs share an output (proved)",
            c.input_bits,
            c.output_bits,
            c.input_bits - c.output_bits
        ));
    }
    if let Some(pixels) = c.pixel_bits {
        let out = c.unit_output_bits.unwrap_or(c.output_bits as f64);
        lines.push(format!(
            "in 8-bit pixels {pixels} bits go in, and the outputs hold {out:.0} at most (proved)"
        ));
    }
    if let Some((distinct, rows)) = c.distinct_outputs {
        lines.push(format!(
            "the {rows} rows have {distinct} different outputs in float32 (measured on {rows} rows)"
        ));
    }
    lines
}

/// Sentences about the data's view.
pub fn data_lines(e: &Explanation, data: &crate::account::Recoverable) -> Vec<String> {
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let best = data.pca.map_or(String::new(), |pca| {
        format!(", the best {} dimensions for these rows {}", data.dimension, percent(pca))
    });
    let mut lines = vec![format!(
        "of a row's energy |x|², the outputs see {} ({} directions at each row); random directions would keep {}{best} (measured on {} rows)",
        percent(data.kept),
        data.dimension,
        percent(data.random),
        data.rows
    )];
    if data.classes.len() > 1 && data.classes.len() <= 64 {
        let parts: Vec<String> =
            data.classes.iter().map(|c| format!("{}: {}", c.class, percent(c.kept))).collect();
        lines.push(format!("by class: {} (measured)", parts.join("  ")));
    }
    if let Some(decoder) = &data.decoder {
        lines.push(format!(
            "how well any inverse could do: mean squared error an input at most {:.4}, reached on {} held-out rows by a decoder fitted to {} ({:.4} for one that always says the mean) (measured)",
            decoder.upper, decoder.held_out, decoder.fitted_on, decoder.baseline
        ));
        lines.push(format!(
            "and at least: every decoder as smooth as that one (Lipschitz constant {:.3}) misses these rows by {:.3} on average; the fitted one by {:.3} (proved for these rows)",
            decoder.lipschitz, decoder.lower_distance, decoder.upper_distance
        ));
    }
    let _ = e;
    lines
}

/// Sentences about one input.
pub fn point_lines(at: &AtPoint) -> Vec<String> {
    let sigma = |at: &AtPoint| {
        let (first, last) = (at.singular_values.first(), at.singular_values.last());
        match (first, last) {
            (Some(first), Some(last)) => format!("σ from {first:.3e} to {last:.3e}"),
            _ => String::new(),
        }
    };
    let mut lines = vec![
        format!("f(x) = {}", point(&at.y)),
        format!(
            "the Jacobian has rank {}, {}: {} directions do not move the output (computed)",
            at.rank,
            sigma(at),
            at.fibre_dimension
        ),
    ];
    let what = if at.restricted {
        format!("restricted to the {} directions that the outputs see here, x + R(Jᵀ), it", at.dimension)
    } else {
        "it".to_string()
    };
    if at.everywhere {
        lines.push(format!(
            "{what} is one-to-one on every ball that was tried (proved to radius {:.0e})",
            at.radius
        ));
    } else if at.radius > 0.0 {
        let modulus = at.modulus.filter(|m| m.is_finite()).map_or(String::new(), |m| {
            format!(", and outputs (before the tail) differ by at least {m:.2e} times what inputs do")
        });
        lines.push(format!("{what} is one-to-one within {:.4e} of x{modulus} (proved)", at.radius));
    } else {
        let why = at.refused.as_ref().map_or(String::new(), |why| format!(": {why}"));
        lines.push(format!("no ball around x is proved one-to-one{why}"));
    }
    if let Some(radius) = at.collision_radius {
        lines.push(format!("a collision lies within {radius:.4e} of x (proved)"));
    }
    lines
}

/// Sentences about clusters.
pub fn cluster_lines(c: &Clusters) -> Vec<String> {
    let mut lines = vec![format!(
        "{} groups of rows that share a {} and are joined by paths that keep it (paths checked at points, {} segments; measured on {} rows)",
        c.clusters.len(),
        c.kind,
        c.segments,
        c.rows
    )];
    let mut at = 0;
    while at < c.clusters.len() {
        let class = c.clusters[at].class;
        let own: Vec<_> = c.clusters[at..].iter().take_while(|cluster| cluster.class == class).collect();
        at += own.len();
        let shown: Vec<String> = own
            .iter()
            .take(4)
            .map(|cluster| {
                format!(
                    "{} rows ({:.1} %, for example row {})",
                    cluster.rows,
                    100.0 * cluster.share,
                    cluster.representative
                )
            })
            .collect();
        let more =
            if own.len() > 4 { format!(", and {} smaller ones", own.len() - 4) } else { String::new() };
        lines.push(format!("{} {class}: {}{more}", c.kind, shown.join(", ")));
    }
    if c.kind == "bin" {
        lines.push(format!(
            "bins end at {}",
            c.edges.iter().map(|e| format!("{e:.4}")).collect::<Vec<_>>().join(", ")
        ));
    }
    if !c.moving.is_empty() {
        let shown: Vec<String> = c.moving.iter().take(5).map(|s| format!("{:.1} %", 100.0 * s)).collect();
        lines.push(format!(
            "the outputs move along few directions of the inputs: the leading ones carry {}; {} directions do not move them at all (measured)",
            shown.join(", "),
            c.still
        ));
    }
    lines
}
