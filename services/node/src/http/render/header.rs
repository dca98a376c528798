//! Headers with their place in the chain.

use synod_api::node::{BlockRef, Finalized, HeaderBody};
use synod_api::{HashHex, HexBytes, NumberHex};

use super::block_hash;
use crate::http::blocks::place::Placed;

/// Shows a header.
pub(crate) fn header(placed: &Placed, finalized: Option<&Finalized>) -> HeaderBody {
    let record = &placed.record;
    let header = &record.header;
    HeaderBody {
        hash: block_hash(record.hash),
        height: record.height.0,
        version: header.version,
        previous_block_hash: block_hash(header.previous_block_hash),
        merkle_root: HashHex::from_internal(header.merkle_root.to_bytes()),
        time: header.time,
        bits: header.bits.0.into(),
        nonce: header.nonce,
        difficulty: header.bits.difficulty(),
        chainwork: NumberHex::from_bytes(record.chainwork.to_be_bytes()),
        median_time: placed.median_time,
        status: placed.status(),
        confirmations: placed.confirmations(),
        is_final: is_final(placed, finalized),
        next_block_hash: placed.next.map(block_hash),
        header: HexBytes::from(header.encode().as_slice()),
    }
}

/// Says whether a block can never be reverted.
pub(crate) fn is_final(placed: &Placed, finalized: Option<&Finalized>) -> bool {
    let covers = |last: &BlockRef| placed.record.height.0 <= last.height;
    placed.is_active && finalized.is_some_and(covers)
}

#[cfg(test)]
mod tests {
    use synod_chainspec::genesis_block;
    use synod_primitives::{BlockHash, Height, Work};
    use synod_store::{BlockStatus, HeaderRecord};

    use super::*;

    #[test]
    fn blocks_up_to_the_last_final_one_are_final_on_the_active_chain_alone() {
        let genesis = genesis_block();
        let record = HeaderRecord {
            hash: genesis.hash(),
            header: *genesis.header(),
            proof: bytes::Bytes::new(),
            height: Height(7),
            chainwork: Work::ZERO,
            status: BlockStatus::Valid,
            arrival: 0,
            transaction_count: 1,
        };
        let tip = (Height(9), BlockHash::ZERO);
        let mut placed = Placed {
            record,
            median_time: 0,
            is_active: true,
            next: None,
            tip,
        };
        let last = |height| BlockRef {
            height,
            hash: block_hash(BlockHash::ZERO),
        };
        assert!(is_final(&placed, Some(&last(7))));
        assert!(!is_final(&placed, Some(&last(6))));
        assert!(!is_final(&placed, None));
        assert_eq!(header(&placed, None).confirmations, 3);
        placed.is_active = false;
        assert!(!is_final(&placed, Some(&last(7))));
        assert_eq!(header(&placed, None).confirmations, 0);
    }
}
