"""The HTTP edge: REST and pages. It reads input, calls one command, shapes the answer, and decides nothing.

``api.app.create_app`` puts it together, ``api.server.serve`` runs it. FastAPI enters in this package only.
"""

__all__ = ["app", "deps", "errors", "routing", "security", "server"]
