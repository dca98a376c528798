//! The numbers that the rules of one network use.

use synod_chainspec::{ChainSpec, EngineSpec};
use synod_primitives::{Amount, Height};
use synod_script::Flags;

use crate::check_header::MAX_FUTURE_BLOCK_TIME_S;
use crate::stake::StakeRules;

pub use synod_chainspec::Activations;

/// The consensus parameters of a network, as far as blocks and transactions are concerned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rules {
    /// New coins of the first blocks.
    pub subsidy_initial: Amount,
    /// Blocks after which the subsidy is halved, again and again; at least 1.
    pub halving_interval: u32,
    /// Blocks on top of a coinbase before its outputs can be spent.
    pub coinbase_maturity: u32,
    /// From which height each deployment is in force.
    pub activations: Activations,
    /// The number of blocks after which BIP94's timewarp rule looks at one; `None` where it
    /// is not in force.
    pub bip94_interval: Option<u32>,
    /// The chain id that block 1's coinbase has to carry; `None` under regtest.
    pub chain_id_output: Option<[u8; 32]>,
    /// How far a block's time may be ahead of the clock, in seconds.
    pub max_future_block_time_s: u64,
    /// The rules of stake, where the engine lives on it.
    pub stake: Option<StakeRules>,
}

/// How many slots a sealed block's time may be ahead of the clock.
const MAX_SLOTS_AHEAD: u64 = 2;

/// Halvings after which nothing is left of any subsidy.
const MAX_HALVINGS: u32 = 64;

impl Rules {
    const REGTEST_BIP94_INTERVAL: u32 = 144;

    /// Returns the rules of Bitcoin Core 28's regtest.
    #[must_use]
    pub const fn regtest() -> Self {
        Self {
            subsidy_initial: Amount::from_sat(50 * Amount::COIN.sat()),
            halving_interval: 150,
            coinbase_maturity: 100,
            activations: Activations {
                bip34: Height(1),
                dersig: Height(1),
                cltv: Height(1),
                csv: Height(1),
                segwit: Height(0),
            },
            bip94_interval: Some(Self::REGTEST_BIP94_INTERVAL),
            chain_id_output: None,
            max_future_block_time_s: MAX_FUTURE_BLOCK_TIME_S,
            stake: None,
        }
    }

    /// Returns the new coins that the block at `height` may make (Core: `GetBlockSubsidy`).
    #[must_use]
    pub fn subsidy(&self, height: Height) -> Amount {
        let halvings = height.0.checked_div(self.halving_interval);
        match halvings {
            Some(halvings) if halvings < MAX_HALVINGS => {
                Amount::from_sat(self.subsidy_initial.sat() >> halvings)
            }
            _ => Amount::ZERO,
        }
    }

    /// Returns the most coins that the blocks from 1 to `height` could make.
    #[must_use]
    pub fn issued(&self, height: Height) -> Amount {
        let interval = u64::from(self.halving_interval.max(1));
        let height = u64::from(height.0);
        let mut issued = 0_i64;
        for halvings in 0..MAX_HALVINGS {
            let first = (u64::from(halvings) * interval).max(1);
            let end = u64::from(halvings + 1) * interval;
            let blocks = end.min(height.saturating_add(1)).saturating_sub(first);
            let subsidy = self.subsidy_initial.sat() >> halvings;
            let blocks = i64::try_from(blocks).unwrap_or(i64::MAX);
            issued = issued.saturating_add(blocks.saturating_mul(subsidy));
        }
        Amount::from_sat(issued.min(Amount::MAX_MONEY.sat()))
    }

    /// Returns the flags that a block's scripts are verified with (Core:
    /// `GetBlockScriptFlags`).
    ///
    /// Consensus: P2SH, WITNESS and TAPROOT are in force in every block, whatever the height
    /// of `segwit`, which moves the commitment and NULLDUMMY only.
    #[must_use]
    pub fn script_flags(&self, height: Height) -> Flags {
        let mut flags = Flags::P2SH | Flags::WITNESS | Flags::TAPROOT;
        let deployments = [
            (self.activations.dersig, Flags::DERSIG),
            (self.activations.cltv, Flags::CHECKLOCKTIMEVERIFY),
            (self.activations.csv, Flags::CHECKSEQUENCEVERIFY),
            (self.activations.segwit, Flags::NULLDUMMY),
        ];
        for (activation, flag) in deployments {
            if height >= activation {
                flags = flags | flag;
            }
        }
        flags
    }

