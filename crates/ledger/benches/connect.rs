//! What a full block costs: 2,800 payments of one P2WPKH or P2TR input and two outputs.
//!
//! `cargo bench -p synod-ledger`; the figures are per block.

#[path = "../tests/ledger/builders/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the tests use more of it")]
mod builders;

use builders::{Form, Key, Payment, Spendable, TestChain, free};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use rayon::ThreadPoolBuilder;
use synod_ledger::{
    BlockContext, CheckedBlock, ContextualBlock, MuHash, NoSignatureCache, Scripts, SignatureCache,
    Workers, connect_block, disconnect_block,
};
use synod_primitives::{Block, Transaction, Wtxid};
use synod_script::Flags;

const PAYMENTS: u32 = 2_800;

/// A chain whose table holds the coins that the block spends.
fn chain_and_block(form: Form) -> (TestChain, Block) {
    let (mut chain, coins) = TestChain::with_mature_coins(1);
    let keys: Vec<Key> = (0..PAYMENTS)
        .map(|seed| Key::from_seed(seed.into()))
        .collect();
    let value = coins[0].value() / i64::from(PAYMENTS);
    let fan = keys
        .iter()
        .fold(Payment::new().spend(&coins[0]), |payment, key| {
            payment.pay(value, key.script_pubkey(form))
        });
    let fan = fan.build();
    let block = chain.next().with(fan.clone()).build();
    chain.connect(&block).expect("valid");
    let payments: Vec<Transaction> = (0..PAYMENTS)
        .zip(&keys)
        .map(|(vout, key)| {
            let coin = Spendable::of(&fan, vout);
            let payment = Payment::new().spend_signed(&coin, *key, form);
            payment
                .pay(value / 2, key.script_pubkey(form))
                .pay(value / 3, free())
                .build()
        })
        .collect();
    let raw = chain.next().with_all(payments).build().raw().clone();
    (chain, Block::decode(&raw).expect("a block"))
}

struct KnowsAll;

impl SignatureCache for KnowsAll {
    fn is_verified(&self, _: &Wtxid, _: Flags) -> bool {
        true
    }
}

fn contextual<'b>(chain: &TestChain, block: &'b Block) -> ContextualBlock<&'b Block> {
    let context = BlockContext {
        height: chain.next_height(),
        parent_median_time: 2_000_000_000,
    };
    CheckedBlock::validate(block)
        .and_then(|block| block.in_context(context, &chain.rules))
        .expect("valid")
}

fn connect(criterion: &mut Criterion) {
    for form in [Form::P2wpkh, Form::P2tr] {
        let (mut chain, block) = chain_and_block(form);
        chain.restart();
        let missing = chain.cache.missing_outpoints(&block, &chain.rules);
        chain.fetch(&missing);
        let ready = contextual(&chain, &block);
        let times = chain.times();
        let pool = ThreadPoolBuilder::new()
            .num_threads(2)
            .build()
            .expect("threads");
        let cache: &dyn SignatureCache = &NoSignatureCache;
        let modes = [
            ("skipped", Scripts::Skip),
            (
                "known",
                Scripts::Verify {
                    workers: Workers::CallingThread,
                    cache: &KnowsAll,
                },
            ),
            (
                "1 thread",
                Scripts::Verify {
                    workers: Workers::CallingThread,
                    cache,
                },
            ),
            (
                "2 threads",
                Scripts::Verify {
                    workers: Workers::Pool(&pool),
                    cache,
                },
            ),
        ];
        let mut group = criterion.benchmark_group(format!("connect {form:?}"));
        group
            .throughput(Throughput::Elements(u64::from(PAYMENTS)))
            .sample_size(20);
        for (name, scripts) in &modes {
            group.bench_function(*name, |bencher| {
                let setup = || chain.cache.clone();
                bencher.iter_batched_ref(
                    setup,
                    |coins| connect_block(&ready, &times, coins, &chain.rules, scripts),
                    BatchSize::LargeInput,
                );
            });
        }
    }
}

fn around(criterion: &mut Criterion) {
    let (mut chain, block) = chain_and_block(Form::P2wpkh);
    let raw = block.raw().clone();
    let mut group = criterion.benchmark_group("block");
    group
        .throughput(Throughput::Elements(u64::from(PAYMENTS)))
        .sample_size(20);
    group.bench_function("decode", |bencher| bencher.iter(|| Block::decode(&raw)));
    group.bench_function("check and check in context", |bencher| {
        bencher.iter(|| contextual(&chain, &block));
    });
    chain.restart();
    group.bench_function("missing outpoints", |bencher| {
        bencher.iter(|| chain.cache.missing_outpoints(&block, &chain.rules));
    });
    let height = chain.next_height();
    let connected = chain.connect_with(&block, &Scripts::Skip).expect("valid");
    group.bench_function("encode undo data", |bencher| {
        bencher.iter(|| connected.undo.encode(block.hash()));
    });
    group.bench_function("disconnect", |bencher| {
        bencher.iter_batched_ref(
            || chain.cache.clone(),
            |coins| disconnect_block(&block, height, &connected.undo, coins),
            BatchSize::LargeInput,
        );
    });
    group.bench_function("flush", |bencher| {
        let setup = || chain.cache.clone();
        bencher.iter_batched_ref(
            setup,
            synod_ledger::CoinsCache::take_flush,
            BatchSize::LargeInput,
        );
    });
}

fn muhash(criterion: &mut Criterion) {
    let mut hash = MuHash::new();
    criterion.bench_function("muhash insert", |bencher| {
        bencher.iter(|| hash.insert(&[7; 80]));
    });
    criterion.bench_function("muhash finalize", |bencher| {
        bencher.iter(|| hash.finalize());
    });
}

criterion_group!(benches, connect, around, muhash);
criterion_main!(benches);
