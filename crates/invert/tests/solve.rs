//! The solver on networks whose answers are known some other way.

use netinverse_base::{Budget, Result, Rng, Silent};
use netinverse_invert::solve::{Domain, Goal, Norm, Options, Polyhedron, QueryResult, solve};
use netinverse_network::{
    Dense, Evaluator, Function, Linear, Network, NetworkBuilder, Op, Param, Shape, WeightOrder,
};

/// A network of random dense layers with an activation between them.
fn random_network(sizes: &[usize], activation: Function, seed: u64) -> Result<Network> {
    let mut rng = Rng::new(seed, 1);
    let mut builder = NetworkBuilder::new();
    let mut value = builder.input("x", Shape::new([1, sizes[0]])?)?;
    for (layer, pair) in sizes.windows(2).enumerate() {
        let scale = (2.0 / pair[0] as f64).sqrt();
        let mut draw = |count: usize| (0..count).map(|_| scale * rng.normal()).collect::<Vec<f64>>();
        let weight = Param::from_f64("W", Shape::new([pair[0], pair[1]])?, draw(pair[0] * pair[1]))?;
        let bias = Param::from_f64("b", Shape::vector(pair[1]), draw(pair[1]))?;
        let dense = Dense {
            weight: builder.param(weight),
            bias: Some(builder.param(bias)),
            order: WeightOrder::InputsFirst,
        };
        value = builder.node(format!("z{layer}"), Op::Linear(Linear::Dense(dense)), &[value])?;
        if layer + 2 < sizes.len() {
            value = builder.node(format!("h{layer}"), Op::Function(activation), &[value])?;
        }
    }
    builder.finish(&[value])
}

fn options(queries: usize) -> Options {
    Options {
        norm: Norm::L2,
        weights: None,
        count: 1,
        separation: 0.1,
        tolerance: vec![1e-10; queries],
        starts: 64,
        nearest: true,
        restarts: 2,
        race: 196,
        data: Vec::new(),
        steps: 60,
        batch: 256,
    }
}

fn forward(network: &Network, x: &[f64]) -> Vec<f64> {
    let mut y = vec![0.0; x.len() / network.input_size() * network.output_size()];
    Evaluator::<f64>::new(network).forward(x, &mut y);
    y
}

/// Outputs of random inputs of the box: each is reachable by construction.
fn reachable(network: &Network, count: usize, seed: u64) -> Vec<Goal> {
    let mut rng = Rng::new(seed, 2);
    (0..count)
        .map(|_| {
            let x: Vec<f64> = (0..network.input_size()).map(|_| rng.range(-1.0, 1.0)).collect();
            Goal::one(Polyhedron::point(&forward(network, &x)))
        })
        .collect()
}

fn unit_box(n: usize) -> Domain {
    Domain::boxed(vec![-1.0; n], vec![1.0; n])
}

fn run(network: &Network, domain: &Domain, goals: &[Goal], options: &Options) -> Vec<QueryResult> {
    let near = vec![vec![0.0; network.input_size()]; goals.len()];
    solve(network, domain, goals, &near, options, &Budget::default(), &Silent)
}

#[test]
fn every_output_of_the_network_is_reached() {
    for (activation, seed) in [(Function::Relu, 1), (Function::Tanh, 2), (Function::Sigmoid, 3)] {
        let network = random_network(&[4, 40, 40, 2], activation, seed).unwrap();
        let goals = reachable(&network, 50, seed);
        let results = run(&network, &unit_box(4), &goals, &options(50));
        for (query, result) in results.iter().enumerate() {
            let answer = result.answers.first().unwrap_or_else(|| panic!("{activation:?}: query {query}"));
            assert!(answer.residual <= 1e-10);
            assert_eq!(goals[query].residual(&forward(&network, &answer.x)), answer.residual);
            assert!(answer.x.iter().all(|x| (-1.0..=1.0).contains(x)));
            assert_eq!(answer.fibre_dimension, 4 - answer.rank);
        }
    }
}

