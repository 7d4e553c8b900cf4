//! Which answers lie on one component of the fibre: two are joined when a walk on the fibre leads from one to the other.
//!
//! A walk takes tangent steps towards its end and is brought back to the fibre by Newton's method; a step whose
//! correction is long against it might have jumped to another sheet, and is halved. Where the fibre is a curve it is
//! followed from every answer in both directions, until it meets another answer, closes or leaves the box. In more
//! dimensions the walk goes greedily from one answer to another, and may get stuck where the component bends around a
//! hole. So what a walk joins is joined, and what no walk joined counts as separate: an estimate.

use std::collections::BTreeSet;

use rayon::prelude::*;

use super::lane::{Batch, Domain, Lane, Point};
use super::least_distance::{Ending, LeastDistance, Nearest};
use super::{Norm, Oracle};

/// Steps of a walk at most.
const STEPS: usize = 48;
/// Newton corrections of a step at most.
const CORRECTIONS: usize = 3;
/// A point whose Newton correction is shorter than this share of the step is on the fibre, for a walk.
const NEAR_ENOUGH: f64 = 0.05;
/// Answers closer than this share of the step are the same: what tells them apart may be what evaluations are off.
const SAME: f64 = 1e-3;
/// Corners that a walk along a curve turns at most: answers on both sides of the next are joined by walks of their own.
const TURNS: usize = 1;
/// Halvings of the step at most.
const HALVINGS: u32 = 3;

/// The answers of a query, grouped by what walks have joined.
#[derive(Debug, Clone, Default)]
pub(crate) struct Components {
    parent: Vec<usize>,
    tried: BTreeSet<(usize, usize)>,
}

impl Components {
    /// The group of answer `index`: the smallest index in it. Answers that were never asked about are alone.
    pub(crate) fn root(&self, mut index: usize) -> usize {
        while let Some(&parent) = self.parent.get(index)
            && parent != index
        {
            index = parent;
        }
        index
    }

    /// The number of groups.
    pub(crate) fn count(&self) -> usize {
        (0..self.parent.len()).filter(|&index| self.parent[index] == index).count()
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.parent[a.max(b)] = a.min(b);
    }

    /// The shortest untried links that would join all groups, were every walk to arrive (Kruskal).
    fn links(&mut self, lanes: &[Lane]) -> Vec<(usize, usize)> {
        let mut pairs: Vec<(f64, usize, usize)> = Vec::new();
        for b in 0..lanes.len() {
            for a in 0..b {
                if self.root(a) != self.root(b) && !self.tried.contains(&(a, b)) {
                    pairs.push((Norm::L2.distance(&lanes[a].at.x, &lanes[b].at.x, None), a, b));
                }
            }
        }
        pairs.sort_by(|p, q| p.0.total_cmp(&q.0).then((p.1, p.2).cmp(&(q.1, q.2))));
        let mut hoped = self.clone();
        let mut links = Vec::new();
        for (_, a, b) in pairs {
            if hoped.root(a) != hoped.root(b) {
                hoped.join(a, b);
                self.tried.insert((a, b));
                links.push((a, b));
            }
        }
        links
    }
}

struct Walk {
    query: usize,
    /// The answer that it set off from.
    from: usize,
    lane: Lane,
    /// Answers where it may arrive.
    ends: Vec<usize>,
    /// The direction last gone, where the fibre is a curve; it is kept, wherever the ends lie.
    heading: Option<Vec<f64>>,
    /// How far the end was before the last step, where there is one end.
    gap: f64,
    length: f64,
    full_length: f64,
    corrections: usize,
    steps: usize,
    /// Whether it was far from where it set off.
    away: bool,
    /// Corners turned, where the fibre is a curve, and a point from whose rows the next can be turned.
    turns: usize,
    corner: Option<Point>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// On the fibre, about to step.
    Stand,
    /// The trial point is to be evaluated.
    Step,
    /// At this answer.
    Arrived(usize),
    Stuck,
}

