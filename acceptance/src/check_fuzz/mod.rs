//! Answers changed at random and checked: never a panic, and never `confirmed` where something is certainly false.

mod distances;
mod mutation;

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

use clap::Args;
use netinverse_answer::Model;
use netinverse_base::{Budget, Error, Result, Silent};
use netinverse_bounds::Bounder;
use netinverse_check::{Options as CheckOptions, Verdict as Checked, check};
use netinverse_network::{Evaluator, Network};
use netinverse_preimage::exact::{ExactAnswer, ExactOptions, exact_preimage};
use netinverse_preimage::{Asked, Goals, Paving, Plan, Question, solve};
use netinverse_train::{Activation, Mlp};
use serde_json::Value;

use crate::verdict::Verdict;
use mutation::{Random, Truth};

/// The condition that the networks' answers are about.
const CONDITION: &str = "y0 >= y1 && y0 >= y2";

/// A claim of a changed answer that is certainly false.
type Falsehood = fn(&[Value], &Truth, &mut Random) -> Option<String>;

#[derive(Args)]
pub(crate) struct Options {
    /// Changed answers, in all.
    #[arg(long, default_value_t = 20_000)]
    count: usize,
    /// Networks, each with its answers.
    #[arg(long, default_value_t = 20)]
    networks: usize,
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options { count: 20_000, networks: 20, seed: 1 }
    }
}

pub(crate) fn run(options: &Options) -> Result<Verdict> {
    let folder = tempfile::tempdir().map_err(|error| Error::io("a temporary folder", &error))?;
    let mut random = Random(options.seed);
    let (mut counts, mut panics, mut lies) = ([0usize; 4], 0usize, 0usize);
    for number in 0..options.networks.max(1) {
        let path = folder.path().join("net.onnx");
        let sizes = [2, 6 + number % 9, 4 + number % 7, 3];
        let network = Mlp::new(&sizes, Activation::Relu, Activation::Identity, options.seed + number as u64)?
            .network()?;
        network.write(&path)?;
        let evaluator = Evaluator::<f64>::new(&network);
        let rows = |x: &[f64]| {
            let mut y = vec![0.0; 3];
            evaluator.forward(x, &mut y);
            vec![y[0] - y[1], y[0] - y[2]]
        };
        let of_sets = paving(&path, number % 2 == 1)?;
        let volume = |side: &str| of_sets[0]["volume"][side].as_f64().unwrap_or(f64::NAN);
        let truth = Truth {
            rows: &rows,
            lower: vec![-1.0; 2],
            upper: vec![1.0; 2],
            volume: (volume("lower"), volume("upper")),
        };
        let of_distances = distances::proof(&path, CONDITION, number)?;
        let of_regions = exact_answer(&path)?;
        let answers: [(&str, &[Value], Falsehood); 3] = [
            ("answer.preimage", &of_sets, mutation::falsehood),
            ("exact.preimage", &of_regions, mutation::exact_falsehood),
            ("proof.jsonl", &of_distances, distances::falsehood),
        ];
        for (name, lines, falsehood) in answers {
            let asked = CheckOptions {
                answer: folder.path().join(name),
                model: path.clone(),
                condition: Some(CONDITION.into()),
                bounds: Some(vec![[-1.0, 1.0]]),
                ..CheckOptions::default()
            };
            for round in 0..options.count / (3 * options.networks.max(1)) {
                let mut changed = lines.to_vec();
                if round > 0 {
                    mutation::mutate(&mut changed, &mut random);
                }
                let ending: Option<mutation::Hash> =
                    if name.ends_with("preimage") { Some(&hash) } else { None };
                let mut text = mutation::file(&changed, ending).into_bytes();
                if round % 16 == 15 {
                    // Bytes that need not be JSON, nor UTF-8.
                    let at = random.below(text.len());
                    text[at] = random.bits() as u8;
                }
                std::fs::write(&asked.answer, &text).map_err(|error| Error::io(&asked.answer, &error))?;
                match catch_unwind(AssertUnwindSafe(|| check(&asked))) {
                    Err(_) => {
                        panics += 1;
                        println!("a panic: {name}, network {number}, round {round}");
                    }
                    Ok(Err(_)) => counts[3] += 1,
                    Ok(Ok(report)) => {
                        counts[report.verdict as usize] += 1;
                        if report.verdict == Checked::Confirmed
                            && let Some(lie) = falsehood(&changed, &truth, &mut random)
                        {
                            lies += 1;
                            println!("confirmed, and false: {name}, network {number}, round {round}: {lie}");
                        } else if round == 0 && report.verdict != Checked::Confirmed {
                            lies += 1;
                            println!(
                                "a true answer is not confirmed: {name}, network {number}: {:?}",
                                report.first_failure
                            );
                        }
                    }
                }
            }
        }
    }
    let [confirmed, refused, not_checkable, bad] = counts;
    println!(
        "{} changed answers: {confirmed} still true and confirmed, {refused} refused, {not_checkable} not checkable, {bad} bad input, \
         {panics} panics, {lies} false and confirmed",
        counts.iter().sum::<usize>() + panics
    );
    Ok(Verdict::of(panics == 0 && lies == 0 && confirmed > 0 && refused > 0))
}

/// The lines of an answer about the network, with outer pieces where asked.
fn paving(path: &Path, over: bool) -> Result<Vec<Value>> {
    let network = Network::read(path)?;
    let bounder = Bounder::new(&network)?;
    let (question, asked) = question(&network, &bounder)?;
    let goals =
        Goals { coverage: Some(0.9), over: over.then_some(1.1), min_width: 0.0, max_boxes: Some(600) };
    let plan = Plan { goals, compact: true, max_pieces: None };
    let mut paving = Paving::new(&bounder, &question, 0.0);
    let budget = Budget::default().with_time_limit(Duration::from_secs(20));
    let answer = solve(&mut paving, &plan, Model::of(path)?, asked, &budget, &mut |_| Ok(()))?;
    let file = path.with_extension("preimage");
    answer.write(&file)?;
    read_lines(&file)
}

/// The lines of an exact answer about the network, with the maps of its regions.
fn exact_answer(path: &Path) -> Result<Vec<Value>> {
    let network = Network::read(path)?;
    let bounder = Bounder::new(&network)?;
    let (question, asked) = question(&network, &bounder)?;
    let wanted = ExactOptions { maps: true, ..ExactOptions::default() };
    let set = exact_preimage(&network, &bounder, &question, &wanted, &Budget::default(), &Silent)?;
    let file = path.with_extension("preimage");
    ExactAnswer::of(set, &question, false, Model::of(path)?, asked).write(&file)?;
    read_lines(&file)
}

fn question(network: &Network, bounder: &Bounder) -> Result<(Question, Asked)> {
    let asked =
        Asked { condition: Some(CONDITION.into()), bounds: Some(vec![[-1.0, 1.0]]), ..Asked::default() };
    let question = Question::new(bounder, &asked.formula(network)?, asked.given_bounds(2)?.as_ref())?;
    Ok((question, asked))
}

fn read_lines(file: &Path) -> Result<Vec<Value>> {
    let text = std::fs::read_to_string(file).map_err(|error| Error::io(file, &error))?;
    let parse = |line: &str| {
        serde_json::from_str(line).map_err(|error| Error::input(format!("an answer's own line: {error}")))
    };
    text.lines().map(parse).collect()
}

fn hash(bytes: &[u8]) -> String {
    use sha2::{Digest as _, Sha256};
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
