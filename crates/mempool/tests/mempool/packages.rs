//! Packages of a child with its parents.

use synod_mempool::{
    MAX_PACKAGE_COUNT, MemberResult, Mempool, Options, PackageResult, Policy, Rejected,
};
use synod_primitives::{OutPoint, Transaction};

use crate::kit::*;

fn submit(pool: &mut Mempool, chain: &Chain, package: &[Transaction]) -> PackageResult {
    let result = pool.accept_package(package, &chain.context(), Options::default());
    check(pool, chain);
    result
}

fn code(result: &PackageResult) -> &'static str {
    result
        .error
        .as_ref()
        .map_or("", synod_mempool::PackageError::code)
}

fn member_code(result: &PackageResult, index: usize) -> &'static str {
    match &result.members[index] {
        MemberResult::Rejected(rejected) => rejected.code(),
        MemberResult::Unfinished => "unfinished",
        _ => "",
    }
}

/// A mempool that was full once, so that its minimum is above that for relay.
fn crowded(chain: &mut Chain) -> Mempool {
    let mut probe = pool();
    let payment = pay(chain.fund(), COIN, 1_000);
    admit(&mut probe, chain, &payment);
    let policy = Policy {
        max_bytes: probe.summary(NOW).bytes * 30,
        ..Policy::default()
    };
    let mut pool = pool_with(policy);
    for _ in 0..31 {
        let coin = chain.fund();
        let _maybe_full = accept(&mut pool, chain, &pay(coin, COIN, 1_000));
    }
    assert!(pool.mempool_min_fee(NOW) > pool.policy().min_relay_fee);
    pool
}

#[test]
fn m07_a_child_pays_for_a_parent_below_the_minimum() {
    let mut chain = Chain::new();
    let mut pool = crowded(&mut chain);
    let parent = pay(chain.fund(), COIN, 200);
    let child = pay(parent.outpoint(0), COIN - 200, 20_000);
    assert_eq!(
        refuse(&mut pool, &chain, &parent),
        "mempool min fee not met"
    );
    let result = submit(&mut pool, &chain, &[parent.clone(), child.clone()]);
    assert_eq!(result.error, None);
    for member in &result.members {
        let MemberResult::Accepted {
            effective_includes,
            effective_fee_rate,
            ..
        } = member
        else {
            panic!("{member:?}");
        };
        assert_eq!(effective_includes, &[parent.wtxid(), child.wtxid()]);
        let vsize = parent.weight().vsize() + child.weight().vsize();
        assert_eq!(
            *effective_fee_rate,
            synod_mempool::FeeRate::of(20_200, vsize)
        );
    }
    assert!(pool.find(&parent.txid()).is_some());
}

#[test]
fn m07_no_child_pays_for_a_parent_below_the_rate_for_relay() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let parent = pay(chain.fund(), COIN, 0);
    let child = pay(parent.outpoint(0), COIN, 20_000);
    let result = submit(&mut pool, &chain, &[parent, child]);
    assert_eq!(code(&result), "transaction failed");
    assert_eq!(member_code(&result, 0), "min relay fee not met");
    assert_eq!(member_code(&result, 1), "bad-txns-inputs-missingorspent");
    assert!(pool.is_empty());
}

#[test]
fn m01_a_version_3_parent_may_pay_nothing() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let parent = Draft::new(&[chain.fund()], &[COIN]).version(3).build();
    let child = Draft::new(&[parent.outpoint(0)], &[COIN - 5_000])
        .version(3)
        .build();
    assert_eq!(refuse(&mut pool, &chain, &parent), "min relay fee not met");
    let result = submit(&mut pool, &chain, &[parent, child]);
    assert_eq!(result.error, None);
    assert_eq!(pool.len(), 2);
}

#[test]
fn m07_too_poor_a_package_leaves_nothing_behind() {
    let mut chain = Chain::new();
    let mut pool = crowded(&mut chain);
    let before = txids(&pool);
    let parent = pay(chain.fund(), COIN, 200);
    let child = pay(parent.outpoint(0), COIN - 200, 200);
    let result = submit(&mut pool, &chain, &[parent, child]);
    assert_eq!(code(&result), "transaction failed");
    assert_eq!(member_code(&result, 1), "mempool min fee not met");
    assert_eq!(txids(&pool), before);
}

#[test]
fn members_that_are_valid_alone_stay() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let parent = pay(chain.fund(), COIN, 1_000);
    let child = Draft::new(&[parent.outpoint(0)], &[COIN, 5]).build();
    let result = submit(&mut pool, &chain, &[parent.clone(), child]);
    assert_eq!(code(&result), "transaction failed");
    assert!(matches!(result.members[0], MemberResult::Accepted { .. }));
    assert_eq!(member_code(&result, 1), "dust");
    assert_eq!(txids(&pool), vec![parent.txid()]);
    let child = pay(parent.outpoint(0), COIN - 1_000, 1_000);
    let again = submit(&mut pool, &chain, &[parent, child]);
    assert_eq!(again.error, None);
    assert!(matches!(again.members[0], MemberResult::AlreadyHere { .. }));
}

