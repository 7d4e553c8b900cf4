//! Where attempts begin.

use netinverse_base::Rng;
use netinverse_network::Evaluator;

use super::{Domain, Engines, Goal};

/// Dimensions for which the Sobol sequence is used; beyond it pseudo-random points are as good.
const SOBOL_DIMENSIONS: usize = 64;
/// Points of the sequence; then pseudo-random ones follow.
const SOBOL_POINTS: u64 = 1 << 16;

/// The `index`-th quasi-random start of a query, in the box. An input without bounds is drawn around `near`, with a
/// spread that grows with the index.
pub(crate) fn start(domain: &Domain, near: &[f64], index: u64, seed: u64, query: u64) -> Vec<f64> {
    let n = near.len();
    let mut rng = Rng::new(seed ^ query.wrapping_mul(0xD1B5_4A32_D192_ED03), 0x57A7 + index);
    let sobol = n <= SOBOL_DIMENSIONS && index < SOBOL_POINTS;
    let scramble = (seed ^ query.wrapping_mul(0x9E37_79B9)) as u32;
    (0..n)
        .map(|i| {
            let (low, high) = (domain.lower[i], domain.upper[i]);
            if low.is_finite() && high.is_finite() {
                let unit = if sobol {
                    f64::from(sobol_burley::sample(index as u32, i as u32, scramble))
                } else {
                    rng.uniform()
                };
                (low + (high - low) * unit).clamp(low, high)
            } else {
                let spread = (1.0 + near[i].abs()) * f64::from(1 + (index % 8) as u32);
                (near[i] + spread * rng.normal()).max(low).min(high)
            }
        })
        .collect()
}

/// Points of the box with their outputs, evaluated once for all queries: each query starts from those whose outputs are
/// nearest to its goal, a few Newton steps from an answer.
pub(crate) struct Pool {
    x: Vec<f64>,
    y: Vec<f64>,
    points: usize,
}

impl Pool {
    /// Points of a pool: a fixed number, so that answers do not depend on how many queries there are.
    const POINTS: usize = 1024;
    /// The share of the pool that is near enough to a goal to start from.
    const SHARE: usize = 10;
    /// And the share that is so near that what counts among them is where they are.
    const CLOSE: usize = 40;

    /// A pool, where the box is bounded and has few enough dimensions to be covered.
    pub(crate) fn new(engines: &Engines, domain: &Domain, seed: u64) -> Option<Self> {
        let n = domain.lower.len();
        let bounded = domain.lower.iter().chain(&domain.upper).all(|bound| bound.is_finite());
        if !bounded || n > SOBOL_DIMENSIONS {
            return None;
        }
        let centre = vec![0.0; n];
        let x: Vec<f64> = (0..Self::POINTS as u64)
            .flat_map(|index| start(domain, &centre, index, seed, u64::MAX))
            .collect();
        let y = engines.forward(&x);
        Some(Pool { x, y, points: Self::POINTS })
    }

    /// A pool of given rows, brought into the box.
    pub(crate) fn of(evaluator: &Evaluator<f64>, domain: &Domain, rows: &[Vec<f64>]) -> Option<Self> {
        let mut x: Vec<f64> = rows.concat();
        x.chunks_mut(domain.lower.len()).for_each(|row| domain.clip(row));
        (!rows.is_empty()).then(|| Self::evaluate(evaluator, x))
    }

    fn evaluate(evaluator: &Evaluator<f64>, x: Vec<f64>) -> Self {
        let points = x.len() / evaluator.input_size();
        let mut y = vec![0.0; points * evaluator.output_size()];
        evaluator.forward(&x, &mut y);
        Pool { x, y, points }
    }

    /// Forward passes that each of `queries` queries is charged for the pool.
    pub(crate) fn cost(&self, queries: usize) -> u64 {
        self.points.div_ceil(queries.max(1)) as u64
    }

