//! Proof of stake as a whole: networks of engines in one process, and the contract of engines.

mod contract;
mod headers;
mod kit;
mod network;
mod node;
mod scenarios;
