-- Incidents that agents caused, as people recorded them. Nothing changes or removes a row.
CREATE TABLE incident (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    at       INTEGER NOT NULL,
    task     TEXT NOT NULL,
    severity TEXT NOT NULL CHECK (severity IN ('low', 'medium', 'high', 'critical')),
    link     TEXT NOT NULL,
    note     TEXT NOT NULL,
    by       TEXT NOT NULL,
    recorded INTEGER NOT NULL
) STRICT;
CREATE INDEX incident_happened ON incident (at);
CREATE TRIGGER incident_stays BEFORE UPDATE ON incident BEGIN SELECT RAISE(ABORT, 'an incident stays as it was'); END;
CREATE TRIGGER incident_is_kept BEFORE DELETE ON incident BEGIN SELECT RAISE(ABORT, 'an incident is kept'); END;
