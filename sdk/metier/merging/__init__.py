"""The weights of several models made into one model, without torch and in little memory."""
