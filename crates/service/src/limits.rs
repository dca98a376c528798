//! The limits of a listener, in one place.

use std::time::Duration;

/// Limits of one listener and the routes behind it.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at once; further ones wait in the kernel's queue.
    pub max_connections: usize,
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
    /// The time to handle a request.
    pub request_timeout: Duration,
    /// Event streams and long polls at once; further ones are refused with 503.
    pub max_streams: usize,
    /// The time that open requests have to end after a stop was asked for.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 1024,
            header_timeout: Duration::from_secs(5),
            max_header_bytes: 32 * 1024,
            body_timeout: Duration::from_secs(30),
            max_body_bytes: 1024 * 1024,
            write_timeout: Duration::from_secs(30),
            max_requests: 256,
            request_timeout: Duration::from_secs(60),
            max_streams: 512,
            grace: Duration::from_secs(10),
        }
    }
}
