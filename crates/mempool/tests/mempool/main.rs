//! The mempool from outside: admission, replacement, packages, chains, limits, blocks and
//! reorganisations, templates. Rows of the attack catalogue carry their number (`m01_`).

mod admission;
mod chains;
mod kit;
mod limits;
mod model;
mod packages;
mod reorg;
mod replacement;
mod scripts;
mod stake;
mod template;
