//! Downloads over plain HTTP: resumed, bounded, checked, renamed into place when they are right.
//!
//! What is fetched is known beforehand by the SHA-256 of its uncompressed content, so neither the
//! connection nor the mirror has to be trusted, and mirrors may compress as they like. The bytes arrive
//! in `NAME.part`, which stays when the work is interrupted; the next run asks for the rest by `Range`.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

use flate2::bufread::MultiGzDecoder;
use netinverse_base::{Budget, Error, ErrorKind, Place, Progress, Result, StopReason};
use sha2::{Digest, Sha256};

use crate::http::{self, Event};

/// A file known by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoteFile<'a> {
    /// Its name on the mirrors and in the folder.
    pub name: &'a str,
    /// The SHA-256 of its content after decompression, in hexadecimal.
    pub content_sha256: &'a str,
    /// The length of its content after decompression.
    pub content_bytes: u64,
}

impl RemoteFile<'_> {
    /// The most bytes a mirror may send: the content, stored by gzip in its least favourable form.
    fn transfer_limit(&self) -> u64 {
        self.content_bytes + self.content_bytes / 64 + (64 << 10)
    }
}

/// How patient a download is.
#[derive(Debug, Clone, Copy)]
pub struct DownloadOptions {
    /// How often a mirror is tried in a row without a single new byte.
    pub attempts: usize,
    /// How long a connection may say nothing before it is given up.
    pub silence: Duration,
    /// How long to wait before trying a mirror again.
    pub pause: Duration,
}

impl Default for DownloadOptions {
    fn default() -> Self {
        DownloadOptions { attempts: 3, silence: Duration::from_secs(20), pause: Duration::from_secs(1) }
    }
}

/// Why a mirror did not give the file.
enum Failure {
    /// Try the next mirror.
    Mirror(String),
    /// Nothing more to try: the disk, the user, the deadline.
    Fatal(Error),
}

/// Fetches the files that `folder` does not hold already, from the first mirror that gives the right
/// content. Mirrors are URLs of folders, `http://` only.
///
/// # Errors
/// A mirror that is not plain HTTP; a folder that cannot be written; no mirror that gives the right
/// content (each one's reason is in the message); a budget that ends, which leaves the part in place.
pub fn fetch_files(
    files: &[RemoteFile],
    folder: &Path,
    mirrors: &[String],
    options: &DownloadOptions,
    progress: &dyn Progress,
    budget: &Budget,
) -> Result<()> {
    if mirrors.is_empty() {
        return Err(Error::input("no mirror is given to fetch from"));
    }
    for mirror in mirrors {
        check_mirror(mirror)?;
    }
    fs::create_dir_all(folder).map_err(|error| Error::io(folder, &error))?;
    for file in files {
        let target = folder.join(file.name);
        if target.is_file() && verify(&target, file, budget)?.is_ok() {
            progress.note(&format!("{} is there already, and right", file.name));
            continue;
        }
        let mut reasons = Vec::new();
        let mut done = false;
        for mirror in mirrors {
            let url = format!("{}/{}", mirror.trim_end_matches('/'), file.name);
            match fetch_from(&url, file, &target, options, progress, budget) {
                Ok(()) => {
                    done = true;
                    break;
                }
                Err(Failure::Mirror(reason)) => {
                    progress.note(&format!("{url}: {reason}"));
                    reasons.push(format!("{mirror}: {reason}"));
                }
                Err(Failure::Fatal(error)) => return Err(error),
            }
        }
        if !done {
            return Err(Error::new(
                ErrorKind::Io,
                format!("no mirror gave `{}` ({})", file.name, reasons.join("; ")),
            )
            .hint("check the connection, or name another mirror: --mirror http://…"));
        }
    }
    Ok(())
}

fn check_mirror(mirror: &str) -> Result<()> {
    let refused = |what: &str| Err(Error::unsupported(format!("the mirror `{mirror}` {what}")));
    match mirror.split_once("://") {
        Some((scheme, host)) if scheme.eq_ignore_ascii_case("http") && !host.is_empty() => Ok(()),
        Some((scheme, _)) if scheme.eq_ignore_ascii_case("https") => refused("is https, only http is spoken")
            .map_err(|error| {
                error
                    .hint("use http://: the content is checked by its SHA-256, not by the connection")
                    .hint("or fetch the four files by hand and pass their folder: --data DIR")
            }),
        _ => refused("is not a URL").map_err(|error| error.hint("mirrors are written http://HOST/FOLDER/")),
    }
}

