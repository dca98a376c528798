//! A validator that contradicts itself: evidence, penalty, reward.

use k256::schnorr::SigningKey;
use synod_api::HashHex;
use synod_api::node::{
    Contradiction, DutiesQuery, EvidenceStatus, OutputStatus, SealDuty, SubmitEvidence,
    ValidatorStanding,
};
use synod_primitives::{Block, Script, Transaction, TxOut};
use synod_script::template;
use synod_seal::{Seal, UnsealedHeader};

use crate::kit::{
    BOND, BOOTSTRAP, DPOS, POS, TestNode, Validator, World, begin_slot, delegate, live, payout,
    payout_address, sealing_key, until,
};

/// Returns the block that a key is to seal now.
async fn duty(node: &TestNode, number: u8, payout: String) -> SealDuty {
    let query = DutiesQuery {
        keys: HashHex::from_bytes(sealing_key(number).public().0).to_string(),
        payout: Some(payout),
        after: Some(0),
        wait_ms: Some(30_000),
    };
    let duties = node.client.duties(&query).await.expect("duties");
    duties.seals.first().expect("a block to seal").clone()
}

/// Seals a block as no validator of ours would: without protection. The coinbase pays `to`.
fn seal(world: &World, duty: &SealDuty, number: u8, to: &Script) -> Block {
    let key = sealing_key(number);
    let mut seal = Seal::decode(duty.seal.as_bytes()).expect("a seal");
    seal.reveal = key.reveal_after(&seal.reveal).expect("a reveal");
    let block = Block::decode(&duty.block.as_bytes().to_vec().into()).expect("a block");
    let mut transactions = block.transactions().to_vec();
    let coinbase = &transactions[0];
    let outputs = coinbase.outputs().iter().map(|output| TxOut {
        script_pubkey: if output.script_pubkey == payout() {
            to.clone()
        } else {
            output.script_pubkey.clone()
        },
        ..output.clone()
    });
    transactions[0] = Transaction::new(
        coinbase.version(),
        coinbase.inputs().to_vec(),
        outputs.collect(),
        0,
    );
    let block = Block::new(*block.header(), transactions);
    let unsealed = UnsealedHeader::of_block(&block, &seal).expect("it takes a seal");
    let digest = unsealed.digest(&world.spec.chain_id().0);
    let signing = SigningKey::from_slice(&[number; 32]).expect("a secret");
    let signature = signing
        .sign_raw(&digest, &[0; 32])
        .expect("signs")
        .to_bytes();
    unsealed.seal_block(&block, signature).expect("a nonce")
}

/// Lives until a slot that is this key's; returns it.
async fn slot_of(node: &TestNode, number: u8, from: u64, honest: &[&Validator]) -> u64 {
    let mut slot = from;
    while node.leader(slot).await != delegate(number) {
        live(slot..=slot, &[node], honest).await;
        slot += 1;
    }
    slot
}

