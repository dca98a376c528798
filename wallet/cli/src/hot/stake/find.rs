//! Finding a wallet's stake through the explorer.
//!
//! A stake output's script names the delegate too, so it cannot be derived from the owner alone.
//! The search starts from the stake in the transactions that the wallet knows (it paid for every
//! bond) and goes on along the scripts: what unbonds, moves or slashes a stake output is in the
//! history of its script, and what it pays the same owner is looked up in turn.

use std::collections::{BTreeMap, BTreeSet};

use synod_wallet_core::{
    bitcoin::{OutPoint, ScriptBuf, Transaction, Txid},
    stake::{Delegate, Registration, StakeCoin, StakeOwner, StakeProgram},
    wallet::own_scripts,
};

use crate::{
    explorer::Explorer,
    hot::{HotError, HotWallet},
};

/// Most transactions that are looked at.
pub const MAX_STAKE_TRANSACTIONS: usize = 10_000;
/// The last witness item of a slashing.
const SLASH_TAG: &[u8] = &[2];

/// A stake output that is unspent.
#[derive(Debug, Clone)]
pub struct StakeEntry {
    /// The output, ready to be spent.
    pub coin: StakeCoin,
    /// The height of its block; `None` in the mempool.
    pub height: Option<u32>,
    /// What its transaction registers, for a registration.
    pub registration: Option<Registration>,
}

/// A stake output that was slashed.
#[derive(Debug, Clone)]
pub struct SlashedStake {
    /// The output.
    pub outpoint: OutPoint,
    /// The transaction that slashed it.
    pub txid: Txid,
    /// Whose key was proven guilty.
    pub delegate: Delegate,
    /// What it held, in satoshis.
    pub amount_sat: u64,
    /// What is lost of it, in satoshis.
    pub lost_sat: u64,
    /// The height of the slashing; `None` in the mempool.
    pub height: Option<u32>,
}

/// A wallet's stake.
#[derive(Debug, Clone, Default)]
pub struct Stake {
    /// The height of the chain when the search began.
    pub height: u32,
    /// Unspent stake outputs, oldest first.
    pub entries: Vec<StakeEntry>,
    /// Slashed ones, oldest first.
    pub slashed: Vec<SlashedStake>,
    /// What blocks paid the wallet, in satoshis.
    pub earned_sat: u64,
}

type Found = BTreeMap<Txid, (Transaction, Option<u32>)>;

impl HotWallet {
    /// Finds the wallet's stake.
    ///
    /// # Errors
    /// When the explorer gives no usable answer, or there are too many transactions.
    pub async fn find_stake(
        &self,
        explorer: &Explorer,
        owner: &StakeOwner,
    ) -> Result<Stake, HotError> {
        let height = explorer.height().await?;
        let turn = self.begin().await?;
        let start = turn.state.wallet.stake_scripts(owner);
        let earned_sat = turn.state.wallet.earned_sat();
        drop(turn);
        let found = search(explorer, owner, start).await?;
        Ok(Stake {
            height,
            entries: unspent(&found, owner),
            slashed: slashed(&found, owner),
            earned_sat,
        })
    }
}

async fn search(
    explorer: &Explorer,
    owner: &StakeOwner,
    start: BTreeSet<ScriptBuf>,
) -> Result<Found, HotError> {
    let mut found = Found::new();
    let mut waiting: Vec<ScriptBuf> = start.iter().cloned().collect();
    let mut known = start;
    while let Some(script) = waiting.pop() {
        let room = MAX_STAKE_TRANSACTIONS.saturating_sub(found.len());
        for (transaction, height) in explorer.script_transactions(&script, room).await? {
            for script in own_scripts(&transaction, owner) {
                if known.insert(script.clone()) {
                    waiting.push(script);
                }
            }
            found.insert(transaction.compute_txid(), (transaction, height));
        }
    }
    Ok(found)
}

fn unspent(found: &Found, owner: &StakeOwner) -> Vec<StakeEntry> {
    let inputs = found
        .values()
        .flat_map(|(transaction, _)| &transaction.input);
    let spent: BTreeSet<OutPoint> = inputs.map(|input| input.previous_output).collect();
    let mut entries = Vec::new();
    for (transaction, height) in found.values() {
        for vout in 0..u32::try_from(transaction.output.len()).unwrap_or(u32::MAX) {
            let coin = StakeCoin::of(transaction, vout);
            let Some(coin) = coin.filter(|coin| coin.program.owner == owner.hash()) else {
                continue;
            };
            if spent.contains(&coin.outpoint()) {
                continue;
            }
            let data = transaction.output.first();
            let registration = data
                .and_then(|output| Registration::of_script(&output.script_pubkey))
                .filter(|_| coin.is_registration());
            entries.push(StakeEntry {
                coin,
                height: *height,
                registration,
            });
        }
    }
    entries.sort_by_key(|it| (it.height.unwrap_or(u32::MAX), it.coin.outpoint()));
    entries
}

fn slashed(found: &Found, owner: &StakeOwner) -> Vec<SlashedStake> {
    let mut slashed = Vec::new();
    for (transaction, height) in found.values() {
        let mut own = Vec::new();
        for input in &transaction.input {
            let previous = found.get(&input.previous_output.txid);
            let coin = previous.and_then(|(it, _)| StakeCoin::of(it, input.previous_output.vout));
            let is_slash = input.witness.last() == Some(SLASH_TAG);
            own.extend(coin.filter(|it| is_slash && it.program.owner == owner.hash()));
        }
        let kept = kept_sat(transaction, owner);
        let total: u64 = own.iter().map(|coin| coin.amount_sat).sum();
        for coin in own {
            // What is kept is one sum for all; each loses its share, rounded up.
            let share = u128::from(kept) * u128::from(coin.amount_sat) / u128::from(total.max(1));
            let share = u64::try_from(share).unwrap_or(u64::MAX);
            slashed.push(SlashedStake {
                outpoint: coin.outpoint(),
                txid: transaction.compute_txid(),
                delegate: coin.program.delegate,
                amount_sat: coin.amount_sat,
                lost_sat: coin.amount_sat.saturating_sub(share),
                height: *height,
            });
        }
    }
    slashed.sort_by_key(|it| (it.height.unwrap_or(u32::MAX), it.outpoint));
    slashed
}

/// What a slashing leaves its owner: stake for nobody, on its way out.
fn kept_sat(transaction: &Transaction, owner: &StakeOwner) -> u64 {
    let outputs = transaction.output.iter().filter(|output| {
        StakeProgram::of_script(&output.script_pubkey)
            .is_some_and(|it| it.owner == owner.hash() && it.delegate == Delegate::NOBODY)
    });
    outputs
        .map(|output| output.value.to_sat())
        .fold(0, u64::saturating_add)
}
