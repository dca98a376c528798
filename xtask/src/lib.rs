//! Checks of the workspace that are no test of a single crate.

pub mod layers;
pub mod licences;
pub mod metadata;
