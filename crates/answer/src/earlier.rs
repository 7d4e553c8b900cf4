//! The queries that an earlier run answered, so that a long batch goes on where it stopped.

use std::collections::BTreeMap;
use std::path::Path;

use netinverse_base::{Error, Place, Result, ResultExt};

use crate::{Inversion, Line, Query, SCHEMA, Status};

/// Largest file that is read: a batch of ten thousand images is far below.
const MAX_BYTES: u64 = 1 << 32;

/// Reads a `.json` or `.jsonl` answer and returns its finished queries by row. A query that a limit ended
/// is not finished, and neither is a last line that was cut.
///
/// # Errors
/// A file that is no such answer, or the answer to another question than `question`.
pub fn read(path: &Path, question: &str) -> Result<BTreeMap<usize, Query>> {
    let length = std::fs::metadata(path).map_err(|error| Error::io(path, &error))?.len();
    if length > MAX_BYTES {
        return Err(Error::unsupported(format!("the file has {length} bytes")).at(Place::file(path)));
    }
    let text = std::fs::read_to_string(path).map_err(|error| Error::io(path, &error))?;
    queries(&text, question).at(|| Place::file(path)).at(|| Place::Option("--resume".into()))
}

fn queries(text: &str, question: &str) -> Result<BTreeMap<usize, Query>> {
    if text.trim().is_empty() {
        return Err(Error::input("the file is empty"));
    }
    let mut found = BTreeMap::new();
    let mut keep = |query: Query| {
        if query.status != Status::Limit {
            found.insert(query.row, query);
        }
    };
    if let Ok(whole) = serde_json::from_str::<Inversion>(text) {
        check(&whole.schema, &whole.question, question)?;
        whole.queries.into_iter().for_each(&mut keep);
        return Ok(found);
    }
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).peekable();
    while let Some((number, line)) = lines.next() {
        match serde_json::from_str::<Line>(line) {
            Ok(line) => {
                check(&line.schema, &line.question, question).at(|| Place::Line(number + 1))?;
                keep(line.query);
            }
            Err(_) if number > 0 && lines.peek().is_none() => {} // cut when the run was ended
            Err(error) => {
                return Err(Error::input(format!("this is no answer of `netinverse invert`: {error}"))
                    .at(Place::Line(number + 1))
                    .hint("give the `.json` or `.jsonl` file of the run to go on with"));
            }
        }
    }
    Ok(found)
}

fn check(schema: &str, question: &str, wanted: &str) -> Result<()> {
    if schema != SCHEMA {
        return Err(Error::input(format!("the file's schema is `{schema}`, `{SCHEMA}` is expected")));
    }
    if question != wanted {
        return Err(Error::input("the file answers another question")
            .hint("resume with the model, target and options of the run that wrote it"));
    }
    Ok(())
}
