//! The numbers of the demo: `report.json`.

use serde::Serialize;

/// Every number that the demo measured. Relative errors are Euclidean; energies are shares of |x|².
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// `netinverse.demo/1`
    pub schema: &'static str,
    /// `mnist`, or `generated` for digits that our own code drew.
    pub data: &'static str,
    /// Training digits.
    pub train_digits: usize,
    /// Test digits; all that follows is measured on them unless it says otherwise.
    pub test_digits: usize,
    /// The seed of everything random.
    pub seed: u64,
    /// Wall time from the first line to the last number.
    pub seconds: f64,

    /// The share of test digits that the classifier f(x) = σ(xW + b), 784 → 10, gets right.
    pub accuracy: f64,
    /// The same on the training digits, during the last pass.
    pub train_accuracy: f64,

    /// |f⁺(f(x)) − x| / |x| for the 5 of the report: how far the naive inverse is from the digit.
    pub naive_relative_error: f64,
    /// The mean of the same over the test digits.
    pub naive_relative_error_mean: f64,
    /// The share of test digits for which f(f⁺(y)) has the label of y, y = f(x) in float32.
    pub label_recovery: f64,
    /// The largest |f(f⁺(y)) − y| over them.
    pub output_recovery_error: f64,
    /// How near to 0 and to 1 a float32 output may lie before it is clipped.
    pub clip_margins: [f64; 2],

    /// The mean share of a digit's energy inside the column space of W: what the pseudo-inverse gives back.
    pub energy_kept_mean: f64,
    /// What a random 10-dimensional space keeps: 10/784.
    pub energy_kept_random: f64,
    /// What the ten leading principal components (of training digits, about 0) keep: the most any W could.
    pub energy_kept_pca: f64,
    /// `energy_kept_mean` by digit.
    pub energy_kept_per_class: Vec<f64>,

    /// The largest |f⁺(f(x)) − x| / |x| over test digits projected on the column space, from the logits.
    pub restricted_relative_error: f64,
    /// The same through the float64 outputs, over digits without a saturated output.
    pub restricted_relative_error_f64_output: f64,
    /// The bound that rounding promises for it.
    pub restricted_bound_f64_output: f64,
    /// The same through the float32 outputs.
    pub restricted_relative_error_f32_output: f64,
    /// The bound that rounding promises for it.
    pub restricted_bound_f32_output: f64,
    /// Float32 outputs of projected digits that are exactly 0 or 1, whose logit is lost.
    pub saturated_outputs: usize,

    /// Two images in `[0, 1]^784` with equal outputs.
    pub twins: Twins,
    /// The spectrum of W and what a determinant makes of it.
    pub spectrum: Spectrum,
    /// The thread's pigeonholes.
    pub pigeonhole: Pigeonholes,
    /// The image nearest to the mean digit with the output of the 5.
    pub box_nearest: BoxNearest,
    /// One digit a class: the flickering inverse and the plausible one, judged independently.
    pub plausible: Vec<Plausible>,
    /// The accuracy of the judge, a network of its own, on the test digits.
    pub judge_accuracy: f64,

    /// The share of labels that come back through the reverse network, 10 → 784 and back, in float32.
    pub reverse_label_recovery: f64,
    /// The reverse network, further.
    pub reverse: Reverse,
    /// The answer, in two sentences.
    pub answer: String,
}

/// Two images with equal outputs.
#[derive(Debug, Clone, Serialize)]
pub struct Twins {
    /// The dimension of the fibre: inputs less rank.
    pub null_space_dimension: usize,
    /// The label of the first image.
    pub label: u8,
    /// The label of the digit that the second was made to look like.
    pub looks_like: u8,
    /// |x₁ − x₂|
    pub distance: f64,
    /// |x₁|, to compare with.
    pub norm: f64,
    /// The largest difference of an output, in float64.
    pub output_gap: f64,
}

/// Singular values and the determinant of W Wᵀ.
#[derive(Debug, Clone, Serialize)]
pub struct Spectrum {
    /// The singular values of W, descending.
    pub singular_values: Vec<f64>,
    /// The rank of W by max(n, m)·u·σ₁ at float64.
    pub rank: usize,
    /// The size of the matrix whose determinant is taken: inputs with a weight that is not 0.
    pub size: usize,
    /// At float32 and float64.
    pub determinants: Vec<Determinant>,
}

/// What LU says of W Wᵀ, whose determinant is 0.
#[derive(Debug, Clone, Serialize)]
pub struct Determinant {
    /// `float32` or `float64`
    pub precision: &'static str,
    /// The sign of the computed determinant; 0 where a pivot is exactly 0.
    pub sign: i8,
    /// log₁₀ of its magnitude; absent where it is 0.
    pub log10_magnitude: Option<f64>,
    /// The largest |A·inv(A) − I|; absent where LU finds no inverse.
    pub inverse_error: Option<f64>,
}

/// Counts of inputs and outputs.
#[derive(Debug, Clone, Serialize)]
pub struct Pigeonholes {
    /// 32 · 784
    pub float_input_bits: u64,
    /// 32 · 10
    pub float_output_bits: u64,
    /// 8 · 784: pictures of bytes.
    pub pixel_input_bits: u64,
    /// log₂ of the number of float32 values in [0, 1], to the tenth power.
    pub unit_output_bits: f64,
    /// log₂ of the pictures that share an output, on average at least.
    pub pictures_per_output_bits: f64,
    /// Different pictures among the test digits.
    pub distinct_pictures: usize,
    /// Different float32 outputs among them.
    pub distinct_outputs: usize,
}

/// The nearest image in the box, and an output that no image has.
#[derive(Debug, Clone, Serialize)]
pub struct BoxNearest {
    /// The largest relative violation of the ten equations.
    pub residual: f64,
    /// The optimality error.
    pub kkt_error: f64,
    /// Pixels strictly between 0 and 1.
    pub free_pixels: usize,
    /// Whether an output was shown, with a certificate that was re-checked in interval arithmetic, to belong to no
    /// image.
    pub unreachable_certificate_verified: bool,
}

/// A digit, its flickering inverse and its plausible one.
#[derive(Debug, Clone, Serialize)]
pub struct Plausible {
    /// The digit.
    pub label: u8,
    /// The mean distance of the digit itself to its 5 nearest held-out digits, all images scaled to length 1: 0 for the
    /// same picture, √2 for one that shares no pixel.
    pub digit_distance: f64,
    /// The same for the minimum-norm inverse.
    pub naive_distance: f64,
    /// The same for the image under the Gaussian prior, in the box.
    pub plausible_distance: f64,
    /// The judge's probability of the label for the digit, the naive inverse, the plausible one.
    pub judge: [f64; 3],
    /// The largest difference of an output between the digit and the plausible image.
    pub output_gap: f64,
}

/// The reverse network.
#[derive(Debug, Clone, Serialize)]
pub struct Reverse {
    /// The largest |y − g⁺(g(y))| over 1000 random real y in [0, 1]^10, in float64.
    pub random_recovery_error: f64,
    /// Different images that the labels give.
    pub distinct_images: usize,
    /// The share of the variance inside the classes that the images explain; at most 0 when they show none.
    pub within_class_explained: f64,
    /// The largest mean squared difference a pixel between its image of a class and the class's mean.
    pub distance_to_class_means: f64,
}
