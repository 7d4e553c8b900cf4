//! Where information is lost: is there an inverse, why not, and what can be had instead?
//!
//! - [`explain`]: everything below, in one [`Explanation`]; [`render`] puts it into words.
//! - [`decide`]: the verdict with its proofs: [`injectivity`] that there is one input for every output, [`collision`] that
//!   there are two.
//! - [`at_point`]: the largest ball around an input on which the network is proved one-to-one.
//! - [`account`]: what each layer keeps, the Jacobian over data, how much of the data can be recovered.
//! - [`clusters()`]: rows that share an output, grouped by paths that keep it.
//!
//! Everything that is called proved holds in real arithmetic for the graph as stored.

pub mod account;
mod clusters;
pub mod collision;
mod explanation;
pub mod injectivity;
mod radius;
mod region;
mod tail;
mod text;
mod verdict;

pub use clusters::{Cluster, Clusters, class, clusters};
pub use explanation::{Counting, Domain, Explanation, Question, Taken, explain};
pub use radius::{AtPoint, RadiusOptions, at_point};
pub use region::{Ball, Region};
pub use tail::{Headless, behead};
pub use text::{cluster_lines, counting_lines, data_lines, jacobian_lines, point_lines, render};
pub use verdict::{Basis, DecideOptions, Decision, Statement, Verdict, decide};
