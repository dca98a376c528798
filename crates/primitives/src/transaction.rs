//! Transactions and their parts (BIP144 encoding).

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;

use crate::amount::Amount;
use crate::double_hash::{Message, sha256d_each};
use crate::encode::{DecodeError, Reader, count_size, write_count, write_var_bytes};
use crate::hash::{Txid, Wtxid, sha256d};
use crate::weight::Weight;

/// The bytes of a script; what they mean is the script crate's knowledge.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Script(pub Bytes);

impl Script {
    /// Makes a script from its bytes.
    #[must_use]
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Self(bytes.into())
    }

    /// Borrows the bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Says whether there is no byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Script({})", crate::hex::encode(&self.0))
    }
}

/// The name of an output: the transaction that made it and its index there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OutPoint {
    /// The transaction.
    pub txid: Txid,
    /// The index of the output.
    pub vout: u32,
}

impl OutPoint {
    /// The encoded size in bytes.
    pub const SIZE: usize = 36;

    /// What a coinbase input names: no transaction and the greatest index.
    pub const NULL: Self = Self {
        txid: Txid::ZERO,
        vout: u32::MAX,
    };

    /// Names an output.
    #[must_use]
    pub const fn new(txid: Txid, vout: u32) -> Self {
        Self { txid, vout }
    }

    /// Says whether this is [`OutPoint::NULL`].
    #[must_use]
    pub fn is_null(&self) -> bool {
        *self == Self::NULL
    }

    /// Encodes the outpoint.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::SIZE] {
        let mut out = [0; Self::SIZE];
        out[..32].copy_from_slice(self.txid.as_bytes());
        out[32..].copy_from_slice(&self.vout.to_le_bytes());
        out
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let txid = Txid::from_bytes(reader.read_array()?);
        Ok(Self {
            txid,
            vout: reader.read_u32()?,
        })
    }
}

impl fmt::Display for OutPoint {
    /// Writes `txid:vout`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.txid, self.vout)
    }
}

/// Text that is not `txid:vout`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("an outpoint is written txid:vout")]
pub struct OutPointError;

impl FromStr for OutPoint {
    type Err = OutPointError;

    fn from_str(text: &str) -> Result<Self, OutPointError> {
        let (txid, vout) = text.split_once(':').ok_or(OutPointError)?;
        Ok(Self {
            txid: txid.parse().map_err(|_| OutPointError)?,
            vout: vout.parse().map_err(|_| OutPointError)?,
        })
    }
}

/// The stack of byte strings that proves the right to spend a segwit output.
///
/// Kept as its encoding, so that a witness of any shape costs no allocation.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Witness {
    /// The items, each after its length; without the count.
    items: Bytes,
    count: u32,
}

impl Witness {
    /// A witness without items.
    pub const EMPTY: Self = Self {
        items: Bytes::new(),
        count: 0,
    };

    /// Makes a witness from its items, the bottom of the stack first.
    #[must_use]
    pub fn from_items<I: AsRef<[u8]>>(items: &[I]) -> Self {
        let mut out = Vec::new();
        for item in items {
            write_var_bytes(&mut out, item.as_ref());
        }
        let count = u32::try_from(items.len()).expect("items are in memory");
        Self {
            items: out.into(),
            count,
        }
    }

    /// Returns the number of items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Says whether there is no item.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns the encoded size in bytes, with the count.
    #[must_use]
    pub fn encoded_size(&self) -> usize {
        count_size(self.len()) + self.items.len()
    }

    /// Goes through the items from the bottom of the stack.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest: &[u8] = &self.items;
        std::iter::from_fn(move || {
            let (item, after) = split_item(rest)?;
            rest = after;
            Some(item)
        })
    }

    /// Returns the top item.
    #[must_use]
    pub fn last(&self) -> Option<&[u8]> {
        self.iter().last()
    }

    /// Appends the encoding, count first.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        write_count(out, self.len());
        out.extend_from_slice(&self.items);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = reader.read_count_of(1)?;
        let start = reader.position();
        for _ in 0..count {
            let length = reader.read_count()?;
            reader.read_slice(length)?;
        }
        if count == 0 {
            return Ok(Self::EMPTY);
        }
        let items = reader.share(start, reader.position());
        Ok(Self {
            items,
            count: u32::try_from(count).expect("a count fits 32 bits"),
        })
    }
}

