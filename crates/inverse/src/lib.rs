//! The inverse of a network, as a network.
//!
//! [`build`] inverts the graph symbolically: what is known spreads from the outputs to the inputs, operator by operator and
//! element by element. Where every operator on the way is a bijection the result is the inverse; where information is lost
//! it is a section, and the operator is marked.
//!
//! ```
//! use netinverse_base::{Budget, Silent};
//! use netinverse_inverse::{BuildOptions, Runner, build};
//! use netinverse_network::{Dense, Function, Linear, NetworkBuilder, Op, Param, Shape, WeightOrder};
//!
//! # fn main() -> netinverse_base::Result<()> {
//! // y = tanh(x W), W a rotation and a stretch of the plane
//! let mut builder = NetworkBuilder::new();
//! let x = builder.input("x", Shape::new([1, 2])?)?;
//! let weight = builder.param(Param::from_f32("W", Shape::new([2, 2])?, vec![0.6, 0.8, -1.6, 1.2])?);
//! let dense = Dense { weight, bias: None, order: WeightOrder::InputsFirst };
//! let z = builder.node("z", Op::Linear(Linear::Dense(dense)), &[x])?;
//! let y = builder.node("y", Op::Function(Function::Tanh), &[z])?;
//! let network = builder.finish(&[y])?;
//!
//! let built = build(&network, &BuildOptions::default(), &Budget::default(), &Silent)?;
//! assert!(built.exact && built.findings.marks.is_empty());
//! let y = [(0.6f64 * 0.3 - 1.6 * 0.1).tanh(), (0.8f64 * 0.3 + 1.2 * 0.1).tanh()];
//! let x = Runner::<f64>::new(&built.inverse).run(&y);
//! assert!((x[0] - 0.3).abs() < 1e-6 && (x[1] - 0.1).abs() < 1e-6);
//! # Ok(())
//! # }
//! ```
//!
//! | file | what |
//! |---|---|
//! | `elements` | where each element of each value is made: copies and constants resolved |
//! | `rows` | linear operators as equations between elements |
//! | `scope`, `recorder` | what is known, and the steps of the inverse that make it |
//! | `propagation` | how what is known spreads |
//! | `elementwise`, `function`, `kink` | operators of elements, backwards |
//! | `linear`, `block`, `merged` | systems of equations: their components, matrices, proofs of rank |
//! | `partial` | outputs computed from some operands: autoregressive networks |
//! | `contraction`, `lipschitz` | residual blocks as fixed points, contraction proved |
//! | `section` | where information is lost |
//! | `program`, `convolution`, `export` | the inverse as it runs, and as ONNX |
//! | `round_trip` | f(g(y)) and g(f(x)), measured |

mod block;
mod build;
mod contraction;
mod convolution;
mod elements;
mod elementwise;
mod export;
mod findings;
mod function;
mod kink;
mod linear;
mod lipschitz;
mod merged;
mod partial;
mod program;
mod propagation;
mod recorder;
mod round_trip;
mod rows;
mod scope;
mod section;

pub use build::{BuildOptions, Built, build};
pub use findings::{Condition, Findings, LinearPart, LoopPart, Mark, MarkKind};
pub use lipschitz::{norm_bound, orthonormality_defect};
pub use program::{Inverse, Runner, Slot};
pub use round_trip::{Conditioning, Errors, RoundTrip, Samples, conditioning, f_of_g, g_of_f, quasi_random};
