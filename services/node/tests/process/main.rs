//! The node as operators meet it: real processes, their commands, their disks, their ends.

mod disk;
mod harness;
mod import;
