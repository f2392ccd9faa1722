-- +goose Up
-- How far each source of the ledger has been told to the warehouse as the dataset casework.
CREATE TABLE feedback (
  source  TEXT NOT NULL PRIMARY KEY,      -- signal, step, correction, measure
  version BIGINT NOT NULL,
  at      BIGINT NOT NULL,
  last_id TEXT NOT NULL,
  told_at BIGINT NOT NULL
);
