//! What the tests of `netinverse check` share: answers made by the binary, read as lines, changed and written again.

#![allow(dead_code)] // each test binary uses its part

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use netinverse::check::{Options, Report, Trouble, check};
use netinverse::network::Function;
use serde_json::{Value, json};

use crate::common::{Layers, netinverse, text};

#[path = "../../../../acceptance/src/check_fuzz/mutation.rs"]
pub(crate) mod mutation;

/// A folder with a network, an answer about it, and the lines of the answer.
pub(crate) struct Made {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) answer: PathBuf,
}

impl Made {
    pub(crate) fn preimage(layers: &Layers, arguments: &[&str]) -> Self {
        Self::preimage_of(|path| layers.write(path), arguments)
    }

    /// Of a network that `write` writes.
    pub(crate) fn preimage_of(write: impl Fn(&Path), arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("net.onnx"));
        let fixed = ["preimage", "net.onnx", "-o", "answer.preimage"];
        let output = netinverse(folder.path(), &[&fixed[..], arguments].concat());
        assert!(folder.path().join("answer.preimage").exists(), "{}", text(&output.stderr));
        Made { answer: folder.path().join("answer.preimage"), folder }
    }

    pub(crate) fn verify(layers: &Layers, query: &str, verdict: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        layers.write(&folder.path().join("net.onnx"));
        std::fs::write(folder.path().join("query.vnnlib"), query).unwrap();
        let arguments = ["verify", "query.vnnlib", "--network", "net.onnx", "-o", "answer.jsonl"];
        let output = netinverse(folder.path(), &arguments);
        assert!(
            text(&output.stdout).starts_with(verdict),
            "{} {}",
            text(&output.stdout),
            text(&output.stderr)
        );
        Made { answer: folder.path().join("answer.jsonl"), folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn check(&self) -> Result<Report, Trouble> {
        check(&Options { answer: self.answer.clone(), model: self.path("net.onnx"), ..Options::default() })
    }

    pub(crate) fn lines(&self) -> Vec<Value> {
        let answer = std::fs::read_to_string(&self.answer).unwrap();
        answer.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Writes the answer anew, with the hash that its lines have then.
    pub(crate) fn write(&self, lines: &[Value]) {
        let mut body = String::new();
        for line in lines.iter().filter(|line| line.as_object().is_none_or(|l| l.keys().ne(["sha256"]))) {
            writeln!(body, "{line}").unwrap();
        }
        if self.answer.extension().is_some_and(|e| e == "preimage") {
            let hash = hash(body.as_bytes());
            writeln!(body, "{}", json!({ "sha256": hash })).unwrap();
        }
        std::fs::write(&self.answer, body).unwrap();
    }
}

/// Writes layers with a BatchNormalization before each function, whose factors γ / √(v + ε) are no doubles.
pub(crate) fn write_normed(layers: &Layers, path: &Path, seed: u64) {
    use netinverse::base::Rng;
    use netinverse::onnx::{Model, Node, Tensor, TensorData};
    layers.write(path);
    let (mut model, mut rng) = (Model::read(path).unwrap(), Rng::new(seed, 7));
    let sizes: Vec<usize> = layers.biases.iter().map(Vec::len).collect();
    let (mut nodes, mut count) = (Vec::new(), 0);
    for mut node in std::mem::take(&mut model.graph.nodes) {
        if ["Relu", "Abs", "Clip"].contains(&&node.op_type[..]) {
            let size = sizes[count];
            let names = ["scale", "shift", "mean", "variance"].map(|name| format!("{name}{count}"));
            for (k, name) in names.iter().enumerate() {
                let value = |_| match k {
                    0 => 0.5 + rng.uniform(),
                    3 => 0.1 + rng.uniform(),
                    _ => 0.3 * rng.normal(),
                };
                let data = TensorData::F32((0..size).map(value).map(|v| v as f32).collect());
                model.graph.initializers.push(Tensor { name: name.clone(), dims: vec![size], data });
            }
            let normed = format!("normed{count}");
            nodes.push(Node {
                op_type: "BatchNormalization".into(),
                inputs: [&node.inputs[..1], &names[..]].concat(),
                outputs: vec![normed.clone()],
                ..Node::default()
            });
            node.inputs[0] = normed;
            count += 1;
        }
        nodes.push(node);
    }
    assert_eq!(count, layers.functions.iter().flatten().count(), "one for each function");
    model.graph.nodes = nodes;
    model.write(path).unwrap();
}

pub(crate) fn hash(bytes: &[u8]) -> String {
    use sha2::{Digest as _, Sha256};
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

pub(crate) fn network(seed: u64) -> Layers {
    Layers::random(&[2, 10, 8, 3], Function::Relu, seed)
}

/// A lie: what is changed in the lines of a true answer, and which claim must be refused.
pub(crate) type Lie = (&'static str, fn(&mut Vec<Value>), &'static str);
