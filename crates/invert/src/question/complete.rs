//! The complete preimage of a value in the plane of two inputs: every component, and the nearest answer on each.

use netinverse_answer::fibre::{Polyline, Preimage, PreimageComponent};
use netinverse_answer::{Answer, Evaluations, Query, Status};
use netinverse_base::{Budget, Error, Place, Result, ResultExt, Silent};
use netinverse_spec::Rounding;

use super::attempt::{Aim, Judge};
use super::prepare::Prepared;
use super::problem::Asked;
use crate::fibre::plane::{PlaneOptions, PlanePreimage, preimages, supported};
use crate::solve::{Goal, Norm, PeeledGoal, peel};

/// Steps of a golden section along a segment: to the last digits.
const SECTIONS: usize = 80;

/// Refuses, before any work, what has no complete preimage.
pub(super) fn check(prepared: &Prepared) -> Result<()> {
    let at = || Place::Option("--complete".into());
    let problem = prepared.problem();
    let [region] = &prepared.regions[..] else {
        return Err(Error::unsupported("the complete preimage is that of one box").at(at()));
    };
    let fault = if !matches!(problem.asked, Asked::Values { .. }) {
        Some("the complete preimage is that of output values: give `--target`")
    } else if problem.objective.is_some() {
        Some("a complete preimage has no objective")
    } else if !problem.integers.is_empty() {
        Some("a complete preimage has no integer inputs")
    } else if region.domain.constraints() > 0 {
        Some("the complete preimage is that of a box: `--subject-to` is not taken into account")
    } else if !region.is_finite() {
        Some("the complete preimage is enumerated in a bounded box: give `--bounds`")
    } else {
        None
    };
    if let Some(fault) = fault {
        return Err(Error::unsupported(fault).at(at()).hint("`--count` takes any question"));
    }
    let goals = [Goal::one(crate::solve::Polyhedron::point(&vec![0.0; prepared.outputs()]))];
    let network = peel(&prepared.inner, &goals, &[1e-10]).network;
    supported(&network, &region.domain.lower, &region.domain.upper).at(at).map(|_| ())
}

