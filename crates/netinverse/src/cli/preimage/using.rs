//! Using an answer: membership, samples, nearest points, pictures.

use std::io::Write as _;
use std::path::Path;

use netinverse_base::{Error, Place, Result, ResultExt as _};
use netinverse_data::{Rows, RowsOptions, files::write_atomically, read_rows, write_rows};
use netinverse_geometry::Norm;
use netinverse_preimage::exact::{ExactAnswer, is_exact};
use netinverse_preimage::{Answer, Picture, Question, View};

use super::arguments::{NearNorm, Using};
use super::{exact, has_extension};
use crate::cli::typed::typed;
use crate::cli::{Outcome, output};
use netinverse::answers::exact::middle as exact_middle;
use netinverse::answers::preimage::{first_axes, json, middle};
use netinverse::pages;

/// Pixels of a picture's side.
const PIXELS: usize = 480;

pub(super) fn run(using: &Using) -> Result<Outcome> {
    let path = match using {
        Using::Contains { answer, .. }
        | Using::Sample { answer, .. }
        | Using::Nearest { answer, .. }
        | Using::Picture { answer, .. } => answer,
    };
    if is_exact(path) {
        return of_exact(using, &ExactAnswer::read(path)?);
    }
    match using {
        Using::Contains { answer: path, points } => {
            let (answer, question) = read(path)?;
            let points = rows(points, answer.header.lower.len())?;
            let mut text = String::new();
            let mut unknown = false;
            for row in 0..points.rows {
                text.push_str(match answer.contains(&question, points.row(row)) {
                    Some(true) => "yes\n",
                    Some(false) => "no\n",
                    None => {
                        unknown = true;
                        "unknown\n"
                    }
                });
            }
            output::print(&text)?;
            Ok(if unknown { Outcome::Unsettled } else { Outcome::Answered })
        }
        Using::Sample { answer: path, count, seed, file } => {
            let (answer, question) = read(path)?;
            let drawn = answer.sample(&question, *count, *seed).at(|| Place::file(path))?;
            let n = answer.header.lower.len();
            match file {
                Some(file) => write_rows(file, &Rows::new(n, drawn.points.concat())?)?,
                None => output::print(&csv(&drawn.points))?,
            }
            Ok(Outcome::Answered)
        }
        Using::Nearest { answer: path, points, norm } => {
            let (answer, question) = read(path)?;
            let points = rows(points, answer.header.lower.len())?;
            let norm = match norm {
                NearNorm::L2 => Norm::L2,
                NearNorm::L1 => Norm::L1,
                NearNorm::Linf => Norm::LInfinity,
            };
            let mut found = Vec::with_capacity(points.rows);
            for row in 0..points.rows {
                let nearest = answer.nearest(&question, points.row(row), norm)?;
                let nearest = nearest.ok_or_else(|| {
                    Error::input("the answer has no inner set")
                        .at(Place::file(path))
                        .hint("pave on: `--resume` with a higher `--coverage`")
                })?;
                found.push(nearest.point);
            }
            output::print(&csv(&found))?;
            Ok(Outcome::Answered)
        }
        Using::Picture { answer: path, axes, at, project, file } => {
            let (answer, question) = read(path)?;
            let n = answer.header.lower.len();
            let axes = pair(axes)?;
            let view = if *project {
                View::Projection
            } else {
                View::Slice(match at {
                    Some(at) => rows(at, n).at(|| Place::Option("--at".into()))?.row(0).to_vec(),
                    None => middle(&answer.header),
                })
            };
            picture(&answer, &question, axes, view, file)?;
            Ok(Outcome::Answered)
        }
    }
}

/// What can be done with an exact answer.
fn of_exact(using: &Using, answer: &ExactAnswer) -> Result<Outcome> {
    let n = answer.header.lower.len();
    let question = answer.question()?;
    match using {
        Using::Contains { points, .. } => {
            let points = rows(points, n)?;
            let known: Vec<Option<bool>> =
                (0..points.rows).map(|row| answer.contains(&question, points.row(row))).collect();
            let word =
                |known: &Option<bool>| known.map_or("unknown\n", |yes| if yes { "yes\n" } else { "no\n" });
            output::print(&known.iter().map(word).collect::<String>())?;
            Ok(if known.contains(&None) { Outcome::Unsettled } else { Outcome::Answered })
        }
        Using::Picture { axes, at, project, file, .. } => {
            if *project {
                return Err(Error::unsupported("the projection of an exact answer")
                    .at(Place::Option("--project".into()))
                    .hint("leave it out for a slice"));
            }
            let at = match at {
                Some(at) => rows(at, n).at(|| Place::Option("--at".into()))?.row(0).to_vec(),
                None => exact_middle(answer),
            };
            exact::picture(answer, pair(axes)?, &at, file)?;
            Ok(Outcome::Answered)
        }
        Using::Sample { .. } | Using::Nearest { .. } => {
            Err(Error::unsupported("drawing from an exact answer, or the nearest point of one")
                .hint("pave the same question without --exact: that answer can be sampled and searched"))
        }
    }
}

