"""Asks a server through the ADBC driver for Flight SQL, as an analyst would, and says what came back as one JSON object.

CLEW_GRPC is the address of the gRPC door, CLEW_TOKEN a token, CLEW_CA the authority of its certificate; the last two may be absent.
"""

import json
import os
import threading

import adbc_driver_flightsql.dbapi as flight
from adbc_driver_flightsql import DatabaseOptions
from adbc_driver_manager import Error

options = {}
scheme = "grpc"
if token := os.environ.get("CLEW_TOKEN"):
    options[DatabaseOptions.AUTHORIZATION_HEADER.value] = f"Bearer {token}"
if authority := os.environ.get("CLEW_CA"):
    scheme = "grpc+tls"
    with open(authority) as file:
        options[DatabaseOptions.TLS_ROOT_CERTS.value] = file.read()
connection = flight.connect(f"{scheme}://{os.environ['CLEW_GRPC']}", db_kwargs=options, autocommit=True)


def rows(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def error(statement, parameters=None):
    with connection.cursor() as cursor:
        try:
            cursor.execute(statement, parameters)
            cursor.fetchall()
        except Error as failed:
            return {"code": failed.status_code.name, "message": str(failed)}
    return None


def cancelled():
    """Cancels a statement that runs for long, from another thread."""
    with connection.cursor() as cursor:
        timer = threading.Timer(0.5, cursor.adbc_cancel)
        timer.start()
        try:
            cursor.execute("SELECT count(*) FROM generate_series(1, 100000000000)")
            cursor.fetchall()
        except Error as failed:
            return failed.status_code.name
        finally:
            timer.cancel()
    return None


tables = connection.adbc_get_objects(depth="tables").read_all().to_pylist()
prepared = connection.cursor()
schema = prepared.adbc_prepare("SELECT name, duration_ns FROM spans")
table = connection.cursor()
table.execute("SELECT trace_id, name, start_time, duration_ns, attributes, events FROM spans ORDER BY span_id LIMIT 1")
arrow = table.fetch_arrow_table()

print(
    json.dumps(
        {
            "count": rows("SELECT count(*) FROM spans")[0][0],
            "names": [row[0] for row in rows("SELECT DISTINCT name FROM spans ORDER BY name")],
            "many": len(rows("SELECT a.value FROM generate_series(1, 300) a, generate_series(1, 300) b")),
            "empty": rows("SELECT name FROM spans WHERE false"),
            "types": [str(field.type) for field in arrow.schema],
            "first": arrow.column("name")[0].as_py(),
            "trace_id": arrow.column("trace_id")[0].as_py().hex(),
            "parameters": schema is None or len(schema),
            "info": {k: v for k, v in connection.adbc_get_info().items() if k in ("vendor_name", "vendor_version")},
            "types_of_tables": connection.adbc_get_table_types(),
            "catalogs": [catalog["catalog_name"] for catalog in tables],
            "tables": sorted(
                table["table_name"]
                for catalog in tables
                for schema in catalog["catalog_db_schemas"]
                for table in schema["db_schema_tables"]
            ),
            "columns_of_traces": connection.adbc_get_table_schema("traces").names[:2],
            "wrong": error("SELECT nothing FROM spans"),
            "write": error("CREATE TABLE t AS SELECT 1"),
            "bound": error("SELECT name FROM spans WHERE name = ?", ("a",)),
            "cut": error("SELECT a.value FROM generate_series(1, 1000) a, generate_series(1, 101) b"),
            "cancelled": cancelled(),
            "after": rows("SELECT 1 + 1")[0][0],
        }
    )
)
connection.close()
