//! Proofs of certified distances, and what is certainly false of a changed one: told by evaluating the network at points,
//! without any of the checker's code.

use std::path::Path;

use netinverse_answer::{Measured, Model, proof_lines};
use netinverse_base::{Budget, Error, Result, Silent};
use netinverse_invert::question::{Asked, NormName, Prepared, Problem, invert};
use netinverse_network::Network;
use serde_json::Value;

use super::mutation::{Random, Truth};

/// The lines of the proof of how near the nearest input is that satisfies the condition, in the box [−1, 1]².
pub(super) fn proof(path: &Path, condition: &str, number: usize) -> Result<Vec<Value>> {
    let network = Network::read(path)?;
    let mut problem = Problem::new(Asked::Where { text: condition.into() });
    let (norm, name) = [(NormName::L1, "l1"), (NormName::L2, "l2"), (NormName::Linf, "linf")][number % 3];
    problem.norm = norm;
    problem.bounds = Some(vec![[-1.0, 1.0]; 2]);
    problem.near = Some(vec![vec![0.1, -0.2]]);
    problem.weights = (number % 2 == 1).then(|| vec![1.0, 2.0]);
    (problem.certify, problem.keep_proofs) = (Some(0.01), true);
    let weights = problem.weights.clone();
    let prepared = Prepared::new(&network, problem)?;
    let queries = invert(&prepared, &Budget::default(), &Silent)?;
    let model = Model::of(path)?;
    let measured = Measured { model: &model, output: None, norm: name, weights: weights.as_deref() };
    let mut lines = Vec::new();
    proof_lines(&measured, &queries, &mut |line| {
        let value = serde_json::from_str(line);
        lines.push(value.map_err(|error| Error::input(format!("an answer's own line: {error}")))?);
        Ok(())
    })?;
    Ok(lines)
}

/// A claim that is certainly false: an input nearer than the bound that satisfies the condition, or a witness that does not.
pub(super) fn falsehood(lines: &[Value], truth: &Truth, random: &mut Random) -> Option<String> {
    const SLACK: f64 = 1e-9;
    let list = |value: &Value| -> Option<Vec<f64>> {
        value.as_array().map(|list| list.iter().map(|v| v.as_f64().unwrap_or(f64::NAN)).collect())
    };
    let head = &lines[0];
    let weights = list(&head["weights"]).unwrap_or_else(|| vec![1.0; 2]);
    let least = |x: &[f64]| (truth.rows)(x).into_iter().fold(f64::INFINITY, f64::min);
    for line in lines.iter().filter(|line| line.get("near").is_some()) {
        let near = list(&line["near"])?;
        let distance = |x: &[f64]| {
            let d = |i: usize| (x[i] - near[i]).abs();
            match head["norm"].as_str() {
                Some("l1") => weights[0] * d(0) + weights[1] * d(1),
                Some("l2") => (weights[0] * d(0) * d(0) + weights[1] * d(1) * d(1)).sqrt(),
                _ => (weights[0] * d(0)).max(weights[1] * d(1)),
            }
        };
        if let (Some(x), Some(said)) = (list(&line["x"]), line["distance"].as_f64()) {
            let far = distance(&x);
            if least(&x) < -1e-3 || (far - said).abs() > 1e-6 * (1.0 + said) {
                return Some(format!("the witness {x:?}, {far} for {said}"));
            }
        }
        let bound = line["bound"].as_f64().unwrap_or(f64::INFINITY);
        for _ in 0..2000 {
            let x = [random.signed(), random.signed()];
            if least(&x) > SLACK && distance(&x) < bound - SLACK {
                return Some(format!("{x:?} is at {} and satisfies it, the bound is {bound}", distance(&x)));
            }
        }
    }
    None
}
