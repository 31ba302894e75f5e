"""Epochs of data keys begin, retire and end in the log, in the transaction that notes it."""

from pathlib import Path

from tests.support.archive import Archive


def test_an_epoch_begins_retires_and_ends_in_the_log(tmp_path: Path):
    archive = Archive.open(tmp_path / "data")
    row = archive.receive()
    archive.index()
    (begun,) = archive.events("key_epoch.begun")
    run = archive.runtime
    with run.main.write() as session:
        assert run.keys.shred(session, [row.current_version], at=archive.now)
    run.keys.destroy_retired(run.main, at=archive.now)
    # Twice does no more.
    run.keys.destroy_retired(run.main, at=archive.now)
    archive.index()
    (retired,), (destroyed,) = archive.events("key_epoch.retired"), archive.events("key_epoch.destroyed")
    assert begun.objects == retired.objects == destroyed.objects
    assert begun.objects[0].kind == "key_epoch"
    assert retired.details == {"shredded": 1}
    assert len(archive.events("key_epoch.begun")) == 2, "the survivors went to another one"
    archive.close()
