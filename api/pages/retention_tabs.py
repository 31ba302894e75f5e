"""What lies under "Retention": one entry of the rail, and the tabs that its pages share.

A tab is shown where the person may use it.
"""

from sqlalchemy import and_, func, or_, select

from accounts.principal import Principal
from api.i18n import gettext as _
from core.database import ReadSession
from retention import withdrawal
from retention.batch import REVIEWED, SUBMITTED, Batch

PREPARE, APPROVE = "disposition.prepare", "disposition.approve"
NEEDED = "retention.read"
"""What every page under the tabs asks for."""

ADDRESSES = (
    "/retention",
    "/retention/triggers",
    "/holds",
    "/dispositions",
    "/retention/calendar",
    "/certificates",
    "/keepings",
    "/disclosures",
    "/capture-withdrawals",
    "/retention/runs",
    "/retention/terms",
)
"""In the order of a record's life."""


def tabs(by: Principal | None) -> list[tuple[str, str]]:
    """Address and words of each tab that ``by`` may open."""
    if by is None or not by.may(NEEDED):
        return []
    texts = {
        "/retention": _("Schedule"),
        "/retention/triggers": _("Triggers"),
        "/holds": _("Holds"),
        "/dispositions": _("Disposition"),
        "/retention/calendar": _("Calendar"),
        "/certificates": _("Certificates"),
        "/keepings": _("Kept permanently"),
        "/disclosures": _("Copies outside"),
        "/capture-withdrawals": _("Wrong uploads"),
        "/retention/runs": _("Runs"),
        "/retention/terms": _("Terms"),
    }
    return [(address, texts[address]) for address in ADDRESSES]


def waiting(session: ReadSession, by: Principal) -> int:
    """How many batches and wrong uploads wait for somebody like ``by``: to be reviewed, or for a second person."""
    prepared, approved = (by.entities_for(each) for each in (PREPARE, APPROVE))
    if not prepared and not approved:
        return 0
    wanted = or_(
        and_(Batch.entity.in_(prepared), Batch.state.in_(REVIEWED)),
        and_(Batch.entity.in_(approved), Batch.state == SUBMITTED),
    )
    batches = session.scalar(select(func.count()).select_from(Batch).where(wanted)) or 0
    return batches + withdrawal.count_waiting(session, by=by)


def is_under(path: str) -> bool:
    """Whether a page belongs to "Retention"."""
    tops = (*(address for address in ADDRESSES if address.count("/") == 1), "/regimes", "/packages")
    return any(path == top or path.startswith(f"{top}/") for top in tops)
