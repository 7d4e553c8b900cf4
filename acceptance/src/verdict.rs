use std::fmt;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Every figure is within its limit.
    Pass,
    /// Some figure is not.
    Fail,
}

impl Verdict {
    /// Passes if the condition holds.
    pub(crate) fn of(holds: bool) -> Self {
        if holds { Verdict::Pass } else { Verdict::Fail }
    }

    /// Passes if both do.
    pub(crate) fn and(self, other: Verdict) -> Self {
        Verdict::of(self == Verdict::Pass && other == Verdict::Pass)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Pass => "PASS",
            Verdict::Fail => "FAIL",
        })
    }
}
