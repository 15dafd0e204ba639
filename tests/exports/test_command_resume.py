"""``manage.py export --resume``: goes on after whatever has ended it, and repeats no row."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import CommandError

from chunkqs import keyset_iter
from tests.exports.test_command import ROWS, export, fail_after
from tests.support.models import Event
from tests.support.rows import make

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def rows(transactional_db: None) -> None:
    make(Event, ROWS)


@pytest.mark.parametrize("form", ["csv", "ndjson"])
@pytest.mark.parametrize("parts", range(1, 8))
def test_resume_goes_on_where_it_was_interrupted(
    form: str, parts: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"events.{form}"
    options = ["--resume", "--order-by=-created_at"]
    with monkeypatch.context() as patch:
        patch.setattr("chunkqs.walks.export_walk.PART_BYTES", 2000)
        fail_after(parts, patch)
        with pytest.raises(ZeroDivisionError):
            export(path, *options)
    assert not path.exists()
    export(path, *options)
    expected = getattr(keyset_iter(Event.objects.order_by("-created_at")), form)()
    assert path.read_bytes() == b"".join(expected)
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_has_written_after_its_last_note_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.csv"
    interrupted(path, monkeypatch)
    with (tmp_path / "events.csv.partial").open("ab") as file:
        file.write(b"half a li")
    export(path, "--resume")
    assert path.read_bytes() == b"".join(keyset_iter(Event.objects.all()).csv())


def test_resume_refuses_to_go_on_with_another_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.csv"
    interrupted(path, monkeypatch)
    with pytest.raises(CommandError, match="of another export") as raised:
        export(path, "--resume", "--filter", "kind=view")
    assert raised.value.returncode == 2
    assert (tmp_path / "events.csv.partial").exists()


def interrupted(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave what an export in small parts has written after the fourth."""
    with monkeypatch.context() as patch:
        patch.setattr("chunkqs.walks.export_walk.PART_BYTES", 2000)
        fail_after(4, patch)
        with pytest.raises(ZeroDivisionError):
            export(path, "--resume")


@pytest.mark.parametrize("notes", range(1, 6))
def test_an_interrupt_between_a_part_and_its_note_repeats_no_row(
    notes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chunkqs.management.files import ExportFile

    path = tmp_path / "events.csv"
    note, left = ExportFile.note, [notes]

    def interrupting(self: ExportFile, position: str | None) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        note(self, position)

    with monkeypatch.context() as patch:
        patch.setattr("chunkqs.walks.export_walk.PART_BYTES", 2000)
        patch.setattr(ExportFile, "note", interrupting)
        with pytest.raises(CommandError, match="Interrupted") as raised:
            export(path, "--resume")
    assert raised.value.returncode == 130
    export(path, "--resume")
    assert path.read_bytes() == b"".join(keyset_iter(Event.objects.all()).csv())


def test_resume_refuses_a_file_that_has_lost_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.csv"
    interrupted(path, monkeypatch)
    partial = tmp_path / "events.csv.partial"
    partial.write_bytes(partial.read_bytes()[:-10])
    with pytest.raises(CommandError, match="has lost bytes") as raised:
        export(path, "--resume")
    assert raised.value.returncode == 2
    assert not path.exists()


@pytest.mark.parametrize("note", ["", "{}", "[]", '{"identity": 1}'])
def test_resume_refuses_a_note_that_is_none(
    note: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.csv"
    interrupted(path, monkeypatch)
    (tmp_path / "events.csv.resume").write_text(note)
    with pytest.raises(CommandError, match=r"events.csv.resume cannot be read"):
        export(path, "--resume")


def test_a_full_disk_ends_it_with_1_and_keeps_what_can_be_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chunkqs.management.files import ExportFile

    path = tmp_path / "events.csv"

    def full(self: ExportFile) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(ExportFile, "finish", full)
        with pytest.raises(CommandError, match="No space left on device") as raised:
            export(path, "--resume")
    assert raised.value.returncode == 1
    export(path, "--resume")
    assert path.read_bytes() == b"".join(keyset_iter(Event.objects.all()).csv())
    assert list(tmp_path.iterdir()) == [path]
