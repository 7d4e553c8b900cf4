//! From a problem to what the solver takes, refusing what cannot be asked, with the option at fault.

use netinverse_base::{Error, Place, Result, ResultExt};
use netinverse_network::{Function, Layout, Network, Normalizer, Op};
use netinverse_spec::{
    Bounds, Case, Confidence, Conjunction, Context, Formula, Linear, NormalForm, OutputScale, Rounding,
    Shared, Specification, Target, TargetSet, Variable, Vocabulary, parse_linear, parse_where,
};

use super::belief::{Belief, Resources};
use super::problem::{Asked, Problem};
use super::region::Region;
use super::{certify, complete, sampling, scaling, warm};

/// A problem checked against its network.
#[derive(Debug)]
pub struct Prepared {
    /// The network in the user's units.
    pub(super) network: Network,
    /// The network with its inputs in the user's units and its outputs in its own.
    pub(super) inner: Network,
    /// How the outputs are scaled, where they are.
    pub(super) output_scale: Option<Vec<(f64, f64)>>,
    pub(super) problem: Problem,
    /// What is asked of the outputs, where regions do not say it themselves.
    pub(super) target: Option<Target>,
    /// The regions of inputs; an answer lies in one of them.
    pub(super) regions: Vec<Region>,
    /// `(coefficients, constant)` of the form to make as large as possible.
    pub(super) objective: Option<(Vec<f64>, f64)>,
    pub(super) output_meaning: OutputScale,
    /// Answers are at least this far apart.
    pub(super) separation: f64,
    /// The prior and the data.
    pub(super) belief: Belief,
    /// The inverse that gives starts, in the user's units.
    pub(super) start: Option<Network>,
}

impl Prepared {
    /// Checks a problem against its network.
    ///
    /// # Errors
    /// Widths that do not fit, numbers that are not finite, bounds, fixed inputs and conditions that
    /// contradict each other, classes out of range, expressions that do not parse: each with its option.
    pub fn new(network: &Network, problem: Problem) -> Result<Self> {
        Self::with(network, problem, &Resources::default())
    }

    /// The same with the data and the network that the problem names.
    ///
    /// # Errors
    /// Also a prior that lacks what it needs or does not fit, data of another width or too few, and a complete preimage
    /// or samples of what has none.
    pub fn with(network: &Network, problem: Problem, resources: &Resources) -> Result<Self> {
        let (n, m) = (network.input_size(), network.output_size());
        let input_scale = match &problem.input_scale {
            Some(rows) => Some(scaling::pairs(rows, n, "--input-scale")?),
            None => None,
        };
        let output_scale = match &problem.output_scale {
            Some(rows) => Some(scaling::pairs(rows, m, "--output-scale")?),
            None => None,
        };
        check_numbers(&problem, n)?;
        let asked_at = || Place::Option(problem.asked.option().into());
        let target = target(&problem, n, m).at(asked_at)?;
        if let Some(target) = &target {
            target.check(n, m).at(asked_at)?;
        }
        check_rows(&problem, target.as_ref())?;

        let (lower, upper) = input_box(&problem, n)?;
        let mut conditions = Vec::new();
        let vocabulary = Vocabulary::inputs(n).with_input_names(&problem.input_names);
        for text in &problem.subject_to {
            conditions.push(parse_where(text, &vocabulary).at(|| Place::Option("--subject-to".into()))?);
        }
        let (target, own) = match target {
            Some(Target::Where(formula)) => (None, Some(formula)),
            Some(Target::Spec(specification)) => (None, Some(specification.formula)),
            other => (other, None),
        };
        let regions = regions(&problem, (&lower, &upper), conditions, own)?;
        let objective = objective(&problem, m)?;
        if objective.is_some() && regions.iter().any(|region| !region.is_finite()) {
            return Err(Error::input("an objective needs bounds for every input that is not fixed")
                .at(Place::Option("--bounds".into()))
                .hint("give `--bounds lo,hi`, or a file with a row for each input"));
        }
        let separation = problem.separation.unwrap_or_else(|| default_separation(&regions, n));
        let belief = Belief::new(&problem, network, resources, &regions)?;
        let start = warm::inverse(&problem, (n, m), resources)?;
        let start =
            start.map(|g| scaling::wrap(g, output_scale.as_deref(), input_scale.as_deref())).transpose()?;
        let prepared = Prepared {
            network: scaling::wrap(network, input_scale.as_deref(), output_scale.as_deref())?,
            inner: scaling::wrap(network, input_scale.as_deref(), None)?,
            output_meaning: output_meaning(network),
            output_scale,
            target,
            regions,
            objective,
            separation,
            belief,
            start,
            problem,
        };
        if prepared.problem.complete {
            complete::check(&prepared)?;
        }
        if prepared.problem.sample.is_some() {
            sampling::check(&prepared)?;
        }
        certify::check(&prepared)?;
        Ok(prepared)
    }

