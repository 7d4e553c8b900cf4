//! VNN-LIB 1.0 and 2.0: every construct, and every refusal with its line and column.

use netinverse_base::Place;
use netinverse_spec::{Equivalence, Rounding, Specification, Variable, Version};

const ONE: &str =
    "(declare-const X_0 Real)(declare-const X_1 Real)(declare-const Y_0 Real)(declare-const Y_1 Real)\n";
const TWO: &str = "(vnnlib-version <2.0>)(declare-network f (declare-input X float32 [1,2])(declare-output Y float32 [2]))\n";

/// Whether the assertions hold at x, y.
fn holds(declarations: &str, assertions: &str, x: [f64; 2], y: [f64; 2]) -> bool {
    let spec = Specification::parse(&format!("{declarations}{assertions}"))
        .unwrap_or_else(|error| panic!("{assertions}: {error}"));
    let direct = spec.formula.holds(&x, &y).unwrap();
    assert_eq!(spec.normal_form().unwrap().holds(&x, &y), Some(direct), "{assertions}");
    direct
}

#[test]
fn constructs_mean_what_they_say() {
    // Assertions, a point where they hold, one where they do not: (x0, x1, y0, y1).
    type Case = (&'static str, [f64; 4], [f64; 4]);
    let cases: &[Case] = &[
        ("(assert (<= X_0 0.5))", [0.5, 0., 0., 0.], [0.5f64.next_up(), 0., 0., 0.]),
        ("(assert (>= X_0 Y_1))", [1., 0., 0., 1.], [0.9, 0., 0., 1.]),
        ("(assert (< X_0 1))", [0.9, 0., 0., 0.], [1., 0., 0., 0.]),
        ("(assert (> Y_0 -1e-3))", [0., 0., 0., 0.], [0., 0., -0.5, 0.]),
        ("(assert (= Y_0 2))", [0., 0., 2., 0.], [0., 0., 2.5, 0.]),
        ("(assert (== Y_0 2))", [0., 0., 2., 0.], [0., 0., 1.5, 0.]),
        ("(assert (!= Y_0 2))", [0., 0., 1., 0.], [0., 0., 2., 0.]),
        ("(assert (distinct Y_0 2))", [0., 0., 1., 0.], [0., 0., 2., 0.]),
        ("(assert (<= 0 X_0 X_1 1))", [0.2, 0.4, 0., 0.], [0.4, 0.2, 0., 0.]),
        ("(assert (<= X_0 (- 5)))", [-5., 0., 0., 0.], [-4., 0., 0., 0.]),
        ("(assert (<= (- X_0) 3))", [-3., 0., 0., 0.], [-4., 0., 0., 0.]),
        ("(assert (<= (- X_0 X_1 1) 0))", [3., 2., 0., 0.], [4., 2., 0., 0.]),
        ("(assert (>= (+ (* 2 Y_0) (* Y_1 -0.5) 1) 0))", [0., 0., 0., 2.], [0., 0., 0., 3.]),
        ("(assert (>= (+ Y_0 1 Y_0) 3))", [0., 0., 1., 0.], [0., 0., 0.9, 0.]),
        ("(assert (>= (* 2 (+ Y_0 1) 3) 6))", [0., 0., 0., 0.], [0., 0., -0.1, 0.]),
        ("(assert (>= (/ Y_0 4) 0.25))", [0., 0., 1., 0.], [0., 0., 0.9, 0.]),
        ("(assert (and (>= Y_0 0) (<= Y_0 1)))", [0., 0., 1., 0.], [0., 0., 2., 0.]),
        ("(assert (or (<= Y_0 0) (>= Y_0 1)))", [0., 0., 1., 0.], [0., 0., 0.5, 0.]),
        ("(assert (not (>= Y_0 0)))", [0., 0., -1., 0.], [0., 0., 0., 0.]),
        ("(assert (not (and (>= Y_0 0) (not (<= Y_0 1)))))", [0., 0., 1., 0.], [0., 0., 2., 0.]),
        ("(assert (=> (>= X_0 0) (>= Y_0 0)))", [-1., 0., -1., 0.], [1., 0., -1., 0.]),
        ("(assert true)(assert (or false (>= Y_0 0)))", [0., 0., 0., 0.], [0., 0., -1., 0.]),
        (
            "(assert (<= Y_0 1.5E+2))\r\n\t( assert(>= Y_0(* 1e1 1e1) ) ) ; end",
            [0., 0., 150., 0.],
            [0., 0., 99., 0.],
        ),
        ("(set-logic QF_LRA)(assert (<= |X_0| 1))(check-sat)(get-model)", [1., 0., 0., 0.], [2., 0., 0., 0.]),
        ("(assert (>= (* 0 X_0) -1)) (assert (>= Y_0 0))", [0., 0., 0., 0.], [0., 0., -1., 0.]),
    ];
    for (text, inside, outside) in cases {
        for (point, expected) in [(inside, true), (outside, false)] {
            let (x, y) = ([point[0], point[1]], [point[2], point[3]]);
            assert_eq!(holds(ONE, text, x, y), expected, "1.0: {text} at {point:?}");
            let indexed = text
                .replace("|X_0|", "X_0")
                .replace("X_0", "X[0,0]")
                .replace("X_1", "X [ 0 , 1 ]")
                .replace("Y_0", "Y[0]")
                .replace("Y_1", "Y[1]");
            assert_eq!(holds(TWO, &indexed, x, y), expected, "2.0: {indexed} at {point:?}");
        }
    }
}

#[test]
fn decimals_are_exact() {
    // 0.1 as a double is above 1/10, 0.3 below 3/10.
    assert!(!holds(ONE, "(assert (<= X_0 0.1))", [0.1, 0.], [0.; 2]));
    assert!(holds(ONE, "(assert (<= X_0 0.3))", [0.3, 0.], [0.; 2]));
    let spec = Specification::parse(&format!("{ONE}(assert (<= 0.1 X_0 0.3))(assert (<= 0 X_1 1))")).unwrap();
    let bounds = spec.cases().unwrap()[0].bounds();
    let outward = bounds.outward(|i| i.to_string()).unwrap();
    let inward = bounds.inward().unwrap();
    assert_eq!((outward.lower()[0], outward.upper()[0]), (0.1f64.next_down(), 0.3f64.next_up()));
    assert_eq!((inward.lower()[0], inward.upper()[0]), (0.1, 0.3));
    assert_eq!(bounds.rounded(Rounding::Nearest).0[0], 0.1);
    // A point that no double is: a box outward, none inward.
    let point = Specification::parse(&format!("{ONE}(assert (= X_0 0.1))(assert (= X_1 0))")).unwrap();
    let bounds = point.cases().unwrap()[0].bounds();
    assert!(bounds.outward(|i| i.to_string()).is_ok() && bounds.inward().is_none());
}

#[test]
fn inputs_bounded_inside_disjuncts_make_cases() {
    let spec = Specification::parse(&format!(
        "{ONE}(assert (<= 0 X_1 1))(assert (or
            (and (<= 0 X_0 1) (>= Y_0 100))
            (and (<= 2 X_0 3) (>= Y_1 0) (<= (+ X_0 X_1) 3))
            (and (>= X_0 0) (<= X_0 1.0) (<= Y_0 -100))
            (and (<= 5 X_0) (<= X_0 4))))"
    ))
    .unwrap();
    let form = spec.normal_form().unwrap();
    assert_eq!((form.disjuncts().len(), form.dropped()), (3, 1));
    let cases = spec.cases().unwrap();
    let pieces: Vec<usize> = cases.iter().map(|case| case.pieces.len()).collect();
    assert_eq!(pieces, [2, 1]);
    assert_eq!((cases[0].constraints().len(), cases[1].constraints().len()), (0, 1));
    let hull = cases[0].bounds().hull(&cases[1].bounds()).outward(|i| i.to_string()).unwrap();
    assert_eq!((hull.lower(), hull.upper()), (&[0., 0.][..], &[3., 1.][..]));
}

