"""The REST API under /api: the app's own things for programs, through the same services as the pages."""
