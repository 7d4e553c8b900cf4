//! From questions to answers: starts, the two phases, and when to stop.

use netinverse_base::{Budget, Progress, StopReason};
use netinverse_network::Network;
use rayon::prelude::*;

use super::approach::approach;
use super::choice::Found;
use super::components::{Components, Walking, join_components};
use super::feasible::{FeasibleOptions, make_feasible};
use super::lane::{Lane, Standing, linearise, linearise_guessed};
use super::nearest::{Nearness, make_nearest};
use super::oracle::{Engines, Precision};
use super::pursue::{Pursuit, next_attempts};
use super::starts::{Pool, start};
use super::tournament::Race;
use super::{Domain, Evaluations, Goal, Norm, Oracle, Seen};

/// How to search.
#[derive(Debug, Clone)]
pub struct Options {
    /// What "nearest" means.
    pub norm: Norm,
    /// Weights of the norm, one an input; 1 when absent.
    pub weights: Option<Vec<f64>>,
    /// Answers a query.
    pub count: usize,
    /// Answers are at least this far apart (L2).
    pub separation: f64,
    /// The largest residual of an answer, for each query.
    pub tolerance: Vec<f64>,
    /// Starts of a query at most, the reference itself not counted.
    pub starts: usize,
    /// Whether each answer is moved to the nearest one of its component. When several are asked for, only the
    /// first is, and only roughly.
    pub nearest: bool,
    /// Further attempts at a nearer answer, from points of the box whose outputs are near the goal where there are such
    /// points, and beside the nearest one found; when one nearest answer is asked for.
    pub restarts: usize,
    /// Evaluations that a query may spend on the way from points inside its goal to a nearest answer, where there are
    /// such points (of `data`, or of the box); when one nearest answer is asked for.
    pub race: u64,
    /// Steps of an attempt at most, in each phase.
    pub steps: usize,
    /// Rows evaluated at a time at most: bounds the memory.
    pub batch: usize,
    /// Inputs to start from, besides the reference and quasi-random ones: rows of data. They are evaluated once for all
    /// queries.
    pub data: Vec<Vec<f64>>,
    /// Whether answers are given with their outputs and ranks; who replays them anyway needs only where they are.
    pub describe: bool,
}

impl Options {
    /// The evaluations a query that a race is worth, with rows of data or without: these say where classes lie, so that many
    /// starts end in different minima; points of the box say less.
    pub fn race(data: bool) -> u64 {
        if data { 1000 } else { 190 }
    }

    /// One nearest answer (L2) for each of `queries` queries, to a residual of 1e-10.
    pub fn new(queries: usize) -> Self {
        Options {
            norm: Norm::L2,
            weights: None,
            count: 1,
            separation: 0.0,
            tolerance: vec![1e-10; queries],
            starts: 64,
            nearest: true,
            restarts: 4,
            race: Options::race(false),
            steps: 60,
            batch: 4096,
            data: Vec::new(),
            describe: true,
        }
    }
}

/// What became of a query.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryResult {
    /// The answers: the nearest first, then one of each other component, then the farthest from those before.
    pub answers: Vec<Found>,
    /// The evaluations spent.
    pub evaluations: Evaluations,
    /// The point of smallest residual seen; what is nearest to an answer when there is none.
    pub best: Option<Seen>,
    /// How far any other point found lies from the answers at most.
    pub radius: f64,
    /// How many components of the fibre the points found lie on, as far as walks could join them. Components where no
    /// point was found are not counted.
    pub components: usize,
    /// Why the search stopped early, if it did.
    pub stopped: Option<StopReason>,
}

/// Answers every query: `goals[q]` near `near[q]`.
///
/// Queries are taken in groups of fixed size, all starts of a group in one batch; the group's size depends on the
/// options only, so the answers do not depend on the number of threads, nor on how many queries there are.
pub fn solve(
    network: &Network,
    domain: &Domain,
    goals: &[Goal],
    near: &[Vec<f64>],
    options: &Options,
    budget: &Budget,
    progress: &dyn Progress,
) -> Vec<QueryResult> {
    assert_eq!(goals.len(), near.len(), "one reference a query");
    let wave = options.count + options.count / 10 + usize::from(options.count == 1);
    let group = (options.batch / wave).max(1);
    progress.stage("inverting", Some(goals.len() as u64));
    let covers = options.starts > 0 || (options.nearest && options.count == 1);
    let engines = Engines::new(network, domain, budget.seed());
    let pool = covers.then(|| Pool::new(&engines, domain, budget.seed())).flatten();
    let data = Pool::of(engines.double(), domain, &options.data);
    let mut results = Vec::with_capacity(goals.len());
    for first in (0..goals.len()).step_by(group) {
        let range = first..(first + group).min(goals.len());
        let own: Vec<u64> = range.clone().map(|query| query as u64).collect();
        let part = Group {
            engines: &engines,
            domain,
            goals: &goals[range.clone()],
            near: &near[range.clone()],
            tolerance: &options.tolerance[range.clone()],
            own: &own,
            options,
            pool: pool.as_ref(),
            pool_cost: pool.as_ref().map_or(0, |pool| pool.cost(goals.len())),
            data: data.as_ref(),
            data_cost: data.as_ref().map_or(0, |pool| pool.cost(goals.len())),
            noise: engines.noise(),
        };
        results.extend(part.solve(budget, wave));
        let solved = results.iter().filter(|result| !result.answers.is_empty()).count();
        progress.update(range.end as u64, &format!("{solved} solved"));
    }
    results
}