impl Judge<'_> {
    /// The complete preimages of these queries.
    pub(super) fn preimages(&self, queries: &[usize], budget: &Budget) -> Result<Vec<Query>> {
        let prepared = self.prepared;
        let region = &prepared.regions[0];
        let domain = &region.domain;
        let mut answered: Vec<Query> = Vec::with_capacity(queries.len());
        let (mut sets, mut goals, mut tolerances) = (Vec::new(), Vec::new(), Vec::new());
        for &query in queries {
            let set = prepared.set(query, region, None, Rounding::Inward)?;
            tolerances.push(0.5 * self.tolerance(set.as_ref()));
            goals.push(self.goal(set.as_ref(), 0.0));
            sets.push(set);
        }
        let peeled = peel(&prepared.inner, &goals, &tolerances);
        let mut asked: Vec<(usize, f64)> = Vec::new();
        for (position, goal) in peeled.goals.iter().enumerate() {
            let mut query = Query { row: prepared.problem().rows[queries[position]], ..Query::default() };
            query.certificate = sets[position].as_ref().and_then(|set| self.disprove(0, set));
            if query.certificate.is_some() {
                query.status = Status::Unreachable;
            } else if let Some(value) = value_of(goal) {
                asked.push((position, value));
            }
            answered.push(query);
        }
        let values: Vec<f64> = asked.iter().map(|&(_, value)| value).collect();
        let options = PlaneOptions::default();
        let found = preimages(&peeled.network, &domain.lower, &domain.upper, &values, &options, budget)
            .at(|| Place::Option("--complete".into()))?;
        let whole = found.stopped.is_none();
        for ((position, _), preimage) in asked.into_iter().zip(found.preimages) {
            let aim = Aim { set: sets[position].as_ref(), near: prepared.near(queries[position], region) };
            let query = &mut answered[position];
            query.answers = self.nearest_on_each(&aim, found.free, &preimage, &mut query.evaluations, budget);
            query.status = match (query.answers.is_empty(), whole) {
                (false, _) => Status::Solved,
                (true, false) => Status::Limit,
                (true, true) => Status::NotFound,
            };
            query.components = Some(preimage.components.len());
            query.preimage = Some(published(found.free, preimage, whole));
        }
        Ok(answered)
    }

    /// The nearest answer on every component, the nearest of all first.
    fn nearest_on_each(
        &self,
        aim: &Aim<'_>,
        free: [usize; 2],
        preimage: &PlanePreimage,
        evaluations: &mut Evaluations,
        budget: &Budget,
    ) -> Vec<Answer> {
        let domain = &self.prepared.regions[0].domain;
        let problem = self.prepared.problem();
        let distance = |at: [f64; 2]| -> f64 {
            let mut x = aim.near.clone();
            (x[free[0]], x[free[1]]) = (at[0], at[1]);
            Norm::from(problem.norm).distance(&x, &aim.near, problem.weights.as_deref())
        };
        let mut answers = Vec::new();
        for (index, component) in preimage.components.iter().enumerate() {
            let mut candidates: Vec<[f64; 2]> = Vec::new();
            for line in &component.polylines {
                candidates.extend(&line.points);
                candidates.extend(line.segments().map(|segment| nearest_on_segment(segment, &distance)));
            }
            for polygon in component.plateaus.iter().map(|&plateau| &preimage.plateaus[plateau]) {
                let own = free.map(|i| aim.near[i]);
                if inside(polygon, own) {
                    candidates.push(own);
                }
                let edges = (0..polygon.len()).map(|i| [polygon[i], polygon[(i + 1) % polygon.len()]]);
                candidates.extend(edges.map(|edge| nearest_on_segment(edge, &distance)));
            }
            let best = candidates.into_iter().min_by(|a, b| distance(*a).total_cmp(&distance(*b)));
            let Some(best) = best else { continue };
            let mut x = domain.lower.clone();
            (x[free[0]], x[free[1]]) = (best[0], best[1]);
            domain.clip(&mut x);
            let answer = self.answer(aim, domain, x.clone(), evaluations).or_else(|| {
                // Steep there: the last digits are the solver's.
                let beside = Aim { set: aim.set, near: x };
                let mut attempts =
                    self.search(domain, std::slice::from_ref(&beside), 1, true, budget, &Silent);
                let attempt = attempts.pop()?;
                evaluations.add(attempt.evaluations);
                attempt.answers.into_iter().next()
            });
            if let Some(mut answer) = answer {
                answer.distance = self.distance(&answer.x, &aim.near);
                answer.component = Some(index);
                answers.push(answer);
            }
        }
        answers.sort_by(|a, b| a.distance.total_cmp(&b.distance));
        answers
    }
}

/// The value of the last operator's input that a goal on one output asks for.
fn value_of(goal: &PeeledGoal) -> Option<f64> {
    let PeeledGoal::Goal(goal) = goal else { return None };
    match (&goal.alternatives[0].rows[..], &goal.alternatives[0].constants[..]) {
        (&[coefficient], &[constant]) => Some(-constant / coefficient),
        _ => None,
    }
}

/// The point of a segment that is nearest: a norm is convex along it.
fn nearest_on_segment([p, q]: [[f64; 2]; 2], distance: &dyn Fn([f64; 2]) -> f64) -> [f64; 2] {
    let at = |t: f64| [p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1])];
    let ratio = 0.5 * (5f64.sqrt() - 1.0);
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..SECTIONS {
        let (a, b) = (high - ratio * (high - low), low + ratio * (high - low));
        if distance(at(a)) <= distance(at(b)) { high = b } else { low = a }
    }
    at(0.5 * (low + high))
}

/// Whether a point lies in a convex polygon, counter-clockwise.
fn inside(polygon: &[[f64; 2]], at: [f64; 2]) -> bool {
    (0..polygon.len()).all(|i| {
        let (p, q) = (polygon[i], polygon[(i + 1) % polygon.len()]);
        (q[0] - p[0]) * (at[1] - p[1]) - (q[1] - p[1]) * (at[0] - p[0]) >= 0.0
    })
}

fn published(inputs: [usize; 2], preimage: PlanePreimage, whole: bool) -> Preimage {
    let components = preimage
        .components
        .into_iter()
        .map(|component| PreimageComponent {
            length: component.length,
            plateaus: component.plateaus,
            polylines: component
                .polylines
                .into_iter()
                .map(|line| Polyline { points: line.points, closed: line.closed })
                .collect(),
        })
        .collect();
    Preimage { inputs, components, plateaus: preimage.plateaus, regions: preimage.regions_visited, whole }
}
