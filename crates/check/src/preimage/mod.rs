//! The claims of a `.preimage` file: the question, every leaf, every piece, every volume.

mod format;
mod leaf;
mod pieces;

use std::fmt::Write as _;

use rayon::prelude::*;

use crate::Context;
use crate::kernel::{Network, Part, Prover, Question, Ranges, Rational, Row, of_box, parse_number, rational};
use crate::question::{Asked, describe};
use crate::report::{Outcome, Report, refuse};
use crate::work::Work;
use format::{File, Header, Kind, Status};

pub(crate) const SCHEMA: &str = "netinverse.preimage/1";

/// The sum of doubles, exactly.
pub(super) fn total(values: impl Iterator<Item = f64>) -> Rational {
    crate::kernel::sum(values)
}

pub(crate) fn check(text: &str, context: &Context, report: &mut Report) -> Result<(), Outcome> {
    let file = format::read(text)?;
    let header = &file.header;
    if header.model.sha256 != context.sha256 {
        return Err(refuse(
            1,
            "model",
            format!("the answer is about a model with the SHA-256 {}", header.model.sha256),
        ));
    }
    let own = &header.asked;
    let asked = context.stated.clone().unwrap_or_else(|| Asked {
        specification: own.spec.clone(),
        condition: own.condition.clone(),
        bounds: own.bounds.clone(),
        output: None,
    });
    let asked = Asked { output: own.output.clone(), ..asked };
    let read = asked.read()?;
    let network = crate::model::network(&context.model, &read.outputs)?;
    let question = asked.question(&read, network.inputs(), network.outputs())?;
    report.question = describe(&question, network.inputs());
    if let Some(output) = &own.output {
        let _ = write!(report.question, "; y is the value `{output}`");
    }
    report.claim = format!("{} <= volume <= {}", header.volume.lower, header.volume.upper);
    if let Some([index, count]) = header.shard {
        let _ = write!(report.claim, " of the leaves of shard {}/{count}", index + 1);
    }
    let rows = same_question(header, &network, &question)?;
    boxes_and_counts(&file, &network)?;
    leaves(&file, &network, &rows, context, report)?;
    volumes(&file)?;
    let (line, hash) = file.end;
    if !hash {
        return Err(refuse(line, "sha256", "the file was changed after it was written"));
    }
    Ok(())
}

/// The header's rows, which are those of the question.
fn same_question(header: &Header, network: &Network, question: &Question) -> Result<Vec<Row>, Outcome> {
    let (n, m) = (network.inputs(), network.outputs());
    let claim = |reason: String| refuse(1, "question", reason);
    let fits = |r: &&format::RowText| r.outputs.len() == m && (r.inputs.is_empty() || r.inputs.len() == n);
    if header.lower.len() != n || header.upper.len() != n || header.bounds.len() != n {
        return Err(claim(format!("the box has {} inputs, the network has {n}", header.lower.len())));
    }
    if !header.rows.iter().all(|r| fits(&r)) {
        return Err(claim("a row has other sizes than the network".into()));
    }
    if header.disjuncts.iter().flatten().any(|&row| row as usize >= header.rows.len()) {
        return Err(claim("a disjunct names a row that does not exist".into()));
    }
    let row = |r: &format::RowText| Row {
        outputs: r.outputs.clone(),
        inputs: r.inputs.clone(),
        inner: r.inner,
        outer: r.outer,
        strict: r.strict,
    };
    let rows: Vec<Row> = header.rows.iter().map(row).collect();
    if header.nodes == 0 {
        // Said to contradict itself.
        return match question.is_covered(n, &[]) {
            Ok(()) => Ok(rows),
            Err(_) => Err(claim("the question does not contradict itself, and no leaf follows".into())),
        };
    }
    if (0..n).any(|i| header.lower[i] > header.upper[i]) {
        return Err(claim("the box is turned inside out".into()));
    }
    let side = |at: usize| -> Result<Vec<Rational>, Outcome> {
        let parse = |(i, pair): (usize, &[String; 2])| {
            parse_number(&pair[at]).ok_or_else(|| claim(format!("`{}` is no bound of x{i}", pair[at])))
        };
        header.bounds.iter().enumerate().map(parse).collect()
    };
    let (lower, upper) = (side(0)?, side(1)?);
    for i in 0..n {
        if lower[i] > upper[i] {
            return Err(claim(format!("the bounds of x{i} are turned inside out")));
        }
        if rational(header.lower[i]) > lower[i] || rational(header.upper[i]) < upper[i] {
            return Err(claim(format!("the box of doubles does not hold the exact bounds of x{i}")));
        }
    }
    let reach = Prover::new(network).reach(&header.lower, &header.upper);
    let ranges = || Ranges { lower: &lower, upper: &upper, outputs: &reach };
    if question
        .is_covered(n, &[Part { ranges: ranges(), rows: &rows, disjuncts: &header.disjuncts }])
        .is_err()
    {
        return Err(claim(
            "the answer is that of another question: it leaves out points that are asked for".into(),
        ));
    }
    // The rows are used on the box of doubles, which is a hair larger than the exact one.
    if question.covers(&ranges(), &rows, &header.disjuncts).is_err() {
        return Err(claim(
            "the answer is that of another question: it takes in points that are not asked for".into(),
        ));
    }
    for (k, row) in header.rows.iter().enumerate() {
        if row.inner > row.outer {
            return Err(claim(format!("row {k} (`{}`) has its constants the wrong way round", row.text)));
        }
    }
    shell(header, &lower, &upper)?;
    Ok(rows)
}

