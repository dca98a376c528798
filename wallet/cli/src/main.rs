//! The command `synod-wallet`.

fn main() -> std::process::ExitCode {
    synod_wallet::cli::run()
}