fn fetch_from(
    url: &str,
    file: &RemoteFile,
    target: &Path,
    options: &DownloadOptions,
    progress: &dyn Progress,
    budget: &Budget,
) -> Result<(), Failure> {
    let part = target.with_file_name(format!("{}.part", file.name));
    let length_of = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    let mut barren = 0;
    // Whether some bytes of the part came from elsewhere (an earlier run, another mirror): if the whole
    // is wrong then, the mirror gets a second chance from the beginning.
    let mut mixed = length_of(&part) > 0;
    loop {
        if let Some(reason) = budget.stop() {
            return Err(Failure::Fatal(interrupted(reason, &part)));
        }
        let before = length_of(&part);
        let outcome = transfer(url, file, &part, before, options, progress, budget)?;
        let reason = match outcome {
            Outcome::Complete => match verify(&part, file, budget).map_err(Failure::Fatal)? {
                Ok(()) => {
                    return fs::rename(&part, target)
                        .map_err(|error| Failure::Fatal(Error::io(target, &error)));
                }
                Err(reason) => {
                    fs::remove_file(&part).map_err(|error| Failure::Fatal(Error::io(&part, &error)))?;
                    if !std::mem::take(&mut mixed) {
                        return Err(Failure::Mirror(reason));
                    }
                    continue;
                }
            },
            Outcome::Refused(reason) => return Err(Failure::Mirror(reason)),
            Outcome::Broken(reason) => reason,
        };
        barren = if length_of(&part) > before { 0 } else { barren + 1 };
        if barren >= options.attempts {
            return Err(Failure::Mirror(reason));
        }
        progress.note(&format!("{url}: {reason}; trying again"));
        pause(options.pause, budget);
    }
}

/// How one request ended.
enum Outcome {
    /// The server sent all it has.
    Complete,
    /// The server's answer will not change: another mirror, please.
    Refused(String),
    /// The connection failed or ended early: worth another request.
    Broken(String),
}

fn transfer(
    url: &str,
    file: &RemoteFile,
    part: &Path,
    from: u64,
    options: &DownloadOptions,
    progress: &dyn Progress,
    budget: &Budget,
) -> Result<Outcome, Failure> {
    let disk = |error: std::io::Error| Failure::Fatal(Error::io(part, &error));
    let limit = file.transfer_limit();
    let events = http::get(url, from, options.silence);
    let mut written = from;
    let mut expected = None;
    let mut output: Option<File> = None;
    let mut silent = Duration::ZERO;
    const TICK: Duration = Duration::from_millis(100);
    loop {
        if let Some(reason) = budget.stop() {
            return Err(Failure::Fatal(interrupted(reason, part)));
        }
        let event = match events.recv_timeout(TICK) {
            Ok(event) => event,
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                silent += TICK;
                if silent >= options.silence {
                    return Ok(Outcome::Broken(format!("silent for {} s", silent.as_secs_f64())));
                }
                continue;
            }
            // The sender always says how it ended; this is its thread's death.
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => {
                return Ok(Outcome::Broken("the request failed".to_string()));
            }
        };
        silent = Duration::ZERO;
        match event {
            Event::Start { status: 200 | 206, length: Some(length), .. } if length > limit => {
                return Ok(Outcome::Refused(format!(
                    "announces {}, {} is the most it can be",
                    megabytes(length),
                    megabytes(limit)
                )));
            }
            Event::Start { status: 200, length, .. } => {
                // The whole file, whether or not a range was asked for.
                written = 0;
                expected = length;
                output = Some(File::create(part).map_err(disk)?);
                progress.stage(file.name, expected);
            }
            Event::Start { status: 206, length, range_start } if range_start == Some(from) => {
                expected = length.map(|length| from + length);
                output = Some(OpenOptions::new().append(true).open(part).map_err(disk)?);
                progress.stage(file.name, expected);
            }
            // Nothing lies beyond the part: it is whole, or wrong, which its checksum tells.
            Event::Start { status: 416, .. } if from > 0 => return Ok(Outcome::Complete),
            Event::Start { status: 206, .. } => {
                fs::remove_file(part).map_err(disk)?;
                return Ok(Outcome::Broken("another range was sent than asked for".to_string()));
            }
            Event::Start { status: status @ (408 | 429 | 500..), .. } => {
                return Ok(Outcome::Broken(format!("HTTP status {status}")));
            }
            Event::Start { status, .. } => return Ok(Outcome::Refused(format!("HTTP status {status}"))),
            Event::Bytes(bytes) => {
                written += bytes.len() as u64;
                if written > limit {
                    drop(output);
                    fs::remove_file(part).map_err(disk)?;
                    return Ok(Outcome::Refused(format!("sends more than {}", megabytes(limit))));
                }
                if let Some(output) = &mut output {
                    output.write_all(&bytes).map_err(disk)?;
                }
                let state = match expected {
                    Some(expected) => format!("{} of {}", megabytes(written), megabytes(expected)),
                    None => megabytes(written),
                };
                progress.update(written, &state);
            }
            Event::End if expected.is_some_and(|expected| written < expected) => {
                return Ok(Outcome::Broken(format!("ended after {}", megabytes(written))));
            }
            Event::End => return Ok(Outcome::Complete),
            Event::Failed { reason, permanent: true } => return Ok(Outcome::Refused(reason)),
            Event::Failed { reason, permanent: false } => return Ok(Outcome::Broken(reason)),
        }
    }
}

