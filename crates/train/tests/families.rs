//! Families with an inverse, on small problems whose answers are known.

use netinverse_base::{Budget, Rng, Silent};
use netinverse_linalg::Matrix;
use netinverse_network::{Evaluator, Function, Network, Shape};
use netinverse_train::{
    Activation, Assembly, Coder, EncoderDecoder, Family, Keeping, LearnedInverse, Lesson, Recipe, RowSpace,
    Sizes, Surjective, Weights,
};

fn apply(network: &Network, x: &[f32]) -> Vec<f32> {
    let rows = x.len() / network.input_size();
    let mut y = vec![0.0; rows * network.output_size()];
    Evaluator::<f32>::new(network).forward(x, &mut y);
    y
}

fn mean_square(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| f64::from((a - b) * (a - b))).sum::<f64>() / a.len() as f64
}

fn train(family: &mut dyn Family, lesson: &Lesson<'_>, epochs: usize, rate: f32) {
    let recipe = Recipe { rate, epochs, batch: 32, ..Recipe::default() };
    family.train(lesson, None, &recipe, &Keeping::default(), &Budget::default(), &Silent).unwrap();
}

/// Points of a plane in five dimensions: two numbers say where.
fn plane(count: usize) -> Vec<f32> {
    let mut rng = Rng::new(3, 0);
    let directions: Vec<f64> = (0..10).map(|_| rng.normal()).collect();
    (0..count)
        .flat_map(|_| {
            let (a, b) = (rng.normal(), rng.normal());
            let directions = &directions;
            (0..5).map(move |i| (a * directions[i] + b * directions[5 + i]) as f32).collect::<Vec<f32>>()
        })
        .collect()
}

/// A linear code as wide as the data's plane loses nothing, one narrower loses what PCA loses.
#[test]
fn a_linear_autoencoder_is_as_good_as_principal_components() {
    let x = plane(400);
    let rows = Matrix::new(400, 5, x.iter().map(|&v| f64::from(v)).collect()).unwrap();
    let values = netinverse_linalg::singular_values(&rows);
    for code in [1, 2] {
        let sizes =
            Sizes { inputs: 5, hidden: &[], outputs: code, activation: Activation::Relu, unit: false };
        let mut family = EncoderDecoder::autoencoder(&sizes, 1).unwrap();
        let objective = family.objective(&x, None);
        train(&mut family, &Lesson { x: &x, objective: &objective }, 150, 0.02);
        let (f, g) = (family.network().unwrap(), family.inverse().unwrap());
        let error = mean_square(&apply(&g, &apply(&f, &x)), &x);
        // The squares of the singular values beyond the code, an element: the best that is possible (without
        // the bias, which gains next to nothing on centred data).
        let best = values[code..].iter().map(|s| s * s).sum::<f64>() / 2000.0;
        assert!(error < 1.02 * best + 1e-4, "{code}: {error} beside {best}");
        assert!(error > 0.9 * best - 1e-9, "{code}: {error} beside {best}");
    }
}

/// The class is one bit of the plane; the two outputs have to carry both numbers all the same.
#[test]
fn an_invertible_classifier_gives_class_and_input() {
    let x = plane(600);
    let classes: Vec<u8> = x.chunks(5).map(|x| u8::from(x[0] + x[1] > 0.0)).collect();
    let error = |lambda: f32| {
        let sizes = Sizes { inputs: 5, hidden: &[16], outputs: 2, activation: Activation::Tanh, unit: false };
        let mut family = EncoderDecoder::classifier(&sizes, lambda, 1).unwrap();
        let objective = family.objective(&x, Some(&classes));
        train(&mut family, &Lesson { x: &x, objective: &objective }, 100, 0.01);
        let y = apply(&family.network().unwrap(), &x);
        let hits = y.chunks(2).zip(&classes).filter(|(y, class)| u8::from(y[1] > y[0]) == **class).count();
        assert!(hits > 585, "{hits} of 600 at {lambda}");
        mean_square(&apply(&family.inverse().unwrap(), &y), &x)
    };
    let (with, without) = (error(5.0), error(0.0));
    assert!(with < 0.05 && without > 5.0 * with, "{with} and {without}");
}