/// Splits the first item off a witness whose encoding was checked when it was read.
fn split_item(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let (length, rest) = match first {
        0xfd => {
            let (number, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_le_bytes(*number)), rest)
        }
        0xfe => {
            let (number, rest) = rest.split_first_chunk::<4>()?;
            (u32::from_le_bytes(*number) as usize, rest)
        }
        small => (usize::from(*small), rest),
    };
    rest.split_at_checked(length)
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.iter().map(crate::hex::encode))
            .finish()
    }
}

/// An input: the output that it spends and the proof of the right to.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct TxIn {
    /// The output spent.
    pub prevout: OutPoint,
    /// The unlocking script.
    pub script_sig: Script,
    /// Relative lock time and replacement signal (BIP68, BIP125).
    pub sequence: u32,
    /// The segregated witness.
    pub witness: Witness,
}

/// The sequence number that switches lock times off.
pub const SEQUENCE_FINAL: u32 = 0xffff_ffff;

/// An output: an amount and the condition for spending it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct TxOut {
    /// The amount; as encoded, so possibly outside the money range.
    pub value: Amount,
    /// The locking script.
    pub script_pubkey: Script,
}

impl TxOut {
    /// Appends the encoding.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.value.sat().to_le_bytes());
        write_var_bytes(out, self.script_pubkey.as_bytes());
    }

    /// Reads an output.
    ///
    /// # Errors
    /// Bytes that are no output.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let value = Amount::from_sat(reader.read_i64()?);
        Ok(Self {
            value,
            script_pubkey: Script(reader.read_var_bytes()?),
        })
    }
}

/// A transaction with its ids and its encoding.
///
/// Immutable: the ids always belong to the parts. Scripts and witnesses are slices of
/// the bytes that it was decoded from; [`Transaction::detach`] gives a transaction
/// that keeps no larger buffer (a whole block) alive.
#[derive(Clone)]
pub struct Transaction {
    version: i32,
    inputs: Vec<TxIn>,
    outputs: Vec<TxOut>,
    lock_time: u32,
    txid: Txid,
    wtxid: Wtxid,
    stripped_size: u32,
    raw: Bytes,
}

impl PartialEq for Transaction {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw
    }
}

impl Eq for Transaction {}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction")
            .field("txid", &self.txid)
            .field("version", &self.version)
            .field("inputs", &self.inputs)
            .field("outputs", &self.outputs)
            .field("lock_time", &self.lock_time)
            .finish_non_exhaustive()
    }
}

/// The fewest bytes that an input takes: outpoint, empty script, sequence.
const LEAST_INPUT_SIZE: usize = OutPoint::SIZE + 1 + 4;
/// The fewest bytes that an output takes: value and empty script.
const LEAST_OUTPUT_SIZE: usize = 8 + 1;
/// The bytes of the version.
const VERSION_SIZE: usize = 4;
/// The bytes of BIP144's marker and flag.
const MARKER_SIZE: usize = 2;
/// The bytes of the lock time.
const LOCK_TIME_SIZE: usize = 4;

impl Transaction {
    /// Makes a transaction from its parts; encodes it and computes its ids.
    #[must_use]
    pub fn new(version: i32, inputs: Vec<TxIn>, outputs: Vec<TxOut>, lock_time: u32) -> Self {
        let has_witness = inputs.iter().any(|input| !input.witness.is_empty());
        let stripped = encode_parts(version, &inputs, &outputs, lock_time, false);
        let txid = Txid::from_bytes(sha256d(&stripped));
        let stripped_size = u32::try_from(stripped.len()).expect("transactions are below 4 GiB");
        let raw = if has_witness {
            encode_parts(version, &inputs, &outputs, lock_time, true)
        } else {
            stripped
        };
        let wtxid = Wtxid::from_bytes(if has_witness {
            sha256d(&raw)
        } else {
            txid.to_bytes()
        });
        let raw = raw.into();
        Self {
            version,
            inputs,
            outputs,
            lock_time,
            txid,
            wtxid,
            stripped_size,
            raw,
        }
    }

