/// Where long work reports what is known so far.
///
/// Work calls [`Progress::stage`] when a new part begins, then [`Progress::update`] as it goes; the
/// receiver decides what is shown and how often. Calls come from any thread, and must be cheap.
pub trait Progress: Sync {
    /// A new part begins, of `total` steps where that is known.
    fn stage(&self, name: &str, total: Option<u64>);
    /// `done` steps of the current part are done; `state` says in a few words what is known so far.
    fn update(&self, done: u64, state: &str);
    /// A line worth keeping, such as a warning.
    fn note(&self, line: &str);
}

/// Shows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn stage(&self, _name: &str, _total: Option<u64>) {}
    fn update(&self, _done: u64, _state: &str) {}
    fn note(&self, _line: &str) {}
}
