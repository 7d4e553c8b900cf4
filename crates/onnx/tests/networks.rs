//! Real networks, where `NETINVERSE_DATA` names the folder that has them: each is read, and is the same after
//! it was written and read again.

use std::path::{Path, PathBuf};

use libtest_mimic::{Arguments, Failed, Trial};
use netinverse_onnx::{Model, read_source};

fn main() {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    match std::env::var_os("NETINVERSE_DATA").map(PathBuf::from) {
        None => trials.push(Trial::test("real_networks", || Ok(())).with_ignored_flag(true)),
        Some(folder) => {
            let mut models = Vec::new();
            find(&folder, &mut models);
            models.sort();
            let count = models.len();
            trials.push(Trial::test("there_are_networks", move || {
                if count >= 60 {
                    Ok(())
                } else {
                    Err(Failed::from(format!("{count} ONNX files, 66 expected")))
                }
            }));
            for path in models {
                let name = path.strip_prefix(&folder).unwrap_or(&path).display().to_string();
                trials.push(Trial::test(name, move || round_trip(&path)));
            }
        }
    }
    libtest_mimic::run(&arguments, trials).exit();
}

fn find(folder: &Path, models: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            find(&path, models);
        } else if path.extension().is_some_and(|extension| extension == "onnx") {
            models.push(path);
        }
    }
}

fn round_trip(path: &Path) -> Result<(), Failed> {
    let (model, hash) = read_source(path)?;
    assert_eq!(hash.len(), 64);
    assert!(!model.graph.nodes.is_empty() && !model.graph.outputs.is_empty() && model.opset().is_some());
    let again = Model::parse(&model.to_bytes())?;
    assert!(again == model, "not the same after writing");
    Ok(())
}
