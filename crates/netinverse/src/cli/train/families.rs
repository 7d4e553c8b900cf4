//! `netinverse train autoencoder`, `classifier` and `surjective`.

use netinverse_base::{Budget, Place, Result, ResultExt as _};
use netinverse_train::{Coder, EncoderDecoder, Family as _, Lesson, Objective, RowSpace, Surjective};

use super::answer::{Measure, Trained, finish};
use super::arguments::{AutoencoderOptions, ClassifierOptions, CourseOptions, SurjectiveOptions};
use super::course::{self, Course, Files};
use super::samples::Samples;
use super::yardsticks;
use crate::cli::{Console, Outcome, budget};

pub(super) fn autoencoder(options: &AutoencoderOptions, console: &Console) -> Result<Outcome> {
    let budget = budget(&options.course.limits)?;
    let files = Files::of(&options.course.output)?;
    let samples = Samples::read(&options.samples, options.course.patience, None, &budget)?;
    let sizes = options.layers.sizes(&samples, options.code);
    let mut family =
        EncoderDecoder::autoencoder(&sizes, budget.seed()).at(|| Place::Option("--code".into()))?;
    encoder_decoder("autoencoder", &mut family, &samples, &options.course, &files, &budget, console)
}

pub(super) fn classifier(options: &ClassifierOptions, console: &Console) -> Result<Outcome> {
    let budget = budget(&options.course.limits)?;
    let files = Files::of(&options.course.output)?;
    let samples = Samples::read(&options.samples, options.course.patience, None, &budget)?;
    let classes = samples.classes(options.classes)?;
    if let Some(lambda) = options.row_space {
        let mut family = RowSpace::new(samples.inputs, classes, lambda, budget.seed())
            .at(|| Place::Option("--row-space".into()))?;
        return row_space(&mut family, classes, &samples, &options.course, &files, &budget, console);
    }
    let sizes = options.layers.sizes(&samples, classes);
    let lambda = options.invertible.unwrap_or(0.0);
    let mut family = EncoderDecoder::classifier(&sizes, lambda, budget.seed())
        .at(|| Place::Option("--invertible".into()))?;
    let name = "invertible classifier";
    encoder_decoder(name, &mut family, &samples, &options.course, &files, &budget, console)
}

pub(super) fn surjective(options: &SurjectiveOptions, console: &Console) -> Result<Outcome> {
    let budget = budget(&options.course.limits)?;
    let files = Files::of(&options.course.output)?;
    let samples = Samples::read(&options.samples, options.course.patience, None, &budget)?;
    let classes = samples.classes(options.classes)?;
    let sizes = options.layers.sizes(&samples, classes);
    let mut family =
        Surjective::classifier(&sizes, options.lambda, options.output_size, budget.seed()).at(|| {
            Place::Option(if options.lambda >= 0.0 { "--classes, --output-size" } else { "--lambda" }.into())
        })?;
    let name = "surjective classifier";
    let outcome = encoder_decoder(name, &mut family, &samples, &options.course, &files, &budget, console)?;
    let fibre = files.network.with_extension("fibre.onnx");
    family.fibre()?.write(&fibre)?;
    console.line(&format!("written: {}", fibre.display()));
    Ok(outcome)
}

/// Trains on the samples, judged by those held out.
pub(super) fn on_samples(
    family: &mut dyn Coder,
    samples: &Samples,
    objective: &Objective<'_>,
    options: &CourseOptions,
    budget: &Budget,
    console: &Console,
) -> Result<Course> {
    let held = samples.held_out.as_ref();
    let held = held.map(|set| (set, family.objective(&set.x, set.labels.as_deref())));
    let held = held.as_ref().map(|(set, objective)| Lesson { x: &set.x, objective });
    let lesson = Lesson { x: &samples.train.x, objective };
    course::run(family, &lesson, held.as_ref(), options, budget, console)
}

