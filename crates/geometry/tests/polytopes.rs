//! Polytopes against closed forms, exact rationals and brute force.

use dashu_ratio::RBig;
use netinverse_base::Rng;
use netinverse_geometry::{AxisBox, Membership, Norm, Polytope, SamplingMethod, half_space_fraction};
use netinverse_linalg::Interval;

fn exact(value: f64) -> RBig {
    RBig::try_from(value).expect("finite")
}

fn holds(interval: Interval, value: &RBig) -> bool {
    exact(interval.lo()) <= *value && *value <= exact(interval.hi())
}

/// |x₁| + … + |x_n| ≤ 1 in [−1, 1]ⁿ: 2ⁿ rows, volume 2ⁿ/n!, 2n degenerate corners.
fn cross_polytope(n: usize) -> Polytope {
    let mut out = Polytope::from_box(AxisBox::new(vec![-1.0; n], vec![1.0; n]).unwrap());
    for signs in 0..1 << n {
        let normal: Vec<f64> = (0..n).map(|i| if signs >> i & 1 == 1 { 1.0 } else { -1.0 }).collect();
        out.add_row(&normal, 1.0).unwrap();
    }
    out
}

fn random(rng: &mut Rng, n: usize, m: usize) -> Polytope {
    let mut out = Polytope::from_box(AxisBox::new(vec![-1.0; n], vec![1.0; n]).unwrap());
    for _ in 0..m {
        let normal: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
        out.add_row(&normal, rng.range(-0.5, 1.0)).unwrap();
    }
    out
}

#[test]
fn exact_volumes_match_closed_forms() {
    let mut power_by_factorial = RBig::ONE;
    for n in 1..=4_usize {
        power_by_factorial = power_by_factorial * RBig::from(2) / RBig::from(n);
        assert_eq!(cross_polytope(n).exact_volume(2_000_000), Some(power_by_factorial.clone()), "n = {n}");
        // duplicates, multiples and rows that only touch change nothing
        let mut again = cross_polytope(n);
        again.add_row(&vec![3.0; n], 3.0).unwrap();
        again.add_row(&[vec![1.0], vec![0.0; n - 1]].concat(), 1.0).unwrap();
        assert_eq!(again.exact_volume(2_000_000), Some(power_by_factorial.clone()));
    }
    assert_eq!(cross_polytope(4).exact_volume(100), None);
    let mut flat = cross_polytope(2);
    flat.add_row(&[1.0, 0.0], 0.0).unwrap();
    flat.add_row(&[-1.0, 0.0], 0.0).unwrap();
    assert_eq!(flat.exact_volume(1000), Some(RBig::ZERO));
    assert!(flat.emptiness().is_none(), "a segment is not empty");
    assert_eq!(flat.contains(&[0.0, 0.5]), Membership::Inside);
}

#[test]
fn exact_volumes_of_random_polytopes_lie_in_all_enclosures() {
    let mut rng = Rng::new(1, 0);
    let mut empty = 0;
    for case in 0..60 {
        let n = 1 + case % 3;
        let rows = 1 + rng.below(4);
        let polytope = random(&mut rng, n, rows);
        let volume = polytope.exact_volume(1_000_000).expect("small");
        let enclosure = polytope.volume(1e-3, 3000);
        assert!(holds(enclosure, &volume), "{enclosure:?} lacks {}", volume.to_f64().value());
        assert!(enclosure.width() <= 0.1 * enclosure.hi().max(0.1), "{enclosure:?}");
        assert_eq!(polytope.without_redundant_rows().exact_volume(1_000_000), Some(volume.clone()));
        if let Some(certificate) = polytope.emptiness() {
            assert!(certificate.proves(&polytope) && volume == RBig::ZERO);
            assert!(polytope.bounding_box().is_none());
            empty += 1;
        } else {
            assert!(volume > RBig::ZERO);
        }
        if polytope.rows() == 1 {
            let (normal, offset) = polytope.row(0);
            let share = half_space_fraction(normal, offset, &vec![-1.0; n], &vec![1.0; n]);
            assert!(holds(share * polytope.domain().volume(), &volume));
        }
    }
    assert!(empty > 0);
}

#[test]
fn membership_is_decided_on_the_boundary_itself() {
    let mut polytope = Polytope::from_box(AxisBox::unit(2));
    polytope.add_row(&[0.1, 0.2], -0.1 * 0.5 - 0.2 * 0.25).unwrap();
    let value = exact(0.1) * exact(0.5) + exact(0.2) * exact(0.25) + exact(-0.1 * 0.5 - 0.2 * 0.25);
    let expected = if value >= RBig::ZERO { Membership::Inside } else { Membership::Outside };
    assert_eq!(polytope.contains(&[0.5, 0.25]), expected);
    assert_eq!(polytope.contains(&[0.5, 0.0]), Membership::Outside);
    assert_eq!(polytope.contains(&[1.5, 0.5]), Membership::Outside);
    polytope.add_row(&[1e-200, 0.0], -1e-310).unwrap();
    assert_eq!(polytope.contains(&[1e-150, 0.9]), Membership::Outside);
    assert!(polytope.add_row(&[1.0], 0.0).is_err());
}