#[test]
fn missing_bounds_are_reported_by_name() {
    let report = |text: &str| {
        let spec = Specification::parse(text).unwrap();
        let bounds = spec.cases().unwrap()[0].bounds();
        bounds.outward(|i| spec.name(Variable::Input(i as u32))).unwrap_err().to_string()
    };
    assert_eq!(
        report(&format!("{ONE}(assert (<= 0 X_0 1))(assert (<= X_1 1))")),
        "no finite bounds for `X_1`"
    );
    assert_eq!(report(&format!("{TWO}(assert (<= Y[0] 1))")), "no finite bounds for `X[0,0]`, `X[0,1]`");
}

#[test]
fn odd_specifications_are_read() {
    // Over inputs only, over nothing, contradictory, a bound on one point.
    let cases = |text: &str| Specification::parse(&format!("{ONE}{text}")).unwrap().cases().unwrap();
    assert!(cases("(assert (<= 0 X_0 1))")[0].pieces[0].is_empty());
    assert!(cases("")[0].pieces[0].is_empty());
    assert!(cases("(assert (>= Y_0 1))(assert (<= Y_0 0))").is_empty());
    assert_eq!(cases("(assert (>= Y_0 1))(assert (<= Y_0 1))").len(), 1);
    let mixed = cases("(assert (>= (+ X_0 Y_0) 1))");
    assert_eq!(mixed[0].pieces[0].mixed.len(), 1);
    assert!(mixed[0].target(Rounding::Inward).is_err());
    // Comments without end of line, a byte order mark, a declaration by function.
    let text = "\u{feff}; first\n(declare-fun Y_0 () Real)(declare-fun X_0 ( ) Real);last";
    let spec = Specification::parse(text).unwrap();
    assert_eq!((spec.input_count(), spec.output_count(), spec.version), (1, 1, Version::V1));
}

