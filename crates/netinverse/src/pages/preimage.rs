//! The answer of `netinverse preimage` as a page: what is proved, and a picture of two inputs.

use netinverse_answer::Model;
use netinverse_base::Result;
use netinverse_preimage::exact::ExactAnswer;
use netinverse_preimage::{Answer, Asked, Picture, Question, View};
use netinverse_report::{Bars, Page, Section};

use super::{capital, commanded, file_name};
use crate::answers::preimage::{Facts, down, facts, first_axes, middle, up};

/// Inputs whose bounds are listed.
const LISTED: usize = 32;
/// Letters of a specification that are shown.
const LETTERS: usize = 4_000;

/// What there is to tell, of a paving or of an exact answer.
struct Told<'a> {
    model: &'a Model,
    question: &'a Asked,
    /// Lower and upper corner of the box.
    bounds: (&'a [f64], &'a [f64]),
    /// Proved from below, proved from above, of the box.
    volume: (f64, f64, f64),
    facts: Facts,
    /// Whether every linear region was enumerated.
    exact: bool,
    /// An SVG file, and what it shows.
    drawing: Option<(String, String)>,
}

/// The page of a paving: with the slice through the middle along the first two inputs, where there are two.
pub fn paving(answer: &Answer, command: Option<&str>) -> Result<String> {
    let header = &answer.header;
    let Some(axes) = first_axes(&header.lower, &header.upper) else {
        return Ok(page(&told(answer, None), command));
    };
    let view = View::Slice(middle(header));
    let picture = Picture { axes, names: axes.map(|i| format!("x{i}")), view };
    paving_picture(answer, &Question::of_header(header)?, &picture, command)
}

/// The page of a paving with this picture.
pub fn paving_picture(
    answer: &Answer,
    question: &Question,
    picture: &Picture,
    command: Option<&str>,
) -> Result<String> {
    let caption = match &picture.view {
        View::Slice(at) => slice(picture.axes, at),
        View::Projection => projection(picture.axes),
    };
    Ok(page(&told(answer, Some((picture.svg(answer, question)?, caption))), command))
}

/// The page of an exact answer, with the slice along two inputs through a point.
pub fn exact(
    answer: &ExactAnswer,
    plane: Option<([usize; 2], Vec<f64>)>,
    command: Option<&str>,
) -> Result<String> {
    let drawing = match plane {
        Some((axes, at)) => Some((answer.svg(axes, &at)?, slice(axes, &at))),
        None => None,
    };
    let header = &answer.header;
    let told = Told {
        model: &header.model,
        question: &header.asked,
        bounds: (&header.lower, &header.upper),
        volume: (header.volume.lower, header.volume.upper, header.volume.whole),
        facts: crate::answers::exact::facts(answer),
        exact: true,
        drawing,
    };
    Ok(page(&told, command))
}

/// What the report says of a paving.
fn told(answer: &Answer, drawing: Option<(String, String)>) -> Told<'_> {
    let header = &answer.header;
    Told {
        model: &header.model,
        question: &header.asked,
        bounds: (&header.lower, &header.upper),
        volume: (header.volume.lower, header.volume.upper, header.volume.whole),
        facts: facts(answer),
        exact: false,
        drawing,
    }
}

fn page(told: &Told, command: Option<&str>) -> String {
    let (lower, upper) = told.bounds;
    let mut page = Page::new(
        format!("All inputs of {} that give the output", file_name(&told.model.path)),
        "The set of inputs in a box whose outputs are as asked, bounded from both sides. What is called proved holds in \
         real arithmetic for the graph as stored, whatever the rounding.",
    );
    let (low, high, whole) = told.volume;
    let finding = if high == 0.0 {
        "Its volume is 0, proved.".to_string()
    } else if whole > 0.0 {
        let (least, most) = shares(low, high, whole);
        format!("Between {least} % and {most} % of the box, proved.")
    } else {
        format!("Its volume lies between {} and {}, proved.", down(low), up(high))
    };
    let mut section = Section::new("How much of the box").finding(&finding);
    if whole > 0.0 && high > 0.0 {
        let bars = Bars {
            scale: "volume, % of the box".into(),
            bars: vec![("V_lo".into(), 100.0 * low / whole), ("V_hi".into(), 100.0 * high / whole)],
            ..Bars::default()
        };
        section = section.chart(
            &bars.svg(),
            "What lies in inner polytopes, and what outer ones cover; rounded to three digits here, and outward above.",
        );
    }
    let rows: Vec<Vec<String>> =
        told.facts.iter().map(|(name, value)| vec![(*name).to_string(), capital(value)]).collect();
    page.push(commanded(section.table(&["what", "found"], &rows), command));
    if let Some((svg, caption)) = &told.drawing {
        page.push(Section::new("In two inputs").drawing(svg, caption));
    }
    page.push(question(told.question, lower, upper));
    page.push(reading(told.exact));
    page.footer(format!("netinverse {} · model SHA-256 {}", env!("CARGO_PKG_VERSION"), told.model.sha256));
    page.html()
}

