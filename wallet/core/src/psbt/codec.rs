//! Reading PSBTs in the three encodings in use, told apart by their first bytes.

use std::str::FromStr;

use bdk_wallet::bitcoin::{Psbt, hex::FromHex};

use super::PsbtError;

/// Longest PSBT that is read, in bytes of any encoding.
pub const MAX_PSBT_BYTES: usize = 4 * 1024 * 1024;

const MAGIC: &[u8] = b"psbt\xff";
const MAGIC_BASE64: &[u8] = b"cHNidP";
const MAGIC_HEX: &[u8] = b"70736274ff";

/// Reads a PSBT in binary, base64 or hex; white space around and within text is skipped.
///
/// # Errors
/// See [`PsbtError`]; a PSBT of version 2 is refused.
pub fn decode(bytes: &[u8]) -> Result<Psbt, PsbtError> {
    if bytes.len() > MAX_PSBT_BYTES {
        return Err(PsbtError::TooLarge);
    }
    if bytes.starts_with(MAGIC) {
        return Psbt::deserialize(bytes).map_err(|e| PsbtError::Malformed(e.to_string()));
    }
    let text: Vec<u8> = bytes
        .iter()
        .copied()
        .filter(|b| !b.is_ascii_whitespace())
        .collect();
    let text = String::from_utf8(text).map_err(|_| PsbtError::NoMagic)?;
    if text.as_bytes().starts_with(MAGIC_BASE64) {
        return Psbt::from_str(&text).map_err(|e| match e {
            bdk_wallet::bitcoin::psbt::PsbtParseError::Base64Encoding(_) => {
                PsbtError::Encoding("base64")
            }
            other => PsbtError::Malformed(other.to_string()),
        });
    }
    if text.len() >= MAGIC_HEX.len()
        && text.as_bytes()[..MAGIC_HEX.len()].eq_ignore_ascii_case(MAGIC_HEX)
    {
        let binary = Vec::<u8>::from_hex(&text).map_err(|_| PsbtError::Encoding("hex"))?;
        return Psbt::deserialize(&binary).map_err(|e| PsbtError::Malformed(e.to_string()));
    }
    Err(PsbtError::NoMagic)
}

/// Writes a PSBT in base64, one line.
pub fn encode_base64(psbt: &Psbt) -> String {
    psbt.to_string()
}

/// Writes a PSBT in binary.
pub fn encode_binary(psbt: &Psbt) -> Vec<u8> {
    psbt.serialize()
}
