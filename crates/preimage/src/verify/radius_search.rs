//! Balls around a point, larger as long as they are proved to hold nothing: for many inputs.
//!
//! First by the bounds of the whole ball alone, by bisection, which costs little; then with slopes ascended and signs of
//! neurons split, between the largest radius that was proved and the smallest that was not.

use std::sync::Arc;

use netinverse_base::{Budget, Progress, Silent};
use netinverse_geometry::Ball;

use super::attack::Attack;
use super::phase_search::PhaseSearch;
use super::region::Region;
use super::search::Ending;
use super::tree::Tree;

/// Radii tried by bounds alone.
const QUICK: usize = 8;
/// Between radii this near to each other there is no more to be gained.
const NEAR: f64 = 1.02;
/// A proof attempt may take this part of the work that is left.
const SHARE: u64 = 3;

/// A search in the balls of a region.
pub(crate) struct RadiusSearch<'a, 'b> {
    region: &'a Region,
    attack: &'a mut Attack<'b>,
    /// Forms that may be pushed back.
    pushes: u64,
    pub(crate) nodes: u64,
    /// Whether the proof of the largest radius is kept, and that proof.
    keep_tree: bool,
    pub(crate) tree: Option<Tree>,
}

impl<'a, 'b> RadiusSearch<'a, 'b> {
    pub(crate) fn new(region: &'a Region, attack: &'a mut Attack<'b>, work: u64, keep_tree: bool) -> Self {
        // There and back again.
        let pushes = work / (2 * attack.bounder.multiplications());
        RadiusSearch { region, attack, pushes, nodes: 0, keep_tree, tree: None }
    }

    /// The largest radius found within which nothing is; infinite where nothing is in the whole region.
    pub(crate) fn run(&mut self, budget: &Budget, progress: &dyn Progress) -> f64 {
        let ball = self.region.ball.clone().expect("a ball");
        let whole = ball.radius;
        let mut most = if whole.is_finite() {
            whole
        } else {
            // Nothing was found: the farthest corner.
            let far = |i: usize| {
                let c = ball.distance.centre()[i];
                if c - self.region.lower[i] > self.region.upper[i] - c {
                    self.region.lower[i]
                } else {
                    self.region.upper[i]
                }
            };
            let corner: Vec<f64> = (0..self.region.lower.len()).map(far).collect();
            ball.distance.of(&corner) * (1.0 + 1e-9)
        };
        if most <= 0.0 || !most.is_finite() {
            return 0.0;
        }
        let farthest = most;
        let proved_all =
            |least: f64| if least >= farthest && whole.is_infinite() { f64::INFINITY } else { least };
        let mut least = 0.0;
        let mut left = self.pushes;
        for quick in [true, false] {
            let mut high = most;
            let mut tried_all = !quick;
            for _ in 0..if quick { QUICK } else { usize::MAX } {
                if budget.stop().is_some() || left == 0 || least > 0.0 && high <= least * NEAR {
                    break;
                }
                // The whole ball first, where nothing was found: there may be nothing at all.
                let radius = if !tried_all && whole.is_infinite() {
                    tried_all = true;
                    high
                } else if quick || least == 0.0 {
                    f64::midpoint(least, high)
                } else {
                    // Failures cost more than successes: nearer to what is proved.
                    least + (high.min(2.0 * least) - least) * 0.4
                };
                let limit = if quick { 0 } else { left / SHARE };
                let (proved, spent) = self.prove(&ball, radius, limit, budget);
                left = left.saturating_sub(spent.max(1));
                if proved {
                    least = radius;
                    if least >= farthest {
                        return proved_all(least);
                    }
                } else {
                    high = high.min(radius);
                }
                progress.update(self.nodes, &format!("at least {least:.6}"));
            }
            if !quick {
                break;
            }
            most = farthest;
        }
        proved_all(least)
    }

    /// Whether the ball of this radius is proved to hold nothing, and the forms that were pushed back.
    fn prove(&mut self, ball: &Ball, radius: f64, most_pushes: u64, budget: &Budget) -> (bool, u64) {
        let mut region = self.region.clone();
        ball.distance.reach(radius, &mut region.lower, &mut region.upper);
        region.ball = Some(Arc::new(Ball { radius, distance: ball.distance.clone() }));
        if region.lower.iter().zip(&region.upper).any(|(lo, hi)| lo > hi) {
            return (true, 0);
        }
        let mut search = PhaseSearch::new(&region, self.attack, self.keep_tree);
        search.most_pushes = most_pushes;
        let ending = search.run(budget, &Silent);
        self.nodes += search.nodes;
        let (proved, pushes) = (matches!(ending, Ending::Empty), search.pushes);
        if proved && self.keep_tree {
            let mut tree = Tree::of(&region);
            search.give(&mut tree);
            self.tree = Some(tree);
        }
        (proved, pushes)
    }
}
