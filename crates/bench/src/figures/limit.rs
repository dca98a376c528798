//! The signature limit of a machine: the very signatures of a chain, and nothing else.

use std::collections::HashMap;
use std::hint::black_box;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use synod_blockfile::BlockFiles;
use synod_primitives::{Block, OutPoint, Transaction, TxOut};
use synod_script::sighash::{TaprootSpend, segwit_v0_sighash, taproot_sighash};
use synod_script::template::p2pkh;
use synod_script::{SpendContext, hash160};
use synod_sigcheck::{Check, verify_batch};

use super::rounds::{Rounds, process_time};

/// So many checks are parsed, then judged together: as many as a node takes.
const BATCH: usize = 64;

/// A signature as it stands in its block, with what it signs.
struct Signed {
    key: Bytes,
    signature: Bytes,
    digest: [u8; 32],
    is_schnorr: bool,
}

impl Signed {
    /// Reads what an input of the reference chain states: one key, one signature over everything.
    fn of(context: &SpendContext<'_>, index: usize, spent: &TxOut) -> Result<Self> {
        let input = &context.transaction().inputs()[index];
        let items: Vec<Bytes> = input.witness.iter().map(Bytes::copy_from_slice).collect();
        let script = spent.script_pubkey.as_bytes();
        match (&items[..], script) {
            ([signature, key], [0x00, 0x14, hash @ ..]) => {
                let key_hash = hash160(key);
                ensure!(key_hash == *hash, "a key that is not its script's");
                let (hash_type, _) = signature.split_last().context("an empty signature")?;
                let code = p2pkh(&key_hash);
                let hash_type = u32::from(*hash_type);
                Ok(Self {
                    key: key.clone(),
                    signature: signature.slice(..signature.len() - 1),
                    digest: segwit_v0_sighash(context, index, code.as_bytes(), hash_type),
                    is_schnorr: false,
                })
            }
            ([signature], [0x51, 0x20, key @ ..]) => {
                let digest = taproot_sighash(context, index, 0, &TaprootSpend::default());
                Ok(Self {
                    key: Bytes::copy_from_slice(key),
                    signature: signature.clone(),
                    digest: digest.context("an undefined hash type")?,
                    is_schnorr: true,
                })
            }
            _ => bail!("an input that is neither P2WPKH nor P2TR by its key"),
        }
    }

    fn check(&self) -> Option<Check> {
        if self.is_schnorr {
            Check::schnorr(&self.key, &self.signature, self.digest)
        } else {
            Check::ecdsa(&self.key, &self.signature, self.digest)
        }
    }
}

/// Collects the signatures of all blocks, in their order.
fn signatures_of(file: &Path) -> Result<Vec<Signed>> {
    let mut coins: HashMap<OutPoint, TxOut> = HashMap::new();
    let mut all = Vec::new();
    for block in BlockFiles::find(file)?.read() {
        let block = Block::decode(&block?.raw)?;
        for (index, transaction) in block.transactions().iter().enumerate() {
            if index > 0 {
                collect(transaction, &mut coins, &mut all)?;
            }
            for (vout, output) in (0..).zip(transaction.outputs()) {
                coins.insert(OutPoint::new(transaction.txid(), vout), output.clone());
            }
        }
    }
    Ok(all)
}

fn collect(
    transaction: &Transaction,
    coins: &mut HashMap<OutPoint, TxOut>,
    all: &mut Vec<Signed>,
) -> Result<()> {
    let inputs = transaction.inputs().iter();
    let spent: Option<Vec<TxOut>> = inputs.map(|it| coins.remove(&it.prevout)).collect();
    let spent = spent.context("an input spends what the chain does not have")?;
    let context = SpendContext::new(transaction, spent.clone());
    for (index, coin) in spent.iter().enumerate() {
        all.push(Signed::of(&context, index, coin)?);
    }
    Ok(())
}

/// Parses and judges batches until none is left, each thread the next one that nobody has taken, so
/// that all of them end together.
fn are_valid(signatures: &[Signed], taken: &AtomicUsize) -> bool {
    let mut checks = Vec::with_capacity(BATCH);
    let mut batches = std::iter::from_fn(|| {
        let start = taken.fetch_add(BATCH, Ordering::Relaxed);
        let rest = signatures.get(start..).filter(|rest| !rest.is_empty())?;
        Some(&rest[..rest.len().min(BATCH)])
    });
    batches.all(|batch| {
        checks.clear();
        checks.extend(batch.iter().filter_map(Signed::check));
        checks.len() == batch.len() && verify_batch(&checks).is_ok()
    })
}

fn are_valid_on(threads: usize, signatures: &[Signed]) -> bool {
    let taken = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let run = || are_valid(signatures, &taken);
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        handles
            .into_iter()
            .all(|it| it.join().is_ok_and(|valid| valid))
    })
}

/// Measures all signatures of a chain that `synod-bench chain` wrote, on `threads` threads.
pub(crate) fn limit(file: &Path, threads: usize, rounds: usize) -> Result<()> {
    let signatures = signatures_of(file)?;
    ensure!(!signatures.is_empty(), "a chain without signatures");
    let threads = threads.max(1);
    let (mut wall, mut cpu) = (Rounds::new(), Rounds::new());
    for _ in 0..rounds.max(1) {
        let (start, cpu_before) = (Instant::now(), process_time());
        let all_valid = are_valid_on(threads, black_box(&signatures));
        wall.push(start.elapsed().as_secs_f64());
        cpu.push((process_time() - cpu_before).as_secs_f64());
        ensure!(all_valid, "a valid signature was refused");
    }
    println!("{} signatures, {threads} threads", signatures.len());
    wall.tell("wall time, a check of all threads", signatures.len());
    cpu.tell("CPU time, a check", signatures.len());
    Ok(())
}
