//! `synod health`: a check that a container without curl can run.

use anyhow::{Result, bail};
use clap::Args;
use synod_api::ExplorerClient;

/// Arguments of `synod health`.
#[derive(Args)]
pub struct HealthArgs {
    /// The service's root, such as http://127.0.0.1:9330.
    url: String,
}

/// Asks whether the service is ready.
///
/// # Errors
/// It does not answer, or is not ready.
pub async fn run(args: &HealthArgs) -> Result<()> {
    // Every service answers this question in the same way.
    match ExplorerClient::new(&args.url)?.ready().await {
        Ok(()) => Ok(()),
        Err(error) => bail!("{} is not ready: {error}", args.url),
    }
}
