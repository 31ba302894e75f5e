"""Legal entities, departments, people, their roles, and how they come in.

Commands take who acts as ``by``, a ``Principal``; ``accounts.principals`` builds one from a
cookie, a token or the command line. Import the module that holds the noun:
``accounts.people``, ``accounts.grants``, ``accounts.sign_in``.
"""

from accounts.principal import Grant, NotAllowed, Principal, system

__all__ = ["Grant", "NotAllowed", "Principal", "system"]
