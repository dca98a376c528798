//! Addresses of peers.

use std::fmt;
use std::net::IpAddr;

use synod_api::p2p::MAX_URL;

/// Which addresses a node speaks to.
///
/// Security: a peer can announce any URL. Without this check a node would send requests to
/// services that only it can reach (server-side request forgery, P17 of the attack list).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UrlPolicy {
    /// Given by the operator: any host.
    Operator,
    /// Announced by a peer that itself is on loopback: loopback only.
    AnnouncedFromLoopback,
    /// Announced by another peer: addresses of the public network only.
    Announced,
}

impl UrlPolicy {
    /// Every policy.
    pub const ALL: [Self; 3] = [Self::Operator, Self::AnnouncedFromLoopback, Self::Announced];
}

/// A peer's base URL: `http`, a host, a port, and nothing else.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PeerUrl(String);

/// Text that is no peer's URL, or of a host that may not be asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PeerUrlError {
    /// Not of the form `http://HOST:PORT`.
    #[error("a peer is written http://HOST:PORT")]
    Form,
    /// The host is private, local or no address.
    #[error("a peer announced an address that may not be asked")]
    Host,
}

impl PeerUrl {
    /// Reads a base URL and checks its host.
    ///
    /// # Errors
    /// Another scheme, user data, a path, a query, no port, or a host that the policy refuses.
    pub fn parse(text: &str, policy: UrlPolicy) -> Result<Self, PeerUrlError> {
        if text.len() > MAX_URL {
            return Err(PeerUrlError::Form);
        }
        let url = reqwest::Url::parse(text).map_err(|_| PeerUrlError::Form)?;
        let is_bare = url.username().is_empty()
            && url.password().is_none()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none();
        let port = url.port_or_known_default().ok_or(PeerUrlError::Form)?;
        let host = url.host_str().ok_or(PeerUrlError::Form)?;
        if url.scheme() != "http" || !is_bare || port == 0 {
            return Err(PeerUrlError::Form);
        }
        if policy != UrlPolicy::Operator {
            check_host(host, policy)?;
        }
        let url = format!("http://{host}:{port}");
        // Names in other scripts become longer when they are written in ASCII.
        if url.len() > MAX_URL {
            return Err(PeerUrlError::Form);
        }
        Ok(Self(url))
    }

    /// Borrows the text, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PeerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Security: names are refused, since what they resolve to can change after the check.
fn check_host(host: &str, policy: UrlPolicy) -> Result<(), PeerUrlError> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address: IpAddr = bare.parse().map_err(|_| PeerUrlError::Host)?;
    let address = address.to_canonical();
    let allowed = match policy {
        UrlPolicy::Operator => true,
        UrlPolicy::AnnouncedFromLoopback => address.is_loopback(),
        UrlPolicy::Announced => is_public(address),
    };
    if allowed {
        Ok(())
    } else {
        Err(PeerUrlError::Host)
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            let is_shared = a == 100 && (64..128).contains(&b);
            let is_benchmark = a == 198 && (b == 18 || b == 19);
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_broadcast()
                || v4.is_documentation()
                || v4.is_multicast()
                || is_shared
                || is_benchmark
                || a == 0
                || a >= 240)
        }
        // Of the sixth version only the global unicast range is public.
        IpAddr::V6(v6) => v6.segments()[0] & 0xe000 == 0x2000 && v6.segments()[0] != 0x2002,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_kept_without_its_slash() {
        let url = PeerUrl::parse("http://127.0.0.1:9330/", UrlPolicy::Operator);
        assert_eq!(
            url.map(|it| it.to_string()).as_deref(),
            Ok("http://127.0.0.1:9330")
        );
        assert!(PeerUrl::parse("http://node-2:9330", UrlPolicy::Operator).is_ok());
    }

    #[test]
    fn a_name_that_grows_past_the_limit_in_ascii_is_refused() {
        let name = "\u{449}.".repeat((MAX_URL - 20) / 3);
        let text = format!("http://{name}a:80");
        assert!(text.len() <= MAX_URL);
        let refused = PeerUrl::parse(&text, UrlPolicy::Operator);
        assert_eq!(refused, Err(PeerUrlError::Form));
    }

    #[test]
    fn p17_other_schemes_and_parts_are_refused() {
        for text in [
            "file:///etc/passwd",
            "gopher://127.0.0.1:70",
            "https://127.0.0.1:1",
            "http://user@127.0.0.1:1",
            "http://127.0.0.1:1/admin",
            "http://127.0.0.1:1/?q",
            "http://127.0.0.1:0",
            "127.0.0.1:9330",
            "",
        ] {
            assert_eq!(
                PeerUrl::parse(text, UrlPolicy::Operator),
                Err(PeerUrlError::Form),
                "{text}"
            );
        }
    }

    #[test]
    fn p17_announced_urls_lead_to_public_addresses_only() {
        for text in [
            "http://169.254.169.254:80",
            "http://127.0.0.1:9333",
            "http://[::1]:9333",
            "http://0.0.0.0:1",
            "http://2130706433:1",
            "http://0177.0.0.1:1",
            "http://10.0.0.1:1",
            "http://192.168.1.1:1",
            "http://100.64.0.1:1",
            "http://[::ffff:127.0.0.1]:1",
            "http://[fe80::1]:1",
            "http://[fd00::1]:1",
            "http://rebind.example:1",
        ] {
            let refused = PeerUrl::parse(text, UrlPolicy::Announced);
            assert_eq!(refused, Err(PeerUrlError::Host), "{text}");
        }
        assert!(PeerUrl::parse("http://8.8.8.8:9330", UrlPolicy::Announced).is_ok());
    }

    #[test]
    fn peers_on_loopback_announce_loopback_only() {
        let parse = |text| PeerUrl::parse(text, UrlPolicy::AnnouncedFromLoopback);
        assert!(parse("http://127.0.0.1:9340").is_ok());
        assert_eq!(parse("http://10.0.0.1:9340"), Err(PeerUrlError::Host));
        assert_eq!(parse("http://8.8.8.8:9340"), Err(PeerUrlError::Host));
    }
}
