//! Damaged files give an error or a value: no panic, and no memory that the file does not justify.
//!
//! The full form of this check is in the acceptance program; this is its small seeded version.

use std::io::Cursor;

use netinverse_base::{Error, Rng};
use netinverse_data::{Array, Values, csv, idx, npy, npz, png};

const ROUNDS: usize = 4000;

/// The largest address space this process has used, in bytes, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmPeak:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}

fn mutate(bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=rng.below(4) {
        let at = rng.below(bytes.len().max(1));
        // Half of the changes strike the header, where the promises are.
        let at = if rng.below(2) == 0 { at % bytes.len().clamp(1, 140) } else { at };
        match rng.below(6) {
            _ if bytes.is_empty() => bytes.push(rng.bits() as u8),
            0 => bytes[at] ^= 1 << rng.below(8),
            1 => bytes[at] = [0x00, 0xFF, 0x7F, 0x80, b'9', b','][rng.below(6)],
            2 => bytes.truncate(at),
            3 => bytes.insert(at, rng.bits() as u8),
            4 => {
                let end = (at + 4).min(bytes.len());
                bytes[at..end].fill(0xFF);
            }
            _ => {
                let tail = bytes[at..(at + 16).min(bytes.len())].to_vec();
                bytes.splice(at..at, tail);
            }
        }
    }
    bytes
}

fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let pixels = Array::new(vec![4, 9, 9], Values::U8((0..324).map(|k| k as u8).collect())).unwrap();
    let floats = Array::new(vec![6, 7], Values::F64((0..42).map(f64::from).collect())).unwrap();
    let short = Array::new(vec![10], Values::I16((0..10).collect())).unwrap();
    let mut samples = Vec::new();
    for (array, gzip) in [(&pixels, false), (&pixels, true), (&floats, false), (&short, true)] {
        let mut bytes = Vec::new();
        idx::write(&mut bytes, array, gzip).unwrap();
        samples.push(("idx", bytes));
    }
    for array in [&floats, &short, &pixels] {
        let mut bytes = Vec::new();
        npy::write(&mut bytes, array).unwrap();
        samples.push(("npy", bytes));
    }
    for compress in [false, true] {
        let mut bytes = Cursor::new(Vec::new());
        npz::write(&mut bytes, &[("x", &floats), ("labels", &short)], compress).unwrap();
        samples.push(("npz", bytes.into_inner()));
    }
    samples.push(("csv", b"speed,angle\n1.5,2\n-3e4,0.25\n7,8\n".to_vec()));
    samples.push(("csv", b"# made by hand\n1;2;3\n4;5;6\n".to_vec()));
    for channels in [1, 3] {
        let mut bytes = Vec::new();
        let values = (0..12 * 11 * channels).map(|k| (k * 7) as u8).collect::<Vec<_>>();
        png::write(&mut bytes, 12, 11, channels, &values).unwrap();
        samples.push(("png", bytes));
    }
    samples
}

#[test]
fn damage_is_an_error_or_a_value() {
    let before = peak_memory();
    let check = |error: Error| {
        let message = error.to_string();
        assert!(!message.is_empty() && !message.contains('\n') && !message.ends_with('.'), "{message:?}");
    };
    let mut refused = 0;
    for (sample, (format, original)) in samples().iter().enumerate() {
        for round in 0..ROUNDS {
            let bytes = mutate(original, &mut Rng::new(sample as u64, round as u64));
            let error = match *format {
                "idx" => idx::parse(&bytes).err(),
                "npy" => npy::parse(&bytes).err(),
                "npz" => npz::parse(&bytes).err(),
                "csv" => csv::parse(&bytes)
                    .inspect(|table| {
                        assert_eq!(table.values.len(), table.rows * table.columns);
                        assert!(table.values.iter().all(|value| value.is_finite()));
                    })
                    .err(),
                _ => png::parse(&bytes)
                    .inspect(|picture| {
                        assert_eq!(picture.samples.len(), picture.width * picture.height * picture.channels);
                    })
                    .err(),
            };
            if let Some(error) = error {
                refused += 1;
                check(error);
            }
        }
    }
    // Most damage must be noticed, or the mutations do not reach what they should.
    let rounds = ROUNDS * samples().len();
    assert!(refused > rounds / 2, "only {refused} of {rounds} were refused");
    if let (Some(before), Some(after)) = (before, peak_memory()) {
        assert!(after - before < 256 << 20, "{} MiB were taken", (after - before) >> 20);
    }
}

