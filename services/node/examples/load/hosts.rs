//! Peers that a node is led to: small servers of this process that answer as they like, with a
//! thread for each connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use crate::client::{JSON, OCTETS};

/// The most bytes of a request that are read.
const MAX_REQUEST_BYTES: usize = 16 << 20;
/// What a thread that waits for connections needs of a stack.
const LISTENER_STACK_BYTES: usize = 128 << 10;
/// The pause between two bytes of one that sends a byte a second.
const TRICKLE: Duration = Duration::from_secs(1);

/// What the node asks of a host.
pub(crate) struct Request {
    /// The host's place among those of its row.
    pub(crate) host: usize,
    /// The number of the request among all of its row, in order.
    pub(crate) number: usize,
    /// The method, in upper case.
    pub(crate) method: String,
    /// What follows `/p2p/v1/`.
    pub(crate) route: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// Returns a header's text, empty for none.
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|it| it.0 == name);
        found.map_or("", |it| &it.1)
    }
}

/// What a host answers: bytes, and what comes after them.
pub(crate) struct Answer {
    first: Vec<u8>,
    then: Then,
}

/// What comes after an answer.
enum Then {
    /// The next request.
    Next,
    /// The same bytes until the node reads no more.
    Repeat(Vec<u8>),
    /// The bytes one by one, one a second.
    Trickle(Vec<u8>),
    /// Nothing until the node leaves.
    Silence,
}

impl Answer {
    /// A whole answer, with a line among its headers or none.
    pub(crate) fn whole(status: &str, line: &str, body: &[u8]) -> Self {
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{line}\r\n");
        let then = Then::Next;
        let first = [head.as_bytes(), body].concat();
        Self { first, then }
    }

    pub(crate) fn octets(body: &[u8]) -> Self {
        Self::whole("200 OK", &format!("content-type: {OCTETS}\r\n"), body)
    }

    pub(crate) fn json(body: &Value) -> Self {
        let line = format!("content-type: {JSON}\r\n");
        Self::whole("200 OK", &line, body.to_string().as_bytes())
    }

    /// An answer in one chunk that goes on with others.
    fn open(chunk: &[u8], then: Then) -> Self {
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-type: ";
        let head = format!("{head}{OCTETS}\r\n\r\n");
        let first = [head.as_bytes(), &chunked(chunk)].concat();
        Self { first, then }
    }

    /// An answer that does not end: bytes again and again.
    pub(crate) fn endless(bytes: &[u8]) -> Self {
        Self::open(bytes, Then::Repeat(chunked(bytes)))
    }

    /// A stream that is opened, and silent.
    pub(crate) fn opened(bytes: &[u8]) -> Self {
        Self::open(bytes, Then::Silence)
    }

    /// An answer whose body comes a byte a second.
    pub(crate) fn trickle(body: Vec<u8>) -> Self {
        let length = body.len();
        let head = "HTTP/1.1 200 OK\r\ncontent-type: ";
        let first = format!("{head}{OCTETS}\r\ncontent-length: {length}\r\n\r\n").into_bytes();
        let then = Then::Trickle(body);
        Self { first, then }
    }

    /// No answer.
    pub(crate) fn silence() -> Self {
        let (first, then) = (Vec::new(), Then::Silence);
        Self { first, then }
    }
}

fn chunked(bytes: &[u8]) -> Vec<u8> {
    let length = format!("{:x}\r\n", bytes.len());
    [length.as_bytes(), bytes, b"\r\n"].concat()
}

/// The answers of an honest node that has nothing to tell, but claims to have more work than any.
pub(crate) fn plain(request: &Request) -> Answer {
    match request.route.as_str() {
        "handshake" => Answer::json(&greeting(request)),
        "addresses" => Answer::json(&json!({ "urls": [] })),
        "announce" => Answer::json(&json!({ "send": [], "retry": [] })),
        // Kind 0, an empty frame: the stream is open.
        "stream" => Answer::opened(&[0; 5]),
        _ => Answer::octets(&[]),
    }
}

