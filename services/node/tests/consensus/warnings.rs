//! Signs that others follow other rules than this node.

use synod_api::HashHex;
use synod_primitives::Block;

use crate::blocks::next;
use crate::process::NodeProcess;

/// Puts blocks of this version on a chain.
fn extend_with(chain: &mut Vec<Block>, more: u32, version: u32) {
    for _ in 0..more {
        let mut draft = next(chain, 1);
        draft.header.version = version.cast_signed();
        chain.push(draft.build());
    }
}

#[tokio::test]
async fn rules_that_others_activated_are_warned_of_over_http_and_in_the_log() {
    let data = tempfile::tempdir().expect("a directory");
    let mut node = NodeProcess::start(data.path(), &[]);
    let mut blocks = vec![synod_chainspec::genesis_block()];
    extend_with(&mut blocks, 143, 0x2000_0000);
    extend_with(&mut blocks, 108, 0x2000_0000 | 1 << 27);
    extend_with(&mut blocks, 36 + 144, 0x2000_0000);
    let last = blocks.pop().expect("a block");
    node.post_all(&blocks[1..]).await;
    let status = node.client.chain().await.expect("an answer");
    assert_eq!((status.height, status.warnings.len()), (430, 0));
    assert_eq!(node.post(&last).await, Ok("active"));
    let status = node.client.chain().await.expect("an answer");
    let sentence = "Unknown new rules activated (versionbit 27)";
    assert_eq!(status.warnings, [sentence]);
    let log = node.end_and_read_log();
    assert!(log.contains("unknown new rules are locked in (versionbit 27)"));
    assert!(log.contains(sentence));
}

#[tokio::test]
async fn a_chain_of_much_more_work_that_is_invalid_here_is_warned_of_until_it_is_valid_again() {
    let data = tempfile::tempdir().expect("a directory");
    let mut node = NodeProcess::start(data.path(), &[]);
    let mut blocks = vec![synod_chainspec::genesis_block()];
    extend_with(&mut blocks, 10, 4);
    node.post_all(&blocks[1..]).await;
    let hash = |height: usize| HashHex::from_internal(blocks[height].hash().to_bytes());
    let warnings = async || node.client.chain().await.expect("an answer").warnings;
    let invalidate = async |height| {
        let done = node.client.dev_invalidate(hash(height)).await;
        done.expect("marked");
    };
    // Six blocks more than the tip, then seven.
    invalidate(5).await;
    assert!(warnings().await.is_empty());
    invalidate(4).await;
    let seen = warnings().await;
    let cause = format!("(block {}: invalidated)", hash(4));
    assert!(seen.len() == 1 && seen[0].contains(&cause), "{seen:?}");
    let done = node.client.dev_reconsider(hash(4)).await;
    done.expect("reconsidered");
    assert!(warnings().await.is_empty());
    let log = node.end_and_read_log();
    assert!(log.contains(&cause) && log.contains("or the database is damaged"));
}
