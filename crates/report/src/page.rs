use std::fmt::Write as _;

use base64::Engine as _;

use crate::Picture;

/// Text made safe for HTML and attributes.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// One self-contained HTML page: no script, no request, pictures inside.
#[derive(Debug, Clone)]
pub struct Page {
    title: String,
    lead: String,
    sections: Vec<Section>,
    footer: String,
}

/// A part of a [`Page`] under a heading.
#[derive(Debug, Clone)]
pub struct Section {
    html: String,
}

impl Page {
    /// A page with this title and the sentence or two under it.
    pub fn new(title: impl Into<String>, lead: impl Into<String>) -> Self {
        Page { title: title.into(), lead: lead.into(), sections: Vec::new(), footer: String::new() }
    }

    /// Adds a section.
    pub fn push(&mut self, section: Section) {
        self.sections.push(section);
    }

    /// The line at the end: how the page was made.
    pub fn footer(&mut self, text: impl Into<String>) {
        self.footer = text.into();
    }

    /// The HTML file.
    pub fn html(&self) -> String {
        let mut html = String::with_capacity(1 << 16);
        let title = escape(&self.title);
        let _ = write!(
            html,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{title}</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
             <h1>{title}</h1>\n<p class=\"lead\">{}</p>\n",
            escape(&self.lead)
        );
        for section in &self.sections {
            let _ = write!(html, "<section>\n{}</section>\n", section.html);
        }
        let _ = write!(html, "<footer>{}</footer>\n</main>\n</body>\n</html>\n", escape(&self.footer));
        html
    }
}

impl Section {
    /// A section under `heading`.
    pub fn new(heading: &str) -> Self {
        Section { html: format!("<h2>{}</h2>\n", escape(heading)) }
    }

    /// A paragraph.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        let _ = writeln!(self.html, "<p>{}</p>", escape(text));
        self
    }

    /// The sentence to remember, set apart.
    #[must_use]
    pub fn finding(mut self, text: &str) -> Self {
        let _ = writeln!(self.html, "<p class=\"finding\">{}</p>", escape(text));
        self
    }

    /// Pictures side by side, each with its caption; pixels stay squares.
    #[must_use]
    pub fn pictures(mut self, pictures: &[(&Picture, String)]) -> Self {
        self.html.push_str("<div class=\"pictures\">\n");
        for (picture, caption) in pictures {
            // The alternative text repeats the caption, for readers who do not see the picture.
            let _ = writeln!(
                self.html,
                "<figure><img src=\"{}\" width=\"{}\" height=\"{}\" alt=\"{caption}\"><figcaption>{caption}</figcaption></figure>",
                picture.data_uri(),
                picture.width(),
                picture.height(),
                caption = escape(caption)
            );
        }
        self.html.push_str("</div>\n");
        self
    }

    /// A drawing as an SVG element, from [`crate::Bars`] or [`crate::Lines`].
    #[must_use]
    pub fn chart(mut self, svg: &str, caption: &str) -> Self {
        let _ = writeln!(
            self.html,
            "<figure class=\"wide\">{svg}<figcaption>{}</figcaption></figure>",
            escape(caption)
        );
        self
    }

    /// A drawing that is an SVG file of its own, from [`crate::Plane`] or of a preimage: its styles stay inside it.
    #[must_use]
    pub fn drawing(mut self, svg: &str, caption: &str) -> Self {
        let encoded = base64::engine::general_purpose::STANDARD.encode(svg);
        let caption = escape(caption);
        let _ = writeln!(
            self.html,
            "<figure class=\"wide drawing\"><img src=\"data:image/svg+xml;base64,{encoded}\" alt=\"{caption}\"><figcaption>{caption}</figcaption></figure>",
        );
        self
    }

    /// HTML made by the caller, in a figure; the caller escapes its text.
    #[must_use]
    pub fn figure(mut self, html: &str) -> Self {
        let _ = writeln!(self.html, "<figure class=\"wide\">{html}</figure>");
        self
    }

    /// A table; cells that read as numbers are set to the right.
    #[must_use]
    pub fn table(mut self, head: &[&str], rows: &[Vec<String>]) -> Self {
        self.html.push_str("<div class=\"scroll\"><table><thead><tr>");
        for cell in head {
            let _ = write!(self.html, "<th>{}</th>", escape(cell));
        }
        self.html.push_str("</tr></thead><tbody>\n");
        for row in rows {
            self.html.push_str("<tr>");
            for cell in row {
                let class = if is_number(cell) { " class=\"number\"" } else { "" };
                let _ = write!(self.html, "<td{class}>{}</td>", escape(cell));
            }
            self.html.push_str("</tr>\n");
        }
        self.html.push_str("</tbody></table></div>\n");
        self
    }

    /// A command to type, or what one printed.
    #[must_use]
    pub fn command(mut self, command: &str) -> Self {
        let _ = writeln!(self.html, "<pre><code>{}</code></pre>", escape(command));
        self
    }
}