/// How far the quotient of two doubles and the rounding of the box's volume can be off, with room.
const OFF: f64 = 1e-12;

/// The share of the box in per cent, at least, and at most, as text: on the proved side of what it is of.
fn shares(low: f64, high: f64, whole: f64) -> (String, String) {
    let plain = |text: String| text.parse::<f64>().map_or(text, |value| format!("{value}"));
    let least = (100.0 * low / whole) * (1.0 - OFF);
    let most = ((100.0 * high / whole) * (1.0 + OFF)).min(100.0);
    (plain(down(least.max(0.0))), plain(up(most)))
}

/// What was asked.
fn question(asked: &Asked, lower: &[f64], upper: &[f64]) -> Section {
    let mut section = Section::new("The question");
    if let Some(condition) = &asked.condition {
        section = section.text("The outputs must satisfy").command(condition);
    }
    if let Some(spec) = &asked.spec {
        let shown: String = spec.chars().take(LETTERS).collect();
        let rest = if shown.len() < spec.len() { "\n…" } else { "" };
        section = section.text("The specification (VNN-LIB):").command(&(shown + rest));
    }
    if let Some(output) = &asked.output {
        section = section.text(&format!("The outputs are those of `{output}` inside the graph."));
    }
    if lower.len() <= LISTED {
        let rows: Vec<Vec<String>> = (0..lower.len())
            .map(|i| vec![format!("x{i}"), format!("{}", lower[i]), format!("{}", upper[i])])
            .collect();
        section.text("The box:").table(&["input", "from", "to"], &rows)
    } else {
        section.text(&format!("The box has {} inputs.", lower.len()))
    }
}

/// How to read the answer.
fn reading(exact: bool) -> Section {
    let section = Section::new("Reading it");
    if exact {
        return section
            .text("Inside one linear region the network is an affine map; the preimage there is a polytope, found exactly. All regions that meet the preimage were visited.")
            .command("netinverse preimage contains ANSWER.preimage POINT\nnetinverse check ANSWER.preimage --model MODEL");
    }
    section
        .text("Green: proved to be in. Orange: not decided, for no inner polytope holds it and an outer one does. The rest: proved to be out. More time narrows what lies between; --resume goes on from a saved .preimage file.")
        .command("netinverse preimage contains ANSWER.preimage POINT\nnetinverse preimage sample ANSWER.preimage --count 100\nnetinverse check ANSWER.preimage --model MODEL")
}

/// What a slice shows.
fn slice([i, j]: [usize; 2], at: &[f64]) -> String {
    if at.len() == 2 {
        return format!("x{i} to the right, x{j} upwards.");
    }
    let others: Vec<String> = (0..at.len())
        .filter(|&k| k != i && k != j)
        .take(8)
        .map(|k| format!("x{k} = {}", (at[k] * 1e4).round() / 1e4))
        .collect();
    let more = if at.len() > 10 { ", …" } else { "" };
    format!("The slice with {}{more}: x{i} to the right, x{j} upwards.", others.join(", "))
}

/// What a shadow shows.
fn projection([i, j]: [usize; 2]) -> String {
    format!("The shadow of the inner polytopes on x{i} (to the right) and x{j} (upwards).")
}

#[cfg(test)]
mod tests {
    use super::shares;

    /// Compared in integers: a share of 7 digits times the whole against the volume.
    #[test]
    fn shares_are_on_the_proved_side() {
        for (volume, whole) in
            [(1u32, 3u32), (2, 3), (1, 7), (1, 1), (1, 2), (999_999, 1_000_000), (1, 4_000_000_000)]
        {
            let (least, most) = shares(f64::from(volume), f64::from(volume), f64::from(whole));
            let scaled = |text: &str| (text.parse::<f64>().unwrap() * 1e16).round() as i128;
            let exact = 100 * 10i128.pow(16) * i128::from(volume);
            assert!(scaled(&least) * i128::from(whole) <= exact, "{volume}/{whole}: {least}");
            assert!(
                scaled(&most) * i128::from(whole) >= exact.min(100 * 10i128.pow(16) * i128::from(whole)),
                "{most}"
            );
        }
        assert_eq!(shares(0.0, 1.0, 1.0), ("0".into(), "100".into()));
    }
}
