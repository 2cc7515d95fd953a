"""What can go wrong between a client and OpenRouter: each row of the fault matrix, on a real socket."""
