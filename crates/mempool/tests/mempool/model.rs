//! A random life of a mempool: whatever comes, in whatever order, its invariants hold, and
//! each template could be a block.

use proptest::prelude::*;
use proptest::test_runner::Config;
use synod_mempool::{ChainLimits, Mempool, Options, Policy};
use synod_primitives::{Height, OutPoint, Transaction};

use crate::kit::*;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A new payment from a confirmed coin or an entry.
    Pay {
        from: usize,
        fee: i64,
        outputs: usize,
    },
    /// A payment that spends what entries spend, too.
    Conflict { with: usize, and: usize, fee: i64 },
    /// A payment that spends from two entries.
    Merge {
        first: usize,
        second: usize,
        fee: i64,
    },
    /// A parent and a child that pays for it.
    Package {
        from: usize,
        fee: i64,
        child_fee: i64,
    },
    /// A block of the first transactions of a template.
    Mine { share: usize },
    /// A block of something else that spends what an entry spends.
    MineConflict { with: usize },
    /// Some blocks go, as many and one more come, which hold some of what was there.
    Reorganise { depth: usize, share: usize },
    /// Hours pass.
    Wait { hours: u64 },
    /// An operator changes a fee.
    Prioritise { which: usize, delta: i64 },
    /// The node is started again.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let fee = 0..30_000_i64;
    let any = 0..1_000_usize;
    prop_oneof![
        8 => (any.clone(), fee.clone(), 1..6_usize)
            .prop_map(|(from, fee, outputs)| Step::Pay { from, fee, outputs }),
        3 => (any.clone(), any.clone(), fee.clone())
            .prop_map(|(with, and, fee)| Step::Conflict { with, and, fee: fee * 4 }),
        3 => (any.clone(), any.clone(), fee.clone())
            .prop_map(|(first, second, fee)| Step::Merge { first, second, fee }),
        2 => (any.clone(), 0..500_i64, fee.clone())
            .prop_map(|(from, fee, child_fee)| Step::Package { from, fee, child_fee }),
        2 => (0..20_usize).prop_map(|share| Step::Mine { share }),
        1 => any.clone().prop_map(|with| Step::MineConflict { with }),
        2 => (1..4_usize, 0..10_usize)
            .prop_map(|(depth, share)| Step::Reorganise { depth, share }),
        1 => (0..200_u64).prop_map(|hours| Step::Wait { hours }),
        1 => (any.clone(), -20_000..20_000_i64)
            .prop_map(|(which, delta)| Step::Prioritise { which, delta }),
        1 => Just(Step::Restart),
    ]
}

struct World {
    chain: Chain,
    pool: Mempool,
    /// What has been paid, confirmed or not, with its value.
    outputs: Vec<(OutPoint, i64)>,
    /// What the kept block may hold, in weight units: so little that much does not fit.
    room: u64,
}

impl World {
    fn new() -> Self {
        let mut chain = Chain::new();
        let outputs = (0..12).map(|_| (chain.fund(), COIN)).collect();
        // Small limits, so that they are reached.
        let chain_limits = ChainLimits {
            ancestor_count: 6,
            ancestor_vsize: 1_500,
            descendant_count: 6,
            descendant_vsize: 1_500,
        };
        let policy = Policy {
            max_bytes: 60_000,
            chain_limits,
            ..Policy::default()
        };
        Self {
            chain,
            pool: pool_with(policy),
            outputs,
            room: 400_000,
        }
    }

    /// The block that is kept is the one that is chosen from scratch.
    fn check_next_block(&mut self) {
        let mut limits = self.chain.limits();
        limits.max_weight = limits.reserved_weight + self.room;
        assert_eq!(
            self.pool.next_block(&limits),
            self.pool.build_template(&limits)
        );
    }

    fn output(&self, index: usize) -> (OutPoint, i64) {
        self.outputs[index % self.outputs.len()]
    }

    fn submit(&mut self, transaction: &Transaction) {
        let tested = self
            .pool
            .test_accept(transaction, &self.chain.context(), Options::default());
        let accepted = accept(&mut self.pool, &self.chain, transaction);
        match (&tested, &accepted) {
            (Ok(_), Err(rejected)) => assert_eq!(rejected.code(), "mempool full"),
            _ => assert_eq!(tested, accepted),
        }
        if accepted.is_ok() {
            self.note(transaction);
        }
    }

