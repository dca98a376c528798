//! Transactions, headers and blocks.

use bytes::Bytes;
use synod_ledger::{BlockContext, CheckedBlock, Rules, check_transaction};
use synod_primitives::{Block, Header, Height, Transaction};

/// A transaction is written back as it was read, its sizes agree with each other, and the rules
/// have an answer to it.
pub(crate) fn transaction(bytes: &[u8]) {
    let raw = Bytes::copy_from_slice(bytes);
    let Ok(read) = Transaction::decode(&raw) else {
        return;
    };
    let again = Transaction::new(
        read.version(),
        read.inputs().to_vec(),
        read.outputs().to_vec(),
        read.lock_time(),
    );
    assert_eq!(again.raw(), &raw);
    assert_eq!((again.txid(), again.wtxid()), (read.txid(), read.wtxid()));
    assert_eq!(read.detach(), read);
    let stripped = read.encode_stripped();
    assert_eq!(stripped.len(), read.stripped_size());
    assert_eq!(read.weight().0, (3 * stripped.len() + raw.len()) as u64);
    assert_eq!(read.has_witness(), stripped.len() != raw.len());
    // Without inputs the stripped form means something else, as in Bitcoin Core.
    if !read.inputs().is_empty() {
        let bare = Transaction::decode(&stripped.into()).expect("without its witness it is one");
        assert_eq!(bare.txid(), read.txid());
        assert_eq!(bare.wtxid().to_bytes(), bare.txid().to_bytes());
    }
    if check_transaction(&read).is_ok() {
        assert!(!read.inputs().is_empty() && !read.outputs().is_empty());
        let sum: Option<synod_primitives::Amount> =
            read.outputs().iter().map(|output| output.value).sum();
        assert!(sum.is_some_and(synod_primitives::Amount::is_in_range));
    }
}

/// Eighty bytes are a header, and the header is those bytes.
pub(crate) fn header(bytes: &[u8]) {
    if let Some((bytes, _)) = bytes.split_first_chunk::<{ Header::SIZE }>() {
        let read = Header::decode(bytes);
        assert_eq!(&read.encode(), bytes);
        assert_eq!(
            read.block_hash(),
            Header::decode(&read.encode()).block_hash()
        );
    }
}

/// A block is written back as it was read, and the rules without coins have an answer to it.
pub(crate) fn block(bytes: &[u8]) {
    let raw = Bytes::copy_from_slice(bytes);
    let Ok(read) = Block::decode(&raw) else {
        return;
    };
    let again = Block::new(*read.header(), read.transactions().to_vec());
    assert_eq!(again.raw(), &raw);
    assert_eq!(again.hash(), read.hash());
    assert_eq!(again.merkle_root(), read.merkle_root());
    assert_eq!(
        read.weight().0,
        (3 * read.stripped_size() + raw.len()) as u64
    );
    let context = BlockContext {
        height: Height(1),
        parent_median_time: 0,
    };
    let verdict = CheckedBlock::validate(&read)
        .and_then(|checked| checked.in_context(context, &Rules::regtest()));
    if verdict.is_ok() {
        assert!(read.transactions()[0].is_coinbase());
        assert!(!read.merkle_root().is_mutated);
    }
}
