//! The claims of linear regions: phases, affine maps, signs of determinants; and of folds.

use rayon::prelude::*;

use crate::kernel::{Dyadic, ExactForm, Rational, rational};
use crate::report::{Outcome, refuse};

use super::Found;
use super::cells::{Cell, Region as Whole};
use super::claims::describes;
use super::format::{File, Region};
use super::parts::Part;

/// Checks the regions that the file lists, and that its pieces lie in those that they name.
pub(super) fn regions(file: &File, found: &Found, homes: &[Vec<&Part>]) -> Result<(), Outcome> {
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
    if file.header.all_regions && file.header.open == 0 && file.regions.len() != found.regions.len() {
        let reason = format!("the box has {} of them", found.regions.len());
        return Err(refuse(1, "regions", reason));
    }
    let by_phases = ByPhases::new(found);
    let checked: Vec<Result<usize, Outcome>> =
        file.regions.par_iter().map(|region| one(region, file, found, &by_phases)).collect();
    let own: Vec<usize> = checked.into_iter().collect::<Result<_, _>>()?;
    let mut distinct = own.clone();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() != own.len() {
        return Err(refuse(1, "regions", "one is listed twice"));
    }
    for (piece, parts) in file.pieces.iter().zip(homes) {
        let named = |part: &&&Part| piece.regions.iter().any(|&r| own[r] == part.region);
        let holds = |r: &usize| parts.iter().any(|part| part.region == own[*r]);
        if !parts.iter().all(|part| named(&part)) || !piece.regions.iter().all(|r| holds(r)) {
            return Err(refuse(piece.line, "regions", "it lies in others than those that it names"));
        }
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

/// Regions by their phases: `?` for elements that do not matter.
struct ByPhases {
    own: std::collections::HashMap<String, usize>,
    /// Which elements matter anywhere in each set of regions that is keyed alike.
    masks: Vec<Vec<bool>>,
}

impl ByPhases {
    fn new(found: &Found) -> Self {
        let mut own = std::collections::HashMap::new();
        let mut masks: Vec<Vec<bool>> = Vec::new();
        for (index, Whole { cell, .. }) in found.regions.iter().enumerate() {
            let mask = found.setting.relevant(cell);
            own.insert(phases(cell, &mask), index);
            if !masks.contains(&mask) && masks.len() < 4096 {
                masks.push(mask);
            }
        }
        ByPhases { own, masks }
    }

    fn find(&self, text: &str) -> Option<usize> {
        if let Some(&index) = self.own.get(text) {
            return Some(index);
        }
        let digits: Vec<char> = text.chars().collect();
        self.masks.iter().filter(|mask| mask.len() == digits.len()).find_map(|mask| {
            let masked: String =
                digits.iter().zip(mask).map(|(&digit, &matters)| if matters { digit } else { '?' }).collect();
            self.own.get(&masked).copied()
        })
    }
}

fn phases(cell: &Cell, mask: &[bool]) -> String {
    let digit = |unit: usize| {
        let (first, last) = cell.phases.of(unit);
        let known = mask[unit] && first == last;
        known.then(|| char::from_digit(u32::from(first), 36)).flatten().unwrap_or('?')
    };
    (0..mask.len()).map(digit).collect()
}

/// One region: the index of the one that was found.
fn one(region: &Region, file: &File, found: &Found, by_phases: &ByPhases) -> Result<usize, Outcome> {
    let claim = |claim: &str, reason: String| Err(refuse(region.line, claim, reason));
    let Some(index) = by_phases.find(&region.phases) else {
        return claim("phases", "no region that meets the question has them".into());
    };
    let (Whole { cell, outputs }, setting) = (&found.regions[index], &found.setting);
    let (n, m) = (setting.lower.len(), setting.network.outputs());
    if region.map.len() != m || region.errors.len() != m || region.map.iter().any(|row| row.len() != n + 1) {
        return claim("map", "it has other sizes than the network".into());
    }
    let mut forms = Vec::new();
    for j in 0..m {
        let Some(form) = &outputs[j] else {
            return claim("map", "an element that matters is in no one phase".into());
        };
        let (row, error) = (&region.map[j], region.errors[j]);
        if !row.iter().chain([&error]).all(|v| v.is_finite()) || error < 0.0 {
            return claim("map", format!("a number of output {j} is not finite, or its error below 0"));
        }
        let mut gap = form.clone();
        gap.subtract(&Dyadic::of(1.0), &ExactForm::of(&row[..n], row[n]));
        let low = gap.least(&cell.lower, &cell.upper).to_rational();
        let high = gap.negated().least(&cell.lower, &cell.upper).to_rational();
        if -low > rational(error) || -high > rational(error) {
            return claim("map", format!("output {j} is off by more than its error"));
        }
        forms.push(form);
    }
    if let Some(said) = region.determinant {
        let free: Vec<usize> = (0..n).filter(|&i| setting.lower[i] < setting.upper[i]).collect();
        if free.len() != m {
            return claim("determinant", "there is none: not as many outputs as free inputs".into());
        }
        let rows: Vec<Vec<Rational>> = forms
            .iter()
            .map(|form| free.iter().map(|&i| form.slopes[i].to_rational()).collect())
            .collect();
        if determinant_sign(rows) != said {
            return claim("determinant", "it has another sign".into());
        }
    }
    if file.header.all_regions {
        let own = (&cell.walls[..], &cell.lower[..], &cell.upper[..]);
        if !describes(&region.rows, &region.vertices, own, (&setting.lower, &setting.upper)) {
            return claim("region", "its half-spaces are not those of its phases".into());
        }
    }
    Ok(index)
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
