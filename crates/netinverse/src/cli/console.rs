//! What people see on standard error: errors with hints, notes, and one live line.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use netinverse_base::{Error, Progress};

/// Standard error.
pub(crate) struct Console {
    verbosity: i8,
    color: bool,
    bar: ProgressBar,
    /// When the live line last changed: workers report far more often than anybody reads.
    drawn: Mutex<Instant>,
}

impl Console {
    /// `verbosity`: −1 errors only, 0 normal, 1 and up more.
    pub(crate) fn new(verbosity: i8) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let bar = if terminal && verbosity >= 0 { ProgressBar::new(0) } else { ProgressBar::hidden() };
        Console { verbosity, color: terminal && !no_color, bar, drawn: Mutex::new(Instant::now()) }
    }

    pub(crate) fn verbose(&self) -> bool {
        self.verbosity > 0
    }

    /// Prints a line, unless quiet.
    pub(crate) fn line(&self, text: &str) {
        if self.verbosity >= 0 {
            self.write(text);
        }
    }

    /// Prints an error and its hints.
    pub(crate) fn error(&self, error: &Error) {
        self.write(&format!("{}: {error}", self.paint("error", "31")));
        for hint in error.hints() {
            self.write(&format!("{}: {hint}", self.paint("hint", "36")));
        }
    }

    /// Removes the live line.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    fn write(&self, text: &str) {
        // Nobody is left to tell when standard error is closed.
        self.bar.suspend(|| drop(writeln!(std::io::stderr(), "{text}")));
    }

    fn paint(&self, word: &str, code: &str) -> String {
        if self.color { format!("\u{1b}[1;{code}m{word}\u{1b}[0m") } else { word.to_string() }
    }
}

impl Progress for Console {
    fn stage(&self, name: &str, total: Option<u64>) {
        let template = match total {
            Some(_) => "{prefix} {bar:24} {percent:>3}% {elapsed:>4}  {msg}",
            None => "{prefix} {spinner} {elapsed:>4}  {msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
        self.bar.set_length(total.unwrap_or(0));
        self.bar.set_position(0);
        self.bar.set_message("");
        self.bar.set_prefix(name.to_string());
        // A line that moves says that work goes on, also where a step takes long.
        if !self.bar.is_hidden() {
            self.bar.enable_steady_tick(Duration::from_millis(250));
        }
        if self.verbose() {
            self.line(name);
        }
    }

    fn update(&self, done: u64, state: &str) {
        let mut drawn = match self.drawn.lock() {
            Ok(drawn) => drawn,
            Err(poisoned) => poisoned.into_inner(),
        };
        if drawn.elapsed() >= Duration::from_millis(60) {
            *drawn = Instant::now();
            self.bar.set_position(done);
            self.bar.set_message(state.to_string());
        }
    }

    fn note(&self, line: &str) {
        self.line(&format!("{}: {line}", self.paint("note", "33")));
    }
}
