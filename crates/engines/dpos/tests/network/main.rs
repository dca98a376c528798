//! Whole networks in process: virtual time, seeded, with lost, reordered and repeated
//! messages.

mod agreement;
mod contract;
mod faults;
mod headers;
mod kit;
mod node;
mod seats;
mod world;
