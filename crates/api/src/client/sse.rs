//! The text format of server-sent events, as the HTML standard defines it (section 9.2.6).

/// The most bytes of one event; a reorganisation names many blocks.
pub(super) const MAX_EVENT_BYTES: usize = 8 * 1024 * 1024;

/// One event of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) id: Option<String>,
    pub(super) data: String,
}

/// An event or line is longer than [`MAX_EVENT_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLong;

/// Splits a stream into messages, in pieces of any size.
#[derive(Debug, Default)]
pub(super) struct Parser {
    line: Vec<u8>,
    after_carriage_return: bool,
    message: Message,
    has_data: bool,
}

impl Parser {
    /// Takes the next bytes and appends the messages that they complete.
    pub(super) fn push(&mut self, bytes: &[u8], out: &mut Vec<Message>) -> Result<(), TooLong> {
        for &byte in bytes {
            let after_return = std::mem::replace(&mut self.after_carriage_return, byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => self.end_line(out),
                _ => self.line.push(byte),
            }
            if self.line.len() + self.message.data.len() > MAX_EVENT_BYTES {
                return Err(TooLong);
            }
        }
        Ok(())
    }

    fn end_line(&mut self, out: &mut Vec<Message>) {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            let message = std::mem::take(&mut self.message);
            // An id without data is no event, but a place to resume from.
            if std::mem::take(&mut self.has_data) || message.id.is_some() {
                out.push(message);
            }
            return;
        }
        let text = String::from_utf8_lossy(&line);
        let (field, value) = text.split_once(':').unwrap_or((&text, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                if self.has_data {
                    self.message.data.push('\n');
                }
                self.has_data = true;
                self.message.data.push_str(value);
            }
            "id" => self.message.id = Some(value.to_owned()),
            // Comments (an empty field name) keep the connection alive; `event` repeats what the
            // data says; `retry` is for browsers.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = ": hello\n\nid: 4\nevent: a\ndata: {\"x\":\ndata: 1}\n\nid:5\r\ndata:two\r\n\r\ndata: three\r\rid: 6\n\n";

    #[test]
    fn a_stream_gives_the_same_messages_in_any_pieces() {
        for size in 1..STREAM.len() {
            let mut parser = Parser::default();
            let mut out = Vec::new();
            for piece in STREAM.as_bytes().chunks(size) {
                parser.push(piece, &mut out).expect("short lines");
            }
            let found: Vec<_> = out
                .iter()
                .map(|it| (it.id.as_deref(), it.data.as_str()))
                .collect();
            let want = [
                (Some("4"), "{\"x\":\n1}"),
                (Some("5"), "two"),
                (None, "three"),
                (Some("6"), ""),
            ];
            assert_eq!(found, want, "pieces of {size}");
        }
    }

    #[test]
    fn a_line_without_an_end_is_refused_at_the_limit() {
        let mut parser = Parser::default();
        let mut out = Vec::new();
        assert_eq!(parser.push(&vec![b'x'; MAX_EVENT_BYTES], &mut out), Ok(()));
        assert_eq!(parser.push(b"x", &mut out), Err(TooLong));
    }
}
