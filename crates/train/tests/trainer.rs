//! The training loop: what it keeps, where it stops, and that it goes on bit for bit.

use netinverse_base::{Budget, Progress, Rng, Silent, StopReason};
use netinverse_network::{Function, Network, Shape};
use netinverse_train::{
    Assembly, Keeping, Lesson, Loss, Objective, Optimizer, Part, Recipe, Schedule, Targets, Term,
    TrainReport, Weights, measure_lesson, train,
};

/// A layer with an orthogonal matrix, one without, and one that stays.
fn model(seed: u64) -> (Weights, Network) {
    let mut rng = Rng::new(seed, 0);
    let mut weights = Weights::new();
    let q = weights.orthogonal("Q", 4, 4, 1.5, &mut rng).unwrap();
    let draw: Vec<f32> = (0..12).map(|_| rng.normal() as f32).collect();
    let w = weights.free("W", Shape::new([4, 3]).unwrap(), draw).unwrap();
    let b = weights.free("b", Shape::vector(3), vec![0.0; 3]).unwrap();
    let frozen = weights.frozen("F", Shape::new([3, 3]).unwrap(), vec![1., 0., 0., 0., 1., 0., 0., 0., 1.]);
    let mut assembly = Assembly::for_training(&weights);
    let x = assembly.input("x", 4).unwrap();
    let mixed = assembly.dense("mixed", x, q, None).unwrap();
    let h = assembly.function("h", Function::Tanh, mixed).unwrap();
    let z = assembly.dense("z", h, w, Some(b)).unwrap();
    let y = assembly.dense("y", z, frozen.unwrap(), None).unwrap();
    let network = assembly.finish(&[y]).unwrap();
    (weights, network)
}

fn samples(count: usize, seed: u64) -> (Vec<f32>, Vec<u8>) {
    let mut rng = Rng::new(seed, 1);
    let x: Vec<f32> = (0..4 * count).map(|_| rng.normal() as f32).collect();
    let classes =
        x.chunks(4).map(|x| if x[0] * x[1] > 0.3 { 0 } else { 1 + u8::from(x[2] > x[3]) }).collect();
    (x, classes)
}

fn objective(classes: &[u8]) -> Objective<'_> {
    let term = Term::Loss(Loss::SoftmaxCrossEntropy, Targets::Classes(classes));
    Objective::new(vec![
        Part { name: "task", outputs: 0..3, weight: 1.0, term },
        Part { name: "size", outputs: 0..3, weight: 0.01, term: Term::HalfSquare },
    ])
}

fn bits(weights: &Weights) -> Vec<Vec<u32>> {
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect();
    weights.iter().map(|weight| bits(weights.free_numbers(weight))).collect()
}

/// Cancels the budget as soon as an epoch begins.
struct CancelAt(Budget, &'static str);

impl Progress for CancelAt {
    fn stage(&self, _: &str, _: Option<u64>) {}

    fn note(&self, _: &str) {}

    fn update(&self, _: u64, message: &str) {
        if message.starts_with(self.1) {
            self.0.cancel();
        }
    }
}

fn run(keeping: &Keeping, budget: &Budget, progress: &dyn Progress) -> (Weights, TrainReport) {
    let ((x, classes), (x_held, classes_held)) = (samples(200, 3), samples(60, 4));
    let (objective, held) = (objective(&classes), objective(&classes_held));
    let (mut weights, network) = model(7);
    let recipe = Recipe { rate: 0.02, epochs: 8, batch: 40, ..Recipe::default() };
    let held = Lesson { x: &x_held, objective: &held };
    let lesson = Lesson { x: &x, objective: &objective };
    let report =
        train(&mut weights, &network, &lesson, Some(&held), &recipe, keeping, budget, progress).unwrap();
    (weights, report)
}

#[test]
fn an_interrupted_run_goes_on_to_the_same_weights() {
    let folder = tempfile::tempdir().unwrap();
    let keeping = Keeping { checkpoint: Some(folder.path().join("run.npz")), patience: None };
    let (whole, report) = run(&Keeping::default(), &Budget::default(), &Silent);
    for epoch in ["epoch 3,", "epoch 6,"] {
        let budget = Budget::default();
        let (_, first) = run(&keeping, &budget, &CancelAt(budget.clone(), epoch));
        assert_eq!(first.stopped, Some(StopReason::Cancelled));
        assert!(first.epochs < 8, "{first:?}");
    }
    let (resumed, mut second) = run(&keeping, &Budget::default(), &Silent);
    assert_eq!(std::mem::take(&mut second.resumed), 5);
    assert_eq!((bits(&resumed), second), (bits(&whole), report));
    // Nothing is left to do: the end is the same again.
    let (again, third) = run(&keeping, &Budget::default(), &Silent);
    assert_eq!((bits(&again), third.best), (bits(&whole), report_best(&whole)));
}

fn report_best(whole: &Weights) -> Option<(usize, f64)> {
    let (x, classes) = samples(60, 4);
    let objective = objective(&classes);
    let (_, report) = run(&Keeping::default(), &Budget::default(), &Silent);
    let (_, network) = model_of(whole);
    let value = measure_lesson(&network, &Lesson { x: &x, objective: &objective }).unwrap().0;
    // The weights at the end are those of the best epoch.
    assert_eq!(report.best.unwrap().1.to_bits(), value.to_bits());
    report.best
}

/// The network with these weights.
fn model_of(weights: &Weights) -> (Weights, Network) {
    let all: Vec<_> = weights.iter().collect();
    let mut assembly = Assembly::new(weights);
    let x = assembly.input("x", 4).unwrap();
    let mixed = assembly.dense("mixed", x, all[0], None).unwrap();
    let h = assembly.function("h", Function::Tanh, mixed).unwrap();
    let z = assembly.dense("z", h, all[1], Some(all[2])).unwrap();
    let y = assembly.dense("y", z, all[3], None).unwrap();
    (weights.clone(), assembly.finish(&[y]).unwrap())
}

#[test]
fn threads_change_nothing_and_frozen_weights_stay() {
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| run(&Keeping::default(), &Budget::default(), &Silent))
    };
    let ((one, first), (two, second)) = (with(1), with(2));
    assert_eq!((bits(&one), first), (bits(&two), second));
    let (start, _) = model(7);
    let (before, after) = (bits(&start), bits(&one));
    assert_eq!(before[3], after[3]);
    assert!((0..3).all(|index| before[index] != after[index]));
    // Orthogonal it was and is: rows of length 1.5, at right angles.
    let q = one.constant(one.iter().next().unwrap());
    for i in 0..4 {
        for j in 0..4 {
            let product: f32 = (0..4).map(|k| q[4 * i + k] * q[4 * j + k]).sum();
            assert!((product - if i == j { 2.25 } else { 0.0 }).abs() < 1e-5);
        }
    }
}

