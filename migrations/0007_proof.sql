-- What proves a result, and results that wait for a person's word.

-- The commands that prove every task of the document; `verify` has the task's own. JSON lists.
ALTER TABLE tasks ADD COLUMN verify_plan TEXT NOT NULL DEFAULT '[]';
-- Whether the task changes anything: required, optional, none.
ALTER TABLE tasks ADD COLUMN changes TEXT NOT NULL DEFAULT 'required';

-- Results that were not landed because of what they change: published on a branch until a person has decided.
CREATE TABLE held_results (
    attempt_id TEXT NOT NULL PRIMARY KEY REFERENCES attempts (id),
    task_id TEXT NOT NULL REFERENCES tasks (id),
    generation BIGINT NOT NULL,
    branch TEXT NOT NULL,
    commit_id TEXT NOT NULL,
    -- A JSON list: what was flagged, as sentences.
    flags TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    -- None: nobody has decided. approved; then landed, or overtaken by what landed meanwhile; dropped.
    verdict TEXT,
    decided_by TEXT,
    decided_at_ms BIGINT
);
CREATE INDEX held_results_task ON held_results (task_id, generation, at_ms);
