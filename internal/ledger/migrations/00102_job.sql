-- +goose Up
-- What the queue's own tables (river_*) have no place for.
CREATE TABLE job_run (
  job      BIGINT NOT NULL PRIMARY KEY,   -- river_job.id
  actor    TEXT NOT NULL,                 -- who asked for it
  done     BIGINT NOT NULL,
  total    BIGINT NOT NULL,               -- 0: not known
  words_zh TEXT NOT NULL,                 -- what it is doing
  words_en TEXT NOT NULL,
  place    TEXT NOT NULL,                 -- JSON: how far it has come, for the next try
  result   TEXT NOT NULL,                 -- JSON
  error_zh TEXT NOT NULL,                 -- of the last try
  error_en TEXT NOT NULL,
  at       BIGINT NOT NULL
);
