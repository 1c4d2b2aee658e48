"""Is it right? What labelled questions say about routing, and what they teach."""
