"""The local engine: fine-tuning and inference of small language models on the CPU. Knows nothing of Django."""
