use super::*;

fn hash(n: u32) -> BlockHash {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&n.to_le_bytes());
    BlockHash::from_bytes(bytes)
}

fn chain(from: u32, to: u32) -> Vec<BlockHash> {
    (from..=to).map(hash).collect()
}

fn deliver(downloads: &mut Downloads, from: PeerId, n: u32, size: usize, now: u64) -> bool {
    let block = Arrived {
        hash: hash(n),
        raw: vec![0; size].into(),
        from,
    };
    downloads.arrived(block, hash(n - 1), now)
}

fn fed(downloads: &mut Downloads) -> Vec<BlockHash> {
    downloads.feed().into_iter().map(|it| it.hash).collect()
}

#[test]
fn two_peers_share_the_work_and_blocks_come_out_in_order() {
    let mut downloads = Downloads::default();
    let all = chain(1, 300);
    downloads.want(1, &all, 0);
    downloads.want(2, &all, 0);
    let first = downloads.take(1, 0);
    let second = downloads.take(2, 0);
    assert_eq!(first, chain(1, 128));
    assert_eq!(second, chain(129, 256));
    assert_eq!(downloads.take(1, 0), [], "one request at a time");
    for n in 129..=256 {
        assert!(deliver(&mut downloads, 2, n, 100, 10));
    }
    assert_eq!(fed(&mut downloads), [], "their parents are missing");
    for n in (1..=128).rev() {
        assert!(deliver(&mut downloads, 1, n, 100, 10));
    }
    assert_eq!(fed(&mut downloads), chain(1, 256));
    for n in 1..=256 {
        downloads.settled(hash(n), Fed::Done, 0);
    }
    assert_eq!((downloads.len(), downloads.buffered()), (44, 0));
    assert_eq!(downloads.take(2, 20), chain(257, 300));
}

#[test]
fn big_blocks_are_asked_for_in_short_ranges() {
    let mut downloads = Downloads::default();
    downloads.want(1, &chain(1, 300), 0);
    assert_eq!(downloads.take(1, 0).len(), 128);
    for n in 1..=128 {
        deliver(&mut downloads, 1, n, 400_000, 1);
    }
    // 128 blocks of 400 kB are 51 MB: there is room for one range more, then for one block.
    assert_eq!(downloads.take(1, 2), chain(129, 138));
    for n in 129..=138 {
        deliver(&mut downloads, 1, n, 1_700_000, 3);
    }
    assert!(downloads.buffered() > MAX_BUFFERED_BYTES);
    assert_eq!(downloads.take(1, 4), chain(139, 139));
    let batch = downloads.feed();
    let bytes: usize = batch.iter().map(|it| it.raw.len()).sum();
    assert!(
        (FEED_BYTES..FEED_BYTES + 400_000).contains(&bytes),
        "{bytes}"
    );
}

#[test]
fn a_full_buffer_waits_for_its_first_gap_only() {
    let mut downloads = Downloads::default();
    downloads.want(1, &chain(1, 300), 0);
    downloads.want(2, &chain(1, 300), 0);
    assert_eq!(downloads.take(1, 0), chain(1, 128));
    assert_eq!(downloads.take(2, 0), chain(129, 256));
    for n in 129..=256 {
        deliver(&mut downloads, 2, n, 600_000, 1);
    }
    assert!(downloads.buffered() > MAX_BUFFERED_BYTES);
    assert_eq!(downloads.take(2, 1), [], "the gap is asked of another peer");
    assert_eq!(downloads.bench_stallers(STALL_MS), [1]);
    assert_eq!(downloads.take(2, STALL_MS), chain(1, 1));
}

#[test]
fn p05_a_peer_that_delivers_nothing_loses_its_turn_to_one_that_could() {
    let mut downloads = Downloads::default();
    let all = chain(1, 10);
    downloads.want(1, &all, 0);
    assert_eq!(downloads.take(1, 0), all);
    assert!(
        downloads.bench_stallers(STALL_MS).is_empty(),
        "nobody else has them"
    );
    downloads.want(2, &all, 0);
    assert_eq!(
        downloads.take(2, STALL_MS),
        [],
        "they are asked of the first"
    );
    assert_eq!(downloads.bench_stallers(STALL_MS), [1]);
    assert!(!downloads.is_asked(1));
    assert_eq!(downloads.take(1, STALL_MS + 1), [], "it is benched");
    assert_eq!(downloads.benched_until(1, STALL_MS + 1), Some(2 * STALL_MS));
    assert_eq!(downloads.take(2, STALL_MS + 1), all);
}