#[test]
fn networks_and_tensors_of_version_two() {
    let spec = Specification::parse(
        r#"(vnnlib-version <2.1>)
        (declare-network f
            (declare-input image float32 [2,3] initialized) (declare-input scale Real [])
            (declare-hidden H Real [1,2] "relu \"one\"")
            (declare-output Y float64 [2]) (declare-output Z float64 []))
        (declare-network g (equal-to f)
            (declare-input A float32 [2,3]) (declare-input B Real [])
            (declare-output C float64 [2]) (declare-output D float64 []))
        (assert (<= image[1,0] scale)) (assert (>= Z Y[1]))"#,
    )
    .unwrap();
    assert_eq!(spec.version, Version::V2 { minor: 1 });
    let network = spec.network();
    assert_eq!((spec.input_count(), spec.output_count(), network.hidden_count()), (7, 3, 2));
    assert_eq!(spec.networks[1].equivalence, Some(Equivalence::EqualTo("f".into())));
    assert_eq!(network.hidden[0].onnx_name.as_deref(), Some("relu \"one\""));
    assert!(network.inputs[0].initialized && !network.inputs[1].initialized);
    assert_eq!((network.outputs[0].element.as_str(), &network.inputs[0].shape[..]), ("float64", &[2, 3][..]));
    // Row-major, tensor after tensor: image[1,0] is x3, scale is x6, Z is y2.
    let form = spec.normal_form().unwrap();
    assert_eq!(form.common().inputs[0].to_string(), "x3 - 1*x6 <= 0".replace("1*", ""));
    assert_eq!(form.common().outputs[0].to_string(), "y1 - y2 <= 0");
    let names = [Variable::Input(3), Variable::Input(6), Variable::Output(2), Variable::Hidden(1)]
        .map(|v| spec.name(v));
    assert_eq!(names, ["image[1,0]", "scale", "Z", "H[0,1]"]);
    // The second network alone may be asserted about.
    let text = TWO.replace('\n', "")
        + "(declare-network g (isomorphic-to f) (declare-input A Real [1,2]) (declare-output B Real [2]))";
    let spec = Specification::parse(&format!("{text}(assert (<= A[0,1] B[1]))")).unwrap();
    assert_eq!(spec.network().name, "g");
}

#[test]
fn hidden_tensors_take_the_outputs_place() {
    let text = r#"(vnnlib-version <2.0>)(declare-network f (declare-input X Real [2])
        (declare-hidden G Real [3] "a") (declare-hidden H Real [4] "b") (declare-output Y Real [5]))"#;
    let spec = Specification::parse(&format!("{text}(assert (>= H[1] 0.5))")).unwrap();
    let names: Vec<_> = spec.hidden_outputs().map(|t| t.onnx_name.clone().unwrap()).collect();
    assert_eq!((names, spec.output_count()), (vec!["b".to_string()], 4));
    assert_eq!(spec.formula.holds(&[], &[0., 1., 0., 0.]), Some(true));
    assert_eq!(spec.name(Variable::Output(1)), "H[1]");
    // Beside outputs they stay what they are, and solvers are told.
    let both = Specification::parse(&format!("{text}(assert (>= H[1] Y[0]))")).unwrap();
    assert_eq!(both.output_count(), 5);
    assert!(both.cases().unwrap()[0].target(Rounding::Inward).unwrap_err().message().contains("hidden"));
}

