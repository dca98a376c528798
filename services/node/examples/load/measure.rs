//! An honest reader whose waits are what counts, beside others who mean harm.

use std::borrow::Cow;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use synod_primitives::Block;

use crate::client::{Connection, with};
use crate::process::Node;
use crate::strangers::shake_hands;

/// How long each row lasts.
pub(crate) const ROW: Duration = Duration::from_secs(4);
/// The honest reader's pause between two requests.
const PAUSE: Duration = Duration::from_millis(2);
/// Attackers at once, where the row says nothing else.
pub(crate) const ATTACKERS: usize = 8;

/// What an attacker sends, again and again: whole requests, over one connection as long as it
/// stays open.
pub(crate) struct Attack {
    pub(crate) what: &'static str,
    pub(crate) requests: Vec<Vec<u8>>,
    pub(crate) attackers: usize,
    pub(crate) pause: Duration,
    /// Sessions that each request is sent in, made when the row begins: the node forgets who is
    /// silent for a minute, and whom others push out. None for requests without session.
    pub(crate) sessions: usize,
    /// What the first request has to be answered with, beside a word of the answer: an attack that
    /// is refused for another reason than the row's is none.
    pub(crate) answer: Option<(u16, &'static str)>,
}

impl Attack {
    pub(crate) fn new(what: &'static str, requests: Vec<Vec<u8>>) -> Self {
        Self {
            what,
            requests,
            attackers: ATTACKERS,
            pause: Duration::ZERO,
            sessions: 0,
            answer: None,
        }
    }

    /// Sends the requests in so many sessions.
    pub(crate) fn seated(self, sessions: usize) -> Self {
        Self { sessions, ..self }
    }

    /// Returns the requests as they are sent, one after the other in all sessions: attackers take
    /// turns with the list, so each of as many keeps to one.
    fn requests(&self, node: &Node) -> Result<Cow<'_, [Vec<u8>]>> {
        if self.sessions == 0 {
            return Ok(Cow::Borrowed(&self.requests));
        }
        let lines = (0..self.sessions)
            .map(|_| Ok(format!("x-synod-session: {}", shake_hands(node)?)))
            .collect::<Result<Vec<_>>>()?;
        let mut requests = Vec::new();
        for request in &self.requests {
            requests.extend(lines.iter().map(|line| with(line, request)));
        }
        Ok(requests.into())
    }

    pub(crate) fn answered(self, status: u16, word: &'static str) -> Self {
        let answer = Some((status, word));
        Self { answer, ..self }
    }
}

/// Says whether a row is one of those that were asked for by the beginnings of their names.
pub(crate) fn is_wanted(rows: &[String], what: &str) -> bool {
    rows.is_empty() || rows.iter().any(|row| what.starts_with(row.as_str()))
}

/// Reads from a node what a client reads, and keeps the rows that are wanted apart from others.
pub(crate) struct Reader<'r> {
    requests: Vec<Vec<u8>>,
    /// Beginnings of the names of rows; all are wanted when there is none.
    rows: &'r [String],
}

impl<'r> Reader<'r> {
    /// Asks for the chain, for a block that the node has, and for its transactions and outputs.
    pub(crate) fn new(node: &Node, full_block: &Bytes, rows: &'r [String]) -> Result<Self> {
        let connection = Connection::open(node.address)?;
        let block = Block::decode(full_block)?;
        let mut paths = vec!["/v1/chain".to_owned(), "/v1/mempool".to_owned()];
        paths.push(format!("/v1/blocks/{}", block.hash()));
        for transaction in block.transactions().iter().skip(1).step_by(97) {
            paths.push(format!("/v1/transactions/{}", transaction.txid()));
            paths.push(format!("/v1/outputs/{}/0", transaction.txid()));
        }
        let get = |path: &String| connection.request("GET", path, "", &[]);
        let requests = paths.iter().map(get).collect();
        Ok(Self { requests, rows })
    }

    pub(crate) fn wants(&self, what: &str) -> bool {
        is_wanted(self.rows, what)
    }

    /// Measures one row whose attackers come to the node, if it is wanted.
    pub(crate) fn row(&self, node: &Node, attack: &Attack) -> Result<()> {
        if !self.wants(attack.what) {
            return Ok(());
        }
        let requests = attack.requests(node)?;
        if let (Some((status, word)), Some(first)) = (attack.answer, requests.first()) {
            let mut connection = Connection::open(node.address)?;
            let (found, body) = connection.send(first)?;
            let text = String::from_utf8_lossy(body);
            ensure!(
                found == status && text.contains(word),
                "{}: {found} {text}",
                attack.what
            );
        }
        let sent = AtomicUsize::new(0);
        let one = |attacker: usize, stop: &AtomicBool| {
            bother(node, attack, (&requests, attacker), (stop, &sent));
            Ok(())
        };
        self.beside(node, attack.what, attack.attackers, &one, &sent)
    }

