use netinverse_base::{Error, Result};
use netinverse_linalg::Matrix;

use crate::closed_form::NearestImages;

/// One row in so many is held out.
pub const HELD_OUT: usize = 5;
/// Rows held out at most, evenly spaced.
const MOST: usize = 2000;
/// Rows held out at least: a share of fewer says nothing.
const LEAST: usize = 5;

/// How plausible inputs are beside rows of data that nothing else has seen.
///
/// An input at distance d from the nearest held-out row is as plausible as the share of held-out rows that lie at
/// least d from *their* nearest one: 1 for an input nearer than any row is to another, 0 for one farther away than all.
/// For fresh data of the same law the score is spread evenly over [0, 1] (a conformal p-value, up to ties). Distances
/// are L2 with every input divided by its scale.
#[derive(Debug, Clone)]
pub struct Plausibility {
    held: NearestImages,
    scale: Vec<f64>,
    /// The held-out rows' distances to their nearest other one, ascending.
    own: Vec<f64>,
}

/// The score of an input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// The share of held-out rows that lie as far from their nearest one as the input.
    pub plausibility: f64,
    /// The distance to the nearest held-out row over the median of the rows' own; `None` where that is 0.
    pub distance: Option<f64>,
}

/// The rows to learn from and the rows held out: every fifth, at most two thousand of them.
///
/// # Errors
/// Too few rows.
pub fn split(rows: &Matrix) -> Result<(Matrix, Matrix)> {
    let held: Vec<usize> = (HELD_OUT - 1..rows.rows()).step_by(HELD_OUT).collect();
    if held.len() < LEAST {
        return Err(Error::input(format!("{} rows are too few", rows.rows())).hint(format!(
            "give at least {}: every fifth is held out to judge answers by",
            LEAST * HELD_OUT
        )));
    }
    let kept: Vec<usize> = (0..rows.rows()).filter(|row| row % HELD_OUT != HELD_OUT - 1).collect();
    let step = held.len().div_ceil(MOST);
    let held: Vec<usize> = held.into_iter().step_by(step).collect();
    Ok((rows.select_rows(&kept), rows.select_rows(&held)))
}

impl Plausibility {
    /// Judges by these rows; input i is measured in units of `scale[i]`.
    pub fn new(held: &Matrix, scale: Vec<f64>) -> Result<Self> {
        let scaled = Matrix::from_fn(held.rows(), held.columns(), |r, i| held.row(r)[i] / scale[i]);
        let search = NearestImages::new(scaled.clone());
        let mut own: Vec<f64> = search
            .nearest(&scaled, 2)?
            .iter()
            .enumerate()
            .filter_map(|(row, found)| found.iter().find(|n| n.index != row).map(|n| n.distance))
            .collect();
        own.sort_by(f64::total_cmp);
        Ok(Plausibility { held: search, scale, own })
    }

    /// The score of an input.
    pub fn score(&self, x: &[f64]) -> Result<Score> {
        let scaled = Matrix::from_fn(1, x.len(), |_, i| x[i] / self.scale[i]);
        let found = self.held.nearest(&scaled, 1)?;
        let distance = found.first().and_then(|n| n.first()).map_or(f64::INFINITY, |n| n.distance);
        let nearer = self.own.partition_point(|&own| own < distance);
        let median = self.own.get(self.own.len() / 2).copied().unwrap_or(0.0);
        let count = self.own.len().max(1);
        Ok(Score {
            plausibility: (self.own.len() - nearer) as f64 / count as f64,
            distance: Some(distance / median).filter(|ratio| ratio.is_finite()),
        })
    }
}

#[cfg(test)]
mod tests {
    use netinverse_base::Rng;

    use super::*;

    #[test]
    fn fresh_data_score_evenly_and_what_is_far_scores_nothing() {
        let mut rng = Rng::new(1, 0);
        let rows = Matrix::from_fn(4000, 3, |_, i| rng.normal() * [1.0, 10.0, 0.1][i]);
        let (kept, held) = split(&rows).unwrap();
        assert_eq!((kept.rows(), held.rows()), (3200, 800));
        let judge = Plausibility::new(&held, vec![1.0, 10.0, 0.1]).unwrap();
        let scores: Vec<f64> = kept.iter_rows().map(|row| judge.score(row).unwrap().plausibility).collect();
        let mean = scores.iter().sum::<f64>() / scores.len() as f64;
        // Of 800 rows, neighbours of each other: the mean is known to some 0.02.
        assert!((mean - 0.5).abs() < 0.06, "{mean}");
        let low = scores.iter().filter(|&&s| s < 0.25).count() as f64 / scores.len() as f64;
        assert!((low - 0.25).abs() < 0.06, "{low}");
        let far = judge.score(&[20.0, 0.0, 0.0]).unwrap();
        assert_eq!(far.plausibility, 0.0);
        assert!(far.distance.unwrap() > 10.0);
        let on = judge.score(held.row(0)).unwrap();
        assert_eq!((on.plausibility, on.distance), (1.0, Some(0.0)));
        assert!(split(&Matrix::zeros(24, 1)).is_err());
    }
}
