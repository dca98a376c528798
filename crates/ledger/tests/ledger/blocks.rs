//! Rules of a block that need no coins.

use synod_chainspec::genesis_block;
use synod_ledger::{
    BlockError, CheckedBlock, HeaderError, Misbehavior, Rules, chain_id_script, witness_commitment,
    witness_commitment_script,
};
use synod_primitives::{Block, Height, MerkleRoot, Script, Transaction, TxOut, Witness};

use crate::builders::{BlockBuilder, Form, Key, NONCE, Payment, TestChain, free, sat};

fn code(chain: &TestChain, block: &Block) -> Option<&'static str> {
    chain.check(block).err().map(|error| error.code())
}

fn fresh() -> TestChain {
    TestChain::new(Rules::regtest())
}

/// Puts another coinbase into a block and mends the Merkle root.
fn with_first(builder: &BlockBuilder, coinbase: Transaction) -> Block {
    builder.assemble(coinbase)
}

#[test]
fn the_genesis_block_is_valid_by_itself() {
    assert!(CheckedBlock::validate(genesis_block()).is_ok());
}

#[test]
fn a_wrong_merkle_root_is_a_mutation() {
    let chain = fresh();
    let block = chain.next().build();
    let header = synod_primitives::Header {
        merkle_root: MerkleRoot::from_bytes([9; 32]),
        ..*block.header()
    };
    let forged = Block::new(header, block.transactions().to_vec());
    let error = chain.check(&forged).expect_err("another root");
    assert_eq!(error.code(), "bad-txnmrklroot");
    assert!(error.is_mutation() && !error.is_transient());
    assert_eq!(error.misbehavior(), Misbehavior::Mutation);
}

#[test]
fn c04_cve_2012_2459_repeated_transactions_are_a_mutation_and_the_honest_block_stays_valid() {
    let (mut chain, coins) = TestChain::with_mature_coins(2);
    let payments = coins.iter().map(Payment::through);
    let honest = chain.next().with_all(payments).build();
    assert_eq!(honest.transactions().len(), 3);
    let mut repeated = honest.transactions().to_vec();
    repeated.push(repeated[2].clone());
    let forged = Block::new(*honest.header(), repeated);
    assert_eq!(forged.hash(), honest.hash());
    for _ in 0..1_000 {
        let error = chain.check(&forged).expect_err("mutated");
        assert_eq!(error.code(), "bad-txns-duplicate");
        assert!(error.is_mutation());
    }
    assert!(chain.connect(&honest).is_ok());
}

#[test]
fn c04_a_repeated_pair_is_a_mutation() {
    let (chain, coins) = TestChain::with_mature_coins(5);
    let honest = chain
        .next()
        .with_all(coins.iter().map(Payment::through))
        .build();
    let mut repeated = honest.transactions().to_vec();
    repeated.extend_from_within(4..6);
    let forged = Block::new(*honest.header(), repeated);
    assert_eq!(forged.hash(), honest.hash());
    assert_eq!(code(&chain, &forged), Some("bad-txns-duplicate"));
    assert_eq!(code(&chain, &honest), None);
}

#[test]
fn c17_cve_2017_12842_inner_nodes_as_transactions_are_a_mutation() {
    let chain = fresh();
    // 64 bytes that decode as a transaction: one input, one output, 4 bytes of script.
    let node = Payment::new()
        .spend(&crate::builders::Spendable {
            outpoint: genesis_block().transactions()[0].outpoint(0),
            output: genesis_block().transactions()[0].outputs()[0].clone(),
        })
        .pay(1, Script::new(vec![0x51; 4]))
        .build();
    assert_eq!(node.stripped_size(), 64);
    let error = chain
        .check(&chain.next().of(vec![node]))
        .expect_err("no coinbase");
    assert_eq!(error.code(), "bad-cb-missing");
    assert!(error.is_mutation());
}

