//! Damaged files give an error or a model: no panic, and no memory that the file does not justify.
//!
//! The full form of this check is in the acceptance program; this is its small seeded version.

use std::path::Path;

use netinverse_base::Rng;
use netinverse_onnx::Model;

const ROUNDS: usize = 400;

/// The largest address space this process has used, in bytes, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmPeak:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}

fn mutate(bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    // Most damage is refused at once: a single flipped bit is what goes deepest.
    for _ in 0..=rng.below(3) * rng.below(2) {
        let at = rng.below(bytes.len().max(1));
        match rng.below(9).saturating_sub(3) {
            _ if bytes.is_empty() => bytes.push(rng.bits() as u8),
            0 => bytes[at] ^= 1 << rng.below(8),
            1 => bytes[at] = [0x00, 0xFF, 0x7F, 0x80, 0x0A, 0x3A][rng.below(6)],
            2 => bytes.truncate(at),
            3 => bytes.insert(at, rng.bits() as u8),
            4 => {
                let end = (at + 9).min(bytes.len());
                bytes[at..end].fill(0xFF);
            }
            _ => {
                let tail = bytes[at..(at + 40).min(bytes.len())].to_vec();
                bytes.splice(at..at, tail);
            }
        }
    }
    bytes
}

#[test]
fn damaged_models() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let before = peak_memory();
    let mut rng = Rng::new(7, 0);
    let (mut read, mut refused) = (0, 0);
    let mut paths: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "onnx"));
    paths.sort();
    assert!(paths.len() > 20);
    for path in &paths {
        let bytes = std::fs::read(path).unwrap();
        for _ in 0..ROUNDS {
            match Model::parse_with(&mutate(&bytes, &mut rng), &folder) {
                Ok(model) => {
                    read += 1;
                    // What was accepted is consistent: it is accepted again. (Compared as bytes: a scalar NaN is
                    // not equal to itself.)
                    let written = model.to_bytes();
                    let again = Model::parse(&written).unwrap_or_else(|error| panic!("{path:?}: {error}"));
                    assert!(again.to_bytes() == written, "{path:?}");
                }
                Err(error) => {
                    refused += 1;
                    assert!(!error.to_string().contains('\n'), "one line: {error:?}");
                }
            }
        }
    }
    assert!(read > 500 && refused > 5000, "{read} read, {refused} refused");
    if let (Some(before), Some(after)) = (before, peak_memory()) {
        assert!(after - before < 256 << 20, "the peak grew by {} bytes", after - before);
    }
}
