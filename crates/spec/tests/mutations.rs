//! Seeded mutations of specifications and conditions: whatever the text, an answer or an error with a
//! place comes back, no panic, and what is read can be evaluated.

use netinverse_base::{ErrorKind, Rng};
use netinverse_spec::{Formula, Specification, Vocabulary, caret, parse_linear, parse_where};

const FILES: [&str; 3] = [
    "; bounds\n(declare-const X_0 Real)\n(declare-fun X_1 () Real)\n(declare-const Y_0 Real)(declare-const Y_1 Real)\n\
     (assert (<= X_0 0.5e-1)) (assert (>= X_0 (- 5)))\n(assert (or (and (<= 0 X_1 1) (>= Y_0 (* 2 Y_1)))\n\
     (not (=> (< (+ X_0 X_1) 1) (= Y_0 (/ Y_1 3))))))\n",
    "(vnnlib-version <2.0>)\n(declare-network f (declare-input X float32 [1,2] initialized)\n\
     (declare-hidden H Real [2] \"relu\") (declare-output Y float32 [2]) (declare-output Z Real []))\n\
     (declare-network g (isomorphic-to f) (declare-input A Real [1,2]) (declare-output B Real [2]) (declare-output C Real []))\n\
     (assert (<= X[0,1] 1.5)) (assert (or (>= Y[0] Y[1] H[1]) (!= Z 0)))\n",
    "(declare-const X_0 Real)(declare-const Y_0 Real)(assert (or\n    (and (>= X_0 -1) (<= X_0 1) (>= Y_0 100))\n))",
];
const CONDITIONS: [&str; 4] = [
    "y0 >= y1 && y2 in [0.2, 0.4] || argmax == 3",
    "0 <= 2*y0 - y1/4 <= 1e3 && !(`lift off` < 0.5)",
    "argmax != 1 || (y0 + (y1 - 3.5)) * 2 == -y2",
    "!(y0 >= .5 ∨ argmin == 2) && (1 - 1) <= y3",
];
const PIECES: [&str; 24] = [
    "(",
    ")",
    "[",
    "]",
    "\"",
    "|",
    ";",
    ",",
    "-",
    "e",
    "1e9999999999",
    "<2.0>",
    "é",
    "\u{0}",
    "y0",
    "X_0",
    "&&",
    "!",
    "argmax",
    "in",
    "0",
    "/",
    "*",
    "and ",
];

/// A few random edits: bytes removed, doubled, swapped, replaced; pieces put in; the end cut off.
fn mutate(text: &str, rng: &mut Rng) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for _ in 0..=rng.below(3) {
        let length = characters.len();
        if length < 2 {
            break;
        }
        let at = rng.below(length);
        match rng.below(6) {
            0 => drop(characters.remove(at)),
            1 => {
                let end = (at + 1 + rng.below(20)).min(length);
                let copy: Vec<char> = characters[at..end].to_vec();
                characters.splice(at..at, copy);
            }
            2 => characters.swap(at, rng.below(length)),
            3 => characters.truncate(at),
            _ => {
                let piece: Vec<char> = PIECES[rng.below(PIECES.len())].chars().collect();
                let end = (at + rng.below(3)).min(length);
                characters.splice(at..end, piece);
            }
        }
    }
    characters.into_iter().collect()
}

/// What was read means something: it evaluates, and its normal form agrees.
fn exercise(formula: &Formula, normal: Option<netinverse_spec::NormalForm>) {
    let (x, y) = ([0.25; 8], [0.5; 8]);
    if let (Some(direct), Some(form)) = (formula.holds(&x, &y), normal) {
        assert_eq!(form.holds(&x, &y), Some(direct));
    }
}

#[test]
fn mutated_files_are_read_or_refused() {
    for text in FILES {
        Specification::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    }
    let mut rng = Rng::new(7, 0);
    let (mut read, mut refused) = (0, 0);
    for round in 0..30_000 {
        let text = mutate(FILES[round % FILES.len()], &mut rng);
        match Specification::parse(&text) {
            Ok(spec) => {
                read += 1;
                exercise(&spec.formula, spec.normal_form().ok());
                if let Ok(cases) = spec.cases() {
                    // Mutated shapes may be large; boxes are made only for those that are not.
                    for case in cases.iter().filter(|_| spec.input_count() < 1000) {
                        let _ = (case.bounds().inward(), case.constraints());
                    }
                }
            }
            Err(error) => {
                refused += 1;
                assert!(matches!(error.kind(), ErrorKind::Input | ErrorKind::Unsupported));
                assert!(caret(&text, &error).is_some(), "{error} has no place");
            }
        }
    }
    assert!(read > 500 && refused > 1000, "{read} {refused}");
}

#[test]
fn mutated_conditions_are_read_or_refused() {
    let mut rng = Rng::new(8, 0);
    let names: Vec<String> = ["a", "b", "lift off", "d"].map(String::from).into();
    let vocabulary = Vocabulary::outputs(4).with_output_names(&names);
    let (mut read, mut refused) = (0, 0);
    for round in 0..30_000 {
        let text = mutate(CONDITIONS[round % CONDITIONS.len()], &mut rng);
        let _ = parse_linear(&text, &vocabulary);
        match parse_where(&text, &vocabulary) {
            Ok(formula) => {
                read += 1;
                exercise(&formula, netinverse_spec::NormalForm::of(&formula).ok());
            }
            Err(error) => {
                refused += 1;
                assert!(caret(&text, &error).is_some() || text.trim().is_empty(), "{error} has no place");
            }
        }
    }
    assert!(read > 500 && refused > 1000, "{read} {refused}");
}
