use super::*;
use crate::UrlPolicy;

fn url(a: u8, b: u8, c: u8, d: u8) -> PeerUrl {
    let text = format!("http://{a}.{b}.{c}.{d}:9330");
    PeerUrl::parse(&text, UrlPolicy::Operator).expect("a URL")
}

fn ip(a: u8, b: u8) -> IpAddr {
    [a, b, 0, 1].into()
}

/// Adds an address as one that this node asked for.
fn tell(book: &mut AddressBook, url: &PeerUrl, source: IpAddr) -> bool {
    book.allow(source, 0);
    book.add(url, Some(source), 1000, 0)
}

#[test]
fn p08_ten_thousand_addresses_of_one_network_fill_one_bucket() {
    let mut book = AddressBook::new((1, 2));
    for n in 0..10_000_u32 {
        let [.., c, d] = n.to_be_bytes();
        tell(&mut book, &url(66, 6, c, d), ip(66, 6));
    }
    // One group told by one group is one bucket.
    assert_eq!(book.len(), 64);
    // Told by a thousand sources of as many networks it is at most a thousand buckets, but
    // each source alone reaches few of them.
    let mut book = AddressBook::new((1, 2));
    for n in 0..20_000_u32 {
        let [_, b, c, d] = n.to_be_bytes();
        tell(&mut book, &url(c, d, b, 1), ip(66, 6));
    }
    let most = (NEW_BUCKETS_PER_SOURCE * BUCKET_SIZE) as usize;
    assert!(book.len() <= most, "{}", book.len());
}

#[test]
fn p08_honest_addresses_survive_the_flood_and_a_restart() {
    let mut book = AddressBook::new((1, 2));
    let honest: Vec<PeerUrl> = (1..=20).map(|n| url(20 + n, n, 1, 1)).collect();
    for (n, url) in (1_u8..).zip(&honest) {
        assert!(tell(&mut book, url, ip(20 + n, n)));
        book.succeeded(url, 2000);
    }
    for n in 0..10_000_u32 {
        let [.., c, d] = n.to_be_bytes();
        let evil = url(66, 6, c, d);
        tell(&mut book, &evil, ip(66, 6));
        book.succeeded(&evil, 3000);
    }
    // Eight buckets of tried ones and one of new ones at most.
    assert!(book.len() <= 20 + 9 * 64, "{}", book.len());
    book.set_anchors(vec![
        honest[0].clone(),
        honest[1].clone(),
        honest[2].clone(),
    ]);
    let mut book = AddressBook::restore(&book.save()).expect("the same version");
    let told = book.to_tell(MAX_TOLD);
    assert!(honest.iter().all(|it| told.contains(it)));
    // After the start two anchors are asked first, then one of each network.
    let mut groups = BTreeSet::new();
    let mut chosen = Vec::new();
    for random in 0..8 {
        let url = book
            .choose(&groups, false, 4000, random * 2)
            .expect("an address");
        groups.insert(NetGroup::of(url.address().expect("an address")));
        chosen.push(url);
    }
    assert_eq!(chosen[..2], [honest[1].clone(), honest[0].clone()]);
    let evil = |it: &&PeerUrl| it.as_str().starts_with("http://66.6.");
    assert!(chosen.iter().filter(evil).count() <= 1);
}

#[test]
fn p08_a_source_earns_one_address_each_ten_seconds() {
    let mut book = AddressBook::new((1, 2));
    let mut told = 0;
    for n in 0..200 {
        told += u64::from(book.add(&url(1 + n, 1, 1, 1), Some(ip(66, 6)), 0, 0));
    }
    assert_eq!(told, SOURCE_BURST);
    assert!(!book.add(&url(210, 1, 1, 1), Some(ip(66, 6)), 0, SOURCE_EARNS_MS - 1));
    assert!(book.add(&url(210, 1, 1, 1), Some(ip(66, 6)), 0, SOURCE_EARNS_MS));
    assert!(!book.add(&url(211, 1, 1, 1), Some(ip(66, 6)), 0, SOURCE_EARNS_MS));
    assert!(book.add(&url(211, 1, 1, 1), Some(ip(77, 7)), 0, SOURCE_EARNS_MS));
    for n in 0..5000_u32 {
        let [.., c, d] = n.to_be_bytes();
        book.add(&url(211, 1, 1, 1), Some([c, d, 0, 1].into()), 0, 0);
    }
    assert!(book.rates.len() <= MAX_SOURCES);
}

#[test]
fn p09_numbers_are_64_bits_wide_and_never_reused() {
    let mut book = AddressBook::new((1, 2));
    book.next_id = u64::from(u32::MAX);
    for n in 1..=3 {
        let url = url(1, 1, 1, n);
        assert!(tell(&mut book, &url, ip(1, 1)) || book.len() < usize::from(n));
        book.forget(&url);
    }
    assert_eq!(book.next_id, u64::from(u32::MAX) + 3);
    assert!(book.is_empty() && book.new.is_empty() && book.by_url.is_empty());
}

#[test]
fn an_address_that_fails_makes_way_and_is_not_asked() {
    let mut book = AddressBook::new((1, 2));
    let first = url(1, 1, 1, 1);
    assert!(tell(&mut book, &first, ip(1, 1)));
    assert!(!tell(&mut book, &first, ip(1, 1)), "it is there");
    let none = BTreeSet::new();
    assert_eq!(book.choose(&none, false, 10, 0), Some(first.clone()));
    assert_eq!(
        book.choose(&none, false, 11, 0),
        None,
        "it was asked just now"
    );
    assert_eq!(
        book.choose(&none, false, 10 + RETRY_AFTER_S, 0),
        Some(first.clone())
    );
    for _ in 0..MAX_FAILURES {
        book.failed(&first);
    }
    assert_eq!(book.choose(&none, false, 1000, 0), None);
    let place = book.new_place(&first, NetGroup::of(ip(1, 1)), NetGroup::of(ip(1, 1)));
    let rival = (0..u16::MAX)
        .map(|n| url(1, 1, n.to_be_bytes()[0], n.to_be_bytes()[1]))
        .find(|it| {
            let group = NetGroup::of(ip(1, 1));
            *it != first && book.new_place(it, group, group) == place
        })
        .expect("one of 64 places");
    assert!(tell(&mut book, &rival, ip(1, 1)));
    assert_eq!(book.len(), 1);
}

#[test]
fn a_book_of_another_version_or_with_junk_does_not_stop_a_node() {
    let mut saved = AddressBook::new((1, 2)).save();
    saved.addresses.push(SavedAddress {
        url: "gopher://x".to_owned(),
        source: [0; 5],
        added: 0,
        last_success: None,
        failures: 0,
        is_tried: true,
    });
    let book = AddressBook::restore(&saved).expect("this version");
    assert!(book.is_empty());
    saved.version = 2;
    assert!(AddressBook::restore(&saved).is_none());
}
