-- +goose Up
CREATE TABLE casefile (
  id             TEXT NOT NULL PRIMARY KEY,
  version        BIGINT NOT NULL,
  household_id   BIGINT NOT NULL,
  household_no   TEXT NOT NULL,
  division       BIGINT NOT NULL,          -- village
  state          TEXT NOT NULL,            -- of the pack's workflow
  phase          TEXT NOT NULL,
  open_key       TEXT UNIQUE,              -- the household while the case is live: one live case a household
  green          BOOLEAN NOT NULL,
  level          INTEGER NOT NULL,         -- worst of the signals that ask for a look: 3 red, 2 yellow, 1 blue, 0 none
  rank           BIGINT NOT NULL,          -- order of the work list: worst level first, then oldest clock
  channel        TEXT NOT NULL,            -- of the first signal
  household_type TEXT NOT NULL,
  category       TEXT NOT NULL,            -- kind of monitored object, once decided
  risks          TEXT NOT NULL,            -- JSON: recorded risks
  risk_list      TEXT NOT NULL,            -- |illness|housing|: of signals and recorded risks, for filters
  rule_list      TEXT NOT NULL,            -- |rule|rule|: of the signals, for filters
  signals        INTEGER NOT NULL,         -- that ask for a look
  round          INTEGER NOT NULL,
  steps          INTEGER NOT NULL,
  lead_at        BIGINT NOT NULL,          -- the clock
  state_at       BIGINT NOT NULL,
  opened_at      BIGINT NOT NULL,
  closed_at      BIGINT,
  identified_on  TEXT NOT NULL,            -- day, or empty
  marked_month   TEXT NOT NULL,
  clear_way      TEXT NOT NULL,
  cleared_on     TEXT NOT NULL,
  owner          TEXT NOT NULL,            -- account, or empty
  explanation_zh TEXT NOT NULL,
  explanation_en TEXT NOT NULL
);
CREATE INDEX casefile_household ON casefile (household_id, opened_at);
CREATE INDEX casefile_place ON casefile (division, phase, state, level);
CREATE INDEX casefile_rank ON casefile (phase, rank, id);
CREATE INDEX casefile_owner ON casefile (owner, rank, id);

CREATE TABLE signal (
  id            TEXT NOT NULL PRIMARY KEY,
  case_id       TEXT NOT NULL,
  household_id  BIGINT NOT NULL,
  division      BIGINT NOT NULL,
  channel       TEXT NOT NULL,
  risk          TEXT NOT NULL,
  level         INTEGER NOT NULL,
  rule          TEXT NOT NULL,
  dataset       TEXT NOT NULL,
  run           BIGINT NOT NULL,
  source_key    TEXT UNIQUE,              -- the same signal is taken in once
  amount        DOUBLE PRECISION,         -- how bad, in the rule's own measure; null when it has none
  words_zh      TEXT NOT NULL,
  words_en      TEXT NOT NULL,
  evidence      TEXT NOT NULL,            -- JSON, or empty
  happened_on   TEXT NOT NULL,
  received_at   BIGINT NOT NULL,
  suppressed_by TEXT NOT NULL,            -- the verified signal that this one repeats, or empty
  label         TEXT NOT NULL,            -- true, false_alarm, known; empty: not verified
  labelled_at   BIGINT
);
CREATE INDEX signal_case ON signal (case_id, received_at);
CREATE INDEX signal_household ON signal (household_id, risk, labelled_at);
CREATE INDEX signal_labelled ON signal (labelled_at, id);

