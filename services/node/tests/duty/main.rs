//! Nodes with sealed engines and the validators that seal for them, over real HTTP.
//!
//! The clock of the process stands still and is moved slot by slot, so that the machine's load
//! plays no part; one test has it at a time.

mod away;
mod kit;
mod network;
mod offences;
mod routes;
mod sealing;