#[test]
fn a_checkpoint_of_another_run_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.npz");
    let keeping = Keeping { checkpoint: Some(path.clone()), patience: None };
    run(&keeping, &Budget::default(), &Silent);
    let (x, classes) = samples(200, 3);
    let objective = objective(&classes);
    let lesson = Lesson { x: &x, objective: &objective };
    let try_again = || {
        let (mut weights, network) = model(7);
        let recipe = Recipe::default();
        train(&mut weights, &network, &lesson, None, &recipe, &keeping, &Budget::default(), &Silent)
    };
    let error = try_again().unwrap_err().to_string();
    assert!(error.ends_with("the checkpoint belongs to another training run"), "{error}");
    let whole = std::fs::read(&path).unwrap();
    for damaged in [&whole[..whole.len() / 2], b"nothing", b""] {
        std::fs::write(&path, damaged).unwrap();
        let error = try_again().unwrap_err().to_string();
        assert!(error.contains("run.npz"), "{error}");
    }
}

/// y = w x with a step size at which the error grows a hundredfold a step: after some epochs float32 ends.
#[test]
fn a_loss_that_is_not_finite_keeps_the_last_good_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.npz");
    let mut weights = Weights::new();
    let w = weights.free("w", Shape::new([1, 1]).unwrap(), vec![1.0]).unwrap();
    let mut assembly = Assembly::for_training(&weights);
    let x = assembly.input("x", 1).unwrap();
    let y = assembly.dense("y", x, w, None).unwrap();
    let network = assembly.finish(&[y]).unwrap();
    let (x, t) = (vec![1.0f32; 8], vec![0.0f32; 8]);
    let term = Term::MeanSquare(&t);
    let objective = Objective::new(vec![Part { name: "error", outputs: 0..1, weight: 1.0, term }]);
    let recipe = Recipe {
        optimizer: Optimizer::Sgd { momentum: 0.0 },
        rate: 5.5, // w ← w − 5.5 · 2 w = −10 w, four times an epoch
        schedule: Schedule::Constant,
        epochs: 20,
        batch: 2,
    };
    let keeping = Keeping { checkpoint: Some(path.clone()), patience: None };
    let lesson = Lesson { x: &x, objective: &objective };
    let error = train(&mut weights, &network, &lesson, None, &recipe, &keeping, &Budget::default(), &Silent);
    let error = error.unwrap_err();
    // |w| = 10^k after k steps; its square passes 3.4e38 at k = 20, the first batch of the sixth epoch.
    assert_eq!(error.to_string(), "the loss is inf at epoch 6, batch 0");
    assert!(error.hints().iter().any(|hint| hint.contains("after epoch 5 are in")), "{:?}", error.hints());
    let kept = weights.free_numbers(w)[0];
    assert!((f64::from(kept) / 1e20 - 1.0).abs() < 1e-5, "{kept}");
    let arrays = netinverse_data::npz::read(&path).unwrap();
    let stored = arrays.iter().find(|(name, _)| name == "0.numbers").unwrap();
    assert_eq!(stored.1.values().to_f64(0..1).unwrap(), [f64::from(kept)]);
}

/// Labels by lot cannot be learned: the objective on others gets worse while that on the samples falls.
#[test]
fn training_stops_when_held_out_samples_gain_no_more() {
    let (x, _) = samples(40, 8);
    let (x_held, _) = samples(40, 9);
    let mut rng = Rng::new(2, 2);
    let mut lot = || (0..40).map(|_| rng.below(3) as u8).collect::<Vec<u8>>();
    let (classes, classes_held) = (lot(), lot());
    let (objective, held) = (objective(&classes), objective(&classes_held));
    let (mut weights, network) = model(1);
    let recipe = Recipe { rate: 0.05, epochs: 500, batch: 8, ..Recipe::default() };
    let keeping = Keeping { checkpoint: None, patience: Some(5) };
    let (lesson, held) = (Lesson { x: &x, objective: &objective }, Lesson { x: &x_held, objective: &held });
    let budget = Budget::default();
    let report =
        train(&mut weights, &network, &lesson, Some(&held), &recipe, &keeping, &budget, &Silent).unwrap();
    let (epoch, value) = report.best.unwrap();
    assert_eq!(report.epochs, epoch + 5);
    let (_, best) = model_of(&weights);
    assert_eq!(measure_lesson(&best, &held).unwrap().0.to_bits(), value.to_bits());
    let without = train(&mut weights, &network, &lesson, None, &recipe, &keeping, &budget, &Silent);
    assert!(without.unwrap_err().to_string().contains("held out"));
}
