CREATE TABLE versions (
  document_id TEXT NOT NULL REFERENCES documents (id),
  number BIGINT NOT NULL,
  hash TEXT NOT NULL,
  bytes BIGINT NOT NULL
);