#[test]
fn promises_beyond_the_file_are_refused_before_memory_is_taken() {
    // 2³²−1 × 2³²−1 pixels; 10¹⁸ floats; a shape whose product overflows.
    let idx_header = [0, 0, 8, 2, 255, 255, 255, 255, 255, 255, 255, 255];
    let npy = |shape: &str| {
        let header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend_from_slice(&(header.len() as u16).to_le_bytes());
        bytes.extend_from_slice(header.as_bytes());
        bytes
    };
    for error in [
        idx::parse(&idx_header).unwrap_err(),
        npy::parse(&npy("(1000000000000000000,)")).unwrap_err(),
        npy::parse(&npy("(9223372036854775807, 9223372036854775807)")).unwrap_err(),
    ] {
        assert!(error.to_string().contains("the file is too short for them"), "{error}");
    }
}

#[test]
fn names_from_a_file_do_not_break_the_line() {
    let header = "{'descr': '\n<f8', 'fortran_order': False, 'shape': (1,), }";
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend_from_slice(&(header.len() as u16).to_le_bytes());
    bytes.extend_from_slice(header.as_bytes());
    assert!(!npy::parse(&bytes).unwrap_err().to_string().contains('\n'));
    let mut archive = Cursor::new(Vec::new());
    let bad = Array::new(vec![1], Values::U8(vec![1])).unwrap();
    npz::write(&mut archive, &[("a\nb", &bad)], false).unwrap();
    let mut bytes = archive.into_inner();
    let magic = bytes.windows(6).position(|window| window == b"\x93NUMPY").unwrap();
    bytes[magic] = 0;
    let error = npz::parse(&bytes).unwrap_err().to_string();
    assert!(error.starts_with("tensor `a\\nb`: "), "{error}");
}

/// Ten megabytes of zeros deflate to ten kilobytes; a member may not promise more than its bytes hold.
#[test]
fn a_zip_bomb_is_refused() {
    let zeros = Array::new(vec![10 << 20], Values::U8(vec![0; 10 << 20])).unwrap();
    let mut bytes = Cursor::new(Vec::new());
    npz::write(&mut bytes, &[("zeros", &zeros)], true).unwrap();
    let mut bytes = bytes.into_inner();
    assert!(bytes.len() < 20_000);
    assert_eq!(npz::parse(&bytes).unwrap()[0].1, zeros, "an honest one is read");
    // The same deflate stream, named by many entries of the directory.
    let end = bytes.len() - 22;
    let directory = u32::from_le_bytes(bytes[end + 16..end + 20].try_into().unwrap()) as usize;
    let entry = bytes[directory..end].to_vec();
    let copies = 60u16;
    let tail = bytes.split_off(end);
    for copy in 1..copies {
        let mut entry = entry.clone();
        // A name of its own, of the same length.
        entry[46..48].copy_from_slice(format!("{copy:02}").as_bytes());
        bytes.extend_from_slice(&entry);
    }
    let size = (bytes.len() - directory) as u32;
    bytes.extend_from_slice(&tail);
    let end = bytes.len() - 22;
    bytes[end + 8..end + 10].copy_from_slice(&copies.to_le_bytes());
    bytes[end + 10..end + 12].copy_from_slice(&copies.to_le_bytes());
    bytes[end + 12..end + 16].copy_from_slice(&size.to_le_bytes());
    let error = npz::parse(&bytes).unwrap_err();
    assert!(!error.to_string().is_empty());
}
