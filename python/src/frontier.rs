//! A paving whose cells are lent to other processes.

use std::sync::{Mutex, MutexGuard, PoisonError};

use netinverse::answers::preimage::plan;
use netinverse::preimage::{Answer, Frontier as Library, Question, Status};
use pyo3::prelude::*;

use crate::preimage::{Preimage, Set};
use crate::{exception, waiting};

/// What is known, and who has which cells.
#[pyclass(frozen, module = "netinverse._core")]
pub(crate) struct Frontier {
    frontier: Mutex<Library>,
}

impl Frontier {
    fn lock(&self) -> MutexGuard<'_, Library> {
        self.frontier.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Frontier {
    /// Of a paving that is whole.
    #[new]
    fn new(paving: &Preimage) -> PyResult<Self> {
        let frontier = Library::new(paving.paved()?.clone()).map_err(|error| exception(&error))?;
        Ok(Frontier { frontier: Mutex::new(frontier) })
    }

    /// A loan's number and the text of its answer: of `parts` equal shares of the open cells one, `most` cells at most.
    fn lend(&self, py: Python<'_>, parts: usize, most: usize) -> PyResult<Option<(u64, String)>> {
        let lent = py.detach(|| {
            let lent = self.lock().lend(parts, most);
            lent.map(|(number, answer)| answer.text().map(|text| (number, text))).transpose()
        });
        lent.map_err(|error| exception(&error))
    }

    /// Takes a loan back with what was made of it.
    fn take_back(&self, py: Python<'_>, loan: u64, text: &str) -> PyResult<()> {
        let done = py.detach(|| self.lock().take_back(loan, &Answer::parse(text)?));
        done.map_err(|error| exception(&error))
    }

    /// Gives a loan up: its cells can be lent again.
    fn give_up(&self, loan: u64) -> PyResult<()> {
        self.lock().give_up(loan).map_err(|error| exception(&error))
    }

    #[getter]
    fn volume(&self) -> (f64, f64) {
        self.lock().volume()
    }

    #[getter]
    fn coverage(&self) -> Option<f64> {
        self.lock().coverage()
    }

    #[getter]
    fn boxes(&self) -> u64 {
        self.lock().boxes()
    }

    #[getter]
    fn open_cells(&self) -> usize {
        self.lock().open_cells()
    }

    #[getter]
    fn loans(&self) -> usize {
        self.lock().loans()
    }

    /// The answer with everything that has come back; polytopes are made of it as the goals say, as few as there is time for.
    #[pyo3(signature = (complete, seconds, coverage=None, over=None, max_pieces=None, compact=true, time_limit=None))]
    fn answer(
        &self,
        py: Python<'_>,
        complete: bool,
        seconds: f64,
        coverage: Option<f64>,
        over: Option<f64>,
        max_pieces: Option<usize>,
        compact: bool,
        time_limit: Option<f64>,
    ) -> PyResult<Preimage> {
        let status = if complete { Status::Complete } else { Status::Partial };
        let budget = waiting::budget(time_limit, None, 0)?;
        let start = std::time::Instant::now();
        let answer = waiting::run(py, &budget, None, |_| {
            let mut answer = self.lock().answer(status);
            let question = Question::of_header(&answer.header)?;
            let mut wanted = plan((coverage, over, None), compact, max_pieces);
            wanted.goals.min_width = answer.header.min_width;
            answer.make_pieces(&question, &wanted, &budget);
            answer.header.seconds = seconds + start.elapsed().as_secs_f64();
            Ok(answer)
        })?;
        Ok(Preimage { set: Set::Paved(Box::new(answer)) })
    }
}
