//! Connections that are slow, silent, too many, or open when the service stops.

mod support;

use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::{get, post};
use futures_util::{StreamExt, stream};
use support::{PATIENCE, start};
use synod_service::{App, Limits, RawOrHex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::timeout;
use utoipa::openapi::OpenApi;

const SHORT: Duration = Duration::from_millis(200);
const REQUEST: &[u8] = b"GET /ok HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn app(router: Router, limits: &Limits) -> Router {
    App::new(OpenApi::default(), limits).pages(router).build()
}

fn ok() -> Router {
    Router::new().route("/ok", get(|| async { "ok" }))
}

#[tokio::test]
async fn a_header_that_does_not_end_is_cut_off() {
    let limits = Limits {
        header_timeout: SHORT,
        ..Limits::default()
    };
    let server = start(app(ok(), &limits), limits).await;
    let mut stream = server.connect().await;
    stream
        .write_all(b"GET /ok HTTP/1.1\r\nHost: loc")
        .await
        .expect("sent");
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut answer))
        .await
        .expect("closed in time");
    assert!(read.is_ok());
    assert!(!String::from_utf8_lossy(&answer).contains("200 OK"));
    assert_eq!(server.get("/ok").await.text(), "ok");
}

#[tokio::test]
async fn a_connection_without_a_request_is_closed() {
    let limits = Limits {
        header_timeout: SHORT,
        ..Limits::default()
    };
    let server = start(app(ok(), &limits), limits).await;
    let mut silent = server.connect().await;
    let mut used = server.connect().await;
    used.write_all(REQUEST).await.expect("sent");
    for stream in [&mut silent, &mut used] {
        let mut answer = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut answer))
            .await
            .expect("closed in time")
            .ok();
    }
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_refused() {
    let limits = Limits {
        body_timeout: SHORT,
        ..Limits::default()
    };
    let router = Router::new().route("/in", post(|RawOrHex(body): RawOrHex| async { body }));
    let server = start(app(router, &limits), limits).await;
    let answer = server
        .send("POST /in", &["Content-Length: 10"], b"0102")
        .await;
    assert_eq!(answer.verdict(), (408, "request-timeout".to_owned()));
}

#[tokio::test]
async fn a_client_that_never_reads_is_dropped() {
    /// Says when the answer's body is gone.
    struct Guard(mpsc::UnboundedSender<()>);
    impl Drop for Guard {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    let (sender, mut dropped) = mpsc::unbounded_channel();
    let endless = move || {
        let guard = Guard(sender.clone());
        async move {
            let chunks = stream::repeat_with(move || {
                let _held = &guard;
                Ok::<_, std::io::Error>(Bytes::from_static(&[0; 65536]))
            });
            Body::from_stream(chunks)
        }
    };
    let limits = Limits {
        write_timeout: SHORT,
        ..Limits::default()
    };
    let server = start(
        app(Router::new().route("/ok", get(endless)), &limits),
        limits,
    )
    .await;
    let mut stream = server.connect().await;
    stream.write_all(REQUEST).await.expect("sent");
    timeout(PATIENCE, dropped.recv())
        .await
        .expect("dropped in time");
}

#[tokio::test]
async fn connections_past_the_limit_wait_for_a_free_place() {
    let limits = Limits {
        max_connections: 1,
        header_timeout: SHORT,
        ..Limits::default()
    };
    let server = start(app(ok(), &limits), limits).await;
    let mut first = server.connect().await;
    first.write_all(REQUEST).await.expect("sent");
    let mut head = [0; 15];
    first.read_exact(&mut head).await.expect("an answer");
    // The first connection now idles; the second is answered when its time is over.
    assert_eq!(server.get("/ok").await.text(), "ok");
}

#[tokio::test]
async fn p11_connections_of_one_address_past_its_limit_are_closed() {
    let limits = Limits {
        max_connections_per_address: 2,
        counts_loopback: true,
        ..Limits::default()
    };
    let server = start(app(ok(), &limits), limits).await;
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut stream = server.connect().await;
        stream.write_all(REQUEST).await.expect("sent");
        let mut head = [0; 15];
        stream.read_exact(&mut head).await.expect("an answer");
        open.push(stream);
    }
    let mut third = server.connect().await;
    let mut answer = Vec::new();
    // The connection is closed, whether or not the request was sent before.
    let _ = third.write_all(REQUEST).await;
    let _ = timeout(PATIENCE, third.read_to_end(&mut answer))
        .await
        .expect("closed in time");
    assert!(answer.is_empty());
    // One that ends makes room for another.
    drop(open.pop());
    loop {
        let mut stream = server.connect().await;
        let _ = stream.write_all(REQUEST).await;
        let mut head = [0; 15];
        if stream.read_exact(&mut head).await.is_ok() {
            assert_eq!(&head, b"HTTP/1.1 200 OK");
            break;
        }
    }
}

