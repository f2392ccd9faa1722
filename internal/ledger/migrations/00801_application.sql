-- +goose Up
-- Self-applications: four fields, no account. What names a person is sealed.
CREATE TABLE application (
  id           TEXT NOT NULL PRIMARY KEY,
  version      BIGINT NOT NULL,
  code         TEXT NOT NULL UNIQUE,      -- hash of the query code
  division     BIGINT NOT NULL,
  name         TEXT NOT NULL,             -- sealed
  phone        TEXT NOT NULL,             -- sealed
  difficulty   TEXT NOT NULL,             -- sealed
  person       TEXT NOT NULL,             -- keyed hash of name and phone: finds the same applicant again
  source       TEXT NOT NULL,             -- keyed hash of where it came from
  state        TEXT NOT NULL,             -- waiting, taken, answered
  same_as      TEXT NOT NULL,             -- the application that it repeats, or empty
  case_id      TEXT NOT NULL,             -- once taken
  household_id BIGINT NOT NULL,           -- 0 until taken
  answer       TEXT NOT NULL,             -- sealed: why it could not be taken
  received_at  BIGINT NOT NULL,
  taken_at     BIGINT,
  answered_at  BIGINT
);
CREATE INDEX application_division ON application (division, state, received_at);
CREATE INDEX application_person ON application (person, division, received_at);
CREATE INDEX application_source ON application (source, received_at);
CREATE INDEX application_case ON application (case_id);
