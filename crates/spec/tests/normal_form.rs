//! The disjunctive normal form means the same as the formula it comes from, and stays small.

use netinverse_base::Rng;
use netinverse_spec::{Case, Formula, Linear, NormalForm, Rational, Relation, Variable};

const INPUTS: usize = 2;
const OUTPUTS: usize = 3;

fn variable(rng: &mut Rng) -> Variable {
    let index = rng.below(INPUTS + OUTPUTS);
    if index < INPUTS { Variable::Input(index as u32) } else { Variable::Output((index - INPUTS) as u32) }
}

/// Small integers, so that random points lie on boundaries often.
fn atom(rng: &mut Rng) -> Formula {
    let mut form = |terms: usize| {
        let terms = (0..terms).map(|_| (variable(rng), Rational::from(rng.below(5) as i64 - 2))).collect();
        Linear::new(terms, Rational::from(rng.below(5) as i64 - 2)).unwrap()
    };
    let (left, right) = (form(1), form(0));
    let left = if right.constant().is_zero() { form(2) } else { left };
    let relations = [
        Relation::LessEqual,
        Relation::Less,
        Relation::GreaterEqual,
        Relation::Greater,
        Relation::Equal,
        Relation::NotEqual,
    ];
    Formula::compare(left, relations[rng.below(6)], right).unwrap()
}

fn formula(rng: &mut Rng, depth: usize) -> Formula {
    if depth == 0 {
        return atom(rng);
    }
    let parts: Vec<Formula> = (0..=rng.below(3)).map(|_| formula(rng, depth - 1)).collect();
    match rng.below(5) {
        0 | 1 => Formula::all(parts),
        2 | 3 => Formula::any(parts),
        _ => Formula::all(parts).negated(),
    }
}

fn points(rng: &mut Rng, count: usize) -> Vec<(Vec<f64>, Vec<f64>)> {
    let coordinates =
        |rng: &mut Rng, n| (0..n).map(|_| (rng.below(9) as f64 - 4.0) / 2.0).collect::<Vec<_>>();
    (0..count).map(|_| (coordinates(rng, INPUTS), coordinates(rng, OUTPUTS))).collect()
}

#[test]
fn normal_form_and_cases_mean_what_the_formula_means() {
    let mut rng = Rng::new(2, 0);
    let (mut held, mut compared, mut contradictory) = (0, 0, 0);
    for round in 0..600 {
        let formula = formula(&mut rng, round % 4);
        let form = NormalForm::of(&formula).unwrap();
        let cases = Case::of(&form, INPUTS).unwrap();
        contradictory += usize::from(form.is_contradictory());
        for (x, y) in points(&mut rng, 60) {
            let expected = formula.holds(&x, &y).unwrap();
            assert_eq!(form.holds(&x, &y), Some(expected), "{formula:?} at {x:?} {y:?}");
            let by_case = cases.iter().any(|case| case.holds(&x, &y).unwrap());
            assert_eq!(by_case, expected, "cases of {formula:?} at {x:?} {y:?}");
            let whole = (0..form.disjuncts().len()).any(|k| form.conjunction(k).holds(&x, &y).unwrap());
            assert_eq!(whole, expected);
            // A point of a case lies in its box, and in the hull of all boxes.
            for case in cases.iter().filter(|case| case.holds(&x, &y).unwrap()) {
                let (lower, upper) = case.bounds().rounded(netinverse_spec::Rounding::Outward);
                assert!(x.iter().zip(lower.iter().zip(&upper)).all(|(x, (lo, hi))| lo <= x && x <= hi));
            }
            held += usize::from(expected);
            compared += 1;
        }
    }
    assert!(
        held * 10 > compared && held * 10 < 9 * compared,
        "{held} of {compared}: the points decide nothing"
    );
    assert!(contradictory > 3, "{contradictory}");
}

#[test]
fn negation_is_the_complement_and_closing_keeps_points() {
    let mut rng = Rng::new(3, 0);
    for round in 0..300 {
        let formula = formula(&mut rng, round % 4);
        let (negated, closed) = (formula.clone().negated(), formula.clone().closed());
        for (x, y) in points(&mut rng, 40) {
            let holds = formula.holds(&x, &y).unwrap();
            assert_eq!(negated.holds(&x, &y), Some(!holds));
            assert!(!holds || closed.holds(&x, &y).unwrap());
        }
    }
}

fn output(j: u32, relation: Relation, bound: i64) -> Formula {
    let form = Linear::variable(Variable::Output(j));
    Formula::compare(form, relation, Linear::constant_form(Rational::from(bound))).unwrap()
}

