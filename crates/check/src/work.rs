//! What a check counts on the way, and whether it is to go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::report::{Outcome, Trouble};

/// Shared by the threads of a check.
#[derive(Debug, Default)]
pub(crate) struct Work {
    boxes: AtomicU64,
    stop: Option<Arc<AtomicBool>>,
}

impl Work {
    pub(crate) fn new(stop: Option<Arc<AtomicBool>>) -> Self {
        Work { boxes: AtomicU64::new(0), stop }
    }

    /// So many boxes were bounded.
    pub(crate) fn add(&self, boxes: u64) {
        self.boxes.fetch_add(boxes, Ordering::Relaxed);
    }

    pub(crate) fn boxes(&self) -> u64 {
        self.boxes.load(Ordering::Relaxed)
    }

    /// The end of the check, where someone asked for it.
    pub(crate) fn stopped(&self) -> Option<Outcome> {
        let stop = self.stop.as_ref()?.load(Ordering::Relaxed);
        stop.then(|| Trouble::stopped().into())
    }
}