#[test]
fn c22_a_block_has_exactly_one_coinbase_and_first() {
    let (chain, coins) = TestChain::with_mature_coins(1);
    let payment = Payment::through(&coins[0]);
    let missing = chain.check(&chain.next().of(vec![payment.clone()]));
    let missing = missing.expect_err("no coinbase");
    assert_eq!(missing.code(), "bad-cb-missing");
    assert!(!missing.is_mutation());
    assert_eq!(missing.misbehavior(), Misbehavior::Invalid);
    let coinbase = chain.next().build().transactions()[0].clone();
    let late = chain.next().of(vec![payment, coinbase]);
    assert_eq!(code(&chain, &late), Some("bad-cb-missing"));
    let second = chain
        .next()
        .with(genesis_block().transactions()[0].clone())
        .build();
    assert_eq!(code(&chain, &second), Some("bad-cb-multiple"));
}

#[test]
fn c25_a_block_without_transactions_is_refused() {
    let chain = fresh();
    let empty = chain.next().of(Vec::new());
    assert_eq!(code(&chain, &empty), Some("bad-blk-length"));
}

#[test]
fn a_block_without_its_witnesses_has_at_most_a_million_bytes() {
    let chain = fresh();
    let padded = |padding: usize| {
        let mut builder = chain.next();
        builder.reward_script = Script::new(vec![0x51; padding]);
        // Without witness, so that size and weight reach their limits at different blocks.
        builder.coinbase_witness = Vec::new();
        builder.build()
    };
    let overhead = padded(100_000).size() - 100_000;
    let largest = padded(1_000_000 - overhead);
    assert_eq!(largest.stripped_size(), 1_000_000);
    assert_eq!(code(&chain, &largest), None);
    let larger = padded(1_000_000 - overhead + 1);
    assert_eq!(code(&chain, &larger), Some("bad-blk-length"));
}

/// A coin that a witness of any shape spends: version 1 with a program of no known meaning.
fn future_program() -> Script {
    Script::new(vec![0x60, 2, 1, 2])
}

#[test]
fn c25_a_block_weighs_at_most_4_million() {
    let (mut chain, coins) = TestChain::with_mature_coins(1);
    let funding = Payment::new()
        .spend(&coins[0])
        .pay(coins[0].value(), future_program())
        .build();
    let block = chain.next().with(funding.clone()).build();
    chain.connect(&block).expect("the funding is valid");
    let coin = crate::builders::Spendable::of(&funding, 0);
    let weighing = |padding: usize| {
        let witness = Witness::from_items(&[vec![0; padding]]);
        let payment = Payment::new()
            .spend_with(&coin, Script::default(), witness)
            .pay(coin.value(), free())
            .build();
        chain.next().with(payment).build()
    };
    let padding = 3_900_000;
    let rest = 4_000_000 - weighing(padding).weight().0;
    let padding = padding + usize::try_from(rest).expect("below the limit");
    assert_eq!(weighing(padding).weight().0, 4_000_000);
    assert_eq!(code(&chain, &weighing(padding)), None);
    let error = chain
        .check(&weighing(padding + 1))
        .expect_err("one too heavy");
    assert_eq!(error.code(), "bad-blk-weight");
    assert!(!error.is_mutation());
}

