//! The nearest answer of a goal with an interior, from points inside it.
//!
//! Far from the boundary a classifier saturates, and its gradient points nowhere. But any point of another class (a row
//! of data, a point of the pool) is a feasible start, and the segment from the reference to it crosses the boundary. One
//! start an alternative takes part. A round gives a few steps to those that promise most, by where they stand and by where
//! their linearised program would go; fewer in every round. A lane that settles makes room for the next, and when all have
//! settled the next points inside begin, until the evaluations are spent.

use super::lane::{Lane, linearise};
use super::nearest::{Nearness, make_nearest};
use super::starts::Pool;
use super::{Domain, Goal, Oracle};

/// Bisections of the segment from the reference to the point inside;
const BISECTIONS: usize = 2;
/// and at most, while the slack of the nearest point inside is more than a share of the largest seen: where a classifier
/// is flat, its gradient says nothing.
const MOST_BISECTIONS: usize = 5;
const FLAT: f64 = 0.7;
/// Lanes of a query that go on in each round; the last number holds from then on.
const WIDTHS: [usize; 7] = [6, 5, 4, 4, 3, 3, 2];
/// Steps of a lane in a round, with two evaluations each.
const STEPS: usize = 2;
/// Evaluations that are worth a further start.
const WORTHWHILE: u64 = 20;
/// Points inside each alternative that a query may begin from.
const STARTS: usize = 8;
/// A lane that could gain less than this share of its distance has settled.
const GAIN: f64 = 1e-3;
/// How often a lane begins anew with what it learnt of the boundary.
const CLEARS: usize = 3;

/// The race of a group of queries.
pub(crate) struct Race<'a> {
    pub(crate) goals: &'a [Goal],
    pub(crate) near: &'a [Vec<f64>],
    pub(crate) domain: &'a Domain,
    pub(crate) nearness: Nearness<'a>,
    /// Evaluations that a query may spend, besides what it is charged for the points.
    pub(crate) evaluations: u64,
    /// Where points inside come from, and what a query is charged for them: of the first that has some.
    pub(crate) pools: Vec<(&'a Pool, u64)>,
}

/// A point inside, not begun from yet.
struct Spare {
    alternative: usize,
    /// How many points of this alternative are nearer.
    place: usize,
    x: Vec<f64>,
}

