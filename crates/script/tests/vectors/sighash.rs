//! `sighash.json`: signature hashes of scripts without witness, any hash type.

use synod_primitives::{Amount, Script, TxOut, Txid};
use synod_script::{SpendContext, legacy_sighash};

use crate::files::{self, bytes, text};

#[test]
fn legacy_signature_hashes_are_those_of_core() {
    let Some(rows) = files::rows("sighash.json") else {
        return;
    };
    let mut count = 0;
    for row in &rows {
        let [tx, script, input, hash_type, expected] = row.as_slice() else {
            assert!(row.len() == 1, "a comment");
            continue;
        };
        let tx = files::transaction(tx);
        let spent = tx.inputs().iter().map(|_| TxOut {
            value: Amount::ZERO,
            script_pubkey: Script::default(),
        });
        let context = SpendContext::new(&tx, spent.collect());
        let input = usize::try_from(input.as_u64().expect("an index")).expect("an index");
        let hash_type = i32::try_from(hash_type.as_i64().expect("32 bits")).expect("32 bits");
        let hash = legacy_sighash(&context, input, &bytes(script), hash_type.cast_unsigned());
        assert_eq!(
            Txid::from_bytes(hash).to_string(),
            text(expected),
            "{row:?}"
        );
        count += 1;
    }
    println!("sighash.json: {count} hashes passed");
    assert!(count == 500);
}
