//! Mutations that know nothing of the format.

use netinverse_base::Rng;

/// Integers at which readers go wrong.
const EDGES: [i64; 20] = [
    0,
    1,
    -1,
    2,
    7,
    8,
    127,
    128,
    255,
    256,
    32767,
    65535,
    65536,
    1 << 31,
    (1 << 31) - 1,
    (1 << 32) - 1,
    1 << 32,
    1 << 40,
    i64::MAX,
    i64::MIN,
];

/// Text at which readers of numbers go wrong.
const TOKENS: [&str; 22] = [
    ",",
    ",,",
    "\n",
    "\r\n",
    "\r",
    "\"",
    "\"\"",
    "nan",
    "inf",
    "-inf",
    "1e999",
    "1e-999",
    "-",
    "+",
    "0x10",
    "1_000",
    "\u{feff}",
    ";",
    "\t",
    " ",
    "999999999999999999999999",
    "ä",
];

/// An integer at which readers go wrong, or a small one.
pub(super) fn edge(rng: &mut Rng) -> i64 {
    if rng.below(3) == 0 { rng.below(12) as i64 - 3 } else { EDGES[rng.below(EDGES.len())] }
}

/// One to five mutations, one more often than five; `other` is material to splice in.
pub(super) fn mutate(rng: &mut Rng, bytes: &mut Vec<u8>, other: &[u8], text: bool) {
    let most = 1 + rng.below(5);
    for _ in 0..=rng.below(most) {
        let choice = if text { rng.below(12) } else { rng.below(9) };
        if bytes.is_empty() {
            bytes.push(rng.bits() as u8);
        }
        let length = bytes.len();
        let at = rng.below(length);
        // Ranges are short more often than long.
        let span = |rng: &mut Rng, room: usize| {
            let most = 1 << (1 + rng.below(12));
            1 + rng.below(room.clamp(1, most))
        };
        match choice {
            0 => bytes[at] ^= 1 << rng.below(8),
            1 => bytes[at] = rng.bits() as u8,
            2 => bytes[at] = [0, 1, 0x7F, 0x80, 0xFF][rng.below(5)],
            3 => bytes.truncate(at),
            4 => {
                let end = (at + span(rng, length - at)).min(length);
                bytes.drain(at..end);
            }
            5 => {
                let end = (at + span(rng, length - at)).min(length);
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            6 => {
                let value = edge(rng).to_le_bytes();
                let width = [1, 2, 4, 8][rng.below(4)];
                let mut value = value[..width].to_vec();
                if rng.below(2) == 0 {
                    value.reverse();
                }
                for (target, value) in bytes[at..].iter_mut().zip(value) {
                    *target = value;
                }
            }
            7 if !other.is_empty() => {
                let from = rng.below(other.len());
                let to = (from + span(rng, other.len() - from)).min(other.len());
                bytes.splice(at..at, other[from..to].iter().copied());
            }
            7 | 8 => {
                let count = span(rng, 64);
                let fill: Vec<u8> = (0..count).map(|_| rng.bits() as u8).collect();
                bytes.splice(at..at, fill);
            }
            _ => {
                let token = TOKENS[rng.below(TOKENS.len())].bytes();
                let end = (at + rng.below(3)).min(length);
                bytes.splice(at..end, token);
            }
        }
    }
}