impl Race<'_> {
    /// Runs it; all lanes are returned, where they stopped.
    pub(crate) fn run(&self, oracle: &mut Oracle<'_>, stop: &dyn Fn() -> bool) -> Vec<Lane> {
        let queries = self.goals.len();
        let (mut spares, charges): (Vec<Vec<Spare>>, Vec<u64>) =
            (0..queries).map(|query| self.spares(query)).unzip();
        let mut first = Vec::new();
        for (query, spares) in spares.iter_mut().enumerate() {
            oracle.charge(query, charges[query]);
            let (begin, rest): (Vec<Spare>, Vec<Spare>) =
                std::mem::take(spares).into_iter().partition(|spare| spare.place == 0);
            first.extend(begin.into_iter().map(|spare| (query, spare)));
            *spares = rest;
        }
        // What a query was charged for its share of the points does not count against the race.
        let before: Vec<u64> = (0..queries).map(|query| oracle.evaluations(query).total()).collect();
        let left = |oracle: &Oracle<'_>, query: usize| {
            self.evaluations.saturating_sub(oracle.evaluations(query).total() - before[query])
        };
        let mut lanes = self.begin(oracle, &first, stop);
        let mut round = 0;
        while !stop() {
            let mut best = vec![f64::INFINITY; queries];
            for lane in &lanes {
                best[lane.query] = best[lane.query].min(self.distance(lane.query, &lane.at.x));
            }
            lanes.sort_by(|a, b| a.query.cmp(&b.query).then(self.score(a).total_cmp(&self.score(b))));
            let width = WIDTHS[round.min(WIDTHS.len() - 1)];
            let mut places = vec![0usize; queries];
            let (mut on, mut out): (Vec<Lane>, Vec<Lane>) = lanes.into_iter().partition(|lane| {
                let rounds = left(oracle, lane.query) / (2 * STEPS as u64);
                let place = &mut places[lane.query];
                let goes = *place < width.min(rounds as usize)
                    && !lane.prospect.settled
                    && lane.prospect.hoped < best[lane.query];
                *place += usize::from(goes);
                goes
            });
            let mut next = Vec::new();
            for (query, spares) in spares.iter_mut().enumerate() {
                if places[query] == 0 && left(oracle, query) >= WORTHWHILE && best[query] > 0.0 {
                    next.extend(next_spare(spares, query, &out, &|lane| self.distance(query, &lane.at.x)));
                }
            }
            if on.is_empty() && next.is_empty() {
                return out;
            }
            let spent: Vec<u64> = on.iter().map(|lane| oracle.evaluations(lane.query).total()).collect();
            make_nearest(oracle, &mut on, self.domain, &self.steps(STEPS), &|q| self.reference(q), stop);
            // A lane that does not move, because its program has no solution, would be asked for ever.
            for (lane, before) in on.iter_mut().zip(spent) {
                lane.prospect.settled |= oracle.evaluations(lane.query).total() == before;
            }
            out.extend(on);
            out.extend(self.begin(oracle, &next, stop));
            lanes = out;
            round += 1;
        }
        lanes
    }

    fn distance(&self, query: usize, x: &[f64]) -> f64 {
        self.nearness.norm.distance(x, &self.near[query], self.nearness.weights)
    }

    fn reference(&self, query: usize) -> (&[f64], f64) {
        (&self.near[query], f64::INFINITY)
    }

    fn steps(&self, steps: usize) -> Nearness<'_> {
        Nearness { steps, gain: GAIN, clears: CLEARS, ..self.nearness }
    }

    /// Small for a lane that is near, and whose way leads near.
    fn score(&self, lane: &Lane) -> f64 {
        let distance = self.distance(lane.query, &lane.at.x);
        distance + lane.prospect.hoped.min(distance)
    }

    /// The points inside the alternatives of a query, by place, and what they cost.
    fn spares(&self, query: usize) -> (Vec<Spare>, u64) {
        let goal = &self.goals[query];
        if goal.alternatives.iter().any(|polyhedron| polyhedron.equations > 0) {
            return (Vec::new(), 0);
        }
        let spare = |(alternative, place, x)| Spare { alternative, place, x };
        let of = |(pool, charge): &(&Pool, u64)| -> Option<(Vec<Spare>, u64)> {
            let inside = pool.inside(goal, STARTS, &|x| self.distance(query, x));
            (!inside.is_empty()).then(|| (inside.into_iter().map(spare).collect(), *charge))
        };
        self.pools.iter().find_map(of).unwrap_or_default()
    }

    /// Lanes from points inside: on the segment from the reference, linearised.
    fn begin(
        &self,
        oracle: &mut Oracle<'_>,
        starts: &[(usize, Spare)],
        stop: &dyn Fn() -> bool,
    ) -> Vec<Lane> {
        let queries: Vec<usize> = starts.iter().map(|(query, _)| *query).collect();
        if queries.is_empty() {
            return Vec::new();
        }
        let m = oracle.output_size();
        let at = |(query, spare): &(usize, Spare), share: f64| -> Vec<f64> {
            if share == 1.0 {
                return spare.x.clone();
            }
            let mut x: Vec<f64> =
                self.near[*query].iter().zip(&spare.x).map(|(r, i)| r + share * (i - r)).collect();
            self.domain.clip(&mut x);
            x
        };
        let mut shares = vec![(0.0, 1.0); starts.len()];
        // The slack of the nearest point inside, and the largest seen on the segment, inside or out.
        let mut slacks = vec![(f64::INFINITY, 0.0f64); starts.len()];
        let mut y = Vec::new();
        for bisection in 0..MOST_BISECTIONS {
            let flat = |(slack, most): (f64, f64)| slack > FLAT * most;
            let open: Vec<usize> =
                (0..starts.len()).filter(|&i| bisection < BISECTIONS || flat(slacks[i])).collect();
            let own: Vec<usize> = open.iter().map(|&i| queries[i]).collect();
            let middles = open.iter().map(|&i| at(&starts[i], 0.5 * (shares[i].0 + shares[i].1)));
            let x: Vec<f64> = middles.flatten().collect();
            if x.is_empty() {
                break;
            }
            oracle.forward(&own, &x, &mut y);
            for (&i, y) in open.iter().zip(y.chunks(m)) {
                let (query, spare) = &starts[i];
                let slack = self.goals[*query].alternatives[spare.alternative].slack(y);
                let (low, high) = &mut shares[i];
                let middle = 0.5 * (*low + *high);
                slacks[i].1 = slacks[i].1.max(slack.abs());
                if slack >= 0.0 {
                    *high = middle;
                    slacks[i].0 = slack;
                } else {
                    *low = middle;
                }
            }
        }
        let lanes = starts.iter().zip(&shares);
        let mut lanes: Vec<Lane> = lanes
            .map(|(start, (_, high))| Lane::new(start.0, start.1.alternative, at(start, *high)))
            .collect();
        linearise(oracle, &mut lanes, self.domain);
        make_nearest(oracle, &mut lanes, self.domain, &self.steps(0), &|query| self.reference(query), stop);
        lanes
    }
}

/// The next point to begin from: of the first place that is left, inside the alternative whose lanes came nearest.
fn next_spare(
    spares: &mut Vec<Spare>,
    query: usize,
    lanes: &[Lane],
    distance: &dyn Fn(&Lane) -> f64,
) -> Option<(usize, Spare)> {
    let reached = |alternative: usize| {
        let own = lanes.iter().filter(|lane| lane.query == query && lane.alternative == alternative);
        own.map(distance).fold(f64::INFINITY, f64::min)
    };
    let order = |spare: &Spare| (spare.place, reached(spare.alternative));
    let next = (0..spares.len()).min_by(|&a, &b| {
        let (a, b) = (order(&spares[a]), order(&spares[b]));
        a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
    })?;
    Some((query, spares.swap_remove(next)))
}
