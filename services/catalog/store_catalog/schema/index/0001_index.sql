-- The read model of one process: it can always be deleted, and is built again from the truth.
-- A change of this file makes existing copies unusable, which is right: they are rebuilt at the next start.

-- Names that people take for the same have one key (store_kit.texts.same_text) and are one category, shown as the first
-- of them was written.
CREATE TABLE category (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL
);

-- n is the order of age (created_at, then a hash of the id) and the same on every replica; every index ends in it.
CREATE TABLE product (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    revision INTEGER NOT NULL,
    in_stock INTEGER NOT NULL,
    category INTEGER NOT NULL,
    price_minor INTEGER NOT NULL,
    name_key TEXT NOT NULL,
    item BLOB NOT NULL
);

-- Deleted products, for as long as an older copy of one may still be on its way.
CREATE TABLE gone (
    id TEXT PRIMARY KEY,
    revision INTEGER NOT NULL,
    at_ms INTEGER NOT NULL
) WITHOUT ROWID;

-- What searches filter, sort and count by: narrow, so that the rows of ten thousand matches lie on few pages.
-- cell is category * 32 + in_stock * 16 + number of the price range.
CREATE TABLE facts (
    n INTEGER PRIMARY KEY,
    cell INTEGER NOT NULL,
    price_minor INTEGER NOT NULL
);

-- Every word that was ever in a text and does not begin with a digit: what the last word of a search may go on to.
CREATE TABLE vocabulary (
    word TEXT PRIMARY KEY
) WITHOUT ROWID;

-- Words, folded already (see read_model_text.py). No positions and no sizes: nothing is scored.
CREATE VIRTUAL TABLE words USING fts5 (name, rest, detail = column, columnsize = 0, tokenize = 'ascii');

CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value NOT NULL
) WITHOUT ROWID;
