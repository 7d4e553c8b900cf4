use std::io::Write;
use std::time::Instant;

use super::case::Generator;
use super::{MEMORY_LIMIT, trial};
use crate::MEMORY;

/// Tries the cases in order. Two lines each on stdout: `begin INDEX KIND`, and then
/// `end INDEX KIND OUTCOME MILLISECONDS PEAK DETAIL`, so that whoever listens knows which case ended the process.
pub(super) fn run(generator: &Generator, indices: impl Iterator<Item = u64>) {
    // A panic is an outcome here; its message is told with the case, not twice.
    std::panic::set_hook(Box::new(trial::note_panic));
    // The limit is for what a file makes the library take, on top of the seeds.
    MEMORY.set_limit(MEMORY.allocated() + MEMORY_LIMIT).expect("the limit is above what is allocated");
    let mut stdout = std::io::stdout().lock();
    for index in indices {
        let case = generator.case(index);
        let kind = case.kind;
        let told = writeln!(stdout, "begin {index} {}", kind.extension()).and_then(|()| stdout.flush());
        let start = Instant::now();
        let outcome = trial::attempt(&case);
        let milliseconds = start.elapsed().as_millis();
        let peak = MEMORY.max_allocated();
        let detail = outcome.to_string().replace(['\n', '\r'], " ");
        let word = outcome.word();
        let told = told.and_then(|()| {
            writeln!(stdout, "end {index} {} {word} {milliseconds} {peak} {detail}", kind.extension())
        });
        if told.is_err() {
            return; // nobody listens any more
        }
    }
}