#[test]
fn refusals_point_at_the_place() {
    let deep = format!("{ONE}(assert {}(<= X_0 1){})", "(and ".repeat(5000), ")".repeat(5000));
    let deep_sum = format!("{ONE}(assert (<= {}X_0{} 1))", "(+ 1 ".repeat(100_000), ")".repeat(100_000));
    // Text after the declarations of one line, line and column, a part of the message, a part of a hint.
    let one: &[(&str, usize, usize, &str, &str)] = &[
        ("(assert (<= X_0 0.5)", 2, 21, "the end of the file", "`)`"),
        ("(assert (<= X_7 0.5))", 2, 13, "`X_7` is not declared", "did you mean `X_"),
        ("(assert (<= Z 0.5))", 2, 13, "`Z` is not declared", "declare"),
        ("(assert (<= (* X_0 X_1) 1))", 2, 20, "product of two variables", "constants"),
        ("(assert (<= (* X_0 X_0) 1))", 2, 20, "product of two variables", "constants"),
        ("(assert (<= (/ 1 X_0) 1))", 2, 18, "division by a variable", "constants"),
        ("(assert (<= (/ X_0 0) 1))", 2, 20, "division by zero", ""),
        ("(assert (<= X_0))", 2, 10, "at least 2 operands, 1 given", ""),
        ("(assert (and))", 2, 10, "at least 1", ""),
        ("(assert (and X_0))", 2, 14, "works on formulas", "for example"),
        ("(assert (+ X_0 (<= X_0 1)))", 2, 16, "works on numbers", "for example"),
        ("(assert X_0)", 2, 9, "a comparison is expected", "assert"),
        ("(assert ())", 2, 10, "an operator is expected", ""),
        ("(assert (let ((a 1)) (<= X_0 a)))", 2, 10, "`let` is not supported", "operators are"),
        ("(assert (<< X_0 1))", 2, 10, "`<<` is not an operator", "operators are"),
        ("(assert (<= X_0 1e999999999))", 2, 17, "outside the range", ""),
        ("(assert (<= X_0 1e400))", 2, 17, "outside the range", ""),
        ("(assert (<= X_0 1.2.3))", 2, 17, "not a decimal number", ""),
        ("(assert (<= X_0 nan))", 2, 17, "not declared", ""),
        ("\n  (assert\n (<= X_0 0.5) 3)", 4, 15, "`)` is expected", ""),
        ("(declare-const X_0 Real)", 2, 16, "declared twice", ""),
        ("(declare-const X_9 Real)", 2, 16, "`X_2` is not", "index 0"),
        ("(declare-const X_99999999999999999999 Real)", 2, 16, "neither an input nor an output", "X_0"),
        ("(declare-const in Real)", 2, 16, "neither an input", "X_0"),
        ("(declare-const X_2 Int)", 2, 20, "type `Int`", "Real"),
        ("(declare-fun X_2 (Real) Real)", 2, 19, "function of arguments", ""),
        ("(push 1)", 2, 2, "the command `push`", "assert"),
        ("assert", 2, 1, "a command in parentheses", ""),
        ("(assert (<= X_0 \"1))", 2, 17, "not closed", ""),
        ("(check-sat", 2, 1, "not closed", ""),
        ("(declare-network f)", 2, 2, "belongs to VNN-LIB 2.0", "vnnlib-version"),
        ("(vnnlib-version <2.0>)", 2, 2, "must come first", ""),
        ("(assert (<= é X_0))", 2, 13, "`é` is not declared", ""),
    ];
    let two: &[(&str, usize, usize, &str, &str)] = &[
        ("(assert (<= X[0,2] 1))", 2, 13, "index 2 is out of range, dimension 1 has size 2", "start at 0"),
        ("(assert (<= X[0] 1))", 2, 13, "1 indices for a tensor of 2", "each dimension"),
        ("(assert (<= X 1))", 2, 13, "0 indices", ""),
        ("(assert (<= X[0,-1] 1))", 2, 17, "an integer from 0 on", ""),
        ("(assert (<= X[0 1] 1))", 2, 17, "`,` or `]`", ""),
        ("(assert (>= (* X[0,0] Y[1]) 1))", 2, 23, "product of two variables", ""),
        ("(declare-const X_0 Real)", 2, 2, "belongs to VNN-LIB 1.0", "declare-network"),
        ("(declare-network g (declare-input A Real [2]))", 2, 18, "declares no output", ""),
        ("(declare-network g (declare-input A complex64 [2]))", 2, 37, "`complex64`", "float32"),
        ("(declare-network g (declare-input A Real [4194305]))", 2, 42, "more than 4194304", ""),
        ("(declare-network g (declare-input A Real [9999999999,9999999999,9]))", 2, 42, "more than", ""),
        ("(declare-network g (declare-input A Real [0]))", 2, 42, "size 0", ""),
        ("(declare-network g (declare-input X Real [2]))", 2, 35, "declared twice", ""),
        ("(declare-network f (declare-input A Real [2]))", 2, 18, "declared twice", ""),
        ("(declare-network g (declare-hidden A Real [2]))", 2, 36, "no name in the model", ""),
        ("(declare-network g (equal-to h))", 2, 30, "not declared above", ""),
        (
            "(declare-network g (equal-to f)(declare-input A float32 [2])(declare-output B float32 [2]))",
            2,
            18,
            "differ",
            "",
        ),
        ("(assert (<= Y[0] 1))(declare-network g)", 2, 22, "after the first assertion", "declarations"),
        (
            "(declare-network g (declare-input A Real [1])(declare-output B Real [1])) (assert (<= X[0,0] B[0]))",
            2,
            94,
            "second network",
            "one network",
        ),
    ];
    let bare: &[(&str, usize, usize, &str, &str)] = &[
        ("", 1, 1, "no variable is declared", "declare"),
        ("; nothing\n", 2, 1, "no variable is declared", "declare"),
        ("(vnnlib-version <3.0>)", 1, 17, "VNN-LIB 3.0 is not supported", "1.0 and 2"),
        ("(vnnlib-version 2)", 1, 17, "a version is expected", "<2.0>"),
        (&deep, 2, 9 + 5 * 256, "nests too deeply", ""),
        (&deep_sum, 2, 13 + 5 * 4095, "nests too deeply", ""),
    ];
    let tables = [(ONE, one), (TWO, two), ("", bare)];
    for (declarations, rows) in tables {
        for (text, line, column, message, hint) in rows {
            let error = Specification::parse(&format!("{declarations}{text}")).expect_err(text);
            let shown: String = text.chars().take(60).collect();
            assert_eq!(error.places(), [Place::LineColumn(*line, *column)], "{shown}: {error}");
            assert!(error.message().contains(message), "{shown}: {error}");
            assert!(
                error.hints().iter().any(|h| h.contains(hint)) || hint.is_empty(),
                "{shown}: {:?}",
                error.hints()
            );
            assert!(!error.to_string().ends_with('.') && !error.to_string().contains('\n'), "{error}");
        }
    }
}

