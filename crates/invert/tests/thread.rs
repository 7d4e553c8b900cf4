//! The thread's network on real digits: METHODS.md §1 with the figures of TARGETS.md. Needs `NETINVERSE_DATA`.

#[path = "support/classifier.rs"]
mod classifier;

use classifier::{images, train_classifier};
use libtest_mimic::{Arguments, Failed, Trial};
use netinverse_base::Budget;
use netinverse_data::mnist::load_mnist;
use netinverse_invert::closed_form::box_nearest::BoxOptions;
use netinverse_invert::closed_form::determinant::determinant_illusion;
use netinverse_invert::closed_form::energy::{Pca, energy_kept, energy_kept_by_random, mean};
use netinverse_invert::closed_form::pigeonhole::distinct_rows;
use netinverse_invert::closed_form::restricted::restricted_inverse;
use netinverse_invert::closed_form::reverse::largest;
use netinverse_invert::closed_form::{
    BoxNearest, Clip, GaussianPrior, InputBox, Layer, NearestImages, PriorOptions,
};
use netinverse_linalg::{Matrix, Precision};
use std::path::{Path, PathBuf};

struct World {
    layer: Layer,
    train: Matrix,
    labels: Vec<u8>,
    test: Matrix,
    test_labels: Vec<u8>,
}

fn main() {
    let arguments = Arguments::from_args();
    let data = std::env::var_os("NETINVERSE_DATA").map(PathBuf::from);
    let ignored = data.is_none();
    let trial = Trial::test("the_thread_on_mnist", move || run(&data.expect("ignored without data")));
    libtest_mimic::run(&arguments, vec![trial.with_ignored_flag(ignored)]).exit();
}

fn run(data: &Path) -> Result<(), Failed> {
    let digits = load_mnist(&data.join("mnist"))?;
    let (train, test) = (images(&digits.train)?, images(&digits.test)?);
    let world = World {
        layer: train_classifier(&train, digits.train.labels(), false, 1)?,
        train,
        labels: digits.train.labels().to_vec(),
        test,
        test_labels: digits.test.labels().to_vec(),
    };
    labels_come_back(&world)?;
    the_restricted_inverse_is_exact(&world)?;
    energy_is_between_random_and_pca(&world)?;
    boxes_are_solved(&world)?;
    twins_share_an_output(&world)?;
    plausible_images_are_nearer_to_real_ones(&world)?;
    determinants_deceive(&world);
    Ok(())
}

fn labels_come_back(w: &World) -> Result<(), Failed> {
    let outputs = w.layer.forward_rows(&w.test)?;
    let right =
        outputs.iter_rows().zip(&w.test_labels).filter(|(y, l)| largest(y) == usize::from(**l)).count();
    assert!(right > 8_800, "{right} of 10000");
    let single = Matrix::from_fn(outputs.rows(), 10, |i, j| f64::from(outputs.row(i)[j] as f32));
    let logits = w.layer.logits(&single, w.layer.activation().clip(Precision::F32))?;
    let back = w.layer.forward_rows(&w.layer.minimum_norm_rows(&logits.values)?)?;
    let same = back.iter_rows().zip(outputs.iter_rows()).filter(|(a, b)| largest(a) == largest(b)).count();
    assert_eq!(same, outputs.rows());
    assert!(distinct_rows(&outputs) > 9_900);
    // one-hots, clipped at a stated margin
    let hot = w.layer.logits(&Matrix::identity(10), Clip::symmetric(1e-6))?;
    assert_eq!(hot.saturated_total(), 100);
    let back = w.layer.forward_rows(&w.layer.minimum_norm_rows(&hot.values)?)?;
    assert!((0..10).all(|k| largest(back.row(k)) == k));
    Ok(())
}

fn the_restricted_inverse_is_exact(w: &World) -> Result<(), Failed> {
    let report = restricted_inverse(&w.layer, &w.test)?;
    assert!(report.from_logits.worst() <= 1e-12);
    for trip in [&report.from_f64_outputs, &report.from_f32_outputs] {
        assert!(trip.relative_errors.iter().zip(&trip.bounds).all(|(e, b)| e <= b));
    }
    assert!(report.from_f64_outputs.worst_unsaturated() < report.from_f32_outputs.worst_unsaturated());
    Ok(())
}

