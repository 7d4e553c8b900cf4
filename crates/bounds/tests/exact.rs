//! Intervals and linear forms against exact rational arithmetic: at points of random networks, and on whole linear regions.

mod common;

use common::affine::exact;
use common::claims::{Claims, METHODS, points, random_box};
use common::exact::Exact;
use common::networks;
use dashu_ratio::RBig;
use netinverse_base::Rng;
use netinverse_bounds::{Bounder, Method};
use netinverse_network::{Function, Network};

/// Checks all methods at random points of a box of which `free` sides are not points.
fn check_points(network: &Network, free: usize, label: &str, rng: &mut Rng) {
    let bounder = Bounder::new(network).unwrap();
    let (lower, upper) = random_box(network.input_size(), free, rng);
    let claims: Vec<Claims> =
        METHODS.iter().filter_map(|&method| Claims::of(&bounder, &lower, &upper, method, rng)).collect();
    for x in points(&lower, &upper, 7, rng) {
        let y = Exact::shifted(network, rng).outputs(&x);
        for (claims, method) in claims.iter().zip(METHODS) {
            claims.hold_at(&x, &y, &format!("{label}, {method:?}"));
        }
    }
}

#[test]
fn every_value_of_random_networks_is_bounded_at_points() {
    let mut rng = Rng::new(1, 0);
    for (seed, network) in networks::known(0).take(40) {
        let all = networks::all_values(&network);
        for own in [&network, &networks::awkward(&all, &mut rng)] {
            let free = [own.input_size(), 3, 1, 0][rng.below(4)];
            check_points(own, free, &format!("network {seed}, {free} free inputs"), &mut rng);
        }
    }
}

#[test]
fn every_linear_region_of_random_networks_is_bounded() {
    let mut rng = Rng::new(2, 0);
    let (mut checked, mut regions) = (0, 0);
    for (seed, network) in networks::piecewise_linear(10_000) {
        let all = networks::awkward(&networks::all_values(&network), &mut rng);
        let (mut lower, mut upper) = random_box(all.input_size(), 1 + rng.below(2), &mut rng);
        for i in 0..lower.len() {
            if lower[i] < upper[i] {
                (lower[i], upper[i]) = (lower[i] - 2.0, upper[i] + 2.0);
            }
        }
        let own = Exact::shifted(&all, &mut rng);
        let Some(parts) = own.regions(&lower, &upper, 80) else { continue };
        if parts.len() < 2 {
            continue;
        }
        let bounder = Bounder::new(&all).unwrap();
        for method in METHODS {
            let claims = Claims::of(&bounder, &lower, &upper, method, &mut rng).unwrap();
            for (region, outputs) in &parts {
                claims.hold_on(region, outputs, &format!("network {seed}, {method:?}"));
            }
        }
        checked += 1;
        regions += parts.len();
        if checked == 20 {
            break;
        }
    }
    println!("{regions} regions of {checked} networks");
    assert!(regions > 80, "{regions} regions");
}

#[test]
fn every_linear_region_of_deep_relu_networks_is_bounded() {
    let mut rng = Rng::new(3, 0);
    let functions = [
        Function::Relu,
        Function::LeakyRelu { alpha: -0.3 },
        Function::Abs,
        Function::Clip { low: -0.25, high: 0.5 },
    ];
    for index in 0..60 {
        let n = 1 + index % 2;
        let network = networks::layers(&[n, 5, 4, 4, 2], functions[rng.below(4)], &mut rng);
        let (lower, upper) = random_box(n, n, &mut rng);
        let own = Exact::new(&network);
        let parts = own.regions(&lower, &upper, 1000).unwrap();
        let total = parts.iter().fold(RBig::ZERO, |sum, (region, _)| sum + region.volume());
        let sides = lower.iter().zip(&upper).map(|(&lo, &hi)| exact(hi) - exact(lo));
        assert_eq!(total, sides.fold(RBig::ONE, |product, side| product * side), "the regions fill the box");
        let bounder = Bounder::new(&network).unwrap();
        for method in METHODS {
            let claims = Claims::of(&bounder, &lower, &upper, method, &mut rng).unwrap();
            for (region, outputs) in &parts {
                claims.hold_on(region, outputs, &format!("network {index}, {method:?}"));
            }
        }
    }
}

/// Of one or two elements a layer, so narrow that bounds are attained: whatever is left out of one shows.
#[test]
fn every_linear_region_of_narrow_networks_is_bounded() {
    let mut rng = Rng::new(6, 0);
    for index in 0..400 {
        let n = 1 + index % 2;
        let function = [Function::Relu, Function::LeakyRelu { alpha: 0.2 }, Function::Abs][rng.below(3)];
        let width = 1 + rng.below(2);
        let network = networks::layers(&[n, 1, width, 1, 1], function, &mut rng);
        let (lower, upper) = random_box(n, n, &mut rng);
        let parts = Exact::new(&network).regions(&lower, &upper, 1000).unwrap();
        let bounder = Bounder::new(&network).unwrap();
        for method in METHODS {
            let claims = Claims::of(&bounder, &lower, &upper, method, &mut rng).unwrap();
            for (region, outputs) in &parts {
                claims.hold_on(region, outputs, &format!("network {index}, {method:?}"));
            }
        }
    }
}

#[test]
fn many_inputs_are_bounded_from_the_output_back() {
    let mut rng = Rng::new(4, 0);
    for index in 0..6 {
        let network = networks::layers(&[40, 9, 8, 3], Function::Relu, &mut rng);
        check_points(&network, [40, 30, 25, 24][index % 4], &format!("network {index}"), &mut rng);
    }
}

#[test]
fn a_tighter_method_is_never_looser() {
    let mut rng = Rng::new(5, 0);
    for _ in 0..30 {
        let network = networks::layers(&[3, 8, 8, 2], Function::Relu, &mut rng);
        let (lower, upper) = random_box(3, 3, &mut rng);
        let bounder = Bounder::new(&network).unwrap();
        let [plain, linear, back] =
            METHODS.map(|method: Method| Claims::of(&bounder, &lower, &upper, method, &mut rng).unwrap());
        for (loose, tight) in [(&plain, &linear), (&plain, &back)] {
            for j in 0..2 {
                let ((a, b), (c, d)) = (loose.intervals(), tight.intervals());
                assert!(a[j] <= c[j] && d[j] <= b[j]);
            }
        }
    }
}
