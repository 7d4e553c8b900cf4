//! What numpy and Pillow write is read as they mean it (`tools/data_golden.py` makes the files).

use std::path::{Path, PathBuf};

use netinverse_data::{Element, Values, npy, npz, png};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// Element `k` of an array of the given type, as the script defines it.
fn expected(element: Element, boolean: bool, k: usize) -> f64 {
    let square = (k * k) as f64;
    match element {
        Element::U8 if boolean => f64::from(u8::from(k.is_multiple_of(3))),
        Element::U8 | Element::U16 | Element::U32 | Element::U64 => square,
        Element::F32 | Element::F64 => (square - 7.0) / 8.0,
        _ => square - 7.0,
    }
}

#[test]
fn every_npy_of_numpy_is_read() {
    let table: [(&str, &[usize], Element); 17] = [
        ("f4", &[3, 4], Element::F32),
        ("f8", &[2, 3], Element::F64),
        ("f8_big_fortran", &[2, 3, 4], Element::F64),
        ("f4_big", &[5], Element::F32),
        ("u1", &[11], Element::U8),
        ("i1", &[3, 3], Element::I8),
        ("u2", &[3, 2], Element::U16),
        ("i2_big", &[3, 2], Element::I16),
        ("u4_big", &[2, 2], Element::U32),
        ("i4", &[2, 5], Element::I32),
        ("i8", &[4], Element::I64),
        ("i8_big", &[2, 2], Element::I64),
        ("bool", &[7], Element::U8),
        ("scalar", &[], Element::F64),
        ("none", &[0, 3], Element::F32),
        ("version2", &[3, 4], Element::F32),
        ("version3", &[3, 4], Element::F32),
    ];
    for (name, shape, element) in table {
        let array = npy::read(&golden(&format!("{name}.npy"))).unwrap();
        assert_eq!(array.shape(), shape, "{name}");
        assert_eq!(array.values().element(), element, "{name}");
        let values = array.values().to_f64(0..array.values().len()).unwrap();
        for (k, value) in values.iter().enumerate() {
            assert_eq!(*value, expected(element, name == "bool", k), "{name}, element {k}");
        }
    }
}

#[test]
fn every_npz_of_numpy_is_read() {
    for name in ["stored.npz", "deflated.npz"] {
        let arrays = npz::read(&golden(name)).unwrap();
        let names = arrays.iter().map(|(key, array)| (key.as_str(), array.shape())).collect::<Vec<_>>();
        assert_eq!(names, [("x", &[3, 4][..]), ("y", &[2, 3]), ("labels", &[11])], "{name}");
        for (key, array) in &arrays {
            assert_eq!(*array, npz::read_key(&golden(name), Some(key)).unwrap());
            let values = array.values().to_f64(0..array.values().len()).unwrap();
            for (k, value) in values.iter().enumerate() {
                assert_eq!(*value, expected(array.values().element(), false, k), "{name}:{key}, {k}");
            }
        }
        let error = npz::read_key(&golden(name), None).unwrap_err();
        assert!(error.hints()[0].contains("`x`, `y`, `labels`"), "{error:?}");
        let error = npz::read_key(&golden(name), Some("z")).unwrap_err();
        assert!(error.to_string().ends_with("the archive has no array `z`"), "{error}");
    }
    let error = npz::read_key(&golden("half.npz"), None).unwrap_err();
    assert!(error.to_string().ends_with("tensor `h`: arrays of numpy type `<f2` are not read"), "{error}");
}

#[test]
fn every_png_of_pillow_is_read() {
    let table = [
        ("grey8", 7, 5, 1, 255),
        ("grey16", 7, 5, 1, 65535),
        ("rgb8", 3, 4, 3, 255),
        ("rgba8", 3, 4, 4, 255),
        ("grey_alpha8", 3, 4, 2, 255),
    ];
    for (name, width, height, channels, max) in table {
        let picture = png::read(&golden(&format!("{name}.png"))).unwrap();
        assert_eq!((picture.width, picture.height, picture.channels), (width, height, channels), "{name}");
        assert_eq!(picture.max, max, "{name}");
        for (k, &sample) in picture.samples.iter().enumerate() {
            assert_eq!(usize::from(sample), 37 * k % (usize::from(max) + 1), "{name}, sample {k}");
        }
    }
    // One bit a pixel is expanded to black and white.
    let picture = png::read(&golden("grey1.png")).unwrap();
    assert_eq!((picture.width, picture.height, picture.channels, picture.max), (9, 6, 1, 255));
    let black_and_white = (0..54).map(|k| if 37 * k % 2 == 1 { 255 } else { 0 }).collect::<Vec<u16>>();
    assert_eq!(picture.samples, black_and_white);
}

#[test]
fn booleans_are_zero_or_one() {
    let mut bytes = std::fs::read(golden("bool.npy")).unwrap();
    *bytes.last_mut().unwrap() = 2;
    assert!(npy::parse(&bytes).unwrap_err().to_string().contains("neither 0 nor 1"));
    let Values::U8(_) = npy::read(&golden("bool.npy")).unwrap().into_values() else { panic!("not bytes") };
}