    /// Measures one row beside attackers who run until they are told to stop; `count` is of what
    /// they did.
    pub(crate) fn beside(
        &self,
        node: &Node,
        what: &str,
        attackers: usize,
        attack: &(dyn Fn(usize, &AtomicBool) -> Result<()> + Sync),
        count: &AtomicUsize,
    ) -> Result<()> {
        let stop = AtomicBool::new(false);
        let (start, before) = (Instant::now(), count.load(Ordering::Relaxed));
        let mut waits = std::thread::scope(|scope| -> Result<Vec<u32>> {
            let stop = &stop;
            let threads: Vec<_> = (0..attackers)
                .map(|attacker| scope.spawn(move || attack(attacker, stop)))
                .collect();
            let waits = self.read_honestly(node);
            stop.store(true, Ordering::Relaxed);
            for thread in threads {
                thread.join().expect("no panic")?;
            }
            waits
        })
        .with_context(|| what.to_owned())?;
        let attacks = count.load(Ordering::Relaxed) - before;
        ensure!(attackers == 0 || attacks > 0, "{what}: nobody attacked");
        let seconds = start.elapsed().as_secs_f64();
        waits.sort_unstable();
        let percentile = |percent: usize| {
            let place = (waits.len() - 1) * percent / 100;
            f64::from(waits[place]) / 1000.0
        };
        println!(
            "{what:<46} {:>9.0} attacks/s   honest p50 {:>8.2} ms  p99 {:>8.2} ms  longest {:>8.2} ms",
            attacks as f64 / seconds,
            percentile(50),
            percentile(99),
            percentile(100),
        );
        Ok(())
    }

    /// Asks for what a client asks for, one after the other; returns the waits in microseconds.
    fn read_honestly(&self, node: &Node) -> Result<Vec<u32>> {
        let mut connection = Connection::open(node.address)?;
        let (mut waits, start) = (Vec::new(), Instant::now());
        for request in self.requests.iter().cycle() {
            if start.elapsed() > ROW {
                break;
            }
            let sent = Instant::now();
            let (status, _) = connection.send(request)?;
            ensure!(status == 200, "an honest reader was answered {status}");
            waits.push(u32::try_from(sent.elapsed().as_micros())?);
            std::thread::sleep(PAUSE);
        }
        Ok(waits)
    }
}

/// Sends what the attack says until it is over; a connection that ends is opened anew.
fn bother(
    node: &Node,
    attack: &Attack,
    (requests, attacker): (&[Vec<u8>], usize),
    (stop, sent): (&AtomicBool, &AtomicUsize),
) {
    let mut connection: Option<TcpStream> = None;
    let mut answer = vec![0; 1 << 16];
    let share = requests.iter().skip(attacker).step_by(attack.attackers);
    let own: Vec<&Vec<u8>> = match requests.len() >= attack.attackers {
        true => share.collect(),
        false => requests.iter().collect(),
    };
    for request in own.into_iter().cycle() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let open = connection.take().or_else(|| {
            let stream = TcpStream::connect(node.address).ok()?;
            stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
            Some(stream)
        });
        connection = open.and_then(|mut stream| {
            stream.write_all(request).ok()?;
            read_answer(&mut stream, &mut answer)?;
            Some(stream)
        });
        sent.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(attack.pause);
    }
}

/// Reads one answer and forgets it; `None` when the connection ends with it.
fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> Option<()> {
    let mut filled = 0;
    let head = loop {
        let count = stream.read(buffer.get_mut(filled..)?).ok()?;
        if count == 0 {
            return None;
        }
        filled += count;
        let end = buffer[..filled].windows(4).position(|it| it == b"\r\n\r\n");
        if let Some(end) = end {
            break end + 4;
        }
    };
    let text = std::str::from_utf8(&buffer[..head]).ok()?;
    let length = text
        .split("content-length: ")
        .nth(1)?
        .split("\r\n")
        .next()?;
    let mut left = length.parse::<usize>().ok()?.checked_sub(filled - head)?;
    while left > 0 {
        let part = left.min(buffer.len());
        let count = stream.read(&mut buffer[..part]).ok()?;
        left = left.checked_sub(count).filter(|_| count > 0)?;
    }
    Some(())
}
