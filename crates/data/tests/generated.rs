//! The digits that our own code draws: like MNIST in look, and as hard for a linear classifier.

use netinverse_base::Rng;
use netinverse_data::DigitSet;
use netinverse_data::digits::{PIXELS, SIDE, Source};
use netinverse_data::generated::{draw_digit, generate_sized};

#[test]
fn a_seed_gives_the_same_digits_and_a_prefix_of_more() {
    let (few, many) = (generate_sized(3, 40, 20), generate_sized(3, 90, 50));
    assert_eq!(few.source, Source::Generated);
    assert_eq!(few.train, many.train.first(40));
    assert_eq!(few.test, many.test.first(20));
    assert_ne!(few.train, generate_sized(4, 40, 0).train);
    for test in 0..50 {
        assert!((0..90).all(|train| many.train.picture(train) != many.test.picture(test)), "test {test}");
    }
}

#[test]
fn pictures_look_as_mnist_says() {
    for digit in 0..10 {
        for stream in 0..200 {
            let pixels = draw_digit(digit, &mut Rng::new(11, stream));
            let (mut mass, mut x, mut y) = (0.0, 0.0, 0.0);
            let (mut rows, mut columns) = ((SIDE, 0), (SIDE, 0));
            for (index, &pixel) in pixels.iter().enumerate().filter(|&(_, &pixel)| pixel > 0) {
                let (row, column) = (index / SIDE, index % SIDE);
                mass += f64::from(pixel);
                x += f64::from(pixel) * (column as f64 + 0.5);
                y += f64::from(pixel) * (row as f64 + 0.5);
                rows = (rows.0.min(row), rows.1.max(row));
                columns = (columns.0.min(column), columns.1.max(column));
            }
            let place = format!("digit {digit}, stream {stream}");
            // Centred by mass, within 20 × 20 pixels and the softness of the edge.
            assert!((x / mass - 14.0).abs() < 0.6 && (y / mass - 14.0).abs() < 0.6, "{place}");
            assert!(rows.1 - rows.0 <= 23 && columns.1 - columns.0 <= 23, "{place}");
            assert!((rows.1 - rows.0).max(columns.1 - columns.0) >= 16, "{place}");
            // Ink on black paper: MNIST's digits have 34 to 350 pixels that are not black.
            let inked = pixels.iter().filter(|&&pixel| pixel > 0).count();
            assert!((30..400).contains(&inked), "{place}: {inked} pixels");
            assert!(pixels.iter().max() > Some(&190), "{place}");
        }
    }
}

/// Softmax regression by plain gradient descent on mini-batches; the test accuracy.
fn linear_accuracy(train: &DigitSet, test: &DigitSet, epochs: usize) -> f64 {
    const CLASSES: usize = 10;
    let mut weights = vec![[0f32; CLASSES]; PIXELS + 1];
    let logits = |weights: &[[f32; CLASSES]], image: &[f32]| {
        let mut logits = weights[PIXELS];
        for (pixel, row) in image.iter().zip(weights).filter(|(pixel, _)| **pixel > 0.0) {
            for class in 0..CLASSES {
                logits[class] += pixel * row[class];
            }
        }
        logits
    };
    let images = train.images();
    let mut order = (0..train.len()).collect::<Vec<_>>();
    let mut rng = Rng::new(1, 0);
    for epoch in 0..epochs {
        rng.shuffle(&mut order);
        let rate = 0.02 / (1.0 + epoch as f32);
        for &index in &order {
            let image = &images[index * PIXELS..(index + 1) * PIXELS];
            let mut slope = logits(&weights, image);
            let top = slope.iter().copied().fold(f32::MIN, f32::max);
            for value in &mut slope {
                *value = (*value - top).exp();
            }
            let sum = slope.iter().sum::<f32>();
            for value in &mut slope {
                *value *= -rate / sum;
            }
            slope[train.labels()[index] as usize] += rate;
            for (pixel, row) in
                image.iter().chain([&1.0]).zip(&mut weights).filter(|(pixel, _)| **pixel > 0.0)
            {
                for class in 0..CLASSES {
                    row[class] += pixel * slope[class];
                }
            }
        }
    }
    let images = test.images();
    let right = images.chunks_exact(PIXELS).zip(test.labels()).filter(|(image, label)| {
        let logits = logits(&weights, image);
        (0..CLASSES).max_by(|&a, &b| logits[a].total_cmp(&logits[b])) == Some(**label as usize)
    });
    right.count() as f64 / test.len() as f64
}

/// The demo's point is that a linear network learns these digits well and cannot be inverted; both
/// need a task that is neither trivial nor hopeless.
#[test]
fn a_linear_classifier_does_about_as_well_as_on_mnist() {
    let digits = generate_sized(0, 6000, 1000);
    let accuracy = linear_accuracy(&digits.train, &digits.test, 4);
    assert!((0.88..=0.96).contains(&accuracy), "accuracy {accuracy}");
    let mut counts = [0; 10];
    for &label in digits.train.labels() {
        counts[label as usize] += 1;
    }
    assert!(counts.iter().all(|count| (500..700).contains(count)), "{counts:?}");
}
