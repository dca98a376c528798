//! Validators that are away, that come back, and that run twice.

use synod_api::NodeClient;
use synod_service::{Shutdown, Token, bind};
use synod_validator::SignerConfig;
use synod_validator::signer::{RemoteSigner, Signer};

use crate::kit::{BOOTSTRAP, POS, Validator, World, begin_slot, live, local_signer, until};

async fn final_height(client: &NodeClient) -> u32 {
    let finality = client.finality_status().await.expect("finality");
    finality.finalized.expect("the bootstrap is final").height
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_third_of_the_stake_away_the_chain_goes_on_without_finality_and_recovers() {
    let world = World::new("pos", &[1, 2, 3], POS).await;
    let node = world.node("node").await;
    let one = world.validator(1, &[&node]).await;
    let two = world.validator(2, &[&node]).await;
    live(1..=16, &[&node], &[&one, &two]).await;
    let height = node.tip().await.0;
    assert!(height > BOOTSTRAP + 4, "the chain goes on");
    assert_eq!(
        final_height(&node.client).await,
        BOOTSTRAP,
        "two of three are no more than 2/3"
    );
    let away = node.validator(3).await;
    assert_eq!(away.sealed, 0);
    assert_eq!(
        u64::from(height - BOOTSTRAP) + away.missed,
        16,
        "its slots stayed empty"
    );
    let votes = node.client.finality_status().await.expect("finality");
    let latest = votes.epochs.first().expect("votes");
    assert_eq!((latest.votes, latest.validators), (2, Some(3)));
    assert!(!latest.is_justified);

    let three = world.validator(3, &[&node]).await;
    live(17..=32, &[&node], &[&one, &two, &three]).await;
    until("finality", async || {
        final_height(&node.client).await > height
    })
    .await;
    for it in [one, two, three] {
        it.stop().await;
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validator_that_runs_twice_on_one_signer_seals_each_slot_once() {
    let world = World::new("pos", &[1], POS).await;
    let (first, second) = (world.node("first").await, world.node("second").await);
    let token = Token::generate().expect("randomness");
    let listener = bind("127.0.0.1:0".parse().expect("an address"))
        .await
        .expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let shutdown = Shutdown::new();
    let config = SignerConfig {
        signer: local_signer(&world.spec, &world.path("signer"), 1).await,
        token: token.clone(),
        allowed_hosts: Vec::new(),
    };
    let signer = tokio::spawn(synod_validator::run_signer(
        config,
        listener,
        shutdown.clone(),
    ));
    let remote = || Signer::Remote(RemoteSigner::new(&url, token.reveal()).expect("a root"));
    // Each seals for a node of its own, and hands the block to both.
    let one = Validator::paying(remote(), 1, &[&first, &second], 21).await;
    let two = Validator::paying(remote(), 1, &[&second, &first], 22).await;
    for slot in 1..=12 {
        begin_slot(slot);
        for node in [&first, &second] {
            until("a block", async || node.tip_slot().await == slot).await;
        }
    }
    assert_eq!(first.tip().await, second.tip().await, "there is one chain");
    let sealed = async || one.status().await.sealed + two.status().await.sealed;
    until("the last answer", async || sealed().await >= 12).await;
    assert_eq!(sealed().await, 12, "one seal a slot");
    for node in [&first, &second] {
        let known = node.client.evidence().await.expect("a page").evidence;
        assert!(known.is_empty(), "nobody contradicted itself");
        assert_eq!(node.client.tips().await.expect("tips").len(), 1);
    }
    for it in [one, two] {
        it.stop().await;
    }
    shutdown.begin();
    signer.await.expect("no panic").expect("no error");
    first.stop().await;
    second.stop().await;
}
