//! Time of an input without its signature check: context, interpreter and signature hash.
//!
//! Each round takes a transaction of two inputs and two outputs from its decoded form, as a node
//! does; figures are of both inputs together.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use synod_primitives::{Amount, OutPoint, Script, Transaction, TxIn, TxOut, Txid, Witness};
use synod_script::{
    Flags, ScriptBuilder, SignatureChecks, SpendContext, hash160, template, verify_input,
};
use synod_sigcheck::Check;

/// Takes every check and drops it.
struct Unjudged;

impl SignatureChecks for Unjudged {
    fn check(&mut self, check: Check) -> bool {
        black_box(check);
        true
    }
}

const KEY: [u8; 33] = [
    0x02, 0x79, 0xbe, 0x66, 0x7e, 0xf9, 0xdc, 0xbb, 0xac, 0x55, 0xa0, 0x62, 0x95, 0xce, 0x87, 0x0b,
    0x07, 0x02, 0x9b, 0xfc, 0xdb, 0x2d, 0xce, 0x28, 0xd9, 0x59, 0xf2, 0x81, 0x5b, 0x16, 0xf8, 0x17,
    0x98,
];

fn signature() -> Vec<u8> {
    let integer = [&[2, 32], &[1; 32][..]].concat();
    [&[0x30, 68], &integer[..], &integer, &[1]].concat()
}

fn bench(
    criterion: &mut Criterion,
    name: &str,
    script_sig: &Script,
    lock: &Script,
    items: &[&[u8]],
) {
    let input = |number| TxIn {
        prevout: OutPoint::new(Txid::from_bytes([number; 32]), 0),
        script_sig: script_sig.clone(),
        sequence: 0,
        witness: Witness::from_items(items),
    };
    let output = TxOut {
        value: Amount::from_sat(5_000),
        script_pubkey: lock.clone(),
    };
    let outputs = vec![output.clone(), output.clone()];
    let tx = Transaction::new(2, vec![input(1), input(2)], outputs.clone(), 0);
    criterion.bench_function(name, |bencher| {
        bencher.iter(|| {
            let context = SpendContext::new(black_box(&tx), outputs.clone());
            for index in 0..2 {
                let verdict = verify_input(&context, index, Flags::MANDATORY, &mut Unjudged);
                assert_eq!(verdict, Ok(()));
            }
        });
    });
}

fn inputs(criterion: &mut Criterion) {
    let none = Script::default();
    let hash = hash160(&KEY);
    let signature = signature();
    let items: [&[u8]; 2] = [&signature, &KEY];
    bench(criterion, "P2WPKH", &none, &template::p2wpkh(&hash), &items);
    let output_key = KEY[1..].try_into().expect("32 bytes");
    bench(
        criterion,
        "P2TR key path",
        &none,
        &template::p2tr(output_key),
        &[&[1; 64]],
    );
    let script_sig = ScriptBuilder::new()
        .push(&signature)
        .push(&KEY)
        .into_script();
    bench(
        criterion,
        "P2PKH",
        &script_sig,
        &template::p2pkh(&hash),
        &[],
    );
}

criterion_group!(benches, inputs);
criterion_main!(benches);
