/// Couples the elements along one axis.
#[derive(Debug, Clone, PartialEq)]
pub enum Normalizer {
    /// `eˣⁱ / Σⱼ eˣʲ` along an axis.
    Softmax {
        /// The axis.
        axis: usize,
    },
}
