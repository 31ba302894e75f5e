"""All pages in one router; each route knows its full path."""

from api.pages import (
    attention,
    case_files,
    people_pages,
    profile,
    record_page,
    review,
    searching,
    set_up,
    settings_page,
    sign_in,
    static,
    uploading,
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
    case_files,
    people_pages,
    profile,
    settings_page,
):
    router.routes.extend(module.router.routes)
