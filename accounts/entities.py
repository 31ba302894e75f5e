"""Legal entities: the controllers whose records are kept here, each with its own law and calendar.

Every record, file, grant, rule and request names one, and nothing crosses from one to
another silently. Names are clear: a firm's name is in the commercial register.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, mapped_column

from accounts import fiscal_year
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
    first_fiscal_year_start: Mapped[str] = mapped_column("fiscal_year_start", String(5))
    """``MM-DD`` of the first day, as it was before it was moved for the first time."""
    holiday_calendar: Mapped[str] = mapped_column(String(10))
    """Country, or country and region, e.g. ``DE-BY``."""
    controller: Mapped[str] = mapped_column(String(10))
    """``own``, or ``processor`` for the controller named beside it."""
    controller_name: Mapped[str | None] = mapped_column(String(200))
    added_at: Mapped[datetime]
    fiscal_year_moves: Mapped[str | None] = mapped_column(String(fiscal_year.LONGEST - 5))
    """What stands behind the first day of the fiscal year."""

    @property
    def fiscal_year_start(self) -> str:
        """``MM-DD`` of the first day, and since when it is another one (``accounts.fiscal_year``)."""
        return self.first_fiscal_year_start + (self.fiscal_year_moves or "")

    @fiscal_year_start.setter
    def fiscal_year_start(self, text: str) -> None:
        self.first_fiscal_year_start, self.fiscal_year_moves = text[:5], text[5:] or None


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
    check_calendar(new.zone, new.fiscal_year_start)
    if new.holiday_calendar is not None and not _CALENDAR(new.holiday_calendar):
        raise InvalidEntity("the holiday calendar is a country or region such as DE or DE-BY")
    if (new.controller == "processor") != bool(new.controller_name and new.controller_name.strip()):
        raise InvalidEntity("name the controller where, and only where, we are the processor")


def check_calendar(zone: str, fiscal_year_start: str) -> None:
    """Pass if legal days and fiscal years can be told by these.

    Raises:
        InvalidEntity: the detail names the field.
    """
    if not _is_zone(zone):
        raise InvalidEntity("the time zone is a name such as Europe/Berlin")
    try:
        fiscal_year.parse(fiscal_year_start)
    except ValueError as error:
        raise InvalidEntity(str(error)) from None


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


def set_calendar(session: WriteSession, entity_id: UUID, *, zone: str, fiscal_year_start: str) -> None:
    """Have legal days and fiscal years be told by another calendar from now on.

    For ``retention.terms_change``, which asks two persons, keeps what held before, tells the log, and has all dates
    reckoned anew.

    Raises:
        UnknownEntity: there is none.
        InvalidEntity: no such zone or day.
    """
    check_calendar(zone, fiscal_year_start)
    row = get(session, entity_id)
    row.zone, row.fiscal_year_start = zone, fiscal_year_start
    session.flush()


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
