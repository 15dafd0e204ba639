import random, traceback, datetime as dt
import pytest
from django.db import connection
from django.db.models import *
from django.db.models.functions import *
from chunkqs import keyset_iter, chunks, stream
from chunkqs.errors import KeysetError
from chunkqs.keyset import keyset_of
from tests.models import *
from django.db.models import Value, F

pytestmark = pytest.mark.django_db(transaction=True)

def data():
    r = random.Random(5)
    us=[User.objects.create(name=f"u{r.randrange(5)}", email=f"e{n%4}@x.org", active=bool(n%2)) for n in range(8)]
    for n in range(60):
        Nullable.objects.create(user=r.choice(us+[None,None]), number=r.choice([None,1,2,3]), text=r.choice([None,"a","b"]), moment=r.choice([None]+[dt.datetime(2024,10,27,h,30,tzinfo=dt.UTC) for h in range(3)]))
    for n in range(30):
        Composite.objects.create(tenant=n%4, number=n, name=r.choice("abc"))
    for n in range(20):
        CompositePart.objects.create(user=r.choice(us), line=n, tenant=n%4, number=n)
    for n in range(15):
        Pub.objects.create(name=r.choice("abc"), stars=r.choice([1,2]), beer=r.choice("xy"), partner=Place.objects.order_by("?").first())
    au=[Author.objects.create(name=r.choice("ab")) for _ in range(4)]
    c0=Category.objects.create(name="c0"); c1=Category.objects.create(name="c1",parent=c0)
    ls=[Label.objects.create(name=r.choice("lm")) for _ in range(4)]
    for n in range(25):
        a=Article.objects.create(name=r.choice("xyz"), author=r.choice(au), editor=r.choice(au+[None]), category=r.choice([c0,c1]))
        a.labels.set(r.sample(ls, r.randrange(0,4)))

