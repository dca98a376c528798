//! The event stream over stops, kills and lost ends of its journal.

use std::fs;

use serde_json::Value;
use synod_api::node::{Event, EventKind, RemovalReason};
use tokio::time::{Duration, timeout};

use crate::harness::{Process, SUBSIDY, shown, spend};

const PATIENCE: Duration = Duration::from_secs(60);
/// Nothing is saved at intervals, only at a stop.
const NEVER: [(&str, &str); 1] = [("SYNOD_NODE_MEMPOOL_SAVE_S", "86400")];

/// Reads events after an id until one is as wanted, which is the last.
async fn read_until(node: &Process, after: u64, is_last: impl Fn(&Event) -> bool) -> Vec<Event> {
    let mut stream = node.client.events(&[], Some(after));
    let mut events = Vec::new();
    loop {
        let event = timeout(PATIENCE, stream.next()).await.expect("in time");
        let event = event.expect("an event");
        let ends = is_last(&event);
        events.push(event);
        if ends {
            return events;
        }
    }
}

fn height(event: &Event) -> Option<u32> {
    match event.kind {
        EventKind::BlockConnected { height, .. } => Some(height),
        _ => None,
    }
}

fn connects(wanted: u32) -> impl Fn(&Event) -> bool {
    move |event| height(event) == Some(wanted)
}

/// What happened to transactions, as text.
fn transactions(events: &[Event]) -> Vec<String> {
    let told = events.iter().filter_map(|event| match &event.kind {
        EventKind::Transaction { txid, .. } => Some(format!("+{txid}")),
        EventKind::TransactionRemoved { txid, reason } => Some(format!("-{txid} {reason:?}")),
        _ => None,
    });
    told.collect()
}

async fn begin(node: &Process) -> u64 {
    let mut stream = node.client.events(&[], None);
    stream.connect().await.expect("connected");
    node.mine(1).await;
    let event = timeout(PATIENCE, stream.next()).await.expect("in time");
    event.expect("an event").id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_goes_on_over_a_stop_and_a_kill_without_a_gap_or_a_repetition() {
    let data = tempfile::tempdir().expect("a folder");
    let node = Process::start(data.path(), &NEVER);
    let first = begin(&node).await;
    let coins = node.mature_coins(2).await;
    let kept = spend(&coins[..1], &[SUBSIDY - 1000]);
    let lost = spend(&coins[1..], &[SUBSIDY - 1000]);
    assert_eq!(node.post("/v1/transactions", &kept).await.0, 200);
    // The reader goes away in the middle of the blocks.
    let seen = read_until(&node, first, connects(50)).await;
    let last_seen = seen.last().expect("some").id;
    node.stop();

    let node = Process::start(data.path(), &NEVER);
    node.wait_for("/v1/mempool", |it: &Value| it["transactions"] == 1)
        .await;
    assert_eq!(node.post("/v1/transactions", &lost).await.0, 200);
    // Only what was told needs to be taken back.
    let come = format!("+{}", shown(&lost));
    let is_told = |event: &Event| transactions(std::slice::from_ref(event)).contains(&come);
    read_until(&node, last_seen, is_told).await;
    node.kill();

    let node = Process::start(data.path(), &NEVER);
    node.wait_for("/v1/mempool", |it: &Value| it["transactions"] == 1)
        .await;
    let gone = format!("-{} {:?}", shown(&lost), RemovalReason::Restart);
    let is_told = |event: &Event| transactions(std::slice::from_ref(event)).contains(&gone);
    let rest = read_until(&node, last_seen, is_told).await;
    node.mine(1).await;
    let mined = read_until(&node, rest.last().expect("some").id, connects(104)).await;

    let all: Vec<Event> = [seen, rest, mined].concat();
    let heights: Vec<u32> = all.iter().filter_map(height).collect();
    assert_eq!(heights, (2..=104).collect::<Vec<_>>());
    assert!(all.is_sorted_by(|a, b| a.id < b.id));
    let told = transactions(&all);
    let [kept, lost] = [shown(&kept), shown(&lost)];
    let expected = [format!("+{kept}"), format!("+{lost}"), gone.clone()];
    assert_eq!(told[..3], expected);
    // The block of the end holds what came back.
    assert!(told[3..].iter().all(|it| *it == format!("-{kept} Mined")));
    node.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn payments_in_a_row_are_all_told_in_their_order_before_the_block_that_holds_them() {
    let data = tempfile::tempdir().expect("a folder");
    let node = Process::start(data.path(), &NEVER);
    let first = begin(&node).await;
    let coins = node.mature_coins(40).await;
    let mut ids = Vec::new();
    for coin in &coins {
        let payment = spend(std::slice::from_ref(coin), &[SUBSIDY - 1000]);
        assert_eq!(node.post("/v1/transactions", &payment).await.0, 200);
        ids.push(shown(&payment));
    }
    node.mine(1).await;
    let all = read_until(&node, first, connects(142)).await;
    assert!(all.is_sorted_by(|a, b| a.id < b.id));
    let added: Vec<String> = ids.iter().map(|id| format!("+{id}")).collect();
    assert_eq!(transactions(&all), added);
    node.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_whose_event_was_not_written_before_a_crash_is_told_after_it() {
    let data = tempfile::tempdir().expect("a folder");
    let node = Process::start(data.path(), &NEVER);
    let first = begin(&node).await;
    node.mine(3).await;
    let seen = read_until(&node, first, connects(4)).await;
    assert_eq!(seen.len(), 3);
    node.kill();
    // A crash in the middle of writing the event of block 3: those of 3 and 4 are not there.
    let path = data.path().join("events.log");
    let journal = fs::read(&path).expect("there");
    let ends: Vec<usize> = (0..journal.len())
        .filter(|at| journal[*at] == b'\n')
        .collect();
    fs::write(&path, &journal[..ends[ends.len() - 3] + 20]).expect("written");

    let node = Process::start(data.path(), &NEVER);
    let told = read_until(&node, seen[0].id, connects(4)).await;
    let heights: Vec<_> = told.iter().map(height).collect();
    assert_eq!(heights, [Some(3), Some(4)]);
    // A reader with an id that was lost cannot know what it has: it reads all again.
    let again = read_until(&node, seen[2].id, |_| true).await;
    assert!(
        matches!(again[0].kind, EventKind::Resync { .. }),
        "{again:?}"
    );
    node.stop();
}
