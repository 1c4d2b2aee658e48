"""Who does what: split, select, link."""
