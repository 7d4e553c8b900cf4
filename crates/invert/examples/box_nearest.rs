//! Times the box-constrained nearest images: for the logits of the test digits under a linear classifier trained
//! here, the images in [0, 1]⁷⁸⁴ nearest to the training mean, on one thread.
//!
//! `NETINVERSE_DATA=… cargo run --release -p netinverse-invert --example box_nearest [sigmoid|softmax]`

use netinverse_base::{Budget, Error, Result, Rng};
use netinverse_data::DigitSet;
use netinverse_data::mnist::load_mnist;
use netinverse_invert::closed_form::box_nearest::BoxOptions;
use netinverse_invert::closed_form::{Activation, BoxNearest, InputBox, Layer};
use netinverse_linalg::Matrix;
use std::num::NonZeroUsize;
use std::time::Instant;

fn main() -> Result<()> {
    let folder = std::env::var("NETINVERSE_DATA").map_err(|_| {
        Error::input("NETINVERSE_DATA is not set").hint("it names the folder that holds `mnist`")
    })?;
    let softmax = std::env::args().nth(1).is_some_and(|a| a == "softmax");
    let digits = load_mnist(&std::path::Path::new(&folder).join("mnist"))?;
    let images = |set: &DigitSet| {
        Matrix::new(set.len(), 784, set.pixels().iter().map(|&p| f64::from(p) / 255.0).collect())
    };
    let (train, test) = (images(&digits.train)?, images(&digits.test)?);
    let layer = train_layer(&train, digits.train.labels(), softmax)?;
    let logits = layer.affine_rows(&test)?;
    let right =
        logits.iter_rows().zip(digits.test.labels()).filter(|(z, l)| largest(z) == usize::from(**l)).count();
    println!(
        "accuracy {:.4}, singular values {:.3e} … {:.3e}",
        right as f64 / test.rows() as f64,
        layer.spectrum()[0],
        layer.spectrum()[9]
    );

    let mut mean = vec![0.0; 784];
    for row in train.iter_rows() {
        mean.iter_mut().zip(row).for_each(|(m, p)| *m += p / train.rows() as f64);
    }
    let mean = Matrix::new(1, 784, mean)?;
    let unit = InputBox::unit(784);
    let budget = Budget::default().with_threads(NonZeroUsize::MIN);
    for run in 0..5 {
        let begin = Instant::now();
        let solver = BoxNearest::new(&layer, &unit, BoxOptions::default())?;
        let batch = solver.solve_rows(&logits, &mean, None, &budget)?;
        let seconds = begin.elapsed().as_secs_f64();
        let worst = |of: fn(&netinverse_invert::closed_form::box_nearest::BoxAnswer) -> f64| {
            batch.answers.iter().map(of).fold(0.0, f64::max)
        };
        println!(
            "run {run}: {} of {} solved in {seconds:.3} s on one thread; worst residual {:.1e}, KKT error {:.1e}; \
             Newton steps mean {:.1}, most {}; free inputs {:.0}",
            batch.solved(),
            logits.rows(),
            worst(|a| a.residual),
            worst(|a| a.kkt_error),
            batch.answers.iter().map(|a| a.steps).sum::<usize>() as f64 / logits.rows() as f64,
            batch.answers.iter().map(|a| a.steps).max().unwrap_or(0),
            batch.answers.iter().map(|a| a.free).sum::<usize>() as f64 / logits.rows() as f64,
        );
    }
    Ok(())
}

fn largest(z: &[f64]) -> usize {
    (0..z.len()).max_by(|&i, &j| z[i].total_cmp(&z[j])).unwrap_or(0)
}

/// Three epochs of plain stochastic gradient descent in batches of 50.
fn train_layer(images: &Matrix, labels: &[u8], softmax: bool) -> Result<Layer> {
    let mut rng = Rng::new(0, 0);
    let mut weight = Matrix::from_fn(784, 10, |_, _| 0.01 * rng.normal());
    let mut bias = vec![0.0; 10];
    let rate = if softmax { 0.2 } else { 0.5 };
    let mut order: Vec<usize> = (0..labels.len()).collect();
    for _epoch in 0..3 {
        rng.shuffle(&mut order);
        for batch in order.chunks(50) {
            let x = images.select_rows(batch);
            let mut error = x.product(&weight);
            for (i, &row) in batch.iter().enumerate() {
                let z = error.row_mut(i);
                z.iter_mut().zip(&bias).for_each(|(z, b)| *z += b);
                if softmax {
                    let top = z.iter().fold(f64::MIN, |m, v| m.max(*v));
                    z.iter_mut().for_each(|z| *z = (*z - top).exp());
                    let sum: f64 = z.iter().sum();
                    z.iter_mut().for_each(|z| *z /= sum);
                } else {
                    z.iter_mut().for_each(|z| *z = Activation::Sigmoid.apply(*z));
                }
                z[usize::from(labels[row])] -= 1.0;
            }
            let step = rate / batch.len() as f64;
            let gradient = x.transposed_product(&error);
            weight.data_mut().iter_mut().zip(gradient.data()).for_each(|(w, g)| *w -= step * g);
            for row in error.iter_rows() {
                bias.iter_mut().zip(row).for_each(|(b, e)| *b -= step * e);
            }
        }
    }
    Layer::new(weight, bias, Activation::Sigmoid)
}
