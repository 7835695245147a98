"""Models behind OpenAI's Chat Completions: OpenAI's own, and those of vLLM, Ollama and other servers that speak it."""
