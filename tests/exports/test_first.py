import pytest, csv, io
from django.db import transaction, connection
from chunkqs import stream, keyset_iter
from tests.support.models import Every, Event, Nullable
from tests.support.rows import make
from tests.support import rows
from django.test.utils import CaptureQueriesContext

@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("model",[Every,Event,Nullable])
@pytest.mark.parametrize("fmt",["csv","ndjson"])
def test_same(model, fmt):
    make(model, 60)
    qs=model.objects.order_by("pk")
    ks=b"".join(getattr(keyset_iter(qs),fmt)())
    with CaptureQueriesContext(connection) as c:
        pr=b"".join(getattr(stream(qs,chunk_size=10),fmt)())
    print("\n".join(q["sql"][:3000] for q in c))
    with transaction.atomic():
        at=b"".join(getattr(stream(qs),fmt)())
    sm=b"".join(getattr(stream(qs),fmt)())
    print(ks.decode()[:1500]); print(pr.decode()[:1500])
    assert ks.decode().split("\n")==pr.decode().split("\n")
    assert ks==at==sm

@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("model",[Every,Event,Nullable])
def test_arrow(model):
    make(model, 60)
    qs=model.objects.order_by("pk")
    a=stream(qs,chunk_size=10).arrow().read_all()
    b=keyset_iter(qs).arrow().read_all()
    with transaction.atomic(): c=stream(qs).arrow().read_all()
    assert a.schema==b.schema
    assert a.to_pylist()==b.to_pylist()==c.to_pylist()
    print(a.schema); print(a.to_pylist()[1])
    import duckdb
    r=stream(qs,chunk_size=10).arrow()
    assert duckdb.sql("select count(*) from r").fetchall()==[(60,)]
