-- Which dependencies came when, and which are set aside because tasks wait for each other.

-- When the dependency was first synced; 0 for those of before. Of the edges of a cycle the latest is doubted first.
ALTER TABLE task_dependencies ADD COLUMN added_at_ms BIGINT NOT NULL DEFAULT 0;

-- Dependencies that gate nothing for now: cycles.policy is break-lowest-priority, and these were chosen.
CREATE TABLE dependencies_set_aside (
    task_id TEXT NOT NULL REFERENCES tasks (id),
    depends_on TEXT NOT NULL REFERENCES tasks (id),
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (task_id, depends_on)
);

-- By how many levels a ready task counts as more urgent for having waited: see dispatch.aging_ms.
ALTER TABLE tasks ADD COLUMN promoted BIGINT NOT NULL DEFAULT 0;
DROP INDEX tasks_dispatch;
CREATE INDEX tasks_dispatch ON tasks (state, (priority - promoted), rank DESC, ready_at_ms, position);

-- Grows with every task that is written as planned, and with every change of what it depends on: what the resolver has not
-- seen yet is above what it has.
ALTER TABLE tasks ADD COLUMN planned_seq BIGINT NOT NULL DEFAULT 0;
CREATE INDEX tasks_planned ON tasks (planned_seq);
