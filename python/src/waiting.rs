//! Work on a thread of its own while this one listens: for Ctrl-C, and for what is to be told on the way.

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use netinverse::base::{Budget, Error, Progress, Result};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// How often signals are looked for.
const TICK: Duration = Duration::from_millis(20);

/// The last thing that is known.
#[derive(Default)]
struct Latest(Mutex<Option<(u64, String)>>);

impl Progress for Latest {
    fn stage(&self, name: &str, _total: Option<u64>) {
        self.update(0, name);
    }
    fn update(&self, done: u64, state: &str) {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some((done, state.into()));
    }
    fn note(&self, _line: &str) {}
}

/// Seconds, threads and a seed as a budget.
pub(crate) fn budget(time_limit: Option<f64>, threads: Option<usize>, seed: u64) -> PyResult<Budget> {
    let mut budget = Budget::default().with_seed(seed);
    if let Some(seconds) = time_limit {
        let limit = Duration::try_from_secs_f64(seconds)
            .map_err(|_| PyValueError::new_err(format!("time_limit = {seconds} is no number of seconds")))?;
        budget = budget.with_time_limit(limit);
    }
    if let Some(threads) = threads {
        let threads = NonZeroUsize::new(threads)
            .ok_or_else(|| PyValueError::new_err("threads = 0: at least one thread is needed"))?;
        budget = budget.with_threads(threads);
    }
    Ok(budget)
}

/// Runs `work` without the interpreter's lock; `progress(done, state)` is called now and then. Ctrl-C, and whatever the
/// callback raises, cancel the work and are raised once it has ended.
pub(crate) fn run<T: Send>(
    py: Python<'_>,
    budget: &Budget,
    progress: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce(&dyn Progress) -> Result<T> + Send,
) -> PyResult<T> {
    let latest = Latest::default();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(budget.threads()).build().map_err(|error| {
        PyValueError::new_err(format!("cannot start {} threads: {error}", budget.threads()))
    })?;
    let (done, finished) = channel();
    // A receiver is for one thread; the lock lets it be waited for without the interpreter's.
    let finished = Mutex::new(finished);
    let mut raised = None;
    let answer = std::thread::scope(|scope| {
        let (latest, pool) = (&latest, &pool);
        scope.spawn(move || {
            let _ = done.send(pool.install(|| work(latest)));
        });
        loop {
            let wait =
                || finished.lock().unwrap_or_else(std::sync::PoisonError::into_inner).recv_timeout(TICK);
            match py.detach(wait) {
                Ok(answer) => return Some(answer),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if raised.is_some() {
                continue;
            }
            let mut heard = py.check_signals();
            let news = latest.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
            if let (Ok(()), Some(callback), Some((count, state))) = (&heard, progress, news) {
                heard = callback.call1((count, state)).map(|_| ());
            }
            if let Err(error) = heard {
                budget.cancel();
                raised = Some(error);
            }
        }
    });
    if let Some(error) = raised {
        return Err(error);
    }
    let answer = answer.unwrap_or_else(|| Err(Error::unsupported("the work ended without an answer")));
    answer.map_err(|error| crate::exception(&error))
}