    fn note(&mut self, transaction: &Transaction) {
        for (vout, output) in (0..).zip(transaction.outputs()) {
            self.outputs
                .push((transaction.outpoint(vout), output.value.sat()));
        }
    }

    fn spend(&self, from: &[(OutPoint, i64)], fee: i64, outputs: usize) -> Transaction {
        let inputs: Vec<OutPoint> = from.iter().map(|(outpoint, _)| *outpoint).collect();
        let value: i64 = from.iter().map(|(_, value)| value).sum();
        let each = (value - fee).max(0) / i64::try_from(outputs).expect("few");
        Draft::new(&inputs, &vec![each; outputs]).build()
    }

    fn entry(&self, index: usize) -> Option<Transaction> {
        let ids = txids(&self.pool);
        let txid = ids.get(index.checked_rem(ids.len())?)?;
        self.pool
            .find(txid)
            .map(|entry| entry.transaction().as_ref().clone())
    }

    fn value_of(&self, outpoint: &OutPoint) -> i64 {
        let known = self.outputs.iter().find(|(known, _)| known == outpoint);
        known.map_or(COIN, |(_, value)| *value)
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Pay { from, fee, outputs } => {
                let payment = self.spend(&[self.output(from)], fee, outputs);
                self.submit(&payment);
            }
            Step::Merge { first, second, fee } => {
                let from = [self.output(first), self.output(second)];
                let payment = self.spend(&from, fee, 2);
                self.submit(&payment);
            }
            Step::Conflict { with, and, fee } => self.conflict(with, and, fee),
            Step::Package {
                from,
                fee,
                child_fee,
            } => self.package(from, fee, child_fee),
            Step::Mine { share } => {
                let block = self.template(share);
                self.mine(&block);
            }
            Step::MineConflict { with } => self.mine_conflict(with),
            Step::Reorganise { depth, share } => self.reorganise(depth, share),
            Step::Wait { hours } => {
                self.chain.now += hours * 3_600;
                self.pool.enforce_limits(self.chain.now);
            }
            Step::Prioritise { which, delta } => {
                if let Some(entry) = self.entry(which) {
                    self.pool.prioritise(entry.txid(), delta).expect("room");
                }
            }
            Step::Restart => self.restart(),
        }
    }

    fn conflict(&mut self, with: usize, and: usize, fee: i64) {
        let Some(entry) = self.entry(with) else {
            return;
        };
        let spent = entry.inputs()[0].prevout;
        let mut from = vec![(spent, self.value_of(&spent))];
        if and.is_multiple_of(2) {
            from.push(self.output(and));
        }
        let payment = self.spend(&from, fee, 1);
        self.submit(&payment);
    }

    fn package(&mut self, from: usize, fee: i64, child_fee: i64) {
        let parent = self.spend(&[self.output(from)], fee, 1);
        let value = parent.outputs()[0].value.sat();
        let child = self.spend(&[(parent.outpoint(0), value)], child_fee, 1);
        let package = [parent, child];
        let context = self.chain.context();
        let result = self
            .pool
            .accept_package(&package, &context, Options::default());
        let all_here = package
            .iter()
            .all(|member| self.pool.find(&member.txid()).is_some());
        assert_eq!(result.error.is_none(), all_here, "{result:?}");
        package.iter().for_each(|member| self.note(member));
    }

    fn template(&self, share: usize) -> Vec<Transaction> {
        let template = self.pool.build_template(&self.chain.limits());
        let members = template.transactions.into_iter().take(share);
        members
            .map(|member| member.transaction.as_ref().clone())
            .collect()
    }

    fn mine(&mut self, transactions: &[Transaction]) {
        let block = self.chain.block(transactions);
        self.chain.connect(&block);
        self.pool.remove_for_block(&block, self.chain.now);
    }

    fn mine_conflict(&mut self, with: usize) {
        let Some(entry) = self.entry(with) else {
            return;
        };
        let mut inputs = entry.inputs().iter().map(|input| input.prevout);
        let Some(coin) = inputs.find(|coin| self.chain.coins.contains_key(coin)) else {
            return;
        };
        let payment = self.spend(&[(coin, self.value_of(&coin))], 77, 1);
        self.mine(std::slice::from_ref(&payment));
        self.note(&payment);
    }

    fn reorganise(&mut self, depth: usize, share: usize) {
        let depth = depth.min(self.chain.blocks.len());
        let mut dropped = Vec::new();
        for _ in 0..depth {
            let block = self.chain.disconnect();
            self.pool.add_disconnected(&block);
            dropped.splice(0..0, block.transactions()[1..].iter().cloned());
        }
        let fork: Height = self.chain.height();
        // The new branch holds the first of what was dropped, so no child without its parent.
        let kept: Vec<Transaction> = dropped.into_iter().take(share).collect();
        self.mine(&kept);
        for _ in 0..depth {
            self.mine(&[]);
        }
        self.pool.finish_reorg(&self.chain.context(), fork);
    }

    fn restart(&mut self) {
        let saved = synod_mempool::SavedMempool::decode(&self.pool.save().encode().into());
        let saved = saved.expect("its own encoding");
        let before = self.pool.len();
        let mut again = pool_with(self.pool.policy().clone());
        let restored = again.restore(&saved, &self.chain.context());
        assert_eq!(
            restored.admitted + restored.expired + restored.refused,
            before
        );
        self.pool = again;
    }

    fn check(&self) {
        check(&self.pool, &self.chain);
        let limits = self.chain.limits();
        check_template(&self.pool.build_template(&limits), &self.chain, &limits);
        let summary = self.pool.summary(self.chain.now);
        assert!(summary.bytes <= summary.max_bytes);
        let projected = self.pool.projected_blocks(&limits, 3);
        let estimates = self.pool.fee_estimates(&projected, self.chain.now);
        assert!((1..4).all(|blocks| estimates.within(blocks) >= estimates.within(blocks + 1)));
        for entry in self.pool.entries(None) {
            let limits = self.pool.policy().chain_limits;
            assert!(entry.ancestors().count <= limits.ancestor_count);
            // One more by the exception for channels.
            assert!(entry.descendants().count <= limits.descendant_count + 1);
        }
    }
}

