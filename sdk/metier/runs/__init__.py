"""Every question kept: written as it happens, searched, replayed, rated."""
