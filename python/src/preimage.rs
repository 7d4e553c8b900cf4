//! `netinverse preimage`: sets, paved or exact.

use std::path::Path;

use netinverse::answers::exact;
use netinverse::answers::preimage::{
    class_condition, facts, first_axes, json, merged, middle, plan, target_condition, within_condition,
};
use netinverse::base::{Error, Place, Result};
use netinverse::bounds::{Bounder, PiecewiseLinear};
use netinverse::geometry::Norm;
use netinverse::pages;
use netinverse::preimage::exact::{EXACT_SCHEMA, ExactAnswer, ExactOptions, exact_preimage};
use netinverse::preimage::{Answer, Asked, Paving, Picture, Question, Shard, Status, View, solve};
use netinverse::spec::Formula;
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::array::Numbers;
use crate::network::Network;
use crate::{errors::UnsupportedError, exception, waiting};

/// A preimage with its proof.
#[pyclass(frozen, module = "netinverse._core")]
pub(crate) struct Preimage {
    pub(crate) set: Set,
}

/// How it is known.
pub(crate) enum Set {
    Paved(Box<Answer>),
    Exact(Box<ExactAnswer>),
}

impl Set {
    fn parse(text: &str) -> Result<Set> {
        if text.starts_with(&format!("{{\"schema\":\"{EXACT_SCHEMA}\"")) {
            return Ok(Set::Exact(Box::new(ExactAnswer::parse(text)?)));
        }
        Ok(Set::Paved(Box::new(Answer::parse(text)?)))
    }

    fn inputs(&self) -> usize {
        match self {
            Set::Paved(answer) => answer.header.lower.len(),
            Set::Exact(answer) => answer.header.lower.len(),
        }
    }
}

impl Preimage {
    /// The answer of a paving.
    pub(crate) fn paved(&self) -> PyResult<&Answer> {
        match &self.set {
            Set::Paved(answer) => Ok(answer),
            Set::Exact(_) => Err(UnsupportedError::new_err(
                "this of an exact answer\nhint: pave the same question without `exact`",
            )),
        }
    }
}

