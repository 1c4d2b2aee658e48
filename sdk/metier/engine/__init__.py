"""Runs a plan: order, deadlines, budget, events, composing."""
