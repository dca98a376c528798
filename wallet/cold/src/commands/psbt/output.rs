//! Where a PSBT goes and in which encoding.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use synod_wallet_core::{
    bitcoin::{Psbt, hex::DisplayHex},
    psbt::{encode_base64, encode_binary},
};

use crate::{answer::Answer, exit::Failure, io::write_output};

/// An encoding of PSBTs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Encoding {
    /// Text, one line.
    Base64,
    /// Bytes, as most signers want files.
    Binary,
    /// Text, one line.
    Hex,
}

/// Options of commands that write a PSBT.
#[derive(Debug, Clone, Args)]
pub struct OutputArgs {
    /// File to write instead of standard output
    #[arg(long, short = 'o', value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace the file
    #[arg(long)]
    pub force: bool,
    /// Encoding of the file [default: base64]
    #[arg(long, value_enum, value_name = "ENCODING", requires = "output")]
    pub encoding: Option<Encoding>,
}

/// Writes a PSBT to its file, or answers with it in base64.
///
/// # Errors
/// When the file exists or cannot be written.
pub fn answer_psbt(psbt: &Psbt, args: &OutputArgs, mut data: Value) -> Result<Answer, Failure> {
    let base64 = encode_base64(psbt);
    data["txid"] = json!(psbt.unsigned_tx.compute_txid());
    data["psbt"] = json!(base64);
    let Some(path) = &args.output else {
        return Ok(Answer::new(data, base64));
    };
    let bytes = match args.encoding.unwrap_or(Encoding::Base64) {
        Encoding::Base64 => format!("{base64}\n").into_bytes(),
        Encoding::Binary => encode_binary(psbt),
        Encoding::Hex => format!("{}\n", encode_binary(psbt).to_lower_hex_string()).into_bytes(),
    };
    write_output(path, &bytes, args.force)?;
    data["file"] = json!(path);
    Ok(Answer::new(data, format!("Written to {}", path.display())))
}