#[test]
fn m07_the_shape_of_a_package_is_checked_first() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let coins: Vec<OutPoint> = (0..26).map(|_| chain.fund()).collect();
    let parents: Vec<Transaction> = coins.iter().map(|coin| pay(*coin, COIN, 1_000)).collect();
    let child_of = |parents: &[Transaction]| {
        let outpoints: Vec<OutPoint> = parents.iter().map(|tx| tx.outpoint(0)).collect();
        Draft::new(&outpoints, &[1_000_000]).build()
    };
    let package = |count: usize| {
        let mut package = parents[..count].to_vec();
        package.push(child_of(&parents[..count]));
        package
    };
    let mut of = |package: &[Transaction]| code(&submit(&mut pool, &chain, package));
    assert_eq!(
        of(&package(MAX_PACKAGE_COUNT)),
        "package-too-many-transactions"
    );
    let child = child_of(&parents[..1]);
    assert_eq!(
        of(&[child.clone(), parents[0].clone()]),
        "package-not-sorted"
    );
    let twice = [parents[0].clone(), parents[0].clone()];
    assert_eq!(of(&twice), "package-contains-duplicates");
    let unrelated = [parents[0].clone(), parents[1].clone(), child.clone()];
    assert_eq!(of(&unrelated), "package-not-child-with-parents");
    assert_eq!(of(&parents[..1]), "package-not-child-with-parents");
    assert_eq!(of(&[]), "package-not-child-with-parents");
    let conflict = [parents[0].clone(), pay(coins[0], COIN, 2_000)];
    assert_eq!(of(&conflict), "conflict-in-package");
    let needs_more = [parents[0].clone(), child_of(&parents[..2])];
    assert_eq!(
        of(&needs_more),
        "package-not-child-with-unconfirmed-parents"
    );
    assert_eq!(
        of(&package(MAX_PACKAGE_COUNT - 1)),
        "",
        "24 parents and their child"
    );
}

#[test]
fn m07_a_package_weighs_404_000_at_most() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let coin = chain.fund_with(100 * COIN, anyone().as_bytes(), false, chain.height());
    let sized = |from, value, outputs| fan(from, value, outputs, 100_000);
    // An output of 43 bytes weighs 172.
    let parent = sized(coin, 100 * COIN, 1_500);
    let value = parent.outputs()[0].value.sat();
    let weight = |child: &Transaction| (parent.weight().0 + child.weight().0) as usize;
    let fits = (800..860)
        .map(|outputs| sized(parent.outpoint(0), value, outputs))
        .take_while(|child| weight(child) <= 404_000)
        .last()
        .expect("one fits");
    let exceeds = sized(parent.outpoint(0), value, fits.outputs().len() + 1);
    assert!(weight(&exceeds) > 404_000);
    let mut of = |child: Transaction| code(&submit(&mut pool, &chain, &[parent.clone(), child]));
    assert_eq!(of(exceeds), "package-too-large");
    assert_eq!(of(fits), "");
}

#[test]
fn a_package_replaces_one_that_pays_less() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let (coin, other) = (chain.fund(), chain.fund());
    let old = pay(coin, COIN, 2_000);
    admit(&mut pool, &chain, &old);
    // Alone the parent pays too little to replace.
    let parent = pay(coin, COIN, 1_000);
    let with_child = |fee: i64| {
        let inputs = [parent.outpoint(0), other];
        vec![
            parent.clone(),
            Draft::new(&inputs, &[2 * COIN - 1_000 - fee]).build(),
        ]
    };
    let result = submit(&mut pool, &chain, &with_child(1_100));
    assert_eq!(
        code(&result),
        "package RBF failed: insufficient anti-DoS fees"
    );
    // It pays for its relay, but a small block would earn less.
    let result = submit(&mut pool, &chain, &with_child(1_500));
    let expected = "package RBF failed: insufficient feerate: does not improve feerate diagram";
    assert_eq!(code(&result), expected);
    assert_eq!(txids(&pool), vec![old.txid()]);
    let result = submit(&mut pool, &chain, &with_child(20_000));
    assert_eq!(result.error, None, "{result:?}");
    assert!(pool.find(&old.txid()).is_none());
    assert_eq!(pool.len(), 2);
    assert_eq!(removals(&mut pool), vec![(old.txid(), "replaced")]);
}

