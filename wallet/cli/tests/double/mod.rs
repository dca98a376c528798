//! A double of an explorer: serves the Esplora routes that the wallet uses over a made-up chain.
//!
//! It knows conflicts and replacements, not scripts or proof of work: what it accepts says
//! nothing on consensus, only how the wallet behaves towards an explorer.

#![allow(dead_code, reason = "each test file uses its own part of the double")]

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use synod_wallet_core::bitcoin::{
    Address, Amount, BlockHash, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid,
    absolute,
    consensus::encode::deserialize_hex,
    constants::genesis_block,
    hashes::{Hash, sha256},
    hex::DisplayHex,
    transaction::Version,
};

/// The made-up chain.
#[derive(Default)]
pub(crate) struct Chain {
    blocks: Vec<BlockHash>,
    transactions: BTreeMap<Txid, (Transaction, Option<u32>)>,
    /// Every transaction that was posted, in order.
    pub(crate) posted: Vec<Txid>,
    salt: u32,
    /// Whether it is a network of proof of stake.
    pub(crate) has_stake: bool,
    /// Answers every request with this status instead.
    pub(crate) broken: Option<u16>,
    /// Drops the connection after a post was taken in, before it is answered.
    pub(crate) silent_posts: bool,
}

impl Chain {
    fn spender(&self, coin: OutPoint) -> Option<Txid> {
        let spends = |tx: &Transaction| tx.input.iter().any(|input| input.previous_output == coin);
        self.transactions
            .iter()
            .find(|(_, (tx, _))| spends(tx))
            .map(|(txid, _)| *txid)
    }

    fn output(&self, coin: OutPoint) -> Option<&TxOut> {
        self.transactions
            .get(&coin.txid)?
            .0
            .output
            .get(coin.vout as usize)
    }

    fn fee(&self, tx: &Transaction) -> Option<u64> {
        let mut input = 0;
        for txin in &tx.input {
            input += self.output(txin.previous_output)?.value.to_sat();
        }
        input.checked_sub(tx.output.iter().map(|output| output.value.to_sat()).sum())
    }

    pub(crate) fn accept(&mut self, tx: Transaction) -> Result<Txid, String> {
        let txid = tx.compute_txid();
        if self.transactions.contains_key(&txid) {
            return Ok(txid);
        }
        let fee = self.fee(&tx).ok_or("bad-txns-inputs-missingorspent")?;
        let mut replaced = Vec::new();
        for other in tx
            .input
            .iter()
            .filter_map(|input| self.spender(input.previous_output))
        {
            let (known, height) = &self.transactions[&other];
            if height.is_some() {
                return Err("bad-txns-inputs-missingorspent".to_owned());
            }
            if self.fee(known).is_none_or(|old| fee <= old) {
                return Err("txn-mempool-conflict".to_owned());
            }
            replaced.push(other);
        }
        for other in replaced {
            self.transactions.remove(&other);
        }
        self.transactions.insert(txid, (tx, None));
        self.posted.push(txid);
        Ok(txid)
    }

    fn mine(&mut self) -> u32 {
        let height = self.blocks.len() as u32;
        self.salt += 1;
        self.blocks.push(BlockHash::hash(
            &[height.to_le_bytes(), self.salt.to_le_bytes()].concat(),
        ));
        for (_, at) in self
            .transactions
            .values_mut()
            .filter(|(_, at)| at.is_none())
        {
            *at = Some(height);
        }
        height
    }

    pub(crate) fn tip(&self) -> u32 {
        self.blocks.len() as u32 - 1
    }

    fn status(&self, height: Option<u32>) -> Value {
        match height {
            None => json!({"confirmed": false}),
            Some(height) => json!({
                "confirmed": true, "block_height": height,
                "block_hash": self.blocks[height as usize], "block_time": 1_700_000_000 + u64::from(height),
            }),
        }
    }

    fn transaction_json(&self, tx: &Transaction, height: Option<u32>) -> Value {
        let output = |output: &TxOut| json!({"value": output.value.to_sat(), "scriptpubkey": output.script_pubkey});
        let inputs: Vec<Value> = tx
            .input
            .iter()
            .map(|input| {
                json!({
                    "txid": input.previous_output.txid, "vout": input.previous_output.vout,
                    "prevout": self.output(input.previous_output).map(output),
                    "scriptsig": input.script_sig, "sequence": input.sequence.0,
                    "witness": input.witness.iter().map(DisplayHex::to_lower_hex_string).collect::<Vec<_>>(),
                    "is_coinbase": input.previous_output.is_null(),
                })
            })
            .collect();
        json!({
            "txid": tx.compute_txid(), "version": tx.version.0, "locktime": tx.lock_time.to_consensus_u32(),
            "vin": inputs, "vout": tx.output.iter().map(output).collect::<Vec<_>>(),
            "size": tx.total_size(), "weight": tx.weight().to_wu(), "fee": self.fee(tx).unwrap_or(0),
            "status": self.status(height),
        })
    }

