//! Heavy checks.
fn main() {}