/// Steps of a quasi-random start towards its goal at most.
const WAVE_STEPS: usize = 24;
/// Attempts at a nearest answer from points of the pool.
const POOL_STARTS: usize = 3;
/// Attempts at a nearest answer end when a step promises less than this share of the distance; the best of them goes on to
/// the second share, where it is in single precision.
const FIRST_GAIN: f64 = 3e-3;
const ROUGH_GAIN: f64 = 1e-4;
/// Evaluations that the first of several answers may spend on being near.
const SEVERAL_STEPS: usize = 16;

/// In single precision a point is on the fibre when its residual is at most this many times the noise.
const ABOVE_NOISE: f64 = 16.0;
/// A query is searched again in double precision when single precision came as near as this many times that.
const WORTH_DOUBLE: f64 = 1e3;

/// Queries that are searched as one batch.
pub(super) struct Group<'a> {
    engines: &'a Engines,
    pub(super) domain: &'a Domain,
    pub(super) goals: &'a [Goal],
    pub(super) near: &'a [Vec<f64>],
    pub(super) tolerance: &'a [f64],
    /// The positions of the queries in the command: they seed their starts.
    own: &'a [u64],
    pub(super) options: &'a Options,
    pool: Option<&'a Pool>,
    pool_cost: u64,
    data: Option<&'a Pool>,
    data_cost: u64,
    /// By how much outputs are off where the search is in single precision; absent where it is not.
    noise: Option<f64>,
}

/// Where lanes begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begin {
    /// At the reference, or where something nearer to it may be.
    Near,
    /// At the nearest answer found.
    Best,
    /// Where outputs are near the goal, or anywhere.
    Anywhere,
}

/// How far the search of a query is.
#[derive(Default)]
struct Search {
    /// Starts of the pool that are not used yet, the next one last; absent before the first wave.
    pool: Option<Vec<(usize, Vec<f64>)>>,
    /// Starts used, of the pool and of the query's own sequence.
    used: usize,
    /// Components, and answers that can be told apart, before the last wave.
    components: usize,
    answers: usize,
    settled: bool,
}

