"""All pages in one router; each route knows its full path."""

from api.pages import (
    attention,
    audit_access,
    audit_export,
    audit_reports,
    audit_sample,
    audit_state,
    audit_trail,
    case_files,
    people_pages,
    profile,
    record_page,
    review,
    scopes,
    searching,
    set_up,
    settings_page,
    sign_in,
    static,
    uploading,
    verify,
)
from api.pages.show import page_router

router = page_router()

for module in (
    static,
    sign_in,
    set_up,
    searching,
    uploading,
    record_page,
    review,
    attention,
    audit_access,
    audit_export,
    audit_reports,
    audit_sample,
    audit_state,
    audit_trail,
    case_files,
    people_pages,
    profile,
    scopes,
    settings_page,
    verify,
):
    router.routes.extend(module.router.routes)
