//! Where inputs may lie: a box in doubles, and the exact one it was rounded from.

use netinverse_base::{Error, Place, Result};

use crate::half_space::{Rounding, Shared};
use crate::{Rational, Variable};

/// A box `lower ≤ v ≤ upper`, finite, not empty; a side may have length 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Bounds {
    lower: Vec<f64>,
    upper: Vec<f64>,
}

impl Bounds {
    /// The box between two points, one entry a variable; refused with the index where a bound is not
    /// finite or the lower one exceeds the upper.
    pub fn new(lower: Vec<f64>, upper: Vec<f64>) -> Result<Self> {
        if lower.len() != upper.len() {
            return Err(Error::input(format!(
                "{} lower bounds and {} upper bounds",
                lower.len(),
                upper.len()
            )));
        }
        for (index, (&lo, &hi)) in lower.iter().zip(&upper).enumerate() {
            check_interval(lo, hi).map_err(|error| error.at(Place::Row(index)))?;
        }
        Ok(Bounds { lower, upper })
    }

    /// `[lo, hi]` for each of `n` variables.
    pub fn uniform(n: usize, lo: f64, hi: f64) -> Result<Self> {
        check_interval(lo, hi)?;
        Ok(Bounds { lower: vec![lo; n], upper: vec![hi; n] })
    }

    /// The box of `n` variables from the rows `lo,hi` of a file: n rows, or one for all.
    pub fn from_rows<R: AsRef<[f64]>>(n: usize, rows: &[R]) -> Result<Self> {
        let pair = |(index, row): (usize, &R)| match *row.as_ref() {
            [lo, hi] => Ok((lo, hi)),
            ref other => {
                Err(Error::input(format!("a bound is `lo,hi`, the row has {} numbers", other.len()))
                    .at(Place::Row(index)))
            }
        };
        let pairs: Vec<(f64, f64)> = rows.iter().enumerate().map(pair).collect::<Result<_>>()?;
        match pairs.as_slice() {
            [(lo, hi)] => Self::uniform(n, *lo, *hi),
            pairs if pairs.len() == n => {
                Self::new(pairs.iter().map(|p| p.0).collect(), pairs.iter().map(|p| p.1).collect())
            }
            pairs => Err(Error::input(format!("{} rows of bounds for {n} variables", pairs.len()))
                .hint("give one row `lo,hi` for each variable, or a single row for all")),
        }
    }

    /// The lower corner.
    pub fn lower(&self) -> &[f64] {
        &self.lower
    }

    /// The upper corner.
    pub fn upper(&self) -> &[f64] {
        &self.upper
    }

    /// How many variables.
    pub fn dimension(&self) -> usize {
        self.lower.len()
    }

    /// The midpoint, without overflow.
    pub fn centre(&self) -> Vec<f64> {
        self.lower.iter().zip(&self.upper).map(|(&lo, &hi)| lo.midpoint(hi)).collect()
    }

    /// The Euclidean length of the diagonal.
    pub fn diagonal(&self) -> f64 {
        self.lower.iter().zip(&self.upper).map(|(lo, hi)| (hi - lo) * (hi - lo)).sum::<f64>().sqrt()
    }

    /// Whether the point lies in the box, borders included.
    pub fn contains(&self, v: &[f64]) -> bool {
        v.len() == self.dimension()
            && v.iter().zip(self.lower.iter().zip(&self.upper)).all(|(v, (lo, hi))| lo <= v && v <= hi)
    }

    /// Refuses a box of another dimension than the network's inputs.
    pub fn check_dimension(&self, n: usize) -> Result<()> {
        if self.dimension() == n {
            return Ok(());
        }
        Err(Error::input(format!("bounds of {} variables, the network has {n} inputs", self.dimension())))
    }
}

/// Refuses what is no closed, finite, non-empty interval.
pub(crate) fn check_interval(lo: f64, hi: f64) -> Result<()> {
    if lo.is_nan() || hi.is_nan() {
        return Err(Error::input(format!("a bound is not a number: {lo},{hi}")));
    }
    if lo.is_infinite() || hi.is_infinite() {
        return Err(Error::input(format!("a bound is infinite: {lo},{hi}"))
            .hint("give a finite interval, or leave the bounds out where that is allowed"));
    }
    if lo > hi {
        return Err(Error::input(format!("the lower bound {lo} exceeds the upper bound {hi}"))
            .hint("bounds are `lo,hi`"));
    }
    Ok(())
}

/// A box of exact numbers in which sides may be missing: what the half-spaces over single inputs say.
#[derive(Debug, Clone, PartialEq)]
pub struct ExactBounds {
    /// The largest lower bound of each variable.
    pub lower: Vec<Option<Rational>>,
    /// The smallest upper bound of each variable.
    pub upper: Vec<Option<Rational>>,
}

impl ExactBounds {
    /// What `half_spaces` say about single inputs among `n`; the others are passed over.
    pub fn of_inputs<'a>(n: usize, half_spaces: impl IntoIterator<Item = &'a Shared>) -> Self {
        let mut bounds = ExactBounds { lower: vec![None; n], upper: vec![None; n] };
        for half_space in half_spaces {
            let Some((Variable::Input(index), threshold, is_lower)) = half_space.bound() else { continue };
            let sides = if is_lower { &mut bounds.lower } else { &mut bounds.upper };
            let Some(side) = sides.get_mut(index as usize) else { continue };
            let tighter = side.as_ref().is_none_or(|old| (threshold > *old) == is_lower);
            if tighter {
                *side = Some(threshold);
            }
        }
        bounds
    }

    /// The indices of the variables that lack a bound on either side.
    pub fn unbounded(&self) -> Vec<usize> {
        (0..self.lower.len()).filter(|&i| self.lower[i].is_none() || self.upper[i].is_none()).collect()
    }

    /// Both corners in doubles, ∓∞ where a bound is missing: outward, the box of doubles contains the
    /// exact one; inward, it lies inside, and a lower corner may exceed the upper.
    pub fn rounded(&self, rounding: Rounding) -> (Vec<f64>, Vec<f64>) {
        let down = |bound: &Rational| match rounding {
            Rounding::Outward => bound.lower(),
            Rounding::Inward => bound.upper(),
            Rounding::Nearest => bound.nearest(),
        };
        let up = |bound: &Rational| -down(&-bound);
        let lower = self.lower.iter().map(|b| b.as_ref().map_or(f64::NEG_INFINITY, down));
        let upper = self.upper.iter().map(|b| b.as_ref().map_or(f64::INFINITY, up));
        (lower.collect(), upper.collect())
    }

    /// The smallest box of doubles that contains the exact one; refused with the variables' names
    /// where bounds are missing.
    pub fn outward(&self, name: impl Fn(usize) -> String) -> Result<Bounds> {
        let missing = self.unbounded();
        if !missing.is_empty() {
            let shown: Vec<String> = missing.iter().take(5).map(|&i| format!("`{}`", name(i))).collect();
            let more =
                if missing.len() > 5 { format!(" and {} more", missing.len() - 5) } else { String::new() };
            return Err(Error::input(format!("no finite bounds for {}{more}", shown.join(", ")))
                .hint("assert a lower and an upper bound for every input, in every disjunct"));
        }
        let (lower, upper) = self.rounded(Rounding::Outward);
        Bounds::new(lower, upper)
    }

    /// The largest box of doubles inside the exact one; `None` if a bound is missing, or if no double
    /// lies between a variable's bounds.
    pub fn inward(&self) -> Option<Bounds> {
        let (lower, upper) = self.rounded(Rounding::Inward);
        Bounds::new(lower, upper).ok()
    }
}
