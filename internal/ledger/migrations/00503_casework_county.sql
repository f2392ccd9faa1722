-- +goose Up
-- The work list of a county is walked in its order, too: sorting some thousand cases for each look is what the slowest looks took their time for.
CREATE INDEX casefile_county ON casefile ((division / 1000000), rank, id) WHERE open_key IS NOT NULL;
