//! `/v1/wallets/{name}/addresses`.

mod create;
mod list;

pub(crate) use self::{create::*, list::*};