    /// Mempool first, then the chain from its tip; pages of 25 as Esplora's.
    fn script_transactions(&self, hash: &str, after: Option<&str>) -> Value {
        let is = |script: &ScriptBuf| sha256::Hash::hash(script.as_bytes()).to_string() == hash;
        let touches = |tx: &Transaction| {
            tx.output.iter().any(|output| is(&output.script_pubkey))
                || tx.input.iter().any(|input| {
                    self.output(input.previous_output)
                        .is_some_and(|o| is(&o.script_pubkey))
                })
        };
        let mut found: Vec<_> = self
            .transactions
            .values()
            .filter(|(tx, _)| touches(tx))
            .collect();
        found.sort_by_key(|(tx, height)| {
            (
                std::cmp::Reverse(height.unwrap_or(u32::MAX)),
                tx.compute_txid(),
            )
        });
        if let Some(after) = after {
            let at = found
                .iter()
                .position(|(tx, _)| tx.compute_txid().to_string() == after);
            found = at.map_or(Vec::new(), |at| found.split_off(at + 1));
        }
        found
            .iter()
            .take(25)
            .map(|(tx, height)| self.transaction_json(tx, *height))
            .collect()
    }

    fn answer(&mut self, method: &str, path: &str, body: &str) -> (u16, String) {
        let unknown = || (404, "Transaction not found".to_owned());
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let get = method == "GET";
        match parts.as_slice() {
            _ if self.broken.is_some() => (self.broken.unwrap_or(500), "broken".to_owned()),
            ["tx"] if !get => match deserialize_hex(body)
                .map_err(|e| e.to_string())
                .and_then(|tx| self.accept(tx))
            {
                Ok(txid) => (200, txid.to_string()),
                Err(reason) => (400, format!("sendrawtransaction RPC error -26: {reason}")),
            },
            ["blocks", "tip", "height"] if get => (200, self.tip().to_string()),
            ["blocks"] if get => {
                let from = self.blocks.len().saturating_sub(10);
                let block = |height: usize| {
                    let previous = height.checked_sub(1).map(|previous| self.blocks[previous]);
                    json!({"id": self.blocks[height], "height": height, "timestamp": 1_700_000_000 + height,
                        "previousblockhash": previous, "merkle_root": "00".repeat(32), "version": 4, "tx_count": 1,
                        "size": 250, "weight": 1000, "mediantime": 1_700_000_000 + height, "nonce": 0,
                        "bits": 0x207f_ffff, "difficulty": 4.6e-10})
                };
                (
                    200,
                    (from..self.blocks.len())
                        .rev()
                        .map(block)
                        .collect::<Value>()
                        .to_string(),
                )
            }
            ["block-height", height] if get => {
                let found = height
                    .parse::<usize>()
                    .ok()
                    .and_then(|height| self.blocks.get(height));
                found.map_or((404, "Block not found".to_owned()), |hash| {
                    (200, hash.to_string())
                })
            }
            ["stake"] if get => {
                let terms = self.has_stake.then(|| {
                    json!({"min_bond_sat": 1_000_000, "min_delegation_sat": 1_000_000,
                        "unbonding_blocks": 5, "slash_percent": 50, "reporter_divisor": 64,
                        "fee_cap_sat": 10_000})
                });
                let engine = if self.has_stake { "pos" } else { "pow" };
                let body = json!({"engine": engine, "final_height": null, "terms": terms});
                (200, body.to_string())
            }
            ["fee-estimates"] if get => (200, r#"{"1":3.0,"6":2.0,"144":1.0}"#.to_owned()),
            ["scripthash", hash, "txs"] if get => {
                (200, self.script_transactions(hash, None).to_string())
            }
            ["scripthash", hash, "txs", "chain", after] if get => {
                (200, self.script_transactions(hash, Some(after)).to_string())
            }
            ["tx", txid] | ["tx", txid, "status"] if get => {
                let found = txid
                    .parse()
                    .ok()
                    .and_then(|txid: Txid| self.transactions.get(&txid));
                match (found, parts.len()) {
                    (Some((tx, height)), 2) => {
                        (200, self.transaction_json(tx, *height).to_string())
                    }
                    (Some((_, height)), _) => (200, self.status(*height).to_string()),
                    (None, 2) => unknown(),
                    (None, _) => (200, self.status(None).to_string()),
                }
            }
            _ => (404, format!("endpoint does not exist \"{path}\"")),
        }
    }
}

/// A running double.
pub(crate) struct Double {
    chain: Arc<Mutex<Chain>>,
    url: String,
}

impl Double {
    /// Starts on a free port with the genesis block only.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}/api", listener.local_addr().expect("bound"));
        let genesis = genesis_block(synod_wallet_core::NETWORK).block_hash();
        let chain = Arc::new(Mutex::new(Chain {
            blocks: vec![genesis],
            ..Chain::default()
        }));
        let served = Arc::clone(&chain);
        // The thread ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let chain = Arc::clone(&served);
                std::thread::spawn(move || serve(stream, &chain));
            }
        });
        Self { chain, url }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn chain(&self) -> std::sync::MutexGuard<'_, Chain> {
        self.chain
            .lock()
            .expect("no test panics while it holds the chain")
    }

    /// Mines a block with everything that waits; returns its height.
    pub(crate) fn mine(&self) -> u32 {
        self.chain().mine()
    }

    /// Pays from nowhere, unconfirmed.
    pub(crate) fn pay(&self, address: &Address, amounts: &[u64]) -> Txid {
        let mut chain = self.chain();
        chain.salt += 1;
        let source = TxOut {
            value: Amount::from_sat(amounts.iter().sum::<u64>() + 1000),
            script_pubkey: ScriptBuf::new(),
        };
        let coinbase = transaction(
            OutPoint::new(Txid::hash(&chain.salt.to_le_bytes()), 0),
            vec![source],
        );
        let coin = OutPoint::new(coinbase.compute_txid(), 0);
        chain.transactions.insert(coin.txid, (coinbase, Some(0)));
        let output = |sat: &u64| TxOut {
            value: Amount::from_sat(*sat),
            script_pubkey: address.script_pubkey(),
        };
        let payment = transaction(coin, amounts.iter().map(output).collect());
        let txid = payment.compute_txid();
        chain.transactions.insert(txid, (payment, None));
        txid
    }

    /// Pays from nowhere and mines it.
    pub(crate) fn fund(&self, address: &Address, amounts: &[u64]) -> Txid {
        let txid = self.pay(address, amounts);
        self.mine();
        txid
    }

    /// Replaces the last `depth` blocks by one more of another branch; their transactions are unconfirmed again.
    pub(crate) fn reorganise(&self, depth: usize) {
        let mut chain = self.chain();
        let keep = chain.blocks.len() - depth;
        chain.blocks.truncate(keep);
        for (_, at) in chain.transactions.values_mut() {
            *at = at.filter(|height| (*height as usize) < keep);
        }
        for _ in 0..=depth {
            chain.salt += 1;
            let hash = BlockHash::hash(&[b"branch".as_slice(), &chain.salt.to_le_bytes()].concat());
            chain.blocks.push(hash);
        }
    }
}