/// Makes a key seal two blocks in one slot of its own; returns the slot.
async fn equivocate(world: &World, node: &TestNode, number: u8, honest: &[&Validator]) -> u64 {
    let query = DutiesQuery {
        keys: HashHex::from_bytes(sealing_key(number).public().0).to_string(),
        payout: Some(payout_address()),
        ..DutiesQuery::default()
    };
    node.client.duties(&query).await.expect("the key is known");
    let slot = slot_of(node, number, 1, honest).await;
    begin_slot(slot);
    let duty = duty(node, number, payout_address()).await;
    assert_eq!(duty.slot, slot);
    let others = [payout(), template::p2wpkh(&[8; 20])];
    for to in &others {
        let block = seal(world, &duty, number, to);
        let taken = node.client.submit_block(block.raw().clone()).await;
        taken.expect("each is a block like any other");
    }
    slot
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planted_equivocator_is_slashed_by_the_next_block_and_never_seals_again() {
    let world = World::new("pos", &[1, 2, 3], POS).await;
    let node = world.node("node").await;
    let two = world.validator(2, &[&node]).await;
    let three = world.validator(3, &[&node]).await;
    let honest = [&two, &three];
    let bond = node.validator(1).await.bond.expect("a bond");
    let slot = equivocate(&world, &node, 1, &honest).await;
    until("evidence", async || {
        let known = node.open_client.evidence().await.expect("a page");
        known.evidence.len() == 1
    })
    .await;
    let known = node.open_client.evidence().await.expect("a page").evidence;
    assert_eq!(known[0].delegate, delegate(1));
    assert_eq!(known[0].contradiction, Contradiction::Seals);
    assert_eq!((known[0].first_at, known[0].second_at), (slot, slot));
    assert_eq!(known[0].status, EvidenceStatus::Open);
    // Whoever is shown the evidence takes it, once.
    let shown = SubmitEvidence {
        first: known[0].first.clone(),
        second: known[0].second.clone(),
    };
    let again = node.open_client.submit_evidence(&shown).await;
    assert!(again.expect("it holds").known);
    let other = world.node("other").await;
    let taken = other.open_client.submit_evidence(&shown).await;
    let taken = taken.expect("it holds");
    assert_eq!((taken.known, taken.status), (false, EvidenceStatus::Open));

    let honest_slot = {
        let mut next = slot + 1;
        while node.leader(next).await == delegate(1) {
            begin_slot(next);
            next += 1;
        }
        next
    };
    live(honest_slot..=honest_slot, &[&node], &honest).await;
    assert!(honest_slot <= slot + 4, "within an epoch");
    let known = node.open_client.evidence().await.expect("a page").evidence;
    assert_eq!(known[0].status, EvidenceStatus::Included);
    let height = known[0].included_height.expect("a height");
    assert_eq!(height, node.tip().await.0);
    let spent = node.client.output(bond.txid, bond.vout).await;
    assert_eq!(spent.expect("an output").status, OutputStatus::Spent);
    let report = known[0].included_txid.expect("a transaction");
    let report = node.client.transaction(report).await.expect("it is there");
    let paid: Vec<(u64, Option<String>)> = report
        .outputs
        .iter()
        .map(|it| (it.value_sat.to_sat(), it.address.clone()))
        .collect();
    let penalty = BOND / 2;
    let reward = penalty / 64;
    assert_eq!(paid[0], (penalty - reward, None), "burned");
    assert_eq!(paid[1].0, BOND - penalty, "kept for the owner");
    assert_eq!(paid[2], (reward, Some(payout_address())), "the reporter's");
    assert_eq!(node.validator(1).await.status, ValidatorStanding::Slashed);

    live(honest_slot + 1..=honest_slot + 16, &[&node], &honest).await;
    let page = node.validators().await;
    assert!(page.turns.iter().all(|it| it.delegate != delegate(1)));
    assert!(page.turns.len() >= 4, "others have all turns");
    for it in [two, three] {
        it.stop().await;
    }
    other.stop().await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delegate_that_seals_twice_is_expelled_and_evidence_outlives_a_start() {
    let world = World::new("dpos", &[1, 2, 3, 4], DPOS).await;
    let node = world.node("node").await;
    let mut validators = Vec::new();
    for number in 2..=4 {
        validators.push(world.validator(number, &[&node]).await);
    }
    let honest: Vec<_> = validators.iter().collect();
    let slot = equivocate(&world, &node, 1, &honest).await;
    until("evidence", async || {
        let known = node.open_client.evidence().await.expect("a page");
        known.evidence.len() == 1
    })
    .await;
    for it in validators {
        it.stop().await;
    }
    let node = node.restart().await;
    let known = node.open_client.evidence().await.expect("a page").evidence;
    assert_eq!(known[0].status, EvidenceStatus::Open, "it was saved");
    let mut validators = Vec::new();
    for number in 2..=4 {
        validators.push(world.validator(number, &[&node]).await);
    }
    let honest: Vec<_> = validators.iter().collect();
    let before = node.tip().await.0;
    live(slot + 1..=slot + 4, &[&node], &honest).await;
    let known = node.open_client.evidence().await.expect("a page").evidence;
    assert_eq!(known[0].included_height, Some(before + 1), "the next block");
    let expelled = node.validator(1).await;
    assert_eq!(expelled.status, ValidatorStanding::Slashed);
    assert_eq!(expelled.bond, None);
    assert!(before >= BOOTSTRAP);
    for it in validators {
        it.stop().await;
    }
    node.stop().await;
}
