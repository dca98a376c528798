//! Requests that two readers could understand in two ways, and other protocols.

mod support;

use axum::Router;
use axum::routing::{get, post};
use support::{PATIENCE, Server, start};
use synod_service::{App, Limits, RawOrHex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use utoipa::openapi::OpenApi;

async fn server() -> Server {
    let read = |RawOrHex(body): RawOrHex| async move { format!("read {}", body.len()) };
    let routes = Router::new()
        .route("/ok", get(|| async { "ok" }))
        .route("/read", post(read));
    let limits = Limits::default();
    let app = App::new(OpenApi::default(), &limits).pages(routes).build();
    start(app, limits).await
}

/// Sends bytes and returns all that comes back until the server closes.
async fn exchange(server: &Server, bytes: &[u8]) -> String {
    let mut stream = server.connect().await;
    let mut received = Vec::new();
    let talk = async {
        // The server may close before it has read all.
        let _ = stream.write_all(bytes).await;
        let _ = stream.read_to_end(&mut received).await;
    };
    timeout(PATIENCE, talk).await.expect("closed in time");
    String::from_utf8_lossy(&received).into_owned()
}

#[tokio::test]
async fn p28_requests_with_two_meanings_are_refused_and_the_connection_is_closed() {
    let server = server().await;
    let hidden = "GET /ok HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let head =
        "POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n";
    for lines in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 4\r\nContent-Length: 5\r\n",
        "Content-Length: 4, 5\r\n",
        "Content-Length: +4\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 0x4\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "X-Fold: one\r\n two\r\nContent-Length: 4\r\n",
        "X-Bare: one\rContent-Length: 4\r\n",
        "Content-Length : 4\r\n",
        "Content-Length\r\n",
    ] {
        let request = format!("{head}{lines}\r\n0\r\n\r\n{hidden}");
        let answer = exchange(&server, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{lines:?}: {answer}");
        assert!(
            !answer.contains("\r\nok"),
            "{lines:?}: the hidden request was answered"
        );
        assert!(!answer.contains("read "), "{lines:?}: {answer}");
    }
    assert_eq!(server.get("/ok").await.text(), "ok");
}

#[tokio::test]
async fn p28_broken_chunks_and_old_versions_are_refused() {
    let server = server().await;
    let head = "POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    for body in [
        "zz\r\n",
        "-1\r\n",
        "fffffffffffffffff\r\nx",
        "2\r\nabcd\r\n0\r\n\r\n",
    ] {
        let answer = exchange(&server, format!("{head}{body}").as_bytes()).await;
        assert!(!answer.contains("read "), "{body:?}: {answer}");
    }
    let old =
        "POST /read HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let answer = exchange(&server, old.as_bytes()).await;
    assert!(
        answer.starts_with("HTTP/1.0 400") || answer.starts_with("HTTP/1.1 400"),
        "{answer}"
    );
    assert_eq!(server.get("/ok").await.text(), "ok");
}

#[tokio::test]
async fn p27_http2_is_not_spoken() {
    let server = server().await;
    // The preface of prior knowledge, then a flood of settings and resets.
    let mut preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    for _ in 0..1000 {
        preface.extend_from_slice(&[0, 0, 0, 4, 0, 0, 0, 0, 0]);
        preface.extend_from_slice(&[0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 8]);
    }
    let answer = exchange(&server, &preface).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
        "{answer:?}"
    );
    // An offer to change to it is not taken.
    let upgrade = "GET /ok HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n";
    let answer = exchange(&server, upgrade.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(server.get("/ok").await.text(), "ok");
}

#[tokio::test]
async fn p13_compressed_bodies_are_refused_whatever_they_would_become() {
    let server = server().await;
    for coding in ["gzip", "br", "zstd", "deflate", "gzip, gzip", "x-gzip"] {
        let headers = [
            "Content-Type: application/octet-stream".to_owned(),
            format!("Content-Encoding: {coding}"),
        ];
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        let answer = server.send("POST /read", &headers, &[0x1f; 1000]).await;
        assert_eq!(
            answer.verdict(),
            (415, "unsupported-media-type".to_owned()),
            "{coding}"
        );
    }
}
