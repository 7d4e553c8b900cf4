//! Writes generated digits as one picture, a row for each digit, and as idx files in MNIST's names:
//! `cargo run --release -p netinverse-data --example contact_sheet -- FOLDER [SEED]`.

use std::path::Path;

use netinverse_base::{Error, Result, Rng};
use netinverse_data::digits::SIDE;
use netinverse_data::{Array, DigitSet, Values, files, generated, idx, png};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or_else(|| Error::input("name a folder to write to"))?;
    let folder = Path::new(&folder);
    let seed = arguments.next().and_then(|seed| seed.parse().ok()).unwrap_or(0);

    const COLUMNS: usize = 20;
    let mut sheet = vec![0; 10 * COLUMNS * SIDE * SIDE];
    for digit in 0..10 {
        for column in 0..COLUMNS {
            let pixels = generated::draw_digit(digit, &mut Rng::new(seed, (column * 10 + digit) as u64));
            for (line, row) in pixels.chunks_exact(SIDE).enumerate() {
                let start = (digit * SIDE + line) * COLUMNS * SIDE + column * SIDE;
                sheet[start..start + SIDE].copy_from_slice(row);
            }
        }
    }
    files::write_atomically(&folder.join("contact-sheet.png"), |writer| {
        png::write(writer, COLUMNS * SIDE, 10 * SIDE, 1, &sheet)
    })?;

    let start = std::time::Instant::now();
    let digits = generated::generate(seed);
    println!("{} digits in {:.3} s", digits.train.len() + digits.test.len(), start.elapsed().as_secs_f64());
    write_set(folder, "train", &digits.train)?;
    write_set(folder, "t10k", &digits.test)
}

fn write_set(folder: &Path, name: &str, set: &DigitSet) -> Result<()> {
    let images = Array::new(vec![set.len(), SIDE, SIDE], Values::U8(set.pixels().to_vec()))?;
    let labels = Array::new(vec![set.len()], Values::U8(set.labels().to_vec()))?;
    for (kind, array) in [("images-idx3", images), ("labels-idx1", labels)] {
        let path = folder.join(format!("{name}-{kind}-ubyte"));
        files::write_atomically(&path, |writer| idx::write(writer, &array, false))?;
    }
    Ok(())
}
