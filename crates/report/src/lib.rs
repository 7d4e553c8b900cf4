//! Pictures and the self-contained HTML report.
//!
//! - [`Picture`]: grey or coloured pixels, from values in [0, 1] or from signed values; as PNG.
//! - [`Bars`] and [`Lines`]: charts as inline SVG that follow the reader's light or dark theme.
//! - [`Plane`]: level lines of a function of two inputs, as an SVG file.
//! - [`Page`]: one HTML file with everything inside, which prints well and reads on a phone.

mod chart;
mod page;
mod picture;
mod plane;

pub use chart::{Bars, Lines};
pub use page::{Page, Section, escape};
pub use picture::Picture;
pub use plane::{Axis, Level, Plane};
