//! The claims of a `.preimage` file: the question, every leaf, every piece, every volume.

mod format;
mod leaf;
mod pieces;
mod stated;

use std::fmt::Write as _;

use rayon::prelude::*;

use crate::Context;
use crate::kernel::{Network, Prover, Rational, Row, of_box, rational};
use crate::report::{Outcome, Report, refuse};
use crate::work::Work;
use format::{File, Header, Kind};
pub(crate) use stated::{Asked, Model, RowText, Same, Stated, Status};

pub(crate) const SCHEMA: &str = "netinverse.preimage/1";

/// The sum of doubles, exactly.
pub(super) fn total(values: impl Iterator<Item = f64>) -> Rational {
    crate::kernel::sum(values)
}

pub(crate) fn check(text: &str, context: &Context, report: &mut Report) -> Result<(), Outcome> {
    let file = format::read(text)?;
    let header = &file.header;
    header.model.is_that_of(context)?;
    let own = &header.asked;
    let (network, question) = own.read(context, false)?;
    report.question = own.words(&question, network.inputs());
    report.claim = format!("{} <= volume <= {}", header.volume.lower, header.volume.upper);
    if let Some([index, count]) = header.shard {
        let _ = write!(report.claim, " of the leaves of shard {}/{count}", index + 1);
    }
    let stated = Stated {
        bounds: &header.bounds,
        lower: &header.lower,
        upper: &header.upper,
        rows: &header.rows,
        disjuncts: &header.disjuncts,
        nothing: header.nodes == 0,
    };
    let Same { rows, lower, upper } = stated.same(&network, &question)?;
    if header.nodes > 0 {
        shell(header, &lower, &upper)?;
    }
    boxes_and_counts(&file, &network)?;
    leaves(&file, &network, &rows, context, report)?;
    volumes(&file)?;
    let (line, hash) = file.end;
    if !hash {
        return Err(refuse(line, "sha256", "the file was changed after it was written"));
    }
    Ok(())
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
