//! The answer of `netinverse train sweep`: networks, what each reached with every seed, and which λ was chosen.

use netinverse_base::{Error, ErrorKind, Result};
use serde::Serialize;

/// As its JSON says it.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    pub(super) schema: &'static str,
    pub(super) version: &'static str,
    /// `done`, or `partial` where a limit came first: then later rows or seeds are missing.
    pub(super) status: &'static str,
    pub(super) source: String,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) samples: usize,
    pub(super) held_out: usize,
    pub(super) measured: usize,
    pub(super) measured_on: &'static str,
    pub(super) rows: Vec<Row>,
    pub(super) choice: Option<Choice>,
    /// Mean squared errors an input of principal components and of the mean.
    pub(super) pca_error: Option<f64>,
    pub(super) mean_error: Option<f64>,
    pub(super) seed: u64,
}

/// One network with what gives its inputs back: the means over the seeds, and the worst.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) lambda: Option<f32>,
    accuracy: Option<f64>,
    worst_accuracy: Option<f64>,
    accuracy_of_inverses: Option<f64>,
    reconstruction_error: f64,
    worst_reconstruction_error: f64,
    /// Of one training, on average.
    seconds: f64,
    pub(super) runs: Vec<Run>,
}

/// One training.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Run {
    pub(super) seed: u64,
    pub(super) rate: f32,
    pub(super) accuracy: Option<f64>,
    pub(super) accuracy_of_inverses: Option<f64>,
    pub(super) reconstruction_error: f64,
    /// The same on rows held out of those learned from: what choices are made by.
    pub(super) held_out_accuracy: Option<f64>,
    pub(super) held_out_error: Option<f64>,
    pub(super) seconds: f64,
    /// Inputs given back, for the page.
    #[serde(skip)]
    pub(super) shown: Vec<f32>,
}

/// The λ that the rows held out speak for, and what it comes to on those measured.
#[derive(Debug, Serialize)]
pub(super) struct Choice {
    pub(super) lambda: f32,
    /// The accuracy below the plain classifier's, on average and at worst, seed by seed.
    accuracy_cost: f64,
    worst_accuracy_cost: f64,
    /// The reconstruction error as a multiple of the autoencoder's, likewise.
    error_ratio: f64,
    worst_error_ratio: f64,
    /// The same as a multiple of principal components', at worst.
    worst_error_ratio_pca: Option<f64>,
}

const HEAD: [&str; 6] = ["network", "λ", "accuracy", "accuracy on g(f(x))", "error of g(f(x))", "seconds"];

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0usize), |(sum, count), value| (sum + value, count + 1));
    sum / count as f64
}

/// The mean, unless a value is missing.
fn mean_of(runs: &[Run], value: impl Fn(&Run) -> Option<f64>) -> Option<f64> {
    let values: Option<Vec<f64>> = runs.iter().map(value).collect();
    values.filter(|values| !values.is_empty()).map(|values| mean(values.into_iter()))
}

impl Row {
    /// From at least one run.
    pub(super) fn new(name: &'static str, lambda: Option<f32>, runs: Vec<Run>) -> Self {
        let errors = || runs.iter().map(|run| run.reconstruction_error);
        let accuracy = mean_of(&runs, |run| run.accuracy);
        Row {
            name,
            lambda,
            accuracy,
            worst_accuracy: accuracy
                .map(|_| runs.iter().filter_map(|run| run.accuracy).fold(f64::INFINITY, f64::min)),
            accuracy_of_inverses: mean_of(&runs, |run| run.accuracy_of_inverses),
            reconstruction_error: mean(errors()),
            worst_reconstruction_error: errors().fold(0.0, f64::max),
            seconds: mean(runs.iter().map(|run| run.seconds)),
            runs,
        }
    }

    /// For a chart.
    pub(super) fn label(&self) -> String {
        match self.lambda {
            Some(0.0) => "plain, λ = 0".into(),
            Some(lambda) => format!("λ = {lambda}"),
            None => self.name.to_string(),
        }
    }

    pub(super) fn error(&self) -> f64 {
        self.reconstruction_error
    }

    /// The mean over the seeds and, of several, the worst in brackets.
    fn words(&self) -> [String; 6] {
        let with_worst = |mean: f64, worst: f64| match self.runs.len() {
            1 => format!("{mean:.4}"),
            _ => format!("{mean:.4} ({worst:.4})"),
        };
        let share = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.4}"));
        [
            self.name.to_string(),
            self.lambda.map_or("-".into(), |lambda| lambda.to_string()),
            self.accuracy.zip(self.worst_accuracy).map_or("-".into(), |(m, w)| with_worst(m, w)),
            share(self.accuracy_of_inverses),
            with_worst(self.reconstruction_error, self.worst_reconstruction_error),
            format!("{:.0}", self.seconds),
        ]
    }
}

