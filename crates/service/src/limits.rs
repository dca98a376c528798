//! The limits of a listener, in one place.

use std::time::Duration;

use crate::Rate;

/// Limits of one listener and the routes behind it.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at once; further ones wait in the kernel's queue.
    pub max_connections: usize,
    /// Connections of one address at once (of IPv6, of one /64); further ones are closed.
    pub max_connections_per_address: usize,
    /// Whether loopback counts as an address, where proxies and the machine's own services come
    /// from.
    pub counts_loopback: bool,
    /// The time for a request's header, also between two requests of a connection.
    pub header_timeout: Duration,
    /// The most bytes of a request's header.
    pub max_header_bytes: usize,
    /// The time for a whole request body.
    pub body_timeout: Duration,
    /// The most bytes of a request body where the route says nothing else.
    pub max_body_bytes: usize,
    /// The time that a client may take none of the bytes sent to it.
    pub write_timeout: Duration,
    /// Requests handled at once; further ones are refused with 503.
    pub max_requests: usize,
    /// How often one address may ask; past it requests are refused with 429. `None` for as often
    /// as it likes.
    pub rate: Option<Rate>,
    /// The time to handle a request.
    pub request_timeout: Duration,
    /// Event streams and long polls at once; further ones are refused with 503.
    pub max_streams: usize,
    /// Streams and long polls of one address at once; further ones are refused with 429.
    pub max_streams_per_address: usize,
    /// The time that open requests have to end after a stop was asked for.
    pub grace: Duration,
}

/// Routes that cost about the same and have a limit of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteClass {
    /// Names it in refusals.
    pub name: &'static str,
    /// Requests handled at once; further ones are refused with 503.
    pub max_requests: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 1024,
            max_connections_per_address: 256,
            counts_loopback: false,
            header_timeout: Duration::from_secs(5),
            max_header_bytes: 32 * 1024,
            body_timeout: Duration::from_secs(30),
            max_body_bytes: 1024 * 1024,
            write_timeout: Duration::from_secs(30),
            max_requests: 256,
            rate: None,
            request_timeout: Duration::from_secs(60),
            max_streams: 512,
            max_streams_per_address: 64,
            grace: Duration::from_secs(10),
        }
    }
}
