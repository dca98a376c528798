//! Event streams: resuming, falling behind, stopping.

mod support;

use axum::extract::State;
use axum::response::Response;
use support::{PATIENCE, Server, start_with};
use synod_api::node::{Event, EventKind, RemovalReason, Topic};
use synod_api::{ClientError, HashHex, NodeClient};
use synod_service::{ApiError, App, EventLog, EventRequest, Limits, Shutdown};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const CAPACITY: usize = 8;

#[derive(Clone)]
struct Source {
    log: EventLog,
    shutdown: Shutdown,
}

#[utoipa::path(get, path = "/v1/events", responses((status = 200, description = "Events.")))]
async fn events(State(source): State<Source>, request: EventRequest) -> Result<Response, ApiError> {
    request.check_topics(&["blocks", "transactions", "finality"])?;
    Ok(source.log.respond(request, &source.shutdown))
}

async fn serve(limits: Limits) -> (Server, EventLog) {
    let source = Source {
        log: EventLog::new(CAPACITY),
        shutdown: Shutdown::new(),
    };
    let (log, shutdown) = (source.log.clone(), source.shutdown.clone());
    let routes = OpenApiRouter::new()
        .routes(routes!(events))
        .with_state(source);
    let app = App::new(OpenApi::default(), &limits)
        .streams(routes)
        .build();
    (start_with(app, limits, shutdown).await, log)
}

fn connect_block(log: &EventLog, height: u32) -> u64 {
    let kind = EventKind::BlockDisconnected {
        hash: HashHex::from_bytes([7; 32]),
        height,
    };
    log.publish("blocks", kind.name(), |id| Event { id, kind })
        .expect("json")
}

fn remove_transaction(log: &EventLog) -> u64 {
    let txid = HashHex::from_bytes([8; 32]);
    let kind = EventKind::TransactionRemoved {
        txid,
        reason: RemovalReason::Expired,
    };
    log.publish("transactions", kind.name(), |id| Event { id, kind })
        .expect("json")
}

fn height(event: &Event) -> Option<u32> {
    match event.kind {
        EventKind::BlockDisconnected { height, .. } => Some(height),
        _ => None,
    }
}

#[tokio::test]
async fn a_reader_gets_what_follows_and_resumes_where_it_was() {
    let (server, log) = serve(Limits::default()).await;
    let client = NodeClient::new(&server.url()).expect("a root");
    connect_block(&log, 1);
    let mut stream = client.events(&[], None);
    stream.connect().await.expect("connected");
    let second = connect_block(&log, 2);
    let event = timeout(PATIENCE, stream.next())
        .await
        .expect("in time")
        .expect("an event");
    assert_eq!((event.id, height(&event)), (second, Some(2)));
    drop(stream);
    connect_block(&log, 3);
    connect_block(&log, 4);
    let mut stream = client.events(&[], Some(second));
    for want in 3..=4 {
        let event = timeout(PATIENCE, stream.next())
            .await
            .expect("in time")
            .expect("an event");
        assert_eq!(height(&event), Some(want));
    }
}

#[tokio::test]
async fn a_reader_that_saw_no_event_yet_loses_none() {
    let (server, log) = serve(Limits::default()).await;
    let client = NodeClient::new(&server.url()).expect("a root");
    let begin = log.newest_id();
    let mut raw = server.connect().await;
    raw.write_all(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .expect("sent");
    let mut received = String::new();
    while !received.contains(&format!("id: {begin}\n")) {
        let mut buffer = [0; 1024];
        let size = timeout(PATIENCE, raw.read(&mut buffer))
            .await
            .expect("in time")
            .expect("open");
        assert!(size > 0, "{received}");
        received.push_str(&String::from_utf8_lossy(&buffer[..size]));
    }
    drop(raw);
    connect_block(&log, 1);
    let mut stream = client.events(&[], Some(begin));
    let event = timeout(PATIENCE, stream.next())
        .await
        .expect("in time")
        .expect("an event");
    assert_eq!(height(&event), Some(1));
}

#[tokio::test]
async fn a_reader_beyond_the_kept_events_reads_all_again() {
    let (server, log) = serve(Limits::default()).await;
    let client = NodeClient::new(&server.url()).expect("a root");
    let first = connect_block(&log, 0);
    let mut newest = first;
    for height in 1..=CAPACITY as u32 {
        newest = connect_block(&log, height);
    }
    // The event after `first` is the oldest that is kept.
    let mut stream = client.events(&[], Some(first));
    let event = timeout(PATIENCE, stream.next())
        .await
        .expect("in time")
        .expect("an event");
    assert_eq!(height(&event), Some(1));
    for last_id in [first - 1, 0, newest + 1, u64::MAX] {
        let mut stream = client.events(&[], Some(last_id));
        let event = timeout(PATIENCE, stream.next())
            .await
            .expect("in time")
            .expect("an event");
        assert_eq!(
            event,
            Event {
                id: newest,
                kind: EventKind::Resync { newest_id: newest }
            }
        );
        assert_eq!(stream.last_event_id(), Some(newest));
    }
}

#[tokio::test]
async fn a_reader_gets_the_topics_it_asked_for() {
    let (server, log) = serve(Limits::default()).await;
    let client = NodeClient::new(&server.url()).expect("a root");
    let begin = log.newest_id();
    remove_transaction(&log);
    connect_block(&log, 1);
    let mut stream = client.events(&[Topic::Blocks, Topic::Finality], Some(begin));
    let event = timeout(PATIENCE, stream.next())
        .await
        .expect("in time")
        .expect("an event");
    assert_eq!(height(&event), Some(1));
    assert_eq!(server.get("/v1/events?topics=block").await.verdict().0, 400);
    let bad_id = server
        .send("GET /v1/events", &["Last-Event-ID: x"], b"")
        .await;
    assert_eq!(bad_id.verdict().0, 400);
}

#[tokio::test]
async fn streams_end_when_the_service_stops() {
    let (server, log) = serve(Limits::default()).await;
    let client = NodeClient::new(&server.url()).expect("a root");
    let mut stream = client.events(&[], None);
    stream.connect().await.expect("connected");
    connect_block(&log, 1);
    timeout(PATIENCE, stream.next())
        .await
        .expect("in time")
        .expect("an event");
    server.shutdown.begin();
    timeout(PATIENCE, server.task)
        .await
        .expect("ends")
        .expect("no panic")
        .expect("no error");
    let ended = timeout(PATIENCE, stream.next()).await.expect("in time");
    assert!(matches!(ended, Err(ClientError::Transport(_))), "{ended:?}");
    assert!(matches!(stream.next().await, Err(ClientError::Connect(_))));
}

#[tokio::test]
async fn streams_past_the_limit_are_refused_until_one_ends() {
    let (server, log) = serve(Limits {
        max_streams: 1,
        ..Limits::default()
    })
    .await;
    let client = NodeClient::new(&server.url()).expect("a root");
    let mut first = client.events(&[], None);
    first.connect().await.expect("connected");
    let mut second = client.events(&[], None);
    let refused = second.connect().await.expect_err("refused");
    assert_eq!(
        (refused.status(), refused.code()),
        (Some(503), Some("overloaded"))
    );
    assert!(refused.is_transient());
    drop(first);
    // The server notices when it writes to the connection that is gone.
    let connected = async {
        while second.connect().await.is_err() {
            connect_block(&log, 1);
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, connected).await.expect("freed in time");
}