/// Labels say nothing of the plane here: without the penalty the layer keeps little of it, with it nearly all.
#[test]
fn the_row_space_is_pulled_to_the_data_and_the_inverse_is_exact_there() {
    let x = plane(400);
    let classes: Vec<u8> = (0..400).map(|row| (row % 2) as u8).collect();
    let outside = |lambda: f32| {
        let mut family = RowSpace::new(5, 2, lambda, 5).unwrap();
        let objective = family.objective(&x, Some(&classes));
        train(&mut family, &Lesson { x: &x, objective: &objective }, 60, 0.02);
        let (f, g) = (family.network().unwrap(), family.inverse().unwrap());
        let y = apply(&f, &x);
        let back = apply(&g, &y);
        // f(f⁺(y)) = y whatever the data are.
        let scale = y.iter().fold(1.0f32, |m, v| m.max(v.abs()));
        for (again, y) in apply(&f, &back).iter().zip(&y) {
            assert!((again - y).abs() < 1e-4 * scale, "{again} and {y}");
        }
        mean_square(&back, &x)
    };
    let (with, without) = (outside(10.0), outside(0.0));
    assert!(with < 1e-3 && without > 0.05, "{with} and {without}");
}

/// f(f⁺(y, v)) = y for any y and v, trained or not, and different v give different inputs.
#[test]
fn a_surjective_classifier_has_an_exact_right_inverse() {
    let x = plane(600);
    let classes: Vec<u8> = x.chunks(5).map(|x| u8::from(x[0] + x[1] > 0.0)).collect();
    let sizes = Sizes { inputs: 5, hidden: &[16], outputs: 2, activation: Activation::Tanh, unit: false };
    let mut family = Surjective::classifier(&sizes, 5.0, 0.01, 1).unwrap();
    let mut rng = Rng::new(6, 0);
    let y: Vec<f32> = (0..400).map(|_| (3.0 * rng.normal()) as f32).collect();
    let v: Vec<f32> = (0..1000).map(|_| rng.normal() as f32).collect();
    let pairs: Vec<f32> = y.chunks(2).zip(v.chunks(5)).flat_map(|(y, v)| [y, v].concat()).collect();
    for trained in [false, true] {
        if trained {
            let objective = family.objective(&x, Some(&classes));
            train(&mut family, &Lesson { x: &x, objective: &objective }, 60, 0.01);
        }
        let (f, g, fibre) = (family.network().unwrap(), family.inverse().unwrap(), family.fibre().unwrap());
        for again in [apply(&f, &apply(&g, &y)), apply(&f, &apply(&fibre, &pairs))] {
            let worst = again.iter().zip(&y).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 2e-5, "{worst}");
        }
        // For v = x the answer is x itself.
        let y = apply(&f, &x);
        let own: Vec<f32> = y.chunks(2).zip(x.chunks(5)).flat_map(|(y, x)| [y, x].concat()).collect();
        assert!(mean_square(&apply(&fibre, &own), &x).sqrt() < 1e-5);
        if trained {
            let hits =
                y.chunks(2).zip(&classes).filter(|(y, class)| u8::from(y[1] > y[0]) == **class).count();
            assert!(hits > 585, "{hits} of 600");
            let error = mean_square(&apply(&g, &y), &x);
            assert!(error < 0.1, "{error}"); // the plane's inputs have a mean square of about 2
        }
    }
    let narrow = Sizes { inputs: 2, hidden: &[], outputs: 2, activation: Activation::Relu, unit: false };
    assert!(Surjective::classifier(&narrow, 1.0, 0.0, 0).unwrap_err().to_string().contains("free part"));
}

/// f(x) = x³ + x by a network of its own operators: one input for each output.
fn cubic() -> Network {
    let weights = Weights::new();
    let mut assembly = Assembly::new(&weights);
    let x = assembly.input("x", 1).unwrap();
    let square = assembly.multiply("square", x, x).unwrap();
    let cube = assembly.multiply("cube", square, x).unwrap();
    let y = assembly.sum("y", &[(cube, 1.0), (x, 1.0)]).unwrap();
    assembly.finish(&[y]).unwrap()
}

