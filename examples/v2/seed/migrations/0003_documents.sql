CREATE TABLE documents (
  id TEXT PRIMARY KEY,
  team_id TEXT NOT NULL REFERENCES teams (id),
  title TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
