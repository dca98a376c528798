//! The validator against nodes that give it duties.

mod support;
#[path = "support/node.rs"]
mod support_node;

use std::sync::atomic::Ordering;

use support::CHAIN;
use support_node::{
    FakeNode, NOW_MS, PATIENCE, SLOT_MS, SealPlan, Validator, local_signer, sealing_key,
};
use synod_api::validator::{SignSeal, SignVote, ValidatorPhase};
use synod_api::{HashHex, HexBytes, ValidatorClient};
use synod_seal::find_seal;
use synod_service::{Shutdown, Token, bind};
use synod_validator::signer::{LocalSigner, RemoteSigner, Signer};
use synod_validator::{Doppelganger, SignerConfig, ValidatorError};

#[tokio::test]
async fn a_duty_becomes_a_sealed_block_and_a_signed_vote_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let (node, key) = (FakeNode::new(), sealing_key(1));
    let (address, _running) = node.start().await;
    node.want_seal(&SealPlan::new(&key, 5));
    node.want_vote(key.public(), 1, 2, 1);
    let signer = Signer::Local(local_signer(folder.path(), 1).await);
    let validator = Validator::start(&[address], signer, |_| ()).await;
    let status = validator
        .wait_for(|it| it.sealed == 1 && it.voted == 1)
        .await;
    assert_eq!(status.phase, ValidatorPhase::Active);
    assert_eq!(status.last_seal.expect("a seal").slot, 5);
    // The same duties are given again and again, and done once.
    let asked = node.chain().asked;
    node.wait_for(|chain| chain.asked > asked + 3).await;
    let (posted, voted) = {
        let chain = node.chain();
        (chain.posted.clone(), chain.voted.len())
    };
    assert_eq!((posted.len(), voted), (1, 1));
    let seal = find_seal(&posted[0].transactions()[0]).expect("sealed");
    assert!(synod_seal::is_next_reveal(&seal.reveal, &key.anchor()));
    let keys = validator
        .wait_for(|it| it.keys[0].last_slot == Some(5))
        .await
        .keys;
    assert_eq!(keys[0].last_target, Some(2));
    validator.stop().await;
}

#[tokio::test]
async fn s01_two_blocks_for_one_slot_get_one_seal() {
    let folder = tempfile::tempdir().expect("a folder");
    let (node, key) = (FakeNode::new(), sealing_key(1));
    let (address, _running) = node.start().await;
    node.want_seal(&SealPlan::new(&key, 5));
    node.want_seal(&SealPlan {
        height: 18,
        salt: 2,
        ..SealPlan::new(&key, 5)
    });
    let signer = Signer::Local(local_signer(folder.path(), 1).await);
    let validator = Validator::start(&[address], signer, |_| ()).await;
    let status = validator.wait_for(|it| it.sealed + it.refused == 2).await;
    assert_eq!((status.sealed, status.refused), (1, 1));
    let reason = status.last_error.expect("a reason");
    assert!(reason.contains("slot 5 was sealed already"), "{reason}");
    assert_eq!(node.chain().posted.len(), 1);
    validator.stop().await;
}

#[tokio::test]
async fn s06_somebody_else_with_our_key_ends_the_validator_before_it_signs() {
    let folder = tempfile::tempdir().expect("a folder");
    let (node, key) = (FakeNode::new(), sealing_key(1));
    let (address, _running) = node.start().await;
    node.want_seal(&SealPlan::new(&key, 9));
    let signer = Signer::Local(local_signer(folder.path(), 1).await);
    let validator = Validator::start(&[address], signer, |it| it.watch_slots = None).await;
    let status = validator
        .wait_for(|it| it.phase == ValidatorPhase::Watching)
        .await;
    assert_eq!(status.watch_slots_left, 8, "two epochs");
    node.add_foreign_block(&sealing_key(2), 7);
    node.add_foreign_block(&key, 8);
    let ended = tokio::time::timeout(PATIENCE, validator.task)
        .await
        .expect("in time");
    let error = ended.expect("no panic").expect_err("it ends");
    assert!(matches!(
        error,
        ValidatorError::Doppelganger(Doppelganger::Seal { slot: 8, .. })
    ));
    assert_eq!(node.chain().posted.len(), 0);
}