/// Whether a cell is a number, a bound or a percentage, and nothing else.
fn is_number(cell: &str) -> bool {
    let bare = cell.trim_start_matches(['≤', '≥', ' ']).trim_end_matches([' ', '%']);
    bare.parse::<f64>().is_ok()
}

const STYLE: &str = r"
:root { color-scheme: light dark; --ink: #1c1e21; --muted: #5f6670; --page: #fff; --card: #f5f6f8; --line: #d9dde3; --accent: #c8540a; --blue: #2c5aa0; --green: #2d7d46; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --muted: #9aa3ad; --page: #15181c; --card: #1f242a; --line: #343b44; --accent: #ef8a3c; --blue: #7fa8e0; --green: #6cc48a; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, 'Segoe UI', sans-serif; }
main { max-width: 52rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 1rem 0 .5rem; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .5rem; border-top: 1px solid var(--line); padding-top: 1.2rem; }
.lead { font-size: 1.1rem; color: var(--muted); }
.finding { border-left: 4px solid var(--accent); padding: .2rem 0 .2rem .8rem; font-weight: 600; }
.pictures { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1rem 0; }
figure { margin: 0; max-width: 100%; }
.pictures figure { flex: 0 1 auto; }
.pictures img { image-rendering: pixelated; max-width: 100%; height: auto; border: 1px solid var(--line); display: block; }
.pictures figcaption { max-width: 17rem; }
figcaption { font-size: .85rem; color: var(--muted); margin-top: .3rem; }
.wide { margin: 1rem 0; }
.drawing img { width: min(100%, 36rem); height: auto; display: block; }
.chart { width: 100%; height: auto; display: block; }
.chart text { font: 12px system-ui, sans-serif; fill: var(--ink); }
.chart .axis { fill: var(--muted); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: .8rem 0; font-size: .92rem; }
th, td { text-align: left; padding: .3rem .7rem; border-bottom: 1px solid var(--line); vertical-align: top; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
pre { background: var(--card); padding: .7rem .9rem; overflow-x: auto; border-radius: 4px; }
code { font: .88rem ui-monospace, 'SF Mono', Menlo, Consolas, monospace; }
.layers { list-style: none; margin: 0; padding: 0; border-left: 2px solid var(--line); }
.layers li { padding: .45rem 0 .45rem .9rem; overflow-wrap: anywhere; }
.layers .layer span, .layers small { color: var(--muted); font-size: .85rem; }
.layers .bar { height: .55rem; background: var(--card); border: 1px solid var(--line); border-radius: 3px; margin: .2rem 0; overflow: hidden; }
.layers .bar i { display: block; height: 100%; background: var(--accent); }
.layers p { margin: .15rem 0 0; font-size: .92rem; }
p, h1, h2, figcaption, footer, td { overflow-wrap: anywhere; }
footer { margin-top: 3rem; color: var(--muted); font-size: .85rem; border-top: 1px solid var(--line); padding-top: .8rem; }
@media print { body { font-size: 11pt; } main { max-width: none; padding: 0; } section { break-inside: avoid-page; } figure, table { break-inside: avoid; } pre { white-space: pre-wrap; } }
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_self_contained_and_escapes_its_text() {
        let mut page = Page::new("a < b", "lead & more");
        let picture = Picture::grey(1, 1, &[0.5]);
        let section = Section::new("one")
            .text("<script>alert(1)</script>")
            .pictures(&[(&picture, "a \"pixel\"".into())])
            .table(&["name", "value"], &[vec!["x".into(), "1.5".into()]])
            .command("netinverse demo");
        page.push(section);
        let html = page.html();
        assert!(html.contains("<title>a &lt; b</title>") && !html.contains("<script"));
        assert!(html.contains("data:image/png;base64,") && html.contains("a &quot;pixel&quot;"));
        assert!(!html.contains("http://") && !html.contains("https://"), "no request leaves the page");
        assert!(html.contains(r#"<td class="number">1.5</td>"#));
    }

    #[test]
    fn numbers_are_told_from_sentences() {
        assert!(["1.5", "-2e-7", "≤ 3", "12 %"].iter().all(|cell| is_number(cell)));
        assert!(["1 polytope", "2 <= V <= 3", "", "3 × 4"].iter().all(|cell| !is_number(cell)));
    }
}
