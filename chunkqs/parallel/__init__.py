"""Work on the chunks of a walk in several processes or threads, as one loop."""
