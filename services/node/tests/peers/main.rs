//! What nodes do to each other, over HTTP.

mod hostile;
mod ipv6;
mod kit;
mod limits;
mod members;
mod news;
mod rows;
mod sealed;
mod sync;
