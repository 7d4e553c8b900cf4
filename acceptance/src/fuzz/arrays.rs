//! Files of arrays and pictures built by hand, right in form and wrong in what they promise.

use std::io::{Cursor, Write};

use flate2::write::{GzEncoder, ZlibEncoder};
use flate2::{Compression, Crc};
use netinverse_base::Rng;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::bytes::edge;

fn pick<'a>(rng: &mut Rng, items: &[&'a str]) -> &'a str {
    items[rng.below(items.len())]
}

fn noise(rng: &mut Rng, most: usize) -> Vec<u8> {
    (0..rng.below(most + 1)).map(|_| rng.bits() as u8).collect()
}

/// An npy file: any element type, any shape, with values that fill it or do not.
pub(super) fn npy(rng: &mut Rng) -> Vec<u8> {
    let types =
        ["<f4", "<f8", ">f4", ">f8", "|u1", "|b1", "<i8", "<u2", "=f4", "<f2", "|O", "<c16", "<U3", "f", ""];
    let descr = pick(rng, &types);
    let sizes: Vec<String> = (0..rng.below(5))
        .map(|_| if rng.below(3) == 0 { edge(rng).to_string() } else { rng.below(5).to_string() })
        .collect();
    let shape = match (sizes.len(), rng.below(8)) {
        (_, 0) => pick(rng, &["3", "()", "(,)", "[2]", "None", "(2", "(1,(2,))"]).to_string(),
        (1, _) => format!("({},)", sizes[0]),
        _ => format!("({})", sizes.join(", ")),
    };
    let order = pick(rng, &["False", "False", "False", "True", "0", "None"]);
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}");
    if rng.below(6) == 0 {
        header += pick(rng, &["\0", "}", "'x': 1", "{{{{", "ü", "\n\n"]);
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY".to_vec();
    let major = if rng.below(5) == 0 { rng.below(5) as u8 } else { 1 };
    bytes.extend([major, 0]);
    let length = if rng.below(6) == 0 { edge(rng) as u64 } else { header.len() as u64 };
    bytes.extend(&length.to_le_bytes()[..if major == 1 { 2 } else { 4 }]);
    bytes.extend(header.as_bytes());
    bytes.extend(noise(rng, 256));
    bytes
}

/// A zip archive with right checksums, of npy files that may be wrong, by names that may be.
pub(super) fn npz(rng: &mut Rng) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let names = ["x.npy", "y.npy", "x", "", "a/b.npy", "../x.npy", ".npy", "ü.npy"];
    for number in 0..rng.below(4) {
        let name = format!("{}{}", pick(rng, &["", "", "k", "/"]), pick(rng, &names));
        let method = [CompressionMethod::Stored, CompressionMethod::Deflated][rng.below(2)];
        let options = SimpleFileOptions::default().compression_method(method);
        let mut member = npy(rng);
        // Long runs shrink a thousandfold: what a small archive may unfold to.
        if rng.below(50) == 0 {
            member.extend(std::iter::repeat_n(0, 1 << (10 + rng.below(14))));
        }
        let started = archive.start_file(if number == 0 { name } else { format!("{number}{name}") }, options);
        if started.is_ok() {
            archive.write_all(&member).expect("memory can be written to");
        }
    }
    archive.finish().expect("memory can be written to").into_inner()
}

/// An idx file: any type, rank and lengths, with values that fill it or do not.
pub(super) fn idx(rng: &mut Rng) -> Vec<u8> {
    let kind = [0x08, 0x09, 0x0B, 0x0C, 0x0D, 0x0E, 0x00, 0xFF][rng.below(8)];
    let rank = rng.below(5);
    let mut bytes = vec![0, 0, kind, if rng.below(8) == 0 { rng.bits() as u8 } else { rank as u8 }];
    for _ in 0..rank {
        let length = if rng.below(3) == 0 { edge(rng) as u32 } else { rng.below(6) as u32 };
        bytes.extend(length.to_be_bytes());
    }
    bytes.extend(noise(rng, 256));
    bytes
}

