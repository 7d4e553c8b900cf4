//! Targets: every bad one is refused with its place, every good one is the set it says.

use netinverse_base::Rng;
use netinverse_spec::{
    Bounds, Confidence, Context, OutputScale, Rounding, Specification, Target, TargetSet, Vocabulary,
    parse_where,
};

const M: usize = 3;

fn context(rounding: Rounding) -> Context {
    Context { outputs: M, scale: OutputScale::Probabilities, own_class: Some(1), rounding }
}

fn argmax(y: &[f64]) -> Option<usize> {
    let best = (0..y.len()).max_by(|&a, &b| y[a].total_cmp(&y[b]))?;
    ((0..y.len()).filter(|&j| y[j] == y[best]).count() == 1).then_some(best)
}

fn condition(text: &str) -> Target {
    Target::Where(parse_where(text, &Vocabulary::outputs(M)).unwrap())
}

#[test]
fn bad_targets_are_refused_with_their_place() {
    let spec = |text: &str| {
        let declared = "(declare-const X_0 Real)(declare-const Y_0 Real)(declare-const Y_1 Real)(declare-const Y_2 Real)";
        Target::Spec(Box::new(Specification::parse(&format!("{declared}{text}")).unwrap()))
    };
    let margin = Confidence::Margin;
    let rows: &[(Target, &str)] = &[
        (Target::Values(vec![]), "the target has no row"),
        (Target::Values(vec![vec![0.; 3], vec![0.; 2]]), "row 1: 2 target values, the network has 3 outputs"),
        (Target::values(vec![0., f64::NAN, 0.]), "row 0: the target of output 1 is NaN, not a finite number"),
        (
            Target::values(vec![0., 0., f64::INFINITY]),
            "row 0: the target of output 2 is inf, not a finite number",
        ),
        (Target::Within(vec![(0., 1.); 2]), "2 intervals, the network has 3 outputs"),
        (
            Target::Within(vec![(0., 1.), (2., 1.), (0., 1.)]),
            "row 1: the lower bound 2 exceeds the upper bound 1",
        ),
        (Target::Within(vec![(0., f64::NAN)]), "row 0: a bound is not a number: 0,NaN"),
        (Target::Within(vec![(f64::NEG_INFINITY, 0.)]), "row 0: a bound is infinite: -inf,0"),
        (Target::class(3, margin(0.)), "class 3 is out of range: the network has 3 outputs"),
        (
            Target::Class { classes: vec![0, 7], confidence: margin(0.) },
            "row 1: class 7 is out of range: the network has 3 outputs",
        ),
        (Target::Class { classes: vec![], confidence: margin(0.) }, "no class is given"),
        (Target::class(0, margin(-1.)), "the margin -1 is not a finite number from 0 on"),
        (Target::class(0, margin(f64::NAN)), "the margin NaN is not a finite number from 0 on"),
        (Target::OtherClass { margin: f64::INFINITY }, "the margin inf is not a finite number from 0 on"),
        (Target::class(0, Confidence::Probability(1.)), "the probability 1 is not between 0 and 1"),
        (Target::class(0, Confidence::Probability(f64::NAN)), "the probability NaN is not between 0 and 1"),
        (
            condition("y0 >= 2 && y0 <= 1"),
            "the condition contradicts itself: `y0 >= 2` and `y0 <= 1` exclude each other",
        ),
        (
            spec("(assert (>= Y_0 1))(assert (< Y_0 1))"),
            "the condition contradicts itself: `y0 >= 1` and `y0 < 1` exclude each other",
        ),
    ];
    for (target, message) in rows {
        assert_eq!(target.check(1, M).unwrap_err().to_string(), *message);
    }
    let spec = spec("");
    assert!(spec.check(2, M).unwrap_err().message().contains("declares 1 inputs, the network has 2"));
    assert!(spec.check(1, 5).unwrap_err().message().contains("declares 3 outputs, the network has 5"));
    assert!(condition("y2 >= 1").check(1, 2).unwrap_err().message().contains("`y2`"));
    assert!(Target::class(0, margin(0.)).check(1, 1).unwrap_err().message().contains("no classes"));
    let no_own = Context { own_class: None, ..context(Rounding::Nearest) };
    let other = Target::OtherClass { margin: 0. };
    assert!(other.set(0, &no_own).unwrap_err().hints()[0].contains("--near"));
}

