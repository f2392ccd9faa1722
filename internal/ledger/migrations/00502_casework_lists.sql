-- +goose Up
-- A work list over a large area walks live cases in their order; one over a small area finds them by place.
DROP INDEX casefile_rank;
CREATE INDEX casefile_rank ON casefile (rank, id) WHERE open_key IS NOT NULL;
