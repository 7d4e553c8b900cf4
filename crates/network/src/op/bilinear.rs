/// Linear in each of two inputs.
#[derive(Debug, Clone, PartialEq)]
pub enum Bilinear {
    /// The product of two values of one shape, element by element.
    Multiply,
}
