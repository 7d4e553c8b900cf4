use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use netinverse_base::{Error, Result};
use netinverse_data::{Array, Values, npz};
use netinverse_network::{Evaluator, Network, ValueId};
use netinverse_onnx::{ElementType, Model};
use serde::Serialize;

use super::sample::Points;
use crate::verdict::Verdict;

/// The script, from the root of the repository.
const SCRIPT: &str = "tools/compare_onnxruntime.py";

/// The files that the script compares: for each network our points and values, the model it was read from, and the
/// model that we write; `manifest.json` lists them.
pub(super) struct Peer {
    folder: PathBuf,
    entries: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    name: String,
    /// The file that the network was read from.
    original: Option<PathBuf>,
    /// The file that we wrote.
    written: String,
    /// Our points `x` and values `y`, one line each.
    data: String,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
}

/// An input or output, as in the model, for one sample.
#[derive(Serialize)]
struct Port {
    name: String,
    shape: Vec<usize>,
}

impl Peer {
    pub(super) fn new(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder).map_err(|error| Error::io(folder, &error))?;
        Ok(Peer { folder: folder.to_path_buf(), entries: Vec::new() })
    }

    /// Writes the files of one network.
    pub(super) fn add(
        &mut self,
        name: &str,
        file: Option<&Path>,
        network: &Network,
        points: &Points,
    ) -> Result<()> {
        let number = self.entries.len();
        let (written, data) = (format!("{number}.onnx"), format!("{number}.npz"));
        let model = network.to_onnx();
        model.write(&self.folder.join(&written))?;
        let rows = points.x.len() / network.input_size();
        let y = values(network, &model, points, rows);
        let x = Array::new(vec![rows, network.input_size()], Values::F32(points.x.clone()))?;
        let y = Array::new(vec![rows, network.output_size()], y)?;
        let path = self.folder.join(&data);
        let file_error = |error: std::io::Error| Error::io(&path, &error);
        let mut writer = BufWriter::new(File::create(&path).map_err(file_error)?);
        npz::write(&mut writer, &[("x", &x), ("y", &y)], false)?;
        writer.into_inner().map_err(|error| file_error(error.into_error()))?;
        let ports = |ids: &[ValueId]| {
            let values = ids.iter().map(|&id| network.value(id));
            values.map(|value| Port { name: value.name.clone(), shape: value.shape.to_vec() }).collect()
        };
        let original = file.map(|file| file.canonicalize().unwrap_or_else(|_| file.to_path_buf()));
        let (inputs, outputs) = (ports(network.inputs()), ports(network.outputs()));
        self.entries.push(Entry { name: name.into(), original, written, data, inputs, outputs });
        Ok(())
    }

    /// Runs the script, where there is a Python that can.
    pub(super) fn compare(&self, python: Option<&Path>) -> Result<Verdict> {
        let manifest = self.folder.join("manifest.json");
        let text = serde_json::to_string_pretty(&self.entries).expect("names and numbers are always JSON");
        std::fs::write(&manifest, text).map_err(|error| Error::io(&manifest, &error))?;
        let program = python.map_or_else(|| PathBuf::from("python3"), Path::to_path_buf);
        let probe = Command::new(&program)
            .args(["-c", "import numpy, onnx, onnxruntime"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if !probe.is_ok_and(|status| status.success()) {
            println!(
                "ONNX Runtime: NOT COMPARED, `{}` cannot import numpy, onnx and onnxruntime",
                program.display()
            );
            // Asked for by name it must work; otherwise the rest still says something.
            return Ok(Verdict::of(python.is_none()));
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(SCRIPT);
        let status = Command::new(&program).arg(&script).arg(&self.folder).status();
        let status = status.map_err(|error| Error::io(&program, &error))?;
        match status.code() {
            Some(0) => Ok(Verdict::Pass),
            Some(1) => Ok(Verdict::Fail),
            _ => Err(Error::input(format!("{SCRIPT} ended with {status}"))),
        }
    }
}

/// Our values, in the precision in which the model is written.
fn values(network: &Network, model: &Model, points: &Points, rows: usize) -> Values {
    let size = rows * network.output_size();
    if model.graph.inputs.iter().any(|input| input.element_type == Some(ElementType::F64)) {
        let x: Vec<f64> = points.x.iter().map(|&value| f64::from(value)).collect();
        let mut y = vec![0.0; size];
        Evaluator::<f64>::new(network).forward(&x, &mut y);
        Values::F64(y)
    } else {
        let mut y = vec![0.0; size];
        Evaluator::<f32>::new(network).forward(&points.x, &mut y);
        Values::F32(y)
    }
}
