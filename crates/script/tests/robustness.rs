//! No bytes, however wrong, stop the interpreter or the readers of scripts.

use proptest::collection::vec;
use proptest::prelude::*;
use synod_primitives::{Amount, OutPoint, Script, Transaction, TxIn, TxOut, Txid, Witness};
use synod_script::{
    Address, Asm, Deferred, Flags, Immediate, Network, SpendContext, count_sigops, solve,
    transaction_sigop_cost, verify_input,
};

/// Bytes that are more often opcodes and short pushes than anything else.
fn script() -> impl Strategy<Value = Vec<u8>> {
    let opcode = prop_oneof![any::<u8>(), 0x4f..0xbb_u8, 0..5_u8];
    vec(opcode, 0..60)
}

/// Locking scripts, half of them witness programs.
fn locking() -> impl Strategy<Value = Vec<u8>> {
    let program = (0..17_u8, vec(any::<u8>(), 2..41)).prop_map(|(version, program)| {
        let script = synod_script::template::witness_script(version, &program);
        script
            .map(|script| script.as_bytes().to_vec())
            .unwrap_or_default()
    });
    prop_oneof![script(), program]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_input_has_a_verdict_and_deferring_keeps_it(
        script_sig in script(),
        script_pubkey in locking(),
        items in vec(script(), 0..6),
        version in any::<i32>(),
        sequence in any::<u32>(),
        flags in any::<u32>(),
    ) {
        let input = TxIn {
            prevout: OutPoint::new(Txid::from_bytes([1; 32]), 0),
            script_sig: Script::new(script_sig),
            sequence,
            witness: Witness::from_items(&items),
        };
        let spent = TxOut { value: Amount::from_sat(-1), script_pubkey: Script::new(script_pubkey) };
        let tx = Transaction::new(version, vec![input], vec![], 0);
        let context = SpendContext::new(&tx, vec![spent.clone()]);
        let flags = Flags::from_bits(flags);
        let verdict = verify_input(&context, 0, flags, &mut Immediate);
        let mut checks = Deferred::default();
        let passed = verify_input(&context, 0, flags, &mut checks).is_ok();
        let later = passed && checks.queue.iter().all(synod_sigcheck::verify);
        prop_assert_eq!(later, verdict.is_ok());
        let _ = transaction_sigop_cost(&tx, &vec![spent], flags);
    }

    #[test]
    fn every_script_can_be_read(bytes in script()) {
        let _ = solve(&bytes);
        let _ = Asm(&bytes).to_string();
        prop_assert!(count_sigops(&bytes, true) <= count_sigops(&bytes, false));
        if let Some(address) = Address::from_script(&bytes) {
            let script = address.script_pubkey();
            prop_assert_eq!(script.as_bytes(), bytes);
        }
    }

    #[test]
    fn every_text_is_an_address_or_not(text in "\\PC{0,100}") {
        let _ = Address::parse(&text, Network::Regtest);
    }
}
