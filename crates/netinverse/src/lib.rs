//! The inverse of a neural network: `{x ∈ B : f(x) ∈ Y}`, at a point, as a set, as a network.
//!
//! This crate is the stable surface of the project; the others are its parts and may change. From the bottom up:
//!
//! - [`base`]: errors with places and hints, budgets, progress, random streams;
//! - [`linalg`]: matrices, factorisations, outward-rounded intervals;
//! - [`data`]: rows of numbers from files, MNIST, generated digits;
//! - [`onnx`]: ONNX files as nodes and tensors;
//! - [`network`]: a network that can be evaluated, differentiated and written;
//! - [`invert`]: inputs for outputs;
//! - [`inverse`]: the inverse as a network;
//! - [`geometry`]: boxes, polytopes and how large they are, proved;
//! - [`bounds`]: what a network can do on a box, proved;
//! - [`preimage`]: the whole set of inputs, proved from both sides;
//! - [`explain`]: is there an inverse, why not, and where information is lost;
//! - [`check`]: whether an answer is true, derived anew;
//! - [`train`]: networks trained for the experiments;
//! - [`spec`]: what is asked;
//! - [`report`]: pictures and pages;
//! - [`answers`], [`pages`]: the answers of the commands, as JSON, in words, and as pages;
//! - [`demo`]: the public thread's experiment, end to end.
//!
//! # Loading and evaluating a network
//!
//! ```
//! use netinverse::network::{Evaluator, Network};
//! use netinverse::train::{Activation, Mlp};
//!
//! # fn main() -> netinverse::base::Result<()> {
//! // `Network::read("model.onnx")` reads a file; here is one made on the spot, written and read back.
//! let made = Mlp::new(&[4, 8, 2], Activation::Relu, Activation::Softmax, 0)?.network()?;
//! let folder = std::env::temp_dir().join(format!("netinverse-doc-{}", std::process::id()));
//! std::fs::create_dir_all(&folder).unwrap();
//! made.write(folder.join("model.onnx"))?;
//! let network = Network::read(folder.join("model.onnx"))?;
//! assert_eq!((network.input_size(), network.output_size()), (4, 2));
//!
//! let evaluator = Evaluator::<f64>::new(&network);
//! let (x, mut y, mut jacobian) = ([0.1, -0.2, 0.3, 0.4], [0.0; 2], [0.0; 8]);
//! evaluator.jacobian(&x, &mut y, &mut jacobian);
//! assert!((y[0] + y[1] - 1.0).abs() < 1e-15);
//! # std::fs::remove_dir_all(&folder).unwrap();
//! # Ok(())
//! # }
//! ```

pub mod answers;
pub mod demo;
pub mod pages;

pub use netinverse_base as base;
pub use netinverse_bounds as bounds;
pub use netinverse_check as check;
pub use netinverse_data as data;
pub use netinverse_explain as explain;
pub use netinverse_geometry as geometry;
pub use netinverse_inverse as inverse;
pub use netinverse_invert as invert;
pub use netinverse_linalg as linalg;
pub use netinverse_network as network;
pub use netinverse_onnx as onnx;
pub use netinverse_preimage as preimage;
pub use netinverse_report as report;
pub use netinverse_spec as spec;
pub use netinverse_train as train;
