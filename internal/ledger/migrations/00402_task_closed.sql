-- +goose Up
-- How many deadlines were kept is counted from this index alone.
CREATE INDEX task_closed ON task (division, closed, due) WHERE closed IS NOT NULL;
