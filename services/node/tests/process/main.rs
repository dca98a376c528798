//! The node as operators meet it: real processes, their commands, their disks, their ends.

mod config;
mod dashboard;
mod disk;
mod harness;
mod import;
mod limits;
mod operate;
mod pruning;
mod snapshot;
