//! `stake bond|delegate|unbond|redelegate|withdraw|renew|status`.

mod status;

use clap::{Args, Subcommand};
use serde_json::json;
use synod_wallet_cold::{
    answer::Answer,
    commands::psbt::{AllowArgs, OutputArgs, answer_psbt, render},
    exit::{Exit, Failure},
};
use synod_wallet_core::{
    amount::{parse_amount, parse_fee_rate},
    bitcoin::{FeeRate, OutPoint, hex::DisplayHex},
    stake::{Delegate, Registration, StakeCoin, StakeError, StakeKind, StakeTerms},
    wallet::{StakeAction, StakePlan},
};

use super::{
    Hot, explorer_failure, failure,
    send::{check, paid_answer, sent_failure},
};
use crate::hot::{HotWallet, Stake, StakeEntry};

/// The stake commands.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum StakeCommand {
    /// Lock coins for a sealing key and register it as a validator or candidate
    Bond(BondArgs),
    /// Lock coins for a key that is registered (a vote, under dpos)
    Delegate(DelegateArgs),
    /// Start the way out of bonded stake; it can be slashed until it is free
    Unbond(UnbondArgs),
    /// Move votes to another delegate
    Redelegate(RedelegateArgs),
    /// Take out what is free: stake past its unbonding, and votes that are named
    Withdraw(WithdrawArgs),
    /// Register a candidate anew, by which it comes back from the bench
    Renew(RenewArgs),
    /// Show bonds, delegations, what is unbonding and when it is free, what was slashed
    Status,
}

