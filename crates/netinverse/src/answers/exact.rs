//! The answer of `netinverse preimage --exact`: what it says in words, and as JSON.

use netinverse_base::Result;
use netinverse_preimage::Status;
use netinverse_preimage::exact::{Arithmetic, ExactAnswer, ExactHeader, FoldText, PieceText, RegionText};
use serde::Serialize;

use super::preimage::{Facts, down, up};

/// Solutions of lower dimension that are printed one by one.
const SHOWN: usize = 20;

/// What an exact answer says.
pub fn facts(answer: &ExactAnswer) -> Facts {
    let header = &answer.header;
    let volume = &header.volume;
    let mut facts = Facts::new();
    let mut line = |name: &'static str, value: String| facts.push((name, value));
    let count =
        |n: usize, one: &str, many: &str| if n == 1 { format!("1 {one}") } else { format!("{n} {many}") };
    let inputs = count(volume.dimensions, "input", "inputs");
    let highest = answer.pieces.iter().map(|piece| piece.dimension).max();
    match highest {
        None if header.status == Status::Empty => {
            line("preimage", "empty, proved: no input of the box has such outputs".into());
        }
        None => line("preimage", "nothing found yet".into()),
        Some(dimension) if dimension < volume.dimensions && header.open == 0 => {
            line("volume", format!("0, exactly; the box has {:.6e} over {inputs}", volume.whole));
        }
        Some(_) => {
            if let Some(exact) = volume.exact.as_ref().filter(|exact| exact.len() <= 60) {
                line("volume", format!("V = {exact}, exactly"));
            }
            line(
                "volume",
                format!(
                    "{} <= V <= {}, {}; the box has {:.6e} over {inputs}",
                    narrow(volume.lower, volume.upper).0,
                    narrow(volume.lower, volume.upper).1,
                    if volume.exact.is_some() { "exact, rounded outward" } else { "proved" },
                    volume.whole
                ),
            );
        }
    }
    for dimension in (0..=volume.dimensions).rev() {
        let own: Vec<&PieceText> = answer.pieces.iter().filter(|p| p.dimension == dimension).collect();
        if own.is_empty() {
            continue;
        }
        let doubtful = own.iter().filter(|piece| !piece.certain).count();
        let doubt = if doubtful == 0 {
            String::new()
        } else {
            format!("; of {doubtful} it is not proved that they hold a solution")
        };
        let what = match dimension {
            0 => count(own.len(), "isolated point", "isolated points"),
            1 => count(own.len(), "segment", "segments"),
            d => format!("{} of dimension {d}", count(own.len(), "polytope", "polytopes")),
        };
        line(if dimension == volume.dimensions { "inner" } else { "pieces" }, what + &doubt);
        if dimension < 2 && dimension < volume.dimensions && own.len() <= SHOWN {
            for piece in own {
                let ends: Vec<String> = piece.vertices.iter().map(|x| format!("({})", numbers(x))).collect();
                line("", ends.join(" to "));
            }
        }
    }
    let regions = count(header.regions, "linear region", "linear regions");
    let meet = if header.all_regions { "in the box".to_string() } else { "meet it".to_string() };
    let hyperplanes = match header.arithmetic {
        Arithmetic::Exact => "hyperplanes exact",
        Arithmetic::Enclosed => "hyperplanes enclosed",
    };
    line("regions", format!("{regions} {meet}, {} cells looked at; {hyperplanes}", header.cells));
    if answer.regions.iter().any(|region| region.determinant.is_some()) {
        let of = |sign: i8| answer.regions.iter().filter(|region| region.determinant == Some(sign)).count();
        line(
            "det A",
            format!(
                "positive in {}, negative in {}, 0 in {}; it changes sign across {}",
                of(1),
                of(-1),
                of(0),
                count(answer.folds.len(), "facet", "facets")
            ),
        );
    }
    line("time", format!("{:.3} s", header.seconds));
    if let Some(why) = &header.stopped_by {
        line("stopped by", format!("{why}: {} left", count(header.open, "cell", "cells")));
    }
    facts
}

/// Both ends with enough digits to tell them apart.
fn narrow(lower: f64, upper: f64) -> (String, String) {
    if upper - lower > 1e-6 * upper {
        return (down(lower), up(upper));
    }
    // The shortest decimal that reads back as the double may be on its wrong side: by one unit in the last place.
    (format!("{:e}", lower.next_down().max(0.0)), format!("{:e}", upper.next_up()))
}

fn numbers(x: &[f64]) -> String {
    x.iter().map(|x| format!("{x}")).collect::<Vec<_>>().join(", ")
}

/// One object: the header, the polytopes, the regions.
pub fn json(answer: &ExactAnswer) -> Result<String> {
    #[derive(Serialize)]
    struct Whole<'a> {
        #[serde(flatten)]
        header: &'a ExactHeader,
        polytopes: &'a [PieceText],
        linear_regions: &'a [RegionText],
        folds: &'a [FoldText],
    }
    let ExactAnswer { header, pieces, regions, folds } = answer;
    let whole = Whole { header, polytopes: pieces, linear_regions: regions, folds };
    super::json(&whole)
}

/// The middle of the box.
pub fn middle(answer: &ExactAnswer) -> Vec<f64> {
    answer.header.lower.iter().zip(&answer.header.upper).map(|(lo, hi)| lo.midpoint(*hi)).collect()
}
