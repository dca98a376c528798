//! The routes.

mod addresses;
mod balance;
mod history;
mod payments;
mod psbts;
mod wallets;

use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::AppState;

/// Where a page begins.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cursor {
    /// `next_cursor` of the page before.
    pub(crate) cursor: Option<String>,
}

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(wallets::list, wallets::create))
        .routes(routes!(wallets::show))
        .routes(routes!(addresses::list, addresses::create))
        .routes(routes!(balance::show))
        .routes(routes!(history::list))
        .routes(routes!(psbts::create))
        .routes(routes!(payments::create))
}