/// A table: numbers and what is almost one, in rows of almost one width.
pub(super) fn csv(rng: &mut Rng) -> Vec<u8> {
    let odd = [
        "", " ", "nan", "inf", "1e400", "-", "--1", "1,5", "\"1\"", "\"", "x0", "0x1", "1e5", "-0.0", "é",
        "\0", "1 2",
    ];
    let columns = 1 + rng.below(5);
    let separator = pick(rng, &[",", ",", ",", ";", "\t"]);
    let end = pick(rng, &["\n", "\n", "\r\n", "\r"]);
    let mut text = String::new();
    if rng.below(4) == 0 {
        let names: Vec<_> = (0..columns).map(|column| format!("x{column}")).collect();
        text = names.join(separator) + end;
    }
    for _ in 0..rng.below(6) {
        let width = if rng.below(12) == 0 { rng.below(8) } else { columns };
        let cells: Vec<String> = (0..width)
            .map(|_| if rng.below(10) == 0 { pick(rng, &odd).to_string() } else { rng.normal().to_string() })
            .collect();
        text += &(cells.join(separator) + end);
    }
    text.into_bytes()
}

/// A png file whose chunks are changed, their checksums made right again.
pub(super) fn png(rng: &mut Rng, base: &[u8]) -> Vec<u8> {
    let mut chunks = chunks(base);
    for _ in 0..=rng.below(3) {
        if chunks.is_empty() {
            break;
        }
        let at = rng.below(chunks.len());
        match rng.below(6) {
            0 => {
                // The header: width, height, depth, colour type, methods.
                let header = &mut chunks[0].1;
                match rng.below(3) {
                    0 if header.len() >= 13 => {
                        let place = 4 * rng.below(2);
                        header[place..place + 4].copy_from_slice(&(edge(rng) as u32).to_be_bytes());
                    }
                    1 if header.len() >= 13 => header[8 + rng.below(5)] = rng.below(17) as u8,
                    _ => header.truncate(rng.below(13)),
                }
            }
            1 => {
                let copy = chunks[at].clone();
                chunks.insert(rng.below(chunks.len()), copy);
            }
            2 => {
                chunks.remove(at);
            }
            3 => {
                chunks[at].0 =
                    *[b"tRNS", b"PLTE", b"tEXt", b"zTXt", b"iCCP", b"acTL", b"IDAT", b"IEND", b"gAMA"]
                        [rng.below(9)];
            }
            4 => {
                let mut data = ZlibEncoder::new(Vec::new(), Compression::fast());
                let content =
                    if rng.below(20) == 0 { vec![0; 1 << (10 + rng.below(14))] } else { noise(rng, 512) };
                data.write_all(&content).expect("memory can be written to");
                chunks[at].1 = data.finish().expect("memory can be written to");
            }
            _ => chunks[at].1 = noise(rng, 64),
        }
    }
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, data) in chunks {
        let mut crc = Crc::new();
        crc.update(&name);
        crc.update(&data);
        bytes.extend((data.len() as u32).to_be_bytes());
        bytes.extend(name);
        bytes.extend(data);
        bytes.extend(crc.sum().to_be_bytes());
    }
    bytes
}

/// The chunks of a valid png file.
fn chunks(bytes: &[u8]) -> Vec<([u8; 4], Vec<u8>)> {
    let mut chunks = Vec::new();
    let mut rest = bytes.get(8..).unwrap_or_default();
    while let Some((head, tail)) = rest.split_at_checked(8) {
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let Some((data, after)) = tail.split_at_checked(length) else { break };
        chunks.push(([head[4], head[5], head[6], head[7]], data.to_vec()));
        rest = after.get(4..).unwrap_or_default();
    }
    chunks
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory can be written to");
    encoder.finish().expect("memory can be written to")
}
