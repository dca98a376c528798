//! Server-sent events that a reader can resume.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::event_journal::{Journal, LineRef, NO_TOPIC, PastEvent};
use crate::{ApiError, Query, Shutdown};

/// The most bytes of all events that are kept for readers to resume.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// The most events that a reader takes out at once.
const BATCH: usize = 256;
/// The longest silence of a stream.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Ids of one start are this many times its Unix second and up, so that a later start's are
/// greater, also when the end of a journal was lost. A number of JavaScript holds them exactly
/// until the year 2255.
const IDS_PER_SECOND: u64 = 1_000_000;

/// The last events of a service, for readers that come and go.
///
/// Clones share their state. Memory is bounded by the number of events and their bytes,
/// whatever readers do: each reader takes events out at its own pace, and one that falls behind
/// the oldest event gets `resync` instead and goes on from the newest.
#[derive(Clone)]
pub struct EventLog {
    shared: Arc<Shared>,
}

struct Shared {
    ring: Mutex<Ring>,
    capacity: usize,
    newest: watch::Sender<u64>,
}

struct Ring {
    entries: VecDeque<Entry>,
    bytes: usize,
    newest_id: u64,
    /// The id before the oldest entry: a reader that has it has missed nothing.
    before_oldest: u64,
    journal: Option<Journal>,
}

#[derive(Clone)]
struct Entry {
    id: u64,
    topic: Cow<'static, str>,
    name: Cow<'static, str>,
    json: Arc<str>,
}

impl Ring {
    fn new(newest_id: u64) -> Self {
        Self {
            entries: VecDeque::new(),
            bytes: 0,
            newest_id,
            before_oldest: newest_id,
            journal: None,
        }
    }

    /// Says whether a reader that has this event can go on from it.
    fn has(&self, id: u64) -> bool {
        let found = self.entries.binary_search_by_key(&id, |entry| entry.id);
        id == self.before_oldest || found.is_ok()
    }

    fn push(&mut self, entry: Entry, capacity: usize) {
        self.newest_id = entry.id;
        self.bytes += entry.json.len();
        self.entries.push_back(entry);
        while self.entries.len() > capacity || (self.bytes > MAX_BYTES && self.entries.len() > 1) {
            self.pop();
        }
    }

    fn pop(&mut self) {
        if let Some(oldest) = self.entries.pop_front() {
            self.bytes -= oldest.json.len();
            self.before_oldest = oldest.id;
        }
    }

    /// Writes entries into the journal, before any reader can see them.
    fn write(&mut self, entries: &[Entry], capacity: usize) {
        let Some(mut journal) = self.journal.take() else {
            return;
        };
        let lines = entries.iter().map(|entry| LineRef {
            id: entry.id,
            topic: &entry.topic,
            name: &entry.name,
            json: &entry.json,
        });
        match journal.append(lines, (capacity, MAX_BYTES as u64)) {
            Ok(()) => self.journal = Some(journal),
            Err(error) => {
                // Correctness: a journal with a hole would let readers miss events after a
                // start; without one they are told to read all again.
                tracing::error!(%error, "events are no longer written down");
                journal.discard();
            }
        }
    }
}

/// What a reader asks for: `?topics=a,b`, and where to resume by the header `Last-Event-ID` or
/// `?last_event_id=`.
#[derive(Debug, Clone, Default)]
pub struct EventRequest {
    /// The last event that the reader has.
    pub last_event_id: Option<u64>,
    /// The topics wanted; none for all.
    pub topics: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventQuery {
    topics: Option<String>,
    last_event_id: Option<u64>,
}

impl<S: Send + Sync> FromRequestParts<S> for EventRequest {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Query(query) = Query::<EventQuery>::from_request_parts(parts, state).await?;
        let sent = match parts.headers.get("last-event-id") {
            Some(value) => {
                let id = value.to_str().ok().and_then(|it| it.parse().ok());
                Some(id.ok_or_else(|| ApiError::bad_request("Last-Event-ID is not a number."))?)
            }
            None => None,
        };
        let split = |it: String| it.split(',').map(str::to_owned).collect();
        let topics = query.topics.filter(|it| !it.is_empty()).map(split);
        Ok(Self {
            last_event_id: sent.or(query.last_event_id),
            topics,
        })
    }
}

