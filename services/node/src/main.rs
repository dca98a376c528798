//! `synod-node`.

use std::process::ExitCode;

mod cli;

fn main() -> ExitCode {
    match cli::run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("synod-node: {error:#}");
            ExitCode::FAILURE
        }
    }
}
