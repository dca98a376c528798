//! `synod-node snapshot`: the coins at a block as a file, and a node that starts from it.

mod format;
mod load;
mod record;
mod write;

pub use format::{Head, Reader, Writer};
pub use load::run as load;
pub use record::Record;
pub use write::run as write;
