//! Addresses of peers.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use synod_api::p2p::MAX_URL;

use crate::client_error::ClientError;

/// How long a name may take to be looked up.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

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
    /// Announced by another peer where the operator allows private networks: public and
    /// private addresses, never loopback or link-local ones.
    AnnouncedPrivately,
}

impl UrlPolicy {
    /// Every policy.
    pub const ALL: [Self; 4] = [
        Self::Operator,
        Self::AnnouncedFromLoopback,
        Self::Announced,
        Self::AnnouncedPrivately,
    ];
}

/// The lowest port that a peer may announce: below lie mail, shells and directories, which a
/// stranger must not make this node speak to (Core: `IsBadPort`).
pub(crate) const MIN_ANNOUNCED_PORT: u16 = 1024;

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
            if port < MIN_ANNOUNCED_PORT {
                return Err(PeerUrlError::Host);
            }
        }
        let url = format!("http://{host}:{port}");
        // Names in other scripts become longer when they are written in ASCII.
        if url.len() > MAX_URL {
            return Err(PeerUrlError::Form);
        }
        Ok(Self(url))
    }

    /// Returns the address where the host is one, not a name.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        let bare = self.host().trim_start_matches('[').trim_end_matches(']');
        bare.parse::<IpAddr>().ok().map(|it| it.to_canonical())
    }

    fn host(&self) -> &str {
        let rest = self.0.trim_start_matches("http://");
        rest.rsplit_once(':').map_or(rest, |(host, _)| host)
    }

    fn port(&self) -> u16 {
        let port = self
            .0
            .rsplit_once(':')
            .and_then(|(_, port)| port.parse().ok());
        port.unwrap_or_default()
    }

    /// Looks up a host that is a name; `None` where it is an address.
    ///
    /// # Errors
    /// The name cannot be resolved.
    pub(crate) async fn resolve(&self) -> Result<Option<(String, SocketAddr)>, ClientError> {
        if self.address().is_some() {
            return Ok(None);
        }
        let failed = |why: String| ClientError::Unreachable(why);
        let lookup = tokio::net::lookup_host((self.host(), self.port()));
        let mut found = tokio::time::timeout(LOOKUP_TIMEOUT, lookup)
            .await
            .map_err(|_| failed("its name takes too long to look up".to_owned()))?
            .map_err(|error| failed(error.to_string()))?;
        let address = found
            .next()
            .ok_or_else(|| failed("its name leads nowhere".to_owned()))?;
        Ok(Some((self.host().to_owned(), address)))
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
        UrlPolicy::AnnouncedPrivately => is_public(address) || is_private(address),
    };
    if allowed {
        Ok(())
    } else {
        Err(PeerUrlError::Host)
    }
}

/// Private ranges of IPv4 (RFC 1918) and unique local ones of IPv6 (RFC 4193).
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private(),
        IpAddr::V6(v6) => v6.segments()[0] & 0xfe00 == 0xfc00,
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
            "http://8.8.8.8:22",
            "http://8.8.8.8:25",
            "http://8.8.8.8:1023",
        ] {
            let refused = PeerUrl::parse(text, UrlPolicy::Announced);
            assert_eq!(refused, Err(PeerUrlError::Host), "{text}");
        }
        assert!(PeerUrl::parse("http://8.8.8.8:9330", UrlPolicy::Announced).is_ok());
        assert!(PeerUrl::parse("http://8.8.8.8:1024", UrlPolicy::Announced).is_ok());
    }

    #[test]
    fn p17_private_networks_are_asked_only_where_the_operator_allows_it() {
        let parse = |text| PeerUrl::parse(text, UrlPolicy::AnnouncedPrivately);
        assert!(parse("http://10.0.0.1:9330").is_ok());
        assert!(parse("http://[fd00::1]:9330").is_ok());
        assert!(parse("http://8.8.8.8:9330").is_ok());
        for text in [
            "http://127.0.0.1:9330",
            "http://169.254.169.254:9330",
            "http://[fe80::1]:9330",
            "http://name.example:9330",
        ] {
            assert_eq!(parse(text), Err(PeerUrlError::Host), "{text}");
        }
    }

    #[test]
    fn a_host_that_is_an_address_is_known_without_a_lookup() {
        let address = |text| {
            let url = PeerUrl::parse(text, UrlPolicy::Operator).expect("a URL");
            url.address().map(|it| it.to_string())
        };
        assert_eq!(address("http://8.8.8.8:9330").as_deref(), Some("8.8.8.8"));
        assert_eq!(
            address("http://[2001:db8::1]:9330").as_deref(),
            Some("2001:db8::1")
        );
        assert_eq!(
            address("http://[::ffff:1.2.3.4]:9330").as_deref(),
            Some("1.2.3.4")
        );
        assert_eq!(address("http://node:9330"), None);
    }

    #[test]
    fn peers_on_loopback_announce_loopback_only() {
        let parse = |text| PeerUrl::parse(text, UrlPolicy::AnnouncedFromLoopback);
        assert!(parse("http://127.0.0.1:9340").is_ok());
        assert_eq!(parse("http://10.0.0.1:9340"), Err(PeerUrlError::Host));
        assert_eq!(parse("http://8.8.8.8:9340"), Err(PeerUrlError::Host));
    }
}
