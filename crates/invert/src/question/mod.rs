//! From questions to answers: what `netinverse invert` does, without the command line.
//!
//! - [`Problem`]: the question as data.
//! - [`Prepared`]: the question checked against a network; every refusal names the option at fault.
//! - [`invert`]: the answers, one [`Query`](netinverse_answer::Query) a row, in order.
//!
//! ```
//! use netinverse_base::{Budget, Silent};
//! use netinverse_invert::question::{Asked, Prepared, Problem, invert};
//! # use netinverse_network::{Dense, Linear, NetworkBuilder, Op, Param, Shape, WeightOrder};
//! # let mut builder = NetworkBuilder::new();
//! # let x = builder.input("x", Shape::new([1, 2])?)?;
//! # let weight = builder.param(Param::from_f64("W", Shape::new([2, 1])?, vec![1.0, 2.0])?);
//! # let dense = Dense { weight, bias: None, order: WeightOrder::InputsFirst };
//! # let y = builder.node("y", Op::Linear(Linear::Dense(dense)), &[x])?;
//! # let network = builder.finish(&[y])?; // x0 + 2·x1
//! let mut problem = Problem::new(Asked::Values { rows: vec![vec![0.5]] });
//! problem.bounds = Some(vec![[-1.0, 1.0]]);
//! problem.fixed = vec![(0, 0.25)];
//! let prepared = Prepared::new(&network, problem)?;
//! let queries = invert(&prepared, &Budget::default(), &Silent)?;
//! let x = &queries[0].answers[0].x;
//! assert_eq!(x[0], 0.25);
//! assert!((x[1] - 0.125).abs() < 1e-10);
//! # Ok::<(), netinverse_base::Error>(())
//! ```

mod attempt;
mod belief;
mod certificate;
mod certify;
mod complete;
mod conditions;
mod decoder;
mod descent;
mod extreme;
mod goals;
mod integers;
mod optimum;
mod plausible;
mod prepare;
mod problem;
mod region;
mod run;
mod sampling;
mod scaling;
mod warm;

pub use belief::Resources;
pub use prepare::Prepared;
pub use problem::{Asked, DataSource, NetworkFile, NormName, Objective, PriorName, Problem};
pub use run::{CHUNK, invert, invert_rows};
