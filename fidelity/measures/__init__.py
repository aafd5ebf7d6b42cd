"""Items and measures of likeness. Pure: no Django, no model."""
