"""How much a persona is like its person: the items that are asked and the scoring. No Django, no model here."""
