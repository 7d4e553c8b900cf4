//! The pigeonhole remark, counted: more inputs than outputs can be told apart.

use netinverse_linalg::Matrix;
use std::collections::HashSet;

/// Bits in and bits out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pigeonhole {
    /// 32 n: n float32 inputs.
    pub float_input_bits: u64,
    /// 32 m: m float32 outputs.
    pub float_output_bits: u64,
    /// 8 n: n pixels of a byte.
    pub pixel_input_bits: u64,
    /// log₂ of the number of ways to choose m float32 values in [0, 1].
    pub unit_output_bits: f64,
    /// log₂ of the average number of pixel images for each output: at least this many share one.
    pub pixel_images_per_output_bits: f64,
}

/// The counts for n inputs and m outputs in [0, 1].
pub fn pigeonhole(inputs: usize, outputs: usize) -> Pigeonhole {
    let (n, m) = (inputs as u64, outputs as u64);
    let unit_output_bits = outputs as f64 * (float32_values_in_unit_interval() as f64).log2();
    Pigeonhole {
        float_input_bits: 32 * n,
        float_output_bits: 32 * m,
        pixel_input_bits: 8 * n,
        unit_output_bits,
        pixel_images_per_output_bits: (8 * n) as f64 - unit_output_bits,
    }
}

/// The number of float32 values in [0, 1]: nonnegative floats are ordered like their bits, and −0 is 0.
pub fn float32_values_in_unit_interval() -> u64 {
    u64::from(1.0f32.to_bits()) - u64::from(0.0f32.to_bits()) + 1
}

/// The number of different rows once rounded to float32 (−0 counts as 0).
pub fn distinct_rows(outputs: &Matrix) -> usize {
    let bits = |row: &[f64]| row.iter().map(|&v| (v as f32 + 0.0).to_bits()).collect::<Vec<u32>>();
    outputs.iter_rows().map(bits).collect::<HashSet<_>>().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_are_those_of_the_thread() {
        // zero, 2²³ − 1 subnormals, 126 binades below 1 of 2²³ values each, and 1 itself
        assert_eq!(float32_values_in_unit_interval(), 1 + ((1 << 23) - 1) + 126 * (1 << 23) + 1);
        let counts = pigeonhole(784, 10);
        assert_eq!(
            (counts.float_input_bits, counts.float_output_bits, counts.pixel_input_bits),
            (25088, 320, 6272)
        );
        assert!(counts.unit_output_bits > 299.0 && counts.unit_output_bits < 300.0);
        assert!(counts.pixel_images_per_output_bits > 5972.0);
    }

    #[test]
    fn rows_are_compared_as_float32() {
        let rows = vec![0.1, 0.0, 0.1 + 1e-12, -0.0, 0.1, 1e-3];
        assert_eq!(distinct_rows(&Matrix::new(3, 2, rows).unwrap()), 2);
        assert_eq!(distinct_rows(&Matrix::zeros(0, 2)), 0);
    }
}
