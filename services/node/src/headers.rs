//! Headers of the active chain as peers are sent them: with the engine's proofs.

use bytes::Bytes;
use synod_gossip::wire::{HEADERS_ANSWER_BYTES, header_size};
use synod_node_core::{BlockTree, EntryId};
use synod_primitives::{BlockHash, Header, Height};
use synod_store::Reader;

use crate::chain::{ChainHandle, Unavailable};

/// Headers whose proofs are read at once.
const HEADERS_PER_READ: usize = 128;

/// What of a chain is asked for.
struct Asked {
    headers: Vec<(Header, BlockHash)>,
    has_proofs: bool,
}

/// Returns the headers of the active chain after the block that `find` names, with their proofs:
/// at most `limit`, none after `stop`, and no further one past [`HEADERS_ANSWER_BYTES`]. `None`
/// when it names none.
///
/// # Errors
/// The chain thread is busy or stopping.
pub(crate) async fn after(
    chain: &ChainHandle,
    reader: &Reader,
    limit: usize,
    stop: Option<BlockHash>,
    find: impl FnOnce(&BlockTree) -> Option<EntryId> + Send + 'static,
) -> Result<Option<Vec<(Header, Bytes)>>, Unavailable> {
    let asked = chain.look(move |node, _| {
        let tree = node.chain().tree();
        let has_proofs = node.chain().engine().has_proofs();
        let headers = find(tree).map(|id| headers_above(tree, id, limit, stop));
        Ok(headers.map(|headers| Asked {
            headers,
            has_proofs,
        }))
    });
    let Some(asked) = asked.await? else {
        return Ok(None);
    };
    if asked.has_proofs {
        return Ok(Some(with_proofs(reader, &asked.headers).await));
    }
    let bare = asked.headers.into_iter();
    Ok(Some(
        bare.map(|(header, _)| (header, Bytes::new())).collect(),
    ))
}

fn headers_above(
    tree: &BlockTree,
    id: EntryId,
    limit: usize,
    stop: Option<BlockHash>,
) -> Vec<(Header, BlockHash)> {
    let first = tree.entry(id).record.height.0.saturating_add(1);
    let mut headers = Vec::new();
    let ids = (first..).map_while(|height| tree.active_at(Height(height)));
    for id in ids.take(limit) {
        let record = &tree.entry(id).record;
        headers.push((record.header, record.hash));
        if Some(record.hash) == stop {
            break;
        }
    }
    headers
}

/// Reads the proofs of headers up to the limit of an answer.
///
/// Correctness: in bulk work blocks are connected before they are written. The page then ends
/// before them, and the peer asks again later.
async fn with_proofs(reader: &Reader, headers: &[(Header, BlockHash)]) -> Vec<(Header, Bytes)> {
    let mut page = Vec::new();
    let mut bytes = 0;
    for chunk in headers.chunks(HEADERS_PER_READ) {
        let hashes: Vec<BlockHash> = chunk.iter().map(|(_, hash)| *hash).collect();
        let records = match reader.headers_of(&hashes).await {
            Ok(records) => records,
            Err(error) => {
                tracing::debug!(%error, "a page of headers ends early");
                return page;
            }
        };
        for record in records {
            if bytes >= HEADERS_ANSWER_BYTES || record.proof.is_empty() {
                return page;
            }
            bytes += header_size(&record.proof);
            page.push((record.header, record.proof));
        }
    }
    page
}
