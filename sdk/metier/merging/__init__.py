"""Merge the weights of several models into one, without torch and in little memory."""
