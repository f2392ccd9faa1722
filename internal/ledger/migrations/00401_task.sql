-- +goose Up
CREATE TABLE task (
  id         TEXT NOT NULL PRIMARY KEY,
  version    BIGINT NOT NULL,
  object     TEXT NOT NULL,            -- casefile, order …
  object_id  TEXT NOT NULL,
  kind       TEXT NOT NULL,            -- the state or step that it belongs to
  zh         TEXT NOT NULL,
  en         TEXT NOT NULL,
  division   BIGINT NOT NULL,          -- where the object lies
  org        TEXT NOT NULL,            -- whose it is
  account    TEXT NOT NULL,            -- and which person's; empty: anybody's of the organisation
  urgent     INTEGER NOT NULL,         -- 3 red, 2 yellow, 1 blue, 0 none
  opened     BIGINT NOT NULL,
  due        BIGINT NOT NULL,          -- overdue from this moment on
  warn       BIGINT,
  escalate   BIGINT,                   -- when the next level up is told; null: never
  first      BIGINT,                   -- when the first level above is told
  every      BIGINT NOT NULL,          -- and after how long each further one
  next       BIGINT,                   -- when Tick has something to do; null: nothing any more
  warned     BIGINT,
  overdue    BIGINT,
  escalated  BIGINT,                   -- last
  told       INTEGER NOT NULL,         -- how many levels have been told
  marked     BIGINT NOT NULL,          -- the latest of warned, overdue, escalated; 0: none
  paused     BIGINT,
  pause_why  TEXT NOT NULL,
  closed     BIGINT,
  outcome    TEXT NOT NULL
);
CREATE UNIQUE INDEX task_open ON task (object, object_id) WHERE closed IS NULL;
CREATE INDEX task_org ON task (org, account, due, id) WHERE closed IS NULL;
CREATE INDEX task_account ON task (account, due, id) WHERE closed IS NULL AND account <> '';
CREATE INDEX task_due ON task (due, id) WHERE closed IS NULL;
CREATE INDEX task_division ON task (division, due) WHERE closed IS NULL;
CREATE INDEX task_next ON task (next) WHERE closed IS NULL;
CREATE INDEX task_marked ON task (marked) WHERE closed IS NULL AND marked > 0;
CREATE INDEX task_object ON task (object, object_id, opened);

-- Which organisations above have been told of a task that is overdue.
CREATE TABLE task_told (
  task TEXT NOT NULL REFERENCES task (id),
  org  TEXT NOT NULL,
  at   BIGINT NOT NULL,
  PRIMARY KEY (task, org)
);
CREATE INDEX task_told_org ON task_told (org, task);

CREATE TABLE digest (
  account   TEXT NOT NULL,
  day       TEXT NOT NULL,
  overdue   INTEGER NOT NULL,
  today     INTEGER NOT NULL,
  soon      INTEGER NOT NULL,
  open      INTEGER NOT NULL,
  escalated INTEGER NOT NULL,
  zh        TEXT NOT NULL,
  en        TEXT NOT NULL,
  PRIMARY KEY (account, day)
);
CREATE INDEX digest_day ON digest (day);
