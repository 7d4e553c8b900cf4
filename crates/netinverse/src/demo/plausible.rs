//! Images that look like digits beside images that flicker, with the same outputs, and who can tell them apart.

use netinverse_base::{Budget, Result};
use netinverse_data::digits::{DigitSet, Digits, PIXELS};
use netinverse_invert::closed_form::PriorOptions;
use netinverse_invert::closed_form::box_nearest::BoxOptions;
use netinverse_invert::closed_form::{BoxNearest, GaussianPrior, InputBox, NearestImages};
use netinverse_linalg::Matrix;
use netinverse_network::{Evaluator, Network};
use rayon::prelude::*;

use super::measure::Measured;
use super::networks::{CLASSES, Trained};
use super::summary::Plausible;

/// Held-out digits that an image is compared with.
const NEIGHBOURS: usize = 5;
/// Training digits of a class that its prior comes from.
const PRIOR_DIGITS: usize = 2_000;

/// The numbers, and the images: a digit, its naive inverse and its plausible one, a class.
pub(super) struct PlausibleImages {
    pub(super) numbers: Vec<Plausible>,
    pub(super) digits: Vec<Vec<f64>>,
    pub(super) naive: Vec<Vec<f64>>,
    pub(super) plausible: Vec<Vec<f64>>,
}

pub(super) fn plausible(
    trained: &Trained,
    judge: &Network,
    digits: &Digits,
    measured: &Measured,
    budget: &Budget,
) -> Result<PlausibleImages> {
    let layer = &trained.layer;
    let unit = InputBox::unit(PIXELS);
    let solver = BoxNearest::new(layer, &unit, BoxOptions::default())?;
    let images: Vec<Vec<f64>> = measured.chosen.iter().map(|&i| measured.images.row(i).to_vec()).collect();
    let naive: Vec<Vec<f64>> =
        images.iter().map(|image| layer.minimum_norm(&layer.affine(image)?)).collect::<Result<_>>()?;
    // The most plausible image of the class with these outputs, then the nearest to it inside the box: the same
    // outputs, pixels between 0 and 1.
    let plausible: Vec<Vec<f64>> = (0..CLASSES)
        .into_par_iter()
        .map(|class| {
            let prior = GaussianPrior::fit(&of_class(&digits.train, class)?, PriorOptions::default())?;
            let logits = layer.affine(&images[class])?;
            let map = prior.posterior(layer)?.map(&logits)?;
            Ok(solver.solve(&logits, &map)?.0)
        })
        .collect::<Result<_>>()?;
    if let Some(reason) = budget.stop() {
        return Err(netinverse_base::Error::interrupted(format!("stopped while measuring: {reason:?}")));
    }

    // Held out: every test digit but the ten that are shown. All images are scaled to length 1 first: a faint image is
    // near to every digit, and no more plausible for it.
    let others: Vec<usize> =
        (0..measured.images.rows()).filter(|row| !measured.chosen.contains(row)).collect();
    let held_out = NearestImages::new(scaled(measured.images.select_rows(&others)));
    let distances = |rows: &[Vec<f64>]| held_out.mean_distance(&scaled(stack(rows)?), NEIGHBOURS);
    let (of_digit, of_naive, of_plausible) =
        (distances(&images)?, distances(&naive)?, distances(&plausible)?);
    let judged =
        [probabilities(judge, &images), probabilities(judge, &naive), probabilities(judge, &plausible)];
    let numbers = (0..CLASSES)
        .map(|class| {
            let (y, again) = (layer.forward(&images[class])?, layer.forward(&plausible[class])?);
            Ok(Plausible {
                label: class as u8,
                digit_distance: of_digit[class],
                naive_distance: of_naive[class],
                plausible_distance: of_plausible[class],
                judge: [0, 1, 2].map(|kind| judged[kind][class]),
                output_gap: y.iter().zip(&again).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max),
            })
        })
        .collect::<Result<_>>()?;
    Ok(PlausibleImages { numbers, digits: images, naive, plausible })
}

fn of_class(set: &DigitSet, class: usize) -> Result<Matrix> {
    let rows: Vec<f64> = (0..set.len())
        .filter(|&i| usize::from(set.labels()[i]) == class)
        .take(PRIOR_DIGITS)
        .flat_map(|i| set.image(i))
        .collect();
    Matrix::new(rows.len() / PIXELS, PIXELS, rows)
}

/// Every row scaled to length 1; rows of zeros stay.
fn scaled(mut rows: Matrix) -> Matrix {
    for i in 0..rows.rows() {
        let length = netinverse_linalg::norm(rows.row(i));
        if length > 0.0 {
            for v in rows.row_mut(i) {
                *v /= length;
            }
        }
    }
    rows
}

fn stack(rows: &[Vec<f64>]) -> Result<Matrix> {
    Matrix::new(rows.len(), PIXELS, rows.concat())
}

/// The judge's probability of class k for the k-th image.
fn probabilities(judge: &Network, images: &[Vec<f64>]) -> Vec<f64> {
    let mut y = vec![0.0; images.len() * CLASSES];
    Evaluator::<f64>::new(judge).forward(&images.concat(), &mut y);
    (0..images.len()).map(|class| y[class * CLASSES + class]).collect()
}
