"""The table of bad and odd requests, by what is odd about them: each row has the answer that it is to get."""

from tests_http.bad_requests import bodies, headers, paths, queries, values, wire
from tests_http.bad_requests.rows import Row

TABLE: dict[str, list[Row]] = {
    "bodies": bodies.ROWS,
    "values": values.ROWS,
    "queries": queries.ROWS,
    "headers": headers.ROWS,
    "paths": paths.ROWS,
    "wire": wire.ROWS,
}
