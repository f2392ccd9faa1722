-- +goose Up
CREATE TABLE idempotency (
  account  TEXT NOT NULL,
  key      TEXT NOT NULL,
  request  TEXT NOT NULL,   -- SHA-256 of the request
  response TEXT NOT NULL,   -- JSON
  at       BIGINT NOT NULL,
  PRIMARY KEY (account, key)
);
CREATE INDEX idempotency_at ON idempotency (at);