/// How walks go.
#[derive(Clone, Copy)]
pub(crate) struct Walking<'a> {
    pub(crate) domain: &'a Domain,
    /// Answers closer than this need not be told apart.
    pub(crate) separation: f64,
    /// What counts as on the fibre during a walk.
    pub(crate) tolerance: f64,
    /// The metric of secants, and whether rows follow from them.
    pub(crate) weights: &'a [f64],
    pub(crate) secants: bool,
}

/// Joins what walks between the answers can join; each query's walks go together, all queries' in one batch.
pub(crate) fn join_components(
    oracle: &mut Oracle<'_>,
    found: &[Vec<Lane>],
    components: &mut [Components],
    wanted: &dyn Fn(usize) -> bool,
    walking: &Walking<'_>,
    stop: &dyn Fn() -> bool,
) {
    let domain = walking.domain;
    let free = domain.lower.iter().zip(&domain.upper).filter(|(l, u)| l < u).count();
    let mut walks: Vec<Walk> = Vec::new();
    for (query, lanes) in
        found.iter().enumerate().filter(|(query, lanes)| wanted(*query) && !lanes.is_empty())
    {
        let own = &mut components[query];
        let known = own.parent.len();
        own.parent.extend(known..lanes.len());
        if lanes.iter().all(|lane| free == lane.at.equations + 1) {
            for from in known..lanes.len() {
                walks.extend([1.0, -1.0].map(|sign| Walk::along(query, from, lanes, walking, sign)));
            }
        } else {
            walks.extend(own.links(lanes).into_iter().map(|link| Walk::towards(query, link, lanes)));
        }
    }
    let mut batch = Batch::default();
    while !stop() {
        walks.par_iter_mut().with_min_len(8).for_each(|walk| {
            if walk.state == State::Stand {
                walk.step(&found[walk.query], walking);
            }
        });
        let mut turned = Vec::new();
        for walk in &mut walks {
            if let State::Arrived(end) = walk.state {
                components[walk.query].join(walk.from, end);
            }
            turned.extend(walk.turn(walking));
        }
        walks.extend(turned);
        walks.retain(|walk| matches!(walk.state, State::Stand | State::Step));
        if walks.is_empty() {
            break;
        }
        let mut lanes: Vec<Lane> = walks.iter_mut().map(|walk| std::mem::take(&mut walk.lane)).collect();
        // A step is long, and asks for the Jacobian; what corrects it is short.
        let corrected: Vec<bool> = lanes.iter().map(|lane| lane.stop.is_some()).collect();
        let going = |index: usize| walks[index].state == State::Step;
        batch.linearise(oracle, &mut lanes, walking.domain, |index| going(index) && !corrected[index]);
        let by_secant = |index: usize| going(index) && corrected[index];
        batch.by_secant(oracle, &mut lanes, walking.domain, walking.weights, by_secant);
        for (walk, lane) in walks.iter_mut().zip(lanes) {
            walk.lane = lane;
        }
        walks.par_iter_mut().with_min_len(8).for_each(|walk| {
            if walk.state == State::Step {
                walk.judge(walking);
            }
        });
    }
}

impl Walk {
    /// A walk along a curve, one way or the other, to the first answer that it meets.
    fn along(query: usize, from: usize, lanes: &[Lane], walking: &Walking<'_>, sign: f64) -> Self {
        let lane = lanes[from].clone();
        let domain = walking.domain;
        let heading = direction(&lane.at, domain, sign);
        let width = Norm::L2.distance(&domain.lower, &domain.upper, None);
        let length = if walking.separation > 0.0 { walking.separation } else { 0.02 * width };
        let length = if length.is_finite() { length } else { 0.1 };
        let ends = (0..lanes.len()).filter(|&end| end != from).collect();
        Walk { heading: Some(heading), ..Walk::new(query, from, lane, ends, length) }
    }

