//! What is written is read back bit for bit.

use std::io::Cursor;

use netinverse_data::csv::Table;
use netinverse_data::{Array, Rows, RowsOptions, Values, csv, idx, npy, npz, png, read_rows, write_rows};
use proptest::prelude::*;

fn shape() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0usize..5, 0..5)
}

/// An array of any element type; floats of any bits, NaN and infinities too.
fn array() -> impl Strategy<Value = Array> {
    (shape(), 0usize..10, any::<u64>()).prop_map(|(shape, kind, seed)| {
        let count = shape.iter().product::<usize>();
        let mut rng = netinverse_base::Rng::new(seed, 0);
        let bits = (0..count).map(|_| rng.bits()).collect::<Vec<_>>();
        macro_rules! values {
            ($($variant:ident: $convert:expr),*) => {{
                let makers: [&dyn Fn(&[u64]) -> Values; 10] = [
                    $(&|bits: &[u64]| Values::$variant(bits.iter().map(|&b| $convert(b)).collect())),*
                ];
                makers[kind](&bits)
            }};
        }
        let values = values!(
            U8: |b| b as u8, I8: |b| b as i8, U16: |b| b as u16, I16: |b| b as i16, U32: |b| b as u32,
            I32: |b| b as i32, U64: |b| b, I64: |b| b as i64, F32: |b| f32::from_bits(b as u32),
            F64: f64::from_bits
        );
        Array::new(shape, values).unwrap()
    })
}

/// Equality of shape and bits (NaN payloads too).
fn same(a: &Array, b: &Array) -> bool {
    let bytes = |array: &Array| {
        let mut bytes = Vec::new();
        npy::write(&mut bytes, array).unwrap();
        bytes
    };
    a.shape() == b.shape() && bytes(a) == bytes(b)
}

proptest! {
    #[test]
    fn npy(array in array()) {
        let mut bytes = Vec::new();
        npy::write(&mut bytes, &array).unwrap();
        // Values begin at a multiple of 64 bytes, as NEP 1 asks.
        let values = array.values().len() * array.values().element().size();
        prop_assert_eq!((bytes.len() - values) % 64, 0);
        let read = npy::parse(&bytes).unwrap();
        prop_assert!(same(&array, &read));
        if let (Values::F64(a), Values::F64(b)) = (array.values(), read.values()) {
            prop_assert!(a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits()));
        }
    }

    #[test]
    fn npz(first in array(), second in array(), compress in any::<bool>()) {
        let mut bytes = Cursor::new(Vec::new());
        npz::write(&mut bytes, &[("first", &first), ("second part", &second)], compress).unwrap();
        let read = npz::parse(bytes.get_ref()).unwrap();
        prop_assert_eq!(read.len(), 2);
        prop_assert!(read[0].0 == "first" && same(&read[0].1, &first));
        prop_assert!(read[1].0 == "second part" && same(&read[1].1, &second));
    }

    #[test]
    fn idx(array in array(), gzip in any::<bool>()) {
        use netinverse_data::Element;
        let mut bytes = Vec::new();
        let written = idx::write(&mut bytes, &array, gzip);
        if matches!(array.values().element(), Element::U16 | Element::U32 | Element::U64 | Element::I64) {
            prop_assert!(written.unwrap_err().to_string().contains("idx has no element type"));
        } else {
            written.unwrap();
            prop_assert!(same(&idx::parse(&bytes).unwrap(), &array));
        }
    }

    #[test]
    fn csv(columns in 1usize..5, bits in prop::collection::vec(any::<u64>(), 5..60), names in any::<bool>()) {
        let mut values = bits.iter().map(|&b| f64::from_bits(b)).filter(|v| v.is_finite()).collect::<Vec<_>>();
        values.push(-0.0);
        values.resize(values.len().next_multiple_of(columns), 5e-324);
        let names = names.then(|| (0..columns).map(|c| format!("speed \"{c}\", km/h")).collect());
        let table = Table { rows: values.len() / columns, columns, values, names };
        let mut bytes = Vec::new();
        csv::write(&mut bytes, &table).unwrap();
        let read = csv::parse(&bytes).unwrap();
        prop_assert_eq!((read.rows, read.columns, &read.names), (table.rows, columns, &table.names));
        prop_assert!(read.values.iter().zip(&table.values).all(|(a, b)| a.to_bits() == b.to_bits()));
    }

    #[test]
    fn png(width in 1usize..20, height in 1usize..20, color in any::<bool>(), seed in any::<u64>()) {
        let channels = if color { 3 } else { 1 };
        let mut rng = netinverse_base::Rng::new(seed, 0);
        let samples = (0..width * height * channels).map(|_| rng.bits() as u8).collect::<Vec<_>>();
        let mut bytes = Vec::new();
        png::write(&mut bytes, width, height, channels, &samples).unwrap();
        let read = png::parse(&bytes).unwrap();
        prop_assert_eq!((read.width, read.height, read.channels, read.max), (width, height, channels, 255));
        prop_assert!(read.samples.iter().zip(&samples).all(|(&a, &b)| a == u16::from(b)));
    }

    /// A column-major file holds the same array as its row-major transpose.
    #[test]
    fn fortran_order_is_the_transpose(rows in 1usize..6, columns in 1usize..6) {
        let c = (0..rows * columns).map(|k| k as f64).collect::<Vec<_>>();
        let mut bytes = Vec::new();
        let array = Array::new(vec![rows, columns], Values::F64(c.clone())).unwrap();
        npy::write(&mut bytes, &array).unwrap();
        let header = bytes.len() - 8 * c.len();
        let text = String::from_utf8_lossy(&bytes[10..header]).replace("False, ", "True,  ");
        bytes.splice(10..header, text.into_bytes());
        let read = npy::parse(&bytes).unwrap();
        let Values::F64(read) = read.values() else { unreachable!("float64 was written") };
        for i in 0..rows {
            for j in 0..columns {
                prop_assert_eq!(read[i * columns + j], c[j * rows + i]);
            }
        }
    }
}

#[test]
fn rows_survive_every_file_they_are_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let rows = Rows::new(3, vec![0.1, -2.5e-300, 3.0, 4.0, 1e300, -0.0]).unwrap();
    for name in ["rows.npy", "rows.npz", "rows.npz:x", "other.npz:targets", "rows.csv"] {
        let spec = format!("{}/{name}", folder.path().display());
        write_rows(&spec, &rows).unwrap();
        let read = read_rows(&spec, &RowsOptions::default()).unwrap();
        assert_eq!(read, rows, "{name}");
        assert!(read.values.iter().zip(&rows.values).all(|(a, b)| a.to_bits() == b.to_bits()), "{name}");
    }
    let pixels = (0..6).map(|k| f64::from(k * 50) / 255.0).collect();
    let mut picture = Rows::new(6, pixels).unwrap();
    picture.sample_shape = vec![2, 3];
    let spec = format!("{}/picture.png", folder.path().display());
    write_rows(&spec, &picture).unwrap();
    assert_eq!(read_rows(&spec, &RowsOptions::default()).unwrap(), picture);
    let leftovers = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(leftovers, 5, "a temporary file was left");
}
