-- +goose Up
CREATE TABLE audit_event (
  seq       BIGINT NOT NULL PRIMARY KEY,  -- 1, 2, 3 … without a gap
  at        BIGINT NOT NULL,
  actor     TEXT NOT NULL,                -- account, or system:NAME, token:ID, anonymous
  org       TEXT NOT NULL,
  action    TEXT NOT NULL,
  object    TEXT NOT NULL,
  object_id TEXT NOT NULL,
  division  BIGINT NOT NULL,              -- 0: of no place
  reason    TEXT NOT NULL,
  detail    TEXT NOT NULL,                -- JSON, or empty
  hash      TEXT NOT NULL                 -- SM3 over the hash before and this event, hex
);
CREATE INDEX audit_event_object ON audit_event (object, object_id, seq);
CREATE INDEX audit_event_actor ON audit_event (actor, seq);
CREATE INDEX audit_event_division ON audit_event (division, seq);
CREATE INDEX audit_event_at ON audit_event (at, seq);