#[tokio::test]
async fn s07_nothing_is_signed_while_the_clock_is_off_or_set_back() {
    const HOUR: i64 = 3_600_000;
    let folder = tempfile::tempdir().expect("a folder");
    let (node, key) = (FakeNode::new(), sealing_key(1));
    let (address, _running) = node.start().await;
    let signer = Signer::Local(local_signer(folder.path(), 1).await);
    let validator = Validator::start(&[address], signer, |_| ()).await;
    validator
        .wait_for(|it| it.phase == ValidatorPhase::Active)
        .await;
    for off in [HOUR, -HOUR] {
        validator.clock_ms.store(NOW_MS + off, Ordering::SeqCst);
        validator
            .wait_for(|it| it.phase == ValidatorPhase::ClockRefused)
            .await;
        validator.clock_ms.store(NOW_MS, Ordering::SeqCst);
        validator
            .wait_for(|it| it.phase == ValidatorPhase::Active)
            .await;
    }
    // Both clocks go back, as on one machine.
    validator.clock_ms.store(NOW_MS - HOUR, Ordering::SeqCst);
    node.clock_ms.store(NOW_MS - HOUR, Ordering::SeqCst);
    let back = |it: &synod_api::validator::ValidatorStatus| {
        it.phase == ValidatorPhase::ClockRefused
            && it
                .last_error
                .as_deref()
                .is_some_and(|it| it.contains("set back"))
    };
    validator.wait_for(back).await;
    node.want_seal(&SealPlan::new(&key, 5));
    let asked = node.chain().asked;
    node.wait_for(|chain| chain.asked > asked + 3).await;
    assert_eq!(node.chain().posted.len(), 0);
    validator.clock_ms.store(NOW_MS, Ordering::SeqCst);
    node.clock_ms.store(NOW_MS, Ordering::SeqCst);
    validator.wait_for(|it| it.sealed == 1).await;
    // After a suspension the duty's time has passed.
    let later = NOW_MS + 3 * i64::try_from(SLOT_MS).expect("small");
    validator.clock_ms.store(later, Ordering::SeqCst);
    node.clock_ms.store(later, Ordering::SeqCst);
    node.want_seal(&SealPlan::new(&key, 6));
    validator.wait_for(|it| it.missed == 1).await;
    assert_eq!(node.chain().posted.len(), 1);
    validator.stop().await;
}

#[tokio::test]
async fn the_first_healthy_node_gives_duties_and_all_get_the_block() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = sealing_key(1);
    let (lagging, foreign, good) = (FakeNode::new(), FakeNode::new(), FakeNode::new());
    lagging.chain().is_synchronising = true;
    foreign.chain().chain_id = [9; 32];
    for node in [&lagging, &foreign] {
        node.want_seal(&SealPlan {
            salt: 7,
            ..SealPlan::new(&key, 5)
        });
    }
    good.want_seal(&SealPlan::new(&key, 5));
    let mut addresses = Vec::new();
    for node in [&lagging, &foreign, &good] {
        addresses.push(node.start().await.0);
    }
    let signer = Signer::Local(local_signer(folder.path(), 1).await);
    let validator = Validator::start(&addresses, signer, |_| ()).await;
    let status = validator.wait_for(|it| it.sealed == 1).await;
    assert_eq!(status.node, Some(format!("http://{}", addresses[2])));
    let healthy: Vec<_> = status.nodes.iter().map(|it| it.healthy).collect();
    assert_eq!(healthy, [false, false, true]);
    assert_eq!(lagging.chain().posted.len(), 1);
    assert_eq!(good.chain().posted, lagging.chain().posted);
    validator.stop().await;
}

#[tokio::test]
async fn an_operator_pauses_and_goes_on_with_the_token_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let (node, key) = (FakeNode::new(), sealing_key(1));
    let (address, _running) = node.start().await;
    let signer = Signer::Local(local_signer(folder.path(), 1).await);
    let validator = Validator::start(&[address], signer, |_| ()).await;
    validator
        .wait_for(|it| it.phase == ValidatorPhase::Active)
        .await;
    let refused = validator.open_client.stop().await.expect_err("no token");
    assert_eq!(refused.status(), Some(401));
    let paused = validator.client.stop().await.expect("stopped");
    assert_eq!(paused.phase, ValidatorPhase::Paused);
    let asked = node.chain().asked;
    node.wait_for(|chain| chain.asked > asked + 1).await;
    node.want_seal(&SealPlan::new(&key, 5));
    node.wait_for(|chain| chain.asked > asked + 5).await;
    assert_eq!(node.chain().posted.len(), 0);
    validator.client.start().await.expect("started");
    validator.wait_for(|it| it.sealed == 1).await;
    validator.stop().await;
}

async fn start_signer(signer: LocalSigner) -> (String, Token) {
    let token = Token::generate().expect("randomness");
    let config = SignerConfig {
        signer,
        token: token.clone(),
        allowed_hosts: Vec::new(),
    };
    let listener = bind("127.0.0.1:0".parse().expect("an address"))
        .await
        .expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(synod_validator::run_signer(
        config,
        listener,
        Shutdown::new(),
    ));
    (url, token)
}

