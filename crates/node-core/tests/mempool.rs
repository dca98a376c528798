//! The mempool of a node: orphans, refusals that are remembered, reorganisations, and what comes
//! back after a start.

use synod_chainspec::ChainSpec;
use synod_mempool::{FeeRate, Options, PeerId, Policy, Rejected};
use synod_node_core::{
    Admission, CLIENTS, ChainSettings, Durability, Event, FoundWork, MemoryStorage, Node, Offer,
    Settings,
};
use synod_primitives::{
    Amount, Block, OutPoint, Script, Transaction, TxIn, TxOut, Witness, sha256,
};
use synod_script::template::p2wsh;

const NOW: u64 = 1_800_000_000;
const SUBSIDY: i64 = 5_000_000_000;
const PEER: PeerId = PeerId(1);

fn open() -> Node {
    open_with(Policy::default())
}

fn open_with(policy: Policy) -> Node {
    let spec = ChainSpec::preset("regtest").expect("a preset");
    let settings = Settings {
        chain: ChainSettings {
            coins_cache_bytes: 64 << 20,
            threads: 2,
            hash_key: (1, 2),
        },
        policy,
    };
    Node::open(&spec, Box::new(MemoryStorage::new()), settings, NOW).expect("storage works")
}

/// A witness script that anyone satisfies; the mark makes branches differ.
fn anyone(mark: u8) -> Vec<u8> {
    vec![0x50 + mark, 0x75, 0x51]
}

fn pays_to(script: &[u8]) -> Script {
    p2wsh(&sha256(script))
}

fn mine(node: &mut Node, mark: u8) -> Block {
    let template = node.template(pays_to(&anyone(mark)), NOW);
    let mut work = FoundWork {
        extra_nonce: [mark; 8],
        time: template.time,
        nonce: 0,
        version: None,
    };
    let target = template.bits.to_target().expect("a target");
    while !target.is_met_by(template.header(&work).block_hash()) {
        work.nonce += 1;
    }
    let block = template.assemble(&work);
    give(node, std::slice::from_ref(&block));
    block
}

fn mine_many(node: &mut Node, mark: u8, count: u32) -> Vec<Block> {
    (0..count).map(|_| mine(node, mark)).collect()
}

fn give(node: &mut Node, blocks: &[Block]) {
    let raws: Vec<_> = blocks.iter().map(|block| block.raw().clone()).collect();
    let verdicts = node.submit_blocks(&raws, NOW, Durability::Synced);
    let verdicts = verdicts.expect("storage works");
    assert!(verdicts.iter().all(Result::is_ok), "{verdicts:?}");
}

/// Spends an outpoint that pays to mark 1 to `outputs` outputs of the same kind.
fn pay(from: OutPoint, value: i64, outputs: i64, fee: i64) -> Transaction {
    pay_by(from, value, (outputs, fee), &anyone(1))
}

fn pay_by(from: OutPoint, value: i64, (outputs, fee): (i64, i64), script: &[u8]) -> Transaction {
    let input = TxIn {
        prevout: from,
        script_sig: Script::default(),
        sequence: 0xffff_fffd,
        witness: Witness::from_items(&[script]),
    };
    let output = TxOut {
        value: Amount::from_sat((value - fee) / outputs),
        script_pubkey: pays_to(&anyone(1)),
    };
    let count = usize::try_from(outputs).expect("few");
    Transaction::new(2, vec![input], vec![output; count], 0)
}

/// The same payment in version 3, whose parent may pay less than relay takes (BIP431).
fn version_3(payment: &Transaction) -> Transaction {
    let (inputs, outputs) = (payment.inputs().to_vec(), payment.outputs().to_vec());
    Transaction::new(3, inputs, outputs, 0)
}

fn submit(node: &mut Node, from: PeerId, transactions: &[&Transaction]) -> Vec<Admission> {
    let offers: Vec<Offer> = transactions
        .iter()
        .map(|transaction| Offer {
            transaction: Transaction::clone(transaction),
            options: Options::default(),
            from,
        })
        .collect();
    node.submit_transactions(&offers, NOW)
        .expect("storage works")
}

fn accepted(admissions: &[Admission]) -> usize {
    let is_accepted = |it: &&Admission| matches!(it, Admission::Accepted(_));
    admissions.iter().filter(is_accepted).count()
}

fn is_here(node: &Node, transaction: &Transaction) -> bool {
    let mempool = node.mempool();
    let mempool = mempool.read().expect("no panic");
    mempool.find(&transaction.txid()).is_some()
}

fn count(node: &Node) -> usize {
    node.mempool().read().expect("no panic").len()
}

fn orphans(node: &Node) -> usize {
    node.waiting().read().expect("no panic").orphan_count()
}

