//! Small chains of the same making as the reference chain.

use bytes::Bytes;
use synod_bench::{Kind, Plan, build};
use synod_chainspec::ChainSpec;
use synod_node_core::{ChainSettings, Durability, MemoryStorage, Node, Placement, Settings};

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
    let spec = ChainSpec::preset("regtest").expect("a preset");
    let settings = Settings {
        chain: ChainSettings {
            coins_cache_bytes: 1 << 20,
            threads: 2,
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
