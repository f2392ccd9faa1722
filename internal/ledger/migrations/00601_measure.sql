-- +goose Up
-- One household, one plan a case.
CREATE TABLE plan (
  id           TEXT NOT NULL PRIMARY KEY,
  version      BIGINT NOT NULL,
  case_id      TEXT NOT NULL UNIQUE,
  household_id BIGINT NOT NULL,
  household_no TEXT NOT NULL,
  division     BIGINT NOT NULL,
  revision     INTEGER NOT NULL,      -- 1, 2, 3 … of plan_revision
  created_at   BIGINT NOT NULL,
  changed_at   BIGINT NOT NULL
);
CREATE INDEX plan_household ON plan (household_id);

-- What the plan was after each change.
CREATE TABLE plan_revision (
  plan_id  TEXT NOT NULL REFERENCES plan (id),
  revision INTEGER NOT NULL,
  at       BIGINT NOT NULL,
  actor    TEXT NOT NULL,
  org      TEXT NOT NULL,
  what     TEXT NOT NULL,             -- propose, decide, order, deliver, verify, send_back, stop
  content  TEXT NOT NULL,             -- JSON: the measures
  flags    TEXT NOT NULL,             -- JSON: doubts that the checks told
  PRIMARY KEY (plan_id, revision)
);

CREATE TABLE measure (
  id           TEXT NOT NULL PRIMARY KEY,
  version      BIGINT NOT NULL,
  plan_id      TEXT NOT NULL REFERENCES plan (id),
  case_id      TEXT NOT NULL,
  household_id BIGINT NOT NULL,
  division     BIGINT NOT NULL,
  option_id    TEXT NOT NULL,         -- of the pack
  block        TEXT NOT NULL,
  nature       TEXT NOT NULL,
  person       TEXT NOT NULL,         -- member key, or empty: the household
  risks        TEXT NOT NULL,         -- JSON: open risks that it answers
  state        TEXT NOT NULL,
  origin       TEXT NOT NULL,         -- proposed, added
  why          TEXT NOT NULL,         -- JSON: why it was proposed and what it changes
  department   TEXT NOT NULL,
  owner        TEXT NOT NULL,         -- account, or empty
  deadline     TEXT NOT NULL,         -- day, or empty while it is only proposed
  amount       BIGINT NOT NULL,       -- fen
  fund_zh      TEXT NOT NULL,
  fund_en      TEXT NOT NULL,
  reason       TEXT NOT NULL,         -- sealed: of the last refusal, change, stop
  proposed_at  BIGINT NOT NULL,
  adopted_at   BIGINT,
  delivered_at BIGINT,
  delivered_by TEXT NOT NULL,
  verified_at  BIGINT,
  ended_at     BIGINT                 -- refused or stopped
);
CREATE INDEX measure_plan ON measure (plan_id, proposed_at, id);
CREATE INDEX measure_case ON measure (case_id, state);
CREATE INDEX measure_household ON measure (household_id, state);
CREATE INDEX measure_place ON measure (division, state, block);
CREATE INDEX measure_delivered ON measure (delivered_at, id);

CREATE TABLE measure_step (
  id         TEXT NOT NULL PRIMARY KEY,
  measure_id TEXT NOT NULL REFERENCES measure (id),
  seq        BIGINT NOT NULL,        -- the measure's version after it
  action     TEXT NOT NULL,
  from_state TEXT NOT NULL,
  to_state   TEXT NOT NULL,
  at         BIGINT NOT NULL,
  actor      TEXT NOT NULL,
  org        TEXT NOT NULL,
  reason     TEXT NOT NULL,           -- sealed, or empty
  UNIQUE (measure_id, seq)
);

CREATE TABLE measure_evidence (
  id         TEXT NOT NULL PRIMARY KEY,
  measure_id TEXT NOT NULL REFERENCES measure (id),
  kind       TEXT NOT NULL,           -- photo, document, signature
  hash       TEXT NOT NULL,           -- SHA-256 of the attachment, hex
  at         BIGINT NOT NULL,
  actor      TEXT NOT NULL,
  UNIQUE (measure_id, hash)
);

CREATE TABLE measure_order (
  id          TEXT NOT NULL PRIMARY KEY,
  version     BIGINT NOT NULL,
  measure_id  TEXT NOT NULL REFERENCES measure (id),
  case_id     TEXT NOT NULL,
  division    BIGINT NOT NULL,
  department  TEXT NOT NULL,
  org         TEXT NOT NULL,          -- who must answer
  open_key    TEXT UNIQUE,            -- the measure while the order is open: one open order a measure
  state       TEXT NOT NULL,          -- sent, accepted, rejected, done, withdrawn
  sent_at     BIGINT NOT NULL,
  sent_by     TEXT NOT NULL,
  due         TEXT NOT NULL,          -- day by which it must be answered
  answered_at BIGINT,
  answered_by TEXT NOT NULL,
  done_at     BIGINT,
  reason      TEXT NOT NULL           -- sealed
);
CREATE INDEX measure_order_org ON measure_order (org, state, due, id);
CREATE INDEX measure_order_place ON measure_order (division, state, due, id);
CREATE INDEX measure_order_measure ON measure_order (measure_id, sent_at);
