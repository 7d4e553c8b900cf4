//! `--prior` and `--data`: what they say, and the files that they name.

use std::path::Path;

use netinverse_answer::{Line, Model};
use netinverse_base::{Error, Result};
use netinverse_data::{RowsOptions, read_rows};
use netinverse_invert::question::{DataSource, NetworkFile, PriorName};
use netinverse_linalg::Matrix;
use netinverse_network::Network;

const FORMS: &str =
    "write none, gaussian, gaussian=K, pca, pca=K, tv, decoder=FILE.onnx or autoencoder=FILE.onnx";

/// A prior, and the network that it names.
pub(super) fn read(text: &str) -> Result<(PriorName, Option<Network>)> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name.trim(), Some(value.trim())),
        None => (text.trim(), None),
    };
    let rank = || -> Result<Option<usize>> {
        let parse = |text: &str| match text.parse::<usize>() {
            Ok(rank) if rank > 0 => Ok(rank),
            _ => Err(Error::input(format!("`{text}` is not a number of components")).hint(FORMS)),
        };
        value.map(parse).transpose()
    };
    let network = || -> Result<(NetworkFile, Network)> {
        let Some(path) = value.filter(|path| !path.is_empty()) else {
            return Err(Error::input(format!("`{name}` needs a file")).hint(FORMS));
        };
        named_network(Path::new(path))
    };
    let plain = |prior: PriorName| match value {
        None => Ok((prior, None)),
        Some(_) => Err(Error::input(format!("`{name}` takes no value")).hint(FORMS)),
    };
    match name {
        "none" => plain(PriorName::None),
        "tv" => plain(PriorName::Tv),
        "gaussian" => Ok((PriorName::Gaussian { rank: rank()? }, None)),
        "pca" => Ok((PriorName::Pca { rank: rank()? }, None)),
        "decoder" => network().map(|(file, network)| (PriorName::Decoder(file), Some(network))),
        "autoencoder" => network().map(|(file, network)| (PriorName::Autoencoder(file), Some(network))),
        _ => Err(Error::input(format!("`{text}` is not a prior")).hint(FORMS)),
    }
}

/// A network beside the one that is inverted, and what tells whether it is the same another time.
pub(super) fn named_network(path: &Path) -> Result<(NetworkFile, Network)> {
    let network = Network::read(path)?;
    let Model { path, sha256 } = Model::of(path)?;
    Ok((NetworkFile { path, sha256 }, network))
}

/// Rows of inputs, and what tells whether they are the same another time.
pub(super) fn data(spec: &str, scale: Option<f64>, n: usize) -> Result<(DataSource, Matrix)> {
    let rows = read_rows(spec, &RowsOptions { range: None, scale, columns: Some(n) })?;
    let bytes: Vec<u8> = rows.values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let source = DataSource { source: spec.to_string(), rows: rows.rows, sha256: Line::hash(&bytes) };
    Ok((source, Matrix::new(rows.rows, rows.columns, rows.values)?))
}

/// The problem without the names of files: what they hold is what counts.
pub(super) fn without_paths(
    mut problem: netinverse_invert::question::Problem,
) -> netinverse_invert::question::Problem {
    match &mut problem.prior {
        PriorName::Decoder(file) | PriorName::Autoencoder(file) => file.path.clear(),
        _ => {}
    }
    if let Some(start) = &mut problem.start {
        start.path.clear();
    }
    if let Some(data) = &mut problem.data {
        data.source.clear();
    }
    problem
}
