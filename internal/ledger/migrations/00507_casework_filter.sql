-- +goose Up
-- A filter of the list of cases that somebody saved for themselves.
CREATE TABLE case_filter (
  id      TEXT NOT NULL PRIMARY KEY,
  account TEXT NOT NULL,
  name    TEXT NOT NULL,
  query   TEXT NOT NULL,              -- as an address carries it
  at      BIGINT NOT NULL,
  UNIQUE (account, name)
);
