//! What people write: addresses, chain specs, peers.

use synod_chainspec::ChainSpec;
use synod_gossip::{PeerUrl, UrlPolicy};
use synod_script::{Address, Network};

/// An address is written in one form, and leads to a script that leads back.
pub(crate) fn address(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    for network in Network::ALL {
        let Ok(address) = Address::parse(text, network) else {
            continue;
        };
        let written = address.format(network);
        assert!(written.eq_ignore_ascii_case(text));
        assert_eq!(Address::parse(&written, network).as_ref(), Ok(&address));
        let script = address.script_pubkey();
        assert_eq!(Address::from_script(script.as_bytes()), Some(address));
    }
}

/// A chain spec is the same after it was written and read, and has the same id.
pub(crate) fn chain_spec(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(spec) = ChainSpec::parse(text) {
        let again = ChainSpec::parse(&spec.format()).expect("what was written can be read");
        assert_eq!(again.chain_id().0, spec.chain_id().0);
        assert_eq!(again, spec);
    }
    let mut regtest = ChainSpec::preset("regtest").expect("a preset");
    let _ = regtest.override_activation(text);
}

/// A peer's URL is read again as it is written.
pub(crate) fn peer_url(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    for policy in UrlPolicy::ALL {
        if let Ok(url) = PeerUrl::parse(text, policy) {
            assert_eq!(PeerUrl::parse(url.as_str(), policy).as_ref(), Ok(&url));
        }
    }
}
