-- +goose Up
-- Indicators of a case's household: when help began, every quarter, and at clearing.
CREATE TABLE measure_snapshot (
  case_id  TEXT NOT NULL,
  kind     TEXT NOT NULL,   -- begin, quarter, clear
  day      TEXT NOT NULL,   -- the screening day that the values are of
  division BIGINT NOT NULL,
  "values" TEXT NOT NULL,   -- JSON: indicator → value; what is unknown is left out
  at       BIGINT NOT NULL,
  PRIMARY KEY (case_id, kind, day)
);
CREATE INDEX measure_snapshot_place ON measure_snapshot (division, day);
