-- The explorer's index: everything here can be rebuilt from the node's blocks.
--
-- A transaction of the active chain is named by one number: its block's height times 2^20 plus its
-- position there. So rows are appended in the order of the chain, what a reorganisation takes
-- back is one range, and no table needs a column for the height.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The active chain. The bytes of a block are its header and its transactions' bytes.
CREATE TABLE blocks (
    height      INTEGER PRIMARY KEY,
    hash        BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    header      BLOB NOT NULL CHECK (length(header) = 80),
    median_time INTEGER NOT NULL,
    tx_count    INTEGER NOT NULL,
    size        INTEGER NOT NULL,
    weight      INTEGER NOT NULL,
    fees_sat    INTEGER NOT NULL,
    output_sat  INTEGER NOT NULL,
    chainwork   BLOB NOT NULL CHECK (length(chainwork) = 32),
    -- Unix seconds at which the explorer saw the block; null when it was caught up on.
    seen_at     INTEGER
) STRICT;

CREATE TABLE transactions (
    id      INTEGER PRIMARY KEY,
    txid    BLOB NOT NULL CHECK (length(txid) = 32),
    fee_sat INTEGER NOT NULL,
    raw     BLOB NOT NULL
) STRICT;
CREATE INDEX transactions_txid ON transactions (txid);

-- Every locking script that was ever paid to, with its sums over the active chain.
CREATE TABLE scripts (
    id           INTEGER PRIMARY KEY,
    hash         BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    script       BLOB NOT NULL,
    tx_count     INTEGER NOT NULL,
    funded_count INTEGER NOT NULL,
    funded_sat   INTEGER NOT NULL,
    spent_count  INTEGER NOT NULL,
    spent_sat    INTEGER NOT NULL
) STRICT;

-- Outputs that can be spent; those that never can (OP_RETURN) are in their transaction alone.
CREATE TABLE outputs (
    tx_id      INTEGER NOT NULL,
    vout       INTEGER NOT NULL,
    value_sat  INTEGER NOT NULL,
    script_id  INTEGER NOT NULL,
    spent_by   INTEGER,
    spent_vin  INTEGER,
    PRIMARY KEY (tx_id, vout)
) STRICT, WITHOUT ROWID;
CREATE INDEX outputs_unspent ON outputs (script_id, tx_id, vout) WHERE spent_by IS NULL;
CREATE INDEX outputs_spender ON outputs (spent_by) WHERE spent_by IS NOT NULL;

-- What each transaction did to each script.
CREATE TABLE history (
    script_id    INTEGER NOT NULL,
    tx_id        INTEGER NOT NULL,
    funded_count INTEGER NOT NULL,
    funded_sat   INTEGER NOT NULL,
    spent_count  INTEGER NOT NULL,
    spent_sat    INTEGER NOT NULL,
    PRIMARY KEY (script_id, tx_id)
) STRICT, WITHOUT ROWID;

-- Blocks that were on the active chain once and lost, kept whole.
CREATE TABLE stale_blocks (
    hash        BLOB PRIMARY KEY CHECK (length(hash) = 32),
    height      INTEGER NOT NULL,
    median_time INTEGER NOT NULL,
    fees_sat    INTEGER NOT NULL,
    output_sat  INTEGER NOT NULL,
    chainwork   BLOB NOT NULL CHECK (length(chainwork) = 32),
    seen_at     INTEGER,
    reorg_id    INTEGER NOT NULL,
    raw         BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX stale_blocks_height ON stale_blocks (height);

CREATE TABLE reorgs (
    id          INTEGER PRIMARY KEY,
    time        INTEGER NOT NULL,
    fork_height INTEGER NOT NULL,
    depth       INTEGER NOT NULL,
    old_tip     BLOB NOT NULL CHECK (length(old_tip) = 32),
    old_height  INTEGER NOT NULL,
    old_work    BLOB NOT NULL CHECK (length(old_work) = 32),
    new_tip     BLOB NOT NULL CHECK (length(new_tip) = 32),
    new_height  INTEGER NOT NULL,
    new_work    BLOB NOT NULL CHECK (length(new_work) = 32),
    dropped     INTEGER NOT NULL
) STRICT;

-- Transactions, coinbases apart, that a reorganisation took out of the active chain.
CREATE TABLE dropped_transactions (
    reorg_id INTEGER NOT NULL,
    position INTEGER NOT NULL,
    txid     BLOB NOT NULL CHECK (length(txid) = 32),
    block    BLOB NOT NULL CHECK (length(block) = 32),
    PRIMARY KEY (reorg_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX dropped_transactions_txid ON dropped_transactions (txid);