    /// Decodes exactly one transaction.
    ///
    /// # Errors
    /// Bytes that are no transaction, or that go on after it.
    pub fn decode(bytes: &Bytes) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let transaction = Self::read(&mut reader)?;
        reader.finish()?;
        Ok(transaction)
    }

    /// Reads a transaction from a stream (Core: `UnserializeTransaction`, which takes an
    /// empty list of inputs for the marker of a witness).
    ///
    /// # Errors
    /// Bytes that are no transaction.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut transaction = [Self::read_without_ids(reader)?];
        fill_ids(&mut transaction);
        let [transaction] = transaction;
        Ok(transaction)
    }

    /// Reads a transaction whose ids are still to be filled in, by [`fill_ids`].
    pub(crate) fn read_without_ids(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let start = reader.position();
        let version = reader.read_i32()?;
        let mut body = reader.position();
        let mut flag = 0;
        let mut inputs = read_inputs(reader)?;
        let mut outputs = Vec::new();
        if inputs.is_empty() {
            flag = reader.read_u8()?;
            if flag != 0 {
                body = reader.position();
                inputs = read_inputs(reader)?;
                outputs = read_outputs(reader)?;
            }
        } else {
            outputs = read_outputs(reader)?;
        }
        let body_end = reader.position();
        if flag & 1 != 0 {
            for input in &mut inputs {
                input.witness = Witness::read(reader)?;
            }
            if inputs.iter().all(|input| input.witness.is_empty()) {
                return Err(DecodeError::SuperfluousWitness);
            }
        }
        if flag & !1 != 0 {
            return Err(DecodeError::UnknownFlag);
        }
        let lock_time = reader.read_u32()?;
        let raw = reader.share(start, reader.position());
        let stripped_size = u32::try_from(body_end - body + 8).expect("below 4 GiB");
        Ok(Self {
            version,
            inputs,
            outputs,
            lock_time,
            txid: Txid::ZERO,
            wtxid: Wtxid::ZERO,
            stripped_size,
            raw,
        })
    }

    /// Returns the version, signed as on the wire.
    #[must_use]
    pub fn version(&self) -> i32 {
        self.version
    }

    /// Returns the inputs.
    #[must_use]
    pub fn inputs(&self) -> &[TxIn] {
        &self.inputs
    }

    /// Returns the outputs.
    #[must_use]
    pub fn outputs(&self) -> &[TxOut] {
        &self.outputs
    }

    /// Returns the lock time: a height below 500,000,000, else seconds since 1970.
    #[must_use]
    pub fn lock_time(&self) -> u32 {
        self.lock_time
    }

    /// Returns the id without witness.
    #[must_use]
    pub fn txid(&self) -> Txid {
        self.txid
    }

    /// Returns the id with witness (BIP141); the txid's bytes where there is none.
    #[must_use]
    pub fn wtxid(&self) -> Wtxid {
        self.wtxid
    }

    /// Returns the encoding with witness.
    #[must_use]
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// Encodes the transaction without its witness.
    #[must_use]
    pub fn encode_stripped(&self) -> Vec<u8> {
        encode_parts(
            self.version,
            &self.inputs,
            &self.outputs,
            self.lock_time,
            false,
        )
    }

    /// Returns the size in bytes with witness.
    #[must_use]
    pub fn size(&self) -> usize {
        self.raw.len()
    }

    /// Returns the size in bytes without witness.
    #[must_use]
    pub fn stripped_size(&self) -> usize {
        self.stripped_size as usize
    }

    /// Returns the weight.
    #[must_use]
    pub fn weight(&self) -> Weight {
        Weight::from_sizes(self.stripped_size(), self.size())
    }

    /// Says whether any input has a witness.
    #[must_use]
    pub fn has_witness(&self) -> bool {
        self.stripped_size() != self.size()
    }

    /// Says whether the only input spends nothing, as a block's first transaction must.
    #[must_use]
    pub fn is_coinbase(&self) -> bool {
        matches!(self.inputs.as_slice(), [input] if input.prevout.is_null())
    }

    /// Names the output at `vout`.
    #[must_use]
    pub fn outpoint(&self, vout: u32) -> OutPoint {
        OutPoint::new(self.txid, vout)
    }

    /// Copies the transaction into a buffer of its own.
    #[must_use]
    pub fn detach(&self) -> Self {
        let raw = Bytes::copy_from_slice(&self.raw);
        Self::decode(&raw).expect("its own encoding decodes")
    }
}