/// Whether the file's uncompressed content is the one asked for; the reason if not.
fn verify(path: &Path, file: &RemoteFile, budget: &Budget) -> Result<Result<(), String>> {
    let read = |path: &Path| File::open(path).map(|file| std::io::BufReader::with_capacity(1 << 16, file));
    let mut reader = read(path).map_err(|error| Error::io(path, &error))?;
    let start = std::io::BufRead::fill_buf(&mut reader).map_err(|error| Error::io(path, &error))?;
    let compressed = start.starts_with(&[0x1F, 0x8B]);
    let mut content: Box<dyn Read> =
        if compressed { Box::new(MultiGzDecoder::new(reader)) } else { Box::new(reader) };
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut length = 0;
    loop {
        if let Some(reason) = budget.stop() {
            return Err(interrupted(reason, path));
        }
        match content.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => {
                length += read as u64;
                if length > file.content_bytes {
                    return Ok(Err(format!("the content is longer than {} bytes", file.content_bytes)));
                }
                hasher.update(&buffer[..read]);
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) if compressed => return Ok(Err(format!("the content is damaged ({error})"))),
            Err(error) => return Err(Error::io(path, &error)),
        }
    }
    let sum = hasher.finalize().iter().fold(String::new(), |sum, byte| sum + &format!("{byte:02x}"));
    if sum.eq_ignore_ascii_case(file.content_sha256) {
        return Ok(Ok(()));
    }
    let short = |sum: &str| sum.get(..12).unwrap_or(sum).to_string();
    Ok(Err(format!("wrong SHA-256: {}… where {}… is expected", short(&sum), short(file.content_sha256))))
}

fn interrupted(reason: StopReason, part: &Path) -> Error {
    let message = match reason {
        StopReason::TimeLimit => "the time limit ended the download",
        StopReason::Cancelled => "the download was interrupted",
    };
    Error::interrupted(message).at(Place::file(part)).hint("what has arrived is kept; run it again to resume")
}

/// Waits, but no longer than the budget lasts.
fn pause(duration: Duration, budget: &Budget) {
    let mut left = duration;
    while !left.is_zero() && budget.stop().is_none() {
        let step = left.min(Duration::from_millis(50));
        std::thread::sleep(step);
        left -= step;
    }
}

fn megabytes(bytes: u64) -> String {
    if bytes < 100_000 { format!("{bytes} bytes") } else { format!("{:.1} MB", bytes as f64 / 1e6) }
}
