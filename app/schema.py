"""All tables and all audit events, gathered: importing this module makes every one of them known."""

from importlib import import_module

from sqlalchemy import MetaData

from core.database import LogTable, MainTable

MODULES = (
    "accounts.departments",
    "accounts.entities",
    "accounts.events",
    "accounts.grant_requests",
    "accounts.grants",
    "accounts.passwords",
    "accounts.people",
    "accounts.person_reports",
    "accounts.recertification",
    "accounts.report_events",
    "accounts.sessions",
    "accounts.setup",
    "accounts.single_operator",
    "accounts.suspensions",
    "accounts.throttle",
    "accounts.tokens",
    "audit.alias",
    "audit.catalogues",
    "audit.checkpoint",
    "audit.cosignatures",
    "audit.entries",
    "audit.intake",
    "audit.journal",
    "audit.log",
    "audit.mark",
    "audit.opening",
    "audit.timestamp",
    "audit.oversight",
    "audit.served",
    "core.jobs",
    "core.leases",
    "ingest.receive",
    "records.access",
    "records.auditor_scope",
    "records.case_file",
    "records.derived",
    "records.events",
    "records.field",
    "records.key_events",
    "records.object_lock",
    "records.party",
    "records.placement",
    "records.record",
    "records.scope_events",
    "vault.keyring",
    "search.events",
    "search.traces",
    "vault.traces",
    "records.traces",
    "ingest.traces",
    "core.traces",
    "audit.traces",
    "accounts.traces",
    "app.settings_log",
)
for _module in MODULES:
    import_module(_module)

MAIN: MetaData = MainTable.metadata
LOG: MetaData = LogTable.metadata
