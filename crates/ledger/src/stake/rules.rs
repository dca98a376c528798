//! The numbers that the rules of stake use.

use synod_chainspec::{BootstrapBond, ChainSpec, EngineSpec};
use synod_primitives::{Amount, Height, OutPoint, TxOut};
use synod_seal::{Anchor, Candidacy, DelegateHash, Mode, OwnerHash, Slot, StakeKind, StakeProgram};

/// The index of a transaction's output that registers a validator or candidate; its anchor is
/// the output before.
pub const REGISTRATION_INDEX: u32 = 1;

/// The rules of stake of one network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StakeRules {
    /// The chain that evidence has to be of.
    pub chain_id: [u8; 32],
    /// The mode of seals past the bootstrap.
    pub mode: Mode,
    /// The last bootstrap block.
    pub bootstrap_height: Height,
    /// The time of that block: slots count from here.
    pub start_time: u32,
    /// Seconds of a slot.
    pub slot_s: u32,
    /// The least amount of a registration.
    pub min_bond: Amount,
    /// The least amount of another bonded output that counts.
    pub min_delegation: Amount,
    /// Blocks after which unbonding stake can be withdrawn.
    pub unbonding_blocks: u32,
    /// How much of a guilty bond is lost, in hundredths; at most 100.
    pub slash_percent: u32,
    /// The reward is the penalty divided by this; at least 2.
    pub reporter_divisor: u32,
    /// The most that moving stake may cost it.
    pub fee_cap: Amount,
    /// What the coinbases of blocks 1, 2, ... bond.
    pub bootstrap_bonds: Vec<BootstrapBond>,
}

impl StakeRules {
    /// Returns the rules of a spec; `None` under an engine without stake.
    #[must_use]
    pub fn of_spec(spec: &ChainSpec) -> Option<Self> {
        let consensus = &spec.consensus;
        let settings = consensus.engine.stake()?;
        let sat = |value: u64| {
            let limit = Amount::MAX_MONEY.sat();
            Amount::from_sat(i64::try_from(value).unwrap_or(limit).min(limit))
        };
        let (mode, min_delegation) = match &consensus.engine {
            EngineSpec::Pow(_) => return None,
            EngineSpec::Pos(pos) => (Mode::Pos, pos.stake.min_bond_sat),
            EngineSpec::Dpos(dpos) => (Mode::Dpos, dpos.min_vote_sat),
        };
        let bootstrap_height = spec.bootstrap_height();
        let time = consensus.bootstrap.map_or(0, |it| it.time);
        Some(Self {
            chain_id: spec.chain_id().0,
            mode,
            bootstrap_height,
            start_time: time.saturating_add(bootstrap_height.0),
            slot_s: consensus.engine.slot_s()?,
            min_bond: sat(settings.min_bond_sat),
            min_delegation: sat(min_delegation),
            unbonding_blocks: settings.unbonding_blocks,
            slash_percent: settings.slash_percent,
            reporter_divisor: settings.reporter_divisor,
            fee_cap: sat(settings.fee_cap_sat),
            bootstrap_bonds: consensus
                .bootstrap_seal
                .as_ref()
                .map_or_else(Vec::new, |seal| seal.bonds.clone()),
        })
    }

    /// Says whether bonded outputs past the registrations are liquid votes.
    #[must_use]
    pub fn has_liquid_votes(&self) -> bool {
        self.mode == Mode::Dpos
    }

    /// Says whether a stake output can be slashed: liquid votes cannot.
    #[must_use]
    pub fn is_slashable(&self, outpoint: &OutPoint) -> bool {
        !self.has_liquid_votes() || is_registration(outpoint)
    }

    /// Returns the time of a slot, where it fits a header.
    #[must_use]
    pub fn slot_time(&self, slot: Slot) -> Option<u32> {
        let seconds = slot.0.checked_mul(u64::from(self.slot_s))?;
        u32::try_from(seconds.checked_add(u64::from(self.start_time))?).ok()
    }

    /// Says whether a bonded output counts.
    #[must_use]
    pub fn counts(&self, outpoint: &OutPoint, amount: Amount) -> bool {
        amount
            >= if is_registration(outpoint) {
                self.min_bond
            } else {
                self.min_delegation
            }
    }

    /// Returns the outputs that the coinbase at `height` has to start with: an anchor and a
    /// bond in the first bootstrap blocks, nothing later.
    #[must_use]
    pub fn bootstrap_outputs(&self, height: Height) -> Vec<TxOut> {
        let index = height
            .0
            .checked_sub(1)
            .and_then(|it| usize::try_from(it).ok());
        let bond = index.and_then(|it| self.bootstrap_bonds.get(it));
        bond.map_or_else(Vec::new, bond_outputs)
    }
}

/// Says whether an outpoint is one of a registration.
pub(crate) fn is_registration(outpoint: &OutPoint) -> bool {
    outpoint.vout == REGISTRATION_INDEX
}

fn bond_outputs(bond: &BootstrapBond) -> Vec<TxOut> {
    let anchor = Anchor {
        delegate: DelegateHash(bond.delegate),
        anchor: bond.anchor,
    };
    let candidacy = Candidacy::new(anchor, &bond.name);
    let registration = candidacy.map_or_else(|| anchor.script(), |it| it.script());
    let program = StakeProgram {
        kind: StakeKind::Bonded,
        owner: OwnerHash(bond.owner),
        delegate: DelegateHash(bond.delegate),
    };
    let amount = i64::try_from(bond.amount_sat).unwrap_or(i64::MAX);
    vec![
        TxOut {
            value: Amount::ZERO,
            script_pubkey: registration,
        },
        TxOut {
            value: Amount::from_sat(amount),
            script_pubkey: program.script(),
        },
    ]
}
