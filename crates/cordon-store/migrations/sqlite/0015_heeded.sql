-- Up to which number of changes the process that serves goes by what is here: who stops a task from beside it is
-- told when nothing of the task is sent any more.
ALTER TABLE version ADD COLUMN heeded INTEGER NOT NULL DEFAULT 0;
