"""Evidence that a third party can check without Muniment."""

__all__: list[str] = []
