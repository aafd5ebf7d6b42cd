"""A persona that somebody else may talk with: by a link, or as a named person of this installation (docs/sharing.md)."""
