//! Pictures of two inputs: a slice through the answer, or the shadow of its pieces.

use std::fmt::Write as _;

use netinverse_base::{Error, Result};
use netinverse_geometry::{AxisBox, Polytope};

use crate::answer::Answer;
use crate::cell::{Cell, State};
use crate::question::Question;

/// Which picture.
#[derive(Debug, Clone, PartialEq)]
pub enum View {
    /// All other inputs as in this point.
    Slice(Vec<f64>),
    /// The shadow of the inner pieces, darker where more of them lie behind each other.
    Projection,
}

/// What is drawn: two inputs, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// The input to the right and the input upwards.
    pub axes: [usize; 2],
    /// Their names.
    pub names: [String; 2],
    /// Slice or projection.
    pub view: View,
}

const SIZE: f64 = 480.0;
const LEFT: f64 = 64.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 84.0;
const CORNERS: usize = 64;

const STYLE: &str = "svg{background:#fff;font:13px system-ui,sans-serif;color:#222}.in{fill:#3a8a4d}.cut{fill:#f2b544}\
.piece{fill:#3a8a4d;fill-opacity:.25;stroke:#3a8a4d;stroke-width:.5}.frame{fill:none;stroke:#888}text{fill:#222}\
@media(prefers-color-scheme:dark){svg{background:#16181d}text{fill:#ddd}.in{fill:#5cb874}.cut{fill:#c98f2b}}";

impl Picture {
    /// The picture as an SVG document.
    ///
    /// # Errors
    /// Axes that do not exist or are the same; a slice at a point outside the box.
    pub fn svg(&self, answer: &Answer, question: &Question) -> Result<String> {
        let header = &answer.header;
        let n = header.lower.len();
        let [i, j] = self.axes;
        if i >= n || j >= n || i == j {
            return Err(Error::input(format!("inputs {i} and {j} do not span a picture of {n} inputs"))
                .hint("give two different inputs, counted from 0"));
        }
        let [x0, x1] = [header.lower[i], header.upper[i]];
        let [y0, y1] = [header.lower[j], header.upper[j]];
        if x0 == x1 || y0 == y1 {
            return Err(
                Error::input("a fixed input has no extent to draw").hint("choose inputs with lo < hi")
            );
        }
        let point = |[x, y]: [f64; 2]| {
            (LEFT + SIZE * (x - x0) / (x1 - x0), TOP + SIZE * (1.0 - (y - y0) / (y1 - y0)))
        };
        let mut shapes = String::new();
        let mut polygon = |corners: &[[f64; 2]], class: &str| {
            if corners.len() < 3 {
                return;
            }
            let _ = write!(shapes, "<polygon class=\"{class}\" points=\"");
            for &corner in corners {
                let (x, y) = point(corner);
                let _ = write!(shapes, "{x:.2},{y:.2} ");
            }
            shapes.push_str("\"/>\n");
        };
        match &self.view {
            View::Slice(at) => {
                if at.len() != n || !question.in_box(at) {
                    return Err(Error::input("the slice's point is outside the box")
                        .hint("give --at a point of the box, n numbers"));
                }
                let fixed = |k: usize| k != i && k != j;
                let meets = |cell: &Cell| {
                    (0..n).all(|k| !fixed(k) || cell.lower[k] <= at[k] && at[k] <= cell.upper[k])
                };
                for cell in answer.cells().filter(|cell| cell.state != State::Out && meets(cell)) {
                    let domain = AxisBox::new(cell.lower.to_vec(), cell.upper.to_vec())?;
                    if cell.state == State::In {
                        polygon(&Polytope::from_box(domain).slice(at, i, j), "in");
                        continue;
                    }
                    for disjunct in &cell.open_disjuncts {
                        let mut outer = Polytope::from_box(domain.clone());
                        for (_, index) in cell.rows_of(*disjunct, &question.target) {
                            if let Some(forms) = cell.row_forms(index) {
                                let negated: Vec<f64> = forms.negated.0.iter().map(|s| -s).collect();
                                outer.add_row(&negated, -forms.negated.1)?;
                            }
                        }
                        polygon(&outer.slice(at, i, j), "cut");
                    }
                    for disjunct in &cell.open_disjuncts {
                        let mut inner = Polytope::from_box(domain.clone());
                        if cell.forms.is_empty() {
                            continue;
                        }
                        for (_, index) in cell.rows_of(*disjunct, &question.target) {
                            if let Some(forms) = cell.row_forms(index) {
                                inner.add_row(forms.lower.0, forms.lower.1)?;
                            }
                        }
                        polygon(&inner.slice(at, i, j), "in");
                    }
                }
            }
            View::Projection => {
                for piece in &answer.inner {
                    polygon(&piece.polytope()?.projection(i, j, CORNERS), "piece");
                }
            }
        }
        let (width, height) = (LEFT + SIZE + 24.0, TOP + SIZE + BOTTOM);
        let legend = match self.view {
            View::Slice(_) => "green: proved in · orange: not decided · the rest: proved out",
            View::Projection => "the shadow of the inner pieces, which are proved in",
        };
        let (bottom, middle) = (TOP + SIZE, TOP + SIZE / 2.0);
        let [name_x, name_y] = [escape(&self.names[0]), escape(&self.names[1])];
        Ok(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
             aria-label=\"{legend}\">\n<style>{STYLE}</style>\n{shapes}\
             <rect class=\"frame\" x=\"{LEFT}\" y=\"{TOP}\" width=\"{SIZE}\" height=\"{SIZE}\"/>\n\
             <text x=\"{LEFT}\" y=\"{}\">{x0}</text><text x=\"{}\" y=\"{}\" text-anchor=\"end\">{x1}</text>\n\
             <text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{name_x}</text>\n\
             <text x=\"{}\" y=\"{bottom}\" text-anchor=\"end\">{y0}</text>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{y1}</text>\n\
             <text x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{name_y}</text>\n\
             <text x=\"{LEFT}\" y=\"{}\" font-size=\"11\">{legend}</text>\n</svg>\n",
            bottom + 20.0,
            LEFT + SIZE,
            bottom + 20.0,
            LEFT + SIZE / 2.0,
            bottom + 40.0,
            LEFT - 8.0,
            LEFT - 8.0,
            TOP + 12.0,
            LEFT - 8.0,
            bottom + 66.0,
        ))
    }

    /// For a raster of the slice: whether each pixel's centre is in the preimage, row by row from the top.
    pub fn raster(&self, answer: &Answer, question: &Question, pixels: usize) -> Vec<Option<bool>> {
        let View::Slice(at) = &self.view else { return Vec::new() };
        let header = &answer.header;
        let [i, j] = self.axes;
        let mut x = at.clone();
        let mut all = Vec::with_capacity(pixels * pixels);
        let place = |k: usize, share: f64| header.lower[k] + (header.upper[k] - header.lower[k]) * share;
        for row in 0..pixels {
            for column in 0..pixels {
                x[i] = place(i, (column as f64 + 0.5) / pixels as f64);
                x[j] = place(j, 1.0 - (row as f64 + 0.5) / pixels as f64);
                all.push(answer.contains(question, &x));
            }
        }
        all
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
