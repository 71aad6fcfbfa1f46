"""The profiles by which files of products are read."""

from services.kit.cells import money, words
from services.kit.profiles import Column, Import, Profile, Walk, of
from services.opportunities.products.queries import PRODUCT

DOLLAR = 100
"""In cents."""

MAVEN_CRM = Profile(
    name="maven-crm",
    columns={
        "product": Column(words(200), required=True),
        "series": Column(words(200)),
        "sales_price": Column(money(DOLLAR)),
    },
    walks=(
        Walk(
            identity="product",
            born={"currency": "USD"},
            fields={"name": of("product"), "series": of("series"), "list_price": of("sales_price")},
        ),
    ),
)

IMPORT = Import("products", PRODUCT, (MAVEN_CRM,))