#[tokio::test]
async fn p11_streams_of_one_address_past_its_limit_are_refused() {
    let endless = || async {
        let first = stream::once(async { Ok::<_, std::io::Error>(Bytes::from_static(b"open")) });
        Body::from_stream(first.chain(stream::pending()))
    };
    let limits = Limits {
        max_streams_per_address: 1,
        counts_loopback: true,
        ..Limits::default()
    };
    let routes = utoipa_axum::router::OpenApiRouter::new().route("/ok", get(endless));
    let router = App::new(OpenApi::default(), &limits)
        .streams(routes)
        .build();
    let server = start(router, limits).await;
    let mut first = server.connect().await;
    first.write_all(REQUEST).await.expect("sent");
    let mut head = [0; 15];
    first.read_exact(&mut head).await.expect("an answer");
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    let refused = server.get("/ok").await;
    assert_eq!(refused.verdict(), (429, "too-many-requests".to_owned()));
}

/// A server whose one route waits, and the means to see it waiting and to let it go.
async fn waiting(limits: Limits) -> (support::Server, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let (entered, is_entered) = mpsc::channel(1);
    let (release, released) = mpsc::channel::<()>(1);
    let released = std::sync::Arc::new(tokio::sync::Mutex::new(released));
    let handler = move || async move {
        entered.send(()).await.expect("the test waits");
        released.lock().await.recv().await;
        "done"
    };
    let router = Router::new().route("/ok", get(handler));
    (
        start(app(router, &limits), limits).await,
        is_entered,
        release,
    )
}

#[tokio::test]
async fn an_open_request_ends_well_after_the_soft_step() {
    let (server, mut is_entered, release) = waiting(Limits::default()).await;
    let mut stream = server.connect().await;
    stream.write_all(REQUEST).await.expect("sent");
    is_entered.recv().await.expect("entered");
    server.shutdown.begin();
    release.send(()).await.expect("the handler waits");
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer))
        .await
        .expect("closed")
        .expect("whole");
    assert_eq!(support::parse(&answer).text(), "done");
    let ended = timeout(PATIENCE, server.task)
        .await
        .expect("ends")
        .expect("no panic");
    assert!(ended.is_ok());
    assert!(
        tokio::net::TcpStream::connect(server.address)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn the_hard_step_drops_what_is_open() {
    let (server, mut is_entered, _release) = waiting(Limits::default()).await;
    let mut stream = server.connect().await;
    stream.write_all(REQUEST).await.expect("sent");
    is_entered.recv().await.expect("entered");
    server.shutdown.force();
    timeout(PATIENCE, server.task)
        .await
        .expect("ends")
        .expect("no panic")
        .expect("no error");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.is_empty());
}

#[tokio::test]
async fn open_requests_are_dropped_after_the_grace() {
    let limits = Limits {
        grace: SHORT,
        ..Limits::default()
    };
    let (server, mut is_entered, _release) = waiting(limits).await;
    let mut stream = server.connect().await;
    stream.write_all(REQUEST).await.expect("sent");
    is_entered.recv().await.expect("entered");
    server.shutdown.begin();
    timeout(PATIENCE, server.task)
        .await
        .expect("ends")
        .expect("no panic")
        .expect("no error");
}

#[tokio::test]
async fn a_port_that_is_taken_is_one_sentence() {
    let server = start(ok(), Limits::default()).await;
    let error = synod_service::bind(server.address)
        .await
        .expect_err("taken")
        .to_string();
    let want = format!(
        "{} is already in use by another process; choose another port",
        server.address
    );
    assert_eq!(error, want);
}