#[tokio::test]
async fn s06_two_validators_with_one_remote_signer_seal_a_slot_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = sealing_key(1);
    let (url, token) = start_signer(local_signer(folder.path(), 1).await).await;
    let (mut nodes, mut validators) = (Vec::new(), Vec::new());
    for salt in [1, 2] {
        let node = FakeNode::new();
        let (address, _running) = node.start().await;
        node.want_seal(&SealPlan {
            salt,
            ..SealPlan::new(&key, 5)
        });
        let signer = RemoteSigner::new(&url, token.reveal()).expect("a signer");
        validators.push(Validator::start(&[address], Signer::Remote(signer), |_| ()).await);
        nodes.push((node, _running));
    }
    let mut sealed = 0;
    for validator in validators {
        let status = validator.wait_for(|it| it.sealed + it.refused == 1).await;
        assert_eq!(status.signer, url);
        sealed += status.sealed;
        validator.stop().await;
    }
    assert_eq!(sealed, 1);
    let posted = nodes.iter().map(|(node, _)| node.chain().posted.len());
    assert_eq!(posted.sum::<usize>(), 1);
}

#[tokio::test]
async fn s16_a_signer_signs_typed_messages_of_its_chain_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = sealing_key(1);
    let (url, token) = start_signer(local_signer(folder.path(), 1).await).await;
    let open = ValidatorClient::new(&url).expect("a root");
    let client = open.clone().with_token(token.reveal()).expect("a token");
    let vote = |chain: [u8; 32], key: [u8; 32]| SignVote {
        chain_id: HashHex::from_bytes(chain),
        key: HashHex::from_bytes(key),
        source: synod_api::node::CheckpointBody {
            epoch: 0,
            hash: HashHex::from_bytes([1; 32]),
        },
        target: synod_api::node::CheckpointBody {
            epoch: 1,
            hash: HashHex::from_bytes([2; 32]),
        },
    };
    let ours = key.public().0;
    let status = |result: Result<_, synod_api::ClientError>| match result {
        Ok(synod_api::validator::SignatureBody { .. }) => Some(200),
        Err(error) => error.status(),
    };
    assert_eq!(status(open.sign_vote(&vote(CHAIN, ours)).await), Some(401));
    assert_eq!(open.keys().await.expect_err("no token").status(), Some(401));
    assert_eq!(
        status(client.sign_vote(&vote([9; 32], ours)).await),
        Some(403)
    );
    assert_eq!(
        status(client.sign_vote(&vote(CHAIN, [8; 32])).await),
        Some(404)
    );
    assert_eq!(
        status(client.sign_vote(&vote(CHAIN, ours)).await),
        Some(200)
    );
    // A seal whose parts are other bytes: a digest, a vote, nothing.
    let parts = |header: Vec<u8>, seal: Vec<u8>| SignSeal {
        chain_id: HashHex::from_bytes(CHAIN),
        header: HexBytes(header),
        coinbase: HexBytes(vec![7; 32]),
        branch: Vec::new(),
        seal: HexBytes(seal),
    };
    for (header, seal) in [
        (vec![0; 32], vec![0; 32]),
        (vec![0; 80], vec![0; 32]),
        (vec![], vec![]),
        (vec![0; 81], vec![1; 80]),
    ] {
        let asked = client.sign_seal(&parts(header, seal)).await;
        assert_eq!(status(asked), Some(422));
    }
    // A real template of another chain, and one whose coinbase has no place for a seal.
    let (block, seal) = support_node::template(
        &SealPlan::new(&key, 5),
        synod_primitives::BlockHash::ZERO,
        1,
    );
    let real = |chain: [u8; 32], coinbase: Vec<u8>| SignSeal {
        chain_id: HashHex::from_bytes(chain),
        header: HexBytes(block.header().encode().to_vec()),
        coinbase: HexBytes(coinbase),
        branch: Vec::new(),
        seal: HexBytes(seal.encode()),
    };
    let coinbase = block.transactions()[0].encode_stripped();
    let other_chain = client.sign_seal(&real([9; 32], coinbase.clone())).await;
    assert_eq!(status(other_chain), Some(403));
    let mut without = coinbase.clone();
    let place = without
        .windows(4)
        .position(|it| it == [0xaa, 0x21, 0xa9, 0xed]);
    without[place.expect("a commitment")] ^= 1;
    assert_eq!(
        status(client.sign_seal(&real(CHAIN, without)).await),
        Some(422)
    );
    assert_eq!(
        status(client.sign_seal(&real(CHAIN, coinbase)).await),
        Some(200)
    );
    let keys = client.keys().await.expect("keys").keys;
    assert_eq!((keys[0].last_slot, keys[0].last_target), (Some(5), Some(1)));
}
