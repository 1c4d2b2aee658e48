"""The protocol of OpenAI, under `/v1`."""
