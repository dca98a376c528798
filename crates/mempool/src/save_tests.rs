//! The saved format is frozen.

use proptest::prelude::*;
use synod_ledger::HashKey;

use super::*;
use crate::policy::Policy;

#[test]
fn an_empty_mempool_has_these_bytes() {
    let mut pool = Mempool::new(Policy::default(), HashKey::new(1, 2));
    pool.prioritise(Txid::from_bytes([0xab; 32]), -2)
        .expect("room");
    let bytes = pool.save().encode();
    let golden = "53594e44504f4f4c010001\
        abababababababababababababababababababababababababababababababab\
        feffffffffffffff";
    let body = synod_primitives::hex::decode(golden).expect("hex");
    assert_eq!(bytes, [body.clone(), sha256d(&body).to_vec()].concat());
    let saved = SavedMempool::decode(&bytes.into()).expect("its own encoding");
    assert_eq!(saved.fee_deltas, vec![(Txid::from_bytes([0xab; 32]), -2)]);
    assert!(saved.transactions.is_empty());
}

/// Puts a valid checksum behind any body, so that the decoder sees it.
fn framed(body: &[u8]) -> Bytes {
    let body = [&MAGIC[..], &[VERSION], body].concat();
    let checksum = sha256d(&body);
    [body, checksum.to_vec()].concat().into()
}

proptest! {
    #[test]
    fn no_bytes_make_the_decoder_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _result = SavedMempool::decode(&framed(&body));
        let _result = SavedMempool::decode(&body.into());
    }

    #[test]
    fn a_count_that_the_bytes_cannot_hold_is_refused(count in 1_000_u32..0x0200_0000) {
        let mut body = Vec::new();
        write_count(&mut body, count as usize);
        let result = SavedMempool::decode(&framed(&body));
        prop_assert_eq!(result, Err(DecodeError::Truncated.into()));
    }
}
