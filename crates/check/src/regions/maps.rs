//! The claims of linear regions: phases, affine maps, signs of determinants; and of folds.

use std::collections::{HashMap, HashSet};
use std::ptr;

use rayon::prelude::*;

use crate::kernel::{Dyadic, ExactForm, Rational, rational};
use crate::report::{Outcome, refuse};

use super::Found;
use super::cells::{Cell, Region as Whole};
use super::claims::{Homes, Shape};
use super::cover::{Cover, Effort, covered};
use super::format::{File, Region};
use super::parts::Part;

/// Checks the regions that the file lists, and that its pieces lie in those that they name.
pub(super) fn regions(file: &File, found: &Found, homes: &Homes) -> Result<(), Outcome> {
    for piece in &file.pieces {
        let count = if file.regions.is_empty() { file.header.regions } else { file.regions.len() };
        if piece.regions.is_empty() || piece.regions.iter().any(|&r| r >= count) {
            return Err(refuse(piece.line, "regions", "it names none, or one that does not exist"));
        }
    }
    if file.regions.is_empty() {
        return if file.header.all_regions && !found.regions.is_empty() {
            Err(refuse(1, "regions", "all are promised, and none follows"))
        } else {
            Ok(())
        };
    }
    let groups = Groups::new(found);
    let checked: Vec<Result<usize, Outcome>> =
        file.regions.par_iter().map(|region| one(region, found, &groups)).collect();
    let own: Vec<usize> = checked.into_iter().collect::<Result<_, _>>()?;
    let mut distinct: Vec<&str> = file.regions.iter().map(|region| &region.phases[..]).collect();
    distinct.sort_unstable();
    if let Some(&[twice, _]) = distinct.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(refuse(1, "regions", format!("one is listed twice: {twice}")));
    }
    for (piece, parts) in file.pieces.iter().zip(&homes.of_piece) {
        // A face may lie in several regions, of which one is named; and what lies in two pieces, within their errors, is named by
        // one.
        let (full, of) = (found.setting.free(), |part: &Part| groups.of[part.region]);
        let named = |part: &Part| {
            part.dimension < full
                || !part.certain
                || homes.between.contains(&ptr::from_ref(part))
                || piece.regions.iter().any(|&r| own[r] == of(part))
        };
        let holds = |r: &usize| !piece.certain || parts.iter().any(|part| of(part) == own[*r]);
        if !parts.iter().all(|part| named(part)) || !piece.regions.iter().all(holds) {
            return Err(refuse(piece.line, "regions", "it lies in others than those that it names"));
        }
    }
    if file.header.all_regions {
        tiles(file, found, &groups, &own)?;
    }
    for fold in &file.folds {
        let sign = |r: usize| file.regions.get(r).and_then(|region| region.determinant);
        let [a, b] = fold.regions.map(sign);
        if a.is_none() || b.is_none() || a == b {
            return Err(refuse(fold.line, "fold", "the determinant does not change its sign there"));
        }
    }
    Ok(())
}

/// Whether the listed regions, each in the cells that have its phases, cover the box.
fn tiles(file: &File, found: &Found, groups: &Groups, own: &[usize]) -> Result<(), Outcome> {
    let setting = &found.setting;
    let (lower, upper) = (&setting.lower, &setting.upper);
    let shape = |region: &Region| {
        let shape = Shape::new(&region.rows, &region.vertices, lower, upper);
        shape.ok_or_else(|| refuse(region.line, "region", "a number is not finite, or an error below 0"))
    };
    let shapes: Vec<Shape> = file.regions.iter().map(shape).collect::<Result<_, _>>()?;
    let cover = |cell: usize| {
        let Cell { walls, lower, upper, .. } = &found.regions[cell].cell;
        Cover { walls, lower, upper }
    };
    let misplaced = (0..shapes.len()).into_par_iter().find_map_first(|k| {
        let covers: Vec<Cover> = groups.members[own[k]].iter().map(|&cell| cover(cell)).collect();
        let point = covered(&shapes[k].inner, lower, upper, &covers, Effort::few(setting.enclosed)).err()?;
        let reason = format!("its half-spaces are not those of its phases, near x = {point:?}");
        Some(refuse(file.regions[k].line, "region", reason))
    });
    misplaced.map_or(Ok(()), Err)?;
    if file.header.open > 0 {
        return Ok(());
    }
    let missed = (0..found.regions.len()).into_par_iter().find_map_first(|cell| {
        // Where hyperplanes are enclosed, rounding may leave a cell between two that meet.
        let listed = (0..shapes.len()).filter(|&k| setting.enclosed || own[k] == groups.of[cell]);
        let covers: Vec<Cover> = listed.map(|k| shapes[k].cover()).collect();
        let own = cover(cell);
        covered(own.walls, own.lower, own.upper, &covers, Effort::few(setting.enclosed)).err()
    });
    missed.map_or(Ok(()), |point| {
        Err(refuse(1, "regions", format!("a part of the box is in none that is listed, near x = {point:?}")))
    })
}

/// Cells in groups that share the phases of all elements that matter: the network is one map on each group.
struct Groups {
    by_phases: HashMap<String, usize>,
    members: Vec<Vec<usize>>,
    /// The group of each cell.
    of: Vec<usize>,
    /// The sets of elements that matter, each once.
    masks: Vec<Vec<bool>>,
}

/// More sets of elements that matter than these are not looked through.
const MOST_MASKS: usize = 4096;