#[test]
fn a_learned_inverse_undoes_the_network_and_keeps_to_the_bounds() {
    let f = cubic();
    let x: Vec<f32> = (0..1000).map(|i| -2.0 + 0.004 * i as f32).collect();
    for bounds in [None, Some(vec![[-2.0, 2.0]])] {
        let mut family =
            LearnedInverse::new(&f, &x, bounds.as_deref(), &[32, 32], Activation::Tanh, 0.01, 3).unwrap();
        assert_eq!(family.is_bounded(), bounds.is_some());
        let trips = family.samples(&x).unwrap();
        let objective = family.objective(&trips);
        train(&mut family, &Lesson { x: &trips.y, objective: &objective }, 100, 0.01);
        let g = family.inverse().unwrap();
        let error = mean_square(&apply(&g, &trips.y), &x).sqrt();
        assert!(error < 0.05, "{error}"); // x spreads over 4; a sigmoid reaches its ends in the limit only
        if bounds.is_some() {
            let far = apply(&g, &[1e6, -1e6]);
            assert!(far.iter().all(|x| x.abs() <= 2.0), "{far:?}");
        }
    }
}

/// x ↦ x²: two inputs for an output. β decides nothing about f(g(y)) = y, only which input.
#[test]
fn where_outputs_have_several_inputs_the_learned_inverse_gives_one() {
    let weights = Weights::new();
    let mut assembly = Assembly::new(&weights);
    let x = assembly.input("x", 1).unwrap();
    let y = assembly.multiply("y", x, x).unwrap();
    let f = assembly.finish(&[y]).unwrap();
    let x: Vec<f32> = (1..1000).map(|i| if i % 2 == 0 { 0.002 } else { -0.002 } * i as f32).collect();
    let mut family = LearnedInverse::new(&f, &x, None, &[32], Activation::Tanh, 0.001, 3).unwrap();
    let trips = family.samples(&x).unwrap();
    let objective = family.objective(&trips);
    train(&mut family, &Lesson { x: &trips.y, objective: &objective }, 100, 0.01);
    let again = apply(&f, &apply(&family.inverse().unwrap(), &trips.y));
    let error = mean_square(&again, &trips.y).sqrt();
    assert!(error < 0.1, "{error}"); // the mean of ±x would be 0, and y off by 2.3
}

#[test]
fn what_cannot_be_trained_is_refused() {
    let f = cubic();
    let message = |error: netinverse_base::Error| error.to_string();
    let learned = |x: &[f32], bounds: Option<&[[f64; 2]]>, beta| {
        message(LearnedInverse::new(&f, x, bounds, &[4], Activation::Tanh, beta, 0).unwrap_err())
    };
    assert!(learned(&[], None, 0.1).contains("not rows of 1"));
    assert!(learned(&[1.0, 1.0], None, 0.1).contains("same outputs"));
    assert!(learned(&[1e30, 1.0], None, 0.1).contains("row 0: output 0"));
    assert!(learned(&[1.0, 2.0], Some(&[[0.0, f64::INFINITY]]), 0.1).contains("bounds nothing"));
    assert!(learned(&[1.0, 2.0], Some(&[[0.0, 1.0]; 2]), 0.1).contains("2 intervals"));
    assert!(learned(&[1.0, 2.0], None, -1.0).contains("-1"));
    assert!(message(RowSpace::new(2, 3, 1.0, 0).unwrap_err()).contains("3 outputs of 2 inputs"));
    assert!(message(RowSpace::new(3, 2, f32::NAN, 0).unwrap_err()).contains("NaN"));
    let sizes = Sizes { inputs: 3, hidden: &[0], outputs: 2, activation: Activation::Relu, unit: true };
    assert!(message(EncoderDecoder::autoencoder(&sizes, 0).unwrap_err()).contains("no units"));
    // Constants of a frozen network stay what they are, whatever they are called.
    let shape = Shape::new([1, 1]).unwrap();
    let mut weights = Weights::new();
    let own = weights.frozen("w", shape, vec![2.0]).unwrap();
    let mut assembly = Assembly::new(&weights);
    let x = assembly.input("x", 1).unwrap();
    let y = assembly.dense("y", x, own, None).unwrap();
    let y = assembly.function("h", Function::Tanh, y).unwrap();
    let frozen = assembly.finish(&[y]).unwrap();
    let x = [0.1, 0.2, 0.3, 0.4];
    let mut family = LearnedInverse::new(&frozen, &x, None, &[2], Activation::Tanh, 0.1, 0).unwrap();
    let trips = family.samples(&x).unwrap();
    let objective = family.objective(&trips);
    train(&mut family, &Lesson { x: &trips.y, objective: &objective }, 2, 0.1);
    assert_eq!(family.network().unwrap().params()[0].f32(), [2.0]);
}
