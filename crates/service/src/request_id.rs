//! One id for each request, in its log lines, its answer's header and its problem document.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderMap, HeaderValue};

/// The header that carries the id in both directions.
pub(crate) const HEADER: &str = "x-request-id";
/// The longest id that is taken over from a client.
const MAX_LENGTH: usize = 64;

/// The id of a request, in its extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// Takes over the client's id where it is harmless text, or makes one.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let sent = headers.get(HEADER).and_then(|it| it.to_str().ok());
        match sent.filter(|it| is_harmless(it)) {
            Some(text) => Self(text.to_owned()),
            None => Self(next()),
        }
    }

    /// Returns the id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn to_header(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.0).ok()
    }
}

/// Security: an id goes into logs and headers, so it cannot hold line breaks or escapes.
fn is_harmless(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_LENGTH
        && text
            .bytes()
            .all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_' | b'.'))
}

/// Counts from a random number of this start, so that ids of two starts differ.
fn next() -> String {
    static START: OnceLock<u32> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let start = START.get_or_init(|| {
        let mut bytes = [0; 4];
        // Without randomness ids of two starts may be equal, which harms nothing but the log.
        let _ = getrandom::fill(&mut bytes);
        u32::from_le_bytes(bytes)
    });
    format!("{start:08x}-{:x}", COUNT.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_ids_are_taken_over() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, HeaderValue::from_str(text).expect("a header"));
            RequestId::of(&headers).0
        };
        assert_eq!(of("trace-1_a.b"), "trace-1_a.b");
        let longest = "a".repeat(MAX_LENGTH);
        assert_eq!(of(&longest), longest);
        for bad in ["", "a b", "<x>", &"a".repeat(MAX_LENGTH + 1)] {
            assert_ne!(of(bad), bad);
        }
    }
}
