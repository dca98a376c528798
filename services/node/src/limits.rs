//! How much the node does at once, by what it costs.

use serde::{Deserialize, Serialize};
use synod_service::{Limits, Rate, RouteClass};

/// Limits that an operator may set; the table `limits` of the settings.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RouteLimits {
    /// Reads that cost little, handled at once.
    pub reads: u32,
    /// Reads that may take megabytes (blocks, the mempool's entries), handled at once.
    pub heavy_reads: u32,
    /// Blocks, transactions and found work, handled at once.
    pub submits: u32,
    /// Requests of peers, handled at once.
    pub peers: u32,
    /// Requests of the operator and of tests, handled at once.
    pub operator: u32,
    /// Event streams and long polls, open at once.
    pub streams: u32,
    /// Connections, open at once.
    pub connections: u32,
    /// Requests of one address a second in the long run; 0 for any number.
    pub requests_per_s: u32,
    /// Requests of one address at once where those a second are limited.
    pub request_burst: u32,
}

impl Default for RouteLimits {
    fn default() -> Self {
        Self {
            reads: 256,
            heavy_reads: 64,
            submits: 256,
            peers: 256,
            operator: 64,
            streams: 512,
            connections: 1_024,
            requests_per_s: 0,
            request_burst: 200,
        }
    }
}

impl RouteLimits {
    /// Returns the limits of a listener.
    #[must_use]
    pub fn of_listener(&self) -> Limits {
        let rate = Rate {
            per_second: self.requests_per_s,
            burst: self.request_burst,
        };
        Limits {
            max_connections: wide(self.connections),
            max_streams: wide(self.streams),
            max_requests: wide(self.reads),
            rate: (self.requests_per_s > 0).then_some(rate),
            ..Limits::default()
        }
    }

    pub(crate) fn reads(&self) -> RouteClass {
        class("reads", self.reads)
    }

    pub(crate) fn heavy_reads(&self) -> RouteClass {
        class("heavy-reads", self.heavy_reads)
    }

    pub(crate) fn submits(&self) -> RouteClass {
        class("submits", self.submits)
    }

    pub(crate) fn peers(&self) -> RouteClass {
        class("peers", self.peers)
    }

    pub(crate) fn operator(&self) -> RouteClass {
        class("operator", self.operator)
    }
}

fn class(name: &'static str, limit: u32) -> RouteClass {
    RouteClass {
        name,
        max_requests: wide(limit),
    }
}

fn wide(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}
