//! The command `synod-wallet-cold`.

fn main() -> std::process::ExitCode {
    synod_wallet_cold::cli::run()
}
