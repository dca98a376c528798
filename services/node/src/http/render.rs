//! From the ledger's types to what travels: hashes, amounts, scripts, and the bodies built of
//! them.

pub(crate) mod answer;
pub(crate) mod block;
pub(crate) mod header;
pub(crate) mod page_limit;
pub(crate) mod transaction;

use synod_api::node::{BlockRef, Finalized, PrevoutBody};
use synod_api::{AmountSat, HashHex, HexBytes};
use synod_engine::FinalBlock;
use synod_node_core::View;
use synod_primitives::{Amount, BlockHash, Txid, Wtxid};
use synod_script::{Address, Network, ScriptType};

/// Shows a block's hash.
pub(crate) fn block_hash(hash: BlockHash) -> HashHex {
    HashHex::from_internal(hash.to_bytes())
}

/// Shows a transaction's id.
pub(crate) fn txid(txid: Txid) -> HashHex {
    HashHex::from_internal(txid.to_bytes())
}

/// Shows a transaction's id with witnesses.
pub(crate) fn wtxid(wtxid: Wtxid) -> HashHex {
    HashHex::from_internal(wtxid.to_bytes())
}

/// Shows an amount out of a checked block or transaction, which is in the money range.
pub(crate) fn amount(amount: Amount) -> AmountSat {
    satoshis(amount.to_sat_unsigned())
}

/// Shows satoshis; above 21 million coins only sums with an operator's deltas can lie, and they
/// are shown as that.
pub(crate) fn satoshis(satoshis: u64) -> AmountSat {
    AmountSat::new(satoshis).unwrap_or(AmountSat::MAX)
}

/// Shows a count or size out of one block or transaction, which is below 2^32.
pub(crate) fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Returns the address of a locking script, where it has one.
pub(crate) fn address(script: &[u8]) -> Option<String> {
    Address::from_script(script).map(|address| address.format(Network::Regtest))
}

/// Shows an output that an input spends.
pub(crate) fn prevout(value: Amount, script: &[u8]) -> PrevoutBody {
    PrevoutBody {
        value_sat: amount(value),
        script_pubkey: HexBytes::from(script),
        script_type: ScriptType::of(script).core_name().to_owned(),
        address: address(script),
    }
}

/// Returns the highest final block; none under an engine without finality.
pub(crate) fn finalized(view: &View) -> Option<Finalized> {
    view.finalized.as_ref().map(block_ref)
}

/// Shows a block by height and hash.
pub(crate) fn block_ref(block: &FinalBlock) -> BlockRef {
    BlockRef {
        height: block.height.0,
        hash: block_hash(block.hash),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_shown_with_its_kind_and_address() {
        let hash = [7; 20];
        let shown = prevout(
            Amount::COIN,
            synod_script::template::p2wpkh(&hash).as_bytes(),
        );
        assert_eq!(shown.value_sat.to_sat(), 100_000_000);
        assert_eq!(shown.script_type, "witness_v0_keyhash");
        let address = shown.address.expect("it has an address");
        assert!(address.starts_with("bcrt1q"), "{address}");
        let data = prevout(Amount::ZERO, &[0x6a, 1, 2]);
        assert_eq!(
            (data.script_type.as_str(), data.address),
            ("nulldata", None)
        );
    }

    #[test]
    fn sums_past_the_supply_stay_amounts() {
        assert_eq!(satoshis(u64::MAX), AmountSat::MAX);
        assert_eq!(amount(Amount::from_sat(-1)), AmountSat::ZERO);
        assert_eq!(narrow(u64::from(u32::MAX) + 1), u32::MAX);
    }
}
