//! `synod-node`.

use std::process::ExitCode;

mod allocator;
mod cli;

#[global_allocator]
static ALLOCATOR: allocator::Allocator = allocator::Allocator;

fn main() -> ExitCode {
    match cli::run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("synod-node: {error:#}");
            ExitCode::FAILURE
        }
    }
}
