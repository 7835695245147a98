"""Gemini as an auditor: one request, its answer, and many requests at half the price."""
