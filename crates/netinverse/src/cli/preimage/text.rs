//! An answer on standard output.

use std::fmt::Write as _;

use netinverse_base::{Error, ErrorKind, Result};
use netinverse_preimage::{Answer, Header, Piece, Status};
use serde::Serialize;

/// What there is to say of an answer, a name and a sentence each.
pub(super) type Facts = Vec<(&'static str, String)>;

/// For people: a line for each fact.
pub(super) fn lines(facts: &Facts) -> String {
    facts.iter().fold(String::new(), |mut text, (name, value)| {
        let _ = writeln!(text, "{name:<10}  {value}"); // writing to a string does not fail
        text
    })
}

/// What a paving proved.
pub(super) fn facts(answer: &Answer) -> Facts {
    let Header { volume, pieces, .. } = &answer.header;
    let header = &answer.header;
    let mut facts = Facts::new();
    let mut line = |name: &'static str, value: String| facts.push((name, value));
    let inputs = if volume.dimensions == 1 { "input" } else { "inputs" };
    match header.status {
        Status::Empty => line("preimage", "empty, proved: no input of the box has such outputs".into()),
        _ if volume.upper == 0.0 => {
            line("preimage", "of volume 0, proved; whether it is empty is not decided".into());
        }
        _ => {
            line(
                "volume",
                format!(
                    "{} <= V <= {}, proved; the box has {:.6e} over {} {inputs}",
                    down(volume.lower),
                    up(volume.upper),
                    volume.whole,
                    volume.dimensions
                ),
            );
            if let Some(coverage) = header.coverage {
                line("coverage", format!("{:.2} % of V_hi is in the inner set", floor(100.0 * coverage)));
            }
            let share = if volume.upper > 0.0 { header.pieces_lower / volume.upper } else { 0.0 };
            line("inner", format!("{} with {:.2} % of V_hi", polytopes(pieces.inner), floor(100.0 * share)));
            if let Some(outer) = header.pieces_upper {
                let ratio = if volume.lower > 0.0 { outer / volume.lower } else { f64::INFINITY };
                line(
                    "outer",
                    format!("{} with {:.2} % of V_lo", polytopes(pieces.outer), -floor(-100.0 * ratio)),
                );
            }
        }
    }
    line("boxes", format!("{} bounded in {:.3} s", header.boxes, header.seconds));
    if let Some([index, count]) = header.shard {
        line("shard", format!("{} of {count}: volumes are those of its cells", index + 1));
    }
    if let Some(why) = &header.stopped_by {
        line("stopped by", format!("{why}, before the goal"));
    }
    facts
}

/// Seven digits that are at most the number: what is printed as proved is.
pub(super) fn down(value: f64) -> String {
    let (mut text, mut step) = (format!("{value:.6e}"), 0.5);
    while text.parse::<f64>().is_ok_and(|shown| shown > value) {
        let exponent: i32 = text.split_once('e').and_then(|(_, e)| e.parse().ok()).unwrap_or(0);
        text = format!("{:.6e}", value - step * 10f64.powi(exponent - 6));
        step += 0.25;
    }
    text
}

/// Seven digits that are at least the number.
pub(super) fn up(value: f64) -> String {
    let below = down(-value);
    below.strip_prefix('-').map_or_else(|| format!("{:.6e}", 0.0), str::to_string)
}

/// Rounded down to the two digits that are shown.
fn floor(percent: f64) -> f64 {
    (100.0 * percent).floor() / 100.0
}

fn polytopes(count: usize) -> String {
    if count == 1 { "1 polytope".into() } else { format!("{count} polytopes") }
}

/// One object: the header, and the pieces.
pub(super) fn json(answer: &Answer) -> Result<String> {
    #[derive(Serialize)]
    struct Row<'a> {
        slopes: &'a [f64],
        constant: f64,
    }
    #[derive(Serialize)]
    struct Polytope<'a> {
        lower: &'a [f64],
        upper: &'a [f64],
        rows: Vec<Row<'a>>,
        volume: [f64; 2],
    }
    #[derive(Serialize)]
    struct Whole<'a> {
        #[serde(flatten)]
        header: &'a Header,
        inner: Vec<Polytope<'a>>,
        outer: Vec<Polytope<'a>>,
    }
    fn polytope(piece: &Piece) -> Polytope<'_> {
        let rows = piece.rows.iter().map(|(slopes, constant)| Row { slopes, constant: *constant });
        Polytope {
            lower: &piece.lower,
            upper: &piece.upper,
            rows: rows.collect(),
            volume: [piece.volume.0, piece.volume.1],
        }
    }
    let whole = Whole {
        header: &answer.header,
        inner: answer.inner.iter().map(polytope).collect(),
        outer: answer.outer.iter().map(polytope).collect(),
    };
    let text = serde_json::to_string_pretty(&whole);
    text.map(|text| text + "\n").map_err(|error| Error::new(ErrorKind::Io, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::{down, up};
    use netinverse_base::Rng;

    #[test]
    fn printed_bounds_hold_for_the_number() {
        let mut rng = Rng::new(1, 0);
        let awkward = [0.0, 1.0, 0.499_999_999_999_998, 0.999_999_99, 9.999_999_6e-7, 1e-300, 5e-324, 1e300];
        let drawn = (0..10_000).map(|_| rng.uniform() * 10f64.powi(rng.below(40) as i32 - 20));
        for value in awkward.into_iter().chain(drawn.collect::<Vec<_>>()) {
            let (low, high): (f64, f64) = (down(value).parse().unwrap(), up(value).parse().unwrap());
            assert!(low <= value && value <= high, "{value:e}: {} {}", down(value), up(value));
            assert!(high - low <= 3e-6 * value + 1e-323, "{value:e}: {} {}", down(value), up(value));
        }
    }
}
