-- Results that are left on a branch to be merged by others.

CREATE TABLE deliveries (
    attempt_id TEXT NOT NULL PRIMARY KEY REFERENCES attempts (id),
    task_id TEXT NOT NULL REFERENCES tasks (id),
    generation BIGINT NOT NULL,
    branch TEXT NOT NULL,
    commit_id TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    -- How often the task's result had gone back to an agent by itself before.
    round BIGINT NOT NULL,
    -- What was said before is known already: when the one before it was decided on, or 0.
    since_ms BIGINT NOT NULL,
    -- 1: it is to be put to people as a pull request.
    requested BIGINT NOT NULL,
    -- The pull request, once it is open.
    number BIGINT,
    url TEXT,
    -- What the forge refused last.
    trouble TEXT,
    -- None: it waits. merged, sent_back, answered, refused, dropped.
    verdict TEXT,
    decided_by TEXT,
    decided_at_ms BIGINT
);
CREATE INDEX deliveries_task ON deliveries (task_id, generation, at_ms);
