"""The example site: its rows, its demo and its pages, each as a stranger runs them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.db import connections

from tests.support.site import ALIAS, site_database

TOP = Path(__file__).resolve().parents[2]
MANAGE = [sys.executable, str(TOP / "example_site" / "manage.py")]
WAYS = [".all()", ".iterator()", "Paginator", "stream()", "keyset_iter()", "chunks()"]
FIGURES = re.compile(r"(\S+)\s+([\d,.]+ m?s)\s+([\d,]+)\s+([\d,.]+ MB)\s+([\d,.]+ m?s)")

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def environment(committed_db: None) -> Iterator[dict[str, str]]:
    """The environment in which the site uses a database of its own."""
    with site_database() as url:
        yield {**os.environ, "DATABASE_URL": url, "ROWS": "", "TERM": "dumb"}


@pytest.fixture(scope="module")
def manage(environment: dict[str, str]) -> Run:
    """Run manage.py."""

    def run(*arguments: str, check: bool = True, **variables: str) -> Any:
        finished = subprocess.run(
            [*MANAGE, *arguments],
            env={**environment, **variables},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert not check or finished.returncode == 0, finished.stderr
        return finished

    return run


def events() -> list[tuple[Any, ...]]:
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(
            "SELECT id, user_id, kind, path, country, duration_ms, amount, created_at "
            "FROM events_event ORDER BY id"
        )
        return list(cursor.fetchall())


def ids() -> list[int]:
    return [row[0] for row in events()]


def test_load_events_makes_exactly_as_many(manage: Run) -> None:
    for rows in (300, 500, 400, 0, 20):
        manage("load_events", str(rows))
        assert ids() == list(range(1, rows + 1))


def test_load_events_does_nothing_a_second_time(manage: Run) -> None:
    manage("load_events", "50")
    assert "holds 50 events already" in manage("load_events", "50").stdout


def test_load_events_makes_the_same_rows_again(manage: Run) -> None:
    manage("load_events", "200")
    before = events()
    manage("load_events", "0")
    manage("load_events", "200")
    assert events() == before
    assert len({row[2] for row in before}) == 4
    assert len({row[1] for row in before}) > 100


def test_load_events_mends_a_table_with_holes(manage: Run) -> None:
    manage("load_events", "60")
    with connections[ALIAS].cursor() as cursor:
        cursor.execute("DELETE FROM events_event WHERE id = 7")
    manage("load_events", "60")
    assert ids() == list(range(1, 61))


def test_rows_of_the_factories_come_behind_the_loaded_ones(manage: Run) -> None:
    manage("load_events", "30")
    made = manage(
        "shell",
        "-v0",
        "-c",
        "from example_site.events.factories import EventFactory; print(EventFactory().pk)",
    )
    assert int(made.stdout) > 30


def test_load_events_refuses_a_number_below_zero(manage: Run) -> None:
    refused = manage("load_events", "--", "-1", check=False)
    assert refused.returncode != 0
    assert "0 or more, not -1" in refused.stderr


@pytest.fixture(scope="module")
def demo(manage: Run) -> str:
    """What the demo prints when it finds its rows in the table."""
    manage("load_events", "3000")
    output: str = manage("demo", ROWS="3,000").stdout
    return output


def test_demo_finds_the_rows_that_were_made(demo: str) -> None:
    assert demo.startswith("The table holds 3,000 events already.")


def test_demo_prints_a_row_of_figures_for_each_way(demo: str) -> None:
    assert [found[0] for found in FIGURES.findall(demo)] == WAYS


def test_demo_says_what_was_seen_and_where_to_go(demo: str) -> None:
    assert "You have just seen 3,000 rows walked in six ways" in demo
    assert "objects = ChunkedManager()" in demo.replace("\n", " ")


def test_demo_is_plain_text_of_80_columns_in_a_file(demo: str) -> None:
    assert "\x1b" not in demo
    assert max(map(len, demo.splitlines())) <= 80


@pytest.mark.parametrize("rows", ["many", "0", "-5", "1.5"])
def test_demo_says_what_a_number_of_rows_is(manage: Run, rows: str) -> None:
    refused = manage("demo", check=False, ROWS=rows)
    assert refused.returncode != 0
    assert f"a number of rows, 1 or more, not '{rows}'" in refused.stderr


def test_demo_ends_its_walk_when_it_is_interrupted(
    manage: Run, environment: dict[str, str]
) -> None:
    manage("load_events", "2000")
    with subprocess.Popen(
        [*MANAGE, "demo", "--rows", "2000"], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        while WAYS[0] not in process.stdout.readline():
            pass
        walks = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        output = process.stdout.read()
    assert process.returncode == 130
    assert "Interrupted" in output
    assert not psutil.wait_procs(walks, timeout=5)[1]


@pytest.mark.parametrize("way", WAYS)
def test_each_way_walks_every_row(manage: Run, way: str) -> None:
    manage("load_events", "5000")
    assert _result(manage("walk", way))["rows"] == 5000


def test_a_walk_stops_at_its_limits(manage: Run) -> None:
    manage("load_events", "5000")
    assert _result(manage("walk", ".all()", "--limit", "100"))["rows"] == 100
    assert _result(manage("walk", "Paginator", "--seconds", "0"))["rows"] < 5000


def _result(run: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])["result"]
    return result


def test_the_list_leads_from_page_to_page(manage: Run) -> None:
    manage("load_events", "2500")
    first = _get(manage, "/?kind=view&order=dearest")
    assert first.count("/shop/item-") == 50
    assert "purchase" not in first.split("<table>")[1]
    assert 'rel="prev"' not in first
    second = _get(manage, "/" + _link(first, "next"))
    assert second.count("/shop/item-") == 50
    assert (
        _get(manage, "/" + _link(second, "prev")).split("<table>")[1].split("<nav")[0]
        == (first.split("<table>")[1].split("<nav")[0])
    )
    assert 'rel="next"' not in _get(manage, "/?page=last")


@pytest.mark.parametrize("client", ["/", "/async/"])
def test_the_downloads_have_every_row(manage: Run, client: str) -> None:
    manage("load_events", "2500")
    lines = _get(manage, f"{client}events.csv").splitlines()
    assert lines[0].startswith("id,created_at,kind")
    assert len(lines) == 2501
    assert "purchase" not in _get(manage, f"{client}events.csv?kind=view")
    objects = _get(manage, f"{client}events.ndjson").splitlines()
    assert len({json.loads(line)["id"] for line in objects}) == 2500


def test_parquet_has_every_row(manage: Run, tmp_path: Path) -> None:
    from pyarrow import parquet

    manage("load_events", "2500")
    path = tmp_path / "events.parquet"
    manage("export", "events.Event", "--output", str(path))
    assert parquet.read_table(path).num_rows == 2500


def test_the_api_leads_from_page_to_page(manage: Run) -> None:
    manage("load_events", "2500")
    first = json.loads(_get(manage, "/api/events/?kind=view&ordering=-amount&page_size=20"))
    assert len(first["results"]) == 20
    second = json.loads(_get(manage, first["next"].removeprefix("http://localhost")))
    ids = {event["id"] for event in first["results"] + second["results"]}
    assert len(ids) == 40
    assert json.loads(_get(manage, second["previous"].removeprefix("http://localhost"))) == first
    assert "/api/events/" in _get(manage, "/api/schema/")


def test_the_admin_lists_the_events(manage: Run) -> None:
    manage("load_events", "2500")
    manage("createsuperuser", "--noinput", "--username", "admin", "--email", "admin@example.org")
    login = "client.force_login(User.objects.get())"
    for path in ("/admin/events/event/", "/admin/events/event/?kind__exact=view"):
        assert _get(manage, path, login).count('class="field-path"') == 100


def _link(page: str, rel: str) -> str:
    (link,) = re.findall(f'rel="{rel}" href="([^"]*)"', page)
    return unescape(link)


def _get(manage: Run, path: str, before: str = "") -> str:
    return manage(
        "shell",
        "-v0",
        "-c",
        f"""
from django.contrib.auth.models import User
from django.test import Client
client = Client(headers={{"host": "localhost"}})
{before}
response = client.get({path!r})
assert response.status_code == 200, response
print(response.getvalue().decode())
""",
    ).stdout.strip()
