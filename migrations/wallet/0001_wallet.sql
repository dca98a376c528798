-- One database per wallet. Hashes are in internal byte order.

-- What the database belongs to; `revision` rises with every write, so that another process
-- notices that its copy in memory is old.
CREATE TABLE wallet (
    id            INTEGER PRIMARY KEY CHECK (id = 1),
    network       TEXT    NOT NULL CHECK (network = 'regtest'),
    external      TEXT    NOT NULL,
    internal      TEXT    NOT NULL,
    birthday      INTEGER NOT NULL CHECK (birthday >= 0),
    revision      INTEGER NOT NULL CHECK (revision >= 0),
    synced_at     INTEGER
) STRICT;

-- The blocks of the active chain that the wallet knows.
CREATE TABLE blocks (
    height        INTEGER PRIMARY KEY CHECK (height >= 0),
    hash          BLOB    NOT NULL CHECK (length(hash) = 32)
) STRICT;

-- Transactions that touch the wallet, and when they were seen in a mempool (Unix seconds).
CREATE TABLE transactions (
    txid          BLOB    PRIMARY KEY CHECK (length(txid) = 32),
    raw           BLOB,
    first_seen    INTEGER,
    last_seen     INTEGER,
    last_evicted  INTEGER
) STRICT, WITHOUT ROWID;

-- Outputs of transactions that are not stored whole.
CREATE TABLE outputs (
    txid          BLOB    NOT NULL CHECK (length(txid) = 32),
    vout          INTEGER NOT NULL CHECK (vout >= 0),
    value_sat     INTEGER NOT NULL CHECK (value_sat >= 0),
    script        BLOB    NOT NULL,
    PRIMARY KEY (txid, vout)
) STRICT, WITHOUT ROWID;

-- Which block a transaction was seen in; blocks that left the chain stay as candidates.
CREATE TABLE anchors (
    txid          BLOB    NOT NULL CHECK (length(txid) = 32),
    block_hash    BLOB    NOT NULL CHECK (length(block_hash) = 32),
    height        INTEGER NOT NULL CHECK (height >= 0),
    block_time    INTEGER NOT NULL CHECK (block_time >= 0),
    PRIMARY KEY (txid, block_hash)
) STRICT, WITHOUT ROWID;

-- The last address given out of each descriptor.
CREATE TABLE revealed (
    descriptor_id BLOB    PRIMARY KEY CHECK (length(descriptor_id) = 32),
    last_index    INTEGER NOT NULL CHECK (last_index >= 0)
) STRICT, WITHOUT ROWID;

-- Payments that this wallet made. `draft`: a PSBT is out to be signed elsewhere; `signed`: kept,
-- to be broadcast (again); the others are ends.
CREATE TABLE payments (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    request_id    TEXT    UNIQUE,
    request       TEXT    NOT NULL,
    state         TEXT    NOT NULL CHECK (state IN ('draft', 'signed', 'broadcast', 'failed', 'released', 'replaced')),
    txid          BLOB    NOT NULL CHECK (length(txid) = 32),
    raw           BLOB,
    error         TEXT,
    created_at    INTEGER NOT NULL,
    expires_at    INTEGER
) STRICT;
CREATE INDEX payments_by_state ON payments (state);
CREATE INDEX payments_by_txid ON payments (txid);

-- Coins that a payment in the making holds. The key is what keeps two payments off one coin.
CREATE TABLE reservations (
    txid          BLOB    NOT NULL CHECK (length(txid) = 32),
    vout          INTEGER NOT NULL CHECK (vout >= 0),
    payment       INTEGER NOT NULL REFERENCES payments (id) ON DELETE CASCADE,
    PRIMARY KEY (txid, vout)
) STRICT, WITHOUT ROWID;
CREATE INDEX reservations_by_payment ON reservations (payment);

-- Names that users of the service gave to addresses and transactions.
CREATE TABLE labels (
    reference     TEXT    PRIMARY KEY CHECK (length(reference) BETWEEN 1 AND 255),
    label         TEXT    NOT NULL CHECK (length(label) BETWEEN 1 AND 255)
) STRICT, WITHOUT ROWID;
