//! The validator's program.

use anyhow::Result;
use clap::Parser;
use synod_validator::cli::Arguments;

#[tokio::main]
async fn main() -> Result<()> {
    Arguments::parse().run().await
}