#[test]
fn c05_witness_mutations_are_refused_and_do_not_poison_the_hash() {
    let (mut chain, coins) = TestChain::with_mature_coins(1);
    let key = Key::from_seed(1);
    let funding = Payment::new()
        .spend(&coins[0])
        .pay(coins[0].value(), key.script_pubkey(Form::P2wpkh))
        .build();
    let block = chain.next().with(funding.clone()).build();
    chain.connect(&block).expect("the funding is valid");
    let coin = crate::builders::Spendable::of(&funding, 0);
    let payment = Payment::new()
        .spend_signed(&coin, key, Form::P2wpkh)
        .pay(coin.value(), free())
        .build();
    let honest = chain.next().with(payment.clone()).build();

    let altered = |index: usize, witness: Witness| {
        let mut transactions = honest.transactions().to_vec();
        let old = &transactions[index];
        let mut inputs = old.inputs().to_vec();
        inputs[0].witness = witness;
        let outputs = old.outputs().to_vec();
        transactions[index] = Transaction::new(old.version(), inputs, outputs, old.lock_time());
        Block::new(*honest.header(), transactions)
    };
    let stripped = altered(1, Witness::EMPTY);
    let bloated = altered(1, Witness::from_items(&[vec![1; 100_000]]));
    let no_nonce = altered(0, Witness::EMPTY);
    let short_nonce = altered(0, Witness::from_items(&[vec![7; 31]]));
    let long_nonce = altered(0, Witness::from_items(&[vec![7; 33]]));
    let two_nonces = altered(0, Witness::from_items(&[NONCE, NONCE]));
    let other_nonce = altered(0, Witness::from_items(&[[8; 32]]));
    for (block, expected) in [
        (stripped, "bad-witness-merkle-match"),
        (bloated, "bad-witness-merkle-match"),
        (other_nonce, "bad-witness-merkle-match"),
        (no_nonce, "bad-witness-nonce-size"),
        (short_nonce, "bad-witness-nonce-size"),
        (long_nonce, "bad-witness-nonce-size"),
        (two_nonces, "bad-witness-nonce-size"),
    ] {
        assert_eq!(block.hash(), honest.hash());
        let error = chain.check(&block).expect_err("mutated");
        assert_eq!(error.code(), expected);
        assert!(error.is_mutation());
    }
    assert!(chain.connect(&honest).is_ok());
}

#[test]
fn c05_a_witness_without_a_commitment_is_refused() {
    let (chain, coins) = TestChain::with_mature_coins(1);
    let witness = Witness::from_items(&[[1]]);
    let payment = Payment::new()
        .spend_with(&coins[0], Script::default(), witness)
        .pay(1, free())
        .build();
    let mut builder = chain.next().with(payment);
    builder.coinbase_witness = Vec::new();
    let error = chain.check(&builder.build()).expect_err("no commitment");
    assert_eq!(error.code(), "unexpected-witness");
    assert!(error.is_mutation());
}

#[test]
fn a_commitment_is_not_looked_at_before_segwit() {
    let mut chain = fresh();
    chain.rules.activations.segwit = Height(2);
    let mut builder = chain.next();
    assert_eq!(code(&chain, &builder.build()), Some("unexpected-witness"));
    builder.coinbase_witness = Vec::new();
    let wrong = witness_commitment_script(&[9; 32]);
    builder.coinbase_outputs.push(TxOut {
        value: sat(0),
        script_pubkey: wrong,
    });
    assert_eq!(code(&chain, &builder.build()), None);
    chain.rules.activations.segwit = Height(1);
    assert_eq!(
        code(&chain, &builder.build()),
        Some("bad-witness-nonce-size")
    );
}

#[test]
fn the_last_commitment_counts_and_may_be_longer() {
    let chain = fresh();
    let mut builder = chain.next();
    let wrong = witness_commitment_script(&[9; 32]);
    builder.coinbase_outputs.push(TxOut {
        value: sat(0),
        script_pubkey: wrong.clone(),
    });
    assert_eq!(code(&chain, &builder.build()), None);

    let right = chain.next().build();
    let coinbase = &right.transactions()[0];
    let with_last = |script_pubkey: Script| {
        let mut outputs = coinbase.outputs().to_vec();
        outputs.push(TxOut {
            value: sat(0),
            script_pubkey,
        });
        let coinbase = Transaction::new(2, coinbase.inputs().to_vec(), outputs, 0);
        with_first(&chain.next(), coinbase)
    };
    assert_eq!(
        code(&chain, &with_last(wrong)),
        Some("bad-witness-merkle-match")
    );
    let commitment = witness_commitment(&right.witness_root().hash, &NONCE);
    let longer = [
        witness_commitment_script(&commitment).as_bytes(),
        &[1, 2, 3],
    ]
    .concat();
    assert_eq!(code(&chain, &with_last(Script::new(longer))), None);
    let shorter = witness_commitment_script(&commitment).as_bytes()[..37].to_vec();
    assert_eq!(code(&chain, &with_last(Script::new(shorter))), None);
}

