"""Legal entities: the controllers whose records are kept here, each with its own law and calendar.

Every record, file, grant, rule and request names one, and nothing crosses from one to
another silently. Names are clear: a firm's name is in the commercial register.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, mapped_column

from accounts.events import EntityAdded
from accounts.principal import Principal
from audit import intake
from core.database import MainTable, ReadSession, WriteSession
from core.errors import Invalid, NotFound
from core.identifiers import new_id

Controller = Literal["own", "processor"]

_COUNTRIES = """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA
    CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB
    GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG
    KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV
    MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB
    SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US
    UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW"""
COUNTRIES = frozenset(re.findall("[A-Z]{2}", _COUNTRIES))
"""ISO 3166-1 alpha-2."""

_CALENDAR = re.compile(r"[A-Z]{2}(?:-[A-Z0-9]{1,3})?").fullmatch


class InvalidEntity(Invalid):
    """The legal entity cannot be described so."""

    code = "invalid_entity"


class UnknownEntity(NotFound):
    """There is no such legal entity."""

    code = "unknown_entity"


class LegalEntity(MainTable):
    """One controller, or one client for whom we are the processor."""

    __tablename__ = "legal_entities"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    jurisdiction: Mapped[str] = mapped_column(String(2))
    """ISO 3166-1 alpha-2."""
    zone: Mapped[str] = mapped_column(String(60))
    """IANA time zone: legal days are those of this zone."""
    fiscal_year_start: Mapped[str] = mapped_column(String(5))
    """``MM-DD`` of the first day."""
    holiday_calendar: Mapped[str] = mapped_column(String(10))
    """Country, or country and region, e.g. ``DE-BY``."""
    controller: Mapped[str] = mapped_column(String(10))
    """``own``, or ``processor`` for the controller named beside it."""
    controller_name: Mapped[str | None] = mapped_column(String(200))
    added_at: Mapped[datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEntity:
    """What must be known of a legal entity before anything is filed for it."""

    name: str
    jurisdiction: str
    zone: str
    fiscal_year_start: str = "01-01"
    holiday_calendar: str | None = None
    """Default: that of the jurisdiction."""
    controller: Controller = "own"
    controller_name: str | None = None


def check(new: NewEntity) -> None:
    """Pass if ``new`` describes a legal entity.

    Raises:
        InvalidEntity: the detail names the field.
    """
    if not 0 < len(new.name.strip()) <= 200:
        raise InvalidEntity("the name needs 1 to 200 characters")
    if new.jurisdiction not in COUNTRIES:
        raise InvalidEntity("the jurisdiction is a country code such as DE")
    if not _is_zone(new.zone):
        raise InvalidEntity("the time zone is a name such as Europe/Berlin")
    if not _is_day_of_every_year(new.fiscal_year_start):
        raise InvalidEntity("the fiscal year starts on a day that every year has, such as 01-01")
    if new.holiday_calendar is not None and not _CALENDAR(new.holiday_calendar):
        raise InvalidEntity("the holiday calendar is a country or region such as DE or DE-BY")
    if (new.controller == "processor") != bool(new.controller_name and new.controller_name.strip()):
        raise InvalidEntity("name the controller where, and only where, we are the processor")


def add(session: WriteSession, new: NewEntity, *, by: Principal, at: datetime) -> LegalEntity:
    """Add a legal entity. Nobody has a role in it yet.

    Raises:
        NotAllowed: ``by`` may not.
        InvalidEntity: a field cannot be used as it is.
    """
    by.require("entity.manage")
    check(new)
    entity = LegalEntity(
        id=new_id(),
        name=new.name.strip(),
        jurisdiction=new.jurisdiction,
        zone=new.zone,
        fiscal_year_start=new.fiscal_year_start,
        holiday_calendar=new.holiday_calendar or new.jurisdiction,
        controller=new.controller,
        controller_name=new.controller_name.strip() if new.controller_name else None,
        added_at=at,
    )
    session.add(entity)
    session.flush()
    intake.append(session, EntityAdded(by=by.actor, entity=entity.id), at=at)
    return entity


def get(session: ReadSession, entity_id: UUID) -> LegalEntity:
    """The legal entity.

    Raises:
        UnknownEntity: there is none of that id.
    """
    entity = session.get(LegalEntity, entity_id)
    if entity is None:
        raise UnknownEntity()
    return entity


def everything(session: ReadSession) -> list[LegalEntity]:
    """All legal entities by name; who may see which is for the caller to ask."""
    return list(session.scalars(_EVERYTHING))


_EVERYTHING = select(LegalEntity).order_by(LegalEntity.name, LegalEntity.id)


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _is_day_of_every_year(text: str) -> bool:
    if len(text) != 5:
        return False
    try:
        # 2025 has no 29 February.
        date.fromisoformat(f"2025-{text}")
    except ValueError:
        return False
    return True
