//! Using an answer: points drawn from the inner set, and the proved input that is nearest to a point.

use netinverse_base::{Error, Result, Rng};
use netinverse_geometry::{AxisBox, Norm, Polytope, SamplingMethod};

use crate::answer::Answer;
use crate::compact::Piece;
use crate::question::Question;

/// Points drawn from the inner pieces.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    /// The points, n numbers each, every one in a piece.
    pub points: Vec<Vec<f64>>,
    /// How many came from a walk inside a piece: those are uniform in the long run, neighbours are correlated.
    pub walked: usize,
}

/// The point of the inner pieces that is nearest to a given one.
#[derive(Debug, Clone, PartialEq)]
pub struct Nearest {
    /// The point, in a piece.
    pub point: Vec<f64>,
    /// Its distance in the norm asked for.
    pub distance: f64,
    /// The piece, by index.
    pub piece: usize,
}

impl Piece {
    /// The piece as a polytope.
    pub fn polytope(&self) -> Result<Polytope> {
        let mut polytope = Polytope::from_box(AxisBox::new(self.lower.clone(), self.upper.clone())?);
        for (slopes, constant) in &self.rows {
            polytope.add_row(slopes, *constant)?;
        }
        Ok(polytope)
    }

    /// Whether x is in the piece, evaluated so that "yes" is proved.
    pub fn contains(&self, x: &[f64]) -> bool {
        (0..x.len()).all(|i| self.lower[i] <= x[i] && x[i] <= self.upper[i])
            && self.rows.iter().all(|(slopes, c)| netinverse_bounds::minimum_on_box(slopes, *c, x, x) >= 0.0)
    }

    /// The distance from a point to the piece's box: no point of the piece is nearer.
    fn distance_to_box(&self, x: &[f64], norm: Norm) -> f64 {
        let away = (0..x.len()).map(|i| (self.lower[i] - x[i]).max(x[i] - self.upper[i]).max(0.0));
        match norm {
            Norm::L1 => away.sum(),
            Norm::L2 => away.map(|d| d * d).sum::<f64>().sqrt(),
            Norm::LInfinity => away.fold(0.0, f64::max),
        }
    }
}

impl Answer {
    /// `count` points drawn uniformly from the inner pieces: the piece by its volume, the point uniformly in it.
    ///
    /// # Errors
    /// There is no inner piece with volume.
    pub fn sample(&self, question: &Question, count: usize, seed: u64) -> Result<Drawn> {
        let mut rng = Rng::new(seed, 0);
        let total: f64 = self.inner.iter().map(|piece| piece.volume.0).sum();
        if total <= 0.0 {
            return Err(Error::input("the answer has no inner set to draw from")
                .hint("pave on: `--resume` with a higher `--coverage`"));
        }
        let mut counts = vec![0usize; self.inner.len()];
        for _ in 0..count {
            let mut left = rng.uniform() * total;
            let chosen = self.inner.iter().position(|piece| {
                left -= piece.volume.0;
                left < 0.0
            });
            counts[chosen.unwrap_or(self.inner.len() - 1)] += 1;
        }
        let mut drawn = Drawn { points: Vec::with_capacity(count), walked: 0 };
        for (piece, &wanted) in self.inner.iter().zip(&counts).filter(|(_, wanted)| **wanted > 0) {
            let polytope = piece.polytope()?;
            let mut missing = wanted;
            // The paved box may be larger than the exact one by the last bit.
            for _ in 0..8 {
                let Some(samples) = polytope.samples(missing, &mut rng) else { break };
                let walked = samples.method == SamplingMethod::HitAndRun;
                for point in samples.points {
                    if piece.contains(&point) && question.in_box(&point) {
                        missing -= 1;
                        drawn.walked += usize::from(walked);
                        drawn.points.push(point);
                    }
                }
                if missing == 0 {
                    break;
                }
            }
            if missing > 0 {
                return Err(Error::input("a piece is too thin to draw points from")
                    .hint("answers with fewer, larger pieces (`--max-pieces`) are easier to sample"));
            }
        }
        rng.shuffle(&mut drawn.points);
        Ok(drawn)
    }

    /// The point of the inner pieces that is nearest to x; `None` if there is no inner piece.
    pub fn nearest(&self, question: &Question, x: &[f64], norm: Norm) -> Result<Option<Nearest>> {
        let mut order: Vec<(f64, usize)> = self
            .inner
            .iter()
            .enumerate()
            .map(|(index, piece)| (piece.distance_to_box(x, norm), index))
            .collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let weights = vec![1.0; x.len()];
        let mut best: Option<Nearest> = None;
        for (least, index) in order {
            if best.as_ref().is_some_and(|best| best.distance <= least) {
                break;
            }
            let piece = &self.inner[index];
            let polytope = piece.polytope()?;
            let Some((point, _)) = polytope.nearest(x, &weights, norm) else { continue };
            let Some(point) = settled(piece, &polytope, question, &point) else { continue };
            let distance = distance(&point, x, norm);
            if best.as_ref().is_none_or(|best| distance < best.distance) {
                best = Some(Nearest { point, distance, piece: index });
            }
        }
        Ok(best)
    }
}

/// The solver's point, moved towards the piece's interior until it is proved to be inside.
fn settled(piece: &Piece, polytope: &Polytope, question: &Question, point: &[f64]) -> Option<Vec<f64>> {
    let inside = |x: &[f64]| piece.contains(x) && question.in_box(x);
    let clamped: Vec<f64> =
        point.iter().enumerate().map(|(i, x)| x.clamp(piece.lower[i], piece.upper[i])).collect();
    if inside(&clamped) {
        return Some(clamped);
    }
    let interior = polytope.interior_point()?;
    (0..50).map(|step| 2f64.powi(step - 50)).find_map(|share| {
        let moved: Vec<f64> = clamped.iter().zip(&interior).map(|(x, c)| x + share * (c - x)).collect();
        inside(&moved).then_some(moved)
    })
}

fn distance(a: &[f64], b: &[f64], norm: Norm) -> f64 {
    let away = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    match norm {
        Norm::L1 => away.sum(),
        Norm::L2 => away.map(|d| d * d).sum::<f64>().sqrt(),
        Norm::LInfinity => away.fold(0.0, f64::max),
    }
}
