//! Answers of a peer as they arrive: streams of announcements and of blocks.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{BoxStream, try_unfold};
use reqwest::Response;

use crate::client_error::ClientError;
use crate::member::AnswerReader;
use crate::traffic::Traffic;
use crate::wire::{FrameReader, News, NewsReader};

/// The body of an answer as it arrives; of a member's, what it has signed.
pub(crate) type AnswerBody = BoxStream<'static, Result<Bytes, ClientError>>;

/// A peer's stream of announcements.
pub struct NewsStream {
    body: AnswerBody,
    messages: NewsReader,
    traffic: Arc<Traffic>,
}

impl NewsStream {
    pub(crate) fn new(body: AnswerBody, traffic: Arc<Traffic>) -> Self {
        Self {
            body,
            messages: NewsReader::default(),
            traffic,
        }
    }

    /// Waits for the next message; `None` at the end.
    ///
    /// # Errors
    /// The stream breaks off, is silent for too long, or makes no sense.
    pub async fn next(&mut self) -> Result<Option<News>, ClientError> {
        loop {
            if let Some(message) = self.messages.next_message()? {
                return Ok(Some(message));
            }
            let Some(chunk) = self.body.next().await else {
                return Ok(None);
            };
            let chunk = chunk?;
            self.traffic.receive(chunk.len());
            self.messages.push(&chunk);
        }
    }
}

/// What came of a stream of blocks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BlockStep {
    /// So many bytes of a block that is not whole yet.
    Bytes(usize),
    /// A whole block.
    Block(Bytes),
}

/// Blocks as they arrive.
pub struct BlockStream {
    body: AnswerBody,
    frames: FrameReader,
    left: usize,
    traffic: Arc<Traffic>,
}

impl BlockStream {
    /// Begins to read so many blocks.
    pub(crate) fn new(body: AnswerBody, left: usize, traffic: Arc<Traffic>) -> Self {
        Self {
            body,
            frames: FrameReader::default(),
            left,
            traffic,
        }
    }

    /// Waits for the next bytes; `None` at the end.
    ///
    /// # Errors
    /// The answer breaks off, is too slow, or holds more than was asked for.
    pub async fn next(&mut self) -> Result<Option<BlockStep>, ClientError> {
        if let Some(frame) = self.frames.next_frame()? {
            if self.left == 0 {
                return Err(ClientError::TooLong);
            }
            self.left -= 1;
            return Ok(Some(BlockStep::Block(frame)));
        }
        match self.body.next().await {
            Some(chunk) => {
                let chunk = chunk?;
                self.traffic.receive(chunk.len());
                self.frames.push(&chunk);
                Ok(Some(BlockStep::Bytes(chunk.len())))
            }
            None => {
                self.frames.finish()?;
                Ok(None)
            }
        }
    }
}

pub(crate) fn plain(response: Response) -> AnswerBody {
    let chunks = response.bytes_stream();
    chunks.map(|it| it.map_err(ClientError::from)).boxed()
}

/// Lets through what the member that was asked has signed.
pub(crate) fn signed(body: AnswerBody, reader: AnswerReader) -> AnswerBody {
    let start = Some((body, reader));
    try_unfold(start, |open| async move {
        let Some((mut body, mut reader)) = open else {
            return Ok(None);
        };
        match body.next().await {
            Some(chunk) => {
                let bytes = reader.push(&chunk?)?;
                Ok::<_, ClientError>(Some((bytes, Some((body, reader)))))
            }
            None => {
                reader.finish()?;
                Ok(None)
            }
        }
    })
    .boxed()
}