impl Groups {
    fn new(found: &Found) -> Self {
        let mut groups =
            Groups { by_phases: HashMap::new(), members: Vec::new(), of: Vec::new(), masks: Vec::new() };
        let mut known = HashSet::new();
        for (index, Whole { cell, .. }) in found.regions.iter().enumerate() {
            let mask = found.setting.relevant(cell);
            let next = groups.members.len();
            let group = *groups.by_phases.entry(phases(cell, &mask)).or_insert(next);
            if group == next {
                groups.members.push(Vec::new());
            }
            groups.members[group].push(index);
            groups.of.push(group);
            if known.len() < MOST_MASKS && known.insert(mask.clone()) {
                groups.masks.push(mask);
            }
        }
        groups
    }

    /// The group of phases as they are written, in which elements that do not matter may have one.
    fn find(&self, text: &str) -> Option<usize> {
        if let Some(&group) = self.by_phases.get(text) {
            return Some(group);
        }
        let digits: Vec<char> = text.chars().collect();
        self.masks.iter().filter(|mask| mask.len() == digits.len()).find_map(|mask| {
            let masked: String =
                digits.iter().zip(mask).map(|(&digit, &matters)| if matters { digit } else { '?' }).collect();
            self.by_phases.get(&masked).copied()
        })
    }
}

/// The phases of elements that matter; `?` for others.
fn phases(cell: &Cell, mask: &[bool]) -> String {
    let digit = |unit: usize| {
        let (first, last) = cell.phases.of(unit);
        let known = mask[unit] && first == last;
        known.then(|| char::from_digit(u32::from(first), 36)).flatten().unwrap_or('?')
    };
    (0..mask.len()).map(digit).collect()
}

/// One region: the group of its phases.
fn one(region: &Region, found: &Found, groups: &Groups) -> Result<usize, Outcome> {
    let claim = |claim: &str, reason: String| Err(refuse(region.line, claim, reason));
    let Some(group) = groups.find(&region.phases) else {
        return claim("phases", "no region that meets the question has them".into());
    };
    let setting = &found.setting;
    let members = &groups.members[group];
    let (n, m) = (setting.lower.len(), setting.network.outputs());
    if region.map.len() != m || region.errors.len() != m || region.map.iter().any(|row| row.len() != n + 1) {
        return claim("map", "it has other sizes than the network".into());
    }
    let exact = |j: usize| setting.output(&found.regions[members[0]].cell, j);
    for j in 0..m {
        let (row, error) = (&region.map[j], region.errors[j]);
        if !row.iter().chain([&error]).all(|v| v.is_finite()) || error < 0.0 {
            return claim("map", format!("a number of output {j} is not finite, or its error below 0"));
        }
        let map = ExactForm::of(&row[..n], row[n]);
        let near = |least: Dyadic| -least.to_rational() <= rational(error);
        // The forms in doubles that are below the output and its negation, less the map or its negation.
        let rounded = members.iter().all(|&index| {
            let Cell { below, lower, upper, .. } = &found.regions[index].cell;
            [(2 * j, &map), (2 * j + 1, &map.negated())].into_iter().all(|(k, map)| {
                let own = &below[k * (n + 1)..][..=n];
                if !own.iter().all(|v| v.is_finite()) {
                    return false;
                }
                let mut gap = ExactForm::of(&own[..n], own[n]);
                gap.subtract(&Dyadic::of(1.0), map);
                near(gap.least(lower, upper))
            })
        });
        if rounded {
            continue;
        }
        if setting.enclosed {
            return claim("map", format!("output {j} is off by more than its error"));
        }
        let Some(mut gap) = exact(j) else {
            return claim("map", "an element that matters is in no one phase".into());
        };
        gap.subtract(&Dyadic::of(1.0), &map);
        let within = |form: &ExactForm| {
            members
                .iter()
                .map(|&index| &found.regions[index].cell)
                .all(|c| near(form.least(&c.lower, &c.upper)))
        };
        if !within(&gap) || !within(&gap.negated()) {
            return claim("map", format!("output {j} is off by more than its error"));
        }
    }
    if let Some(said) = region.determinant {
        let free: Vec<usize> = (0..n).filter(|&i| setting.lower[i] < setting.upper[i]).collect();
        if free.len() != m {
            return claim("determinant", "there is none: not as many outputs as free inputs".into());
        }
        let row = |j: usize| -> Option<Vec<Rational>> {
            let form = exact(j)?;
            Some(free.iter().map(|&i| form.slopes[i].to_rational()).collect())
        };
        let Some(rows) = (0..m).map(row).collect() else {
            return claim("determinant", "an element that matters is in no one phase".into());
        };
        if determinant_sign(rows) != said {
            return claim("determinant", "it has another sign".into());
        }
    }
    Ok(group)
}

fn determinant_sign(mut rows: Vec<Vec<Rational>>) -> i8 {
    let n = rows.len();
    let mut sign = 1;
    for column in 0..n {
        let Some(pivot) = (column..n).find(|&r| rows[r][column] != Rational::ZERO) else { return 0 };
        if pivot != column {
            rows.swap(pivot, column);
            sign = -sign;
        }
        if rows[column][column] < Rational::ZERO {
            sign = -sign;
        }
        for r in column + 1..n {
            let factor = &rows[r][column] / &rows[column][column];
            for k in column..n {
                let take = &factor * &rows[column][k];
                rows[r][k] -= take;
            }
        }
    }
    sign
}