#[test]
fn p05_the_bench_grows_with_each_stall_up_to_its_limit() {
    let mut downloads = Downloads::default();
    let all = chain(1, 10);
    downloads.want(1, &all, 0);
    downloads.want(2, &all, 0);
    let mut now = 0;
    let mut benches = Vec::new();
    for _ in 0..8 {
        assert_eq!(downloads.take(1, now), all);
        assert_eq!(downloads.take(2, now), []);
        now += STALL_MS;
        assert_eq!(downloads.bench_stallers(now), [1]);
        let until = downloads.benched_until(1, now).expect("benched");
        benches.push((until - now) / 1000);
        now = until;
    }
    assert_eq!(benches, [2, 4, 8, 16, 32, 64, 64, 64]);
}

#[test]
fn p05_a_trickle_is_no_progress_and_a_slow_line_is() {
    let mut downloads = Downloads::default();
    let all = chain(1, 10);
    downloads.want(1, &all, 0);
    downloads.want(2, &all, 0);
    downloads.take(1, 0);
    downloads.take(2, 0);
    for second in 1..=2 {
        downloads.progress(1, 1, second * 1000);
    }
    assert_eq!(downloads.bench_stallers(STALL_MS), [1], "a byte a second");
    assert_eq!(downloads.take(2, STALL_MS), all);
    downloads.take(1, 2 * STALL_MS);
    for second in 3..=60 {
        downloads.progress(2, MIN_PROGRESS_BYTES, second * 1000);
        assert!(downloads.bench_stallers(second * 1000).is_empty());
    }
    let end = STALL_MS + RANGE_TIMEOUT_MS;
    downloads.progress(2, MIN_PROGRESS_BYTES, end);
    assert_eq!(downloads.bench_stallers(end), [2], "a request has an end");
}

#[test]
fn p04_a_block_that_was_not_asked_for_changes_nothing() {
    let mut downloads = Downloads::default();
    downloads.want(1, &chain(1, 2), 0);
    assert!(
        !deliver(&mut downloads, 2, 1, 100, 0),
        "wanted, but not asked for"
    );
    downloads.take(1, 0);
    assert!(!deliver(&mut downloads, 2, 9, 100, 0), "not wanted");
    assert_eq!((downloads.len(), downloads.buffered()), (2, 0));
    assert!(downloads.is_asked(1));
}

#[test]
fn p04_a_mutated_block_is_asked_of_another_peer() {
    let mut downloads = Downloads::default();
    downloads.want(1, &chain(1, 1), 0);
    downloads.want(2, &chain(1, 1), 0);
    downloads.take(1, 0);
    deliver(&mut downloads, 1, 1, 100, 0);
    assert_eq!(fed(&mut downloads), chain(1, 1));
    downloads.settled(hash(1), Fed::Mutated, 0);
    assert_eq!(downloads.take(1, 1), []);
    assert_eq!(downloads.take(2, 1), chain(1, 1));
    deliver(&mut downloads, 2, 1, 100, 2);
    assert_eq!(fed(&mut downloads), chain(1, 1));
    downloads.settled(hash(1), Fed::Again, 0);
    assert_eq!(
        fed(&mut downloads),
        chain(1, 1),
        "a busy node is handed it again"
    );
    downloads.settled(hash(1), Fed::Done, 0);
    assert!(downloads.is_empty());
    assert_eq!(downloads.buffered(), 0);
}

#[test]
fn a_branch_that_nobody_delivers_does_not_hold_up_another() {
    let mut downloads = Downloads::default();
    // A liar's branch first.
    downloads.want(1, &chain(1001, 1005), 0);
    downloads.take(1, 0);
    downloads.want(2, &chain(1, 5), 0);
    assert_eq!(downloads.take(2, 0), chain(1, 5));
    for n in 1..=5 {
        deliver(&mut downloads, 2, n, 100, 0);
    }
    assert_eq!(fed(&mut downloads), chain(1, 5));
    downloads.end_request(1);
    for n in 1..=5 {
        downloads.settled(hash(n), Fed::Done, 0);
    }
    assert!(downloads.is_empty(), "nobody else has the liar's blocks");
}

#[test]
fn what_a_peer_left_unsent_goes_to_others_and_leaves_with_the_last_of_them() {
    let mut downloads = Downloads::default();
    downloads.want(1, &chain(1, 5), 0);
    downloads.want(2, &chain(1, 5), 0);
    downloads.take(1, 0);
    deliver(&mut downloads, 1, 1, 100, 0);
    downloads.end_request(1);
    assert_eq!(downloads.take(1, 1), chain(2, 5), "its answer was full");
    downloads.end_request(1);
    assert_eq!(downloads.take(1, 1), [], "it does not have them");
    assert_eq!(downloads.take(2, 1), chain(2, 5));
    downloads.forget(2);
    assert_eq!(downloads.len(), 1, "only what has arrived is left");
    downloads.want(3, &chain(6, 8), 0);
    downloads.want(3, &chain(7, 9), 0);
    assert_eq!(downloads.len(), 4, "a new list replaces the old one");
}

