//! A sweep as a page: the table, a chart, and one input a class through each network.

use netinverse_answer::sheet::ImageShape;
use netinverse_report::{Bars, Page, Picture, Section};

use super::answer::Answer;
use crate::cli::typed::typed;
use netinverse::pages::Draw;

/// The page; `chosen` are the inputs shown, one a class.
pub(super) fn page(answer: &Answer, chosen: &[f32]) -> String {
    let title = "Accuracy against reconstruction";
    let lead = format!(
        "Networks from {} numbers to {}, learned from {} rows of {}; measured on {} {}.",
        answer.inputs, answer.outputs, answer.samples, answer.source, answer.measured, answer.measured_on
    );
    let mut page = Page::new(title, lead);
    let bars = Bars {
        scale: "mean squared error an input of g(f(x))".into(),
        bars: answer
            .rows
            .iter()
            .map(|row| (row.label(), row.error()))
            .chain(answer.pca_error.map(|error| (format!("PCA-{}", answer.outputs), error)))
            .chain(answer.mean_error.map(|error| ("the mean".into(), error)))
            .collect(),
        marks: Vec::new(),
    };
    page.push(
        Section::new("The trade-off")
            .table(&Answer::HEAD, &answer.table())
            .chart(&bars.svg(), "What is lost of an input on the way through the outputs")
            .command(&typed()),
    );
    let n = answer.inputs;
    if let Some(image) = ImageShape::of(&[n]) {
        let low = chosen.iter().copied().fold(0.0f32, f32::min);
        let high = chosen.iter().copied().fold(1.0f32, f32::max);
        let draw = Draw { image, range: (f64::from(low), f64::from(high)) };
        let mut section = Section::new("One input a class, and what comes back");
        let inputs = [("as they are".to_string(), chosen)];
        // Of the first seed.
        let rows = answer.rows.iter().map(|row| (row.label(), row.runs[0].shown.as_slice()));
        for (label, rows) in inputs.into_iter().chain(rows) {
            let picture = |x: &[f32]| draw.plain(&x.iter().map(|&v| f64::from(v)).collect::<Vec<_>>());
            let pictures: Vec<Picture> = rows.chunks(n).map(picture).collect();
            let captions: Vec<(&Picture, String)> =
                pictures.iter().enumerate().map(|(class, picture)| (picture, class.to_string())).collect();
            section = section.text(&label).pictures(&captions);
        }
        page.push(section);
    }
    page.html()
}
