-- +goose Up
CREATE TABLE code_key (
  id        TEXT NOT NULL PRIMARY KEY, -- first four bytes of SHA-256 over the public key, hex
  suite     TEXT NOT NULL,             -- ed25519 or sm2
  public    TEXT NOT NULL,             -- base64
  sealed    TEXT NOT NULL,             -- the secret part, sealed with the keyring, base64
  made      BIGINT NOT NULL,
  retired   BIGINT NOT NULL,           -- signs nothing new since; 0: in use
  withdrawn BIGINT NOT NULL,           -- its codes are void since; 0: never
  version   BIGINT NOT NULL
);
CREATE TABLE household_code (
  id           TEXT NOT NULL PRIMARY KEY, -- 64 random bits, hex
  household    BIGINT NOT NULL,
  household_no TEXT NOT NULL,
  village      BIGINT NOT NULL,
  serial       INTEGER NOT NULL,          -- the how-manieth card of the household
  key          TEXT NOT NULL REFERENCES code_key (id),
  issued       BIGINT NOT NULL,
  expires      BIGINT NOT NULL,
  state        TEXT NOT NULL,             -- active, replaced, revoked
  ended        BIGINT NOT NULL,           -- 0: active
  reason       TEXT NOT NULL,
  version      BIGINT NOT NULL,
  UNIQUE (household, serial)
);
CREATE UNIQUE INDEX household_code_active ON household_code (household) WHERE state = 'active';
CREATE INDEX household_code_village ON household_code (village, household);
CREATE INDEX household_code_key ON household_code (key);
CREATE TABLE code_once (
  id      TEXT NOT NULL PRIMARY KEY,
  code    TEXT NOT NULL REFERENCES household_code (id),
  hash    TEXT NOT NULL,    -- of the six digits, keyed
  account TEXT NOT NULL,    -- who had it made
  made    BIGINT NOT NULL,
  expires BIGINT NOT NULL,
  tries   INTEGER NOT NULL, -- wrong answers so far
  used    BIGINT NOT NULL   -- 0: not yet
);
CREATE INDEX code_once_code ON code_once (code, made);
CREATE TABLE code_setting (
  name    TEXT NOT NULL PRIMARY KEY,
  value   TEXT NOT NULL,
  version BIGINT NOT NULL
);