impl Run {
    /// For the log.
    pub(super) fn line(&self, label: &str) -> String {
        let share = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.4}"));
        format!(
            "seed {}, {label}, rate {}: accuracy {}, error {:.4}; held out {}, {}; {:.0} s",
            self.seed,
            self.rate,
            share(self.accuracy),
            self.reconstruction_error,
            share(self.held_out_accuracy),
            share(self.held_out_error),
            self.seconds
        )
    }
}

impl Choice {
    /// Of the rows whose accuracy on the rows held out is at most `cost` below that of the plain classifier, the one that
    /// gives those rows back best; the one of the smallest λ where the accuracy of none is. Means over seeds decide.
    pub(super) fn of(rows: &[Row], cost: f64, pca_error: Option<f64>) -> Option<Self> {
        let held_accuracy = |row: &Row| mean_of(&row.runs, |run| run.held_out_accuracy);
        let held_error = |row: &Row| mean_of(&row.runs, |run| run.held_out_error);
        let plain = rows.iter().find(|row| row.lambda == Some(0.0))?;
        let yardstick = rows.iter().find(|row| row.lambda.is_none())?;
        let least = held_accuracy(plain)? - cost;
        let candidates = || rows.iter().filter(|row| row.lambda.is_some_and(|lambda| lambda > 0.0));
        let fit = candidates().filter(|row| held_accuracy(row).is_some_and(|accuracy| accuracy >= least));
        let best =
            fit.min_by(|a, b| held_error(a).partial_cmp(&held_error(b)).unwrap_or(std::cmp::Ordering::Equal));
        let chosen = best.or_else(|| {
            candidates().min_by(|a, b| a.lambda.partial_cmp(&b.lambda).unwrap_or(std::cmp::Ordering::Equal))
        })?;
        let costs: Vec<f64> = chosen
            .runs
            .iter()
            .zip(&plain.runs)
            .filter_map(|(own, plain)| Some(plain.accuracy? - own.accuracy?))
            .collect();
        let pairs = chosen.runs.iter().zip(&yardstick.runs);
        let ratios: Vec<f64> =
            pairs.map(|(own, other)| own.reconstruction_error / other.reconstruction_error).collect();
        let worst = |values: &[f64]| values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Some(Choice {
            lambda: chosen.lambda?,
            accuracy_cost: mean(costs.iter().copied()),
            worst_accuracy_cost: worst(&costs),
            error_ratio: mean(ratios.iter().copied()),
            worst_error_ratio: worst(&ratios),
            worst_error_ratio_pca: pca_error.map(|pca| chosen.worst_reconstruction_error / pca),
        })
    }

    fn text(&self, outputs: usize) -> String {
        let pca = self
            .worst_error_ratio_pca
            .map_or(String::new(), |ratio| format!(", at worst {ratio:.2} times that of PCA-{outputs}"));
        format!(
            "\nThe rows held out speak for λ = {}: {:.2} points (worst {:.2}) below the plain classifier, {:.2} times (worst {:.2}) \
             the autoencoder's error{pca}.\n",
            self.lambda,
            100.0 * self.accuracy_cost,
            100.0 * self.worst_accuracy_cost,
            self.error_ratio,
            self.worst_error_ratio
        )
    }
}

impl Answer {
    pub(super) const HEAD: [&str; 6] = HEAD;

    pub(super) fn table(&self) -> Vec<Vec<String>> {
        self.rows.iter().map(|row| row.words().to_vec()).collect()
    }

    /// A table that a page in Markdown takes as it is.
    pub(super) fn text(&self) -> String {
        let mut lines = vec![format!("| {} |", HEAD.join(" | ")), "|---|---|---|---|---|---|".to_string()];
        lines.extend(self.table().iter().map(|row| format!("| {} |", row.join(" | "))));
        let yardsticks =
            [(format!("PCA-{}", self.outputs), self.pca_error), ("the mean".into(), self.mean_error)];
        for (name, error) in yardsticks {
            lines.extend(error.map(|error| format!("| {name} | - | - | - | {error:.4} | - |")));
        }
        let choice = self.choice.as_ref().map_or(String::new(), |choice| choice.text(self.outputs));
        lines.join("\n") + "\n" + &choice
    }

    pub(super) fn json(&self) -> Result<String> {
        let text = serde_json::to_string_pretty(self);
        text.map(|text| text + "\n").map_err(|error| Error::new(ErrorKind::Io, error.to_string()))
    }
}