#[test]
fn sets_hold_the_points_they_say() {
    let mut rng = Rng::new(4, 0);
    let within = Target::Within(vec![(-1., 0.), (0., 0.5), (-0.5, 1.)]);
    let class = |k, confidence| Target::class(k, confidence);
    type Says = Box<dyn Fn(&[f64]) -> bool>;
    let rows: Vec<(Target, Says)> = vec![
        (within, Box::new(|y| y[0] <= 0. && (0. ..=0.5).contains(&y[1]) && y[2] >= -0.5)),
        (Target::Within(vec![(0., 0.5)]), Box::new(|y| y.iter().all(|v| (0. ..=0.5).contains(v)))),
        (class(2, Confidence::Margin(0.)), Box::new(|y| argmax(y) == Some(2))),
        (class(0, Confidence::Margin(0.5)), Box::new(|y| y[0] - y[1] >= 0.5 && y[0] - y[2] >= 0.5)),
        (class(0, Confidence::Probability(0.5)), Box::new(|y| y[0] >= 0.5 && argmax(y) == Some(0))),
        (Target::OtherClass { margin: 0. }, Box::new(|y| y[0] > y[1] || y[2] > y[1])),
        (Target::OtherClass { margin: 0.5 }, Box::new(|y| y[0] >= y[1] + 0.5 || y[2] >= y[1] + 0.5)),
        (
            condition("argmax == 0 || y1 <= -0.5"),
            Box::new(|y| (y[0] >= y[1] && y[0] >= y[2]) || y[1] <= -0.5),
        ),
    ];
    for (number, (target, says)) in rows.iter().enumerate() {
        target.check(5, M).unwrap();
        let set = target.set(0, &context(Rounding::Nearest)).unwrap();
        let mut inside = 0;
        for _ in 0..2000 {
            let y: Vec<f64> = (0..M).map(|_| (rng.below(9) as f64 - 4.) / 4.).collect();
            assert_eq!(set.contains(&y, 0.), says(&y), "target {number} at {y:?}");
            inside += usize::from(says(&y));
        }
        assert!((20..1980).contains(&inside), "target {number}: {inside}");
    }
}

#[test]
fn probabilities_of_logits_are_sufficient_and_tight_for_two_classes() {
    let mut rng = Rng::new(5, 0);
    let softmax = |y: &[f64], k: usize| 1. / y.iter().map(|v| (v - y[k]).exp()).sum::<f64>();
    for (m, p) in [(2, 0.5), (2, 0.9), (3, 0.2), (3, 0.9), (10, 0.99)] {
        let context =
            Context { outputs: m, scale: OutputScale::Logits, own_class: None, rounding: Rounding::Inward };
        let target = Target::class(1, Confidence::Probability(p));
        target.check(1, m).unwrap();
        let TargetSet::Union(union) = target.set(0, &context).unwrap() else { panic!() };
        let mut seen = [0, 0];
        for _ in 0..5000 {
            let mut y: Vec<f64> = (0..m).map(|_| rng.range(-2., 2.)).collect();
            y[1] += rng.range(0., 8.);
            let (inside, enough) =
                (union.pieces[0].contains(&y, 0.), softmax(&y, 1) >= p && argmax(&y) == Some(1));
            assert!(!inside || softmax(&y, 1) >= p, "{m} {p} {y:?}");
            assert!(!union.exact || inside == enough || (softmax(&y, 1) - p).abs() < 1e-12, "{m} {p} {y:?}");
            seen[usize::from(inside)] += 1;
        }
        assert!(seen[0] > 50 && seen[1] > 50, "{m} {p} {seen:?}");
        assert_eq!(union.exact, m == 2 || p < 1. / m as f64);
    }
}

#[test]
fn rows_are_rounded_to_the_side_asked_for() {
    let mut rng = Rng::new(6, 0);
    let formula = parse_where("0.1*y0 + y1/3 - 0.7*y2 >= 0.3", &Vocabulary::outputs(M)).unwrap();
    let spread = 2.0;
    let (lower, upper) = ([-spread; M], [spread; M]);
    let mut atoms = Vec::new();
    formula.for_each_atom(&mut |atom| atoms.push(atom.clone()));
    let [inward, outward] = [Rounding::Inward, Rounding::Outward].map(|r| atoms[0].row(r));
    assert!(!inward.has_exact_coefficients() && inward.terms == outward.terms);
    let (inward, outward) = (inward.over(&lower, &upper), outward.over(&lower, &upper));
    assert!(inward.constant < outward.constant && outward.constant - inward.constant < 1e-15);
    // Exactly, on points drawn near the boundary: inside the inward row ⟹ inside ⟹ inside the outward row.
    let exact = |row: &netinverse_spec::Row, y: &[f64]| {
        use netinverse_spec::Rational;
        let of = |v| Rational::from_f64(v).unwrap();
        let sum = row.terms.iter().fold(of(row.constant), |s, &(i, c)| s + of(c) * of(y[i]));
        !sum.is_negative()
    };
    let mut between = 0;
    for _ in 0..20_000 {
        let (y0, y1) = (rng.range(-1., 1.), rng.range(-1., 1.));
        let y2 = (0.1 * y0 + y1 / 3. - 0.3) / 0.7 + (rng.below(9) as f64 - 4.) * 1e-16;
        let y = [y0, y1, y2];
        let holds = formula.holds(&[], &y).unwrap();
        assert!(!exact(&inward, &y) || holds, "{y:?}");
        assert!(!holds || exact(&outward, &y), "{y:?}");
        between += usize::from(exact(&inward, &y) != exact(&outward, &y));
    }
    assert!(between > 100, "{between}: the points lie too far from the boundary to tell");
}

