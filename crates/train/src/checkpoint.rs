//! The state of a training run between two epochs, in one npz file.

use std::path::Path;

use netinverse_base::{Error, Place, Result, ResultExt as _};
use netinverse_data::{Array, Values, files, npz};

use crate::optimizer::Moments;
use crate::{Weight, Weights};

/// Everything that the epochs to come depend on, beside the data and the options.
#[derive(Debug, Clone)]
pub(crate) struct State {
    /// Whole epochs done.
    pub(crate) epoch: usize,
    /// Steps done, in all epochs.
    pub(crate) step: usize,
    /// One for each weight; empty for those that stay.
    pub(crate) moments: Vec<Moments>,
    /// The best weights so far, where some samples are held out.
    pub(crate) best: Option<Best>,
}

/// The weights that did best on samples held out.
#[derive(Debug, Clone)]
pub(crate) struct Best {
    /// The mean objective.
    pub(crate) value: f64,
    /// The epoch after which it was measured, from 1.
    pub(crate) epoch: usize,
    /// The free numbers of each weight.
    pub(crate) free: Vec<Vec<f32>>,
}

/// A number that tells runs apart whose epochs would differ: of the data, the options, the model's shape.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fingerprint(u64);

impl Fingerprint {
    pub(crate) fn new() -> Self {
        Fingerprint(0xcbf2_9ce4_8422_2325)
    }

    /// Mixes in a number.
    pub(crate) fn add(&mut self, bits: u64) {
        self.0 = (self.0 ^ bits).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(29);
    }

    /// Mixes in numbers and how many they are.
    pub(crate) fn add_all(&mut self, values: &[f32]) {
        self.add(values.len() as u64);
        for value in values {
            self.add(u64::from(value.to_bits()));
        }
    }

    /// Mixes in words.
    pub(crate) fn add_text(&mut self, text: &str) {
        text.bytes().for_each(|byte| self.add(u64::from(byte)));
    }
}

/// Writes the state, under a temporary name first.
pub(crate) fn write(path: &Path, fingerprint: Fingerprint, weights: &Weights, state: &State) -> Result<()> {
    let mut arrays: Vec<(String, Array)> = Vec::new();
    let mut push = |name: String, values: &[f32]| -> Result<()> {
        arrays.push((name, Array::new(vec![values.len()], Values::F32(values.to_vec()))?));
        Ok(())
    };
    for (index, weight) in weights.iter().enumerate() {
        if !weights.is_trained(weight) {
            continue;
        }
        push(format!("{index}.numbers"), weights.free_numbers(weight))?;
        let (first, second) = state.moments[index].parts();
        push(format!("{index}.first"), first)?;
        push(format!("{index}.second"), second)?;
        if let Some(best) = &state.best {
            push(format!("{index}.best"), &best.free[index])?;
        }
    }
    let (value, epoch) = state.best.as_ref().map_or((f64::NAN, 0), |best| (best.value, best.epoch));
    let run = [fingerprint.0, state.epoch as u64, state.step as u64, epoch as u64, value.to_bits()];
    arrays.push(("run".into(), Array::new(vec![run.len()], Values::U64(run.to_vec()))?));
    let named: Vec<(&str, &Array)> = arrays.iter().map(|(name, array)| (name.as_str(), array)).collect();
    files::write_atomically(path, |writer| npz::write(writer, &named, false)).at(|| Place::file(path))
}

/// Reads a state of the same run into the weights; `None` where there is no such file.
///
/// # Errors
/// The file is of another run, or damaged.
pub(crate) fn read(
    path: &Path,
    fingerprint: Fingerprint,
    weights: &mut Weights,
    moments: &[Moments],
) -> Result<Option<State>> {
    if !path.exists() {
        return Ok(None);
    }
    let arrays = npz::read(path)?;
    let damaged = |what: &str| {
        Error::input(format!("this is not a checkpoint of a training run: {what}"))
            .at(Place::file(path))
            .hint("name another file, or remove this one to begin anew")
    };
    let find = |name: &str| arrays.iter().find(|(own, _)| own == name).map(|(_, array)| array.values());
    let Some(Values::U64(run)) = find("run") else { return Err(damaged("it has no array `run`")) };
    let &[written, epoch, step, best_epoch, best_value] = &run[..] else {
        return Err(damaged("its array `run` has not five numbers"));
    };
    if written != fingerprint.0 {
        return Err(Error::input("the checkpoint belongs to another training run")
            .at(Place::file(path))
            .hint("data, seed, sizes and options must be those of the run that wrote it")
            .hint("name another file, or remove this one to begin anew"));
    }
    let numbers = |index: usize, part: &str, length: usize| -> Result<Vec<f32>> {
        let name = format!("{index}.{part}");
        match find(&name) {
            Some(Values::F32(values)) if values.len() == length && values.iter().all(|v| v.is_finite()) => {
                Ok(values.clone())
            }
            _ => Err(damaged(&format!("its array `{name}` is not {length} finite numbers"))),
        }
    };
    let mut read_moments = moments.to_vec();
    let mut free: Vec<(Weight, Vec<f32>)> = Vec::new();
    let mut best = Vec::new();
    for (index, weight) in weights.iter().enumerate() {
        let length = weights.free_numbers(weight).len();
        if !weights.is_trained(weight) {
            best.push(weights.free_numbers(weight).to_vec());
            continue;
        }
        free.push((weight, numbers(index, "numbers", length)?));
        let (first, second) = moments[index].parts();
        read_moments[index] =
            Moments::of(numbers(index, "first", first.len())?, numbers(index, "second", second.len())?);
        if best_epoch > 0 {
            best.push(numbers(index, "best", length)?);
        }
    }
    for (weight, values) in free {
        weights.free_numbers_mut(weight).copy_from_slice(&values);
    }
    let best = (best_epoch > 0).then_some(Best {
        value: f64::from_bits(best_value),
        epoch: best_epoch as usize,
        free: best,
    });
    Ok(Some(State { epoch: epoch as usize, step: step as usize, moments: read_moments, best }))
}
