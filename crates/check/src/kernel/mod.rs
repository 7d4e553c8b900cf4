//! What is trusted.
//!
//! | file | what it proves |
//! |---|---|
//! | `number` | exact numbers, directed and bounded rounding |
//! | `curve` | values of functions enclosed, lines above and below them |
//! | `network` | matrix products with counted roundings |
//! | `forward`, `backward` | bounds of a network on a box |
//! | `ball` | what a linear form is at least within a distance of a point |
//! | `directed` | the same by intervals rounded operation by operation |
//! | `exact` | the same without rounding |
//! | `phases` | where a network is one affine map |
//! | `wall` | half-spaces, and what follows from several |
//! | `lasserre` | volumes of polytopes |
//! | `volume`, `quick` | volumes, without rounding and in bounds |
//! | `question` | half-spaces, and whether two questions are the same |
//! | `prove` | whether rows hold or fail on a box, forms lie below them, polytopes lie inside |

mod backward;
mod ball;
mod curve;
mod directed;
mod exact;
mod forward;
mod lasserre;
mod network;
mod number;
mod phases;
mod prove;
mod question;
mod quick;
#[cfg(test)]
mod tests;
mod volume;
mod wall;

pub(crate) use backward::{Choice, Forms, least, push, unstable};
pub(crate) use ball::{Ball, Norm};
pub(crate) use curve::Curve;
pub(crate) use exact::{ExactForm, affine, evaluate, is_exact};
pub(crate) use lasserre::{volume_bounds, volume_exactly};
pub(crate) use network::{Map, Matrix, Network, Op, Step, padded};
pub(crate) use number::{Dyadic, Rational, gamma, parse_number, rational, round_down, round_up, sum};
pub(crate) use phases::Phases;
pub(crate) use prove::{Claim, Prover, combined, dominates};
pub(crate) use question::{HalfSpace, Part, Question, Ranges, Row, Variable};
pub(crate) use quick::share_bound;
pub(crate) use volume::{of_box, share};
pub(crate) use wall::{Wall, follows_inside, least_inside};
