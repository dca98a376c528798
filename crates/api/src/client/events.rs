//! The node's events as a stream that survives broken connections.

use std::collections::VecDeque;
use std::time::Duration;

use reqwest::Response;
use reqwest::header::ACCEPT;

use super::ClientError;
use super::http::{Http, check};
use super::sse::{MAX_EVENT_BYTES, Message, Parser};
use crate::node::{Event, Topic};

/// The longest silence; a node sends a comment at least every 15 seconds.
const SILENCE: Duration = Duration::from_secs(45);
/// The longest time for a node to begin its answer.
const ANSWER: Duration = Duration::from_secs(30);

/// Events of a node, in order.
///
/// After an error the next call connects again and goes on after the last event that was
/// returned. How long to wait before that is the caller's choice.
pub struct EventStream {
    http: Http,
    topics: String,
    last_event_id: Option<u64>,
    connection: Option<Connection>,
    ready: VecDeque<Arrival>,
}

/// A place to resume from, and the event that stands there, where there is one.
struct Arrival {
    id: Option<u64>,
    event: Option<Event>,
}

struct Connection {
    response: Response,
    parser: Parser,
}

impl EventStream {
    pub(super) fn new(http: Http, topics: &[Topic], last_event_id: Option<u64>) -> Self {
        let names: Vec<_> = topics.iter().map(|it| it.name()).collect();
        Self {
            http,
            topics: names.join(","),
            last_event_id,
            connection: None,
            ready: VecDeque::new(),
        }
    }

    /// Returns the id of the last event that was returned.
    #[must_use]
    pub fn last_event_id(&self) -> Option<u64> {
        self.last_event_id
    }

    /// Connects unless it is connected, so that no later event is missed.
    ///
    /// # Errors
    /// The node refuses or does not answer.
    pub async fn connect(&mut self) -> Result<(), ClientError> {
        if self.connection.is_some() {
            return Ok(());
        }
        let mut query = Vec::new();
        if !self.topics.is_empty() {
            query.push(("topics", self.topics.as_str()));
        }
        let mut request = self
            .http
            .get(&["v1", "events"], &query)
            .timeout(Duration::MAX);
        request = request.header(ACCEPT, "text/event-stream");
        if let Some(id) = self.last_event_id {
            request = request.header("last-event-id", id.to_string());
        }
        let answer = tokio::time::timeout(ANSWER, request.send());
        let response = answer.await.map_err(|_| ClientError::Timeout)??;
        let response = check(response).await?;
        self.connection = Some(Connection {
            response,
            parser: Parser::default(),
        });
        Ok(())
    }

    /// Waits for the next event.
    ///
    /// Dropping the future loses no event.
    ///
    /// # Errors
    /// The connection cannot be made or broke, or 45 seconds passed in silence.
    pub async fn next(&mut self) -> Result<Event, ClientError> {
        loop {
            while let Some(arrival) = self.ready.pop_front() {
                self.last_event_id = arrival.id.or(self.last_event_id);
                if let Some(event) = arrival.event {
                    return Ok(event);
                }
            }
            self.connect().await?;
            if let Err(error) = self.read().await {
                self.connection = None;
                return Err(error);
            }
        }
    }

    async fn read(&mut self) -> Result<(), ClientError> {
        let Some(connection) = &mut self.connection else {
            return Ok(());
        };
        let chunk = tokio::time::timeout(SILENCE, connection.response.chunk());
        let Some(chunk) = chunk.await.map_err(|_| ClientError::Timeout)?? else {
            return Err(ClientError::Transport("the stream ended".to_owned()));
        };
        let mut messages = Vec::new();
        connection
            .parser
            .push(&chunk, &mut messages)
            .map_err(|_| ClientError::TooLarge {
                limit: MAX_EVENT_BYTES,
            })?;
        for message in messages {
            self.ready.push_back(arrival(&message)?);
        }
        Ok(())
    }
}

fn arrival(message: &Message) -> Result<Arrival, ClientError> {
    let body = |error: &dyn std::fmt::Display| ClientError::Body(error.to_string());
    let event: Option<Event> = match message.data.as_str() {
        "" => None,
        json => Some(serde_json::from_str(json).map_err(|error| body(&error))?),
    };
    let sent = message
        .id
        .as_deref()
        .map(|it| it.parse().map_err(|error| body(&error)));
    let id = sent.transpose()?.or(event.as_ref().map(|it| it.id));
    Ok(Arrival { id, event })
}
