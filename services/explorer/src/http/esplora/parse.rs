//! Reading what stands in paths, with Esplora's refusals.

use synod_primitives::{BlockHash, Script, Txid, hex};
use synod_script::{Address, AddressError};

use crate::explore::TxView;
use crate::http::reply::Refusal;
use crate::http::state::ADDRESSES;
use crate::pool::script_key;
use crate::snapshot::Snapshot;
use crate::store::BlockRecord;

fn invalid_hex() -> Refusal {
    Refusal::bad("Invalid hex string")
}

/// Reads a transaction id.
pub(crate) fn txid(text: &str) -> Result<Txid, Refusal> {
    text.parse().map_err(|_| invalid_hex())
}

/// Reads a block hash.
pub(crate) fn block_hash(text: &str) -> Result<BlockHash, Refusal> {
    text.parse().map_err(|_| invalid_hex())
}

/// Reads a number: digits alone.
pub(crate) fn number(text: &str) -> Result<u32, Refusal> {
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = if is_digits { text.parse().ok() } else { None };
    number.ok_or_else(|| Refusal::bad("Invalid number"))
}

/// Reads the hash of a script: SHA-256 in the order that it was computed in.
pub(crate) fn script_hash(text: &str) -> Result<[u8; 32], Refusal> {
    hex::decode_array(text).map_err(|_| Refusal::bad("Invalid scripthash"))
}

/// Reads an address; gives the script that pays to it.
pub(crate) fn address(text: &str) -> Result<Script, Refusal> {
    match Address::parse(text, ADDRESSES) {
        Ok(address) => Ok(address.script_pubkey()),
        Err(AddressError::OtherNetwork { .. }) => Err(Refusal::bad("Address on invalid network")),
        Err(error) => Err(Refusal::bad(error.to_string())),
    }
}

/// What an address or a script's hash stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Subject {
    /// `/address/...`
    Address,
    /// `/scripthash/...`
    ScriptHash,
}

impl Subject {
    /// Reads the text after the subject's name.
    pub(crate) fn key(self, text: &str) -> Result<[u8; 32], Refusal> {
        match self {
            Self::Address => address(text).map(|script| script_key(&script)),
            Self::ScriptHash => script_hash(text),
        }
    }
}

/// Finds a block by the hash in a path.
pub(crate) async fn block(snapshot: &mut Snapshot, hash: &str) -> Result<BlockRecord, Refusal> {
    let found = snapshot.block(block_hash(hash)?).await?;
    found.ok_or_else(|| Refusal::missing("Block not found"))
}

/// Finds a transaction by the id in a path.
pub(crate) async fn tx(snapshot: &mut Snapshot, id: &str) -> Result<TxView, Refusal> {
    let found = snapshot.tx(txid(id)?).await?;
    found.ok_or_else(|| Refusal::missing("Transaction not found"))
}
