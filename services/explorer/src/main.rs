//! The explorer as a program of its own.

use std::process::ExitCode;

use clap::Parser;
use synod_explorer::Arguments;

#[tokio::main]
async fn main() -> ExitCode {
    match Arguments::parse().execute().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("synod-explorer: {error:#}");
            ExitCode::FAILURE
        }
    }
}