fn read_inputs(reader: &mut Reader<'_>) -> Result<Vec<TxIn>, DecodeError> {
    let count = reader.read_count_of(LEAST_INPUT_SIZE)?;
    let mut inputs = Vec::with_capacity(count);
    for _ in 0..count {
        let prevout = OutPoint::read(reader)?;
        let script_sig = Script(reader.read_var_bytes()?);
        let sequence = reader.read_u32()?;
        inputs.push(TxIn {
            prevout,
            script_sig,
            sequence,
            witness: Witness::EMPTY,
        });
    }
    Ok(inputs)
}

fn read_outputs(reader: &mut Reader<'_>) -> Result<Vec<TxOut>, DecodeError> {
    let count = reader.read_count_of(LEAST_OUTPUT_SIZE)?;
    let mut outputs = Vec::with_capacity(count);
    for _ in 0..count {
        outputs.push(TxOut::read(reader)?);
    }
    Ok(outputs)
}

/// Computes the ids of transactions from their encodings, without writing those a second time.
///
/// Where there is a witness, the encoding has a marker of two bytes behind the version and the
/// witnesses before the lock time, both of which the txid leaves out.
pub(crate) fn fill_ids(transactions: &mut [Transaction]) {
    let count = transactions.len();
    let has_witness = |index: &usize| transactions[*index].has_witness();
    let with_witness: Vec<usize> = (0..count).filter(has_witness).collect();
    let whole = with_witness.iter().map(|index| &transactions[*index].raw);
    let messages = transactions
        .iter()
        .map(stripped_pieces)
        .chain(whole.map(|raw| [&raw[..], &[], &[]]));
    let mut hashes = vec![[0; 32]; count + with_witness.len()];
    sha256d_each(messages, |index, hash| hashes[index] = hash);
    for (transaction, hash) in transactions.iter_mut().zip(&hashes) {
        transaction.txid = Txid::from_bytes(*hash);
        transaction.wtxid = Wtxid::from_bytes(*hash);
    }
    for (index, hash) in with_witness.iter().zip(&hashes[count..]) {
        transactions[*index].wtxid = Wtxid::from_bytes(*hash);
    }
}

/// Returns the encoding without witness as pieces of that with it.
fn stripped_pieces(transaction: &Transaction) -> Message<'_> {
    let raw = &transaction.raw[..];
    if !transaction.has_witness() {
        return [raw, &[], &[]];
    }
    let body = transaction.stripped_size() - VERSION_SIZE - LOCK_TIME_SIZE;
    [
        &raw[..VERSION_SIZE],
        &raw[VERSION_SIZE + MARKER_SIZE..][..body],
        &raw[raw.len() - LOCK_TIME_SIZE..],
    ]
}

fn encode_parts(
    version: i32,
    inputs: &[TxIn],
    outputs: &[TxOut],
    lock_time: u32,
    with_witness: bool,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(10 + inputs.len() * 150 + outputs.len() * 44);
    out.extend_from_slice(&version.to_le_bytes());
    if with_witness {
        out.extend_from_slice(&[0, 1]);
    }
    write_count(&mut out, inputs.len());
    for input in inputs {
        out.extend_from_slice(&input.prevout.encode());
        write_var_bytes(&mut out, input.script_sig.as_bytes());
        out.extend_from_slice(&input.sequence.to_le_bytes());
    }
    write_count(&mut out, outputs.len());
    for output in outputs {
        output.encode_into(&mut out);
    }
    if with_witness {
        for input in inputs {
            input.witness.encode_into(&mut out);
        }
    }
    out.extend_from_slice(&lock_time.to_le_bytes());
    out
}
