//! The picture of an exact answer in two inputs: its polytopes, the linear regions around them, and the target's boundary.

use std::fmt::Write as _;

use netinverse_base::{Error, Result};

use super::answer::{ExactAnswer, Origin, PieceText};

const SIZE: f64 = 480.0;
const LEFT: f64 = 64.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 84.0;

const STYLE: &str = "svg{background:#fff;font:13px system-ui,sans-serif;color:#222}\
.in{fill:#3a8a4d;fill-opacity:.75;stroke:#fff;stroke-width:.4}.maybe{fill:#f2b544;stroke:#f2b544}\
.region{fill:none;stroke:#8a93a3;stroke-width:.5}.edge{stroke:#17391f;stroke-width:1.8;fill:none;stroke-linecap:round}\
.fold{stroke:#c0392b;stroke-width:1.6;fill:none}.dot{fill:#17391f}.frame{fill:none;stroke:#888}text{fill:#222}\
@media(prefers-color-scheme:dark){svg{background:#16181d}text{fill:#ddd}.in{fill:#5cb874;stroke:#16181d}\
.edge{stroke:#b9f0c8}.dot{fill:#b9f0c8}}";

impl ExactAnswer {
    /// The picture of two inputs as an SVG document; all others are those of `at`.
    ///
    /// # Errors
    /// Axes that do not exist, are the same or fixed.
    pub fn svg(&self, axes: [usize; 2], at: &[f64]) -> Result<String> {
        let header = &self.header;
        let n = header.lower.len();
        let [i, j] = axes;
        if i >= n || j >= n || i == j || at.len() != n {
            return Err(Error::input(format!("inputs {i} and {j} do not span a picture of {n} inputs"))
                .hint("give two different inputs, counted from 0"));
        }
        let ([x0, x1], [y0, y1]) = ([header.lower[i], header.upper[i]], [header.lower[j], header.upper[j]]);
        if x0 == x1 || y0 == y1 {
            return Err(
                Error::input("a fixed input has no extent to draw").hint("choose inputs with lo < hi")
            );
        }
        let point = |[x, y]: [f64; 2]| {
            (LEFT + SIZE * (x - x0) / (x1 - x0), TOP + SIZE * (1.0 - (y - y0) / (y1 - y0)))
        };
        let mut canvas = Canvas { shapes: String::new(), point: &point };
        // With two free inputs the polygons are the vertices; else they are slices.
        let plane = header.volume.dimensions == 2;
        for region in &self.regions {
            if plane && region.vertices.len() > 2 {
                canvas.polygon(&around(&project(&region.vertices, axes)), "region");
            }
        }
        for piece in &self.pieces {
            let class = if piece.certain { "in" } else { "maybe" };
            if plane {
                let corners = around(&project(&piece.vertices, axes));
                match piece.dimension {
                    2 => {
                        canvas.polygon(&corners, class);
                    }
                    1 => canvas.line(&corners, "edge"),
                    _ => canvas.dot(corners[0]),
                }
            } else {
                canvas.polygon(&piece.polytope(0.0)?.slice(at, i, j), class);
            }
        }
        if plane {
            for piece in self.pieces.iter().filter(|piece| piece.dimension == 2) {
                for edge in boundary(piece, axes) {
                    canvas.line(&edge, "edge");
                }
            }
            for fold in &self.folds {
                canvas.line(&project(&fold.vertices, axes), "fold");
            }
        }
        let shapes = canvas.shapes;
        let mut legend = String::from("green: the preimage");
        if !self.regions.is_empty() {
            legend.push_str(" · grey: linear regions");
        }
        if !self.folds.is_empty() {
            legend.push_str(" · red: the determinant changes its sign");
        }
        let (width, height) = (LEFT + SIZE + 24.0, TOP + SIZE + BOTTOM);
        let (bottom, middle) = (TOP + SIZE, TOP + SIZE / 2.0);
        Ok(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
             aria-label=\"{legend}\">\n<style>{STYLE}</style>\n{shapes}\
             <rect class=\"frame\" x=\"{LEFT}\" y=\"{TOP}\" width=\"{SIZE}\" height=\"{SIZE}\"/>\n\
             <text x=\"{LEFT}\" y=\"{}\">{x0}</text><text x=\"{}\" y=\"{}\" text-anchor=\"end\">{x1}</text>\n\
             <text x=\"{}\" y=\"{}\" text-anchor=\"middle\">x{i}</text>\n\
             <text x=\"{}\" y=\"{bottom}\" text-anchor=\"end\">{y0}</text>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{y1}</text>\n\
             <text x=\"{}\" y=\"{middle}\" text-anchor=\"end\">x{j}</text>\n\
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
}

struct Canvas<'a> {
    shapes: String,
    point: &'a dyn Fn([f64; 2]) -> (f64, f64),
}

impl Canvas<'_> {
    fn polygon(&mut self, corners: &[[f64; 2]], class: &str) {
        if corners.len() > 2 {
            self.path("polygon", corners, class);
        }
    }

    fn line(&mut self, corners: &[[f64; 2]], class: &str) {
        if corners.len() > 1 {
            self.path("polyline", corners, class);
        }
    }

    fn path(&mut self, shape: &str, corners: &[[f64; 2]], class: &str) {
        let _ = write!(self.shapes, "<{shape} class=\"{class}\" points=\"");
        for &corner in corners {
            let (x, y) = (self.point)(corner);
            let _ = write!(self.shapes, "{x:.2},{y:.2} ");
        }
        self.shapes.push_str("\"/>\n");
    }

    fn dot(&mut self, at: [f64; 2]) {
        let (x, y) = (self.point)(at);
        let _ = writeln!(self.shapes, "<circle class=\"dot\" cx=\"{x:.2}\" cy=\"{y:.2}\" r=\"3\"/>");
    }
}

fn project(vertices: &[Vec<f64>], [i, j]: [usize; 2]) -> Vec<[f64; 2]> {
    vertices.iter().map(|vertex| [vertex[i], vertex[j]]).collect()
}

/// The corners of a convex polygon in turn.
fn around(corners: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let count = corners.len() as f64;
    let middle = [0, 1].map(|k| corners.iter().map(|corner| corner[k]).sum::<f64>() / count);
    let angle = |corner: &[f64; 2]| (corner[1] - middle[1]).atan2(corner[0] - middle[0]);
    let mut sorted = corners.to_vec();
    sorted.sort_by(|a, b| angle(a).total_cmp(&angle(b)));
    sorted
}

/// The edges of a polygon that rows of the target make.
fn boundary(piece: &PieceText, axes: [usize; 2]) -> Vec<Vec<[f64; 2]>> {
    let rows = piece.rows.iter().filter(|row| matches!(row.of, Origin::Row(_)));
    let largest =
        |row: &super::answer::ExactRow| row.slopes.iter().fold(row.constant.abs(), |a, s| a.max(s.abs()));
    rows.map(|row| {
        let on = piece.vertices.iter().filter(|vertex| {
            let value: f64 = row.slopes.iter().zip(*vertex).map(|(a, x)| a * x).sum::<f64>() + row.constant;
            value.abs() <= row.error + 1e-9 * largest(row)
        });
        on.map(|vertex| [vertex[axes[0]], vertex[axes[1]]]).collect()
    })
    .collect()
}
