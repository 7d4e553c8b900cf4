//! What holds on a polytope: multipliers are looked for in doubles, and confirmed by the kernel, without rounding where that is
//! needed.

use std::borrow::Borrow;
use std::sync::Arc;

use super::simplex::{Dual, Exactly, Simplex, exactly};
use crate::kernel::{ExactForm, Rational, Wall, follows_inside, least_inside, rational};

/// A bound that misses 0 by no more than this part of the form's size may do so by rounding alone.
const NEARLY: f64 = 1e-9;

/// The same where half-spaces are enclosed: they pass each other by their errors, which is little, and more than rounding.
const NEARLY_ENCLOSED: f64 = 1e-14;

/// The part of a box inside walls.
#[derive(Debug)]
pub(super) struct Polytope<'a, W> {
    pub(super) walls: &'a [W],
    pub(super) lower: &'a [f64],
    pub(super) upper: &'a [f64],
    simplex: Simplex,
    nearly: f64,
}

impl<'a, W: Borrow<Wall>> Polytope<'a, W> {
    pub(super) fn new(walls: &'a [W], lower: &'a [f64], upper: &'a [f64]) -> Self {
        Polytope { walls, lower, upper, simplex: Simplex::new(walls, lower, upper), nearly: NEARLY }
    }

    /// Of half-spaces that are enclosed, or not.
    pub(super) fn enclosed(mut self, enclosed: bool) -> Self {
        self.nearly = if enclosed { NEARLY_ENCLOSED } else { NEARLY };
        self
    }

    /// A proved lower bound of `slopes·x + constant`, and where it comes from.
    pub(super) fn least(&mut self, slopes: &[f64], constant: f64) -> (f64, Dual) {
        let dual = self.simplex.least(slopes, constant, self.lower);
        let (walls, multipliers) = (self.walls.iter().map(Borrow::borrow), dual.multipliers.iter().copied());
        let no_point = dual.value == f64::INFINITY;
        let zeros = vec![0.0; if no_point { slopes.len() } else { 0 }];
        let form = if no_point { (&zeros[..], 0.0) } else { (slopes, constant) };
        let bound = least_inside(form, walls.zip(multipliers), self.lower, self.upper);
        // Where there is no point any bound holds.
        let empty = no_point && bound > 0.0;
        (if empty { f64::INFINITY } else { bound }, dual)
    }

    /// How large a form may be on the box, for what counts as near to 0.
    pub(super) fn near(&self, slopes: &[f64], constant: f64) -> f64 {
        let reach = |i: usize| slopes[i].abs() * self.lower[i].abs().max(self.upper[i].abs());
        self.nearly * (constant.abs() + (0..slopes.len()).map(reach).sum::<f64>()) + f64::MIN_POSITIVE.sqrt()
    }

    /// Whether `form ≥ 0` (`> 0` with `strict`) follows without rounding, by the multipliers of a program in doubles or by those
    /// of the program without rounding.
    pub(super) fn follows_exactly(&self, form: &ExactForm, dual: &Dual, strict: bool) -> bool {
        let confirmed = |form: &ExactForm, strict: bool, multipliers: Vec<Rational>| {
            let walls = self.walls.iter().map(Borrow::borrow).zip(multipliers);
            follows_inside(form, strict, walls, self.lower, self.upper)
        };
        let doubles = || dual.multipliers.iter().map(|&m| rational(m)).collect();
        if dual.value.is_finite() && confirmed(form, strict, doubles()) {
            return true;
        }
        match self.program(form, &dual.basis) {
            Some(Exactly::Least(multipliers)) => confirmed(form, strict, multipliers),
            Some(Exactly::NoPoint(multipliers)) => {
                confirmed(&ExactForm::of(&vec![0.0; self.lower.len()], 0.0), true, multipliers)
            }
            None => false,
        }
    }

    /// The linear program without rounding.
    fn program(&self, form: &ExactForm, basis: &[usize]) -> Option<Exactly> {
        let free: Vec<usize> = (0..self.lower.len()).filter(|&i| self.lower[i] < self.upper[i]).collect();
        let walls = self.walls.iter().map(|wall| {
            let own: &Wall = wall.borrow();
            let corner = own.exact.at(self.lower).to_rational();
            (free.iter().map(|&i| own.exact.slopes[i].to_rational()).collect(), corner)
        });
        let width = |i: usize| rational(self.upper[i]) - rational(self.lower[i]);
        let widths: Vec<Rational> = free.iter().map(|&i| width(i)).collect();
        let target: Vec<Rational> = free.iter().map(|&i| form.slopes[i].to_rational()).collect();
        exactly(&walls.collect::<Vec<_>>(), &widths, &target, basis)
    }

