"""Witness policies (C2SP tlog-policy): which logs, which witnesses, and how many of them are enough.

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> all|any|<k> <name> …
    quorum <name>|none

Names live in the file only; a line refers to names of lines before it. What stands in a
group once stands nowhere else, so that no witness counts twice. Keys of types that this
program cannot verify are kept as names that never cosign, and told in ``unsupported``.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from audit.cosignature import COSIGNATURE, WitnessKey, parse_witness_key
from audit.note import NotANote, VerifierKey, decode, parse_vkey
from core.errors import Invalid

MAX_POLICY_BYTES = 262_144
NONE = "none"


class BadPolicy(Invalid):
    """The witness policy cannot be used."""

    code = "audit_policy"


@dataclass(frozen=True, slots=True)
class PolicyLog:
    """A log whose checkpoints count."""

    key: VerifierKey
    url: str = ""


@dataclass(frozen=True, slots=True)
class PolicyWitness:
    """A witness: its name in this file, its key, and where it takes checkpoints."""

    name: str
    key: WitnessKey
    url: str = ""


@dataclass(frozen=True, slots=True)
class _Group:
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """A parsed policy file."""

    logs: tuple[PolicyLog, ...]
    witnesses: tuple[PolicyWitness, ...]
    groups: Mapping[str, _Group]
    quorum: str
    unsupported: tuple[str, ...] = ()
    """Names of witnesses whose key is of a type this program does not verify."""

    @property
    def needs_witnesses(self) -> bool:
        """Whether a checkpoint without any cosignature is not enough."""
        return self.quorum != NONE

    def is_met(self, cosigned_by: Collection[WitnessKey]) -> bool:
        """Whether cosignatures of these keys, verified before, make the quorum."""
        return self.quorum == NONE or self._holds(self.quorum, {w.name for w in self.witnesses if w.key in cosigned_by})

    def _holds(self, name: str, cosigners: Collection[str]) -> bool:
        group = self.groups.get(name)
        if group is None:
            return name in cosigners
        return sum(self._holds(member, cosigners) for member in group.members) >= group.threshold


def parse_policy(data: bytes) -> Policy:
    """Read a policy file.

    Raises:
        BadPolicy: it is not one; says which line.
    """
    if len(data) > MAX_POLICY_BYTES:
        raise BadPolicy("the policy is too long")
    # Names are opaque octets: this keeps each of them apart from all others.
    text = data.decode("utf-8", "surrogateescape")
    reading = _Reading()
    for number, line in enumerate(text.split("\n"), start=1):
        if any((ord(c) < 0x20 and c != "\t") or ord(c) == 0x7F for c in line):
            raise BadPolicy(f"line {number}: control characters have no place here")
        words = [word for word in line.replace("\t", " ").split(" ") if word]
        if not words or words[0].startswith("#"):
            continue
        try:
            reading.line(words)
        except (NotANote, BadPolicy) as error:
            raise BadPolicy(f"line {number}: {error.detail}") from error
        except UnicodeEncodeError as error:
            raise BadPolicy(f"line {number}: the name of a key is UTF-8") from error
    return reading.policy()


class _Reading:
    """One pass over a policy file."""

    def __init__(self) -> None:
        self._logs: list[PolicyLog] = []
        self._witnesses: list[PolicyWitness] = []
        self._groups: dict[str, _Group] = {}
        self._unsupported: list[str] = []
        self._names: set[str] = set()
        self._members: set[str] = set()
        self._public: dict[str, set[bytes]] = {"log": set(), "witness": set()}
        self._quorum: str | None = None

    def line(self, words: list[str]) -> None:
        kind, arguments = words[0], words[1:]
        if kind == "log" and len(arguments) in (1, 2):
            self._log(*arguments)
        elif kind == "witness" and len(arguments) in (2, 3):
            self._witness(*arguments)
        elif kind == "group" and len(arguments) >= 3:
            self._group(arguments[0], arguments[1], arguments[2:])
        elif kind == "quorum" and len(arguments) == 1:
            if self._quorum is not None:
                raise BadPolicy("there is one quorum only")
            self._quorum = arguments[0] if arguments[0] == NONE else self._known(arguments[0])
        else:
            raise BadPolicy("a line is log, witness, group or quorum, with what belongs to it")

    def policy(self) -> Policy:
        if self._quorum is None:
            raise BadPolicy("there is no quorum line")
        return Policy(tuple(self._logs), tuple(self._witnesses), self._groups, self._quorum, tuple(self._unsupported))

    def _log(self, vkey: str, url: str = "") -> None:
        key = parse_vkey(vkey)
        self._once("log", key.public)
        self._logs.append(PolicyLog(key, url))

    def _witness(self, name: str, vkey: str, url: str = "") -> None:
        self._name(name)
        material = decode(vkey.split("+", 2)[-1])
        if material[:1] != COSIGNATURE:
            self._once("witness", material[1:])
            self._unsupported.append(name)
            return
        key = parse_witness_key(vkey)
        self._once("witness", key.public)
        self._witnesses.append(PolicyWitness(name, key, url))

    def _group(self, name: str, threshold: str, members: list[str]) -> None:
        for member in members:
            if self._known(member) in self._members:
                raise BadPolicy("a name stands in one group, once")
            self._members.add(member)
        self._name(name)
        if threshold in ("any", "all"):
            count = 1 if threshold == "any" else len(members)
        elif threshold.isascii() and threshold.isdecimal() and not threshold.startswith("0"):
            count = int(threshold) if len(threshold) < 9 else len(members) + 1
        else:
            count = 0
        if not 1 <= count <= len(members):
            raise BadPolicy("a group needs any, all, or a number from 1 to that of its members")
        self._groups[name] = _Group(count, tuple(members))

    def _name(self, name: str) -> None:
        if name == NONE or name in self._names:
            raise BadPolicy("a name is given once, and never none")
        self._names.add(name)

    def _known(self, name: str) -> str:
        if name not in self._names:
            raise BadPolicy("a name is defined on a line before")
        return name

    def _once(self, kind: str, public: bytes) -> None:
        if public in self._public[kind]:
            raise BadPolicy(f"a {kind}'s key stands here twice")
        self._public[kind].add(public)
