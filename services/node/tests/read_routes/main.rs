//! The routes that read, over HTTP against nodes in this process.

mod blocks;
mod branches;
mod chain;
mod harness;
mod mempool;
mod questions;
mod templates;
mod transactions;