N=lambda: Nullable.objects
QS = {
 "plain": lambda: N().order_by("-number","text"),
 "mixed": lambda: N().order_by("-number","text","-moment"),
 "nulls": lambda: N().order_by(F("number").desc(nulls_last=True),F("text").asc(nulls_first=True)),
 "rel": lambda: N().order_by("user__name","-number"),
 "rel_sr": lambda: N().select_related("user").order_by("user__name","-number"),
 "rel_val": lambda: N().order_by("user__name","-number").values("user__name","text"),
 "rel_vl": lambda: N().order_by("user__name","-number").values_list("text","user__name","pk","number"),
 "rel_id": lambda: N().order_by("-user_id","number"),
 "rel_pk": lambda: N().order_by("user__pk","number").values_list("user_id","user__email"),
 "alias": lambda: N().values(x=F("number"), y=F("text"), pk2=F("pk")).order_by("x","-y"),
 "alias2": lambda: N().values("text", number2=F("number")).order_by("-number2"),
 "ann": lambda: N().annotate(z=Coalesce("number",Value(0))).order_by("z","-text"),
 "ann2": lambda: N().annotate(z=Upper("text")).order_by("-z","number"),
 "ann3": lambda: N().annotate(z=Upper("text")).order_by(Upper("text"),"-number"),
 "annvl": lambda: N().annotate(z=Upper("text")).values_list("z","number","z").order_by("-z","number"),
 "flat": lambda: N().order_by("-number").values_list("text", flat=True),
 "flatpk": lambda: N().order_by("-number").values_list("pk", flat=True),
 "named": lambda: N().order_by("-number").values_list("number","text", named=True),
 "moment": lambda: N().order_by("-moment","number"),
 "momvl": lambda: N().order_by("-moment","number").values_list("moment","moment","number"),
 "distinct": lambda: N().values("number","text").distinct().order_by("number","-text"),
 "distinct2": lambda: N().values("number").distinct().order_by("text","number"),
 "distinct3": lambda: N().values_list("number","text").distinct().order_by("-text"),
 "distinct_pin": lambda: N().filter(number=2).values("text").distinct().order_by("number","text"),
 "distinct_pin2": lambda: N().filter(number=2).values("text").distinct().order_by("number","text","moment"),
 "distinct_pin3": lambda: N().filter(number=2).values("text","pk").distinct().order_by("moment","number","-text"),
 "distinct_pin4": lambda: N().filter(number=2).distinct().order_by("user__name","number","-text"),
 "distinct_pin5": lambda: N().filter(user__active=True).distinct().order_by("user__active","-text"),
 "distinct_whole": lambda: N().distinct().order_by("number","-text"),
 "distinct_rel": lambda: N().distinct().order_by("user__name","-text"),
 "pin": lambda: N().filter(number=2).order_by("number","-text"),
 "pin2": lambda: N().filter(number=2,text="a").order_by("number","-text").values_list("text","number"),
 "pinrel": lambda: N().filter(user__active=True).order_by("user__active","-text","moment").values("user__active"),
 "group": lambda: N().values("number").annotate(c=Count("pk")).order_by("number"),
 "group2": lambda: N().values("number","text").annotate(c=Count("pk"),m=Max("pk")).order_by("-c","number","text"),
 "group3": lambda: N().values("user__name").annotate(c=Count("pk")).order_by("user__name","c"),
 "group4": lambda: User.objects.annotate(c=Count("nullable")).order_by("-c","name"),
 "group5": lambda: User.objects.annotate(c=Count("nullable"),s=Sum("nullable__number")).order_by("s","-c"),
 "group6": lambda: N().values("number").annotate(c=Count("pk")).filter(c__gt=1).order_by("-number").values_list("c","number"),
 "group7": lambda: N().values("number","text").annotate(c=Count("pk")).filter(number=2).order_by("number","-text").values_list("c","text"),
 "group8": lambda: N().values("number","text").annotate(c=Count("pk")).filter(number=2).order_by("number","-text").distinct(),
 "comp": lambda: Composite.objects.order_by("-name"),
 "comp_pk": lambda: Composite.objects.order_by("pk"),
 "comp_vl": lambda: Composite.objects.order_by("name","-tenant").values_list("pk","name"),
 "comp_vl2": lambda: Composite.objects.order_by("name","-tenant").values_list("name","pk","number"),
 "comp_v3": lambda: Composite.objects.order_by("name").values("name","pk"),
 "comp_dis": lambda: Composite.objects.values_list("pk","name").distinct().order_by("name","pk"),
 "comp_dis2": lambda: Composite.objects.filter(name="a").values_list("pk").distinct().order_by("name","pk"),
 "comp_ann": lambda: Composite.objects.annotate(u=Upper("name")).order_by("-u","tenant").values_list("pk","u"),
 "part": lambda: CompositePart.objects.order_by("-whole__name","user__name"),
 "part_sr": lambda: CompositePart.objects.select_related("whole","user").order_by("-whole__name","user__name"),
 "part_vl": lambda: CompositePart.objects.values_list("whole__pk","pk","user__name").order_by("-whole__name","user__name"),
 "pub": lambda: Pub.objects.order_by("name","-stars"),
 "pub2": lambda: Pub.objects.order_by("partner__name","-beer","name"),
 "pub_sr": lambda: Pub.objects.select_related("partner").order_by("partner__name","-beer","name"),
 "pub_vl": lambda: Pub.objects.order_by("name","-stars").values_list("beer","name","pk"),
 "pub_defer": lambda: Pub.objects.order_by("name","-stars").defer("name"),
 "pub_only": lambda: Pub.objects.order_by("name","-stars").only("beer"),
 "only": lambda: N().order_by("-number","text").only("moment"),
 "art": lambda: Article.objects.order_by("author__name","-editor__name"),
 "art_sr": lambda: Article.objects.select_related("author","editor","category__parent").order_by("-category__parent__name","editor__name"),
 "art_m2m": lambda: Article.objects.order_by("labels__name","-name"),
 "art_m2m_vl": lambda: Article.objects.order_by("labels__name","-name").values_list("labels__name","labels__id","pk"),
 "art_m2m_dis": lambda: Article.objects.filter(labels__name="l").distinct().order_by("author__name"),
 "art_m2m_dis2": lambda: Article.objects.filter(labels__name="l").distinct().order_by("labels__name","author__name","-name"),
 "art_pre": lambda: Article.objects.prefetch_related("labels").order_by("author__name","-editor__name"),
 "extra": lambda: N().extra(select={"dbl":"number * 2"}).order_by("-number"),
 "extra_vl": lambda: N().extra(select={"dbl":"number * 2"}).order_by("-number").values_list("number","dbl","text"),
 "extra_par": lambda: N().extra(select={"dbl":"number * %s"}, select_params=[3]).order_by("-number","text"),
 "extra_ord": lambda: N().extra(select={"dbl":"number * 2"}).order_by("dbl","text"),
 "extra_dis": lambda: N().extra(select={"dbl":"number * 2"}).filter(number=2).values("text","dbl").distinct().order_by("number","text"),
 "case": lambda: N().annotate(k=Case(When(number=1,then=Value("x")),default=Value("y"))).order_by("k","-number"),
 "sub": lambda: N().annotate(k=Subquery(User.objects.filter(pk=OuterRef("user_id")).values("name")[:1])).order_by("k","-number"),
 "exists": lambda: N().annotate(k=Exists(User.objects.filter(pk=OuterRef("user_id")))).order_by("-k","number").values_list("k","number"),
 "rev": lambda: N().order_by("-number","text").reverse(),
 "vals_ann_between": lambda: N().values("number").annotate(z=Upper("text")).order_by("z","number").values_list("z"),
 "trunc": lambda: N().annotate(d=TruncHour("moment")).order_by("d","-number").values_list("d","number"),
 "datetimes": lambda: N().filter(moment__isnull=False).datetimes("moment","hour"),
 "cast": lambda: N().annotate(d=Cast("number",FloatField())).order_by("d","-text"),
 "uuid": lambda: N().order_by(Lower("user__email").desc(),"number"),
 "owner": lambda: N().filter(user__isnull=False).order_by("user__email","-user__name").values_list("user__name","user"),
}
def norm(x):
    if isinstance(x, Model):
        d={k:v for k,v in x.__dict__.items() if k!="_state" and k!="_prefetched_objects_cache"}
        d["_rel"]={k:norm(v) for k,v in x._state.fields_cache.items() if v is not None}
        d["_def"]=sorted(x.get_deferred_fields())
        return d
    return x

