"""A persona lent for talking: by a link, or to named people of this installation (docs/sharing.md)."""