#[test]
fn equalities_are_seen_and_points_become_values() {
    let set = |text: &str| condition(text).set(0, &context(Rounding::Inward)).unwrap();
    assert_eq!(set("y0 == 1 && y1 == -2.5 && y2 in [0, 0]"), TargetSet::Values(vec![1., -2.5, 0.]));
    let TargetSet::Union(union) = set("2*y0 >= 2 && y0 <= 1 && y1 >= 0") else { panic!() };
    let piece = &union.pieces[0];
    assert_eq!((piece.equalities.len(), piece.rows.len()), (1, 1));
    assert_eq!((piece.violation(&[1.5, -0.25, 0.]), piece.violation(&[1., -0.25, 9.])), (1.0, 0.25));
    assert_eq!(
        Target::Within(vec![(0.5, 0.5)]).set(0, &context(Rounding::Inward)).unwrap(),
        TargetSet::Values(vec![0.5; 3])
    );
    let values = Target::Values(vec![vec![1., 2., 3.], vec![4., 5., 6.]]);
    assert_eq!(values.set(1, &context(Rounding::Nearest)).unwrap().residual(&[4., 5.5, 5.]), 1.0);
    assert!(values.set(2, &context(Rounding::Nearest)).is_err());
}

#[test]
fn bounds_are_checked() {
    let message = |result: netinverse_base::Result<Bounds>| result.unwrap_err().to_string();
    assert_eq!(message(Bounds::new(vec![0.; 2], vec![1.; 3])), "2 lower bounds and 3 upper bounds");
    assert_eq!(
        message(Bounds::new(vec![0., 2.], vec![1., 1.])),
        "row 1: the lower bound 2 exceeds the upper bound 1"
    );
    assert_eq!(message(Bounds::new(vec![f64::NAN], vec![1.])), "row 0: a bound is not a number: NaN,1");
    assert_eq!(message(Bounds::uniform(3, 0., f64::INFINITY)), "a bound is infinite: 0,inf");
    assert_eq!(message(Bounds::from_rows(3, &[[0., 1.], [0., 1.]])), "2 rows of bounds for 3 variables");
    assert_eq!(
        message(Bounds::from_rows(1, &[vec![0., 1., 2.]])),
        "row 0: a bound is `lo,hi`, the row has 3 numbers"
    );
    let bounds = Bounds::from_rows(2, &[[-1., 3.], [2., 2.]]).unwrap();
    assert_eq!((bounds.centre(), bounds.diagonal()), (vec![1., 2.], 4.));
    assert!(bounds.contains(&[3., 2.]) && !bounds.contains(&[3., 2.5]) && !bounds.contains(&[3.]));
    assert_eq!(Bounds::from_rows(4, &[[0., 1.]]).unwrap().dimension(), 4);
    assert!(bounds.check_dimension(3).is_err());
}

#[test]
fn regions_of_inputs_with_different_outputs_are_not_one_set() {
    let text = "(declare-const X_0 Real)(declare-const Y_0 Real)
        (assert (or (and (<= X_0 0) (>= Y_0 1)) (and (>= X_0 0) (<= Y_0 0))))";
    let spec = Specification::parse(text).unwrap();
    let context = Context { outputs: 1, ..context(Rounding::Nearest) };
    assert!(Target::Spec(Box::new(spec.clone())).set(0, &context).is_err());
    let sets: Vec<_> = spec.cases().unwrap().iter().map(|c| c.target(Rounding::Nearest).unwrap()).collect();
    assert!(sets[0].contains(&[1.], 0.) && !sets[1].contains(&[1.], 0.));
}
