//! `netinverse data`.

use std::path::Path;

use netinverse_base::{Budget, Result};
use netinverse_data::{Digits, generated, mnist};

use super::arguments::{DataOptions, DataSet, Limits};
use super::{Console, Outcome, output};

pub(crate) fn run(options: &DataOptions, console: &Console) -> Result<Outcome> {
    match &options.set {
        DataSet::Mnist { mirrors, output: folder } => {
            let folder = match folder {
                Some(folder) => folder.clone(),
                None => mnist::default_cache_folder()?,
            };
            let budget = super::budget(&Limits { seed: 0, threads: None, time_limit: None })?;
            let defaults = mnist::MIRRORS.iter().map(ToString::to_string);
            let mirrors: Vec<_> = if mirrors.is_empty() { defaults.collect() } else { mirrors.clone() };
            mnist::fetch_mnist(&folder, &mirrors, console, &budget)?;
            console.line("MNIST is complete; give the folder to `--data`");
            output::print(&format!("{}\n", folder.display()))?;
            Ok(Outcome::Answered)
        }
    }
}

/// The digits of `--data DIR`, or those that our own code draws.
pub(crate) fn digits(folder: Option<&Path>, budget: &Budget) -> Result<Digits> {
    match folder {
        Some(folder) => mnist::load_mnist(folder),
        None => Ok(generated::generate(budget.seed())),
    }
}
