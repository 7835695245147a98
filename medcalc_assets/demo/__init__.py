"""The bundled demo benchmark."""
