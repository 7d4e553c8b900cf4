use std::path::Path;

use netinverse_base::{Result, Rng};
use netinverse_data::{RowsOptions, read_rows};
use netinverse_network::Network;

use super::Options;

/// Points in a box, as float32 numbers, so that both precisions see the same.
pub(super) struct Points {
    /// One point after the other.
    pub(super) x: Vec<f32>,
    /// Half the box's width along each input.
    pub(super) half_width: Vec<f64>,
}

/// Inputs of images are this many or more.
const MANY_INPUTS: usize = 100;

/// Uniform points in the box that a file of bounds beside the network gives; else in [0, 1]ⁿ where the inputs are
/// many (pictures), and in [−1, 1]ⁿ where they are few.
pub(super) fn points(
    file: Option<&Path>,
    network: &Network,
    options: &Options,
    stream: u64,
) -> Result<Points> {
    let n = network.input_size();
    let mut bounds = vec![if n >= MANY_INPUTS { (0.0, 1.0) } else { (-1.0, 1.0) }; n];
    if let Some(beside) = file.map(|file| file.with_file_name(bounds_name(file)))
        && beside.is_file()
    {
        let rows = read_rows(
            &beside.to_string_lossy(),
            &RowsOptions { columns: Some(2), ..RowsOptions::default() },
        )?;
        if rows.rows == n {
            bounds = (0..n).map(|input| (rows.row(input)[0], rows.row(input)[1])).collect();
        }
    }
    let mut rng = Rng::new(options.seed, stream);
    let x = (0..options.rows)
        .flat_map(|_| bounds.clone())
        .map(|(low, high)| rng.range(low, high) as f32)
        .collect();
    Ok(Points { x, half_width: bounds.iter().map(|(low, high)| (high - low) / 2.0).collect() })
}

fn bounds_name(file: &Path) -> String {
    format!("{}_bounds.csv", file.file_stem().unwrap_or_default().to_string_lossy())
}
