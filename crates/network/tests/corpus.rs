//! Networks as PyTorch, Keras and scikit-learn export them (`tools/export_corpus.py`): what we compute is what they do.
//!
//! The tiny ones in `corpus/`; of any folder that the script wrote, where `NETINVERSE_CORPUS` names one.

mod common;

use std::path::{Path, PathBuf};

use common::difference;
use netinverse_network::{Evaluator, Network};
use serde_json::Value;

const LIMIT: f64 = 1e-4;

fn rows(entry: &Value, key: &str) -> Vec<Vec<f64>> {
    let row = |row: &Value| row.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
    entry[key].as_array().unwrap().iter().map(row).collect()
}

/// The gradients of Σ cos(k) y_k, by which the framework tells every derivative.
fn gradients(network: &Network, x: &[Vec<f64>], wanted: &[Vec<f64>]) -> Result<(), String> {
    let (n, m) = (network.input_size(), network.output_size());
    let dy: Vec<f64> = (1..=m).map(|k| (k as f64).cos()).collect();
    let evaluator = Evaluator::<f64>::new(network);
    for (x, wanted) in x.iter().zip(wanted).filter(|(x, _)| x.len() == n) {
        let (mut y, mut dx) = (vec![0.0; m], vec![0.0; n]);
        evaluator.vjp(x, &dy, &mut y, &mut dx);
        let error = difference(&dx, wanted);
        if error > LIMIT {
            return Err(format!("the gradient is off by {error:.1e}"));
        }
    }
    Ok(())
}

/// Why a network of the corpus is not right, if it is not.
fn check(folder: &Path, entry: &Value) -> Result<(), String> {
    let file = folder.join(entry["file"].as_str().unwrap());
    let network = Network::read(&file).map_err(|error| error.to_string())?;
    let (x, y) = (rows(entry, "x"), rows(entry, "y"));
    if entry.get("dx").is_some() {
        gradients(&network, &x, &rows(entry, "dx"))?;
    }
    for (x, wanted) in x.iter().zip(&y) {
        if (x.len(), wanted.len()) != (network.input_size(), network.output_size()) {
            return Err(format!(
                "{} inputs and {} outputs, {} and {} are expected",
                network.input_size(),
                network.output_size(),
                x.len(),
                wanted.len()
            ));
        }
        let mut double = vec![0.0; wanted.len()];
        Evaluator::<f64>::new(&network).forward(x, &mut double);
        let x: Vec<f32> = x.iter().map(|&x| x as f32).collect();
        let mut single = vec![0.0; wanted.len()];
        Evaluator::<f32>::new(&network).forward(&x, &mut single);
        let single: Vec<f64> = single.iter().map(|&y| f64::from(y)).collect();
        let errors = [difference(&double, wanted), difference(&single, wanted)];
        if errors.iter().any(|&error| error > LIMIT) {
            return Err(format!("off by {:.1e} in f64 and {:.1e} in f32", errors[0], errors[1]));
        }
    }
    Ok(())
}

#[test]
fn exported_networks_compute_what_their_frameworks_do() {
    let mut folders: Vec<PathBuf> =
        std::env::var_os("NETINVERSE_CORPUS").map(PathBuf::from).into_iter().collect();
    folders.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus"));
    for folder in folders {
        let text = std::fs::read_to_string(folder.join("index.json")).expect("the list of the corpus");
        let entries: Vec<Value> = serde_json::from_str(&text).unwrap();
        let failures: Vec<String> = entries
            .iter()
            .filter_map(|entry| {
                check(&folder, entry).err().map(|why| format!("{}: {why}", entry["name"].as_str().unwrap()))
            })
            .collect();
        println!("{}: {} of {} agree", folder.display(), entries.len() - failures.len(), entries.len());
        assert!(failures.is_empty(), "{}", failures.join("\n"));
        assert!(entries.len() >= 10);
    }
}