#[pymethods]
impl Preimage {
    /// The first line of the file: everything but leaves and pieces.
    fn _header(&self) -> PyResult<String> {
        let text = match &self.set {
            Set::Paved(answer) => serde_json::to_string(&answer.header),
            Set::Exact(answer) => serde_json::to_string(&answer.header),
        };
        text.map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// As `netinverse preimage --format json` prints it: with the polytopes.
    fn _json(&self) -> PyResult<String> {
        let text = match &self.set {
            Set::Paved(answer) => json(answer),
            Set::Exact(answer) => exact::json(answer),
        };
        text.map_err(|error| exception(&error))
    }

    /// What there is to say, a name and a sentence each.
    fn _facts(&self) -> Vec<(String, String)> {
        let facts = match &self.set {
            Set::Paved(answer) => facts(answer),
            Set::Exact(answer) => exact::facts(answer),
        };
        facts.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
    }

    /// The text of the `.preimage` file.
    fn _text(&self, py: Python<'_>) -> PyResult<String> {
        let text = py.detach(|| match &self.set {
            Set::Paved(answer) => answer.text(),
            Set::Exact(answer) => answer.text(),
        });
        text.map_err(|error| exception(&error))
    }

    /// True: proved inside; False: proved outside; None: not decided at this resolution. One verdict a row.
    fn _contains(&self, x: &Bound<'_, PyAny>) -> PyResult<Vec<Option<bool>>> {
        let n = self.set.inputs();
        let numbers = Numbers::of(x)?;
        numbers.layout(n, &[], "input")?;
        let rows = numbers.finite("x")?;
        let known = |contains: &dyn Fn(&[f64]) -> Option<bool>| rows.chunks(n.max(1)).map(contains).collect();
        match &self.set {
            Set::Paved(answer) => {
                let question = Question::of_header(&answer.header).map_err(|error| exception(&error))?;
                Ok(known(&|x| answer.contains(&question, x)))
            }
            Set::Exact(answer) => {
                let question = answer.question().map_err(|error| exception(&error))?;
                Ok(known(&|x| answer.contains(&question, x)))
            }
        }
    }

    /// Points drawn uniformly from the inner set, one a row.
    fn _sample<'py>(&self, py: Python<'py>, count: usize, seed: u64) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let answer = self.paved()?;
        let question = Question::of_header(&answer.header).map_err(|error| exception(&error))?;
        let drawn = answer.sample(&question, count, seed).map_err(|error| exception(&error))?;
        let flat: Vec<f64> = drawn.points.concat();
        PyArray1::from_vec(py, flat).reshape([drawn.points.len(), self.set.inputs()])
    }

    /// The proved input that is nearest to each row.
    fn _nearest<'py>(&self, x: &Bound<'py, PyAny>, norm: &str) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let answer = self.paved()?;
        let n = self.set.inputs();
        let norm = match norm {
            "l2" => Norm::L2,
            "l1" => Norm::L1,
            "linf" => Norm::LInfinity,
            other => return Err(PyValueError::new_err(format!("norm = {other:?}\nhint: l2, l1 or linf"))),
        };
        let numbers = Numbers::of(x)?;
        numbers.layout(n, &[], "input")?;
        let question = Question::of_header(&answer.header).map_err(|error| exception(&error))?;
        let mut flat = Vec::new();
        for row in numbers.finite("x")?.chunks(n.max(1)) {
            let nearest = answer.nearest(&question, row, norm).map_err(|error| exception(&error))?;
            let nearest = nearest.ok_or_else(|| {
                PyValueError::new_err("the answer has no inner set\nhint: pave on, with a higher coverage")
            })?;
            flat.extend(nearest.point);
        }
        let rows = flat.len() / n.max(1);
        PyArray1::from_vec(x.py(), flat).reshape([rows, n])
    }

    /// An SVG of two inputs: a slice at a point (the middle of the box), or the shadow of the inner pieces.
    #[pyo3(signature = (axes=None, at=None, project=false))]
    fn _svg(&self, axes: Option<[usize; 2]>, at: Option<Vec<f64>>, project: bool) -> PyResult<String> {
        let (lower, upper) = match &self.set {
            Set::Paved(answer) => (&answer.header.lower, &answer.header.upper),
            Set::Exact(answer) => (&answer.header.lower, &answer.header.upper),
        };
        let axes = axes
            .or_else(|| first_axes(lower, upper))
            .ok_or_else(|| PyValueError::new_err("a picture needs two inputs that are not fixed"))?;
        let n = lower.len();
        if axes.iter().any(|&i| i >= n) || axes[0] == axes[1] {
            return Err(PyValueError::new_err(format!(
                "axes = {axes:?}\nhint: two inputs, from 0 to {}",
                n - 1
            )));
        }
        if let Some(at) = at.as_ref().filter(|at| at.len() != n) {
            return Err(PyValueError::new_err(format!("at has {} numbers, there are {n} inputs", at.len())));
        }
        let svg = match &self.set {
            Set::Paved(answer) => {
                let view = match (project, at) {
                    (true, _) => View::Projection,
                    (false, at) => View::Slice(at.unwrap_or_else(|| middle(&answer.header))),
                };
                let picture = Picture { axes, names: axes.map(|i| format!("x{i}")), view };
                Question::of_header(&answer.header).and_then(|question| picture.svg(answer, &question))
            }
            Set::Exact(_) if project => {
                return Err(UnsupportedError::new_err(
                    "the projection of an exact answer\nhint: leave `project` out for a slice",
                ));
            }
            Set::Exact(answer) => answer.svg(axes, &at.unwrap_or_else(|| exact::middle(answer))),
        };
        svg.map_err(|error| exception(&error))
    }

    /// The page that `netinverse preimage -o FILE.html` writes.
    fn _page(&self) -> PyResult<String> {
        let page = match &self.set {
            Set::Paved(answer) => pages::paving(answer, None),
            Set::Exact(answer) => {
                let axes = first_axes(&answer.header.lower, &answer.header.upper);
                pages::exact(answer, axes.map(|axes| (axes, exact::middle(answer))), None)
            }
        };
        page.map_err(|error| exception(&error))
    }

    /// Writes a `.preimage` file.
    fn _save(&self, path: &str) -> PyResult<()> {
        let path = Path::new(path);
        let written = match &self.set {
            Set::Paved(answer) => answer.write(path),
            Set::Exact(answer) => answer.write(path),
        };
        written.map_err(|error| exception(&error))
    }

    /// Reads a `.preimage` file.
    #[staticmethod]
    fn _load(path: &str) -> PyResult<Preimage> {
        let path = Path::new(path);
        let text = std::fs::read_to_string(path).map_err(|error| Error::io(path, &error));
        let set = text.and_then(|text| Set::parse(&text).map_err(|error| error.at(Place::file(path))));
        Ok(Preimage { set: set.map_err(|error| exception(&error))? })
    }

    /// Reads the text of one.
    #[staticmethod]
    fn _parse(py: Python<'_>, text: &str) -> PyResult<Preimage> {
        let set = py.detach(|| Set::parse(text)).map_err(|error| exception(&error))?;
        Ok(Preimage { set })
    }
}

