use std::fmt::Write as _;

use crate::escape;

/// Level lines of a function of two inputs: for each value its lines, the plateaus, and points of interest.
#[derive(Debug, Clone, Default)]
pub struct Plane {
    /// What is shown.
    pub title: String,
    /// The name and the bounds of each axis.
    pub axes: [Axis; 2],
    /// One a value.
    pub levels: Vec<Level>,
    /// A point marked by a cross, such as a reference.
    pub cross: Option<[f64; 2]>,
}

/// One axis.
#[derive(Debug, Clone, Default)]
pub struct Axis {
    /// Its name.
    pub name: String,
    /// Where it begins.
    pub low: f64,
    /// Where it ends.
    pub high: f64,
}

/// Everything that one value comes from.
#[derive(Debug, Clone, Default)]
pub struct Level {
    /// What it is, for the legend.
    pub label: String,
    /// Lines, and whether they are closed; a line of one point is a point.
    pub lines: Vec<(Vec<[f64; 2]>, bool)>,
    /// Polygons.
    pub areas: Vec<Vec<[f64; 2]>>,
    /// Points.
    pub points: Vec<[f64; 2]>,
}

/// Told apart by most eyes, also on paper (Okabe & Ito).
const COLORS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];
const LEFT: f64 = 70.0;
const TOP: f64 = 46.0;
const SIDE: f64 = 480.0;
const LEGEND: usize = 14;

impl Plane {
    /// The drawing as an SVG file.
    pub fn svg(&self) -> String {
        let [horizontal, vertical] = &self.axes;
        let x = |value: f64| LEFT + SIDE * share(horizontal, value);
        let y = |value: f64| TOP + SIDE * (1.0 - share(vertical, value));
        let rows = self.levels.len().min(LEGEND) + usize::from(self.levels.len() > LEGEND);
        let height = TOP + SIDE + 56.0 + 18.0 * rows as f64;
        let width = LEFT + SIDE + 30.0;
        let mut svg = format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12" role="img"><title>{0}</title><rect width="{width}" height="{height}" fill="white"/><text x="{LEFT}" y="24" font-size="15">{0}</text>"#,
            escape(&self.title)
        );
        for (axis, across) in [(horizontal, false), (vertical, true)] {
            for tick in ticks(axis.low, axis.high) {
                let label = escape(&number(tick));
                let _ = if across {
                    let at = y(tick);
                    write!(
                        svg,
                        r##"<line x1="{LEFT}" y1="{at:.2}" x2="{:.2}" y2="{at:.2}" stroke="#e4e4e4"/><text x="{}" y="{:.2}" text-anchor="end">{label}</text>"##,
                        LEFT + SIDE,
                        LEFT - 8.0,
                        at + 4.0
                    )
                } else {
                    let at = x(tick);
                    write!(
                        svg,
                        r##"<line x1="{at:.2}" y1="{TOP}" x2="{at:.2}" y2="{:.2}" stroke="#e4e4e4"/><text x="{at:.2}" y="{:.2}" text-anchor="middle">{label}</text>"##,
                        TOP + SIDE,
                        TOP + SIDE + 18.0
                    )
                };
            }
        }
        let _ = write!(
            svg,
            r##"<text x="{}" y="{}" text-anchor="middle">{}</text><text transform="translate(18 {}) rotate(-90)" text-anchor="middle">{}</text><rect x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}" fill="none" stroke="#555"/>"##,
            LEFT + SIDE / 2.0,
            TOP + SIDE + 38.0,
            escape(&horizontal.name),
            TOP + SIDE / 2.0,
            escape(&vertical.name)
        );
        let path = |points: &[[f64; 2]]| {
            points.iter().map(|p| format!("{:.2},{:.2}", x(p[0]), y(p[1]))).collect::<Vec<_>>().join(" ")
        };
        for (index, level) in self.levels.iter().enumerate() {
            let color = COLORS[index % COLORS.len()];
            for area in &level.areas {
                let _ = write!(
                    svg,
                    r#"<polygon points="{}" fill="{color}" fill-opacity="0.35" stroke="none"/>"#,
                    path(area)
                );
            }
            for (line, closed) in &level.lines {
                let _ = match &line[..] {
                    [only] => write!(
                        svg,
                        r#"<circle cx="{:.2}" cy="{:.2}" r="2.5" fill="{color}"/>"#,
                        x(only[0]),
                        y(only[1])
                    ),
                    _ => write!(
                        svg,
                        r#"<{} points="{}" fill="none" stroke="{color}" stroke-width="1.8" stroke-linejoin="round"/>"#,
                        if *closed { "polygon" } else { "polyline" },
                        path(line)
                    ),
                };
            }
            for point in &level.points {
                let _ = write!(
                    svg,
                    r#"<circle cx="{:.2}" cy="{:.2}" r="4" fill="white" stroke="{color}" stroke-width="2"/>"#,
                    x(point[0]),
                    y(point[1])
                );
            }
            if index < LEGEND {
                let row = TOP + SIDE + 60.0 + 18.0 * index as f64;
                let _ = write!(
                    svg,
                    r#"<rect x="{LEFT}" y="{}" width="16" height="5" fill="{color}"/><text x="{}" y="{row}">{}</text>"#,
                    row - 8.0,
                    LEFT + 24.0,
                    escape(&level.label)
                );
            }
        }
        if self.levels.len() > LEGEND {
            let row = TOP + SIDE + 60.0 + 18.0 * LEGEND as f64;
            let _ = write!(
                svg,
                r#"<text x="{}" y="{row}">and {} more</text>"#,
                LEFT + 24.0,
                self.levels.len() - LEGEND
            );
        }
        if let Some(at) = self.cross {
            let (x, y) = (x(at[0]), y(at[1]));
            let _ = write!(
                svg,
                r#"<path d="M{:.2} {y:.2}H{:.2}M{x:.2} {:.2}V{:.2}" stroke="black" stroke-width="1.5"/>"#,
                x - 6.0,
                x + 6.0,
                y - 6.0,
                y + 6.0
            );
        }
        svg.push_str("</svg>\n");
        svg
    }
}

