//! The report: each remark of the thread with its number and its picture.

use netinverse_data::digits::{SIDE, Source};
use netinverse_report::{Bars, Lines, Page, Picture, Section};

use super::measure::Measured;
use super::plausible::PlausibleImages;
use super::reverse::Reversed;
use super::{Summary, described, table};

/// Pixels of the screen for one of a digit's.
const ENLARGED: usize = 6;

pub(super) fn page(
    summary: &Summary,
    source: Source,
    measured: &Measured,
    plausible: &PlausibleImages,
    reversed: &Reversed,
) -> String {
    let lead = format!(
        "Someone trained f(x) = σ(xW + b), 784 → 10, on handwritten digits, undid the sigmoid, multiplied by pinv(W), and did \
         not get their 5 back; the other way round, 10 → 784, it worked every time. Here is the experiment on {} {}, and why.",
        summary.train_digits + summary.test_digits,
        described(source)
    );
    let mut page = Page::new("Is there an inverse of a neural network?", lead);
    page.push(Section::new("The answer").finding(&summary.answer));
    page.push(failure(summary, measured));
    page.push(labels(summary));
    page.push(lost(summary, measured));
    page.push(restricted(summary));
    page.push(twins(summary, measured));
    page.push(spectrum(summary));
    page.push(pigeonhole(summary));
    page.push(nearest(summary, measured));
    page.push(prior(summary, plausible));
    page.push(other_way(summary, reversed));
    page.push(next());
    page.footer(format!(
        "netinverse {} · {} · seed {} · {:.1} s. The numbers are in report.json beside this page.",
        env!("CARGO_PKG_VERSION"),
        described(source),
        summary.seed,
        summary.seconds
    ));
    page.html()
}

fn digit(pixels: &[f64]) -> Picture {
    Picture::grey(SIDE, SIDE, pixels).enlarged(ENLARGED)
}

/// The values stretched so that the least is black and the largest white, as plotting libraries show a matrix.
fn stretched(pixels: &[f64]) -> Picture {
    let low = pixels.iter().copied().fold(f64::INFINITY, f64::min);
    let high = pixels.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let values: Vec<f64> = pixels.iter().map(|v| (v - low) / (high - low).max(f64::MIN_POSITIVE)).collect();
    digit(&values)
}

fn signed(pixels: &[f64]) -> Picture {
    let limit = pixels.iter().fold(0.0f64, |limit, v| limit.max(v.abs()));
    Picture::signed(SIDE, SIDE, pixels, limit).enlarged(ENLARGED)
}

fn row(images: &[Vec<f64>]) -> Picture {
    let pictures: Vec<Picture> = images.iter().map(|image| Picture::grey(SIDE, SIDE, image)).collect();
    Picture::sheet(&pictures, 10, 2).enlarged(2)
}

