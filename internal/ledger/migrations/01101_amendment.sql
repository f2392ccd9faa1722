-- +goose Up
-- Amendments of the policy pack: texts of files that are laid over the pack in force when a second person has approved them and their day has come.
CREATE TABLE amendment (
  id           TEXT NOT NULL PRIMARY KEY,
  title        TEXT NOT NULL,
  document     TEXT NOT NULL,   -- number of the document that orders the change
  base         TEXT NOT NULL,   -- digest of the pack that it changes
  state        TEXT NOT NULL,   -- draft, tested, submitted, returned, approved, withdrawn
  effective    TEXT NOT NULL,   -- civil day in China, YYYY-MM-DD; '' until it is submitted
  author       TEXT NOT NULL,
  author_org   TEXT NOT NULL,
  division     BIGINT NOT NULL, -- the author's
  editors      TEXT NOT NULL,   -- accounts that changed or submitted it, separated by spaces: none of them may approve it
  made         BIGINT NOT NULL,
  changed      BIGINT NOT NULL,
  tested       BIGINT NOT NULL, -- 0: not as it stands
  test_digest  TEXT NOT NULL,   -- digest of the pack that was tested
  test         TEXT NOT NULL,   -- the report, JSON
  submitted    BIGINT NOT NULL,
  submitted_by TEXT NOT NULL,
  decided      BIGINT NOT NULL, -- approved, returned or withdrawn
  decided_by   TEXT NOT NULL,
  note         TEXT NOT NULL,   -- why it was returned or withdrawn
  result       TEXT NOT NULL,   -- digest of the pack that was approved
  place        BIGINT NOT NULL, -- among the approved, from 1; 0: not approved
  version      BIGINT NOT NULL
);
CREATE UNIQUE INDEX amendment_place ON amendment (place) WHERE place > 0;
CREATE INDEX amendment_changed ON amendment (changed, id);
CREATE TABLE amendment_text (
  amendment TEXT NOT NULL REFERENCES amendment (id),
  file      TEXT NOT NULL, -- slash path in the pack
  base      TEXT NOT NULL, -- the text that it changes; '' for a new file
  text      TEXT NOT NULL,
  PRIMARY KEY (amendment, file)
);
