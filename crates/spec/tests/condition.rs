//! The `--where` language: what expressions mean, and where errors point.

use netinverse_base::Place;
use netinverse_spec::{Formula, NormalForm, Vocabulary, caret, parse_linear, parse_where};

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

#[test]
fn expressions_mean_what_they_say() {
    // Expression over four outputs, points where it holds, points where it does not.
    type Row = (&'static str, &'static [[f64; 4]], &'static [[f64; 4]]);
    let rows: &[Row] = &[
        ("y0 >= y1", &[[1., 1., 0., 0.]], &[[1., 2., 0., 0.]]),
        ("y0 < y1", &[[1., 1., 0., 0.], [0., 1., 0., 0.]], &[[2., 1., 0., 0.]]),
        ("y0 > 0.1", &[[0.2, 0., 0., 0.]], &[[0., 0., 0., 0.]]),
        (
            "y2 in [0.25, 0.5]",
            &[[0., 0., 0.25, 0.], [0., 0., 0.5, 0.]],
            &[[0., 0., 0.6, 0.], [0., 0., 0.2, 0.]],
        ),
        ("y2 ∈ [y0, y1]", &[[0., 2., 1., 0.]], &[[0., 2., 3., 0.]]),
        ("0 <= y0 <= 1", &[[0.5, 0., 0., 0.]], &[[-1., 0., 0., 0.], [2., 0., 0., 0.]]),
        ("1 >= y0 > y1 >= -1", &[[0.5, 0., 0., 0.]], &[[0., 0.5, 0., 0.], [2., 0., 0., 0.]]),
        ("y0 == 1", &[[1., 0., 0., 0.]], &[[0.5, 0., 0., 0.]]),
        ("y0 = y1 = 2", &[[2., 2., 0., 0.]], &[[1., 1., 0., 0.], [2., 1., 0., 0.]]),
        ("argmax == 3", &[[0., 0., 0., 1.], [1., 0., 0., 1.]], &[[2., 0., 0., 1.]]),
        ("3 == argmax", &[[0., 0., 0., 1.]], &[[2., 0., 0., 1.]]),
        ("argmax == y3", &[[0., 0., 0., 1.]], &[[2., 0., 0., 1.]]),
        ("argmax != 3", &[[2., 0., 0., 1.], [1., 0., 0., 1.]], &[[0., 0., 0., 1.]]),
        ("!(argmax == 3)", &[[2., 0., 0., 1.], [1., 0., 0., 1.]], &[[0., 0., 0., 1.]]),
        ("argmin == 0", &[[-1., 0., 0., 0.]], &[[1., 0., 0., 0.]]),
        // && binds tighter than ||, ! tighter than &&.
        ("y0 >= 1 || y1 >= 1 && y2 >= 1", &[[1., 0., 0., 0.], [0., 1., 1., 0.]], &[[0., 1., 0., 0.]]),
        ("y1 >= 1 && y2 >= 1 || y0 >= 1", &[[1., 0., 0., 0.], [0., 1., 1., 0.]], &[[0., 1., 0., 0.]]),
        ("(y0 >= 1 || y1 >= 1) && y2 >= 1", &[[0., 1., 1., 0.]], &[[1., 0., 0., 0.]]),
        ("!y0 >= 1 && y1 >= 1", &[[0., 1., 0., 0.]], &[[2., 1., 0., 0.], [0., 0., 0., 0.]]),
        ("!(y0 >= 1 || y1 >= 1)", &[[0., 0., 0., 0.]], &[[2., 0., 0., 0.], [0., 2., 0., 0.]]),
        ("! ! y0 >= 1", &[[1., 0., 0., 0.]], &[[0., 0., 0., 0.]]),
        ("¬(y0 ≥ 1 ∨ y1 ≤ −1) ∧ y2 ≥ 0", &[[0., 0., 0., 0.]], &[[2., 0., 0., 0.], [0., -2., 0., 0.]]),
        // Arithmetic.
        ("2*y0 - y1/4 + 1 <= 3", &[[1., 0., 0., 0.], [2., 8., 0., 0.]], &[[2., 4., 0., 0.]]),
        ("-(y0 - 2) * 3 >= 3", &[[1., 0., 0., 0.]], &[[1.5, 0., 0., 0.]]),
        ("y0 - (y1 - y2) - 1 >= 0", &[[1., 0., 0., 0.], [0., 0., 1., 0.]], &[[1., 1., 0., 0.]]),
        ("(1 + 2) * 2 / 3 <= y0", &[[2., 0., 0., 0.]], &[[1.9, 0., 0., 0.]]),
        ("- -y0>=-1e-1", &[[0., 0., 0., 0.]], &[[-1., 0., 0., 0.]]),
        ("((y0)) >= +.5", &[[0.5, 0., 0., 0.]], &[[0.4, 0., 0., 0.]]),
        ("Y_0 >= 1 && y_1 >= 1 && Y2 >= 1", &[[1., 1., 1., 0.]], &[[1., 1., 0., 0.]]),
        ("y0 >= 1\n&&\ty1 >= 1", &[[1., 1., 0., 0.]], &[[1., 0., 0., 0.]]),
        ("1 <= 2 && y0 >= 0", &[[0., 0., 0., 0.]], &[[-1., 0., 0., 0.]]),
    ];
    for (text, inside, outside) in rows {
        let formula = parse_where(text, &Vocabulary::outputs(4)).unwrap_or_else(|e| panic!("{text}: {e}"));
        let form = NormalForm::of(&formula).unwrap();
        for (points, expected) in [(inside, true), (outside, false)] {
            for y in *points {
                assert_eq!(formula.holds(&[], y), Some(expected), "{text} at {y:?}");
                assert_eq!(form.holds(&[], y), Some(expected), "{text} at {y:?}");
            }
        }
        formula.for_each_atom(&mut |atom| assert!(!atom.strict, "{text}"));
    }
}

#[test]
fn names_of_models_and_tables() {
    let outputs = Vocabulary::outputs(3).with_output_names(&names(&["lift", "drag coefficient", "Linear.2"]));
    let holds = |text: &str, y: [f64; 3]| parse_where(text, &outputs).unwrap().holds(&[], &y);
    assert_eq!(holds("lift >= 1 && `drag coefficient` <= 0.5", [1., 0.5, 0.]), Some(true));
    assert_eq!(holds("\"drag coefficient\" in [0, 1] && Linear.2 >= y0", [1., 0.5, 0.]), Some(false));
    assert_eq!(holds("argmax == lift", [1., 0.5, 0.]), Some(true));
    // A given name wins over an index: tables that count from 1.
    let shifted = Vocabulary::outputs(2).with_output_names(&names(&["y1", "y2"]));
    assert_eq!(parse_where("y1 >= 1", &shifted).unwrap().holds(&[], &[1., 0.]), Some(true));
    let twice = Vocabulary::outputs(2).with_output_names(&names(&["a", "a"]));
    assert!(parse_where("a >= 1", &twice).unwrap_err().message().contains("several"));
    let wrong = Vocabulary::outputs(3).with_output_names(&names(&["a"]));
    assert_eq!(parse_where("a >= 1", &wrong).unwrap_err().to_string(), "1 names for 3 outputs");
    // Inputs, for --subject-to; both together.
    let inputs = Vocabulary::inputs(2).with_input_names(&names(&["width", "height"]));
    assert_eq!(parse_where("width + x1 <= 1", &inputs).unwrap().holds(&[0.5, 0.5], &[]), Some(true));
    assert_eq!(parse_where("x0 <= y0", &Vocabulary::both(1, 1)).unwrap().holds(&[1.], &[0.]), Some(false));
}

#[test]
fn objectives_are_linear_forms() {
    let form = parse_linear("y0 - 2*y1 + y0 - 0.5", &Vocabulary::outputs(2)).unwrap();
    assert_eq!(form.to_string(), "2*y0 - 2*y1 - 0.5");
    assert_eq!(form.value(&[], &[1., 2.]).unwrap().nearest(), -2.5);
    for text in ["y0 >= 1", "argmax", "3"] {
        assert!(parse_linear(text, &Vocabulary::outputs(2)).is_err(), "{text}");
    }
}

#[test]
fn refusals_point_at_the_column() {
    let rows: &[(&str, usize, &str, &str)] = &[
        ("", 0, "empty", "for example"),
        ("y0", 1, "a condition is expected", "compare"),
        ("y0 >= 1 && y1", 12, "a condition is expected", "compare"),
        ("y0 >= ", 7, "the end of the expression", ""),
        ("y0 >= 1)", 8, "`)` is not expected", ""),
        ("(y0 >= 1", 9, "`)` is expected", ""),
        ("y9 >= 1", 1, "`y9` is out of range: there are 4 outputs, `y0` to `y3`", ""),
        ("y99999999999 >= 1", 1, "out of range", ""),
        ("yy0 >= 1", 1, "`yy0` is not a name", "did you mean `y0`?"),
        ("argmx == 1", 1, "`argmx`", "did you mean `argmax`?"),
        ("speed >= 1", 1, "`speed`", "`y0` to `y3`"),
        ("y0 >= 1 && x0 <= 1", 12, "`x0` is an input", "--subject-to"),
        ("2 y0 >= 1", 3, "`y0` is not expected here", "2*y0"),
        ("y0 >= 1 and y1 >= 1", 9, "`and` is not expected", "&&"),
        ("y0 >= 1 & y1 >= 1", 9, "`&` has no meaning", "&&"),
        ("y0 >= 1 | y1 >= 1", 9, "`|` has no meaning", "||"),
        ("y0^2 >= 1", 3, "`^` has no meaning", "linear"),
        ("y0*y1 >= 1", 3, "product of two variables", "constants"),
        ("1/y1 >= 1", 2, "division by a variable", "constants"),
        ("y1/(1-1) >= 1", 4, "division by zero", ""),
        ("abs(y0) <= 1", 1, "the function `abs`", "linear"),
        ("y0 != 1", 4, "`!=` between values", "interval"),
        ("y1 >= 0 && !(y0 == 1)", 12, "complement of an equality", "interval"),
        ("!(y0 in [1, 1])", 1, "complement of an equality", "interval"),
        ("y0 in [0.4, 0.2]", 8, "the interval [0.4, 0.2] is empty", "lower end"),
        ("y0 in (0, 1)", 7, "`[` is expected", ""),
        ("y0 in [0; 1]", 9, "`;` has no meaning", ""),
        ("argmax == 4", 11, "4 outputs, counted from 0", ""),
        ("argmax == 1.5", 11, "no output's index", ""),
        ("argmax == -1", 11, "no output's index", ""),
        ("argmax >= 1", 8, "can be `==` or `!=`", ""),
        ("argmax + 1 == 2", 1, "can only be compared", ""),
        ("argmax in [1, 2]", 1, "only a linear expression", "||"),
        ("argmax", 1, "a condition is expected", ""),
        ("(y0 >= 1) + 1 >= 2", 1, "arithmetic works on values", ""),
        ("(y0 >= 1) >= y1", 14, "only values can be compared", ""),
        ("y0 >= 1e999999999", 7, "outside the range", ""),
        ("y0 >= `oops", 7, "the quote ` is not closed", ""),
        ("y0 ≥ é", 6, "`é` is not a name", ""),
        ("y0 >= 1 # no", 9, "`#` has no meaning", ""),
    ];
    for (text, column, message, hint) in rows {
        let error = parse_where(text, &Vocabulary::outputs(4)).expect_err(text);
        if *column > 0 {
            assert_eq!(error.places(), [Place::LineColumn(1, *column)], "{text}: {error}");
            let shown = caret(text, &error).unwrap();
            assert_eq!(shown, format!("{text}\n{}^", " ".repeat(column - 1)));
        }
        assert!(error.message().contains(message), "{text}: {error}");
        assert!(
            hint.is_empty() || error.hints().iter().any(|h| h.contains(hint)),
            "{text}: {:?}",
            error.hints()
        );
    }
    let error = parse_where("argmax == 1", &Vocabulary::inputs(3)).unwrap_err();
    assert!(error.message().contains("about outputs"), "{error}");
    let error = parse_where("y0 >= 1", &Vocabulary::inputs(3)).unwrap_err();
    assert!(error.hints()[0].contains("--where"), "{error}");
    let error = parse_where("y0 >= 1 &&\n  y9 >= 2", &Vocabulary::outputs(4)).unwrap_err();
    assert_eq!(caret("y0 >= 1 &&\n  y9 >= 2", &error).unwrap(), "  y9 >= 2\n  ^");
    let near = Vocabulary::outputs(2).with_output_names(&names(&["thrust", "lift"]));
    assert_eq!(parse_where("trust >= 1", &near).unwrap_err().hints(), ["did you mean `thrust`?"]);
}

#[test]
fn deep_and_long_expressions_end() {
    let outputs = Vocabulary::outputs(4);
    for text in [
        format!("{}y0{} >= 1", "(".repeat(100_000), ")".repeat(100_000)),
        format!("{}y0 >= 1", "!".repeat(100_000)),
        format!("{}y0 >= 1", "-".repeat(100_000)),
    ] {
        assert!(parse_where(&text, &outputs).unwrap_err().message().contains("nests too deeply"));
    }
    let nested = format!("{}y0{} >= 1", "(".repeat(60), ")".repeat(60));
    assert!(parse_where(&nested, &outputs).is_ok());
    let long = vec!["y0 >= 1"; 50_000].join(" && ");
    assert!(matches!(parse_where(&long, &outputs).unwrap(), Formula::And(parts) if parts.len() == 50_000));
    let powers = vec!["1e1000"; 100].join("*");
    assert!(parse_where(&format!("y0 >= {powers}"), &outputs).is_err());
}