fn stretched_row(images: &[Vec<f64>]) -> Picture {
    let pictures: Vec<Picture> = images
        .iter()
        .map(|image| {
            let limit = image.iter().fold(0.0f64, |limit, v| limit.max(v.abs()));
            Picture::signed(SIDE, SIDE, image, limit)
        })
        .collect();
    Picture::sheet(&pictures, 10, 2).enlarged(2)
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn failure(summary: &Summary, measured: &Measured) -> Section {
    Section::new("The thread's failure")
        .text(&format!(
            "The network gets {} of {} test digits right. Undo the sigmoid, multiply by the pseudo-inverse of W: the result is {:.2} \
             times the digit's length away from it (mean over the test digits: {:.2}).",
            percent(summary.accuracy),
            summary.test_digits,
            summary.naive_relative_error,
            summary.naive_relative_error_mean
        ))
        .pictures(&[
            (&digit(&measured.five), "x: a test digit".into()),
            (&stretched(&measured.naive), "f⁺(f(x)), stretched to black and white as the thread saw it".into()),
            (&signed(&measured.naive), "the same, signed: orange above zero, blue below".into()),
        ])
}

fn labels(summary: &Summary) -> Section {
    Section::new("Yet the inverse is right: every label comes back")
        .text(&format!(
            "Put f⁺(y) into the network and its output is y again: {} of the labels, outputs equal to {:.1e}. W has full column \
             rank, so every output has an exact preimage; it is only not the digit that one began with. Float32 outputs within {:.1e} of 0 \
             and {:.1e} of 1 are clipped before the logit.",
            percent(summary.label_recovery),
            summary.output_recovery_error,
            summary.clip_margins[0],
            summary.clip_margins[1]
        ))
}

fn lost(summary: &Summary, measured: &Measured) -> Section {
    let bars = Bars {
        scale: "share of |x|² inside the column space of W".into(),
        bars: (0..10).map(|class| (format!("digit {class}"), summary.energy_kept_per_class[class])).collect(),
        marks: vec![
            ("random 10".into(), summary.energy_kept_random),
            ("PCA-10".into(), summary.energy_kept_pca),
        ],
    };
    Section::new("What was lost")
        .text(
            "A digit is the sum of two parts: one in the column space of W, which the network sees, and one at right angles to it, which \
             changes nothing in the output. The pseudo-inverse gives the first part back exactly and sets the second to zero.",
        )
        .finding(&format!(
            "{} of a digit's energy is kept. A random 10-dimensional space keeps {}; the best possible one, ten principal components, {}.",
            percent(summary.energy_kept_mean),
            percent(summary.energy_kept_random),
            percent(summary.energy_kept_pca)
        ))
        .pictures(&[
            (&digit(&measured.five), "the digit".into()),
            (&signed(&measured.kept), "the part that is kept".into()),
            (&signed(&measured.lost), "the part that is lost: the sum of the two is the digit".into()),
        ])
        .chart(&bars.svg(), "Energy kept, by digit; dashed: a random space, and the most that any W could keep.")
}

fn restricted(summary: &Summary) -> Section {
    Section::new("On a restricted domain it is a true inverse")
        .text(
            "The thread's answer said: restrict the inputs to the column space, and the pseudo-inverse is the inverse. Project every test \
             digit first, send it through f and back:",
        )
        .table(
            &["through", "largest relative error", "bound from rounding"],
            &[
                vec!["the logits, float64".into(), format!("{:.1e}", summary.restricted_relative_error), "≤ 1e-12 asked".into()],
                vec![
                    "the outputs, float64".into(),
                    format!("{:.1e}", summary.restricted_relative_error_f64_output),
                    format!("{:.1e}", summary.restricted_bound_f64_output),
                ],
                vec![
                    "the outputs, float32".into(),
                    format!("{:.1e}", summary.restricted_relative_error_f32_output),
                    format!("{:.1e}", summary.restricted_bound_f32_output),
                ],
            ],
        )
        .text(&format!(
            "The sigmoid multiplies the rounding of an output near 1 by e^z: what it flattens, float32 forgets. {} float32 outputs were \
             exactly 0 or 1; digits with such an output are left out of the last two rows.",
            summary.saturated_outputs
        ))
}

fn twins(summary: &Summary, measured: &Measured) -> Section {
    let difference: Vec<f64> = measured.twin.iter().zip(&measured.five).map(|(a, b)| a - b).collect();
    Section::new("The null space made visible")
        .text(&format!(
            "For every image there are {} directions in which it can change without the network noticing. Both images below lie in \
             [0,1]^784; they are {:.1} apart (the first has length {:.1}), and their ten outputs agree to {:.1e}. The network calls both a {}.",
            summary.twins.null_space_dimension,
            summary.twins.distance,
            summary.twins.norm,
            summary.twins.output_gap,
            summary.twins.label
        ))
        .pictures(&[
            (&digit(&measured.five), "x₁: the digit".into()),
            (&digit(&measured.twin), format!("x₂: as near as possible to a {}, same output as x₁", summary.twins.looks_like)),
            (&digit(&measured.wanted), format!("the {} that x₂ was to look like", summary.twins.looks_like)),
            (&signed(&difference), "x₂ − x₁: invisible to the network".into()),
        ])
}

fn spectrum(summary: &Summary) -> Section {
    let lines = Lines {
        horizontal: "singular value 1 to 10 of W".into(),
        vertical: "size".into(),
        lines: vec![("σᵢ(W)".into(), summary.spectrum.singular_values.clone())],
        logarithmic: false,
    };
    let rows: Vec<Vec<String>> = summary
        .spectrum
        .determinants
        .iter()
        .map(|d| {
            vec![
                d.precision.into(),
                table::determinant(d),
                d.inverse_error.map_or("no inverse found".into(), |error| format!("{error:.1e}")),
            ]
        })
        .collect();
    Section::new("The determinant that is slightly bigger than 0")
        .text(&format!(
            "W Wᵀ is {0} × {0} and has rank {1}: its determinant is 0. Floating point prints something tiny instead, and then returns an \
             inverse that is none. What decides is the spectrum: {1} singular values far from zero, the others zero to rounding.",
            summary.spectrum.size, summary.spectrum.rank
        ))
        .table(&["precision", "computed determinant", "largest |A·inv(A) − I|"], &rows)
        .chart(&lines.svg(), "The spectrum of W: no singular value is small, so undoing it is well conditioned.")
}

fn pigeonhole(summary: &Summary) -> Section {
    let p = &summary.pigeonhole;
    Section::new("Pigeonholes, counted")
        .text(&format!(
            "As the thread counts: {} bits of float32 inputs against {} bits of outputs. Fairer: a picture of 784 bytes has {} bits, ten \
             float32 numbers in [0,1] have {:.0}; so on average 2^{:.0} pictures share one output. The {} different test pictures nevertheless \
             have {} different outputs: that there are collisions does not mean that digits collide.",
            p.float_input_bits,
            p.float_output_bits,
            p.pixel_input_bits,
            p.unit_output_bits,
            p.pictures_per_output_bits,
            p.distinct_pictures,
            p.distinct_outputs
        ))
}

fn nearest(summary: &Summary, measured: &Measured) -> Section {
    let b = &summary.box_nearest;
    let certificate = if b.unreachable_certificate_verified {
        "For outputs that no image has, the solver returns a certificate; one was made here and checked again in interval arithmetic."
    } else {
        "No unreachable output was met here, so no certificate was made."
    };
    Section::new("The nearest image")
        .text(&format!(
            "Pixels lie between 0 and 1. This is the image nearest to the mean digit with exactly the output of the 5: relative residual \
             {:.1e}, optimality error {:.1e}, {} pixels strictly inside. {certificate}",
            b.residual, b.kkt_error, b.free_pixels
        ))
        .pictures(&[
            (&digit(&measured.five), "the 5".into()),
            (&digit(&measured.nearest), "the image nearest to the mean with the same output".into()),
        ])
}

fn prior(summary: &Summary, plausible: &PlausibleImages) -> Section {
    let rows: Vec<Vec<String>> = summary
        .plausible
        .iter()
        .map(|p| {
            vec![
                p.label.to_string(),
                format!("{:.2}", p.digit_distance),
                format!("{:.2}", p.naive_distance),
                format!("{:.2}", p.plausible_distance),
                percent(p.judge[0]),
                percent(p.judge[1]),
                percent(p.judge[2]),
                format!("{:.0e}", p.output_gap),
            ]
        })
        .collect();
    Section::new("Images that look like digits, and flickering pixels")
        .text(
            "The thread: whatever tells them apart must know what digits are. A Gaussian fitted to training digits of the class is such \
             knowledge, and gives the most plausible image in closed form. Below, each with the same ten outputs: the digit, the \
             minimum-norm inverse, the most plausible image in the box.",
        )
        .pictures(&[(&row(&plausible.digits), "ten test digits".into())])
        .pictures(&[(&stretched_row(&plausible.naive), "their minimum-norm inverses (signed)".into())])
        .pictures(&[(&row(&plausible.plausible), "their most plausible inverses in [0,1]^784".into())])
        .table(
            &["digit", "distance to real digits: itself", "naive", "plausible", "judge: itself", "naive", "plausible", "output gap"],
            &rows,
        )
        .text(&format!(
            "Both judges are independent of the Gaussian and of f: the mean distance to the 5 nearest held-out digits, all \
             scaled to length 1 (0 for the same picture, 1.41 for one without a common pixel), and the probability \
             that a network of its own (784-64-10, {} right) gives the class.",
            percent(summary.judge_accuracy)
        ))
}

fn other_way(summary: &Summary, reversed: &Reversed) -> Section {
    let r = &summary.reverse;
    Section::new("The other way round")
        .text(&format!(
            "Train 10 → 784 instead and invert that: {} of the labels come back, and so does any real y in [0,1]^10, to {:.1e}. Its W is 10 × \
             784 and has full row rank: ten numbers are spread over 784 and collected again, nothing is lost.",
            percent(summary.reverse_label_recovery),
            r.random_recovery_error
        ))
        .finding(&format!(
            "The claim that 784 → 10 collapses too much is not odd: the 10 → 784 network reproduces {} images, the class means (largest mean \
             squared difference {:.4} a pixel), and {:.1} % of the variance inside a class. It fits ten points with ten numbers.",
            r.distinct_images,
            r.distance_to_class_means,
            100.0 * r.within_class_explained.max(0.0)
        ))
        .pictures(&[(&row(&reversed.images), "all the images that it can make from a label".into())])
        .pictures(&[(&row(&reversed.means), "the class means of the test digits".into())])
}

fn next() -> Section {
    Section::new("Try it")
        .text("The two networks are beside this page.")
        .command(&super::commands("classifier.onnx", "reverse.onnx"))
}
