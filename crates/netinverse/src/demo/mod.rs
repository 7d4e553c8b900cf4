//! The thread's experiment, end to end: is there an inverse of `f(x) = σ(xW + b)`, 784 → 10, and what became of the 5?
//!
//! [`run`] trains the classifier, its reverse and a judge, and measures everything that the thread says about them. What
//! comes out is a [`Demo`]: the numbers ([`Summary`]), the page with the pictures, and the networks.

mod measure;
mod networks;
mod page;
mod plausible;
mod reverse;
mod summary;
mod table;

use std::time::Instant;

use netinverse_base::{Budget, Progress, Result};
use netinverse_data::digits::{Digits, Source};
use netinverse_network::Network;

pub use summary::{BoxNearest, Determinant, Pigeonholes, Plausible, Reverse, Spectrum, Summary, Twins};

/// What the demo gives.
#[derive(Debug, Clone)]
pub struct Demo {
    /// The numbers.
    pub summary: Summary,
    /// The report, a self-contained page.
    pub html: String,
    /// The table for the terminal.
    pub table: String,
    /// f: 784 → 10.
    pub classifier: Network,
    /// g: 10 → 784.
    pub reverse: Network,
}

/// Runs the experiment on these digits.
///
/// # Errors
/// Digits without a class; a budget that ends before there is a result.
pub fn run(digits: &Digits, budget: &Budget, progress: &dyn Progress) -> Result<Demo> {
    let begin = Instant::now();
    networks::check(digits)?;
    let (classifier, train_accuracy, accuracy) = networks::classifier(digits, budget, progress)?;
    let reverse = networks::reverse(digits, budget, progress)?;
    let (judge, judge_accuracy) = networks::judge(digits, budget, progress)?;

    progress.stage("measuring", None);
    let measured = measure::measure(&classifier, digits, budget)?;
    let plausible = plausible::plausible(&classifier, &judge, digits, &measured, budget)?;
    let reversed = reverse::measure(&reverse, digits, budget)?;

    let mut summary = Summary {
        schema: "netinverse.demo/1",
        data: digits.source.name(),
        train_digits: digits.train.len(),
        test_digits: digits.test.len(),
        seed: budget.seed(),
        seconds: 0.0,
        accuracy,
        train_accuracy,
        naive_relative_error: measured.naive_error,
        naive_relative_error_mean: measured.naive_error_mean,
        label_recovery: measured.label_recovery,
        output_recovery_error: measured.output_recovery_error,
        clip_margins: measured.clip_margins,
        energy_kept_mean: measured.energy.0,
        energy_kept_random: measured.energy.1,
        energy_kept_pca: measured.energy.2,
        energy_kept_per_class: measured.energy_per_class.clone(),
        restricted_relative_error: measured.restricted.logits,
        restricted_relative_error_f64_output: measured.restricted.f64_output,
        restricted_bound_f64_output: measured.restricted.f64_bound,
        restricted_relative_error_f32_output: measured.restricted.f32_output,
        restricted_bound_f32_output: measured.restricted.f32_bound,
        saturated_outputs: measured.restricted.saturated,
        twins: measured.twins.clone(),
        spectrum: measured.spectrum.clone(),
        pigeonhole: measured.pigeonhole.clone(),
        box_nearest: measured.box_nearest.clone(),
        plausible: plausible.numbers.clone(),
        judge_accuracy,
        reverse_label_recovery: reversed.label_recovery,
        reverse: reversed.numbers.clone(),
        answer: String::new(),
    };
    summary.answer = answer(&summary);
    summary.seconds = begin.elapsed().as_secs_f64();
    let html = page::page(&summary, digits.source, &measured, &plausible, &reversed);
    let table = table::table(&summary);
    Ok(Demo { summary, html, table, classifier: classifier.network, reverse: reverse.network })
}

/// What the digits are, wherever they are named.
pub(crate) fn described(source: Source) -> &'static str {
    match source {
        Source::Mnist => "MNIST digits",
        Source::Generated => "generated digits (drawn by netinverse, not MNIST)",
    }
}

/// Three commands to try on the demo's own networks.
pub fn commands(classifier: &str, reverse: &str) -> String {
    format!(
        "netinverse inspect {classifier}\n\
         netinverse invert {classifier} --class 3 --margin 0.5 --bounds 0,1 -o three.png\n\
         netinverse invert {reverse} --maximize \"y406 - y0\" --bounds 0,1\n"
    )
}

/// The answer to the thread, in two sentences.
fn answer(summary: &Summary) -> String {
    format!(
        "f has no inverse, because ten outputs cannot hold 784 pixels: its pseudo-inverse gives every label back \
         ({:.0} %) but only {:.0} % of a digit's energy, the part in the {}-dimensional column space of W, where it is a \
         true inverse. The other way round works because ten numbers become 784 and nothing is lost, and all that the \
         reverse network knows is {} images.",
        100.0 * summary.label_recovery,
        100.0 * summary.energy_kept_mean,
        summary.spectrum.rank,
        summary.reverse.distinct_images,
    )
}
