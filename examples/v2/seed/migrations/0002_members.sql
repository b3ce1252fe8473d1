CREATE TABLE members (
  team_id TEXT NOT NULL REFERENCES teams (id),
  email TEXT NOT NULL,
  role TEXT NOT NULL
);
CREATE UNIQUE INDEX members_email ON members (team_id, email);
