//! Signed payments one after the other, whose coins lie in the database.

use serde_json::json;
use synod_bench::{Kind, Plan, build};
use synod_primitives::{Transaction, TxIn, Witness};

use crate::harness::Process;

/// A chain with coins, and payments that spend them.
fn chain_and_payments(kind: Kind) -> (Vec<Vec<u8>>, Vec<Transaction>) {
    let plan = Plan {
        kind,
        keys: 16,
        fan_outs: 1,
        coins_per_fan_out: 40,
        payment_blocks: 1,
        payments_per_block: 8,
    };
    let mut blocks = Vec::new();
    let built = build(&plan, |block| {
        blocks.push(block.clone());
        Ok(())
    });
    built.expect("a chain");
    let last = blocks.pop().expect("the block of payments");
    let raw = blocks.iter().map(|block| block.raw().to_vec());
    (raw.collect(), last.transactions()[1..].to_vec())
}

/// The same payment with one bit of its last signature turned.
fn spoilt(payment: &Transaction) -> Transaction {
    let mut inputs: Vec<TxIn> = payment.inputs().to_vec();
    let input = inputs.last_mut().expect("one");
    let mut items: Vec<Vec<u8>> = input.witness.iter().map(<[u8]>::to_vec).collect();
    items[0][20] ^= 1;
    input.witness = Witness::from_items(&items);
    let outputs = payment.outputs().to_vec();
    Transaction::new(payment.version(), inputs, outputs, payment.lock_time())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lone_payment_is_judged_by_its_coins_in_the_database() {
    for kind in [Kind::P2wpkh, Kind::P2tr] {
        let (blocks, payments) = chain_and_payments(kind);
        let data = tempfile::tempdir().expect("a folder");
        let node = Process::start(data.path(), &[]);
        for block in blocks {
            node.client.submit_block(block).await.expect("a block");
        }
        node.stop();
        // After a start no coin is in memory.
        let node = Process::start(data.path(), &[]);
        for payment in &payments {
            let (status, body) = node.post("/v1/transactions", &spoilt(payment)).await;
            let code = json!("mandatory-script-verify-flag-failed");
            assert_eq!((status, &body["code"]), (422, &code), "{body}");
            let (status, body) = node.post("/v1/transactions", payment).await;
            assert_eq!(status, 200, "{body}");
        }
        // Each is there when it is answered, and nothing else is.
        let mempool = node.get("/v1/mempool").await;
        assert_eq!(mempool["transactions"], payments.len());
        node.stop();
    }
}
