"""Everything about a person in one archive, and everything about a person gone."""
