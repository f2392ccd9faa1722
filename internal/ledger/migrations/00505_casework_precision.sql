-- +goose Up
-- How often warnings were right is counted for one area from this index alone.
CREATE INDEX signal_precision ON signal (division, rule, dataset, label) WHERE label <> '';