fn transaction(coin: OutPoint, output: Vec<TxOut>) -> Transaction {
    let input = TxIn {
        previous_output: coin,
        sequence: Sequence::MAX,
        ..TxIn::default()
    };
    Transaction {
        version: Version::TWO,
        lock_time: absolute::LockTime::ZERO,
        input: vec![input],
        output,
    }
}

/// Serves one request on a connection and closes it.
fn serve(mut stream: TcpStream, chain: &Mutex<Chain>) {
    let mut reader = BufReader::new(stream.try_clone().expect("cloned"));
    let mut line = String::new();
    if reader.read_line(&mut line).is_err() {
        return;
    }
    let mut words = line.split_whitespace();
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return;
    };
    let (mut length, mut header) = (0, String::new());
    while reader.read_line(&mut header).is_ok_and(|read| read > 2) {
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        header.clear();
    }
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    let path = path.strip_prefix("/api").unwrap_or(path);
    let (status, text) = {
        let mut chain = chain
            .lock()
            .expect("no test panics while it holds the chain");
        let answer = chain.answer(method, path, &String::from_utf8_lossy(&body));
        if method == "POST" && chain.silent_posts {
            return;
        }
        answer
    };
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        text.len()
    );
    // The client may have gone away; that is its right.
    let _ = stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(text.as_bytes()));
}
