"""SQLite for several threads and processes: a write-ahead log with one writer at a time and commits on the disk."""
