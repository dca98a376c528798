-- The slashing protection of a validator. Keys, digests and signatures are bytes as they are
-- hashed; `sum` is a digest of the other columns of its row.

-- What the database belongs to, and how often it has changed.
CREATE TABLE head (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    chain_id  BLOB    NOT NULL CHECK (length(chain_id) = 32),
    instance  BLOB    NOT NULL CHECK (length(instance) = 16),
    sequence  INTEGER NOT NULL CHECK (sequence >= 0),
    history   BLOB    NOT NULL CHECK (length(history) = 32),
    before    BLOB    NOT NULL CHECK (length(before) = 32),
    sum       BLOB    NOT NULL CHECK (length(sum) = 32)
) STRICT;

-- The watermarks of each key: nothing is signed at or below the high ones, and nothing is known
-- at or below the low ones.
CREATE TABLE marks (
    key             BLOB    PRIMARY KEY CHECK (length(key) = 32),
    low_slot        INTEGER CHECK (low_slot >= 0),
    low_target      INTEGER CHECK (low_target >= 0),
    slot            INTEGER CHECK (slot >= 0),
    round           INTEGER CHECK (round BETWEEN 0 AND 4294967295),
    forged          INTEGER NOT NULL CHECK (forged BETWEEN 0 AND 4294967295),
    prevoted        INTEGER NOT NULL CHECK (prevoted BETWEEN 0 AND 4294967295),
    prevoted_height INTEGER NOT NULL CHECK (prevoted_height BETWEEN 0 AND 4294967295),
    source          INTEGER CHECK (source >= 0),
    target          INTEGER CHECK (target >= 0),
    sum             BLOB    NOT NULL CHECK (length(sum) = 32),
    CHECK ((slot IS NULL) = (round IS NULL)),
    CHECK ((source IS NULL) = (target IS NULL))
) STRICT, WITHOUT ROWID;

-- What was sealed: one signature for each place.
CREATE TABLE seals (
    key               BLOB    NOT NULL REFERENCES marks (key),
    slot              INTEGER NOT NULL CHECK (slot >= 0),
    round             INTEGER NOT NULL CHECK (round BETWEEN 0 AND 4294967295),
    height            INTEGER NOT NULL CHECK (height BETWEEN 0 AND 4294967295),
    previously_sealed INTEGER NOT NULL CHECK (previously_sealed BETWEEN 0 AND 4294967295),
    prevoted          INTEGER NOT NULL CHECK (prevoted BETWEEN 0 AND 4294967295),
    digest            BLOB    NOT NULL CHECK (length(digest) = 32),
    signature         BLOB    NOT NULL CHECK (length(signature) = 64),
    sum               BLOB    NOT NULL CHECK (length(sum) = 32),
    PRIMARY KEY (key, slot, round)
) STRICT, WITHOUT ROWID;

-- What was voted: one signature for each target epoch.
CREATE TABLE votes (
    key       BLOB    NOT NULL REFERENCES marks (key),
    target    INTEGER NOT NULL CHECK (target >= 0),
    source    INTEGER NOT NULL CHECK (source >= 0 AND source < target),
    digest    BLOB    NOT NULL CHECK (length(digest) = 32),
    signature BLOB    NOT NULL CHECK (length(signature) = 64),
    sum       BLOB    NOT NULL CHECK (length(sum) = 32),
    PRIMARY KEY (key, target)
) STRICT, WITHOUT ROWID;