#[test]
fn supports_bound_every_point_and_bounding_boxes_are_tight() {
    let mut rng = Rng::new(2, 0);
    for _ in 0..40 {
        let polytope = random(&mut rng, 3, 6);
        let Some(samples) = polytope.samples(200, &mut rng) else { continue };
        let bounds = polytope.bounding_box().unwrap();
        let direction: Vec<f64> = (0..3).map(|_| rng.normal()).collect();
        let support = polytope.support(&direction);
        for x in &samples.points {
            assert_eq!(polytope.contains(x), Membership::Inside);
            assert!(bounds.contains(x));
            assert!(direction.iter().zip(x).map(|(d, x)| d * x).sum::<f64>() <= support.bound + 1e-12);
        }
        let at: f64 = direction.iter().zip(&support.point.unwrap()).map(|(d, x)| d * x).sum();
        assert!((at - support.bound).abs() < 1e-7);
    }
    let bounds = cross_polytope(3).bounding_box().unwrap();
    for i in 0..3 {
        assert!(bounds.lower()[i] <= -1.0 + 1e-9 && bounds.upper()[i] >= 1.0 - 1e-9);
    }
}

#[test]
fn samples_are_uniform_by_either_method() {
    let mut rng = Rng::new(3, 0);
    // a thin simplex in six dimensions: rejection accepts one in 720
    let n = 6;
    let mut simplex = Polytope::from_box(AxisBox::unit(n));
    simplex.add_row(&vec![-1.0; n], 1.0).unwrap();
    for (polytope, method, mean) in
        [(simplex, SamplingMethod::HitAndRun, 1.0 / 7.0), (cross_polytope(2), SamplingMethod::Rejection, 0.0)]
    {
        let count = 4000;
        let samples = polytope.samples(count, &mut rng).unwrap();
        assert_eq!((samples.method, samples.points.len()), (method, count));
        for i in 0..polytope.dims() {
            let average = samples.points.iter().map(|x| x[i]).sum::<f64>() / count as f64;
            // deviations are 0.124 and 0.41; the walk's samples are worth at least a quarter of their number
            assert!((average - mean).abs() < 0.04, "{method:?}: {average}");
        }
    }
    let mut flat = Polytope::from_box(AxisBox::unit(2));
    flat.add_row(&[1.0, 1.0], -2.0).unwrap();
    assert!(flat.samples(10, &mut rng).is_none(), "a single corner has no interior");
}

#[test]
fn nearest_points_are_no_farther_than_any_sample() {
    let mut rng = Rng::new(4, 0);
    let mut seen = 0;
    for _ in 0..60 {
        let polytope = random(&mut rng, 3, 5);
        let Some(samples) = polytope.samples(500, &mut rng) else { continue };
        seen += 1;
        let p: Vec<f64> = (0..3).map(|_| 2.0 * rng.normal()).collect();
        let weights = [1.0, 2.0, 0.5];
        for norm in [Norm::L1, Norm::L2, Norm::LInfinity] {
            let (x, distance) = polytope.nearest(&p, &weights, norm).unwrap();
            for k in 0..polytope.rows() {
                let (normal, offset) = polytope.row(k);
                assert!(normal.iter().zip(&x).map(|(a, x)| a * x).sum::<f64>() + offset > -1e-8);
            }
            let measure = |x: &[f64]| {
                let d = (0..3).map(|i| weights[i] * (x[i] - p[i]).abs());
                match norm {
                    Norm::L1 => d.sum(),
                    Norm::L2 => d.map(|d| d * d).sum::<f64>().sqrt(),
                    Norm::LInfinity => d.fold(0.0, f64::max),
                }
            };
            for sample in &samples.points {
                // also on the way to it, where a wrong optimum would show
                let between: Vec<f64> = sample.iter().zip(&x).map(|(s, x)| x + 1e-3 * (s - x)).collect();
                assert!(
                    measure(sample) >= distance - 1e-9 && measure(&between) >= distance - 1e-9,
                    "{norm:?}"
                );
            }
        }
    }
    assert!(seen > 30);
    // by hand: the projection of (2, 0) to x + y ≤ 1 in the unit square is (1, 0)
    let mut triangle = Polytope::from_box(AxisBox::unit(2));
    triangle.add_row(&[-1.0, -1.0], 1.0).unwrap();
    let (x, distance) = triangle.nearest(&[1.0, 1.0], &[1.0, 1.0], Norm::L2).unwrap();
    assert!((x[0] - 0.5).abs() < 1e-12 && (distance - 0.5_f64.sqrt()).abs() < 1e-12);
}

fn area(polygon: &[[f64; 2]]) -> f64 {
    (0..polygon.len())
        .map(|k| (polygon[k], polygon[(k + 1) % polygon.len()]))
        .map(|(a, b)| 0.5 * (a[0] * b[1] - a[1] * b[0]))
        .sum()
}

#[test]
fn slices_and_projections_have_the_right_area() {
    let octahedron = cross_polytope(3);
    // at height ¼ the slice is |x| + |y| ≤ ¾
    let slice = octahedron.slice(&[0.0, 0.0, 0.25], 0, 1);
    assert!((area(&slice) - 2.0 * 0.75 * 0.75).abs() < 1e-12, "{slice:?}");
    assert!(octahedron.slice(&[0.0, 0.0, 2.0], 0, 1).is_empty());
    let projection = octahedron.projection(0, 2, 100);
    assert!((area(&projection) - 2.0).abs() < 1e-8, "{projection:?}");
    let mut rng = Rng::new(5, 0);
    for _ in 0..30 {
        let planar = random(&mut rng, 2, 4);
        let volume = planar.exact_volume(10_000).unwrap().to_f64().value();
        for polygon in [planar.slice(&[0.0, 0.0], 0, 1), planar.projection(0, 1, 100)] {
            assert!((area(&polygon) - volume).abs() < 1e-6, "{polygon:?}: {} and {volume}", area(&polygon));
        }
    }
}
