//! Small chains of the same making as the reference chain.

use bytes::Bytes;
use synod_bench::{Kind, Plan, build, with_transactions};
use synod_chainspec::ChainSpec;
use synod_node_core::{
    Accepted, ChainSettings, Durability, MemoryStorage, Node, Placement, PreparedBlock, Refusal,
    Settings,
};
use synod_primitives::{Block, Height, Transaction, TxIn, Witness};

const KINDS: [Kind; 2] = [Kind::P2wpkh, Kind::P2tr];

fn small(kind: Kind) -> Plan {
    Plan {
        keys: 7,
        fan_outs: 6,
        coins_per_fan_out: 30,
        payment_blocks: 3,
        payments_per_block: 56,
        ..Plan::reference(kind)
    }
}

fn blocks(plan: &Plan) -> Vec<Bytes> {
    let mut blocks = Vec::new();
    build(plan, |block| {
        blocks.push(block.raw().clone());
        Ok(())
    })
    .expect("the plan holds");
    blocks
}

fn node() -> Node {
    node_with(2)
}

fn node_with(threads: usize) -> Node {
    let spec = ChainSpec::preset("regtest").expect("a preset");
    let settings = Settings {
        chain: ChainSettings {
            coins_cache_bytes: 1 << 20,
            threads,
            hash_key: (1, 2),
        },
        policy: synod_mempool::Policy::default(),
    };
    Node::open(&spec, Box::new(MemoryStorage::new()), settings, 0).expect("opens")
}

#[test]
fn every_block_of_a_chain_is_valid() {
    for kind in KINDS {
        let plan = small(kind);
        let blocks = blocks(&plan);
        assert_eq!(blocks.len(), plan.blocks() as usize);
        let mut node = node();
        let now = 4_000_000_000;
        let verdicts = node.submit_blocks(&blocks, now, Durability::Synced);
        for verdict in verdicts.expect("storage holds") {
            let accepted = verdict.expect("valid");
            assert_eq!(accepted.placement, Placement::Active);
        }
        assert_eq!(node.view().height.0, plan.blocks());
    }
}

#[test]
fn a_chain_has_as_many_signed_inputs_as_its_plan_says() {
    let plan = small(Kind::P2tr);
    let mut inputs = 0;
    build(&plan, |block| {
        let spending = block.transactions().iter().skip(1);
        inputs += spending.map(|it| it.inputs().len() as u64).sum::<u64>();
        Ok(())
    })
    .expect("the plan holds");
    assert_eq!(inputs, plan.inputs());
    let reference = Plan::reference(Kind::P2tr);
    assert_eq!(reference.blocks(), 217);
    assert_eq!(reference.inputs(), 186_045);
}

#[test]
fn a_plan_gives_the_same_bytes_each_time() {
    for kind in KINDS {
        assert_eq!(blocks(&small(kind)), blocks(&small(kind)));
    }
}

#[test]
fn a_plan_without_enough_coins_is_refused() {
    let plan = Plan {
        fan_outs: 1,
        coins_per_fan_out: 1,
        ..small(Kind::P2tr)
    };
    assert!(build(&plan, |_| Ok(())).is_err());
}

/// The transaction with one bit of its first signature changed.
fn with_wrong_signature(transaction: &Transaction) -> Transaction {
    let mut inputs: Vec<TxIn> = transaction.inputs().to_vec();
    let mut items: Vec<Vec<u8>> = inputs[0].witness.iter().map(<[u8]>::to_vec).collect();
    items[0][40] ^= 1;
    inputs[0].witness = Witness::from_items(&items);
    let outputs = transaction.outputs().to_vec();
    Transaction::new(
        transaction.version(),
        inputs,
        outputs,
        transaction.lock_time(),
    )
}

/// A chain with a block in front of its last but one that is the same but for two signatures.
fn with_a_bad_block(plan: &Plan) -> (Vec<Bytes>, usize) {
    let mut blocks = blocks(plan);
    let place = blocks.len() - 2;
    let good = Block::decode(&blocks[place]).expect("a block");
    let mut transactions = good.transactions()[1..].to_vec();
    for index in [30, 41] {
        transactions[index] = with_wrong_signature(&transactions[index]);
    }
    let height = Height(u32::try_from(place + 1).expect("a short chain"));
    let bad = with_transactions(&good, height, transactions).expect("a nonce");
    blocks.insert(place, bad.raw().clone());
    (blocks, place)
}

type Verdicts = Vec<Result<Accepted, Refusal>>;

fn submit(threads: usize, blocks: &[Bytes], prepare: fn(&Bytes) -> PreparedBlock) -> Verdicts {
    let mut node = node_with(threads);
    let mut prepared = blocks.iter().map(prepare);
    let verdicts = node.submit_prepared(&mut prepared, 4_000_000_000, Durability::Deferred);
    assert_eq!(node.view().height.0 as usize, blocks.len() - 1);
    verdicts.expect("storage holds")
}

#[test]
fn verdicts_do_not_depend_on_threads_or_on_what_is_prepared() {
    for kind in KINDS {
        let (blocks, place) = with_a_bad_block(&small(kind));
        let expected = submit(1, &blocks, PreparedBlock::decode);
        for (index, verdict) in expected.iter().enumerate() {
            match verdict {
                Ok(accepted) => assert_eq!(accepted.placement, Placement::Active),
                Err(refusal) => {
                    assert_eq!(index, place);
                    assert_eq!(refusal.code, "mandatory-script-verify-flag-failed");
                    assert!(refusal.detail.contains("transaction 31"), "{refusal}");
                }
            }
        }
        assert!(expected[place].is_err());
        for threads in 1..=4 {
            for prepare in [PreparedBlock::decode, PreparedBlock::check] {
                assert_eq!(
                    submit(threads, &blocks, prepare),
                    expected,
                    "{threads} threads"
                );
            }
        }
    }
}
