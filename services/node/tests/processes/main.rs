//! A node as a process: what is left of it when it is stopped or killed and started again.

mod events;
mod harness;
mod mempool;
mod payments;
mod state;