CREATE TABLE step (
  id         TEXT NOT NULL PRIMARY KEY,
  case_id    TEXT NOT NULL,
  seq        INTEGER NOT NULL,            -- 1, 2, 3 … without a gap
  action     TEXT NOT NULL,
  from_state TEXT NOT NULL,               -- empty for the first
  to_state   TEXT NOT NULL,
  round      INTEGER NOT NULL,            -- in which it was taken
  does       TEXT NOT NULL,               -- JSON: what it records
  label      TEXT NOT NULL,
  flags      TEXT NOT NULL,               -- JSON: guards that flagged it
  at         BIGINT NOT NULL,
  actor      TEXT NOT NULL,
  org        TEXT NOT NULL,
  data       TEXT NOT NULL,               -- JSON: the form, personal content sealed
  UNIQUE (case_id, seq)
);
CREATE INDEX step_at ON step (at, id);

CREATE TABLE visit (
  id         TEXT NOT NULL PRIMARY KEY,   -- of its step
  case_id    TEXT NOT NULL,
  household_id BIGINT NOT NULL,
  division   BIGINT NOT NULL,
  visited_on TEXT NOT NULL,
  visitors   INTEGER NOT NULL,
  known      BOOLEAN NOT NULL,
  lat        DOUBLE PRECISION,
  lon        DOUBLE PRECISION,
  photos     TEXT NOT NULL,               -- JSON: hashes
  at         BIGINT NOT NULL,
  actor      TEXT NOT NULL
);
CREATE INDEX visit_case ON visit (case_id, at);
CREATE INDEX visit_division ON visit (division, visited_on);

-- What a visit found otherwise than the data: goes back to the batch road.
CREATE TABLE correction (
  id           TEXT NOT NULL PRIMARY KEY,
  case_id      TEXT NOT NULL,
  visit_id     TEXT NOT NULL,
  household_id BIGINT NOT NULL,
  indicator    TEXT NOT NULL,
  value        DOUBLE PRECISION NOT NULL,
  found_on     TEXT NOT NULL,
  at           BIGINT NOT NULL
);
CREATE INDEX correction_case ON correction (case_id, at);
CREATE INDEX correction_at ON correction (at, id);

-- A public notice. It holds white-listed fields only: never a number, phone, account, illness or risk.
CREATE TABLE notice (
  id         TEXT NOT NULL PRIMARY KEY,
  case_id    TEXT NOT NULL,
  household_id BIGINT NOT NULL,
  division   BIGINT NOT NULL,
  kind       TEXT NOT NULL,               -- identify, clear
  members    INTEGER NOT NULL,            -- 0: not known
  category   TEXT NOT NULL,               -- or empty: not decided yet
  posted_on  TEXT NOT NULL,
  over_on    TEXT NOT NULL,               -- first day after the publicity
  expires_on TEXT NOT NULL,               -- must have been taken down by this day
  at         BIGINT NOT NULL
);
CREATE INDEX notice_case ON notice (case_id, at);
CREATE INDEX notice_division ON notice (division, expires_on);

-- Low-income classes of civil affairs: dated, and they may overlap.
CREATE TABLE tag (
  id           TEXT NOT NULL PRIMARY KEY,
  household_id BIGINT NOT NULL,
  case_id      TEXT NOT NULL,
  division     BIGINT NOT NULL,
  tag          TEXT NOT NULL,
  from_on      TEXT NOT NULL,
  until_on     TEXT NOT NULL,             -- last day, or empty: open
  at           BIGINT NOT NULL,
  actor        TEXT NOT NULL
);
CREATE INDEX tag_household ON tag (household_id, from_on);

-- Cases that belong together: split (to the new household's), merged (to the one that goes on).
CREATE TABLE case_link (
  id      TEXT NOT NULL PRIMARY KEY,
  case_id TEXT NOT NULL,
  kind    TEXT NOT NULL,
  other   TEXT NOT NULL,
  at      BIGINT NOT NULL
);
CREATE INDEX case_link_case ON case_link (case_id);
CREATE INDEX case_link_other ON case_link (other);

-- Departments that a case concerns: their officers see it.
CREATE TABLE case_department (
  case_id    TEXT NOT NULL,
  department TEXT NOT NULL,
  at         BIGINT NOT NULL,
  PRIMARY KEY (case_id, department)
);
CREATE INDEX case_department_department ON case_department (department, case_id);
