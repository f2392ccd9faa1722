-- +goose Up
CREATE TABLE org (
  id         TEXT NOT NULL PRIMARY KEY,   -- digits of the division, and -department
  version    BIGINT NOT NULL,
  name       TEXT NOT NULL,
  division   BIGINT NOT NULL,
  department TEXT NOT NULL,               -- a department of the pack, or empty
  active     BOOLEAN NOT NULL,
  UNIQUE (division, department)
);

CREATE TABLE account (
  id           TEXT NOT NULL PRIMARY KEY,
  version      BIGINT NOT NULL,
  login        TEXT NOT NULL UNIQUE,      -- lower case
  name         TEXT NOT NULL,
  org          TEXT NOT NULL REFERENCES org (id),
  division     BIGINT NOT NULL,           -- the organisation's
  department   TEXT NOT NULL,             -- the organisation's
  roles        TEXT NOT NULL,             -- JSON, a list
  phone        TEXT NOT NULL,             -- sealed, base64
  active       BOOLEAN NOT NULL,
  password     TEXT NOT NULL,             -- argon2id, or empty: no password
  password_at  BIGINT NOT NULL,
  must_change  BOOLEAN NOT NULL,
  totp         TEXT NOT NULL,             -- sealed, base64, or empty
  totp_at      BIGINT,                    -- enrolled; null while it is not confirmed
  totp_step    BIGINT NOT NULL,           -- the last step that was used
  recovery     TEXT NOT NULL,             -- JSON, a list of hashes
  subject      TEXT UNIQUE,               -- issuer and subject of single sign-on
  created      BIGINT NOT NULL,
  signed_in    BIGINT                     -- last
);
CREATE INDEX account_division ON account (division, id);
CREATE INDEX account_org ON account (org, id);

-- Failed sign-ins by login, whether there is such an account or not.
CREATE TABLE signin_failure (
  login  TEXT NOT NULL PRIMARY KEY,       -- keyed hash
  failed INTEGER NOT NULL,
  at     BIGINT NOT NULL,
  until  BIGINT NOT NULL                  -- locked until
);
CREATE INDEX signin_failure_at ON signin_failure (at);

CREATE TABLE session (
  id      TEXT NOT NULL PRIMARY KEY,      -- SHA-256 of the secret
  account TEXT NOT NULL REFERENCES account (id),
  created BIGINT NOT NULL,
  seen    BIGINT NOT NULL,
  until   BIGINT NOT NULL,                -- ends then at the latest
  stage   TEXT NOT NULL,                  -- full, or what is lacking: second, enrol, password
  method  TEXT NOT NULL,                  -- password, sso
  address TEXT NOT NULL,
  agent   TEXT NOT NULL,
  ended   BIGINT,
  why     TEXT NOT NULL
);
CREATE INDEX session_account ON session (account, ended);
CREATE INDEX session_until ON session (until);

CREATE TABLE token (
  id         TEXT NOT NULL PRIMARY KEY,
  hash       TEXT NOT NULL UNIQUE,        -- SHA-256 of the secret
  name       TEXT NOT NULL,
  org        TEXT NOT NULL REFERENCES org (id),
  division   BIGINT NOT NULL,
  department TEXT NOT NULL,
  actions    TEXT NOT NULL,               -- JSON, a list
  created    BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  expires    BIGINT NOT NULL,
  revoked    BIGINT,
  used       BIGINT
);
CREATE INDEX token_division ON token (division, id);
