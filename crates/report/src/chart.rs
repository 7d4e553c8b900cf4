use std::fmt::Write as _;

use crate::escape;

/// Groups of horizontal bars on one scale from zero.
#[derive(Debug, Clone, Default)]
pub struct Bars {
    /// What the scale means, with its unit.
    pub scale: String,
    /// A label and its value, top to bottom; the label says what the bar is.
    pub bars: Vec<(String, f64)>,
    /// Vertical marks: a label and where.
    pub marks: Vec<(String, f64)>,
}

/// Lines over the index of their values, optionally on a logarithmic scale.
#[derive(Debug, Clone, Default)]
pub struct Lines {
    /// What the horizontal axis counts.
    pub horizontal: String,
    /// What the vertical axis shows, with its unit.
    pub vertical: String,
    /// A label and its values.
    pub lines: Vec<(String, Vec<f64>)>,
    /// Whether the vertical scale is logarithmic; values not above zero are then left out.
    pub logarithmic: bool,
}

const COLORS: [&str; 4] = ["var(--accent)", "var(--blue)", "var(--green)", "var(--muted)"];

impl Bars {
    /// The chart as an SVG element.
    pub fn svg(&self) -> String {
        let largest = self.bars.iter().chain(&self.marks).map(|(_, value)| *value).fold(0.0, f64::max);
        let limit = if largest > 0.0 { largest } else { 1.0 };
        let (label_width, bar_width, row) = (150.0, 400.0, 22.0);
        let top = 8.0 + 16.0 * f64::from(u8::from(!self.marks.is_empty()));
        let height = top + row * self.bars.len() as f64 + 26.0;
        let mut svg = open_svg(640.0, height, &self.scale);
        for (index, (label, value)) in self.bars.iter().enumerate() {
            let y = top + row * index as f64;
            let length = bar_width * value.max(0.0) / limit;
            let _ = write!(
                svg,
                r#"<text x="{}" y="{}" text-anchor="end">{}</text><rect x="{label_width}" y="{}" width="{length:.1}" height="{}" fill="var(--accent)"/><text x="{:.1}" y="{}">{}</text>"#,
                label_width - 8.0,
                y + 15.0,
                escape(label),
                y + 3.0,
                row - 6.0,
                label_width + length + 6.0,
                y + 15.0,
                short(*value)
            );
        }
        for (label, value) in &self.marks {
            let x = label_width + bar_width * value / limit;
            let bottom = height - 26.0;
            let _ = write!(
                svg,
                r#"<line x1="{x:.1}" y1="{}" x2="{x:.1}" y2="{bottom}" stroke="var(--ink)" stroke-dasharray="3 3"/><text x="{x:.1}" y="12" text-anchor="middle">{}</text>"#,
                top - 6.0,
                escape(label)
            );
        }
        let _ = write!(
            svg,
            r#"<text x="{label_width}" y="{}" class="axis">{}</text></svg>"#,
            height - 8.0,
            escape(&self.scale)
        );
        svg
    }
}

impl Lines {
    /// The chart as an SVG element.
    pub fn svg(&self) -> String {
        let (left, top, width, height) = (64.0, 12.0, 540.0, 220.0);
        let shown = |value: f64| value.is_finite() && (!self.logarithmic || value > 0.0);
        let scaled = |value: f64| if self.logarithmic { value.log10() } else { value };
        let values =
            || self.lines.iter().flat_map(|(_, values)| values.iter().copied()).filter(|&v| shown(v));
        let mut low = values().map(scaled).fold(f64::INFINITY, f64::min);
        let mut high = values().map(scaled).fold(f64::NEG_INFINITY, f64::max);
        if !self.logarithmic {
            low = low.min(0.0);
        }
        if !(low.is_finite() && high.is_finite()) {
            (low, high) = (0.0, 1.0);
        } else if low >= high {
            (low, high) = (low.min(0.0), low.max(0.0) + 1.0);
        }
        let count = self.lines.iter().map(|(_, values)| values.len()).max().unwrap_or(0).max(2);
        let x = |index: usize| left + width * index as f64 / (count - 1) as f64;
        let y = |value: f64| top + height * (high - scaled(value)) / (high - low);
        let mut svg = open_svg(640.0, top + height + 44.0 + 18.0 * self.lines.len() as f64, &self.vertical);
        for tick in 0..=4 {
            let level = low + (high - low) * f64::from(tick) / 4.0;
            let value = if self.logarithmic { 10f64.powf(level) } else { level };
            let at = top + height * (high - level) / (high - low);
            let _ = write!(
                svg,
                r#"<line x1="{left}" y1="{at:.1}" x2="{}" y2="{at:.1}" stroke="var(--line)"/><text x="{}" y="{:.1}" text-anchor="end">{}</text>"#,
                left + width,
                left - 6.0,
                at + 4.0,
                short(value)
            );
        }
        for (index, (label, values)) in self.lines.iter().enumerate() {
            let color = COLORS[index % COLORS.len()];
            let points: Vec<_> = values
                .iter()
                .enumerate()
                .filter(|&(_, &value)| shown(value))
                .map(|(i, &value)| format!("{:.1},{:.1}", x(i), y(value)))
                .collect();
            let _ = write!(
                svg,
                r#"<polyline points="{}" fill="none" stroke="{color}" stroke-width="2"/>"#,
                points.join(" ")
            );
            let row = top + height + 42.0 + 18.0 * index as f64;
            let _ = write!(
                svg,
                r#"<rect x="{left}" y="{}" width="14" height="4" fill="{color}"/><text x="{}" y="{row}">{}</text>"#,
                row - 7.0,
                left + 20.0,
                escape(label)
            );
        }
        let _ = write!(
            svg,
            r#"<text x="{left}" y="{}" class="axis">{} · {}</text></svg>"#,
            top + height + 20.0,
            escape(&self.horizontal),
            escape(&self.vertical)
        );
        svg
    }
}

fn open_svg(width: f64, height: f64, title: &str) -> String {
    format!(
        r#"<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-label="{0}"><title>{0}</title>"#,
        escape(title)
    )
}

/// At most three significant digits.
fn short(value: f64) -> String {
    if value == 0.0 {
        "0".into()
    } else if (1e-3..1e5).contains(&value.abs()) {
        let digits = (2 - value.abs().log10().floor() as i32).max(0) as usize;
        let text = format!("{value:.digits$}");
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_string() } else { text }
    } else {
        format!("{value:.0e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let cases = [
            (0.0, "0"),
            (0.5, "0.5"),
            (12.345, "12.3"),
            (0.012_34, "0.0123"),
            (1e-9, "1e-9"),
            (784.0, "784"),
        ];
        for (value, text) in cases {
            assert_eq!(short(value), text);
        }
    }

    #[test]
    fn bars_are_in_proportion_and_labels_escaped() {
        let bars = Bars { bars: vec![("a<b".into(), 1.0), ("c".into(), 2.0)], ..Bars::default() };
        let svg = bars.svg();
        assert!(
            svg.contains("a&lt;b") && svg.contains(r#"width="200.0""#) && svg.contains(r#"width="400.0""#)
        );
    }

    #[test]
    fn degenerate_lines_still_draw() {
        for values in [vec![], vec![0.0], vec![f64::NAN, 1.0], vec![3.0, 3.0]] {
            for logarithmic in [false, true] {
                let lines =
                    Lines { lines: vec![("l".into(), values.clone())], logarithmic, ..Lines::default() };
                let svg = lines.svg();
                assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
            }
        }
    }
}
