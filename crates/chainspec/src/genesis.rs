//! Block 0, which is Bitcoin's regtest genesis under every spec.

use synod_primitives::{
    Amount, Block, BlockHash, CompactTarget, Header, MerkleRoot, OutPoint, Script, Transaction,
    TxIn, TxOut, Witness, hex,
};

/// The headline that the first block of Bitcoin carries.
const HEADLINE: &[u8] = b"The Times 03/Jan/2009 Chancellor on brink of second bailout for banks";
const PUBLIC_KEY: &str = "04678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5f";

/// Returns the genesis block.
///
/// Its coinbase output can never be spent: it is not among the coins.
#[must_use]
pub fn genesis_block() -> Block {
    let coinbase = coinbase();
    let header = Header {
        version: 1,
        previous_block_hash: BlockHash::ZERO,
        merkle_root: MerkleRoot::from_bytes(coinbase.txid().to_bytes()),
        time: 1_296_688_602,
        bits: CompactTarget(0x207f_ffff),
        nonce: 2,
    };
    Block::new(header, vec![coinbase])
}

fn coinbase() -> Transaction {
    // The bits of the main network's first block, the number 4, and the headline, as pushes.
    let mut script_sig = vec![
        0x04,
        0xff,
        0xff,
        0x00,
        0x1d,
        0x01,
        0x04,
        HEADLINE.len() as u8,
    ];
    script_sig.extend_from_slice(HEADLINE);
    let mut script_pubkey = vec![65];
    script_pubkey.extend(hex::decode(PUBLIC_KEY).expect("the constant is hex"));
    script_pubkey.push(0xac);
    let input = TxIn {
        prevout: OutPoint::NULL,
        script_sig: Script::new(script_sig),
        sequence: u32::MAX,
        witness: Witness::EMPTY,
    };
    let value = Amount::from_sat(50 * Amount::COIN.sat());
    let output = TxOut {
        value,
        script_pubkey: Script::new(script_pubkey),
    };
    Transaction::new(1, vec![input], vec![output], 0)
}