#[test]
fn the_window_bounds_what_one_peer_can_make_wanted() {
    let mut downloads = Downloads::default();
    downloads.want(1, &chain(1, 5000), 0);
    assert_eq!(downloads.len(), BLOCK_WINDOW);
}

#[test]
fn a_block_that_the_node_did_not_take_is_not_asked_for_in_a_circle() {
    let mut downloads = Downloads::default();
    assert_eq!(downloads.want(1, &chain(1, 3), 0), 3);
    assert_eq!(downloads.take(1, 0), chain(1, 3));
    for n in 1..=3 {
        deliver(&mut downloads, 1, n, 100, 0);
    }
    assert_eq!(fed(&mut downloads), chain(1, 3));
    downloads.settled(hash(1), Fed::Done, 5);
    downloads.settled(hash(2), Fed::Declined, 5);
    downloads.settled(hash(3), Fed::Declined, 5);
    assert_eq!(downloads.want(1, &chain(2, 4), DECLINED_MS), 0);
    assert!(downloads.is_empty());
    assert_eq!(
        downloads.want(1, &chain(2, 4), DECLINED_MS + 5),
        3,
        "its time may have come"
    );
}

/// A list of missing blocks may be older than what came in meanwhile.
#[test]
fn blocks_on_top_of_one_that_is_wanted_no_more_are_handed_on() {
    let mut downloads = Downloads::default();
    downloads.want(1, &chain(1, 3), 0);
    downloads.take(1, 0);
    for n in 1..=3 {
        assert!(deliver(&mut downloads, 1, n, 100, 1));
    }
    assert_eq!(fed(&mut downloads), chain(1, 3));
    downloads.settled(hash(1), Fed::Done, 2);
    downloads.settled(hash(2), Fed::Again, 2);
    downloads.settled(hash(3), Fed::Again, 2);
    assert_eq!(downloads.want(2, &chain(1, 3), 3), 3, "an old list");
    assert_eq!(fed(&mut downloads), [], "the first is awaited once more");
    assert_eq!(downloads.want(2, &chain(2, 3), 4), 2);
    assert_eq!(fed(&mut downloads), chain(2, 3), "and is not any more");
}

#[test]
fn the_node_is_handed_so_many_blocks_without_verdict_and_no_more() {
    let mut downloads = Downloads::default();
    downloads.want(1, &chain(1, 300), 0);
    for range in [chain(1, 128), chain(129, 256), chain(257, 300)] {
        assert_eq!(downloads.take(1, 0), range);
        for hash in &range {
            let n = u32::from_le_bytes(hash.as_bytes()[..4].try_into().expect("four bytes"));
            assert!(deliver(&mut downloads, 1, n, 100, 0));
        }
    }
    let most = FEED_BLOCKS as u32;
    assert_eq!(fed(&mut downloads), chain(1, most));
    assert_eq!(fed(&mut downloads), []);
    downloads.settled(hash(1), Fed::Done, 0);
    downloads.settled(hash(2), Fed::Declined, 0);
    assert_eq!(fed(&mut downloads), chain(most + 1, most + 2));
    downloads.settled(hash(3), Fed::Again, 0);
    assert_eq!(fed(&mut downloads), chain(3, 3), "it is handed on first");
}

#[test]
fn what_is_missing_is_asked_for_again_at_half_a_window_and_at_the_end_once() {
    let window = BLOCK_WINDOW as u32;
    let mut downloads = Downloads::default();
    assert!(downloads.is_short_of(1), "nothing is known of it");
    downloads.want(1, &chain(1, window), 0);
    assert!(!downloads.is_short_of(1));
    for n in 1..=window {
        assert_eq!(downloads.is_short_of(1), n > window / 2, "{n}");
        if downloads.benched_until(1, 0).is_none() && !downloads.is_asked(1) {
            downloads.take(1, 0);
        }
        assert!(deliver(&mut downloads, 1, n, 100, 0));
        assert_eq!(fed(&mut downloads), chain(n, n));
        downloads.settled(hash(n), Fed::Done, 0);
    }
    // The rest is less than a window: all of it is named.
    downloads.want(1, &chain(window + 1, window + 2), 0);
    assert_eq!(downloads.take(1, 0), chain(window + 1, window + 2));
    for n in window + 1..=window + 2 {
        assert!(!downloads.is_short_of(1), "{n}");
        assert!(deliver(&mut downloads, 1, n, 100, 0));
        assert_eq!(fed(&mut downloads), chain(n, n));
        downloads.settled(hash(n), Fed::Done, 0);
    }
    assert!(downloads.is_short_of(1));
}
