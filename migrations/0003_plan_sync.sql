-- Identity, own marks, conflicts, and the contents of every revision.

-- The id as the plan writes it, where it has one. `key` is what the plan calls the task now; `id` never changes.
ALTER TABLE tasks ADD COLUMN plan_id TEXT;
-- 1: not in the plan as last synced.
ALTER TABLE tasks ADD COLUMN gone BIGINT NOT NULL DEFAULT 0;
-- Where the sync-daemon itself wrote the marker: at which revision, when, and what stood there before.
ALTER TABLE tasks ADD COLUMN marked_revision BIGINT;
ALTER TABLE tasks ADD COLUMN marked_at_ms BIGINT;
ALTER TABLE tasks ADD COLUMN marked_from TEXT;
UPDATE tasks SET gone = 1 WHERE state = 'retired';

-- What the sync-daemon is about to write: the hash of the content, and JSON: the marks in it.
ALTER TABLE documents ADD COLUMN intended_hash TEXT;
ALTER TABLE documents ADD COLUMN intended TEXT;

-- The content, packed: whole (1), or as the changes against the revision before (0). JSON: what became of which task.
ALTER TABLE document_revisions ADD COLUMN whole BIGINT;
ALTER TABLE document_revisions ADD COLUMN content TEXT;
ALTER TABLE document_revisions ADD COLUMN changes TEXT;

-- The marker that the person saw, and who asks (else whoever edits the plan).
ALTER TABLE plan_wishes ADD COLUMN base TEXT;
ALTER TABLE plan_wishes ADD COLUMN actor TEXT;

-- Where plan and database were both changed, to different things.
CREATE TABLE plan_conflicts (
    id TEXT NOT NULL PRIMARY KEY,
    task_id TEXT NOT NULL REFERENCES tasks (id),
    -- status, agent
    field TEXT NOT NULL,
    base_value TEXT NOT NULL,
    plan_value TEXT NOT NULL,
    database_value TEXT NOT NULL,
    revision BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    settled_at_ms BIGINT,
    settled_by TEXT,
    -- plan, database; converged where both say the same by themselves
    choice TEXT
);
CREATE INDEX plan_conflicts_open ON plan_conflicts (settled_at_ms, task_id);
