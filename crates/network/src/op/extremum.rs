use super::Window;

/// Each output element is the maximum of some input elements.
#[derive(Debug, Clone, PartialEq)]
pub enum Extremum {
    /// The maximum over each window of each channel; padding never wins.
    MaxPool(Window),
}
