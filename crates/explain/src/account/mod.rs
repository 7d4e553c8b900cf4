//! The account of information: what goes in, what each layer keeps, what comes out.
//!
//! | file | what |
//! |---|---|
//! | `layer` | layer by layer: ranks, spectra, neurons that are off |
//! | `jacobian` | the whole network: the Jacobian's spectrum over data or samples |
//! | `recoverable` | the data's view: energy in what the outputs see, and how well any inverse could do |

mod jacobian;
mod layer;
mod recoverable;

pub use jacobian::{JacobianAccount, Range, jacobian_account};
pub use layer::{Layer, layers, work};
pub use recoverable::{ClassEnergy, DecoderBounds, Recoverable, recoverable};
