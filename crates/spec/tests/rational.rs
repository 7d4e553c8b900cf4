//! Exact decimals against the standard library's correctly rounded `f64` reader.

use std::fmt::Write;

use netinverse_base::Rng;
use netinverse_spec::{NumberError, Rational};

fn random_decimal(rng: &mut Rng) -> String {
    let digits = |rng: &mut Rng, most: usize| -> String {
        (0..=rng.below(most)).map(|_| char::from(b'0' + rng.below(10) as u8)).collect()
    };
    let sign = ["", "-", "+"][rng.below(3)];
    let whole = digits(rng, 22);
    let mut text = match rng.below(3) {
        0 => format!("{sign}{whole}"),
        1 => format!("{sign}{whole}.{}", digits(rng, 22)),
        _ => format!("{sign}.{}", digits(rng, 30)),
    };
    if rng.below(2) == 0 {
        let range = [5, 30, 330][rng.below(3)];
        write!(text, "{}{}", ["e", "E", "e+", "E-", "e-"][rng.below(5)], rng.below(range)).unwrap();
    }
    text
}

#[test]
fn doubles_are_the_neighbours_of_the_decimal() {
    let mut rng = Rng::new(1, 0);
    for _ in 0..20_000 {
        let text = random_decimal(&mut rng);
        let number = Rational::parse(&text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        let (low, high) = (number.lower(), number.upper());
        let expected: f64 = text.parse().unwrap();
        assert_eq!(number.nearest(), expected, "{text}");
        assert!(low == high || low.next_up() == high, "{text}: {low:e} {high:e}");
        assert!(expected == low || expected == high, "{text}: {low:e} {expected:e} {high:e}");
        if low.is_finite() {
            assert!(Rational::from_f64(low).unwrap() <= number, "{text}");
            assert_eq!(low == high, Rational::from_f64(low).unwrap() == number, "{text}");
        }
        if high.is_finite() {
            assert!(number <= Rational::from_f64(high).unwrap(), "{text}");
        }
    }
}

#[test]
fn the_edges_of_the_doubles() {
    let max = f64::MAX;
    for (text, low, nearest, high) in [
        ("0", 0.0, 0.0, 0.0),
        ("-0.000e-7", 0.0, 0.0, 0.0),
        ("0e999999999999", 0.0, 0.0, 0.0),
        ("1e400", max, f64::INFINITY, f64::INFINITY),
        ("-1e400", f64::NEG_INFINITY, f64::NEG_INFINITY, -max),
        ("1e-400", 0.0, 0.0, 5e-324),
        ("-1e-400", -5e-324, 0.0, 0.0),
        ("4.9406564584124654e-324", 0.0, 5e-324, 5e-324),
        ("2.5e-324", 0.0, 5e-324, 5e-324),
        ("2.4e-324", 0.0, 0.0, 5e-324),
        // Half a unit beyond the largest double rounds to infinity, anything less does not.
        ("1.7976931348623158e308", max, max, f64::INFINITY),
        ("1.797693134862315907729e308", max, f64::INFINITY, f64::INFINITY),
        // A tie to even: 2^53 + 1.
        ("9007199254740993", 9_007_199_254_740_992.0, 9_007_199_254_740_992.0, 9_007_199_254_740_994.0),
        ("0.5", 0.5, 0.5, 0.5),
        ("5.", 5.0, 5.0, 5.0),
        ("00012.50", 12.5, 12.5, 12.5),
    ] {
        let number = Rational::parse(text).unwrap();
        assert_eq!((number.lower(), number.nearest(), number.upper()), (low, nearest, high), "{text}");
        assert_eq!(number.nearest(), text.parse::<f64>().unwrap(), "{text}");
    }
}

#[test]
fn what_is_no_number_is_refused() {
    for text in
        ["", "-", ".", "e5", "1e", "1e+", "1.2.3", "0x10", "1_000", "inf", "nan", "--1", "1e1.5", "٣", "1 "]
    {
        assert_eq!(Rational::parse(text), Err(NumberError::Malformed), "{text}");
    }
    let long = "9".repeat(100_000);
    for text in ["1e999999999", "1e-999999999999999999999", "1e1101", &long] {
        assert_eq!(Rational::parse(text), Err(NumberError::OutOfRange), "{}", &text[..4]);
    }
}

#[test]
fn arithmetic_is_exact() {
    let number = |text| Rational::parse(text).unwrap();
    assert_eq!(number("0.1") + number("0.2"), number("0.3"));
    assert_ne!(0.1 + 0.2, 0.3);
    assert_eq!(&number("3") * &number("7").reciprocal().unwrap() * number("7"), number("3"));
    assert!(number("0").reciprocal().is_none());
    assert_eq!(number("1e1").as_index(), Some(10));
    assert_eq!((number("-1").as_index(), number("1.5").as_index()), (None, None));
}
