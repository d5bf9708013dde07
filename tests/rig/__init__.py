"""Real parts for tests: an S3 server, a sound device, a supervisor process, decoders, a reader of the bucket."""