    /// Whether a wall's half-space holds on all of the polytope (with room to spare, if it is strict).
    pub(super) fn is_within(&mut self, wall: &Wall) -> bool {
        let (bound, dual) = self.least(&wall.slopes, wall.constant - wall.error);
        if bound > 0.0 {
            return true;
        }
        let near = self.near(&wall.slopes, wall.constant);
        dual.value >= -near && self.follows_exactly(&wall.exact, &dual, wall.strict)
    }

    /// Whether a wall's half-space is proved to have no point of the polytope, or none but on its face if the wall is strict.
    pub(super) fn is_beyond(&mut self, wall: &Wall) -> bool {
        self.is_within(&wall.opposite(!wall.strict))
    }

    /// Whether there is no point, for certain.
    pub(super) fn is_empty(&mut self) -> bool {
        let zeros = vec![0.0; self.lower.len()];
        let (bound, dual) = self.least(&zeros, 0.0);
        if bound == f64::INFINITY {
            return true;
        }
        if dual.value != f64::INFINITY {
            // Walls that only touch, one of them strict: some other's least value shows it.
            return self.walls.iter().any(|w| w.borrow().strict) && self.no_point_but_on_faces();
        }
        // Rounding may hide it.
        self.follows_exactly(&ExactForm::of(&zeros, 0.0), &dual, true)
    }

    /// Whether there is no point, by the program without rounding: for walls that miss each other by less than doubles tell.
    pub(super) fn is_empty_exactly(&self) -> bool {
        let zero = ExactForm::of(&vec![0.0; self.lower.len()], 0.0);
        let Some(Exactly::NoPoint(multipliers)) = self.program(&zero, &[]) else { return false };
        follows_inside(
            &zero,
            true,
            self.walls.iter().map(Borrow::borrow).zip(multipliers),
            self.lower,
            self.upper,
        )
    }

    /// Whether some strict wall is 0 or less on all of the polytope.
    fn no_point_but_on_faces(&mut self) -> bool {
        (0..self.walls.len()).any(|k| {
            let wall: &Wall = self.walls[k].borrow();
            wall.strict && {
                let other = wall.opposite(false);
                let (bound, dual) = self.least(&other.slopes, other.constant - other.error);
                let near = self.near(&other.slopes, other.constant);
                bound >= 0.0 || dual.value >= -near && self.follows_exactly(&other.exact, &dual, false)
            }
        })
    }

    /// A point well inside, about; and the walls that no point is clear of.
    pub(super) fn inside(&mut self) -> Inside {
        let n = self.lower.len();
        let (mut middle, mut count) = (vec![0.0; n], 0.0f64);
        let mut tight = Vec::new();
        for k in 0..self.walls.len() {
            let wall: &Wall = self.walls[k].borrow();
            let down: Vec<f64> = wall.slopes.iter().map(|a| -a).collect();
            let (_, dual) = self.least(&down, -wall.constant);
            if dual.value == f64::INFINITY {
                // Thinner than rounding, perhaps flat.
                return Inside { point: None, tight: (0..self.walls.len()).collect() };
            }
            if -dual.value <= self.near(&wall.slopes, wall.constant) {
                tight.push(k);
            }
            middle.iter_mut().zip(&dual.point).for_each(|(m, p)| *m += p);
            count += 1.0;
        }
        for i in (0..n).filter(|&i| self.lower[i] < self.upper[i]) {
            for sign in [1.0, -1.0] {
                let mut slopes = vec![0.0; n];
                slopes[i] = sign;
                let (_, dual) = self.least(&slopes, 0.0);
                middle.iter_mut().zip(&dual.point).for_each(|(m, p)| *m += p);
                count += 1.0;
            }
        }
        for m in &mut middle {
            *m /= count.max(1.0);
        }
        Inside { point: Some(middle), tight }
    }
}

/// Where the inside of a polytope is.
#[derive(Debug)]
pub(super) struct Inside {
    /// None where there is no point, as far as doubles tell.
    pub(super) point: Option<Vec<f64>>,
    /// Walls on which, or so near to which, the whole polytope lies; all, where doubles see no point.
    pub(super) tight: Vec<usize>,
}

/// The walls without those that the others imply, which is proved of each that is left out.
pub(super) fn without_implied(walls: Vec<Arc<Wall>>, lower: &[f64], upper: &[f64]) -> Vec<Arc<Wall>> {
    let mut kept = walls;
    let mut k = 0;
    while k < kept.len() {
        let own = kept.remove(k);
        let (bound, _) = Polytope::new(&kept, lower, upper).least(&own.slopes, own.constant - own.error);
        if bound <= 0.0 {
            kept.insert(k, own);
            k += 1;
        }
    }
    kept
}
