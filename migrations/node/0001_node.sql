-- The node's database, version 1.
--
-- Every row carries a checksum over its columns and its key, so that a flipped bit is an
-- error when the row is read. Checksums are 64 bits of XXH3, kept as a signed integer.

PRAGMA application_id = 0x53594e44; -- "SYND"
PRAGMA user_version = 1;

-- Which network the file belongs to.
CREATE TABLE identity (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    network TEXT NOT NULL,
    chain_id BLOB NOT NULL CHECK (length(chain_id) = 32),
    genesis BLOB NOT NULL CHECK (length(genesis) = 32),
    checksum INTEGER NOT NULL
) STRICT;

-- Where everything stands; changes with every transaction.
CREATE TABLE chain_state (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    commits INTEGER NOT NULL CHECK (commits >= 0),
    history BLOB NOT NULL CHECK (length(history) = 32),
    headers INTEGER NOT NULL CHECK (headers >= 0),
    tip_height INTEGER CHECK (tip_height >= 0),
    tip_hash BLOB CHECK (length(tip_hash) = 32),
    coins_tip BLOB CHECK (length(coins_tip) = 32),
    transactions_tip BLOB CHECK (length(transactions_tip) = 32),
    pruned_below INTEGER NOT NULL CHECK (pruned_below >= 0),
    meta_digest INTEGER NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;

-- All headers of all branches; ids are in the order of arrival without gaps, so parents
-- come before children.
CREATE TABLE headers (
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    header BLOB NOT NULL CHECK (length(header) = 80),
    height INTEGER NOT NULL CHECK (height >= 0),
    chainwork BLOB NOT NULL CHECK (length(chainwork) = 32),
    status INTEGER NOT NULL CHECK (status BETWEEN 0 AND 3),
    failure_code TEXT,
    failed_at BLOB CHECK (length(failed_at) = 32),
    arrival INTEGER NOT NULL CHECK (arrival >= 0),
    transaction_count INTEGER NOT NULL CHECK (transaction_count >= 0),
    proof BLOB NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;

CREATE INDEX headers_by_height ON headers (height);

CREATE TABLE active_chain (
    height INTEGER PRIMARY KEY,
    header_id INTEGER NOT NULL REFERENCES headers (id),
    checksum INTEGER NOT NULL
) STRICT;

-- Raw blocks in parts of 64 KiB, so that one transaction is read without its whole block.
-- id = headers.id * 1024 + index of the part.
CREATE TABLE block_parts (
    id INTEGER PRIMARY KEY,
    block_size INTEGER NOT NULL CHECK (block_size > 0),
    bytes BLOB NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;

CREATE TABLE undo (
    header_id INTEGER PRIMARY KEY REFERENCES headers (id),
    bytes BLOB NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;

-- Unspent outputs as of chain_state.coins_tip. The key is the txid and the output's index,
-- most significant byte first; the last 4 bytes of the value are its checksum.
CREATE TABLE coins (
    outpoint BLOB PRIMARY KEY CHECK (length(outpoint) = 36),
    coin BLOB NOT NULL CHECK (length(coin) >= 4)
) STRICT, WITHOUT ROWID;

-- Where the transactions of the active chain up to chain_state.transactions_tip lie:
-- headers.id (8 bytes), offset and length in the block (4 each, least significant first),
-- checksum (4).
CREATE TABLE transactions (
    txid BLOB PRIMARY KEY CHECK (length(txid) = 32),
    location BLOB NOT NULL CHECK (length(location) = 20)
) STRICT, WITHOUT ROWID;

-- Count and sum of the keys of coins and transactions, by the first 12 bits of the key:
-- proves that a key is absent and was not merely lost to a flipped bit.
CREATE TABLE key_tallies (
    id INTEGER PRIMARY KEY,
    tallies BLOB NOT NULL CHECK (length(tallies) = 3072),
    checksum INTEGER NOT NULL
) STRICT;

-- Small records by name; chain_state.meta_digest covers the names and checksums.
CREATE TABLE meta (
    name TEXT PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 64),
    checksum INTEGER NOT NULL,
    value BLOB NOT NULL
) STRICT;

-- The address book; times are seconds since 1970.
CREATE TABLE peers (
    url TEXT PRIMARY KEY CHECK (length(url) BETWEEN 1 AND 2048),
    source TEXT NOT NULL,
    added INTEGER NOT NULL,
    last_attempt INTEGER,
    last_success INTEGER,
    failures INTEGER NOT NULL CHECK (failures >= 0),
    discouraged_until INTEGER,
    checksum INTEGER NOT NULL
) STRICT;