    /// The problem as it was given.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// n
    pub fn inputs(&self) -> usize {
        self.network.input_size()
    }

    /// m
    pub fn outputs(&self) -> usize {
        self.network.output_size()
    }

    /// The smallest and largest bound, where every input has both.
    pub fn range(&self) -> Option<(f64, f64)> {
        let ends =
            |side: fn(&Region) -> &[f64]| self.regions.iter().flat_map(move |r| side(r).iter().copied());
        let low = ends(|r| &r.domain.lower).fold(f64::INFINITY, f64::min);
        let high = ends(|r| &r.domain.upper).fold(f64::NEG_INFINITY, f64::max);
        (low.is_finite() && high.is_finite()).then_some((low, high))
    }

    /// The reference of query `query` in a region.
    pub(super) fn near(&self, query: usize, region: &Region) -> Vec<f64> {
        match &self.problem.near {
            Some(rows) => rows[if rows.len() == 1 { 0 } else { query }].clone(),
            None => region.centre(),
        }
    }

    /// The set asked for in a region; `None` when nothing is asked of the outputs.
    pub(super) fn set(
        &self,
        query: usize,
        region: &Region,
        own_class: Option<usize>,
        rounding: Rounding,
    ) -> Result<Option<TargetSet>> {
        let context = Context { outputs: self.outputs(), scale: self.output_meaning, own_class, rounding };
        match (&self.target, &region.case) {
            (Some(target), _) => target.set(query, &context).map(Some),
            (None, Some(case)) if !case.pieces.iter().any(Conjunction::is_empty) => {
                case.target(rounding).map(|set| Some(set.simplified(self.outputs())))
            }
            _ => Ok(None),
        }
    }

    /// Whether a query's set depends on the network's class at its reference.
    pub(super) fn asks_other_class(&self) -> bool {
        matches!(self.target, Some(Target::OtherClass { .. }))
    }
}

fn target(problem: &Problem, n: usize, m: usize) -> Result<Option<Target>> {
    Ok(Some(match &problem.asked {
        Asked::Values { rows } => Target::Values(rows.clone()),
        Asked::Within { intervals } => Target::Within(intervals.iter().map(|&[lo, hi]| (lo, hi)).collect()),
        Asked::Class { classes, margin, probability } => Target::Class {
            classes: classes.clone(),
            confidence: probability.map_or(Confidence::Margin(*margin), Confidence::Probability),
        },
        Asked::OtherClass { margin } => Target::OtherClass { margin: *margin },
        Asked::Where { text } => {
            let vocabulary = Vocabulary::outputs(m).with_output_names(&problem.output_names);
            Target::Where(parse_where(text, &vocabulary)?)
        }
        Asked::Spec { text } => {
            let specification = Specification::parse(text)?;
            specification.check_counts(n, m)?;
            Target::Spec(Box::new(specification))
        }
        Asked::Anything => return Ok(None),
    }))
}