/// The node's own greeting with what makes it another's.
pub(crate) fn greeting(request: &Request) -> Value {
    let mut greeting: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    greeting["node_id"] = format!("{:032x}", request.host + 1).into();
    greeting["session"] = format!("{:032x}", request.host + 1).into();
    greeting["listen_url"] = Value::Null;
    greeting["marks"] = json!([]);
    greeting["best_block_hash"] = "aa".repeat(32).into();
    greeting["chainwork"] = format!("{:064x}", 1_u64 << 40).into();
    greeting
}

/// How a host answers.
pub(crate) type Conduct<'c> = dyn Fn(&Request) -> Answer + Send + Sync + 'c;

/// Hosts that behave alike.
pub(crate) struct Hosts {
    pub(crate) urls: Vec<String>,
    /// How often they were asked for the route that counts.
    pub(crate) asked: Arc<AtomicUsize>,
}

struct Shared {
    conduct: Box<Conduct<'static>>,
    route: &'static str,
    asked: Arc<AtomicUsize>,
    requests: AtomicUsize,
}

impl Hosts {
    /// Starts hosts on ports of loopback, each of a network of its own as far as there are so
    /// many; requests for `route` are counted. The threads end with the process.
    pub(crate) fn start(
        count: usize,
        route: &'static str,
        conduct: Box<Conduct<'static>>,
    ) -> Result<Self> {
        let asked = Arc::new(AtomicUsize::new(0));
        let shared = Arc::new(Shared {
            conduct,
            route,
            asked: Arc::clone(&asked),
            requests: AtomicUsize::new(0),
        });
        let mut urls = Vec::new();
        for host in 0..count {
            let network = u8::try_from(1 + host % 250)?;
            let listener = TcpListener::bind((Ipv4Addr::new(127, network, 0, 1), 0))?;
            urls.push(format!("http://{}", listener.local_addr()?));
            let shared = Arc::clone(&shared);
            std::thread::Builder::new()
                .stack_size(LISTENER_STACK_BYTES)
                .spawn(move || {
                    for stream in listener.incoming().flatten() {
                        let shared = Arc::clone(&shared);
                        // Errors say that the node has left.
                        std::thread::spawn(move || serve(&stream, host, &shared));
                    }
                })?;
        }
        Ok(Self { urls, asked })
    }
}

/// Answers the requests of one connection; `None` at its end.
fn serve(mut stream: &TcpStream, host: usize, shared: &Shared) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let mut request = read_request(&mut reader)?;
        if request.route.split('?').next() == Some(shared.route) {
            shared.asked.fetch_add(1, Ordering::Relaxed);
        }
        request.host = host;
        request.number = shared.requests.fetch_add(1, Ordering::Relaxed);
        let answer = (shared.conduct)(&request);
        stream.write_all(&answer.first).ok()?;
        match answer.then {
            Then::Next => {}
            Then::Repeat(bytes) => loop {
                stream.write_all(&bytes).ok()?;
            },
            Then::Trickle(bytes) => {
                for byte in bytes {
                    stream.write_all(&[byte]).ok()?;
                    std::thread::sleep(TRICKLE);
                }
            }
            Then::Silence => {
                // Nothing comes until the node closes.
                let _ = reader.read(&mut [0]);
                return None;
            }
        }
    }
}

/// Reads a request; host and number are the caller's to say.
fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?);
    let route = target.trim_start_matches("/p2p/v1/").to_owned();
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok().filter(|it| *it > 0)?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = Request {
        host: 0,
        number: 0,
        method,
        route,
        headers,
        body: Vec::new(),
    };
    let length = match request.header("content-length") {
        "" => 0,
        text => text.parse().ok()?,
    };
    request.body = vec![0; Some(length).filter(|it| *it <= MAX_REQUEST_BYTES)?];
    reader.read_exact(&mut request.body).ok()?;
    Some(request)
}
