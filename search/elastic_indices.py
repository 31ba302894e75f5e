"""The indices of one installation on a server: making, naming, swapping, sweeping.

    muniment-records    alias of what is searched
    muniment-next       alias of what is being built to take its place
    muniment-r-<hex>    the indices behind them; one behind no alias is left over from a kill, and swept
    muniment-writer     one document, whose version counts the turns of writers

Aliases change in one step of the server, so that there is never none and never two.
"""

import secrets
from collections.abc import Sequence
from typing import Any, Final

from elasticsearch import Elasticsearch

from search.elastic_client import Server, ask
from search.elastic_schema import MAPPINGS, VERSION, settings
from search.port import IndexUnusable

_TURN: Final = "writer"


class Indices:
    """What lies under the prefix of ``server``."""

    def __init__(self, client: Elasticsearch, server: Server) -> None:
        self._client = client
        self._server = server

    def held(self) -> dict[str, frozenset[str]]:
        """Names of the indices of records, each with its aliases."""
        found = ask(lambda: self._client.indices.get_alias(index=self._pattern, ignore_unavailable=True))
        return {name: frozenset(each["aliases"]) for name, each in found.items()}

    def create(self, alias: str, shards: int) -> str:
        """A new empty index behind ``alias``; its name."""
        name = f"{self._server.prefix}-r-{secrets.token_hex(8)}"
        ask(
            lambda: self._client.indices.create(
                index=name, mappings=MAPPINGS, settings=settings(shards), aliases={alias: {}}
            ),
            writing=True,
        )
        return name

    def replace(self, shards: int) -> str:
        """An empty index in the place of all there are."""
        old = list(self.held())
        name = self.create(self._server.next_alias, shards)
        self.promote(name, old)
        return name

    def promote(self, name: str, old: Sequence[str]) -> None:
        """Make ``name``, built behind the next alias, what is searched, and delete ``old``, in one step."""
        actions: list[dict[str, Any]] = [{"remove_index": {"index": each}} for each in old]
        actions.append({"remove": {"index": name, "alias": self._server.next_alias}})
        actions.append({"add": {"index": name, "alias": self._server.alias}})
        ask(lambda: self._client.indices.update_aliases(actions=actions), writing=True)

    def delete(self, names: Sequence[str]) -> None:
        """Delete indices, where they still are."""
        for name in names:
            ask(lambda name=name: self._client.indices.delete(index=name, ignore_unavailable=True), writing=True)  # type: ignore[misc]

    def sweep(self, keep: str) -> None:
        """Delete every index of records but ``keep``."""
        self.delete([name for name in self.held() if name != keep])

    def open(self, shards: int) -> str:
        """The name of the index that is searched, made empty where nothing is; what a kill left is swept.

        Raises:
            IndexUnusable: parts but no whole, or another version.
        """
        held = self.held()
        if not held:
            return self.create(self._server.alias, shards)
        live = [name for name, aliases in held.items() if self._server.alias in aliases]
        if len(live) != 1:
            raise IndexUnusable("The name of the search index points nowhere: rebuild it.")
        mapping = ask(lambda: self._client.indices.get_mapping(index=live[0]))[live[0]]["mappings"]
        if mapping.get("_meta", {}).get("muniment") != VERSION:
            raise IndexUnusable("The search index is of another version: rebuild it.")
        self.sweep(live[0])
        return live[0]

    def take_turn(self) -> int:
        """A number higher than that of every writer before."""
        one = {"number_of_shards": 1, "auto_expand_replicas": "0-1"}
        ask(
            lambda: self._client.options(ignore_status=400).indices.create(
                index=self._server.turns, settings=one, mappings={"dynamic": "strict"}
            ),
            writing=True,
        )
        return int(
            ask(lambda: self._client.index(index=self._server.turns, id=_TURN, document={}), writing=True)["_version"]
        )

    def last_turn(self) -> int:
        """The number of the writer that opened last."""
        found = ask(lambda: self._client.options(ignore_status=404).get(index=self._server.turns, id=_TURN))
        return int(found.get("_version", 0))

    @property
    def _pattern(self) -> str:
        return f"{self._server.prefix}-r-*"
