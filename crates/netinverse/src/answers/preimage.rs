//! The answer of `netinverse preimage`: what was proved in words, as JSON, as a picture; questions that are conditions; shards put
//! together.

use std::fmt::Write as _;

use netinverse_base::{Budget, Error, Place, Result};
use netinverse_preimage::{Answer, Goals, Header, Node, Piece, Plan, Question, Status, merge};
use serde::Serialize;

/// The goal where none is given.
const COVERAGE: f64 = 0.9;

/// What there is to say of an answer, a name and a sentence each.
pub type Facts = Vec<(&'static str, String)>;

/// For people: a line for each fact.
pub fn lines(facts: &Facts) -> String {
    facts.iter().fold(String::new(), |mut text, (name, value)| {
        let _ = writeln!(text, "{name:<10}  {value}"); // writing to a string does not fail
        text
    })
}

/// What a paving proved.
pub fn facts(answer: &Answer) -> Facts {
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
pub fn down(value: f64) -> String {
    let (mut text, mut step) = (format!("{value:.6e}"), 0.5);
    while text.parse::<f64>().is_ok_and(|shown| shown > value) {
        let exponent: i32 = text.split_once('e').and_then(|(_, e)| e.parse().ok()).unwrap_or(0);
        text = format!("{:.6e}", value - step * 10f64.powi(exponent - 6));
        step += 0.25;
    }
    text
}

/// Seven digits that are at least the number.
pub fn up(value: f64) -> String {
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
pub fn json(answer: &Answer) -> Result<String> {
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
    super::json(&whole)
}

/// The plan with the goals that are given; a coverage of 90 % where none is.
pub fn plan(
    (coverage, over, min_width): (Option<f64>, Option<f64>, Option<f64>),
    compact: bool,
    max_pieces: Option<usize>,
) -> Plan {
    let any = coverage.is_some() || over.is_some() || min_width.is_some();
    Plan {
        goals: Goals {
            coverage: coverage.or((!any).then_some(COVERAGE)),
            over,
            min_width: min_width.unwrap_or(0.0),
            max_boxes: None,
        },
        compact,
        max_pieces,
    }
}

/// The condition that a class stands for: it exceeds every other output by the margin.
pub fn class_condition(class: usize, margin: f64, m: usize) -> Result<String> {
    if class >= m {
        return Err(Error::input(format!("class {class} does not exist, the network has {m} outputs"))
            .at(Place::Option("--class".into()))
            .hint("classes are outputs, counted from 0"));
    }
    if m < 2 {
        return Err(Error::input("a network of one output has no classes")
            .at(Place::Option("--class".into()))
            .hint("use --where, for example --where \"y0 >= 0\""));
    }
    if !margin.is_finite() {
        return Err(Error::input(format!("a margin of {margin}")).at(Place::Option("--margin".into())));
    }
    let others = (0..m).filter(|&j| j != class);
    Ok(others.map(|j| format!("y{class} - y{j} >= {margin:?}")).collect::<Vec<_>>().join(" && "))
}

/// The condition that outputs stand for.
pub fn target_condition(y: &[f64]) -> String {
    y.iter().enumerate().map(|(j, y)| format!("y{j} == {y:?}")).collect::<Vec<_>>().join(" && ")
}

/// The condition that intervals stand for, one for each output or one for all.
pub fn within_condition(intervals: &[[f64; 2]], m: usize) -> Result<String> {
    if intervals.len() != 1 && intervals.len() != m {
        return Err(Error::input(format!("{} intervals, the network has {m} outputs", intervals.len()))
            .at(Place::Option("--within".into()))
            .hint("give one row lo,hi for each output, or a single row for all"));
    }
    let mut text = String::new();
    for j in 0..m {
        let [lo, hi] = intervals[if intervals.len() == 1 { 0 } else { j }];
        if lo > hi {
            return Err(Error::input(format!("the interval {lo},{hi} is empty"))
                .at(Place::Row(j))
                .at(Place::Option("--within".into()))
                .hint("intervals are lo,hi with lo <= hi"));
        }
        let and = if j == 0 { "" } else { " && " };
        let _ = write!(text, "{and}y{j} >= {lo:?} && y{j} <= {hi:?}");
    }
    Ok(text)
}

/// The answers of all shards as one: volumes add up exactly, pieces are made of the whole. The goals of `plan` say how few.
///
/// # Errors
/// Answers that are no shards of one paving, with the answer as [`Place::Row`]; shards that are missing.
pub fn merged(answers: &[Answer], plan: &dyn Fn(f64) -> Plan) -> Result<Answer> {
    let nodes = merge(answers)?;
    let first = &answers[0].header;
    let question = Question::of_header(first)?;
    let count = first.shard.map_or(1, |shard| shard[1]);
    let whole = answers.len() == count;
    let done = answers.iter().all(|answer| answer.header.status != Status::Partial);
    let boxes = answers.iter().map(|answer| answer.header.boxes).sum();
    if whole && nodes.contains(&Node::Elsewhere) {
        return Err(Error::input("the shards leave a part of the box to each other")
            .at(Place::Option("--merge".into()))
            .hint("shards must come from one question with the same options"));
    }
    let status = if whole && done { Status::Complete } else { Status::Partial };
    let (model, asked) = (first.model.clone(), first.asked.clone());
    let mut answer = Answer::of(&question, nodes, None, boxes, model, asked, first.min_width, status);
    // A header's question knows its half-spaces in doubles only.
    answer.header.rows.clone_from(&first.rows);
    if !whole {
        return Err(Error::input(format!("{} of {count} shards are given", answers.len()))
            .at(Place::Option("--merge".into()))
            .hint("volumes of a part say nothing of the whole box: give every shard"));
    }
    answer.make_pieces(&question, &plan(first.min_width), &Budget::default());
    Ok(answer)
}

/// The middle of the box.
pub fn middle(header: &Header) -> Vec<f64> {
    header.lower.iter().zip(&header.upper).map(|(lo, hi)| lo.midpoint(*hi)).collect()
}

/// The first two inputs with an extent, which pictures show when none are asked for.
pub fn first_axes(lower: &[f64], upper: &[f64]) -> Option<[usize; 2]> {
    let mut free = (0..lower.len()).filter(|&i| lower[i] < upper[i]);
    Some([free.next()?, free.next()?])
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
