//! A server on a free port, and a client that sends exactly the bytes it is told to.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses a part of this module"
)]

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use synod_api::Problem;
use synod_service::{Limits, Shutdown, bind, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// Longer than anything here takes; a test that reaches it fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Server {
    pub address: SocketAddr,
    pub shutdown: Shutdown,
    pub task: JoinHandle<std::io::Result<()>>,
}

pub async fn start(router: Router, limits: Limits) -> Server {
    start_with(router, limits, Shutdown::new()).await
}

pub async fn start_with(router: Router, limits: Limits, shutdown: Shutdown) -> Server {
    let listener = bind("127.0.0.1:0".parse().expect("an address"))
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    let task = tokio::spawn(serve(listener, router, shutdown.clone(), limits));
    Server {
        address,
        shutdown,
        task,
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn problem(&self) -> Problem {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        let problem: Problem = serde_json::from_slice(&self.body).expect("a problem document");
        assert_eq!(problem.status, self.status);
        assert_eq!(
            Some(problem.request_id.as_str()),
            self.header("x-request-id")
        );
        assert!(!problem.request_id.is_empty() && !problem.detail.is_empty());
        problem
    }

    /// The status and the code, for tables.
    pub fn verdict(&self) -> (u16, String) {
        if self.status < 400 {
            (self.status, String::new())
        } else {
            (self.status, self.problem().code)
        }
    }
}

impl Server {
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address)
            .await
            .expect("a connection")
    }

    /// Sends a request with the given header lines and reads the answer to the end.
    pub async fn send(&self, line: &str, headers: &[&str], body: &[u8]) -> Answer {
        let mut request = format!("{line} HTTP/1.1\r\nConnection: close\r\n");
        if !headers
            .iter()
            .any(|it| it.to_ascii_lowercase().starts_with("host:"))
        {
            request.push_str("Host: localhost\r\n");
        }
        for header in headers {
            request.push_str(header);
            request.push_str("\r\n");
        }
        let has_length = headers.iter().any(|it| {
            let it = it.to_ascii_lowercase();
            it.starts_with("content-length:") || it.starts_with("transfer-encoding:")
        });
        if !body.is_empty() && !has_length {
            request.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        self.exchange(&[request.as_bytes(), body].concat()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(&format!("GET {path}"), &[], b"").await
    }

    pub async fn post_json(&self, path: &str, body: &[u8]) -> Answer {
        self.send(
            &format!("POST {path}"),
            &["Content-Type: application/json"],
            body,
        )
        .await
    }

    /// Sends bytes and reads the answer to the end of the connection.
    pub async fn exchange(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect().await;
        let (mut reader, mut writer) = stream.split();
        let write = async {
            // The server may answer and close before it has read all.
            let _ = writer.write_all(bytes).await;
        };
        let mut received = Vec::new();
        let read = async {
            let _ = reader.read_to_end(&mut received).await;
        };
        tokio::time::timeout(PATIENCE, async { tokio::join!(write, read) })
            .await
            .expect("an answer in time");
        parse(&received)
    }
}

pub fn parse(received: &[u8]) -> Answer {
    let end = received.windows(4).position(|it| it == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(received)));
    let head = String::from_utf8_lossy(&received[..end]).into_owned();
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|it| it.parse().ok())
        .expect("a status");
    let mut body = received[end + 4..].to_vec();
    if head
        .to_ascii_lowercase()
        .contains("transfer-encoding: chunked")
    {
        body = unchunk(&body);
    }
    Answer { status, head, body }
}

fn unchunk(mut body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(end) = body.windows(2).position(|it| it == b"\r\n") {
        let size = std::str::from_utf8(&body[..end]).expect("a size");
        let size = usize::from_str_radix(size, 16).expect("a size");
        if size == 0 {
            break;
        }
        out.extend_from_slice(&body[end + 2..end + 2 + size]);
        body = &body[end + 2 + size + 2..];
    }
    out
}