    /// For each alternative that some point of the pool is well inside of, the `count` nearest such points: alternative,
    /// place and x. A point counts for the alternative that it is deepest in.
    pub(crate) fn inside(
        &self,
        goal: &Goal,
        count: usize,
        distance: &dyn Fn(&[f64]) -> f64,
    ) -> Vec<(usize, usize, Vec<f64>)> {
        let (n, m) = (self.x.len() / self.points, self.y.len() / self.points);
        let mut inside: Vec<Vec<(f64, usize)>> = vec![Vec::new(); goal.alternatives.len()];
        for (point, y) in self.y.chunks(m).enumerate() {
            let slacks = goal.alternatives.iter().map(|polyhedron| polyhedron.slack(y)).enumerate();
            let deepest =
                slacks.fold((0, f64::NEG_INFINITY), |best, next| if next.1 > best.1 { next } else { best });
            if deepest.1 > 0.0 {
                inside[deepest.0].push((distance(&self.x[point * n..(point + 1) * n]), point));
            }
        }
        let mut found = Vec::new();
        for (alternative, points) in inside.iter_mut().enumerate() {
            points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let nearest = points.iter().take(count).enumerate();
            found.extend(
                nearest.map(|(place, &(_, p))| (alternative, place, self.x[p * n..(p + 1) * n].to_vec())),
            );
        }
        found
    }

    /// Starts for the nearest answer of a goal: `alternative` and x. Of the points whose outputs are nearest to the goal, those
    /// nearest to the reference by `distance`.
    pub(crate) fn near(
        &self,
        goal: &Goal,
        count: usize,
        distance: &dyn Fn(&[f64]) -> f64,
    ) -> Vec<(usize, Vec<f64>)> {
        let n = self.x.len() / self.points;
        let at = |index: usize| &self.x[index * n..(index + 1) * n];
        let ranked = self.ranked(goal, (self.points / Self::CLOSE).max(count));
        let mut near: Vec<(f64, usize, usize)> =
            ranked.into_iter().map(|(_, index, own)| (distance(at(index)), index, own)).collect();
        near.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        near.into_iter().take(count).map(|(_, index, own)| (own, at(index).to_vec())).collect()
    }

