//! `/v1/wallets` and `/v1/wallets/{name}`.

mod create;
mod list;
mod show;

pub(crate) use self::{create::*, list::*, show::*};