#[test]
fn several_answers_are_apart_and_all_answer() {
    let network = random_network(&[3, 50, 50, 1], Function::Relu, 7).unwrap();
    let goals = reachable(&network, 20, 7);
    let options = Options { count: 10, separation: 0.15, ..options(20) };
    for result in run(&network, &unit_box(3), &goals, &options) {
        assert_eq!(result.answers.len(), 10);
        for (i, a) in result.answers.iter().enumerate() {
            assert!(a.residual <= 1e-10);
            for b in &result.answers[..i] {
                assert!(Norm::L2.distance(&a.x, &b.x, None) >= 0.15);
            }
        }
    }
}

/// Two inputs, one output: a fine grid of angles around the reference gives the true nearest distance of a class.
#[test]
fn the_nearest_answer_is_the_nearest_on_a_grid() {
    let (mut as_near, mut answered) = (0, 0);
    for seed in 0..20 {
        let network = random_network(&[2, 16, 16, 2], Function::Relu, 100 + seed).unwrap();
        let reference = [0.1, -0.2];
        let y = forward(&network, &reference);
        let other = usize::from(y[0] > y[1]);
        let goal = Goal::one(Polyhedron::class(other, 2, 0.0));
        let mut best = f64::INFINITY;
        let steps = 400;
        let points: Vec<f64> = (0..=steps)
            .flat_map(|i| (0..=steps).map(move |j| (i, j)))
            .flat_map(|(i, j)| [i, j].map(|k| -1.0 + 2.0 * f64::from(k) / f64::from(steps)))
            .collect();
        let values = forward(&network, &points);
        for (x, y) in points.chunks(2).zip(values.chunks(2)) {
            if y[other] >= y[1 - other] {
                best = best.min(Norm::L2.distance(x, &reference, None));
            }
        }
        let results = solve(
            &network,
            &unit_box(2),
            &[goal],
            &[reference.to_vec()],
            &options(1),
            &Budget::default(),
            &Silent,
        );
        match results[0].answers.first() {
            None => assert!(best.is_infinite(), "seed {seed}: the grid reaches the class at {best}"),
            // The solver is exact, the grid is not: it may only be farther by its spacing.
            Some(answer) => {
                answered += 1;
                as_near += usize::from(answer.distance <= best + 1e-9);
            }
        }
    }
    assert!(answered >= 10 && as_near == answered, "{as_near} of {answered} are as near as the grid's");
}

#[test]
fn fixed_inputs_and_linear_constraints_hold() {
    let network = random_network(&[4, 30, 1], Function::Relu, 11).unwrap();
    let mut domain = unit_box(4);
    (domain.lower[2], domain.upper[2]) = (0.25, 0.25);
    // x0 + x1 = 0.3 and x3 ≥ x0.
    domain.coefficients = vec![1.0, 1.0, 0.0, 0.0, -1.0, 0.0, 0.0, 1.0];
    domain.constants = vec![0.3, 0.0];
    domain.equations = 1;
    let x = [0.1, 0.2, 0.25, 0.6];
    let goals = [Goal::one(Polyhedron::point(&forward(&network, &x)))];
    let results = run(&network, &domain, &goals, &options(1));
    let answer = &results[0].answers[0];
    assert_eq!(answer.x[2].to_bits(), 0.25f64.to_bits());
    assert!((answer.x[0] + answer.x[1] - 0.3).abs() <= 1e-12 && answer.x[3] >= answer.x[0] - 1e-12);
    assert_eq!(answer.fibre_dimension, 2);
}

#[test]
fn answers_do_not_depend_on_the_number_of_threads_or_of_queries() {
    let network = random_network(&[3, 40, 40, 2], Function::Relu, 5).unwrap();
    let goals = reachable(&network, 30, 5);
    let options = Options { count: 3, batch: 64, ..options(30) };
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| run(&network, &unit_box(3), &goals, &options))
    };
    let (one, three) = (with(1), with(3));
    assert_eq!(one, three);
}

#[test]
fn what_cannot_be_reached_is_not_found() {
    let network = random_network(&[2, 10, 1], Function::Sigmoid, 3).unwrap();
    let goals = [Goal::one(Polyhedron::point(&[1e6]))];
    let results = run(&network, &unit_box(2), &goals, &options(1));
    assert!(results[0].answers.is_empty());
    let best = results[0].best.as_ref().unwrap();
    assert!(best.residual > 1e5 && best.residual < 1e6 + 100.0);
}
