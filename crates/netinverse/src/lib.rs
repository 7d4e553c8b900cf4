//! The inverse of a neural network.
