//! The table that the demo ends with in the terminal.

use std::fmt::Write as _;

use super::Summary;

/// The numbers that answer the thread, and the answer.
pub(super) fn table(summary: &Summary) -> String {
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let small = |value: f64| format!("{value:.1e}");
    let range = |values: &[f64]| {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        format!("{:.1} to {:.1} %", 100.0 * low, 100.0 * high)
    };
    let singular = &summary.spectrum.singular_values;
    let mean = |of: fn(&super::Plausible) -> f64| {
        summary.plausible.iter().map(of).sum::<f64>() / summary.plausible.len().max(1) as f64
    };
    let rows: Vec<(&str, String)> = vec![
        ("accuracy of f, 784 → 10", percent(summary.accuracy)),
        ("naive inverse of the 5, relative error", format!("{:.2}", summary.naive_relative_error)),
        ("labels back: f(f⁺(y)) = y", percent(summary.label_recovery)),
        (
            "energy of a digit in the column space of W",
            format!(
                "{} ({} by digit; random {}, PCA-10 {})",
                percent(summary.energy_kept_mean),
                range(&summary.energy_kept_per_class),
                percent(summary.energy_kept_random),
                percent(summary.energy_kept_pca)
            ),
        ),
        (
            "restricted inverse, relative error",
            format!(
                "{} from logits, {} through f64 outputs, {} through f32 ({} saturated)",
                small(summary.restricted_relative_error),
                small(summary.restricted_relative_error_f64_output),
                small(summary.restricted_relative_error_f32_output),
                summary.saturated_outputs
            ),
        ),
        (
            "two images, one output",
            format!(
                "{:.1} apart (the 5 has length {:.1}), outputs equal to {}",
                summary.twins.distance,
                summary.twins.norm,
                small(summary.twins.output_gap)
            ),
        ),
        (
            "singular values of W",
            format!(
                "{:.2} … {:.2}, rank {}, null space {}",
                singular.first().copied().unwrap_or(0.0),
                singular.last().copied().unwrap_or(0.0),
                summary.spectrum.rank,
                summary.twins.null_space_dimension
            ),
        ),
        (
            "\"det(W Wᵀ)\", which is 0",
            summary
                .spectrum
                .determinants
                .iter()
                .map(|d| format!("{}: {}", d.precision, determinant(d)))
                .collect::<Vec<_>>()
                .join(", "),
        ),
        (
            "pigeonholes",
            format!(
                "{} bits of pixels into {:.0} bits of outputs",
                summary.pigeonhole.pixel_input_bits, summary.pigeonhole.unit_output_bits
            ),
        ),
        (
            "nearest image in [0,1]^784",
            format!(
                "residual {}, optimality error {}",
                small(summary.box_nearest.residual),
                small(summary.box_nearest.kkt_error)
            ),
        ),
        (
            "distance to held-out digits, at length 1",
            format!(
                "digit {:.2}, plausible inverse {:.2}, naive inverse {:.2}",
                mean(|p| p.digit_distance),
                mean(|p| p.plausible_distance),
                mean(|p| p.naive_distance)
            ),
        ),
        (
            "the other way, 10 → 784: labels back",
            format!(
                "{}; random y to {}",
                percent(summary.reverse_label_recovery),
                small(summary.reverse.random_recovery_error)
            ),
        ),
        (
            "what it knows",
            format!(
                "{} images, {:.1} % of the variance within a class",
                summary.reverse.distinct_images,
                100.0 * summary.reverse.within_class_explained.max(0.0)
            ),
        ),
    ];
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let mut table = String::new();
    for (name, value) in rows {
        let pad = width - name.chars().count();
        let _ = writeln!(table, "  {name}{:pad$}  {value}", "");
    }
    table
}

/// The computed determinant, as a power of ten with its sign.
pub(super) fn determinant(determinant: &super::Determinant) -> String {
    match (determinant.sign, determinant.log10_magnitude) {
        (sign, Some(magnitude)) if sign != 0 => {
            format!("{}10^{magnitude:.0}", if sign < 0 { "−" } else { "" })
        }
        _ => "0".to_string(),
    }
}
