-- +goose Up
-- How many cases there are, as they were counted last: counting hundreds of thousands takes longer than a page may.
CREATE TABLE case_tally (
  county BIGINT NOT NULL,
  phase TEXT NOT NULL,
  state TEXT NOT NULL,
  level INTEGER NOT NULL,
  cases BIGINT NOT NULL,
  PRIMARY KEY (county, phase, state, level)
);
CREATE TABLE case_tally_at (
  one INTEGER NOT NULL PRIMARY KEY,
  at BIGINT NOT NULL
);