/// By how much the box of doubles is larger than the exact one.
fn shell(header: &Header, lower: &[Rational], upper: &[Rational]) -> Result<(), Outcome> {
    let whole = of_box(&header.lower, &header.upper);
    let mut exact = Rational::ONE;
    for i in (0..lower.len()).filter(|&i| header.lower[i] < header.upper[i]) {
        exact *= upper[i].clone() - lower[i].clone();
    }
    if rational(header.shell) < whole - exact {
        return Err(refuse(1, "shell", "the box of doubles is larger than the exact one by more"));
    }
    Ok(())
}

fn boxes_and_counts(file: &File, network: &Network) -> Result<(), Outcome> {
    let header = &file.header;
    let claim = |claim: &str, reason: &str| Err(refuse(1, claim, reason));
    if (header.pieces.inner, header.pieces.outer) != (file.inner.len(), file.outer.len()) {
        return claim("pieces", "another number of pieces follows");
    }
    if header.nodes == 0 {
        return Ok(());
    }
    let whole = of_box(&header.lower, &header.upper);
    let near = whole.clone() * rational(1.0 + 1e-9);
    let said = rational(header.volume.whole);
    if said < whole || said > near {
        return claim("volume.box", "the box has another volume");
    }
    let free = (0..network.inputs()).filter(|&i| header.lower[i] < header.upper[i]).count();
    if header.volume.dimensions != free {
        return claim("volume.dimensions", "another number of inputs is free");
    }
    Ok(())
}

fn leaves(
    file: &File,
    network: &Network,
    rows: &[Row],
    context: &Context,
    report: &mut Report,
) -> Result<(), Outcome> {
    let work = Work::new(context.stop.clone());
    let inner = pieces::inner(&file.inner, &file.header.lower, &file.header.upper)?;
    let outer = pieces::outer(&file.outer, &file.header.lower, &file.header.upper)?;
    let check = |prover: &mut Prover, leaf: &format::Leaf| -> Option<Outcome> {
        if let Some(end) = work.stopped() {
            return Some(end);
        }
        let mut own = 0;
        let result = leaf::check(prover, leaf, rows, &file.header.disjuncts, &mut own)
            .and_then(|()| pieces::inside(&inner, leaf, rows, &file.header.disjuncts))
            .and_then(|()| pieces::covered(&outer, leaf, rows, &file.header.disjuncts));
        work.add(own);
        result.err()
    };
    let failure = file
        .leaves
        .par_iter()
        .with_min_len(8)
        .map_init(|| Prover::new(network), |prover, leaf| check(prover, leaf))
        .find_map_first(|failure| failure);
    report.checked.leaves = file.leaves.len();
    report.checked.pieces = file.inner.len() + file.outer.len();
    report.checked.boxes = work.boxes();
    failure.map_or(Ok(()), Err)?;
    pieces::volumes(&file.inner, &file.outer)
}

fn volumes(file: &File) -> Result<(), Outcome> {
    let header = &file.header;
    let own = |leaf: &format::Leaf, side: usize| match &leaf.kind {
        Kind::In(v) => v[side],
        Kind::Cut(cut) => cut.v[side],
        Kind::Out(_) | Kind::Elsewhere => 0.0,
    };
    let sum = |side: usize| total(file.leaves.iter().map(|leaf| own(leaf, side)));
    let (inner, outer) = (sum(0), sum(1));
    let (lower, upper) = (rational(header.volume.lower), rational(header.volume.upper));
    let floor = (inner - rational(header.shell)).max(Rational::ZERO);
    if lower > floor {
        return Err(refuse(1, "volume.lower", "the leaves' inner volumes are less"));
    }
    if upper < outer {
        return Err(refuse(1, "volume.upper", "the leaves' outer volumes are more"));
    }
    let fits = match header.coverage {
        Some(coverage) => coverage >= 0.0 && rational(coverage) * upper.clone() <= lower,
        None => upper == Rational::ZERO,
    };
    if !fits {
        return Err(refuse(1, "coverage", "it is not the quotient of the volumes, rounded down"));
    }
    let out = |leaf: &format::Leaf| matches!(leaf.kind, Kind::Out(_));
    if header.status == Status::Empty && !file.leaves.iter().all(out) {
        return Err(refuse(1, "status", "it says empty, and not every leaf is out"));
    }
    let sum = |list: &[format::Piece], side: usize| total(list.iter().map(|piece| piece.volume[side]));
    if rational(header.pieces_lower) > sum(&file.inner, 0) {
        return Err(refuse(1, "pieces_lower", "the inner pieces' volumes are less"));
    }
    match header.pieces_upper {
        Some(upper) if rational(upper) < sum(&file.outer, 1) => {
            Err(refuse(1, "pieces_upper", "the outer pieces' volumes are more"))
        }
        None if !file.outer.is_empty() => Err(refuse(1, "pieces_upper", "it is missing")),
        _ => Ok(()),
    }
}
