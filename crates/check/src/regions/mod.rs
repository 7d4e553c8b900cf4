//! The claims of an exact answer: its polytopes are the preimage, their volumes, the affine maps of its regions.
//!
//! The linear regions that meet what is asked for are found anew (`cells`), and what each has of it is a polytope without rounding
//! (`parts`). Every part must lie in the answer's pieces, and every piece in the parts, to within the errors that it states.

mod cells;
mod claims;
mod cover;
mod cuts;
mod enclosed;
mod format;
mod maps;
mod parts;
mod polytope;
mod simplex;
mod target;

use std::sync::Arc;

use rayon::prelude::*;

use crate::Context;
use crate::kernel::{Phases, Prover, Rational, Wall, is_exact};
use crate::preimage::{Same, Stated, Status};
use crate::report::{Outcome, Report, Trouble, refuse};
use crate::work::Work;
use cells::{Cell, Expanded, Region, Setting};
use format::{Arithmetic, File};
use parts::Part;

pub(crate) const SCHEMA: &str = "netinverse.preimage-exact/1";

/// Cells that may be looked at.
const MOST_CELLS: usize = 4_000_000;
/// Cells that are looked at together.
const TOGETHER: usize = 2048;
/// Inputs that may be free.
const MOST_FREE: usize = 12;

/// The linear regions that meet what is asked for, and their parts.
#[derive(Debug)]
struct Found<'a> {
    setting: Setting<'a>,
    /// The sides of the exact box.
    sides: Vec<Arc<Wall>>,
    regions: Vec<Region>,
    parts: Vec<Part>,
}

pub(crate) fn check(text: &str, context: &Context, report: &mut Report) -> Result<(), Outcome> {
    let file = format::read(text)?;
    let header = &file.header;
    header.model.is_that_of(context)?;
    let (network, question) = header.asked.read(context, header.all_regions)?;
    report.question = header.asked.words(&question, network.inputs());
    report.claim =
        format!("{} polytopes, {} <= volume <= {}", header.pieces, header.volume.lower, header.volume.upper);
    let stated = Stated {
        bounds: &header.bounds,
        lower: &header.lower,
        upper: &header.upper,
        rows: &header.rows,
        disjuncts: &header.disjuncts,
        nothing: header.status == Status::Empty && question.is_covered(network.inputs(), &[]).is_ok(),
    };
    let same = stated.same(&network, &question)?;
    counts(&file)?;
    if !stated.nothing {
        let fixed = |i: &usize| same.lower[*i] == same.upper[*i] && header.lower[*i] < header.upper[*i];
        if let Some(i) = (0..header.lower.len()).find(fixed) {
            let why = format!("x{i} is fixed at a number that is no double");
            return Err(Trouble::not_checkable(why).into());
        }
        let (targets, disjuncts) = target::targets(&question, &network, &same.lower, &same.upper)?;
        let setting = Setting {
            network: &network,
            targets,
            disjuncts,
            lower: header.lower.clone(),
            upper: header.upper.clone(),
            all: header.all_regions,
            maps: !file.regions.is_empty(),
            enclosed: header.arithmetic == Arithmetic::Enclosed,
        };
        let found = find(setting, &same, context, report)?;
        if let Some(outcome) = Work::new(context.stop.clone()).stopped() {
            return Err(outcome);
        }
        let homes = claims::pieces(&file, &found, &same)?;
        maps::regions(&file, &found, &homes)?;
        report.checked.leaves = found.regions.len();
    } else if !file.pieces.is_empty() || header.volume.upper != 0.0 {
        return Err(refuse(1, "status", "nothing satisfies the question, and pieces follow"));
    }
    report.checked.pieces = file.pieces.len();
    let (line, hash) = file.end;
    if !hash {
        return Err(refuse(line, "sha256", "the file was changed after it was written"));
    }
    Ok(())
}

/// What can be counted in the file alone.
fn counts(file: &File) -> Result<(), Outcome> {
    let header = &file.header;
    let claim = |claim: &str, reason: &str| Err(refuse(1, claim, reason));
    if header.pieces != file.pieces.len() {
        return claim("pieces", "another number of pieces follows");
    }
    if !file.regions.is_empty() && header.regions != file.regions.len() {
        return claim("regions", "another number of regions follows");
    }
    if (header.status == Status::Partial) != (header.open > 0) {
        return claim("status", "cells are open, or none is, and the status says otherwise");
    }
    if header.status == Status::Empty && !file.pieces.is_empty() {
        return claim("status", "it says empty, and pieces follow");
    }
    Ok(())
}

/// The linear regions and parts, found anew.
fn find<'a>(
    setting: Setting<'a>,
    same: &Same,
    context: &Context,
    report: &mut Report,
) -> Result<Found<'a>, Outcome> {
    let work = Work::new(context.stop.clone());
    let network = setting.network;
    let not = |why: &str| Outcome::from(Trouble::not_checkable(why));
    let phases = Phases::all(network).filter(|_| setting.enclosed || is_exact(network, true));
    let Some(phases) = phases else {
        return Err(not(
            "the network has functions that are not made of lines, or constants that are not exact",
        ));
    };
    if setting.free() > MOST_FREE {
        return Err(not("more than 12 inputs are free"));
    }
    let sides: Vec<Arc<Wall>> = target::sides(&same.lower, &same.upper)
        .iter()
        .map(|side| Arc::new(setting.wall(side, false)))
        .collect();
    let root = Cell {
        walls: sides.clone(),
        lower: setting.lower.clone(),
        upper: setting.upper.clone(),
        phases,
        alive: (0..setting.disjuncts.len()).collect(),
        held: Vec::new(),
        below: Vec::new(),
        rows: Vec::new(),
    };
    let (mut stack, mut regions, mut count) = (vec![root], Vec::new(), 0);
    while !stack.is_empty() {
        if let Some(outcome) = work.stopped() {
            return Err(outcome);
        }
        let some = stack.split_off(stack.len().saturating_sub(TOGETHER));
        count += some.len();
        if count > MOST_CELLS {
            return Err(refuse(1, "regions", "it does not follow: too many cells to look at"));
        }
        let expanded: Vec<Expanded> = some
            .into_par_iter()
            .map_init(|| Prover::new(network), |prover, cell| setting.expand(cell, prover))
            .collect();
        for expanded in expanded {
            match expanded {
                Expanded::Out => {}
                Expanded::Split(children) => stack.extend(children),
                Expanded::Whole(cell) => regions.push(*cell),
                Expanded::Unknown => return Err(not("numbers are too large to be bounded")),
            }
        }
    }
    report.checked.boxes = count as u64;
    let regions: Vec<Region> = regions.into_par_iter().map(|cell| setting.region(cell)).collect();
    let parts = |(index, region): (usize, &Region)| {
        if setting.enclosed {
            return setting.enclosed_parts(&region.cell, index).map_err(not);
        }
        setting.parts(region, index).ok_or_else(|| not("a form of the question is out of reach"))
    };
    let parts: Vec<Vec<Part>> = regions.par_iter().enumerate().map(parts).collect::<Result<_, Outcome>>()?;
    Ok(Found { setting, sides, regions, parts: parts.into_iter().flatten().collect() })
}

/// A fraction as it is written.
fn fraction(text: &str) -> Option<Rational> {
    crate::kernel::parse_number(text)
}