fn read(path: &Path) -> Result<(Answer, Question)> {
    let answer = Answer::read(path)?;
    let question = Question::of_header(&answer.header).at(|| Place::file(path))?;
    Ok((answer, question))
}

fn rows(spec: &str, n: usize) -> Result<Rows> {
    read_rows(spec, &RowsOptions { columns: Some(n), ..RowsOptions::default() })
}

fn csv(points: &[Vec<f64>]) -> String {
    let line = |point: &Vec<f64>| {
        let numbers: Vec<String> = point.iter().map(|x| format!("{x:?}")).collect();
        numbers.join(",") + "\n"
    };
    points.iter().map(line).collect()
}

fn pair(text: &str) -> Result<[usize; 2]> {
    let parts: Vec<usize> = text.split(',').filter_map(|part| part.trim().parse().ok()).collect();
    match parts[..] {
        [i, j] if text.split(',').count() == 2 => Ok([i, j]),
        _ => Err(Error::input(format!("`{text}` is not two inputs"))
            .at(Place::Option("--axes".into()))
            .hint("write two inputs counted from 0, such as --axes 0,1")),
    }
}

pub(super) fn is_preimage(path: &Path) -> bool {
    has_extension(path, "preimage")
}

/// Refuses, before any work, a file that could not be written in the end.
pub(super) fn check_file(path: &Path) -> Result<()> {
    if !["preimage", "json", "svg", "png", "html"].iter().any(|extension| has_extension(path, extension)) {
        return Err(Error::input(format!("`{}` has no extension that is known here", path.display()))
            .at(Place::Option("-o".into()))
            .hint("answers are written as .preimage .json .svg .png .html"));
    }
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) if !folder.is_dir() => {
            Err(Error::input(format!("there is no folder `{}`", folder.display()))
                .at(Place::Option("-o".into())))
        }
        _ => Ok(()),
    }
}

/// Writes the answer as its path's extension says; pictures are slices through the middle of the first two inputs.
pub(super) fn save(answer: &Answer, path: &Path) -> Result<()> {
    if is_preimage(path) {
        return answer.write(path);
    }
    if has_extension(path, "json") {
        return write_text(path, json(answer)?.as_bytes());
    }
    let question = Question::of_header(&answer.header)?;
    let Some(axes) = first_axes(&answer.header.lower, &answer.header.upper) else {
        if has_extension(path, "html") {
            return write_text(path, pages::paving(answer, Some(&typed()))?.as_bytes());
        }
        return Err(Error::input("a picture needs two inputs that are not fixed").at(Place::file(path)));
    };
    picture(answer, &question, axes, View::Slice(middle(&answer.header)), path)
}

fn picture(answer: &Answer, question: &Question, axes: [usize; 2], view: View, path: &Path) -> Result<()> {
    let picture = Picture { axes, names: axes.map(|i| format!("x{i}")), view };
    if has_extension(path, "svg") {
        return write_text(path, picture.svg(answer, question)?.as_bytes());
    }
    if has_extension(path, "html") {
        let page = pages::paving_picture(answer, question, &picture, Some(&typed()))?;
        return write_text(path, page.as_bytes());
    }
    if !has_extension(path, "png") {
        return Err(Error::input(format!("`{}` has no extension that is known here", path.display()))
            .at(Place::Option("-o".into()))
            .hint("pictures are written as .svg or .png, with the report around them as .html"));
    }
    if picture.view == View::Projection {
        return Err(Error::unsupported("a projection as .png")
            .at(Place::Option("-o".into()))
            .hint("write it as .svg"));
    }
    // Orange where it is in, white where it is undecided, blue where it is out.
    let value = |known: Option<bool>| known.map_or(0.0, |inside| if inside { 1.0 } else { -0.35 });
    let pixels: Vec<f64> = picture.raster(answer, question, PIXELS).into_iter().map(value).collect();
    write_text(path, &netinverse_report::Picture::signed(PIXELS, PIXELS, &pixels, 1.0).png())
}

fn write_text(path: &Path, bytes: &[u8]) -> Result<()> {
    write_atomically(path, |file| file.write_all(bytes).map_err(|error| Error::io(path, &error)))
}
