"""Database machinery that knows nothing of shops: compiled queries, bulk SQL, retries, error classes, triggers."""