/// Numbers whose option is theirs alone.
fn check_numbers(problem: &Problem, n: usize) -> Result<()> {
    let at = |error: Error, option: &str| Err(error.at(Place::Option(option.into())));
    if problem.count == 0 {
        return at(Error::input("at least one answer must be asked for"), "--count");
    }
    if let Some(gap) = problem.separation.filter(|gap| !gap.is_finite() || *gap < 0.0) {
        return at(Error::input(format!("{gap} is not a distance")), "--separation");
    }
    if let Some(t) = problem.tolerance.filter(|t| !t.is_finite() || *t <= 0.0) {
        return at(Error::input(format!("{t} is not a positive number")), "--tolerance");
    }
    if let Some(weights) = &problem.weights {
        if weights.len() != n {
            let error = Error::input(format!("{} weights, the network has {n} inputs", weights.len()));
            return at(error, "--weights");
        }
        if let Some(i) = weights.iter().position(|w| !w.is_finite() || *w <= 0.0) {
            let error = Error::input(format!("the weight of input {i} is {}", weights[i]));
            return at(
                error.hint("weights are positive; an input that may not move is fixed with `--fix`"),
                "--weights",
            );
        }
    }
    for (row, near) in problem.near.iter().flatten().enumerate() {
        let fault = if near.len() == n {
            near.iter()
                .position(|v| !v.is_finite())
                .map(|i| Error::input(format!("input {i} is {}, not a finite number", near[i])))
        } else {
            Some(Error::input(format!("{} values, the network has {n} inputs", near.len())))
        };
        if let Some(error) = fault {
            return at(error.at(Place::Row(row)), "--near");
        }
    }
    for (option, indices) in [
        ("--fix", problem.fixed.iter().map(|f| f.0).collect::<Vec<_>>()),
        ("--integer", problem.integers.clone()),
    ] {
        if let Some(i) = indices.into_iter().find(|&i| i >= n) {
            let error = Error::input(format!("input {i} does not exist: the network has {n} inputs"));
            return at(error.hint(format!("inputs are counted from 0 to {}", n - 1)), option);
        }
    }
    Ok(())
}

/// One row number a query, and as many rows of everything that has rows.
fn check_rows(problem: &Problem, target: Option<&Target>) -> Result<()> {
    let queries = problem.rows.len();
    if queries == 0 {
        return Err(Error::input("no row is asked for").at(Place::Option("--rows".into())));
    }
    let of_target = target.map_or(1, Target::rows);
    let of_near = problem.near.as_ref().map_or(1, Vec::len);
    for (option, rows) in [(problem.asked.option(), of_target), ("--near", of_near)] {
        if rows != 1 && rows != queries {
            return Err(Error::input(format!("{rows} rows for {queries} queries"))
                .at(Place::Option(option.into()))
                .hint("targets and references pair by row; a single row is repeated"));
        }
    }
    Ok(())
}

/// The bounds with what is fixed and what is integer.
fn input_box(problem: &Problem, n: usize) -> Result<(Vec<f64>, Vec<f64>)> {
    let (mut lower, mut upper) = match &problem.bounds {
        Some(rows) => {
            let bounds = Bounds::from_rows(n, rows).at(|| Place::Option("--bounds".into()))?;
            (bounds.lower().to_vec(), bounds.upper().to_vec())
        }
        None => (vec![f64::NEG_INFINITY; n], vec![f64::INFINITY; n]),
    };
    let name = |i: usize| problem.input_names.get(i).map_or_else(|| format!("x{i}"), Clone::clone);
    for &(i, value) in &problem.fixed {
        let fault = if !value.is_finite() {
            Some(format!("`{}` cannot be {value}", name(i)))
        } else if value < lower[i] || value > upper[i] {
            Some(format!("`{}` = {value} contradicts its bounds {},{}", name(i), lower[i], upper[i]))
        } else {
            None
        };
        if let Some(fault) = fault {
            return Err(Error::input(fault).at(Place::Option("--fix".into())));
        }
        (lower[i], upper[i]) = (value, value);
    }
    for &i in &problem.integers {
        let (low, high) = (lower[i].ceil(), upper[i].floor());
        if low > high {
            let fault =
                format!("no integer lies between the bounds {},{} of `{}`", lower[i], upper[i], name(i));
            return Err(Error::input(fault).at(Place::Option("--integer".into())));
        }
        (lower[i], upper[i]) = (low, high);
    }
    Ok((lower, upper))
}