/// The key that a bond registers.
#[derive(Debug, Clone, Args)]
pub(crate) struct KeyArgs {
    /// The anchor of the key's hash chain, as `synod-validator key new` prints it
    #[arg(long, value_name = "HEX")]
    anchor: String,
    /// The name to be elected by, under dpos
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

/// How a stake transaction is made.
#[derive(Debug, Clone, Args)]
pub(crate) struct MakeArgs {
    /// Fee rate in sat/vB [default: the explorer's estimate for six blocks]
    #[arg(long, value_name = "SAT_PER_VB")]
    fee_rate: Option<String>,
    /// Show what would be done; sign and send nothing
    #[arg(long, conflicts_with = "psbt")]
    dry_run: bool,
    /// Make a PSBT to be signed elsewhere; implied by -o
    #[arg(long)]
    psbt: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    allow: AllowArgs,
}

/// Options of `stake bond`.
#[derive(Debug, Clone, Args)]
pub(crate) struct BondArgs {
    /// How much: 50000, 50000sat or 0.0005btc
    amount: String,
    /// The sealing key, or its delegate hash
    #[arg(long, value_name = "HEX")]
    delegate: String,
    #[command(flatten)]
    key: KeyArgs,
    #[command(flatten)]
    make: MakeArgs,
}

/// Options of `stake delegate`.
#[derive(Debug, Clone, Args)]
pub(crate) struct DelegateArgs {
    /// How much: 50000, 50000sat or 0.0005btc
    amount: String,
    /// The sealing key, or its delegate hash
    #[arg(long, value_name = "HEX")]
    delegate: String,
    #[command(flatten)]
    make: MakeArgs,
}

/// Options of `stake unbond`.
#[derive(Debug, Clone, Args)]
pub(crate) struct UnbondArgs {
    /// Stake outputs as TXID:VOUT, all for one delegate
    #[arg(required = true)]
    outputs: Vec<OutPoint>,
    #[command(flatten)]
    make: MakeArgs,
}

/// Options of `stake redelegate`.
#[derive(Debug, Clone, Args)]
pub(crate) struct RedelegateArgs {
    /// Votes as TXID:VOUT
    #[arg(required = true)]
    outputs: Vec<OutPoint>,
    /// The new delegate's sealing key, or its delegate hash
    #[arg(long, value_name = "HEX")]
    delegate: String,
    #[command(flatten)]
    make: MakeArgs,
}

/// Options of `stake withdraw`.
#[derive(Debug, Clone, Args)]
pub(crate) struct WithdrawArgs {
    /// Stake outputs as TXID:VOUT [default: all whose unbonding is over]
    outputs: Vec<OutPoint>,
    #[command(flatten)]
    make: MakeArgs,
}

/// Options of `stake renew`.
#[derive(Debug, Clone, Args)]
pub(crate) struct RenewArgs {
    /// The registration as TXID:VOUT
    registration: OutPoint,
    /// Another anchor than the one that is registered
    #[arg(long, value_name = "HEX")]
    anchor: Option<String>,
    /// Another name than the one that is registered
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    make: MakeArgs,
}

pub(crate) async fn run(hot: &Hot, command: StakeCommand) -> Result<Answer, Failure> {
    if hot.offline {
        let message = "stake is looked up through the explorer each time";
        return Err(Failure::new(Exit::Usage, "stake-offline", message));
    }
    let wallet = hot.fresh_wallet().await?;
    let terms = hot.explorer.stake_terms().await;
    let terms = terms.map_err(|e| explorer_failure(&e))?.ok_or_else(|| {
        let message = "this network has no stake: its engine is pow";
        Failure::new(Exit::Refused, "no-stake", message)
    })?;
    let scene = Scene { hot, wallet, terms };
    match command {
        StakeCommand::Bond(args) => {
            let action = StakeAction::Bond {
                registration: registration(delegate(&args.delegate)?, &args.key)?,
                amount: parse_amount(&args.amount)?,
            };
            scene.make(action, &args.make).await
        }
        StakeCommand::Delegate(args) => {
            let action = StakeAction::Delegate {
                delegate: delegate(&args.delegate)?,
                amount: parse_amount(&args.amount)?,
            };
            scene.make(action, &args.make).await
        }
        StakeCommand::Unbond(args) => {
            let action = StakeAction::Unbond(scene.named(&args.outputs).await?);
            scene.make(action, &args.make).await
        }
        StakeCommand::Redelegate(args) => {
            let action = StakeAction::Redelegate {
                coins: scene.named(&args.outputs).await?,
                delegate: delegate(&args.delegate)?,
            };
            scene.make(action, &args.make).await
        }
        StakeCommand::Withdraw(args) => {
            let action = StakeAction::Withdraw(scene.free(&args.outputs).await?);
            scene.make(action, &args.make).await
        }
        StakeCommand::Renew(args) => {
            let stake = scene.find().await?;
            let entry = entry(&stake, args.registration)?;
            let action = StakeAction::Renew {
                coin: entry.coin.clone(),
                registration: renewed(entry, &args)?,
            };
            scene.make(action, &args.make).await
        }
        StakeCommand::Status => status::answer(&scene.find().await?, &scene.terms),
    }
}

/// What the stake commands work on.
struct Scene<'h> {
    hot: &'h Hot,
    wallet: HotWallet,
    terms: StakeTerms,
}