/// Paves the preimage of a condition or a VNN-LIB text, or enumerates it exactly, as the command line decides.
#[pyfunction]
#[pyo3(name = "_preimage", signature = (network, condition=None, spec=None, class=None, margin=0.0, within=None, target=None,
                                       bounds=None, coverage=None, over=None, exact=false, regions=false, min_width=None,
                                       max_pieces=None, compact=true, resume=None, shard=None, seed=0, time_limit=None,
                                       threads=None, progress=None))]
pub(crate) fn preimage(
    py: Python<'_>,
    network: &Network,
    condition: Option<String>,
    spec: Option<String>,
    class: Option<usize>,
    margin: f64,
    within: Option<Vec<[f64; 2]>>,
    target: Option<&Bound<'_, PyAny>>,
    bounds: Option<Vec<[f64; 2]>>,
    coverage: Option<f64>,
    over: Option<f64>,
    exact: bool,
    regions: bool,
    min_width: Option<f64>,
    max_pieces: Option<usize>,
    compact: bool,
    resume: Option<&Preimage>,
    shard: Option<(usize, usize)>,
    seed: u64,
    time_limit: Option<f64>,
    threads: Option<usize>,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<Preimage> {
    let start = std::time::Instant::now();
    let graph = network.graph();
    let m = graph.output_size();
    let condition = match (condition, class, within, target) {
        (None, Some(class), ..) => {
            Some(class_condition(class, margin, m).map_err(|error| exception(&error))?)
        }
        (None, None, Some(within), _) => {
            Some(within_condition(&within, m).map_err(|error| exception(&error))?)
        }
        (None, None, None, Some(target)) => match &network.output_rows(target, "target")?[..] {
            [only] => Some(target_condition(only)),
            rows => {
                let fault =
                    format!("{} targets, one is asked for at a time\nhint: `invert` takes many", rows.len());
                return Err(PyValueError::new_err(fault));
            }
        },
        (condition, ..) => condition,
    };
    let earlier = resume.map(Preimage::paved).transpose()?;
    let nothing = condition.is_none() && spec.is_none() && bounds.is_none();
    let asked = match earlier {
        Some(earlier) if nothing => earlier.header.asked.clone(),
        _ => Asked { condition, spec, bounds, output: network.output() },
    };
    let exact = exact || regions || target.is_some();
    let finishes = coverage == Some(1.0) && over.is_none() && shard.is_none() && earlier.is_none();
    let shard = match shard {
        Some((index, count)) if (1..=count).contains(&index) && count <= 100_000 => {
            Some(Shard { index: index - 1, count })
        }
        Some((index, count)) => {
            let fault = format!("shard = ({index}, {count})\nhint: (i, n), parts counted from 1");
            return Err(PyValueError::new_err(fault));
        }
        None => None,
    };
    let mut wanted = plan((coverage, over, min_width), compact, max_pieces);
    if let (Some(earlier), None) = (earlier, min_width) {
        wanted.goals.min_width = earlier.header.min_width;
    }
    let min_width = wanted.goals.min_width;
    let budget = waiting::budget(time_limit, threads, seed)?;
    let set = waiting::run(py, &budget, progress, |progress| {
        let bounder = Bounder::new(graph)?;
        let given = asked.given_bounds(graph.input_size())?;
        let whole = regions && asked.spec.is_none() && asked.condition.is_none();
        let formula = if whole { Formula::all(Vec::new()) } else { asked.formula(graph)? };
        let question = Question::new(&bounder, &formula, given.as_ref())
            .map_err(|error| error.at(Place::Option("--bounds".into())))?;
        let model = network.file();
        if exact || finishes && PiecewiseLinear::new(graph, &bounder).is_ok() {
            let options =
                ExactOptions { merge: compact, maps: true, all_regions: regions, ..ExactOptions::default() };
            let set = exact_preimage(graph, &bounder, &question, &options, &budget, progress)?;
            let mut answer = ExactAnswer::of(set, &question, regions, model, asked);
            answer.header.seconds = start.elapsed().as_secs_f64();
            return Ok(Set::Exact(Box::new(answer)));
        }
        let mut paving = match earlier {
            Some(earlier) => {
                let here = Paving::new(&bounder, &question, min_width);
                let now = here.answer(model.clone(), asked.clone(), min_width, Status::Partial);
                earlier
                    .check_same(&now.header)
                    .map_err(|error| error.at(Place::Option("--resume".into())))?;
                let part = earlier.header.shard.map(|[index, count]| Shard { index, count });
                let (nodes, boxes) = (earlier.nodes.clone(), earlier.header.boxes);
                Paving::resume(&bounder, &question, nodes, boxes, part)?
            }
            None => Paving::new(&bounder, &question, min_width),
        };
        if let Some(shard) = shard {
            paving.take_shard(shard, min_width);
        }
        let mut watch = |paving: &Paving<'_>| {
            let (lower, upper) = paving.volume();
            progress.update(paving.boxes(), &format!("{lower:e} <= V <= {upper:e}"));
            Ok(())
        };
        let mut answer = solve(&mut paving, &wanted, model, asked.clone(), &budget, &mut watch)?;
        answer.header.seconds = start.elapsed().as_secs_f64();
        Ok(Set::Paved(Box::new(answer)))
    })?;
    Ok(Preimage { set })
}

/// The answers of all shards as one.
#[pyfunction]
#[pyo3(name = "_merge", signature = (shards, coverage=None, over=None, max_pieces=None, compact=true))]
pub(crate) fn merge(
    py: Python<'_>,
    shards: Vec<Bound<'_, Preimage>>,
    coverage: Option<f64>,
    over: Option<f64>,
    max_pieces: Option<usize>,
    compact: bool,
) -> PyResult<Preimage> {
    let answers: Vec<Answer> =
        shards.iter().map(|shard| shard.get().paved().cloned()).collect::<PyResult<_>>()?;
    let goals = |min_width: f64| {
        let mut goals = plan((coverage, over, None), compact, max_pieces);
        goals.goals.min_width = min_width;
        goals
    };
    let answer = py.detach(|| merged(&answers, &goals)).map_err(|error| exception(&error))?;
    Ok(Preimage { set: Set::Paved(Box::new(answer)) })
}
