"""HTTP: the application, who is calling, the shapes of requests and replies, and the routes."""
