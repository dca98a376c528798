//! What peers do to a node that was led to them, a row each.

use std::net::SocketAddr;
use std::path::Path;
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};
use bytes::Bytes;
use serde_json::{Value, json};
use synod_api::p2p::MAX_ADDRESSES;
use synod_gossip::CompactBlock;
use synod_gossip::wire::{MAX_STREAMED_IDS, News, write_frame, write_header};
use synod_primitives::{Block, Wtxid};

use crate::attack::Means;
use crate::client::{Connection, JSON};
use crate::hostile::Hostile;
use crate::hosts::{Answer, Hosts, Request, greeting, plain};
use crate::meddlers;
use crate::process::PORT;

/// The bytes of an error that is too long.
const MEGABYTE: usize = 1 << 20;
/// Messages with ids, each with others, before they come again.
const ID_MESSAGES: usize = 64;

/// The rows; the one that fills the mempool is the last.
pub(crate) fn rows(data: &Path, means: &Means<'_>) -> Result<Vec<Hostile>> {
    let blocks = means.new_blocks.iter().map(Block::decode);
    let blocks = blocks.collect::<Result<Vec<_>, _>>()?;
    let mut rows = vec![
        undelivered_blocks(&blocks),
        undelivered_transactions(),
        many_addresses(),
        misbehaving_addresses()?,
    ];
    rows.extend(odd_answers()?);
    rows.push(itself());
    rows.push(clocks()?);
    rows.push(meddlers::row(data, &blocks)?);
    rows.push(mutated_blocks(&blocks)?);
    Ok(rows)
}

fn undelivered_blocks(blocks: &[Block]) -> Hostile {
    let (mut headers, mut bodies) = (Vec::new(), Vec::new());
    for block in blocks {
        write_header(&mut headers, block.header(), &[]);
        write_frame(&mut bodies, block.raw());
    }
    let answer = move |request: &Request| match request.route.as_str() {
        "headers" => Answer::octets(&headers),
        "blocks" => Answer::trickle(bodies.clone()),
        _ => plain(request),
    };
    Hostile::on_all_routes("P05 blocks that come a byte a second", "blocks", answer).once(1)
}

fn undelivered_transactions() -> Hostile {
    let announce = |host: usize| {
        let id = |message: usize, at: usize| {
            let mut id = [0x50; 32];
            for (place, part) in [host, message, at].into_iter().enumerate() {
                id[8 * place..8 * place + 8].copy_from_slice(&part.to_le_bytes());
            }
            Wtxid::from_bytes(id)
        };
        (0..ID_MESSAGES)
            .flat_map(|message| {
                let ids = (0..MAX_STREAMED_IDS).map(|at| id(message, at)).collect();
                News::Transactions(ids).encode()
            })
            .collect::<Vec<u8>>()
    };
    let answer = move |request: &Request| match request.route.as_str() {
        "stream" => Answer::endless(&announce(request.host)),
        // Some are silent, the others have none of those that they announced.
        "transactions" if request.host.is_multiple_of(4) => Answer::silence(),
        _ => plain(request),
    };
    let what = "P05 transactions that are announced only";
    Hostile::on_all_routes(what, "transactions", answer).once(8)
}

/// Each answer has other addresses of one network, at none of which anybody listens.
fn many_addresses() -> Hostile {
    Hostile::new(
        "P08 and P09 a thousand addresses an answer",
        "addresses",
        |request| {
            let url = |at: usize| {
                let number = (request.number * MAX_ADDRESSES + at) % 65_536;
                format!("http://127.255.{}.{}:19339", number / 256, number % 256)
            };
            let urls: Vec<String> = (0..MAX_ADDRESSES).map(url).collect();
            Answer::json(&json!({ "urls": urls }))
        },
    )
}

/// Each address is another one's, who misbehaves at once.
fn misbehaving_addresses() -> Result<Hostile> {
    let broken = broken_page();
    let misbehave = move |request: &Request| match request.route.as_str() {
        "headers" => Answer::octets(&broken),
        _ => plain(request),
    };
    let told = Hosts::start(MAX_ADDRESSES, "headers", Box::new(misbehave))?;
    let urls = json!({ "urls": told.urls });
    let tell = move |_: &Request| Answer::json(&urls);
    let row = Hostile::new(
        "P10 misbehaviour at a thousand addresses",
        "addresses",
        tell,
    );
    Ok(row.counted_by(&told.asked))
}

