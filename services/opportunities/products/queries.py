"""Every SELECT of products."""

from typing import LiteralString

from services.kit.access import everybody
from services.kit.aggregates import Aggregate
from services.kit.filters import INTEGER, TEXT, Filter, number, plain
from services.kit.grammar import Listing, Pair
from services.kit.past import Past
from services.kit.rows import STAMPS
from services.opportunities.products.tables import Product
from services.opportunities.sight import NAMES

PRODUCT = Aggregate(
    "product",
    "products",
    Product,
    ("id", "name", "series", "list_price", "currency", "external_ids", "version", *STAMPS),
)

EVERYBODY: LiteralString = "true"
PAST = Past(PRODUCT, everybody, names=NAMES)

PRODUCTS = Listing(
    aggregate=PRODUCT,
    relation="product",
    sight=None,
    filters={
        "name": Filter("r.name", TEXT),
        "series": Filter("r.series", TEXT),
        "list_price": Filter("r.list_price", INTEGER),
    },
    sorts={"name": plain("r.name", "text"), "list_price": number("r.list_price")},
    default_sort="name",
    search="r.name",
    pairs={"series": Pair(("name", "-name"))},
)
