//! Training on small problems whose solution is known.

use netinverse_base::{Budget, Rng, Silent, StopReason};
use netinverse_train::{
    Activation, FitOptions, Loss, Mlp, Optimizer, Samples, Schedule, Targets, fit, measure,
};

/// Points of three classes around the corners of a triangle.
fn blobs(count: usize) -> (Vec<f32>, Vec<u8>) {
    let corners = [[0.0, 2.0], [-2.0, -1.0], [2.0, -1.0]];
    let mut rng = Rng::new(5, 0);
    let labels: Vec<u8> = (0..count).map(|row| (row % 3) as u8).collect();
    let x = labels
        .iter()
        .flat_map(|&label| corners[usize::from(label)].map(|c: f64| (c + 0.4 * rng.normal()) as f32))
        .collect();
    (x, labels)
}

fn options(loss: Loss) -> FitOptions {
    FitOptions { loss, rate: 0.02, epochs: 20, batch: 32, ..FitOptions::default() }
}

#[test]
fn separated_classes_are_learned_with_every_loss_and_optimizer() {
    let (x, labels) = blobs(600);
    let samples = Samples { x: &x, targets: Targets::Classes(&labels) };
    for loss in [Loss::SoftmaxCrossEntropy, Loss::SigmoidCrossEntropy, Loss::SquaredError] {
        for (optimizer, schedule) in
            [(Optimizer::Adam, Schedule::Cosine), (Optimizer::Sgd { momentum: 0.9 }, Schedule::Constant)]
        {
            let mut mlp = Mlp::new(&[2, 8, 3], Activation::Relu, Activation::Softmax, 1).unwrap();
            let options = FitOptions { optimizer, schedule, ..options(loss) };
            let report = fit(&mut mlp, &samples, &options, &Budget::default(), &Silent).unwrap();
            let (_, accuracy) = measure(&mlp, &samples, loss).unwrap();
            assert!(accuracy.unwrap() > 0.98, "{loss:?} {optimizer:?}: {accuracy:?}, {report:?}");
        }
    }
}

/// Least squares has a closed form; gradient descent must arrive there.
#[test]
fn a_linear_layer_finds_the_least_squares_line() {
    let mut rng = Rng::new(9, 0);
    let x: Vec<f32> = (0..200).map(|_| rng.range(-1.0, 1.0) as f32).collect();
    let t: Vec<f32> = x.iter().map(|x| 3.0 * x - 0.5).collect();
    let samples = Samples { x: &x, targets: Targets::Values(&t) };
    let mut mlp = Mlp::new(&[1, 1], Activation::Identity, Activation::Identity, 0).unwrap();
    let options = FitOptions { epochs: 200, rate: 0.05, ..options(Loss::SquaredError) };
    fit(&mut mlp, &samples, &options, &Budget::default(), &Silent).unwrap();
    let (weight, bias) = mlp.layer(0);
    assert!((weight[0] - 3.0).abs() < 1e-3 && (bias[0] + 0.5).abs() < 1e-3, "{weight:?} {bias:?}");
}

#[test]
fn the_same_seed_gives_the_same_weights_for_any_number_of_threads() {
    let (x, labels) = blobs(600);
    let samples = Samples { x: &x, targets: Targets::Classes(&labels) };
    let train = |threads: usize, seed: u64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut mlp = Mlp::new(&[2, 300, 3], Activation::Tanh, Activation::Softmax, seed).unwrap();
            let options = FitOptions { batch: 300, epochs: 2, ..options(Loss::SoftmaxCrossEntropy) };
            fit(&mut mlp, &samples, &options, &Budget::default().with_seed(seed), &Silent).unwrap();
            mlp.layer(0).0.iter().map(|w| w.to_bits()).collect::<Vec<_>>()
        })
    };
    assert_eq!(train(1, 3), train(3, 3));
    assert_ne!(train(1, 3), train(1, 4));
}

#[test]
fn a_cancelled_run_keeps_what_it_has() {
    let (x, labels) = blobs(60);
    let samples = Samples { x: &x, targets: Targets::Classes(&labels) };
    let budget = Budget::default();
    budget.cancel();
    let mut mlp = Mlp::new(&[2, 3], Activation::Relu, Activation::Softmax, 1).unwrap();
    let report = fit(&mut mlp, &samples, &options(Loss::SoftmaxCrossEntropy), &budget, &Silent).unwrap();
    assert_eq!((report.stopped, report.epochs), (Some(StopReason::Cancelled), 0));
}

#[test]
fn a_loss_that_is_not_finite_names_the_batch_and_keeps_the_last_epoch() {
    let (x, labels) = blobs(60);
    let samples = Samples { x: &x, targets: Targets::Classes(&labels) };
    let mut mlp = Mlp::new(&[2, 50, 50, 3], Activation::Relu, Activation::Softmax, 1).unwrap();
    let options =
        FitOptions { rate: 1e30, optimizer: Optimizer::Sgd { momentum: 0.0 }, ..options(Loss::SquaredError) };
    let error = fit(&mut mlp, &samples, &options, &Budget::default(), &Silent).unwrap_err();
    assert!(error.to_string().contains("epoch 1, batch"), "{error}");
    assert!(mlp.layer(0).0.iter().all(|w| w.is_finite()));
}

#[test]
fn bad_samples_are_refused() {
    let mut mlp = Mlp::new(&[2, 3], Activation::Relu, Activation::Softmax, 1).unwrap();
    let cases: [(&[f32], &[u8], &str); 5] = [
        (&[], &[], "there are no samples to train on"),
        (&[1.0, 2.0, 3.0], &[0], "3 values are not rows of 2, the size of the first layer"),
        (&[1.0, f32::NAN], &[0], "row 0: value 1 is not a finite number"),
        (&[1.0, 2.0], &[7], "row 0: label 7 is out of range: the network has 3 outputs"),
        (&[1.0, 2.0], &[0, 1], "1 samples, and 2 labels"),
    ];
    for (x, labels, message) in cases {
        let samples = Samples { x, targets: Targets::Classes(labels) };
        let error = fit(&mut mlp, &samples, &FitOptions::default(), &Budget::default(), &Silent).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
    let too_wide = Mlp::new(&[1 << 20, 1 << 20], Activation::Relu, Activation::Relu, 0);
    assert!(too_wide.unwrap_err().to_string().contains("2²⁸"));
}
