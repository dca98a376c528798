//! The real program, over its real command line and over HTTP: verdicts on blocks, what is
//! remembered of them, activation heights, and what a killed process leaves.

mod activations;
mod blocks;
mod kills;
mod kills_in_sync;
mod kills_over_rest;
mod large_blocks;
mod process;
mod verdicts;
mod warnings;