/// Headers with proof of work of which the second does not follow the first.
fn broken_page() -> Vec<u8> {
    let mut page = Vec::new();
    let genesis = synod_chainspec::genesis_block();
    for _ in 0..2 {
        write_header(&mut page, genesis.header(), &[]);
    }
    page
}

/// Answers to a question for headers that are none.
fn odd_answers() -> Result<Vec<Hostile>> {
    let trap = Hosts::start(1, "trap", Box::new(plain))?;
    let location = format!("location: {}/p2p/v1/trap\r\n", trap.urls[0]);
    let redirect = move |_: &Request| Answer::whole("307 Temporary Redirect", &location, &[]);
    let zeros = vec![0; 1 << 16];
    let endless = move |_: &Request| Answer::endless(&zeros);
    let junk = |request: &Request| match request.number % 2 {
        0 => Answer::octets(&[7; 100]),
        _ => Answer::whole("200 OK", "content-type: text/html\r\n", b"<html>"),
    };
    let problem = vec![b'e'; MEGABYTE];
    let error = move |_: &Request| {
        let line = "content-type: application/problem+json\r\n";
        Answer::whole("500 Internal Server Error", line, &problem)
    };
    Ok(vec![
        Hostile::new("P18 answers that lead elsewhere", "headers", redirect).never_at(&trap),
        Hostile::new("P18 answers without end", "headers", endless),
        Hostile::new("P18 answers that are junk", "headers", junk),
        Hostile::new("P18 errors of a megabyte", "headers", error),
    ])
}

/// Who passes the node's greetings on to the node itself.
fn itself() -> Hostile {
    let node = SocketAddr::from(([127, 0, 0, 1], PORT));
    let pass_on = move |request: &Request| -> Result<Answer> {
        let mut connection = Connection::open(node)?;
        let greeting = connection.request("POST", "/p2p/v1/handshake", JSON, &request.body);
        let (status, body) = connection.send(&greeting)?;
        let line = format!("content-type: {JSON}\r\n");
        Ok(Answer::whole(&format!("{status} Passed On"), &line, body))
    };
    let answer = move |request: &Request| pass_on(request).unwrap_or_else(|_| Answer::silence());
    Hostile::new(
        "P19 addresses that lead to the node itself",
        "handshake",
        answer,
    )
}

fn clocks() -> Result<Hostile> {
    let now = UNIX_EPOCH.elapsed()?.as_secs();
    let times = [
        json!(0),
        json!(u64::MAX),
        json!(i64::MAX),
        json!(now + 4_200),
        json!(now),
        json!(now - 4_200),
        json!(-1),
        json!(1.5),
    ];
    let answer = move |request: &Request| -> Answer {
        let mut greeting: Value = greeting(request);
        greeting["time"] = times[request.number % times.len()].clone();
        Answer::json(&greeting)
    };
    let what = "P20 clocks that show any time";
    Ok(Hostile::new(what, "handshake", answer))
}

/// A new block in pieces that do not give it, and then with another witness, again and again;
/// the mempool has its transactions.
fn mutated_blocks(blocks: &[Block]) -> Result<Hostile> {
    let block = blocks.first().context("a new block")?;
    let payments = block.transactions()[1..].to_vec();
    let stranger = payments.last().context("a payment")?.raw().clone();
    let compact = |change: &dyn Fn(&mut CompactBlock)| {
        let mut compact = CompactBlock::of(block, Bytes::new(), 7, 0);
        change(&mut compact);
        News::Block(compact.encode().into()).encode()
    };
    let missing = compact(&|it| it.ids[1] = it.ids[0]);
    let disordered = compact(&|it| {
        let count = u16::try_from(it.ids.len()).expect("a block holds fewer");
        it.places = Some((0..count).rev().collect());
    });
    let news = [missing, disordered].concat();
    let mut mutated = block.raw().to_vec();
    // The last payment's key.
    let at = mutated.len() - 60;
    mutated[at] ^= 1;
    let (mut whole, mut piece) = (Vec::new(), Vec::new());
    write_frame(&mut whole, &mutated);
    write_frame(&mut piece, &stranger);
    let answer = move |request: &Request| match request.route.as_str() {
        "stream" => Answer::endless(&news),
        "blocks" => Answer::octets(&whole),
        route if route.starts_with("blocks/") => Answer::octets(&piece),
        _ => plain(request),
    };
    let what = "P21 compact blocks that are mutated";
    let row = Hostile::on_all_routes(what, "blocks", answer);
    Ok(row.once(8).beside_mempool(payments))
}