#[test]
fn c09_the_coinbase_starts_with_the_height_in_its_shortest_form() {
    let mut chain = fresh();
    for _ in 0..16 {
        let block = chain.next().build();
        chain.connect(&block).expect("an empty block is valid");
    }
    assert_eq!(chain.next_height(), Height(17));
    let with_script = |script: &[u8]| {
        let mut builder = chain.next();
        builder.coinbase_script = script.to_vec();
        code(&chain, &builder.build())
    };
    assert_eq!(with_script(&[1, 17]), None);
    assert_eq!(with_script(&[1, 17, 0xff]), None);
    let refused = Some("bad-cb-height");
    assert_eq!(with_script(&[1, 16]), refused);
    assert_eq!(with_script(&[1, 18]), refused);
    assert_eq!(with_script(&[1, 0x91]), refused);
    assert_eq!(with_script(&[2, 17, 0]), refused);
    assert_eq!(with_script(&[0x4c, 1, 17]), refused);
    assert_eq!(with_script(&[0, 0]), refused);
    assert_eq!(with_script(&[1]), Some("bad-cb-length"));
    assert_eq!(with_script(&[1; 101]), Some("bad-cb-length"));
}

#[test]
fn small_heights_are_opcodes() {
    let chain = fresh();
    let mut builder = chain.next();
    builder.coinbase_script = vec![0x51, 0];
    assert_eq!(code(&chain, &builder.build()), None);
    builder.coinbase_script = vec![1, 1];
    assert_eq!(code(&chain, &builder.build()), Some("bad-cb-height"));
}

#[test]
fn the_height_is_not_asked_for_before_bip34() {
    let mut chain = fresh();
    chain.rules.activations.bip34 = Height(2);
    let mut builder = chain.next();
    builder.coinbase_script = vec![9, 9];
    assert_eq!(code(&chain, &builder.build()), None);
    chain.rules.activations.bip34 = Height(1);
    assert_eq!(code(&chain, &builder.build()), Some("bad-cb-height"));
}

#[test]
fn block_1_carries_the_chain_id_in_exactly_one_output() {
    let id = [5; 32];
    let mut chain = fresh();
    chain.rules.chain_id_output = Some(id);
    let with_ids = |ids: &[[u8; 32]]| {
        let mut builder = chain.next();
        builder.coinbase_outputs = ids
            .iter()
            .map(|id| TxOut {
                value: sat(0),
                script_pubkey: chain_id_script(id),
            })
            .collect();
        builder.build()
    };
    let refused = Some("bad-cb-chainid");
    assert_eq!(code(&chain, &with_ids(&[])), refused);
    assert_eq!(code(&chain, &with_ids(&[[6; 32]])), refused);
    assert_eq!(code(&chain, &with_ids(&[id, id])), refused);
    assert_eq!(code(&chain, &with_ids(&[id, [6; 32]])), refused);
    assert_eq!(code(&chain, &with_ids(&[id])), None);
    let block = with_ids(&[id]);
    chain.connect(&block).expect("valid");
    assert_eq!(code(&chain, &chain.next().build()), None);
}

#[test]
fn c12_a_block_whose_time_is_ahead_is_not_remembered() {
    let error = BlockError::from(HeaderError::TimeTooNew);
    assert!(error.is_transient() && !error.is_mutation());
    assert_eq!(error.misbehavior(), Misbehavior::Innocent);
    let old = BlockError::from(HeaderError::TimeTooOld);
    assert_eq!(old.misbehavior(), Misbehavior::Invalid);
}

#[test]
fn c24_encodings_that_lie_about_their_length_are_refused_before_anything_is_reserved() {
    let raw = fresh().next().build().raw().to_vec();
    let decode = |bytes: Vec<u8>| Block::decode(&bytes.into());
    let (header, body) = raw.split_at(80);
    let with_count = |count: &[u8]| decode([header, count, &body[1..]].concat());
    assert!(decode(raw.clone()).is_ok());
    assert!(with_count(&[0xff; 9]).is_err());
    assert!(with_count(&[0xfe, 0xff, 0xff, 0xff, 0x01]).is_err());
    assert!(with_count(&[0xfd, 1, 0]).is_err());
    assert!(decode([&raw[..], &[0]].concat()).is_err());
    for length in 0..raw.len() {
        assert!(decode(raw[..length].to_vec()).is_err());
    }
}
