-- The node's database, version 2.
--
-- Addresses of peers are hints: the node keeps them in a file of its own (`peers.json`), which may
-- be lost without harm, and not beside what must not be. The table was never written to.

PRAGMA user_version = 2;

DROP TABLE peers;
