//! Checks of the workspace that are no test of a single crate.

pub mod attacks;
pub mod layers;
pub mod licences;
pub mod metadata;
pub mod programs;
