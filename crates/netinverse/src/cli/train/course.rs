//! What every family of `netinverse train` does alike: options to a recipe, training, files.

use std::path::{Path, PathBuf};
use std::time::Instant;

use netinverse_base::{Budget, Error, Place, Result, StopReason};
use netinverse_train::{Family, Keeping, Lesson, Optimizer, Recipe, Schedule, TrainReport};

use super::arguments::{CourseOptions, OptimizerName, StepOptions};
use crate::cli::Console;

/// The files that a run writes.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) network: PathBuf,
    pub(super) inverse: PathBuf,
}

impl Files {
    /// From `-o`.
    ///
    /// # Errors
    /// A name that does not end in `.onnx`, a folder that is not there: before any work.
    pub(super) fn of(path: &Path) -> Result<Self> {
        let at = || Place::Option("-o".into());
        if path.extension().is_none_or(|extension| !extension.eq_ignore_ascii_case("onnx")) {
            return Err(Error::input(format!("`{}` is not a name for a network", path.display()))
                .at(at())
                .hint("networks are written as `.onnx`"));
        }
        match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            Some(folder) if !folder.is_dir() => {
                Err(Error::input(format!("there is no folder `{}`", folder.display())).at(at()))
            }
            _ => Ok(Files { network: path.to_path_buf(), inverse: path.with_extension("inverse.onnx") }),
        }
    }
}

/// A run that has ended.
#[derive(Debug)]
pub(super) struct Course {
    pub(super) report: TrainReport,
    /// Of the training alone.
    pub(super) seconds: f64,
}

/// Trains as the options say.
pub(super) fn run(
    family: &mut dyn Family,
    lesson: &Lesson<'_>,
    held_out: Option<&Lesson<'_>>,
    options: &CourseOptions,
    budget: &Budget,
    console: &Console,
) -> Result<Course> {
    let recipe = recipe(&options.steps);
    let keeping = Keeping { checkpoint: options.checkpoint.clone(), patience: options.patience };
    let start = Instant::now();
    let report = family.train(lesson, held_out, &recipe, &keeping, budget, console)?;
    console.clear();
    Ok(Course { report, seconds: start.elapsed().as_secs_f64() })
}

/// Why it ended early, in words.
pub(super) fn stopped(report: &TrainReport) -> Option<&'static str> {
    report.stopped.map(|reason| match reason {
        StopReason::TimeLimit => "the time limit",
        StopReason::Cancelled => "Ctrl-C",
    })
}

/// Options as the trainer takes them.
pub(super) fn recipe(options: &StepOptions) -> Recipe {
    let (optimizer, usual) = match options.optimizer {
        OptimizerName::Adam => (Optimizer::Adam, 0.002),
        OptimizerName::Sgd => (Optimizer::Sgd { momentum: 0.9 }, 0.05),
    };
    Recipe {
        optimizer,
        rate: options.rate.unwrap_or(usual),
        schedule: Schedule::Cosine,
        epochs: options.epochs,
        batch: options.batch,
    }
}
