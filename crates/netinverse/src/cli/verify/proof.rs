//! The proof in a file: `docs/format-verify.md`.

use std::io::Write as _;
use std::path::Path;

use netinverse_answer::{Line, Model};
use netinverse_base::{Error, Place, Result};
use netinverse_data::files::write_atomically;
use netinverse_preimage::verify::{Verdict, Verification};
use serde_json::json;

use super::networks::Loaded;

/// Refuses, before any work, another extension than that of lines of JSON.
pub(crate) fn check_name(path: &Path, option: &str) -> Result<()> {
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("jsonl")) {
        return Ok(());
    }
    Err(Error::input(format!("`{}` is not a name for a proof", path.display()))
        .at(Place::Option(option.into()))
        .hint(format!("a proof is lines of JSON, for example `{option} proof.jsonl`")))
}

pub(super) fn write(path: &Path, query: &Path, loaded: &Loaded, answer: &Verification) -> Result<()> {
    let text = std::fs::read_to_string(query).map_err(|error| Error::io(query, &error))?;
    let model = Model::of(&loaded.path)?;
    let mut head = json!({
        "schema": "netinverse.verify/2",
        "version": env!("CARGO_PKG_VERSION"),
        "query": {"path": query.display().to_string(), "sha256": Line::hash(text.as_bytes()), "text": text},
        "model": {"path": model.path, "sha256": model.sha256},
        "boxes": answer.boxes,
    });
    head["verdict"] = match &answer.verdict {
        Verdict::Sat(witness) => {
            head["x"] = witness.text.clone().into();
            head["y"] = witness.y.clone().into();
            "sat"
        }
        Verdict::Unsat => "unsat",
        Verdict::Unknown(_) | Verdict::Stopped(_) => "unknown",
    }
    .into();
    write_atomically(path, |file| {
        let mut line = |line: &str| writeln!(file, "{line}").map_err(|error| Error::io(path, &error));
        line(&head.to_string())?;
        // A tree is a proof only where it is complete.
        if matches!(answer.verdict, Verdict::Unsat) {
            for (index, tree) in answer.trees.iter().enumerate() {
                for text in tree.lines(index) {
                    line(&text)?;
                }
            }
        }
        Ok(())
    })
}
