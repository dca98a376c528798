//! What `synod-node` does besides running: import, export, verify, config.

pub mod export;
pub mod import;
pub(crate) mod prepare;
pub mod verify;
