"""One request, answered or explained: retries, hints, decoding, connections and deadlines."""
