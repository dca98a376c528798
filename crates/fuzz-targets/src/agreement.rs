//! What engines and their nodes say to each other, and what engines kept.

use std::sync::OnceLock;

use bytes::Bytes;
use synod_chainspec::ChainSpec;
use synod_engine::{Input as Told, Millis, PeerId, Record, RecordKey, STATE_RECORD};
use synod_node::duty::{Incoming, decode_message};
use synod_node_core::engine_of;

use crate::Input;

/// The most messages and records of one input.
const MAX_ITEMS: usize = 16;

/// Networks with one bond each.
fn specs() -> &'static [ChainSpec; 2] {
    static SPECS: OnceLock<[ChainSpec; 2]> = OnceLock::new();
    SPECS.get_or_init(|| {
        ["pos", "dpos"].map(|engine| {
            let name = if engine == "dpos" {
                "name = \"one\""
            } else {
                ""
            };
            let text = format!(
                "base = \"sealed\"\nname = \"fuzz\"\nengine = \"{engine}\"\n[bootstrap]\n\
                 time = 1700000000\nblocks = 103\nkey = \"{key}\"\n[[bootstrap.bonds]]\n\
                 owner = \"{owner}\"\ndelegate = \"{owner}\"\nanchor = \"{key}\"\n\
                 amount_sat = 5000000000\n{name}\n",
                key = KEY,
                owner = "11".repeat(20),
            );
            ChainSpec::parse(&text).expect("a chain spec")
        })
    })
}

/// The x coordinate of the generator.
const KEY: &str = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";

/// An engine that starts with any records and hears any messages goes on, and holds no more than
/// it says.
pub(crate) fn engine(bytes: &[u8]) {
    let mut input = Input(bytes);
    let [kind, records, keys, _] = input.array();
    let spec = &specs()[usize::from(kind & 1)];
    let mut engine = engine_of(spec).expect("the spec has a bootstrap");
    let record = |index: u64, input: &mut Input<'_>| Record {
        key: match keys {
            u8::MAX => STATE_RECORD,
            first => RecordKey(u64::from(first) + index),
        },
        value: Bytes::copy_from_slice(input.sized()),
    };
    let records = (0..u64::from(records) % MAX_ITEMS as u64).map(|at| record(at, &mut input));
    let records = records.collect();
    engine.handle(Millis(0), Told::Restart { records });
    for at in 0..MAX_ITEMS as u64 {
        if input.0.is_empty() {
            break;
        }
        let from = PeerId(at % 3);
        let bytes = Bytes::copy_from_slice(input.sized());
        engine.handle(Millis(at), Told::Message { from, bytes });
    }
    assert!(engine.held_items() <= engine.max_held_items());
}

/// A message of a peer about agreement is the engine's whole, or evidence, or nothing.
pub(crate) fn node_message(bytes: &[u8]) {
    match decode_message(&Bytes::copy_from_slice(bytes)) {
        Some(Incoming::Engine(body)) => assert_eq!(body, bytes[1..]),
        Some(Incoming::Evidence(evidence)) => {
            let (first, second) = (evidence.first.encode(), evidence.second.encode());
            assert_eq!([&bytes[..5], &first, &second].concat(), bytes);
        }
        None => {}
    }
}
