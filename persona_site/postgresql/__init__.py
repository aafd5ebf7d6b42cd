"""PostgreSQL with prepared statements for what is asked at each save of an answer."""