/// Trains a network and what gives its inputs back, and measures both.
fn encoder_decoder(
    name: &'static str,
    family: &mut dyn Coder,
    samples: &Samples,
    options: &CourseOptions,
    files: &Files,
    budget: &Budget,
    console: &Console,
) -> Result<Outcome> {
    let trained = family.objective(&samples.train.x, samples.train.labels.as_deref());
    let course = on_samples(family, samples, &trained, options, budget, console)?;
    let (f, g) = (family.network()?, family.inverse()?);
    f.write(&files.network)?;
    g.write(&files.inverse)?;

    let (set, _) = samples.measured();
    let y = yardsticks::outputs(&f, &set.x);
    let back = yardsticks::outputs(&g, &y);
    let again = yardsticks::outputs(&f, &back);
    let m = f.output_size();
    let mut measures = Vec::new();
    let parts = trained.parts();
    if let (Some(labels), true) = (&set.labels, parts.len() > 1) {
        measures.push(Measure::new("accuracy", yardsticks::accuracy(&y, labels), "accuracy"));
        let kept = yardsticks::accuracy(&again, labels);
        measures.push(Measure::new(
            "accuracy_of_inverses",
            kept,
            "accuracy on the inputs given back, g(f(x))",
        ));
    }
    let error = yardsticks::mean_square(&back, &set.x);
    measures.push(Measure::new(
        "reconstruction_error",
        error,
        format!("mean squared error an input of g(f(x)), from {m} numbers"),
    ));
    if let Some((mean, components)) = yardsticks::by_components(samples, m)? {
        let text = format!("the same of PCA-{m}, the best linear code of that width");
        measures.push(Measure::new("pca_error", components, text));
        measures.push(Measure::new("mean_error", mean, "the same of the mean, from no number"));
    }
    let relative = yardsticks::relative(&again, &y);
    measures.push(Measure::new("round_trip", relative, "relative error of f(g(y)) for y = f(x)"));
    let terms: Vec<&'static str> = parts.iter().map(|part| part.name).collect();
    let trained = Trained {
        name,
        family,
        terms: &terms,
        measures,
        network: Some(&files.network),
        inverse: &files.inverse,
        sizes: (samples.inputs, m),
    };
    finish(trained, &course, samples, options, console)
}

/// Trains a single layer with the penalty, and measures what its row space keeps.
fn row_space(
    family: &mut RowSpace,
    classes: usize,
    samples: &Samples,
    options: &CourseOptions,
    files: &Files,
    budget: &Budget,
    console: &Console,
) -> Result<Outcome> {
    let trained = family.objective(&samples.train.x, samples.train.labels.as_deref());
    let course = on_samples(family, samples, &trained, options, budget, console)?;
    let (f, g) = (family.network()?, family.inverse()?);
    f.write(&files.network)?;
    g.write(&files.inverse)?;

    let (set, _) = samples.measured();
    let y = yardsticks::outputs(&f, &set.x);
    let back = yardsticks::outputs(&g, &y);
    let again = yardsticks::outputs(&f, &back);
    let mut measures = Vec::new();
    if let Some(labels) = &set.labels {
        measures.push(Measure::new("accuracy", yardsticks::accuracy(&y, labels), "accuracy"));
    }
    if let Some((own, best)) = yardsticks::energy(samples, &family.matrix()?)? {
        measures.push(Measure::new("energy_kept", own, "share of the rows' energy in the row space"));
        let text = format!("the same of PCA-{classes}, the most that any {classes} dimensions keep");
        measures.push(Measure::new("energy_kept_pca", best, text));
        let random = classes as f64 / samples.inputs as f64;
        measures.push(Measure::new("energy_kept_random", random, "the same of random dimensions"));
    }
    let error = yardsticks::mean_square(&back, &set.x);
    measures.push(Measure::new(
        "reconstruction_error",
        error,
        "mean squared error an input of the shortest inverse, (f(x) - b) W⁺",
    ));
    let relative = yardsticks::relative(&again, &y);
    measures.push(Measure::new("round_trip", relative, "relative error of f(g(y)) for y = f(x)"));
    let trained = Trained {
        name: "single layer with a row-space penalty",
        family,
        terms: &["task", "outside"],
        measures,
        network: Some(&files.network),
        inverse: &files.inverse,
        sizes: (samples.inputs, classes),
    };
    finish(trained, &course, samples, options, console)
}