def test_all():
    data(); bad=[]; refused=[]; ok=0
    if connection.vendor=="postgresql":
        connection.cursor().execute("ANALYZE")
    for name, make in QS.items():
        try:
            qs=make()
            list(qs)
        except Exception as e:
            bad.append((name,"DJANGO",repr(e)[:150])); continue
        try:
            k=keyset_of(qs); want=[norm(x) for x in k.queryset]
        except KeysetError as e:
            refused.append((name,str(e)[:90])); 
            want=None
        ways={}
        if want is not None:
            for s in (1,2,7,1000):
                ways[f"ki{s}"]=lambda s=s:list(keyset_iter(qs,chunk_size=s))
                ways[f"st{s}"]=lambda s=s:[r for c in stream(qs,chunk_size=s).chunks(3) for r in c]
            def tok(mk):
                def f():
                    out=[]; t=None
                    while True:
                        n=0
                        for c in mk(t):
                            out+=list(c); t=c.end if hasattr(c,"end") else None; n=1; break
                        if not n: return out
                return f
            ways["rev"]=lambda:list(reversed(keyset_iter(qs,chunk_size=3)))[::-1]
            ways["chunks"]=lambda:[r for c in chunks(qs,4) for r in c]
            ways["chunkqs"]=lambda:[r for c in chunks(qs,4) for r in c.queryset]
            ways["stchunkqs"]=lambda:[r for c in stream(qs,chunk_size=5).chunks(4) for r in c.queryset]
            if connection.vendor!="sqlite": ways["stpriv"]=lambda:[r for c in stream(qs,chunk_size=5,private=True).chunks(4) for r in c.queryset]
        w2=[norm(x) for x in qs]
        for s in (1,7,len(w2) or 1):
            ways[f"s{s}"]=lambda s=s:list(stream(qs,chunk_size=s))
            if connection.vendor!="sqlite": ways[f"sp{s}"]=lambda s=s:list(stream(qs,chunk_size=s,private=True))
        for w,f in ways.items():
            try:
                got=[norm(x) for x in f()]
            except Exception as e:
                bad.append((name,w,repr(e)[:200])); continue
            exp = want if w[:2] in("ki","st","re","ch") else w2
            if w[0]=="s" and w[1]!="t":
                if sorted(map(repr,got))!=sorted(map(repr,exp)): bad.append((name,w,"differs",got[:3],exp[:3]))
            elif got!=exp:
                bad.append((name,w,"DIFF" if sorted(map(repr,got))!=sorted(map(repr,exp)) else "order",len(got),len(exp),str(got[:2])[:200],str(exp[:2])[:200]))
            else: ok+=1
    print("OK",ok)
    for r in refused: print("REFUSED",r)
    for b in bad: print("BAD",b)