    /// Says whether BIP34 alone keeps every transaction id from coming twice, so that BIP30
    /// needs no look at the coins.
    ///
    /// Consensus: where every coinbase above the genesis block starts with its height, in an
    /// encoding of which none is the beginning of another, no two coinbases are equal. The
    /// first other transaction that came twice would spend an output that came twice before
    /// it. So under regtest, where Core looks at the coins at every height, it finds nothing.
    #[must_use]
    pub fn has_unique_transactions(&self) -> bool {
        self.activations.bip34 <= Height(1)
    }
}

impl From<&ChainSpec> for Rules {
    fn from(spec: &ChainSpec) -> Self {
        let consensus = &spec.consensus;
        let bip94_interval = match &consensus.engine {
            EngineSpec::Pow(pow) => pow.timewarp_rule.then_some(pow.interval),
            // Regtest's, so that its rules hold whoever looks.
            EngineSpec::Pos(_) | EngineSpec::Dpos(_) => Some(Self::REGTEST_BIP94_INTERVAL),
        };
        // A sealed block is held back until its slot, two slots at the most.
        let slots_ahead = |slot_s| MAX_SLOTS_AHEAD * u64::from(slot_s);
        let max_future = consensus.engine.slot_s().map(slots_ahead);
        let initial = i64::try_from(consensus.subsidy.initial_sat).unwrap_or(i64::MAX);
        Self {
            subsidy_initial: Amount::from_sat(initial.min(Amount::MAX_MONEY.sat())),
            halving_interval: consensus.subsidy.halving_interval,
            coinbase_maturity: consensus.coinbase_maturity,
            activations: consensus.activations,
            bip94_interval,
            chain_id_output: spec.chain_id_output().map(|id| id.0),
            max_future_block_time_s: max_future.unwrap_or(MAX_FUTURE_BLOCK_TIME_S),
            stake: StakeRules::of_spec(spec),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issued_coins_are_the_sum_of_the_subsidies() {
        let rules = Rules::regtest();
        let mut sum = 0;
        for height in 0..=1000 {
            if height > 0 {
                sum += rules.subsidy(Height(height)).sat();
            }
            assert_eq!(rules.issued(Height(height)).sat(), sum, "{height}");
        }
        assert!(rules.issued(Height(u32::MAX)) <= Amount::MAX_MONEY);
    }

    #[test]
    fn regtest_is_the_preset_of_that_name() {
        let preset = ChainSpec::preset("regtest").expect("a preset");
        assert_eq!(Rules::from(&preset), Rules::regtest());
    }

    #[test]
    fn c23_the_subsidy_halves_every_150_blocks_and_ends() {
        let rules = Rules::regtest();
        let at = |height| rules.subsidy(Height(height)).sat();
        assert_eq!((at(0), at(149)), (5_000_000_000, 5_000_000_000));
        assert_eq!((at(150), at(151)), (2_500_000_000, 2_500_000_000));
        assert_eq!((at(150 * 32 + 149), at(150 * 33)), (1, 0));
        assert_eq!((at(150 * 63), at(150 * 64), at(u32::MAX)), (0, 0, 0));
    }

    #[test]
    fn a_subsidy_of_64_bits_is_not_shifted_around() {
        let rules = Rules {
            subsidy_initial: Amount::from_sat(i64::MAX),
            halving_interval: 1,
            ..Rules::regtest()
        };
        assert_eq!(rules.subsidy(Height(62)).sat(), 1);
        assert_eq!(rules.subsidy(Height(63)).sat(), 0);
        assert_eq!(rules.subsidy(Height(64)).sat(), 0);
        assert_eq!(rules.subsidy(Height(65)).sat(), 0);
    }

    #[test]
    fn script_flags_switch_on_at_their_heights() {
        let mut rules = Rules::regtest();
        assert_eq!(rules.script_flags(Height(1)), Flags::MANDATORY);
        rules.activations.dersig = Height(5);
        rules.activations.cltv = Height(6);
        rules.activations.csv = Height(7);
        rules.activations.segwit = Height(8);
        let always = Flags::P2SH | Flags::WITNESS | Flags::TAPROOT;
        assert_eq!(rules.script_flags(Height(4)), always);
        assert_eq!(rules.script_flags(Height(5)), always | Flags::DERSIG);
        let seventh =
            always | Flags::DERSIG | Flags::CHECKLOCKTIMEVERIFY | Flags::CHECKSEQUENCEVERIFY;
        assert_eq!(rules.script_flags(Height(7)), seventh);
        assert_eq!(rules.script_flags(Height(8)), Flags::MANDATORY);
    }
}
