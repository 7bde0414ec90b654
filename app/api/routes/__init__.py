"""The routes, one file a subject; each checks the caller and hands over to the services."""