    /// Where the walk is stuck at a corner of a curve: walks both ways along the facet that the corner leads to. One of
    /// them may go back, on what is the same component.
    fn turn(&mut self, walking: &Walking<'_>) -> Vec<Walk> {
        let Some(corner) = self.corner.take().filter(|_| self.turns < TURNS) else { return Vec::new() };
        let way = |sign: f64| {
            let mut lane = Lane::new(self.query, self.lane.alternative, corner.x.clone());
            lane.trial = corner.clone();
            if !lane.correct(walking.domain) {
                return None;
            }
            lane.at = Point { x: lane.trial.x.clone(), ..corner.clone() };
            let heading = Some(direction(&corner, walking.domain, sign));
            let walk = Walk::new(self.query, self.from, lane, self.ends.clone(), self.full_length);
            Some(Walk { heading, steps: self.steps, away: self.away, turns: self.turns + 1, ..walk })
        };
        [1.0, -1.0].into_iter().filter_map(way).collect()
    }

    /// A walk from one answer to another, by the shortest way.
    fn towards(query: usize, link: (usize, usize), lanes: &[Lane]) -> Self {
        let lane = lanes[link.0].clone();
        let length = 0.5 * Norm::L2.distance(&lane.at.x, &lanes[link.1].at.x, None);
        Walk::new(query, link.0, lane, vec![link.1], length)
    }

    fn new(query: usize, from: usize, lane: Lane, ends: Vec<usize>, length: f64) -> Self {
        Walk {
            query,
            from,
            lane,
            ends,
            heading: None,
            gap: f64::INFINITY,
            length,
            full_length: length,
            corrections: 0,
            steps: 0,
            away: false,
            turns: 0,
            corner: None,
            state: State::Stand,
        }
    }

    /// The answer that the walk has reached: near, ahead, and along the tangent; across it, it is on another sheet.
    fn arrived(&mut self, lanes: &[Lane], walking: &Walking<'_>) -> Option<usize> {
        for position in 0..self.ends.len() {
            let end = self.ends[position];
            let x = &lanes[end].at.x;
            let gap = Norm::L2.distance(&self.lane.at.x, x, None);
            if gap <= SAME * self.full_length {
                return Some(end);
            }
            let ahead = self.heading.as_ref().is_none_or(|heading| {
                let along =
                    x.iter().zip(&self.lane.at.x).zip(heading).map(|((e, x), u)| (e - x) * u).sum::<f64>();
                self.steps == 1 || along >= 0.0
            });
            if gap <= 1.01 * self.full_length
                && ahead
                && self.lane.project(x, walking.domain)
                && Norm::L2.distance(&self.lane.trial.x, x, None) <= 0.5 * gap
            {
                return Some(end);
            }
        }
        None
    }

    /// Sets the trial point a tangent step ahead, or ends the walk.
    fn step(&mut self, lanes: &[Lane], walking: &Walking<'_>) {
        self.steps += 1;
        if let Some(end) = self.arrived(lanes, walking) {
            self.state = State::Arrived(end);
            return;
        }
        let start = &lanes[self.from].at.x;
        let back = Norm::L2.distance(&self.lane.at.x, start, None) < 0.7 * self.full_length;
        self.away |= !back;
        if self.steps > 4 && self.away && self.heading.is_some() && back {
            self.state = State::Stuck; // the curve is closed, and no other answer is on it
            return;
        }
        if self.steps > STEPS {
            self.state = State::Stuck;
            return;
        }
        if self.heading.is_none() {
            let gap = Norm::L2.distance(&self.lane.at.x, &lanes[self.ends[0]].at.x, None);
            if gap > self.gap - 0.1 * self.length {
                self.state = State::Stuck;
                return;
            }
            self.gap = gap;
        }
        let Lane { at, .. } = &self.lane;
        let ahead: Vec<f64> = if let Some(heading) = &self.heading {
            at.x.iter().zip(heading).map(|(x, u)| x + self.length * u).collect()
        } else {
            let end = &lanes[self.ends[0]].at.x;
            let share = (self.length / Norm::L2.distance(&at.x, end, None)).min(1.0);
            at.x.iter().zip(end).map(|(x, e)| x + share * (e - x)).collect()
        };
        self.state = State::Stuck;
        if self.lane.project(&ahead, walking.domain) {
            let moved = Norm::L2.distance(&self.lane.trial.x, &self.lane.at.x, None);
            if moved > 0.1 * self.length {
                self.corrections = 0;
                self.state = State::Step;
            } else if self.heading.is_some() {
                self.corner = Some(self.lane.at.clone());
            }
        }
    }

