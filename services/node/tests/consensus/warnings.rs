//! Rules that others follow and this node does not know.

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
