//! Times the box-constrained nearest images: for the logits of the test digits under a linear classifier trained
//! here, the images in [0, 1]⁷⁸⁴ nearest to the training mean, on one thread.
//!
//! `NETINVERSE_DATA=… cargo run --release -p netinverse-invert --example box_nearest [sigmoid|softmax]`

#[path = "../tests/support/classifier.rs"]
mod classifier;

use classifier::{images, train_classifier};
use netinverse_base::{Budget, Error, Result};
use netinverse_data::mnist::load_mnist;
use netinverse_invert::closed_form::box_nearest::{BoxAnswer, BoxOptions};
use netinverse_invert::closed_form::energy::mean;
use netinverse_invert::closed_form::reverse::largest;
use netinverse_invert::closed_form::{BoxNearest, InputBox};
use netinverse_linalg::Matrix;
use std::num::NonZeroUsize;
use std::time::Instant;

fn main() -> Result<()> {
    let folder = std::env::var("NETINVERSE_DATA").map_err(|_| {
        Error::input("NETINVERSE_DATA is not set").hint("it names the folder that holds `mnist`")
    })?;
    let softmax = std::env::args().nth(1).is_some_and(|a| a == "softmax");
    let digits = load_mnist(&std::path::Path::new(&folder).join("mnist"))?;
    let (train, test) = (images(&digits.train)?, images(&digits.test)?);
    let layer = train_classifier(&train, digits.train.labels(), softmax, 3)?;
    let logits = layer.affine_rows(&test)?;
    let right =
        logits.iter_rows().zip(digits.test.labels()).filter(|(z, l)| largest(z) == usize::from(**l)).count();
    println!(
        "accuracy {:.4}, singular values {:.3e} … {:.3e}",
        right as f64 / test.rows() as f64,
        layer.spectrum()[0],
        layer.spectrum()[9]
    );

    let mean = Matrix::new(1, 784, mean(&train))?;
    let unit = InputBox::unit(784);
    let budget = Budget::default().with_threads(NonZeroUsize::MIN);
    for run in 0..5 {
        let begin = Instant::now();
        let solver = BoxNearest::new(&layer, &unit, BoxOptions::default())?;
        let batch = solver.solve_rows(&logits, &mean, None, &budget)?;
        let seconds = begin.elapsed().as_secs_f64();
        let worst = |of: fn(&BoxAnswer) -> f64| batch.answers.iter().map(of).fold(0.0, f64::max);
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
