//! What the tests of `netinverse check` share: answers made by the binary, read as lines, changed and written again.

#![allow(dead_code)] // each test binary uses its part

use std::fmt::Write as _;
use std::path::PathBuf;

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
        let folder = tempfile::tempdir().unwrap();
        layers.write(&folder.path().join("net.onnx"));
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
