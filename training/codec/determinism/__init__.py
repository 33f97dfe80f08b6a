"""Whether encoders and decoders agree across threads, instruction sets, libraries, batches and devices."""