/// A node on 101 blocks and the output of the first coinbase, which can be spent.
fn with_coin() -> (Node, OutPoint) {
    let mut node = open();
    let blocks = mine_many(&mut node, 1, 101);
    let coin = blocks[0].transactions()[0].outpoint(0);
    (node, coin)
}

#[test]
fn m08_an_orphan_of_a_peer_joins_with_its_last_parent() {
    let (mut node, coin) = with_coin();
    let root = pay(coin, SUBSIDY, 2, 1000);
    let half = (SUBSIDY - 1000) / 2;
    let (left, right) = (
        pay(root.outpoint(0), half, 1, 1000),
        pay(root.outpoint(1), half, 1, 1000),
    );
    let both = {
        let inputs = [&left, &right].map(|tx| TxIn {
            prevout: tx.outpoint(0),
            script_sig: Script::default(),
            sequence: u32::MAX,
            witness: Witness::from_items(&[anyone(1)]),
        });
        let output = TxOut {
            value: Amount::from_sat(2 * (half - 1000) - 1000),
            script_pubkey: pays_to(&anyone(1)),
        };
        Transaction::new(2, inputs.to_vec(), vec![output], 0)
    };
    let held = submit(&mut node, PEER, &[&both]);
    assert!(
        matches!(&held[0], Admission::Held(why) if why.missing_parents().map(<[_]>::len) == Some(2))
    );
    assert!(
        node.waiting()
            .read()
            .expect("no panic")
            .knows(&both.wtxid())
    );
    assert_eq!(accepted(&submit(&mut node, PEER, &[&root, &left])), 2);
    assert_eq!((is_here(&node, &both), orphans(&node)), (false, 1));
    assert_eq!(accepted(&submit(&mut node, CLIENTS, &[&right])), 1);
    assert_eq!((is_here(&node, &both), orphans(&node)), (true, 0));
}

#[test]
fn m08_an_orphan_joins_when_a_block_brings_its_parent() {
    let (mut node, coin) = with_coin();
    let (mut other, _) = with_coin();
    let parent = pay(coin, SUBSIDY, 1, 1000);
    let child = pay(parent.outpoint(0), SUBSIDY - 1000, 1, 1000);
    submit(&mut node, PEER, &[&child]);
    assert_eq!(accepted(&submit(&mut other, CLIENTS, &[&parent])), 1);
    let block = mine(&mut other, 1);
    give(&mut node, &[block]);
    assert_eq!((is_here(&node, &child), orphans(&node)), (true, 0));
}

#[test]
fn m08_a_flood_of_one_peer_leaves_the_orphan_of_another() {
    let (mut node, coin) = with_coin();
    let parent = pay(coin, SUBSIDY, 1, 1000);
    let honest = pay(parent.outpoint(0), SUBSIDY - 1000, 1, 1000);
    submit(&mut node, PEER, &[&honest]);
    for number in 0..300_u32 {
        let unknown = sha256(&number.to_le_bytes());
        let unknown = OutPoint::new(synod_primitives::Txid::from_bytes(unknown), 0);
        let junk = pay(unknown, SUBSIDY, 1, 1000);
        submit(&mut node, PeerId(2), &[&junk]);
        assert!(orphans(&node) <= 100);
    }
    assert_eq!(accepted(&submit(&mut node, PEER, &[&parent])), 1);
    assert!(is_here(&node, &honest));
}

/// As in the advisory of July 2024: many orphans hang on many outputs of one parent.
#[test]
fn m08_a_hundred_orphans_of_one_parent_are_settled_when_it_comes() {
    let (mut node, coin) = with_coin();
    let parent = pay(coin, SUBSIDY, 24, 100_000);
    let value = parent.outputs()[0].value.sat();
    let child = |vout: u32, fee: i64| pay(parent.outpoint(vout), value, 1, fee);
    // Of each output four spends, each of which pays enough to replace the one before it.
    let fees = (1..=4).map(|step| step * 10_000);
    let children: Vec<Transaction> = fees
        .flat_map(|fee| (0..24).map(move |vout| (vout, fee)))
        .map(|(vout, fee)| child(vout, fee))
        .collect();
    for (peer, child) in (10..).zip(&children) {
        let admissions = submit(&mut node, PeerId(peer), &[child]);
        assert!(matches!(admissions[0], Admission::Held(_)));
    }
    assert_eq!((orphans(&node), count(&node)), (96, 0));
    assert_eq!(accepted(&submit(&mut node, PEER, &[&parent])), 1);
    assert_eq!(orphans(&node), 0, "none waits for what is here");
    let here = children.iter().filter(|child| is_here(&node, child));
    assert_eq!(
        (count(&node), here.count()),
        (25, 24),
        "one spend of each output"
    );
}

