"""What labelled questions, outcomes and past plans teach the planner."""
