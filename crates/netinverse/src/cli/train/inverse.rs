//! `netinverse train inverse`.

use netinverse_base::{Budget, Error, Place, Result, Rng};
use netinverse_network::{ImportOptions, Network};
use netinverse_train::{Family as _, LearnedInverse, Lesson, polish};

use super::answer::{Measure, Trained, finish};
use super::arguments::InverseOptions;
use super::course::{self, Files};
use super::samples::{self, Samples};
use super::yardsticks;
use crate::cli::{Console, Outcome, budget};

/// Rows that are polished at most.
const POLISHED: usize = 1000;
/// The random stream of inputs that are drawn.
const DRAW_STREAM: u64 = 0xD4A3;

pub(super) fn run(options: &InverseOptions, console: &Console) -> Result<Outcome> {
    let budget = budget(&options.course.limits)?;
    // Here the network that is written is the inverse.
    let file = Files::of(&options.course.output)?.network;
    let outputs = options.output_value.iter().cloned().collect();
    let import = ImportOptions { outputs, ..ImportOptions::default() };
    let network = Network::read_with(&options.model, &import)?;
    for warning in network.warnings() {
        console.line(&format!("note: {warning}"));
    }
    let bounds = bounds(options, &network)?;
    let samples = rows(options, &network, bounds.as_deref(), &budget)?;
    let mut family = LearnedInverse::new(
        &network,
        &samples.train.x,
        bounds.as_deref(),
        &options.layers.hidden.0,
        options.layers.activation.into(),
        options.beta,
        budget.seed(),
    )?;
    let trips = family.samples(&samples.train.x)?;
    let held = samples.held_out.as_ref().map(|set| family.samples(&set.x)).transpose()?;
    let objective = family.objective(&trips);
    let course = {
        let held = held.as_ref().map(|trips| (trips, family.objective(trips)));
        let held = held.as_ref().map(|(trips, objective)| Lesson { x: &trips.y, objective });
        let lesson = Lesson { x: &trips.y, objective: &objective };
        course::run(&mut family, &lesson, held.as_ref(), &options.course, &budget, console)?
    };
    let g = family.inverse()?;
    g.write(&file)?;

    let (set, _) = samples.measured();
    let y = yardsticks::outputs(&network, &set.x);
    let back = yardsticks::outputs(&g, &y);
    let again = yardsticks::outputs(&network, &back);
    let m = network.output_size();
    let misses: Vec<f64> = again
        .chunks(m)
        .zip(y.chunks(m))
        .map(|(a, b)| a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max))
        .collect();
    let mut measures = vec![Measure::new(
        "round_trip",
        yardsticks::relative(&again, &y),
        "relative error of f(g(y)) for y = f(x)",
    )];
    let text = ["largest |f(g(y)) - y| of a row: the median row".into(), "the same: the worst row".into()];
    measures.extend(median_and_worst(["residual_median", "residual_worst"], misses, text));
    if options.polish > 0 {
        let rows = set.rows.min(POLISHED);
        let wide =
            |values: &[f32], size: usize| values[..rows * size].iter().map(|&v| f64::from(v)).collect();
        let mut x: Vec<f64> = wide(&back, network.input_size());
        let y: Vec<f64> = wide(&y, m);
        let left = polish(&network, bounds.as_deref(), &mut x, &y, options.polish);
        let after = format!("after {} steps of Gauss-Newton, of {rows} rows", options.polish);
        let text = [format!("{after}: the median row"), format!("{after}: the worst row")];
        measures.extend(median_and_worst(["polished_median", "polished_worst"], left, text));
    }
    measures.push(Measure::new(
        "reconstruction_error",
        yardsticks::mean_square(&back, &set.x),
        "mean squared error an input of g(f(x))",
    ));
    let trained = Trained {
        name: "learned inverse",
        family: &family,
        terms: &["output", "input"],
        measures,
        network: None,
        inverse: &file,
        sizes: (network.input_size(), m),
    };
    finish(trained, &course, &samples, &options.course, console)
}

/// Of what is left of each row.
fn median_and_worst(names: [&'static str; 2], mut left: Vec<f64>, text: [String; 2]) -> [Measure; 2] {
    left.sort_by(f64::total_cmp);
    let [median, worst] = text;
    let last = left.len() - 1;
    [Measure::new(names[0], left[left.len() / 2], median), Measure::new(names[1], left[last], worst)]
}

/// An interval for each input, from the option or the network's file.
fn bounds(options: &InverseOptions, network: &Network) -> Result<Option<Vec<[f64; 2]>>> {
    let n = network.input_size();
    let Some(spec) = &options.bounds else {
        return Ok(network.input_bounds().map(<[[f64; 2]]>::to_vec));
    };
    samples::intervals(spec, n).map(Some)
}

/// The rows of `--data`, or inputs drawn in the bounds.
fn rows(
    options: &InverseOptions,
    network: &Network,
    bounds: Option<&[[f64; 2]]>,
    budget: &Budget,
) -> Result<Samples> {
    let n = network.input_size();
    if options.samples.data.is_some() {
        return Samples::read(&options.samples, options.course.patience, Some(n), budget);
    }
    let Some(bounds) = bounds else {
        return Err(Error::input("there are no inputs to learn from")
            .hint("give rows of inputs, `--data FILE`, or where to draw them, `--bounds LO,HI`"));
    };
    if options.draw < 2 {
        return Err(Error::input("training needs at least two samples").at(Place::Option("--draw".into())));
    }
    let mut rng = Rng::new(budget.seed(), DRAW_STREAM);
    let draw = |rng: &mut Rng| bounds.iter().map(|b| rng.range(b[0], b[1]) as f32).collect::<Vec<_>>();
    let x: Vec<f32> = (0..options.draw).flat_map(|_| draw(&mut rng)).collect();
    let source = "inputs drawn in the bounds".to_string();
    Samples::drawn(source, n, x, &options.samples, options.course.patience, budget)
}