    /// After the trial point was evaluated: near enough to the fibre, to be corrected, or too far a step.
    fn judge(&mut self, walking: &Walking<'_>) {
        let before = self.lane.trial.x.clone();
        // A curve bends where facets meet, and its direction there is the whole of it.
        let secants = walking.secants && self.heading.is_none() && self.corrections < CORRECTIONS;
        let here = secants.then(|| self.lane.trial.clone());
        self.lane.stop = None;
        let change = if self.lane.trial.residual <= walking.tolerance {
            0.0
        } else if self.lane.correct(walking.domain) {
            Norm::L2.distance(&self.lane.trial.x, &before, None)
        } else {
            f64::INFINITY
        };
        if change <= NEAR_ENOUGH * self.length {
            // What is left is small against the step: the next one makes up for it.
            self.lane.trial.x.copy_from_slice(&before);
            let Lane { at, trial, .. } = &self.lane;
            let moved = Norm::L2.distance(&trial.x, &at.x, None);
            if moved > 0.0 && moved <= 2.0 * self.length {
                if let Some(heading) = &mut self.heading {
                    for ((u, t), x) in heading.iter_mut().zip(&trial.x).zip(&at.x) {
                        *u = (t - x) / moved;
                    }
                }
                self.lane.accept();
                self.length = (2.0 * self.length).min(self.full_length);
                self.state = State::Stand;
                return;
            }
        } else if self.corrections < CORRECTIONS && change <= 0.5 * self.length {
            self.corrections += 1;
            self.lane.stop = here;
            return;
        }
        self.length *= 0.5;
        self.gap = f64::INFINITY; // the same place again, with a shorter step
        let shortest = self.full_length * 0.5f64.powi(HALVINGS as i32);
        self.state = if self.length < shortest { State::Stuck } else { State::Stand };
        if self.state == State::Stuck && self.heading.is_some() {
            self.corner = Some(self.lane.trial.clone());
        }
    }
}

impl Lane {
    /// Sets the trial point to the nearest point to `reference` on the rows linearised where the lane stands.
    fn project(&mut self, reference: &[f64], domain: &Domain) -> bool {
        let Lane { at, trial, solver, .. } = self;
        nearest_on(solver, &at.rows(), reference, domain) && {
            trial.x.copy_from_slice(&solver.x);
            true
        }
    }

    /// Moves the trial point, by the least change, onto the rows linearised there.
    fn correct(&mut self, domain: &Domain) -> bool {
        let Lane { trial, solver, .. } = self;
        nearest_on(solver, &trial.rows(), &trial.x, domain) && {
            trial.x.copy_from_slice(&solver.x);
            true
        }
    }
}

/// A direction that the rows at a point do not forbid, along an input: the tangent is what is left of it.
fn direction(at: &Point, domain: &Domain, sign: f64) -> Vec<f64> {
    let n = at.x.len();
    let across = |i: usize| at.a.iter().skip(i).step_by(n).map(|a| a.abs()).sum::<f64>();
    let free = (0..n).filter(|&i| domain.lower[i] < domain.upper[i]);
    let least = free.min_by(|&i, &j| across(i).total_cmp(&across(j)).then(i.cmp(&j)));
    let mut heading = vec![0.0; n];
    if let Some(i) = least {
        heading[i] = sign;
    }
    heading
}

fn nearest_on(
    solver: &mut LeastDistance,
    rows: &super::least_distance::Rows<'_>,
    reference: &[f64],
    domain: &Domain,
) -> bool {
    let nearest =
        Nearest { reference, weights: None, lower: &domain.lower, upper: &domain.upper, softness: 0.0 };
    solver.lambda.fill(0.0);
    matches!(solver.solve(rows, &nearest, 1e-12), Ending::Solved(_))
}
