use super::check_columns;
use netinverse_base::Result;
use netinverse_linalg::{Matrix, dot};
use rayon::prelude::*;

/// Queries whose distances are computed together by one thread.
const QUERIES: usize = 256;
/// Images they are compared with at a time.
const IMAGES: usize = 2048;
/// Candidates kept beyond those asked for: |x|² − 2xy + |y|² cancels, and near ties may swap.
const SPARE: usize = 8;

/// An image of the collection, and its distance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// The image's row.
    pub index: usize,
    /// |query − image|₂
    pub distance: f64,
}

/// Images held out from everything else, to judge the plausibility of others by: how far the nearest
/// real ones are.
#[derive(Debug, Clone)]
pub struct NearestImages {
    images: Matrix,
    squares: Vec<f64>,
}

impl NearestImages {
    /// Compares with these images, one a row.
    pub fn new(images: Matrix) -> Self {
        let squares = images.iter_rows().map(|x| dot(x, x)).collect();
        NearestImages { images, squares }
    }

    /// The k nearest images of every query, nearest first (by index among equals); fewer if there are
    /// fewer images.
    pub fn nearest(&self, queries: &Matrix, k: usize) -> Result<Vec<Vec<Neighbour>>> {
        check_columns("queries", queries, self.images.columns())?;
        let starts: Vec<usize> = (0..queries.rows()).step_by(QUERIES).collect();
        let found: Vec<Vec<Vec<Neighbour>>> = starts
            .par_iter()
            .map(|&start| self.block(&queries.row_range(start, (start + QUERIES).min(queries.rows())), k))
            .collect();
        Ok(found.into_iter().flatten().collect())
    }

    /// The mean distance to the k nearest images, of every query; 0 without images.
    pub fn mean_distance(&self, queries: &Matrix, k: usize) -> Result<Vec<f64>> {
        let mean = |found: &Vec<Neighbour>| {
            found.iter().map(|n| n.distance).sum::<f64>() / found.len().max(1) as f64
        };
        Ok(self.nearest(queries, k)?.iter().map(mean).collect())
    }

    fn block(&self, queries: &Matrix, k: usize) -> Vec<Vec<Neighbour>> {
        let keep = k.saturating_add(SPARE);
        // (|y|² − 2 x·y, index): the same order as the distance
        let mut candidates: Vec<Vec<(f64, usize)>> = vec![Vec::new(); queries.rows()];
        let order = |a: &(f64, usize), b: &(f64, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        for start in (0..self.images.rows()).step_by(IMAGES) {
            let end = (start + IMAGES).min(self.images.rows());
            let products = queries.product_transposed(&self.images.row_range(start, end));
            for (best, row) in candidates.iter_mut().zip(products.iter_rows()) {
                best.extend(
                    row.iter().enumerate().map(|(j, p)| (self.squares[start + j] - 2.0 * p, start + j)),
                );
                if best.len() > keep {
                    best.select_nth_unstable_by(keep, order);
                    best.truncate(keep);
                }
            }
        }
        let exact = |(query, best): (&[f64], Vec<(f64, usize)>)| {
            let mut found: Vec<Neighbour> = best
                .into_iter()
                .map(|(_, index)| {
                    let gaps: Vec<f64> =
                        query.iter().zip(self.images.row(index)).map(|(a, b)| a - b).collect();
                    Neighbour { index, distance: dot(&gaps, &gaps).sqrt() }
                })
                .collect();
            found.sort_by(|a, b| a.distance.total_cmp(&b.distance).then(a.index.cmp(&b.index)));
            found.truncate(k);
            found
        };
        queries.iter_rows().zip(candidates).map(exact).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::closed_form::testing::uniform_matrix;

    #[test]
    fn neighbours_are_those_of_the_plain_search() {
        let images = uniform_matrix(IMAGES + 100, 6, 1);
        let queries = uniform_matrix(QUERIES + 5, 6, 2);
        let found = NearestImages::new(images.clone()).nearest(&queries, 3).unwrap();
        for (query, neighbours) in queries.iter_rows().zip(&found) {
            let mut all: Vec<(f64, usize)> = images
                .iter_rows()
                .enumerate()
                .map(|(i, x)| (x.iter().zip(query).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt(), i))
                .collect();
            all.sort_by(|a, b| a.0.total_cmp(&b.0));
            assert_eq!(neighbours.len(), 3);
            for (n, (distance, index)) in neighbours.iter().zip(&all) {
                assert!(n.index == *index && (n.distance - distance).abs() < 1e-14);
            }
        }
    }

    #[test]
    fn an_image_is_its_own_neighbour_at_distance_zero() {
        let images = uniform_matrix(20, 4, 3);
        let judge = NearestImages::new(images.clone());
        for (i, found) in judge.nearest(&images, 1).unwrap().iter().enumerate() {
            assert_eq!(found, &[Neighbour { index: i, distance: 0.0 }]);
        }
        assert_eq!(judge.nearest(&images, 50).unwrap()[0].len(), 20);
        assert_eq!(judge.mean_distance(&images.row_range(0, 1), 1).unwrap(), [0.0]);
        assert!(judge.nearest(&Matrix::zeros(1, 3), 1).is_err());
    }
}
