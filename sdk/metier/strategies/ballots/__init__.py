"""Several answers to one question: asked for, compared, counted, and one elected."""