#[test]
fn large_files_are_read_whole() {
    // A box of 784 inputs repeated in each of a thousand disjuncts, beside one that is common.
    use std::fmt::Write;
    let mut text = String::new();
    for i in 0..784 {
        writeln!(text, "(declare-const X_{i} Real)").unwrap();
    }
    text += "(declare-const Y_0 Real)(declare-const Y_1 Real)";
    for i in 0..784 {
        writeln!(text, "(assert (<= X_{i} 1.029999999329447746))(assert (>= X_{i} -0.029999999329447746))")
            .unwrap();
    }
    text += "(assert (or";
    for k in 0..1000 {
        text += "(and";
        for i in 0..784 {
            let low = f64::from((i * 31 + k * 17) % 1000) / 1000.0;
            write!(text, " (>= X_{i} {low:.17}) (<= X_{i} {:.17})", low + 0.02).unwrap();
        }
        write!(text, " (>= Y_0 Y_1))").unwrap();
    }
    text += "))";
    let spec = Specification::parse(&text).unwrap();
    let cases = spec.cases().unwrap();
    assert_eq!((spec.input_count(), cases.len()), (784, 1000));
    for (k, case) in cases.iter().enumerate().step_by(333) {
        let bounds = case.bounds().outward(|i| i.to_string()).unwrap();
        for i in [0, 5, 783] {
            let low = f64::from(((i * 31 + k * 17) % 1000) as u16) / 1000.0;
            assert!(
                (bounds.lower()[i] - low).abs() < 1e-15 && (bounds.upper()[i] - low - 0.02).abs() < 1e-15
            );
        }
    }
}