impl EventRequest {
    /// Refuses topics that the service does not have.
    ///
    /// # Errors
    /// 400 that names the known topics.
    pub fn check_topics(&self, known: &[&str]) -> Result<(), ApiError> {
        let mut wanted = self.topics.iter().flatten();
        if wanted.all(|it| known.contains(&it.as_str())) {
            return Ok(());
        }
        Err(ApiError::bad_request(format!(
            "The topics are {}.",
            known.join(", ")
        )))
    }

    fn wants(&self, topic: &str) -> bool {
        let wanted = self.topics.as_ref();
        topic != NO_TOPIC && wanted.is_none_or(|it| it.iter().any(|name| name == topic))
    }
}

impl EventLog {
    /// Keeps at most `capacity` events.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self::starting_at(capacity, now.as_secs().saturating_mul(IDS_PER_SECOND))
    }

    fn starting_at(capacity: usize, newest_id: u64) -> Self {
        Self::of(Ring::new(newest_id), capacity)
    }

    fn of(ring: Ring, capacity: usize) -> Self {
        let shared = Shared {
            capacity: capacity.max(1),
            newest: watch::Sender::new(ring.newest_id),
            ring: Mutex::new(ring),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Keeps at most `capacity` events, and writes each down in a directory before readers see
    /// it, so that they resume over a restart. Returns the events of earlier runs as well.
    ///
    /// # Errors
    /// The files cannot be read or written.
    pub fn open(directory: &Path, capacity: usize) -> io::Result<(Self, Vec<PastEvent>)> {
        let capacity = capacity.max(1);
        let (journal, lines) = Journal::open(directory)?;
        let newest = lines.last().map_or(0, |line| line.id);
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        // Correctness: the end of the journal may be lost, so what the run before gave out last is
        // not known; a start within the same second takes the ids of the next one.
        let after_newest = (newest / IDS_PER_SECOND + 1).saturating_mul(IDS_PER_SECOND);
        let start = now.as_secs().saturating_mul(IDS_PER_SECOND);
        let start = start.max(after_newest);
        let past = PastEvent::of_lines(&lines);
        let mut ring = Ring::new(lines.first().map_or(start, |line| line.id));
        ring.journal = Some(journal);
        // The first line's own place is known, what stood before it is not.
        for line in lines.into_iter().skip(1) {
            let entry = Entry {
                id: line.id,
                topic: line.topic.into(),
                name: line.name.into(),
                json: line.json.into(),
            };
            ring.push(entry, capacity);
        }
        // A reader that was given this id and saw no event before a crash can resume from it.
        let beginning = Entry {
            id: start,
            topic: NO_TOPIC.into(),
            name: "start".into(),
            json: "null".into(),
        };
        ring.write(std::slice::from_ref(&beginning), capacity);
        ring.push(beginning, capacity);
        Ok((Self::of(ring, capacity), past))
    }

    /// Forgets all events: the readers of earlier ones are told to read all again.
    pub fn forget(&self) {
        let mut ring = self.lock();
        while !ring.entries.is_empty() {
            ring.pop();
        }
        ring.newest_id += 1;
        ring.before_oldest = ring.newest_id;
        ring.journal = ring.journal.take().and_then(Journal::restart);
        let newest_id = ring.newest_id;
        drop(ring);
        self.shared.newest.send_replace(newest_id);
    }

    /// Adds an event and returns its id; `build` makes the body that carries the id.
    ///
    /// # Errors
    /// The body is not JSON; nothing is added then.
    pub fn publish<T: Serialize>(
        &self,
        topic: &'static str,
        name: &'static str,
        build: impl FnOnce(u64) -> T,
    ) -> Result<u64, serde_json::Error> {
        let (mut build, mut given) = (Some(build), 0);
        self.publish_all(std::iter::once((topic, name, ())), |id, ()| {
            given = id;
            build.take().map(|build| build(id))
        })?;
        Ok(given)
    }

    /// Adds several events; readers see all of them at once.
    ///
    /// `events` are their topics and names with what `build` makes their bodies of.
    ///
    /// # Errors
    /// A body is not JSON; nothing is added then.
    pub fn publish_all<K, T: Serialize>(
        &self,
        events: impl Iterator<Item = (&'static str, &'static str, K)>,
        mut build: impl FnMut(u64, K) -> T,
    ) -> Result<(), serde_json::Error> {
        let mut ring = self.lock();
        let ids = ring.newest_id + 1..;
        let entries = ids.zip(events).map(|(id, (topic, name, content))| {
            Ok(Entry {
                id,
                topic: topic.into(),
                name: name.into(),
                json: serde_json::to_string(&build(id, content))?.into(),
            })
        });
        let entries: Vec<Entry> = entries.collect::<Result<_, serde_json::Error>>()?;
        let Some(last) = entries.last().map(|entry| entry.id) else {
            return Ok(());
        };
        ring.write(&entries, self.shared.capacity);
        for entry in entries {
            ring.push(entry, self.shared.capacity);
        }
        drop(ring);
        self.shared.newest.send_replace(last);
        Ok(())
    }

    /// Returns the id of the newest event.
    #[must_use]
    pub fn newest_id(&self) -> u64 {
        self.lock().newest_id
    }

    /// Answers a reader with a stream that ends when the service stops.
    #[must_use]
    pub fn respond(&self, request: EventRequest, shutdown: &Shutdown) -> Response {
        let mut reader = Reader {
            log: self.clone(),
            changes: self.shared.newest.subscribe(),
            last_id: 0,
            request,
            ready: VecDeque::new(),
        };
        reader.start();
        let events = stream::unfold(reader, |mut reader| async move {
            let event = reader.next().await?;
            Some((Ok::<_, Infallible>(event), reader))
        });
        let events = events.take_until(shutdown.stopping_owned());
        let mut response = Sse::new(events)
            .keep_alive(KeepAlive::new().interval(HEARTBEAT).text("alive"))
            .into_response();
        let no_store = axum::http::HeaderValue::from_static("no-store");
        response
            .headers_mut()
            .insert(axum::http::header::CACHE_CONTROL, no_store);
        response
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        // Correctness: the event is built before the ring changes, so a panic in `build` leaves
        // the ring whole.
        self.shared
            .ring
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// One reader's place in the log.
struct Reader {
    log: EventLog,
    changes: watch::Receiver<u64>,
    last_id: u64,
    request: EventRequest,
    ready: VecDeque<Event>,
}

impl Reader {
    /// Finds the place to begin. A new reader first gets an id without an event, so that it can
    /// resume from here even when the connection breaks before the first event.
    fn start(&mut self) {
        let (newest, is_known) = {
            let ring = self.log.lock();
            let asked = self.request.last_event_id;
            (ring.newest_id, asked.is_some_and(|id| ring.has(id)))
        };
        match self.request.last_event_id {
            Some(id) if is_known => self.last_id = id,
            Some(_) => self.resync(newest),
            None => {
                self.last_id = newest;
                self.ready
                    .push_back(Event::default().id(newest.to_string()).comment("ready"));
            }
        }
    }

    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            // Correctness: marked as seen before the ring is read, so an event that is published
            // in between wakes the wait below.
            self.changes.borrow_and_update();
            if !self.take() {
                self.changes.changed().await.ok()?;
            }
        }
    }

    /// Takes events out of the ring; false when there are none.
    fn take(&mut self) -> bool {
        let (batch, newest) = {
            let ring = self.log.lock();
            if self.last_id < ring.before_oldest {
                (None, ring.newest_id)
            } else {
                let skip = ring.entries.partition_point(|it| it.id <= self.last_id);
                let batch: Vec<_> = ring
                    .entries
                    .iter()
                    .skip(skip)
                    .take(BATCH)
                    .cloned()
                    .collect();
                (Some(batch), ring.newest_id)
            }
        };
        let Some(batch) = batch else {
            self.resync(newest);
            return true;
        };
        let Some(last) = batch.last() else {
            return false;
        };
        self.last_id = last.id;
        for entry in batch.iter().filter(|it| self.request.wants(&it.topic)) {
            let event = Event::default().id(entry.id.to_string()).event(&entry.name);
            self.ready.push_back(event.data(&*entry.json));
        }
        true
    }

    /// Tells the reader that it missed events and goes on from the newest one.
    fn resync(&mut self, newest: u64) {
        self.last_id = newest;
        let json = format!(r#"{{"id":{newest},"type":"resync","newest_id":{newest}}}"#);
        self.ready.push_back(
            Event::default()
                .id(newest.to_string())
                .event("resync")
                .data(json),
        );
    }
}
