"""Sales: what an analyst opens."""

from dashboards import queries
from dashboards.model import (
    Annotation,
    Column,
    Dashboard,
    Link,
    Panel,
    Prom,
    Row,
    Sql,
    Steps,
    Variable,
)
from dashboards.panels import to

SQL = queries.load("sales")
HEALTH = to("pipeline-health", "Why: the pipeline's health")
ROWS_BEHIND = to("pipeline-health", "The batches behind it")
OF_REGION = Link(
    "Products of this region",
    "/d/sales?var-region=${__data.fields.Region}&var-currency=${currency}&${__url_time_range}",
)
EVERYWHERE = Link("All regions", "/d/sales?var-currency=${currency}&${__url_time_range}")
CHANGE = Column(
    "Against last week",
    unit="percentunit",
    decimals=1,
    steps=Steps("red", ((0, "green"),)),
)
NO_WEEK = "no sales a week before"


def _kpi(title: str, name: str, description: str, decimals: int) -> Panel:
    return Panel(
        "stat",
        title,
        f"{description} Beside it the change against the same hours a week before, where sales"
        " reach back so far; only hours that are over count, in both.",
        ROWS_BEHIND,
        (Sql(SQL[name]),),
        unit="locale",
        decimals=decimals,
        width=4,
        columns=(CHANGE,),
    )


FIRST = Row(
    5,
    (
        Panel(
            "stat",
            "Data as of",
            "The newest sale in the marts, and when the marts were last published. An hourly"
            " batch is published after its hour, so up to an hour is normal there.",
            HEALTH,
            (Sql(SQL["data_as_of"]),),
            unit="dateTimeFromNow",
            width=5,
            empty="nothing yet",
        ),
        Panel(
            "stat",
            "Longest wait",
            "The age of the oldest thing that is on its way to the marts, before whichever hop it"
            " waits; red above the two minutes that are promised.",
            HEALTH,
            (Prom("salespipe:waiting_seconds", "waiting", now=True),),
            unit="s",
            decimals=0,
            width=3,
            steps=Steps("green", ((60, "yellow"), (120, "red"))),
        ),
        _kpi("Revenue (${currency})", "revenue", "Σ net_amount, returns taken off.", 2),
        _kpi("Orders", "orders", "Different transactions with a sale.", 0),
        _kpi("Units", "units", "Σ quantity, returns taken off.", 0),
        _kpi("Average order (${currency})", "average_order", "Revenue by orders.", 2),
    ),
)
COURSE = Row(
    9,
    (
        Panel(
            "timeseries",
            "Revenue an hour (${currency})",
            "UTC hours, over the same hour a week before. An hour without a sale is 0. The hour"
            " under way is grey: it is still filling.",
            EVERYWHERE,
            (Sql(SQL["trend"], series=True),),
            unit="locale",
            decimals=2,
            width=15,
            columns=(
                Column("Same hour last week", colour="text", dashed=True),
                Column("Hour under way", colour="#808080"),
            ),
        ),
        Panel(
            "table",
            "Regions (${currency})",
            "Revenue, its share, and its change against the same hours a week before. A region's"
            " name filters everything by it.",
            EVERYWHERE,
            (Sql(SQL["region_ranks"]),),
            width=9,
            columns=(
                Column("Region", link=OF_REGION),
                Column("Revenue", unit="locale", decimals=2, cell="gauge"),
                Column("Share", unit="percentunit", decimals=1),
                CHANGE,
            ),
        ),
    ),
)
PRODUCTS = Row(
    11,
    (
        Panel(
            "table",
            "Products (${currency})",
            "The fifteen that sold most, over the whole UTC days that the range touches. Price"
            " realisation is revenue by revenue before discount.",
            EVERYWHERE,
            (Sql(SQL["products"]),),
            width=14,
            columns=(
                Column("Units", unit="locale", decimals=0),
                Column("Revenue", unit="locale", decimals=2, cell="gauge"),
                Column("Cumulative share", unit="percentunit", decimals=1),
                Column("Price realisation", unit="percentunit", decimals=1),
            ),
        ),
        Panel(
            "table",
            "Movers (${currency})",
            "Products whose revenue changed most against the same hours a week before.",
            EVERYWHERE,
            (Sql(SQL["movers"]),),
            width=10,
            empty=NO_WEEK,
            columns=(
                Column("Revenue", unit="locale", decimals=2),
                Column("Last week", unit="locale", decimals=2),
                Column("Change", unit="locale", decimals=2, cell="color-text", steps=CHANGE.steps),
            ),
        ),
    ),
)
HOURS = Row(
    9,
    (
        Panel(
            "table",
            "Revenue by weekday and hour (${currency})",
            "The average UTC hour of each weekday, hours without a sale included.",
            EVERYWHERE,
            (Sql(SQL["heat_map"]),),
            decimals=0,
            columns=tuple(
                Column(f"{hour:02}", unit="locale", decimals=0, cell="color-background")
                for hour in range(24)
            ),
        ),
    ),
)
DASHBOARD = Dashboard(
    uid="sales",
    title="Sales",
    description="Revenue, orders and units, each against the same time last week.",
    folder="pipeline",
    rows=(FIRST, COURSE, PRODUCTS, HOURS),
    variables=(
        Variable("currency", "Currency", SQL["currencies"]),
        Variable("region", "Region", SQL["regions"], many=True),
    ),
    annotations=(Annotation("Marts published", SQL["publications"]),),
    links=(to("pipeline-health", "Pipeline health"),),
)