impl Group<'_> {
    fn solve(&self, budget: &Budget, wave: usize) -> Vec<QueryResult> {
        let mut results = self.attempt(budget, wave);
        if self.noise.is_none() {
            return results;
        }
        // Where single precision ended next to an answer and none was found, it may have been what kept it from one.
        let close = WORTH_DOUBLE * self.search_tolerance();
        let again: Vec<usize> = (0..results.len())
            .filter(|&query| {
                let result = &results[query];
                let near = result.best.as_ref().is_some_and(|best| best.residual <= close);
                result.answers.is_empty() && result.stopped.is_none() && near
            })
            .collect();
        if again.is_empty() {
            return results;
        }
        let goals: Vec<Goal> = again.iter().map(|&query| self.goals[query].clone()).collect();
        let near: Vec<Vec<f64>> = again.iter().map(|&query| self.near[query].clone()).collect();
        let tolerance: Vec<f64> = again.iter().map(|&query| self.tolerance[query]).collect();
        let own: Vec<u64> = again.iter().map(|&query| self.own[query]).collect();
        let rest =
            Group { goals: &goals, near: &near, tolerance: &tolerance, own: &own, noise: None, ..*self };
        for (&query, mut result) in again.iter().zip(rest.attempt(budget, wave)) {
            result.evaluations.add(results[query].evaluations);
            results[query] = result;
        }
        results
    }

    fn attempt(&self, budget: &Budget, wave: usize) -> Vec<QueryResult> {
        let mut oracle = Oracle::new(self.engines, self.goals);
        let queries = self.goals.len();
        let mut found: Vec<Vec<Lane>> = vec![Vec::new(); queries];
        let mut components: Vec<Components> = vec![Components::default(); queries];
        let stop = || budget.stop().is_some();
        let scale = step_weights(self.domain);

        // The references come first: without a count they are often all that is needed.
        let pursuit = Pursuit {
            domain: self.domain,
            goals: self.goals,
            near: self.near,
            norm: self.options.norm,
            weights: self.options.weights.as_deref(),
        };
        if self.options.nearest && self.options.count == 1 {
            self.run_from_inside(&mut oracle, &mut found, &stop);
        }
        oracle.set_precision(self.precision());
        // Where nothing was inside, the reference is where to begin.
        let outside: Vec<bool> = found.iter().map(Vec::is_empty).collect();
        let mut ranked = pursuit.rank(&mut oracle, &|query| outside[query]);
        for attempt in 0..2 {
            let mut lanes = next_attempts(&mut ranked, attempt, &|query| {
                self.incumbent(&found[query]).map(|best| best.0)
            });
            if attempt == 0 {
                self.add_near_starts(&mut oracle, &outside, &mut lanes);
            }
            self.run(&mut oracle, lanes, &scale, Begin::Near, &mut found, &stop);
        }

        let mut searches: Vec<Search> = (0..queries).map(|_| Search::default()).collect();
        while !stop() {
            self.settle(&mut oracle, &found, &mut components, &mut searches, &stop);
            let mut lanes: Vec<Lane> = Vec::new();
            for (query, search) in searches.iter_mut().enumerate().filter(|(_, search)| !search.settled) {
                self.add_starts(&mut oracle, query, search, wave, budget.seed(), &mut lanes);
            }
            if lanes.is_empty() {
                break;
            }
            self.run(&mut oracle, lanes, &scale, Begin::Anywhere, &mut found, &stop);
        }
        if self.options.nearest && self.options.count == 1 {
            for index in self.pool_starts()..self.options.restarts {
                let beside = |lanes: &Vec<Lane>| {
                    let (distance, best) = self.incumbent(lanes)?;
                    let own = self.own[best.query];
                    (distance > 0.0).then(|| pursuit.beside(best, index, budget.seed(), own))
                };
                let lanes: Vec<Lane> = found.iter().filter_map(beside).collect();
                if stop() || lanes.is_empty() {
                    break;
                }
                self.run(&mut oracle, lanes, &scale, Begin::Near, &mut found, &stop);
            }
            let best = |lanes: &Vec<Lane>| {
                let (distance, best) = self.incumbent(lanes)?;
                (distance > 0.0 && best.standing == Standing::Rough).then(|| best.clone())
            };
            let lanes: Vec<Lane> = found.iter().filter_map(best).collect();
            if !stop() && !lanes.is_empty() {
                self.run(&mut oracle, lanes, &scale, Begin::Best, &mut found, &stop);
            }
        }

        let mut answers = self.confirm(&mut oracle, &mut found, &components, &scale);
        if self.options.describe {
            self.describe(&mut oracle, &mut answers);
        }
        answers
            .into_iter()
            .zip(&components)
            .enumerate()
            .map(|(query, ((answers, radius), components))| {
                if answers.is_empty() {
                    oracle.settle_best(query);
                }
                QueryResult {
                    stopped: if answers.len() < self.options.count { budget.stop() } else { None },
                    components: components.count().max(usize::from(!answers.is_empty())),
                    answers,
                    evaluations: oracle.evaluations(query),
                    best: oracle.best(query).cloned(),
                    radius,
                }
            })
            .collect()
    }

    /// Attempts at a nearest answer that the pool gives.
    fn pool_starts(&self) -> usize {
        match self.pool {
            Some(_) if self.options.nearest && self.options.count == 1 => {
                POOL_STARTS.min(self.options.restarts)
            }
            // Of several answers the first need not be the nearest of all.
            Some(_) if self.options.nearest => 1,
            _ => 0,
        }
    }

    /// Lanes from the points of the pool that are nearest to the references of the wanted queries, of those whose outputs
    /// are near their goals.
    fn add_near_starts(&self, oracle: &mut Oracle<'_>, wanted: &[bool], lanes: &mut Vec<Lane>) {
        let (Some(pool), count) = (self.pool, self.pool_starts()) else { return };
        if count == 0 {
            return;
        }
        let starts: Vec<Vec<Lane>> = (0..self.goals.len())
            .into_par_iter()
            .with_min_len(16)
            .map(|query| {
                if !wanted[query] {
                    return Vec::new();
                }
                let near = pool.near(&self.goals[query], count, &|x| self.distance(query, x));
                near.into_iter().map(|(alternative, x)| Lane::new(query, alternative, x)).collect()
            })
            .collect();
        for (query, starts) in starts.into_iter().enumerate() {
            if !starts.is_empty() {
                oracle.charge(query, self.pool_cost);
                lanes.extend(starts);
            }
        }
    }

    /// The next wave of starts of a query.
    fn add_starts(
        &self,
        oracle: &mut Oracle<'_>,
        query: usize,
        search: &mut Search,
        wave: usize,
        seed: u64,
        lanes: &mut Vec<Lane>,
    ) {
        let goal = &self.goals[query];
        let wave = wave.min(self.options.starts - search.used);
        let pool = search.pool.get_or_insert_with(|| {
            let Some(pool) = self.pool else { return Vec::new() };
            if self.pool_starts() == 0 {
                oracle.charge(query, self.pool_cost);
            }
            let mut starts = pool.starts(self.domain, goal, self.options.starts);
            starts.reverse();
            starts
        });
        for _ in 0..wave {
            let (alternative, x) = pool.pop().unwrap_or_else(|| {
                let index = search.used as u64;
                let own = self.own[query];
                (
                    search.used % goal.alternatives.len(),
                    start(self.domain, &self.near[query], index, seed, own),
                )
            });
            lanes.push(Lane::new(query, alternative, x));
            search.used += 1;
        }
    }

    /// Both phases for a set of lanes; those that end feasible are kept.
    fn run(
        &self,
        oracle: &mut Oracle<'_>,
        lanes: Vec<Lane>,
        scale: &[f64],
        begin: Begin,
        found: &mut [Vec<Lane>],
        stop: &dyn Fn() -> bool,
    ) {
        // Of many starts, those that crawl are not worth waiting for.
        let steps = match begin {
            Begin::Near | Begin::Best => self.options.steps,
            Begin::Anywhere => self.options.steps.min(WAVE_STEPS),
        };
        let tolerance = self.search_tolerance();
        let secants = self.noise.is_some();
        let options = FeasibleOptions { tolerance, steps, secants };
        let mut nearness = self.nearness_at(tolerance);
        if begin != Begin::Best && self.options.count == 1 {
            nearness.gain = FIRST_GAIN;
        } else if self.noise.is_some() {
            nearness.gain = nearness.gain.max(ROUGH_GAIN);
        }
        let bounds: Vec<f64> =
            found.iter().map(|lanes| self.incumbent(lanes).map_or(f64::INFINITY, |best| best.0)).collect();
        let near = |query: usize| (&self.near[query][..], bounds[query]);
        let nearest = self.options.nearest && (begin != Begin::Anywhere || self.options.count == 1);
        let on_curves = |lane: &Lane| {
            let polyhedron = &self.goals[lane.query].alternatives[lane.alternative];
            polyhedron.equations == polyhedron.len()
        };
        // To equations a lane goes by way of the reference, and is feasible in the end.
        let (direct, mut lanes): (Vec<Lane>, Vec<Lane>) =
            lanes.into_iter().partition(|lane| nearest && begin != Begin::Anywhere && on_curves(lane));
        make_feasible(oracle, &mut lanes, self.domain, scale, &options, stop);
        if self.options.count > 1 || nearest {
            // What goes on from here needs the rows themselves.
            lanes.retain(|lane| lane.at.residual <= tolerance);
            linearise_guessed(oracle, &mut lanes, self.domain);
        }
        if nearest {
            let (mut curves, mut rest): (Vec<Lane>, Vec<Lane>) = lanes.into_iter().partition(on_curves);
            make_nearest(oracle, &mut rest, self.domain, &self.nearness_at(tolerance), &near, stop);
            let (known, mut new): (Vec<Lane>, Vec<Lane>) =
                direct.into_iter().partition(|lane| lane.at.residual.is_finite());
            linearise(oracle, &mut new, self.domain);
            curves.extend(known);
            curves.extend(new);
            approach(oracle, &mut curves, self.domain, &nearness, &near, stop);
            // Where no lane of a query ended on the fibre, they go there without regard to distance.
            let mut solved: Vec<bool> = found.iter().map(|lanes| !lanes.is_empty()).collect();
            for lane in curves.iter().filter(|lane| lane.at.residual <= tolerance) {
                solved[lane.query] = true;
            }
            let (mut far, near): (Vec<Lane>, Vec<Lane>) =
                curves.into_iter().partition(|lane| !solved[lane.query]);
            make_feasible(oracle, &mut far, self.domain, scale, &options, stop);
            lanes = near;
            lanes.extend(far);
            lanes.extend(rest);
        }
        let (standing, exact) = match self.noise {
            Some(_) => (Standing::Rough, false),
            None => (Standing::Exact, true),
        };
        for mut lane in lanes {
            if lane.at.residual <= if exact { self.tolerance[lane.query] } else { tolerance } {
                lane.standing = standing;
                found[lane.query].push(lane);
            }
        }
    }

    /// Nearest answers from points inside the goals: rows of data, or the pool.
    fn run_from_inside(&self, oracle: &mut Oracle<'_>, found: &mut [Vec<Lane>], stop: &dyn Fn() -> bool) {
        let pools = [(self.data, self.data_cost), (self.pool, self.pool_cost)];
        let race = Race {
            goals: self.goals,
            near: self.near,
            domain: self.domain,
            nearness: self.nearness(),
            evaluations: self.options.race,
            pools: pools.into_iter().filter_map(|(pool, cost)| Some((pool?, cost))).collect(),
        };
        for mut lane in race.run(oracle, stop) {
            if lane.at.residual <= self.tolerance[lane.query] {
                lane.standing = Standing::Exact;
                found[lane.query].push(lane);
            }
        }
    }

    fn nearness_at(&self, tolerance: f64) -> Nearness<'_> {
        Nearness { tolerance, ..self.nearness() }
    }

    fn nearness(&self) -> Nearness<'_> {
        Nearness {
            norm: self.options.norm,
            weights: self.options.weights.as_deref(),
            tolerance: self.strictest(),
            steps: if self.options.count == 1 { self.options.steps } else { SEVERAL_STEPS },
            gain: if self.options.count == 1 { 1e-5 } else { 1e-3 },
            clears: usize::MAX,
            first: 0.5,
        }
    }

    /// The nearest answer found so far.
    fn incumbent<'l>(&self, lanes: &'l [Lane]) -> Option<(f64, &'l Lane)> {
        let distances = lanes.iter().map(|lane| (self.distance(lane.query, &lane.at.x), lane));
        distances.reduce(|best, next| if next.0 < best.0 { next } else { best })
    }

    /// The precision of the search.
    pub(super) fn precision(&self) -> Precision {
        if self.noise.is_some() { Precision::Single } else { Precision::Double }
    }

    /// The residual at which the search takes a point for an answer: what single precision can tell, where it is used.
    fn search_tolerance(&self) -> f64 {
        self.noise.map_or(self.strictest(), |noise| (ABOVE_NOISE * noise).max(self.strictest()))
    }

    /// One tolerance serves the batch: the strictest, which quadratic convergence makes nearly free.
    fn strictest(&self) -> f64 {
        self.tolerance.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// Groups what was found by component, and marks the queries that need no further wave: enough answers, and no
    /// component in the last wave that was not known before.
    fn settle(
        &self,
        oracle: &mut Oracle<'_>,
        found: &[Vec<Lane>],
        components: &mut [Components],
        searches: &mut [Search],
        stop: &dyn Fn() -> bool,
    ) {
        let open = |query: usize| !searches[query].settled;
        if self.options.count > 1 {
            let walking = Walking {
                domain: self.domain,
                separation: self.options.separation,
                weights: &step_weights(self.domain),
                secants: self.noise.is_some(),
                tolerance: self.noise.map_or(1e3 * self.strictest(), |_| self.search_tolerance()),
            };
            // The second round is for those that the shortest links did not join.
            for _ in 0..2 {
                join_components(oracle, found, components, &open, &walking, stop);
            }
        }
        for (query, search) in searches.iter_mut().enumerate().filter(|(_, search)| !search.settled) {
            let known = components[query].count();
            let answers = self.pick(query, &found[query], &components[query]).1.len();
            let enough = answers >= self.options.count;
            // Another wave is worth it while the last one brought something new, or while there is nothing at all.
            let fresh = known > search.components.max(1) || (answers > search.answers && !enough);
            let complete = enough && known >= self.options.count;
            search.settled = complete
                || search.used >= self.options.starts
                || (search.used > 0 || enough) && answers > 0 && !fresh;
            search.components = known;
            search.answers = answers;
        }
    }

    pub(super) fn distance(&self, query: usize, x: &[f64]) -> f64 {
        self.options.norm.distance(x, &self.near[query], self.options.weights.as_deref())
    }
}

/// Weights that make a step scale-free: an input's step is measured against the width of its bounds.
fn step_weights(domain: &Domain) -> Vec<f64> {
    domain
        .lower
        .iter()
        .zip(&domain.upper)
        .map(|(low, high)| {
            let width = high - low;
            if width.is_finite() && width > 0.0 { 1.0 / (width * width) } else { 1.0 }
        })
        .collect()
}
