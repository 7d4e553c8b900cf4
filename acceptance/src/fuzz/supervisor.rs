use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use netinverse_base::{Error, Result};

use super::{MAX_RESTARTS, Options, PATIENCE};

/// Outcomes of one format.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Row {
    pub(super) values: u64,
    pub(super) errors: u64,
    pub(super) failures: u64,
}

/// What the workers reported.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) rows: BTreeMap<String, Row>,
    /// Case and reason.
    pub(super) failures: BTreeMap<u64, String>,
    /// The most bytes live at once in one worker.
    pub(super) peak: usize,
    /// Milliseconds, and the case.
    pub(super) slowest: (u64, u64),
}

impl Tally {
    pub(super) fn total(&self) -> Row {
        self.rows.values().fold(Row::default(), |sum, row| Row {
            values: sum.values + row.values,
            errors: sum.errors + row.errors,
            failures: sum.failures + row.failures,
        })
    }

    fn add(&mut self, other: Tally) {
        for (kind, row) in other.rows {
            let own = self.rows.entry(kind).or_default();
            own.values += row.values;
            own.errors += row.errors;
            own.failures += row.failures;
        }
        self.failures.extend(other.failures);
        self.peak = self.peak.max(other.peak);
        self.slowest = self.slowest.max(other.slowest);
    }

    fn failed(&mut self, kind: &str, index: u64, reason: String) {
        self.rows.entry(kind.to_string()).or_default().failures += 1;
        self.failures.insert(index, reason);
    }

    /// Takes in `INDEX KIND OUTCOME MILLISECONDS PEAK DETAIL`.
    fn end(&mut self, line: &str) -> Option<()> {
        let mut words = line.splitn(6, ' ');
        let index: u64 = words.next()?.parse().ok()?;
        let kind = words.next()?;
        let outcome = words.next()?;
        let milliseconds: u64 = words.next()?.parse().ok()?;
        self.peak = self.peak.max(words.next()?.parse().ok()?);
        self.slowest = self.slowest.max((milliseconds, index));
        match outcome {
            "value" => self.rows.entry(kind.into()).or_default().values += 1,
            "error" => self.rows.entry(kind.into()).or_default().errors += 1,
            _ => self.failed(kind, index, words.next().unwrap_or_default().to_string()),
        }
        Some(())
    }
}

/// Starts the workers, and starts them again where one dies.
pub(super) struct Supervisor<'a> {
    options: &'a Options,
    data: Option<PathBuf>,
}

impl<'a> Supervisor<'a> {
    pub(super) fn new(options: &'a Options, data: Option<&Path>) -> Self {
        Supervisor { options, data: data.map(Path::to_path_buf) }
    }

    pub(super) fn run(&self) -> Result<Tally> {
        let tallies: Vec<Result<Tally>> = thread::scope(|scope| {
            let handles: Vec<_> =
                (0..self.options.workers).map(|first| scope.spawn(move || self.stripe(first))).collect();
            let joined = handles.into_iter().map(thread::ScopedJoinHandle::join);
            joined
                .map(|tally| tally.unwrap_or_else(|_| Err(Error::input("a supervising thread ended"))))
                .collect()
        });
        let mut all = Tally::default();
        for tally in tallies {
            all.add(tally?);
        }
        Ok(all)
    }

    /// The cases `first`, `first + workers`, …
    fn stripe(&self, mut first: u64) -> Result<Tally> {
        let mut tally = Tally::default();
        for _ in 0..MAX_RESTARTS {
            if first >= self.options.count {
                break;
            }
            match self.listen(first, &mut tally)? {
                Some(died_at) => first = died_at + self.options.workers,
                None => break,
            }
        }
        Ok(tally)
    }

    /// One process, until it ends; the case that ended it, if one did.
    fn listen(&self, first: u64, tally: &mut Tally) -> Result<Option<u64>> {
        let mut child = self.start(first)?;
        let stdout = child.stdout.take().expect("stdout is a pipe");
        let mut stderr = child.stderr.take().expect("stderr is a pipe");
        let (sender, lines) = mpsc::channel();
        let reader = thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(std::io::Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let complaints = thread::spawn(move || {
            let mut text = String::new();
            // What cannot be read as text says nothing of use either.
            let _ = stderr.read_to_string(&mut text);
            text
        });
        let mut begun: Option<(u64, String)> = None;
        let mut hung = false;
        loop {
            match lines.recv_timeout(Duration::from_secs(PATIENCE)) {
                Ok(line) => match line.split_once(' ') {
                    Some(("begin", rest)) => {
                        begun = rest
                            .split_once(' ')
                            .and_then(|(index, kind)| Some((index.parse().ok()?, kind.to_string())));
                    }
                    Some(("end", rest)) => {
                        tally.end(rest).ok_or_else(|| Error::input(format!("a worker wrote `{line}`")))?;
                        begun = None;
                    }
                    // The verdict that every command ends with.
                    None if begun.is_none() => {}
                    _ => return Err(Error::input(format!("a worker wrote `{line}`"))),
                },
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    hung = true;
                    // It may have ended by itself just now.
                    let _ = child.kill();
                    break;
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            }
        }
        let status = child.wait().map_err(|error| Error::io("a worker", &error))?;
        let _ = reader.join();
        let complaint = complaints.join().unwrap_or_default();
        let Some((index, kind)) = begun else {
            if status.success() {
                return Ok(None);
            }
            return Err(Error::input(format!(
                "a worker ended between two cases ({status}): {}",
                complaint.trim()
            )));
        };
        let first = complaint.trim().lines().next().unwrap_or_default().to_string();
        let reason = if hung {
            format!("did not end within {PATIENCE} s")
        } else {
            format!("ended the process ({status}): {first}")
        };
        tally.failed(&kind, index, reason);
        Ok(Some(index))
    }

    fn start(&self, first: u64) -> Result<Child> {
        let program = std::env::current_exe().map_err(|error| Error::io("this program", &error))?;
        let mut command = Command::new(&program);
        if let Some(data) = &self.data {
            command.arg("--data").arg(data);
        }
        command.arg("fuzz");
        for (option, value) in [
            ("--seed", self.options.seed),
            ("--count", self.options.count),
            ("--workers", self.options.workers),
            ("--worker-from", first),
        ] {
            command.arg(option).arg(value.to_string());
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().map_err(|error| Error::io(&program, &error))
    }
}
