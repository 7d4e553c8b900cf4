use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How much a computation may use, and the seed of its randomness.
///
/// Only the deadline and cancellation may change an answer between two runs with the same seed on the
/// same machine; the number of threads never does. Clones share the cancellation flag.
#[derive(Debug, Clone)]
pub struct Budget {
    deadline: Option<Instant>,
    cancelled: Arc<AtomicBool>,
    threads: NonZeroUsize,
    seed: u64,
}

/// Why work stopped before it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The time limit was reached.
    TimeLimit,
    /// The user asked for it (Ctrl-C).
    Cancelled,
}

impl Default for Budget {
    /// No deadline, every core, seed 0.
    fn default() -> Self {
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Budget { deadline: None, cancelled: Arc::new(AtomicBool::new(false)), threads, seed: 0 }
    }
}

impl Budget {
    /// Stops after `limit` from now.
    #[must_use]
    pub fn with_time_limit(mut self, limit: Duration) -> Self {
        self.deadline = Instant::now().checked_add(limit);
        self
    }

    /// Uses at most this many threads.
    #[must_use]
    pub fn with_threads(mut self, threads: NonZeroUsize) -> Self {
        self.threads = threads;
        self
    }

    /// Seeds all randomness of the computation.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The largest number of threads to use.
    pub fn threads(&self) -> usize {
        self.threads.get()
    }

    /// The seed of the computation's randomness.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Asks everything that shares this budget to stop with what it has.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// The flag that [`Budget::cancel`] sets, for signal handlers.
    pub fn cancel_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.cancelled)
    }

    /// Whether to stop now, and why. Cheap enough for the head of an outer loop.
    pub fn stop(&self) -> Option<StopReason> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Some(StopReason::Cancelled);
        }
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Some(StopReason::TimeLimit),
            _ => None,
        }
    }
}
