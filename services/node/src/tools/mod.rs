//! What `synod-node` does besides running: import, export, verify, reindex,
//! backup, snapshot, config.

pub mod backup;
pub mod export;
pub mod import;
pub mod reindex;
pub mod snapshot;
pub mod verify;
