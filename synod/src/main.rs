//! `synod`.

use std::process::ExitCode;

fn main() -> ExitCode {
    match synod::cli::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("synod: {error:#}");
            ExitCode::FAILURE
        }
    }
}