    /// The points whose outputs are nearest to a goal, the nearest first: residual, index and alternative.
    fn ranked(&self, goal: &Goal, count: usize) -> Vec<(f64, usize, usize)> {
        let m = self.y.len() / self.points;
        let mut ranked: Vec<(f64, usize, usize)> = self
            .y
            .chunks(m)
            .enumerate()
            .map(|(index, y)| {
                let (alternative, residual) = goal.nearest_alternative(y);
                (residual, index, alternative)
            })
            .collect();
        let order =
            |a: &(f64, usize, usize), b: &(f64, usize, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        if count < ranked.len() {
            ranked.select_nth_unstable_by(count, order);
            ranked.truncate(count);
        }
        ranked.sort_unstable_by(order);
        ranked
    }

    /// Starts for a goal: `alternative` and x. The best tenth of the pool, the best one first, then always the one
    /// farthest (in widths of the box) from those before it, up to `count`.
    pub(crate) fn starts(&self, domain: &Domain, goal: &Goal, count: usize) -> Vec<(usize, Vec<f64>)> {
        let n = domain.lower.len();
        let ranked = self.ranked(goal, (self.points / Self::SHARE).max(1));
        let at = |position: usize| &self.x[ranked[position].1 * n..(ranked[position].1 + 1) * n];
        let gap = |a: usize, b: usize| -> f64 {
            let widths = domain.lower.iter().zip(&domain.upper).map(|(l, u)| (u - l).max(f64::MIN_POSITIVE));
            at(a).iter().zip(at(b)).zip(widths).map(|((a, b), w)| ((a - b) / w).powi(2)).sum()
        };
        let mut picked = vec![0];
        let mut distance: Vec<f64> = (0..ranked.len()).map(|position| gap(position, 0)).collect();
        while picked.len() < count.min(ranked.len()) {
            let farthest =
                (0..ranked.len()).fold(0, |best, i| if distance[i] > distance[best] { i } else { best });
            picked.push(farthest);
            for (position, distance) in distance.iter_mut().enumerate() {
                *distance = distance.min(gap(position, farthest));
            }
        }
        picked.into_iter().map(|position| (ranked[position].2, at(position).to_vec())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Polyhedron;
    use super::*;

    /// Points on a line whose outputs are given.
    fn pool(x: &[f64], y: &[[f64; 3]]) -> Pool {
        Pool { x: x.to_vec(), y: y.concat(), points: x.len() }
    }

    #[test]
    fn the_nearest_points_inside_each_alternative() {
        let goal = Goal::other_class(0, 3, 0.1);
        let y = [
            [1.0, 0.0, 0.0],  // the class itself
            [0.0, 1.0, 0.5],  // inside both others, deeper in class 1
            [0.0, 0.05, 0.0], // short of the margin
            [0.0, 0.2, 0.9],
            [0.0, 2.0, 0.0],
            [0.0, 0.3, 0.0],
        ];
        let pool = pool(&[0.0, 1.0, 2.0, 3.0, -0.5, 5.0], &y);
        let inside = pool.inside(&goal, 2, &|x| x[0].abs());
        let expected = vec![(0, 0, vec![-0.5]), (0, 1, vec![1.0]), (1, 0, vec![3.0])];
        assert_eq!(inside, expected);
    }

    #[test]
    fn starts_are_the_best_of_the_pool_and_then_far_apart() {
        let x: Vec<f64> = (0..100).map(f64::from).collect();
        // The residual is the distance to 40: the best tenth are the points 35 to 45 or so.
        let pool = pool(&x, &x.iter().map(|x| [x - 40.0, 0.0, 0.0]).collect::<Vec<_>>());
        let mut goal = Polyhedron::point(&[0.0, 0.0, 0.0]);
        goal.equations = 3;
        let domain = Domain::boxed(vec![0.0], vec![99.0]);
        let starts: Vec<f64> =
            pool.starts(&domain, &Goal::one(goal), 3).into_iter().map(|(_, x)| x[0]).collect();
        assert_eq!(starts, [40.0, 35.0, 44.0]);
    }

    #[test]
    fn near_starts_are_near_the_goal_first_and_the_reference_then() {
        let x: Vec<f64> = (0..100).map(f64::from).collect();
        let pool = pool(&x, &x.iter().map(|x| [x - 40.0, 0.0, 0.0]).collect::<Vec<_>>());
        let goal = Goal::one(Polyhedron::point(&[0.0, 0.0, 0.0]));
        // Three outputs are nearest to the goal: those of 40, 39 and 41. Of them 41 is nearest to 70, though 70 is nearer.
        let near = |count: usize| -> Vec<f64> {
            pool.near(&goal, count, &|x| (x[0] - 70.0).abs()).into_iter().map(|(_, x)| x[0]).collect()
        };
        assert_eq!(near(3), [41.0, 40.0, 39.0]);
        assert_eq!(
            near(1),
            [40.0],
            "a fortieth of the pool is two points: 40 and the first of those beside it"
        );
    }

    #[test]
    fn starts_lie_in_the_box_and_follow_the_seed() {
        let domain = Domain::boxed(vec![-1.0, 2.0, f64::NEG_INFINITY], vec![1.0, 2.0, 0.5]);
        for index in 0..200 {
            let x = start(&domain, &[0.0, 2.0, 0.0], index, 7, 3);
            assert!((-1.0..=1.0).contains(&x[0]) && x[1] == 2.0 && x[2] <= 0.5);
            assert_eq!(x, start(&domain, &[0.0, 2.0, 0.0], index, 7, 3));
            assert_ne!(x[0], start(&domain, &[0.0, 2.0, 0.0], index, 8, 3)[0]);
        }
    }
}
