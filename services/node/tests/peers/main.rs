//! What nodes do to each other, over HTTP.

mod hostile;
mod kit;
mod limits;
mod news;
mod sync;