/// The regions in which answers may lie: the box, cut by the conditions on inputs.
fn regions(
    problem: &Problem,
    (lower, upper): (&[f64], &[f64]),
    conditions: Vec<Formula>,
    own: Option<Formula>,
) -> Result<Vec<Region>> {
    if conditions.is_empty() && own.is_none() {
        return Ok(vec![Region::boxed(lower.to_vec(), upper.to_vec())]);
    }
    let option = if conditions.is_empty() { problem.asked.option() } else { "--subject-to" };
    let place = || Place::Option(option.into());
    let form = NormalForm::of(&Formula::all(conditions.into_iter().chain(own).collect())).at(place)?;
    if let Some(pair) = form.contradiction().filter(|_| form.is_contradictory()) {
        return Err(Error::input(format!("`{}` and `{}` exclude each other", pair.0, pair.1)).at(place()));
    }
    let mut regions = Vec::new();
    for case in Case::of(&form, lower.len()).at(place)? {
        let half_spaces: Vec<Shared> = case.input_half_spaces().cloned().collect();
        if let Some(region) = Region::of(lower, upper, &half_spaces, case) {
            regions.push(region);
        }
    }
    if regions.is_empty() {
        return Err(Error::input("no input within the bounds satisfies the conditions on the inputs")
            .at(place())
            .hint("check `--bounds`, `--fix` and the conditions against each other"));
    }
    Ok(regions)
}

fn objective(problem: &Problem, m: usize) -> Result<Option<(Vec<f64>, f64)>> {
    let Some(objective) = &problem.objective else { return Ok(None) };
    let option = if objective.maximize { "--maximize" } else { "--minimize" };
    let vocabulary = Vocabulary::outputs(m).with_output_names(&problem.output_names);
    let form: Linear = parse_linear(&objective.text, &vocabulary).at(|| Place::Option(option.into()))?;
    let sign = if objective.maximize { 1.0 } else { -1.0 };
    let mut coefficients = vec![0.0; m];
    for (variable, coefficient) in form.terms() {
        if let Variable::Output(j) = variable {
            coefficients[*j as usize] = sign * coefficient.nearest();
        }
    }
    Ok(Some((coefficients, sign * form.constant().nearest())))
}

/// 5 % of the diagonal of the bounds; of a unit box where an input has none.
fn default_separation(regions: &[Region], n: usize) -> f64 {
    let side = |i: usize| {
        let low = regions.iter().map(|r| r.domain.lower[i]).fold(f64::INFINITY, f64::min);
        let high = regions.iter().map(|r| r.domain.upper[i]).fold(f64::NEG_INFINITY, f64::max);
        if (high - low).is_finite() { high - low } else { 1.0 }
    };
    0.05 * (0..n).map(|i| side(i) * side(i)).sum::<f64>().sqrt()
}

/// What the outputs of a classifier are: probabilities if a softmax or sigmoid gives them.
fn output_meaning(network: &Network) -> OutputScale {
    let mut value = network.outputs()[0];
    while let Some(node) = network.nodes().iter().find(|node| node.output == value) {
        match &node.op {
            Op::Layout(Layout::Reshape { .. }) => value = node.inputs[0],
            Op::Normalizer(Normalizer::Softmax { .. }) | Op::Function(Function::Sigmoid) => {
                return OutputScale::Probabilities;
            }
            _ => break,
        }
    }
    OutputScale::Logits
}