fn energy_is_between_random_and_pca(w: &World) -> Result<(), Failed> {
    let pca = Pca::new(&w.test, false)?;
    let kept = energy_kept(&w.test, w.layer.basis(), None)?;
    let best = energy_kept(&w.test, &pca.basis(10), None)?;
    assert!((best.total - pca.kept(10)).abs() < 1e-10);
    let random = energy_kept_by_random(10, 784);
    assert!(random < kept.total && kept.total < best.total, "{random} {} {}", kept.total, best.total);
    // METHODS.md §9: PCA-10 leaves 0.0344 of variance per pixel
    let centred = Pca::new(&w.train, true)?;
    let left: f64 = centred.values[10..].iter().sum::<f64>() / 784.0;
    assert!((left - 0.0344).abs() < 5e-4, "{left}");
    Ok(())
}

fn boxes_are_solved(w: &World) -> Result<(), Failed> {
    let logits = w.layer.affine_rows(&w.test)?;
    let reference = Matrix::new(1, 784, mean(&w.train))?;
    let unit = InputBox::unit(784);
    let solver = BoxNearest::new(&w.layer, &unit, BoxOptions::default())?;
    let batch = solver.solve_rows(&logits, &reference, None, &Budget::default())?;
    assert_eq!(batch.solved(), 10_000);
    for (i, answer) in batch.answers.iter().enumerate() {
        let x = batch.inputs.row(i);
        assert!(unit.contains(x));
        let shift = w.layer.weight().apply(&answer.multipliers);
        let expected = |p: usize| (reference.row(0)[p] + shift[p]).clamp(0.0, 1.0);
        let worst = (0..784).map(|p| (x[p] - expected(p)).abs()).fold(0.0, f64::max);
        assert!(worst <= 1e-10, "row {i}: KKT {worst:e}");
    }
    let back = w.layer.affine_rows(&batch.inputs)?;
    let worst = back.data().iter().zip(logits.data()).fold(0.0f64, |m, (a, b)| m.max((a - b).abs()));
    assert!(worst <= 1e-10);
    Ok(())
}

fn twins_share_an_output(w: &World) -> Result<(), Failed> {
    let unit = InputBox::unit(784);
    for (image, wanted) in [(8, 0), (0, 8), (3, 4)] {
        let twin = w.layer.twin(w.test.row(image), w.test.row(wanted), &unit)?;
        assert!(twin.answer.is_solved() && twin.output_gap <= 1e-12 && twin.logit_gap <= 1e-12);
        // far from the image, and nearer to what was wanted
        assert!(twin.distance > 5.0 && twin.distance > twin.distance_to_wanted);
    }
    Ok(())
}

fn plausible_images_are_nearer_to_real_ones(w: &World) -> Result<(), Failed> {
    let fives: Vec<usize> = (0..w.labels.len()).filter(|&i| w.labels[i] == 5).collect();
    let (known, held) = fives.split_at(fives.len() / 2);
    let prior = GaussianPrior::fit(&w.train.select_rows(known), PriorOptions::default())?;
    let five = w.test.row(8);
    let logits = w.layer.affine(five)?;
    let plausible = prior.posterior(&w.layer)?.map(&logits)?;
    let flickering = w.layer.minimum_norm(&logits)?;
    let unit = InputBox::unit(784);
    let (boxed, answer) =
        BoxNearest::new(&w.layer, &unit, BoxOptions::default())?.solve(&logits, &plausible)?;
    assert!(answer.is_solved());
    // judged by fives that the prior has not seen
    let judge = NearestImages::new(w.train.select_rows(held));
    let rows = Matrix::new(3, 784, [boxed, plausible, flickering].concat())?;
    let scores = judge.mean_distance(&rows, 5)?;
    assert!(scores[0] < scores[2] && scores[1] < scores[2], "{scores:?}");
    Ok(())
}

fn determinants_deceive(w: &World) {
    for illusion in determinant_illusion(&w.layer, true) {
        assert_eq!(illusion.rank, 10);
        assert!(illusion.computed.log10_magnitude < -1_000.0);
        assert!(illusion.computed.inverse_error.is_none_or(|e| e > 1e-2));
    }
}
