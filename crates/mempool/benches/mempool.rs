//! How long templates and admission take, without signatures: every output is spendable by
//! anyone.

use std::collections::HashMap;
use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use synod_ledger::{Coin, CoinsView, HashKey, MedianTimes, Rules};
use synod_mempool::{Context, Mempool, Options, Policy, TemplateLimits};
use synod_primitives::{
    Amount, Height, OutPoint, Script, Transaction, TxIn, TxOut, Txid, Witness, sha256,
};
use synod_script::template::p2wsh;

const ANYONE: &[u8] = &[0x51];
const VALUE: i64 = 10_000_000;
const HEIGHT: Height = Height(1_000);

struct Chain {
    coins: HashMap<OutPoint, Coin>,
    rules: Rules,
}

impl CoinsView for Chain {
    fn coin(&self, outpoint: &OutPoint) -> Option<Coin> {
        self.coins.get(outpoint).cloned()
    }
}

impl MedianTimes for Chain {
    fn median_time_past(&self, height: Height) -> u32 {
        1_600_000_000 + height.0 * 600
    }
}

impl Chain {
    fn context(&self) -> Context<'_> {
        Context {
            next_height: HEIGHT,
            tip_median_time: 1_600_599_400,
            times: self,
            coins: self,
            rules: &self.rules,
            now: 1_700_000_000,
        }
    }
}

fn pay(from: OutPoint, value: i64, fee: i64) -> Transaction {
    let input = TxIn {
        prevout: from,
        script_sig: Script::default(),
        sequence: 0xffff_fffd,
        witness: Witness::from_items(&[ANYONE]),
    };
    let script_pubkey = p2wsh(&sha256(ANYONE));
    let output = |sat| TxOut {
        value: Amount::from_sat(sat),
        script_pubkey: script_pubkey.clone(),
    };
    Transaction::new(
        2,
        vec![input],
        vec![output(1_000), output(value - fee - 1_000)],
        0,
    )
}

/// Coins and payments from them; every third payment spends the one before.
fn payments(count: usize) -> (Chain, Vec<Transaction>) {
    let mut chain = Chain {
        coins: HashMap::new(),
        rules: Rules::regtest(),
    };
    let mut payments: Vec<Transaction> = Vec::with_capacity(count);
    let mut seed: u64 = 1;
    for number in 0..count {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let fee = 200 + i64::try_from(seed >> 50).expect("14 bits");
        let payment = match payments.last() {
            Some(parent) if number % 3 == 2 => {
                pay(parent.outpoint(1), parent.outputs()[1].value.sat(), fee)
            }
            _ => {
                let mut id = [0xee; 32];
                id[..8].copy_from_slice(&(number as u64).to_le_bytes());
                let outpoint = OutPoint::new(Txid::from_bytes(id), 0);
                let script_pubkey = p2wsh(&sha256(ANYONE));
                let output = TxOut {
                    value: Amount::from_sat(VALUE),
                    script_pubkey,
                };
                chain
                    .coins
                    .insert(outpoint, Coin::new(&output, Height(1), false));
                pay(outpoint, VALUE, fee)
            }
        };
        payments.push(payment);
    }
    (chain, payments)
}

fn filled(chain: &Chain, payments: &[Transaction]) -> Mempool {
    let mut pool = Mempool::new(Policy::default(), HashKey::new(1, 2));
    for payment in payments {
        pool.accept(payment, &chain.context(), Options::default())
            .expect("a valid payment");
    }
    let _events = pool.take_events();
    pool
}

fn templates(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("template");
    let limits = TemplateLimits::new(HEIGHT, 1_600_599_400);
    for count in [5_000, 50_000] {
        let (chain, payments) = payments(count);
        let pool = filled(&chain, &payments);
        group.bench_with_input(BenchmarkId::new("build", count), &pool, |bencher, pool| {
            bencher.iter(|| black_box(pool.build_template(&limits)));
        });
        group.bench_with_input(
            BenchmarkId::new("project_8_blocks", count),
            &pool,
            |b, pool| {
                b.iter(|| black_box(pool.projected_blocks(&limits, 8)));
            },
        );
    }
    group.finish();
}

fn admission(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("admission");
    let (chain, payments) = payments(50_000);
    let (last, others) = payments.split_last().expect("there are payments");
    let mut pool = filled(&chain, others);
    group.bench_function("prepare_beside_50000", |bencher| {
        bencher.iter(|| black_box(pool.prepare(last, &chain.context(), Options::default())));
    });
    pool.accept(last, &chain.context(), Options::default())
        .expect("a valid payment");
    group.bench_function("accept_5000_with_scripts_of_one_opcode", |bencher| {
        bencher.iter_batched(
            || Mempool::new(Policy::default(), HashKey::new(1, 2)),
            |mut pool| {
                for payment in &payments[..5_000] {
                    let accepted = pool.accept(payment, &chain.context(), Options::default());
                    black_box(accepted.expect("a valid payment"));
                }
                pool
            },
            BatchSize::PerIteration,
        );
    });
    group.bench_function("encode_50000", |bencher| {
        bencher.iter(|| black_box(pool.save().encode()));
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = templates, admission
}
criterion_main!(benches);