#[test]
fn m08_an_orphan_is_gone_after_20_minutes_and_not_before() {
    let (mut node, coin) = with_coin();
    let parent = pay(coin, SUBSIDY, 1, 1000);
    let child = pay(parent.outpoint(0), SUBSIDY - 1000, 1, 1000);
    submit(&mut node, PEER, &[&child]);
    node.expire(NOW + 20 * 60 - 1);
    assert_eq!(orphans(&node), 1);
    node.expire(NOW + 20 * 60);
    assert_eq!(orphans(&node), 0);
}

#[test]
fn m15_scripts_that_failed_are_remembered_until_the_tip_changes() {
    let (mut node, coin) = with_coin();
    let thief = pay_by(coin, SUBSIDY, (1, 1000), &anyone(2));
    let knows = |node: &Node| {
        node.waiting()
            .read()
            .expect("no panic")
            .knows(&thief.wtxid())
    };
    assert!(!knows(&node));
    let mut verdicts = Vec::new();
    for _ in 0..3 {
        verdicts.extend(submit(&mut node, PEER, &[&thief]));
        assert!(knows(&node), "a peer's announcement of it is not followed");
    }
    assert!(
        matches!(&verdicts[0], Admission::Rejected(Rejected::Script { .. })),
        "{verdicts:?}"
    );
    assert!(verdicts.iter().all(|it| *it == verdicts[0]));
    mine(&mut node, 1);
    assert!(!knows(&node));
}

#[test]
fn a_parent_that_pays_too_little_joins_with_the_child_that_pays_for_it_in_either_order() {
    for parent_first in [true, false] {
        let (mut node, coin) = with_coin();
        let parent = version_3(&pay(coin, SUBSIDY, 1, 0));
        let child = version_3(&pay(parent.outpoint(0), SUBSIDY, 1, 10_000));
        let order = if parent_first {
            [&parent, &child]
        } else {
            [&child, &parent]
        };
        submit(&mut node, PEER, &[order[0]]);
        assert_eq!(count(&node), 0);
        assert_eq!(accepted(&submit(&mut node, PEER, &[order[1]])), 1);
        assert!(is_here(&node, &parent) && is_here(&node, &child));
        assert_eq!(orphans(&node), 0);
    }
}

#[test]
fn a_client_that_posts_a_parent_that_pays_too_little_gets_what_core_answers() {
    let (mut node, coin) = with_coin();
    let parent = version_3(&pay(coin, SUBSIDY, 1, 0));
    let child = version_3(&pay(parent.outpoint(0), SUBSIDY, 1, 10_000));
    let verdicts = submit(&mut node, CLIENTS, &[&parent, &child]);
    let codes: Vec<_> = verdicts
        .iter()
        .map(|it| match it {
            Admission::Accepted(_) => "accepted",
            Admission::Held(why) | Admission::Rejected(why) => why.code(),
        })
        .collect();
    let expected = ["min relay fee not met", "bad-txns-inputs-missingorspent"];
    assert_eq!(codes, expected);
    let package = node.submit_package(&[parent.clone(), child.clone()], Options::default(), NOW);
    assert_eq!(package.expect("storage works").error, None);
    assert!(is_here(&node, &parent) && is_here(&node, &child));
}

