//! Verdicts, and what went wrong.

use std::path::Path;

use serde::Serialize;

/// The end of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every claim was derived anew.
    Confirmed,
    /// A claim is false, or does not follow.
    Refused,
    /// The model or the answer has something that the checker does not cover.
    NotCheckable,
}

/// The first claim that was not confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The line of the answer, counted from 1.
    pub line: usize,
    /// Which claim.
    pub claim: String,
    /// Why not.
    pub reason: String,
}

/// How much was checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Leaves of trees.
    pub leaves: usize,
    /// Polytopes.
    pub pieces: usize,
    /// Boxes on which the network was bounded.
    pub boxes: u64,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The verdict.
    pub verdict: Verdict,
    /// The answer's path.
    pub answer: String,
    /// The answer's schema.
    pub schema: String,
    /// The model's path and SHA-256.
    pub model: (String, String),
    /// The question that was confirmed, in words; numbers to the nearest double.
    pub question: String,
    /// What the answer claims, in words.
    pub claim: String,
    /// Of a refused answer.
    pub first_failure: Option<Failure>,
    /// Of an answer that is not checkable.
    pub why: Option<String>,
    /// How much was checked.
    pub checked: Checked,
    /// Wall time, seconds.
    pub seconds: f64,
}

impl Report {
    pub(crate) fn new(answer: &Path, model: &Path, sha256: &str) -> Self {
        Report {
            verdict: Verdict::NotCheckable,
            answer: answer.display().to_string(),
            schema: String::new(),
            model: (model.display().to_string(), sha256.to_string()),
            question: String::new(),
            claim: String::new(),
            first_failure: None,
            why: None,
            checked: Checked::default(),
            seconds: 0.0,
        }
    }

    /// The report as one JSON object (`docs/schema/check.schema.json`).
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "schema": "netinverse.check/1",
            "model": {"path": self.model.0, "sha256": self.model.1},
            "answer": {"path": self.answer, "schema": self.schema},
            "question": self.question,
            "claim": self.claim,
            "verdict": self.verdict,
            "first_failure": self.first_failure,
            "why": self.why,
            "checked": self.checked,
            "seconds": self.seconds,
        })
    }
}

/// Why a check could not be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    kind: TroubleKind,
    message: String,
}

/// The kind of a [`Trouble`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TroubleKind {
    /// A file is not what it should be.
    Input,
    /// It is, and the checker does not cover it.
    NotCheckable,
    /// Someone asked for the end.
    Stopped,
}

impl Trouble {
    pub(crate) fn input(message: impl Into<String>) -> Self {
        Trouble { kind: TroubleKind::Input, message: message.into() }
    }

    pub(crate) fn stopped() -> Self {
        Trouble { kind: TroubleKind::Stopped, message: "the check was stopped before its end".into() }
    }

    pub(crate) fn not_checkable(message: impl Into<String>) -> Self {
        Trouble { kind: TroubleKind::NotCheckable, message: message.into() }
    }

    pub(crate) fn at(self, place: &str) -> Self {
        Trouble { message: format!("{place}: {}", self.message), ..self }
    }

    /// The kind.
    pub fn kind(&self) -> TroubleKind {
        self.kind
    }

    /// What is wrong, on one line.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Trouble {}

/// Why a check ended early.
#[derive(Debug)]
pub(crate) enum Outcome {
    Refused(Failure),
    Trouble(Trouble),
}

impl From<Trouble> for Outcome {
    fn from(trouble: Trouble) -> Self {
        Outcome::Trouble(trouble)
    }
}

/// The refusal of a claim.
pub(crate) fn refuse(line: usize, claim: impl Into<String>, reason: impl Into<String>) -> Outcome {
    Outcome::Refused(Failure { line, claim: claim.into(), reason: reason.into() })
}