fn share(axis: &Axis, value: f64) -> f64 {
    let width = axis.high - axis.low;
    if width > 0.0 { (value - axis.low) / width } else { 0.5 }
}

/// Round numbers in an interval, four to ten of them.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let width = high - low;
    if !(width > 0.0 && width.is_finite()) {
        return Vec::new();
    }
    let power = 10f64.powf((width / 5.0).log10().floor());
    let step =
        [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|s| width / s <= 8.0).unwrap_or(width);
    // A multiple that rounding puts a hair outside is an end.
    let (first, last) = ((low / step - 1e-9).ceil() as i64, (high / step + 1e-9).floor() as i64);
    (first..=last).map(|k| (k as f64 * step).clamp(low, high)).collect()
}

/// A tick without the noise of its multiplication.
fn number(value: f64) -> String {
    let rounded: f64 = format!("{value:.6e}").parse().unwrap_or(value);
    if rounded != 0.0 && !(1e-4..1e6).contains(&rounded.abs()) {
        format!("{rounded:e}")
    } else {
        format!("{rounded}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        for (low, high) in [(-1.0, 1.0), (0.0, 0.3), (-3.7, 1200.0), (1e-9, 2e-9), (-1e9, 1e9)] {
            let ticks = ticks(low, high);
            assert!((4..=10).contains(&ticks.len()), "{ticks:?} in {low}, {high}");
            assert!(ticks.iter().all(|t| (low..=high).contains(t)));
        }
        let labels: Vec<String> = ticks(0.0, 0.3).into_iter().map(number).collect();
        assert_eq!(labels, ["0", "0.05", "0.1", "0.15", "0.2", "0.25", "0.3"]);
        assert!(ticks(1.0, 1.0).is_empty());
    }

    #[test]
    fn corners_of_the_box_are_corners_of_the_drawing() {
        let axis = |name: &str| Axis { name: name.into(), low: -2.0, high: 2.0 };
        let plane = Plane {
            title: "a < b".into(),
            axes: [axis("u"), axis("v")],
            levels: vec![Level {
                label: "y = 1".into(),
                lines: vec![(vec![[-2.0, -2.0], [2.0, 2.0]], false), (vec![[0.0, 0.0]], false)],
                areas: vec![vec![[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]],
                points: vec![[1.0, 1.0]],
            }],
            cross: Some([0.0, 0.0]),
        };
        let svg = plane.svg();
        assert!(svg.contains("a &lt; b") && svg.contains(r#"points="70.00,526.00 550.00,46.00""#), "{svg}");
        assert_eq!((svg.matches("<circle").count(), svg.matches("<polygon").count()), (2, 1));
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    }
}
