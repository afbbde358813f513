"""Stock: the sums of entries and corrections, which know nothing of other movements."""

from __future__ import annotations

from dockvoice_protocol.records.master import to_number
from inventory.api.endpoint import Answer, ApiContext, Problem, Wrong, endpoint
from inventory.api.models import StockOut, SumOut
from inventory.api.parameters import Forms, Limit, Query, Site, Text, Until, cursor_type, decode_cursor
from inventory.queries import stock
from inventory.queries.stock import StockFilter, StockSum
from inventory.store.stock import STOCK_COLUMNS

_PLACE = (str, int)  # Cursor: the event and the line of one of a sum's rows.

_FILTERS = ("pallet", "item", "lot", "location")


class _StockQuery(Query):
    """Parameters: filters and page."""

    site: Site
    pallet: Text | None = None
    item: Text | None = None
    lot: Text | None = None
    location: Text | None = None
    forms: Forms | None = None
    at: Until | None = None
    limit: Limit = 100
    cursor: cursor_type(*_PLACE) | None = None  # type: ignore[valid-type] # it makes a type


@endpoint("GET", "/v1/sites/{site}/stock", "listStock", _StockQuery, StockOut)
def _list_stock(context: ApiContext) -> Answer:
    """What stands of each pallet, item, unit, lot and location, as it was dictated.

    The sums of what entries add and corrections take back; those of zero are left out. In the order of pallet, item,
    unit, lot and location; what names none comes first. Forms differ in what their quantity means: name those that
    bring stock in `forms`. `at` is about when events were applied here: what moved before that moment is summed, or to
    the end of that day on the site's clock. Pages that are read while more comes are of one moment where `at` names it.
    """
    asked: _StockQuery = context.parameters
    wanted = StockFilter(
        site=asked.site,
        said={name: said for name in _FILTERS if (said := getattr(asked, name)) is not None},
        forms=() if asked.forms is None else asked.forms.split(","),
        until=asked.at,  # type: ignore[arg-type] # the validator has parsed it
    )
    behind = None if asked.cursor is None else tuple(decode_cursor(asked.cursor, _PLACE))
    with context.read_transaction() as transaction:
        found = stock.load_stock_sums(transaction, wanted, asked.limit + 1, behind)
    if found is None:
        wrong = Wrong(detail="is no place at this site; ask without it", parameter="cursor")
        raise Problem("invalid_request", "the address says what cannot be", [wrong])
    page, following = context.cut_page(found, asked.limit, lambda one: one.place)
    return Answer(StockOut(stock=[_sum_out(one) for one in page], next=following))


def _sum_out(one: StockSum) -> SumOut:
    said = {name: getattr(one, name) for name in STOCK_COLUMNS}
    return SumOut(**said, quantity=to_number(one.quantity))


ENDPOINTS = (_list_stock,)