/// A stranger who only sees the events knows what is in the mempool.
fn follow(known: &mut std::collections::BTreeSet<synod_primitives::Txid>, pool: &mut Mempool) {
    for event in pool.take_events().events {
        match event {
            synod_mempool::Event::Added { txid, .. } => assert!(known.insert(txid)),
            synod_mempool::Event::Removed { txid, .. } => assert!(known.remove(&txid)),
        }
    }
    assert_eq!(*known, txids(pool).into_iter().collect());
}

/// Few enough cases for every run; `PROPTEST_CASES` asks for more.
fn config() -> Config {
    let config = Config::default();
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => config,
        None => Config {
            cases: 64,
            ..config
        },
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn invariants_hold_whatever_comes(steps in proptest::collection::vec(step(), 1..120)) {
        let mut world = World::new();
        let mut known = std::collections::BTreeSet::new();
        for step in steps {
            if matches!(step, Step::Restart) {
                known.clear();
            }
            world.take(step);
            world.check();
            follow(&mut known, &mut world.pool);
        }
    }

    #[test]
    fn the_block_that_is_kept_is_the_one_chosen_from_scratch(
        steps in proptest::collection::vec(step(), 1..120),
        room in 500..12_000_u64,
        pause in 1..5_usize,
    ) {
        let mut world = World::new();
        world.room = room;
        for (number, step) in steps.into_iter().enumerate() {
            world.take(step);
            if number.is_multiple_of(pause) {
                world.check_next_block();
            }
        }
        world.check_next_block();
        // A mempool that is asked for the first time finds the same.
        world.restart();
        world.check_next_block();
    }

    #[test]
    fn the_same_life_gives_the_same_mempool(steps in proptest::collection::vec(step(), 1..60)) {
        let [one, other] = [(1, 2), (77, 88)].map(|(k0, k1)| {
            let mut world = World::new();
            let key = synod_ledger::HashKey::new(k0, k1);
            world.pool = Mempool::new(world.pool.policy().clone(), key);
            for step in &steps {
                if !matches!(step, Step::Restart) {
                    world.take(*step);
                }
            }
            (world.pool.save().encode(), world.pool.take_events())
        });
        prop_assert_eq!(one, other);
    }
}