#[test]
fn too_many_disjuncts_are_refused_before_they_are_made() {
    let either =
        |j| Formula::any(vec![output(j, Relation::LessEqual, 0), output(j, Relation::GreaterEqual, 1)]);
    // 2^16 cases are within the limit, 2^60 are not.
    let product = |n: u32| Formula::all((0..n).map(either).collect());
    assert_eq!(NormalForm::of(&product(16)).unwrap().disjuncts().len(), 1 << 16);
    let error = NormalForm::of(&product(60)).unwrap_err();
    assert!(error.message().contains("100000") && !error.hints().is_empty(), "{error}");
    let sum = Formula::any((0..11).map(|j| output(j, Relation::LessEqual, 0)).collect());
    assert!(NormalForm::with_limit(&sum, 10).is_err());
    assert!(NormalForm::with_limit(&sum, 11).is_ok());
}

#[test]
fn exclusive_disjunctions_do_not_multiply() {
    // Twelve copies of "y0 is one of three points": 3^12 products, three of them possible.
    let choice = || Formula::any((0..3).map(|k| output(0, Relation::Equal, k)).collect());
    let form = NormalForm::of(&Formula::all((0..12).map(|_| choice()).collect())).unwrap();
    assert_eq!(form.disjuncts().len(), 3);
    assert!(form.dropped() > 0);
}

#[test]
fn contradictions_are_found_and_named() {
    use Relation::{Greater, GreaterEqual, Less, LessEqual, NotEqual};
    for (parts, contradictory) in [
        (vec![output(0, GreaterEqual, 2), output(0, LessEqual, 1)], true),
        (vec![output(0, GreaterEqual, 1), output(0, LessEqual, 1)], false),
        (vec![output(0, GreaterEqual, 1), output(0, Less, 1)], true),
        (vec![output(0, Greater, 1), output(0, LessEqual, 1)], true),
        (vec![output(0, GreaterEqual, 1), output(0, LessEqual, 1), output(0, NotEqual, 1)], true),
        (vec![output(0, GreaterEqual, 2), output(1, LessEqual, 1)], false),
        (vec![Formula::falsehood(), output(0, LessEqual, 1)], true),
    ] {
        let form = NormalForm::of(&Formula::all(parts.clone())).unwrap();
        assert_eq!(form.is_contradictory(), contradictory, "{parts:?}");
    }
    let form =
        NormalForm::of(&Formula::all(vec![output(0, GreaterEqual, 2), output(0, LessEqual, 1)])).unwrap();
    assert_eq!(form.contradiction().unwrap().to_string(), "`y0 >= 2` and `y0 <= 1`");
    // Parallel half-spaces of several variables exclude each other too, whatever their scale.
    let form = |a: i64, b: i64, d: i64| {
        let terms = vec![(Variable::Output(0), Rational::from(a)), (Variable::Output(1), Rational::from(b))];
        let zero = Linear::constant_form(Rational::ZERO);
        Formula::compare(Linear::new(terms, Rational::from(d)).unwrap(), GreaterEqual, zero).unwrap()
    };
    let parallel = |d| NormalForm::of(&Formula::all(vec![form(1, -2, -1), form(-3, 6, d)])).unwrap();
    assert!(!parallel(3).is_contradictory());
    assert!(parallel(2).is_contradictory());
}

#[test]
fn what_is_common_is_kept_once_and_what_is_implied_is_dropped() {
    use Relation::{GreaterEqual, LessEqual};
    let input = |i, relation, bound| {
        let form = Linear::variable(Variable::Input(i));
        Formula::compare(form, relation, Linear::constant_form(Rational::from(bound))).unwrap()
    };
    let parts = vec![
        input(0, GreaterEqual, 0),
        input(0, LessEqual, 1),
        input(0, LessEqual, 7),
        Formula::any(vec![
            Formula::all(vec![input(0, LessEqual, 3), output(0, LessEqual, 0)]),
            Formula::all(vec![output(0, LessEqual, 0), input(0, GreaterEqual, -1)]),
            output(1, LessEqual, 0),
            Formula::all(vec![input(0, GreaterEqual, 2), output(2, LessEqual, 0)]),
        ]),
    ];
    let form = NormalForm::of(&Formula::all(parts)).unwrap();
    assert_eq!((form.common().inputs.len(), form.common().outputs.len()), (2, 0));
    // The first two are the same, and the last lies outside the box.
    assert_eq!(form.disjuncts().len(), 2);
    assert_eq!((form.dropped(), form.groups()), (1, &[0, 0][..]));
    let cases = Case::of(&form, 1).unwrap();
    assert_eq!((cases.len(), cases[0].pieces.len()), (1, 2));
    let bounds = cases[0].bounds().outward(|i| format!("X_{i}")).unwrap();
    assert_eq!((bounds.lower(), bounds.upper()), (&[0.0][..], &[1.0][..]));
}