impl Scene<'_> {
    async fn find(&self) -> Result<Stake, Failure> {
        let owner = self.wallet.descriptors().stake_owner()?;
        let found = self.wallet.find_stake(&self.hot.explorer, &owner).await;
        found.map_err(failure)
    }

    /// Finds the stake outputs that were named.
    async fn named(&self, outputs: &[OutPoint]) -> Result<Vec<StakeCoin>, Failure> {
        let stake = self.find().await?;
        let entries = outputs.iter().map(|it| entry(&stake, *it));
        let coins = entries.map(|entry| entry.map(|it| it.coin.clone()));
        coins.collect()
    }

    /// Finds what can be withdrawn: all that is free, or what was named.
    async fn free(&self, outputs: &[OutPoint]) -> Result<Vec<StakeCoin>, Failure> {
        let stake = self.find().await?;
        let locked = |entry: &StakeEntry| {
            status::free_height(entry, &self.terms).filter(|free| *free > stake.height + 1)
        };
        if outputs.is_empty() {
            let all = stake.entries.iter();
            let unbonding = all.filter(|it| it.coin.program.kind == StakeKind::Unbonding);
            let free = unbonding.filter(|it| it.height.is_some() && locked(it).is_none());
            let coins: Vec<StakeCoin> = free.map(|it| it.coin.clone()).collect();
            if coins.is_empty() {
                return Err(
                    Failure::new(Exit::NotFound, "nothing-free", "nothing is free yet")
                        .hint("stake status says when"),
                );
            }
            return Ok(coins);
        }
        let mut coins = Vec::new();
        for outpoint in outputs {
            let entry = entry(&stake, *outpoint)?;
            if let Some(free) = locked(entry) {
                let message = format!(
                    "{outpoint} is unbonding: block {free} is the first that can take it out"
                );
                return Err(Failure::new(Exit::Refused, "stake-locked", message));
            }
            coins.push(entry.coin.clone());
        }
        Ok(coins)
    }

    /// Builds the transaction, and shows it, writes it as a PSBT, or signs and sends it.
    async fn make(&self, action: StakeAction, args: &MakeArgs) -> Result<Answer, Failure> {
        let plan = StakePlan {
            action,
            owner: self.wallet.descriptors().stake_owner()?,
            terms: self.terms.clone(),
            fee_rate: self.fee_rate(args).await?,
            reserved: Vec::new(),
        };
        let overrides = args.allow.overrides();
        if args.psbt || args.output.output.is_some() {
            let drafted = self.wallet.draft_stake(&plan, overrides).await;
            let (review, payment) = drafted.map_err(failure)?;
            eprintln!("{}", render(&review));
            let data = json!({
                "payment": payment.id, "fee_sat": review.fee_sat, "held_until": payment.expires_at,
            });
            let warnings = review.warnings();
            let answer = answer_psbt(review.psbt(), &args.output, data)?;
            return Ok(answer.warn_all(warnings.iter().map(ToString::to_string)));
        }
        let review = self.wallet.preview_stake(&plan).await.map_err(failure)?;
        if args.dry_run {
            return Ok(Answer::new(&review, render(&review)));
        }
        check(self.hot, &review, args.allow)?;
        let keys = self.hot.session.keystore()?.keys()?;
        let paid = self
            .wallet
            .pay_stake(&keys, &self.hot.explorer, &plan, overrides)
            .await
            .map_err(sent_failure)?;
        Ok(paid_answer(&paid))
    }

    async fn fee_rate(&self, args: &MakeArgs) -> Result<FeeRate, Failure> {
        match &args.fee_rate {
            Some(text) => Ok(parse_fee_rate(text)?),
            None => {
                let estimate = self.hot.explorer.fee_rate().await;
                estimate.map_err(|e| explorer_failure(&e))
            }
        }
    }
}

fn entry(stake: &Stake, outpoint: OutPoint) -> Result<&StakeEntry, Failure> {
    let found = stake
        .entries
        .iter()
        .find(|it| it.coin.outpoint() == outpoint);
    found.ok_or_else(|| {
        let message = format!("{outpoint} is no unspent stake of this wallet");
        Failure::new(Exit::NotFound, "stake-unknown", message).hint("stake status lists it")
    })
}

fn delegate(text: &str) -> Result<Delegate, Failure> {
    Delegate::parse(text).map_err(stake_failure)
}

fn registration(delegate: Delegate, key: &KeyArgs) -> Result<Registration, Failure> {
    Registration::parse(delegate, &key.anchor, key.name.as_deref()).map_err(stake_failure)
}

/// What is registered anew: what was, with what is given in its place.
fn renewed(entry: &StakeEntry, args: &RenewArgs) -> Result<Registration, Failure> {
    let before = entry.registration.as_ref().ok_or_else(|| {
        let message = format!("{} registers nobody", args.registration);
        Failure::new(Exit::Refused, "stake-way", message)
    })?;
    let anchor = args.anchor.clone();
    let key = KeyArgs {
        anchor: anchor.unwrap_or_else(|| before.anchor().to_lower_hex_string()),
        name: args
            .name
            .clone()
            .or_else(|| before.name().map(str::to_owned)),
    };
    registration(before.delegate(), &key)
}

fn stake_failure(error: StakeError) -> Failure {
    Failure::new(Exit::Usage, error.code(), error)
}
