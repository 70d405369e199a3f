"""Chat with an endpoint: the stream format, the client, conversations."""
