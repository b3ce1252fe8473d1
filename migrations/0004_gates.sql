-- Human gates and optional tasks; the tasks of an earlier tool's database.

-- Whether a person does the task, and whether the plan can do without it: 0 or 1.
ALTER TABLE tasks ADD COLUMN human BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tasks ADD COLUMN optional BIGINT NOT NULL DEFAULT 0;

-- Where a wish comes from, if not from an edit of the plan: the file that was imported.
ALTER TABLE plan_wishes ADD COLUMN source TEXT;

-- Rows of an earlier tool's database, as `coditect import` read them, and the plan's tasks they were tied to.
CREATE TABLE adopted_tasks (
    source TEXT NOT NULL,
    row_id TEXT NOT NULL,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    -- As the source has it, and what it means: pending, in_progress, completed, blocked, cancelled.
    word TEXT NOT NULL,
    status TEXT NOT NULL,
    priority TEXT,
    created_at TEXT,
    updated_at TEXT,
    -- The document and the key of the task that the row is tied to, and why.
    document_id TEXT,
    task_key TEXT,
    tied_by TEXT,
    imported_at_ms BIGINT NOT NULL,
    -- When it took effect on the task, and how.
    applied_at_ms BIGINT,
    result TEXT,
    PRIMARY KEY (source, row_id)
);
CREATE INDEX adopted_tasks_open ON adopted_tasks (document_id, applied_at_ms);