#[test]
fn a_package_with_ancestors_here_replaces_nothing() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let (coin, other) = (chain.fund(), chain.fund());
    let ancestor = pay(other, COIN, 1_000);
    admit(&mut pool, &chain, &ancestor);
    let old = Draft::new(&[ancestor.outpoint(0), coin], &[2 * COIN - 5_000]).build();
    admit(&mut pool, &chain, &old);
    let parent = Draft::new(&[ancestor.outpoint(0)], &[COIN - 1_300]).build();
    let child = pay(parent.outpoint(0), COIN - 1_300, 50_000);
    let result = submit(&mut pool, &chain, &[parent, child]);
    let expected = "package RBF failed: new transaction cannot have mempool ancestors";
    assert_eq!(code(&result), expected);
}

#[test]
fn a_package_is_tested_without_a_trace() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let coin = chain.fund();
    let parent = pay(coin, COIN, 1_000);
    let child = pay(parent.outpoint(0), COIN - 1_000, 1_000);
    let package = [parent.clone(), child];
    let test = |pool: &Mempool, package: &[Transaction]| {
        pool.test_package(package, &chain.context(), Options::default())
    };
    let result = test(&pool, &package);
    assert_eq!(result.error, None);
    assert!(
        result
            .members
            .iter()
            .all(|m| matches!(m, MemberResult::Accepted { .. }))
    );
    assert!(pool.is_empty());
    let old = pay(coin, COIN, 200);
    admit(&mut pool, &chain, &old);
    let result = test(&pool, &package);
    assert_eq!(member_code(&result, 0), "bip125-replacement-disallowed");
    assert_eq!(member_code(&result, 1), "unfinished");
    let MemberResult::Rejected(rejected) = &result.members[0] else {
        panic!("refused")
    };
    assert_eq!(
        *rejected,
        Rejected::ReplacementDisallowed { with: old.txid() }
    );
}

#[test]
fn version_3_families_of_a_package_are_pairs() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let (first, second) = (chain.fund(), chain.fund());
    let free = |coin| Draft::new(&[coin], &[COIN]).version(3).build();
    let parents = [free(first), free(second)];
    let inputs = [parents[0].outpoint(0), parents[1].outpoint(0)];
    let child = Draft::new(&inputs, &[COIN]).version(3).build();
    let [one, two] = parents;
    let result = submit(&mut pool, &chain, &[one.clone(), two, child]);
    assert_eq!(code(&result), "TRUC-violation");
    let mixed = Draft::new(&[one.outpoint(0)], &[COIN - 5_000])
        .version(2)
        .build();
    let result = submit(&mut pool, &chain, &[one, mixed]);
    assert_eq!(code(&result), "TRUC-violation");
    assert!(pool.is_empty());
}

#[test]
fn a_package_counts_beside_the_ancestors_of_its_parents() {
    let mut chain = Chain::new();
    let mut pool = crowded(&mut chain);
    let mut last = pay(chain.fund(), COIN, 20_000);
    admit(&mut pool, &chain, &last);
    for _ in 1..23 {
        last = pay(last.outpoint(0), last.outputs()[0].value.sat(), 20_000);
        admit(&mut pool, &chain, &last);
    }
    let below = |from: &Transaction, fee| pay(from.outpoint(0), from.outputs()[0].value.sat(), fee);
    let parent = below(&last, 200);
    let fits = [parent.clone(), below(&parent, 20_000)];
    assert_eq!(
        pool.test_package(&fits, &chain.context(), Options::default())
            .error,
        {
            // A test does without the package's fees.
            Some(synod_mempool::PackageError::TransactionFailed)
        }
    );
    let mut longer = pool.clone();
    assert_eq!(
        submit(&mut pool, &chain, &fits).error,
        None,
        "23 and 2 are 25"
    );
    admit(&mut longer, &chain, &below(&last, 20_000));
    let last = below(&last, 20_000);
    let parent = below(&last, 200);
    let exceeds = [parent.clone(), below(&parent, 20_000)];
    let result = submit(&mut longer, &chain, &exceeds);
    assert_eq!(code(&result), "package-mempool-limits");
}

#[test]
fn a_member_that_is_left_alone_replaces_only_what_it_pays_for() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let (coin, other) = (chain.fund(), chain.fund());
    let old = pay(other, COIN, 5_000);
    admit(&mut pool, &chain, &old);
    let parent = pay(coin, COIN, 1_000);
    let child = |fee: i64| {
        let inputs = [parent.outpoint(0), other];
        Draft::new(&inputs, &[2 * COIN - 1_000 - fee]).build()
    };
    let result = submit(&mut pool, &chain, &[parent.clone(), child(1_000)]);
    assert_eq!(code(&result), "transaction failed");
    assert_eq!(member_code(&result, 1), "insufficient fee");
    assert_eq!(txids(&pool), vec![old.txid(), parent.txid()]);
    // Its parent is unconfirmed and was no parent of what it replaces.
    let result = submit(&mut pool, &chain, &[parent.clone(), child(50_000)]);
    assert_eq!(member_code(&result, 1), "replacement-adds-unconfirmed");
    assert_eq!(txids(&pool), vec![old.txid(), parent.txid()]);
}
