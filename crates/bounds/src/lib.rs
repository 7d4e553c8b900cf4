//! What a network can do on a box: intervals and linear bounds, in real arithmetic whatever the rounding.
//!
//! - [`Bounder`]: a network prepared for bounding; [`Bounder::analyse`] bounds every value on a box,
//!   [`Bounder::lower_forms`] gives linear functions of x that stay below rows of the output.
//! - [`lines`]: two lines around an element-wise function; planes around maxima, products and softmax are beside it.
//!
//! | file | what |
//! |---|---|
//! | `program`, `map` | the network as a list of steps on flat values, linear maps as stored |
//! | `composed` | operators as several steps: products of matrices, normalisers, transposed convolution |
//! | `forward` | linear forms and intervals from the input on |
//! | `backward` | linear forms from the output back (CROWN, DeepPoly) |
//! | `phases` | one form with chosen slopes and given signs (α-CROWN, β-CROWN) |
//! | `exact`, `piece` | the value at a point, and the linear piece around it, without rounding |
//! | `secant` | matrices between differences: `f(x) − f(x′) = A (x − x′)` |
//! | `view` | the steps, for algorithms of others |
//! | `piecewise` | a piecewise-linear network number by number, for its linear regions |
//! | `rounding` | how far computed sums may be from exact ones |

mod backward;
mod bounder;
mod composed;
mod directed;
mod exact;
mod forward;
mod lines;
mod map;
mod phases;
mod piece;
mod piecewise;
mod planes;
mod program;
mod rounding;
mod secant;
mod split;
mod view;
mod window;
mod workspace;

pub use backward::LinearForms;
pub use bounder::{Bounder, Method, minimum_on_box};
pub use exact::Dyadic;
pub use lines::{Line, LinePair, lines};
pub use phases::{Ascent, Phase, PhaseTask, Slopes};
pub use piece::ExactPiece;
pub use piecewise::{Element, Hinge, PiecewiseLinear};
pub use secant::{Ranges, Secant, SlopeBox, SlopeId, divided_difference};
pub use view::{LinearRows, StepKind, StepView};
pub use workspace::Workspace;
