use futures_util::FutureExt;
use synod_primitives::{BlockHash, Height};

use super::*;

fn number(height: u32) -> News {
    News {
        events: vec![Event::Finalized {
            hash: BlockHash::from_bytes([0; 32]),
            height: Height(height),
        }],
        is_passing: false,
    }
}

#[tokio::test]
async fn news_that_gathered_are_taken_together_in_their_order_and_none_is_lost() {
    let (outbox, mut inbox) = news();
    let all: Vec<News> = (0..1_000).map(number).collect();
    for batch in &all {
        outbox.send(batch.clone(), false);
    }
    drop(outbox);
    let mut taken = Vec::new();
    let mut turns = 0;
    while let Some(together) = inbox.next().await {
        assert!(together.len() <= MAX_TOLD_TOGETHER);
        taken.extend(together);
        turns += 1;
    }
    assert_eq!(taken, all);
    assert_eq!(turns, all.len().div_ceil(MAX_TOLD_TOGETHER));
}

#[test]
fn a_sender_waits_while_too_many_news_wait_and_loses_none() {
    let (outbox, mut inbox) = news();
    let count = u32::try_from(MAX_WAITING_NEWS).expect("few") + 10;
    let sending = std::thread::spawn(move || {
        for batch in 0..count {
            outbox.send(number(batch), false);
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let taken = runtime.expect("a runtime").block_on(async {
        let mut taken = Vec::new();
        while let Some(together) = inbox.next().await {
            taken.extend(together);
        }
        taken
    });
    sending.join().expect("no panic");
    assert_eq!(taken, (0..count).map(number).collect::<Vec<_>>());
}

#[tokio::test]
async fn news_of_the_tip_end_a_rest_and_news_of_the_mempool_do_not() {
    let (outbox, mut inbox) = news();
    outbox.send(number(1), false);
    assert!(inbox.next().await.is_some());
    assert!(inbox.rest().now_or_never().is_none(), "it gathers");
    outbox.send(number(2), true);
    assert!(
        inbox.rest().now_or_never().is_some(),
        "the tip is told at once"
    );
    assert_eq!(inbox.next().await, Some(vec![number(2)]));
}

#[tokio::test]
async fn a_change_is_seen_before_anybody_is_woken() {
    let (shared, mut watching) = Shared::<u64>::new();
    let seen = watching.clone();
    let mut changed = Box::pin(watching.changed());
    assert!(shared.change(|count| count + 1));
    assert_eq!(*seen.borrow(), 1, "readers see it");
    assert!((&mut changed).now_or_never().is_none(), "nobody is woken");
    shared.wake(true);
    assert!((&mut changed).now_or_never().is_some(), "all are");
    drop(changed);
    assert!(!shared.change(|count| count));
    shared.wake(false);
    assert!(!watching.has_changed().expect("open"), "nothing changed");
}