/// Attack catalogue M13, with the same shape in less: chains of payments over 100 blocks, of
/// which a part conflicts with the branch that wins.
#[test]
fn m13_a_reorganisation_of_100_blocks_gives_back_what_the_new_branch_leaves_possible() {
    let (mut node, _) = with_coin();
    let (mut other, _) = with_coin();
    let common: Vec<Block> = mine_many(&mut node, 1, 30);
    give(&mut other, &common);
    // Coins that both branches have, and that are mature when the branches begin.
    let coins: Vec<OutPoint> = (2..=25)
        .map(|height| {
            let id = node.chain().tree().active_at(height.into());
            let hash = node.chain().tree().entry(id.expect("there")).record.hash;
            let block = node.chain_mut().block(hash).expect("stored");
            block.transactions()[0].outpoint(0)
        })
        .collect();
    let mut tips: Vec<(OutPoint, i64)> = coins.iter().map(|coin| (*coin, SUBSIDY)).collect();
    let mut payments = Vec::new();
    let mut first_coinbase = None;
    // Each coin is passed on 25 times, as often as the mempool holds a chain.
    for step in 0..100 {
        let group = tips.iter_mut().enumerate().skip(step / 25 * 6).take(6);
        for (place, (at, value)) in group {
            let payment = pay(*at, *value, 1, 1000);
            (*at, *value) = (payment.outpoint(0), *value - 1000);
            assert_eq!(accepted(&submit(&mut node, CLIENTS, &[&payment])), 1);
            payments.push((place, payment));
        }
        let block = mine(&mut node, 1);
        first_coinbase.get_or_insert(block.transactions()[0].outpoint(0));
    }
    // The next block may spend the first coinbase of the branch that is going to leave.
    let immature = pay(first_coinbase.expect("mined"), SUBSIDY, 1, 1000);
    assert_eq!(accepted(&submit(&mut node, CLIENTS, &[&immature])), 1);
    assert_eq!(count(&node), 1);

    // The other branch spends the first coin elsewhere: its chain of 25 is impossible there.
    let rival = pay(coins[0], SUBSIDY, 2, 5000);
    assert_eq!(accepted(&submit(&mut other, CLIENTS, &[&rival])), 1);
    let branch = mine_many(&mut other, 2, 101);
    drop(node.take_events());
    give(&mut node, &branch);
    assert_eq!(node.view(), other.view());
    assert!(!is_here(&node, &immature), "its coin is gone");
    for (place, payment) in &payments {
        assert_eq!(is_here(&node, payment), *place != 0, "a payment of {place}");
    }
    assert_eq!(count(&node), 23 * 25);
    let reorganised = |event: &Event| matches!(event, Event::Reorganized { .. });
    assert_eq!(
        node.take_events()
            .iter()
            .filter(|it| reorganised(it))
            .count(),
        1
    );
    let check = node.mempool();
    let check = check.read().expect("no panic").check_invariants();
    assert_eq!(check, Ok(()));
    // Everything can be mined again.
    let mut left = count(&node);
    while left > 0 {
        mine(&mut node, 2);
        assert!(count(&node) < left, "a block takes nothing");
        left = count(&node);
    }
}

#[test]
fn m12_a_saved_mempool_is_verified_anew_part_by_part() {
    let (mut node, coin) = with_coin();
    let mut chain = vec![pay(coin, SUBSIDY, 1, 1000)];
    for step in 1..20 {
        let from = chain.last().expect("one").outpoint(0);
        chain.push(pay(from, SUBSIDY - 1000 * step, 1, 1000));
    }
    let all: Vec<&Transaction> = chain.iter().collect();
    assert_eq!(accepted(&submit(&mut node, CLIENTS, &all)), 20);
    node.prioritise(chain[0].txid(), 5).expect("the first");
    let saved = node.mempool().read().expect("no panic").save();

    let (mut again, _) = with_coin();
    for part in saved.transactions.chunks(3) {
        let part = synod_mempool::SavedMempool {
            transactions: part.to_vec(),
            fee_deltas: Vec::new(),
        };
        let restored = again.restore_mempool(&part, NOW).expect("storage works");
        assert_eq!(restored.admitted, part.transactions.len());
    }
    assert_eq!(again.mempool().read().expect("no panic").save(), saved);

    // On another chain the coin is not there, and nothing is admitted.
    let mut elsewhere = open();
    mine_many(&mut elsewhere, 3, 101);
    let restored = elsewhere
        .restore_mempool(&saved, NOW)
        .expect("storage works");
    assert_eq!((restored.admitted, restored.refused), (0, 20));
    assert_eq!(count(&elsewhere), 0);
}

#[test]
fn m09_a_full_mempool_raises_its_minimum_which_halves_in_12_hours() {
    let mut node = open_with(Policy {
        max_bytes: 60_000,
        ..Policy::default()
    });
    let blocks = mine_many(&mut node, 1, 160);
    let mut refused = 0;
    for (number, block) in (1..).zip(&blocks[..60]) {
        let fee = 1000 * number;
        let payment = pay(block.transactions()[0].outpoint(0), SUBSIDY, 20, fee);
        let verdict = submit(&mut node, CLIENTS, &[&payment]);
        refused += 1 - accepted(&verdict);
    }
    // It falls when blocks come; one without transactions leaves the mempool as full as it is.
    let mut miner = open();
    give(&mut miner, &blocks);
    let empty = mine(&mut miner, 1);
    give(&mut node, &[empty]);
    let minimum = |now: u64| {
        let mempool = node.mempool();
        let mempool = mempool.read().expect("no panic");
        mempool.mempool_min_fee(now)
    };
    let full = minimum(NOW);
    assert!(
        full > FeeRate::from_sat_per_kvb(1000),
        "{full} after {refused} refusals"
    );
    let halved = minimum(NOW + 12 * 3600).sat_per_kvb();
    let half = full.sat_per_kvb() / 2;
    assert!(
        (half - 2..=half + 2).contains(&halved),
        "{halved} of {full}"
    );
    assert_eq!(minimum(NOW + 30 * 24 * 3600), FeeRate::ZERO);
}
