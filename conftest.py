"""What the tests of metier and of its plugins share."""

pytest_plugins = ["loopback"]
