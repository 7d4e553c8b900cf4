//! Answers the questions of `inverse_design.py` and `min_norm.py`, which compare the answers with the peers'.
//!
//! ```text
//! points design  MODEL TARGETS BOUNDS COUNT OUT.npz     ten designs a target, as far apart as can be
//! points classes MODEL INPUTS DATA l2|linf|each OUT.npz [RACE]   the nearest input of another class (or of each other one)
//! ```
//!
//! TARGETS, BOUNDS (a row `lo,hi` an input) INPUTS and DATA (inputs to start from) are files of rows. Inputs of `classes` lie in [0, 1]. OUT.npz
//! has a line an answer (`row`, `x`) and a line a query (`evaluations`, `components`); seconds are of the solve alone.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::time::Instant;

use netinverse_base::{Budget, Error, Place, Result, ResultExt, Silent};
use netinverse_data::{Array, Rows, RowsOptions, Values, npz, read_rows};
use netinverse_invert::solve::{Domain, Goal, Norm, Options, Polyhedron, QueryResult, solve};
use netinverse_network::{Evaluator, Network};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["design", model, targets, bounds, count, out] => {
            let count = count.parse().map_err(|_| Error::input("COUNT is not a number"))?;
            design(&Network::read(model)?, &rows(targets)?, &rows(bounds)?, count, Path::new(out))
        }
        ["classes", model, inputs, data, how, out, ref race @ ..] if race.len() <= 1 => {
            let race = race.first().map(|race| race.parse()).transpose();
            let race = race.map_err(|_| Error::input("RACE is not a number of evaluations"))?;
            classes(&Network::read(model)?, &rows(inputs)?, &rows(data)?, how, race, Path::new(out))
        }
        _ => {
            Err(Error::input("the arguments are those of benches/inverse_design.py and benches/min_norm.py"))
        }
    }
}

fn rows(file: &str) -> Result<Rows> {
    read_rows(file, &RowsOptions::default())
}

fn design(network: &Network, targets: &Rows, bounds: &Rows, count: usize, out: &Path) -> Result<()> {
    let (lower, upper): (Vec<f64>, Vec<f64>) =
        (0..bounds.rows).map(|i| (bounds.row(i)[0], bounds.row(i)[1])).unzip();
    let diagonal = Norm::L2.distance(&lower, &upper, None);
    let centre: Vec<f64> = lower.iter().zip(&upper).map(|(l, u)| 0.5 * (l + u)).collect();
    let goals: Vec<Goal> =
        (0..targets.rows).map(|row| Goal::one(Polyhedron::point(targets.row(row)))).collect();
    let options =
        Options { count, separation: 0.05 * diagonal, starts: 3 * count + 3, ..Options::new(goals.len()) };
    let near = vec![centre; goals.len()];
    let domain = Domain::boxed(lower, upper);
    let start = Instant::now();
    let results = solve(network, &domain, &goals, &near, &options, &Budget::default(), &Silent);
    let seconds = start.elapsed().as_secs_f64();
    write(out, &results, targets.rows, network.input_size(), seconds)
}

fn classes(
    network: &Network,
    inputs: &Rows,
    data: &Rows,
    how: &str,
    race: Option<u64>,
    out: &Path,
) -> Result<()> {
    let (n, m) = (network.input_size(), network.output_size());
    let mut y = vec![0.0; inputs.rows * m];
    Evaluator::<f64>::new(network).forward(&inputs.values, &mut y);
    let own = y.chunks(m).map(|y| (0..m).fold(0, |best, k| if y[k] > y[best] { k } else { best }));
    let near = (0..inputs.rows).map(|row| inputs.row(row).to_vec());
    // A margin makes the answer win in f32 as well.
    let margin = 1e-5 * y.iter().fold(1.0f64, |most, value| most.max(value.abs()));
    let each = how == "each";
    let (mut goals, mut references) = (Vec::new(), Vec::new());
    for (own, near) in own.zip(near) {
        if each {
            for class in (0..m).filter(|&class| class != own) {
                goals.push(Goal::one(Polyhedron::class(class, m, margin)));
                references.push(near.clone());
            }
        } else {
            goals.push(Goal::other_class(own, m, margin));
            references.push(near);
        }
    }
    let norm = if how == "linf" { Norm::LInf } else { Norm::L2 };
    let data: Vec<Vec<f64>> = (0..data.rows).map(|row| data.row(row).to_vec()).collect();
    let mut options = Options { norm, data, restarts: 0, ..Options::new(goals.len()) };
    options.race = race.unwrap_or(Options::race(true));
    let domain = Domain::boxed(vec![0.0; n], vec![1.0; n]);
    let start = Instant::now();
    let results = solve(network, &domain, &goals, &references, &options, &Budget::default(), &Silent);
    let seconds = start.elapsed().as_secs_f64();
    write(out, &results, goals.len(), n, seconds)
}

fn write(out: &Path, results: &[QueryResult], queries: usize, n: usize, seconds: f64) -> Result<()> {
    let answers =
        || results.iter().enumerate().flat_map(|(row, result)| result.answers.iter().map(move |a| (row, a)));
    let x: Vec<f64> = answers().flat_map(|(_, answer)| answer.x.iter().copied()).collect();
    let row: Vec<i64> = answers().map(|(row, _)| row as i64).collect();
    let evaluations: Vec<i64> = results.iter().map(|result| result.evaluations.total() as i64).collect();
    let components: Vec<i64> = results.iter().map(|result| result.components as i64).collect();
    let count = row.len();
    let arrays = [
        ("x", Array::new(vec![count, n], Values::F64(x))?),
        ("row", Array::new(vec![count], Values::I64(row))?),
        ("evaluations", Array::new(vec![queries], Values::I64(evaluations))?),
        ("components", Array::new(vec![queries], Values::I64(components))?),
        ("seconds", Array::new(vec![1], Values::F64(vec![seconds]))?),
    ];
    let arrays: Vec<(&str, &Array)> = arrays.iter().map(|(name, array)| (*name, array)).collect();
    let file = File::create(out).map_err(|error| Error::io("the answers", &error)).at(|| Place::file(out))?;
    npz::write(&mut BufWriter::new(file), &arrays, false)
}
